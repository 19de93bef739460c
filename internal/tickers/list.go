// Package tickers knows which company has which tickers, from EDGAR's list of companies
// and exchanges. The latest copy is kept on disk, so it works when EDGAR does not; without
// a copy it knows nothing, and says so.
package tickers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"catalyst/internal/edgar/client"
	"catalyst/internal/fetch"
	"catalyst/internal/whole"
)

// A List knows companies. It may be used concurrently. Its methods take CIKs with or without
// leading zeros, and tickers as news.Symbol writes them.
type List struct {
	client *client.Client
	path   string
	book   atomic.Pointer[book]

	refreshing sync.Mutex // and of what follows
	copied     time.Time  // when the copy in memory was known to be the newest
	tried      time.Time  // when a newer one was last looked for
	versions   fetch.Validators
}

// A book is one version of the list.
type book struct {
	listings map[string]*Listing
	of       map[int][]*Listing // by CIK, the weightiest first
}

// A Listing is a security with a ticker.
type Listing struct {
	Ticker   string
	CIK      int
	Company  string
	Exchange string // Nasdaq, NYSE, CBOE, OTC; empty where it is not listed in America
	common   *Listing
}

// File is what the copy of the list is called.
const File = "company_tickers_exchange.json"

const (
	remote = "/files/" + File
	fresh  = 24 * time.Hour   // how long a copy is good enough
	pause  = 15 * time.Minute // between attempts to get a new one
)

// New returns the list whose copy is in a folder, which knows nothing before [List.Load] or
// [List.Refresh]. Without a client it never asks EDGAR. Any number of lists may share a folder:
// what one is given, the others find there.
func New(asks *client.Client, dir string) *List {
	return &List{client: asks, path: filepath.Join(dir, File)}
}

// Load reads the copy on disk. That there is none is no error.
func (l *List) Load() error {
	l.refreshing.Lock()
	defer l.refreshing.Unlock()
	return l.load()
}

// load reads the copy on disk if it is newer than the one in memory.
func (l *List) load() error {
	info, err := os.Stat(l.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.ModTime().After(l.copied) {
		return nil
	}
	file, err := os.ReadFile(l.path)
	if err != nil {
		return fmt.Errorf("read list of companies: %w", err)
	}
	b, err := parse(file)
	if err != nil {
		return fmt.Errorf("read list of companies: %w", err)
	}
	l.book.Store(b)
	l.versions = fetch.Validators{}
	if info.ModTime().Before(time.Now()) {
		l.copied = info.ModTime()
	}
	return nil
}

// asking is held while one of the process's lists asks EDGAR; the others then find its copy.
var asking = make(chan struct{}, 1)

// Refresh reads the copy on disk, and asks EDGAR for a newer one if that is a day old. Called
// more often it does nothing. After an error the list there was is still good.
func (l *List) Refresh(ctx context.Context) error {
	l.refreshing.Lock()
	defer l.refreshing.Unlock()
	if l.current() || !l.tried.IsZero() && time.Since(l.tried) < pause {
		return nil
	}
	select {
	case asking <- struct{}{}:
		defer func() { <-asking }()
	case <-ctx.Done():
		return fmt.Errorf("get list of companies: %w", context.Cause(ctx))
	}
	l.tried = time.Now()
	err := l.load()
	if l.client == nil || l.current() {
		return err
	}
	return l.ask(ctx) // whose list takes the place of one that is damaged
}

// current reports whether the list in memory is good enough.
func (l *List) current() bool { return time.Since(l.copied) < fresh }

func (l *List) ask(ctx context.Context) error {
	answer, err := l.client.Get(ctx, remote, l.versions)
	switch {
	case err != nil:
		return fmt.Errorf("get list of companies: %w", err)
	case answer.NotModified:
		l.copied = time.Now()
		_ = os.Chtimes(l.path, l.copied, l.copied) // else the next start asks again
		return nil
	case answer.Cut != nil:
		return fmt.Errorf("get list of companies: %w", answer.Cut)
	}
	b, err := parse(answer.Body)
	if err != nil {
		return fmt.Errorf("read list of companies: %w", err)
	}
	l.book.Store(b)
	err = whole.Write(l.path, answer.Body)
	l.copied, l.versions = time.Now(), answer.Validators // no older than the file, which is read no more
	if err != nil {
		return fmt.Errorf("keep list of companies: %w", err)
	}
	return nil
}

// Size is how many tickers are known.
func (l *List) Size() int {
	if b := l.book.Load(); b != nil {
		return len(b.listings)
	}
	return 0
}

// Find returns the listing with a ticker; nil if none is known.
func (l *List) Find(ticker string) *Listing {
	b := l.book.Load()
	if b == nil {
		return nil
	}
	if found := b.listings[ticker]; found != nil {
		return found
	}
	base, class, _ := strings.Cut(ticker, "-")
	switch class { // the list has one way to write them
	case "WS", "W":
		return b.listings[base+"-WT"]
	case "U":
		return b.listings[base+"-UN"]
	case "R":
		return b.listings[base+"-RI"]
	}
	return nil
}

// CIK returns that of the company with a ticker, ten digits long; empty if nobody is known to
// have it. It takes tickers as people write them: brk.b is as good as BRK-B.
func (l *List) CIK(ticker string) string {
	if found := l.Find(symbol(ticker)); found != nil {
		return fmt.Sprintf("%010d", found.CIK)
	}
	return ""
}

// symbol writes a ticker as the list has it.
func symbol(ticker string) string {
	return strings.NewReplacer(".", "-", "/", "-", " ", "-").Replace(strings.ToUpper(strings.TrimSpace(ticker)))
}

// Company returns the listings of a company, the weightiest first.
func (l *List) Company(cik string) []*Listing {
	n, err := strconv.Atoi(cik)
	if b := l.book.Load(); b != nil && err == nil {
		return b.of[n]
	}
	return nil
}

// Primary returns the ticker of a company's main common share; empty if it has none, or is
// not known.
func (l *List) Primary(cik string) string {
	all := l.Company(cik)
	if len(all) == 0 {
		return ""
	}
	return foremost(all).Ticker
}

// Common returns the ticker that news about a ticker is news of: for a warrant, unit, right
// or preferred share that the list knows, the company's common share, and for all else
// the ticker itself.
func (l *List) Common(ticker string) string {
	if found := l.Find(ticker); found != nil {
		return found.common.Ticker
	}
	return ticker
}

// parse reads {"fields": ["cik", "name", "ticker", "exchange"], "data": [[320193, "Apple
// Inc.", "AAPL", "Nasdaq"], …]}, whose rows stand in the order of weight. The columns may
// come in another order.
func parse(file []byte) (*book, error) {
	var wire struct {
		Fields []string            `json:"fields"`
		Data   [][]json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(file, &wire); err != nil {
		return nil, err
	}
	column := map[string]int{}
	for i, field := range wire.Fields {
		column[field] = i + 1
	}
	b := &book{listings: make(map[string]*Listing, len(wire.Data)), of: make(map[int][]*Listing)}
	for _, row := range wire.Data {
		read := func(field string, into any) bool {
			i := column[field]
			return i > 0 && i <= len(row) && json.Unmarshal(row[i-1], into) == nil
		}
		one := &Listing{}
		if !read("cik", &one.CIK) || !read("ticker", &one.Ticker) || one.CIK <= 0 {
			continue
		}
		read("name", &one.Company)
		read("exchange", &one.Exchange)
		one.Ticker = symbol(one.Ticker)
		if one.Ticker == "" || b.listings[one.Ticker] != nil {
			continue
		}
		b.listings[one.Ticker] = one
		b.of[one.CIK] = append(b.of[one.CIK], one)
	}
	if len(b.listings) == 0 {
		return nil, errors.New("it has no company")
	}
	for _, all := range b.of {
		for _, one := range all {
			one.common = one
		}
		first := foremost(all)
		for _, one := range all {
			if one != first && one.derived(all) {
				one.common = first
			}
		}
	}
	return b, nil
}

// foremost is a company's main common share: the weightiest that is listed in America and
// no warrant, unit, right or preferred share of another.
func foremost(all []*Listing) *Listing {
	best, lowest := all[0], 9
	for _, one := range all {
		rank := 0
		if one.derived(all) {
			rank = 2
		}
		if one.Exchange == "" {
			rank++
		}
		if rank < lowest {
			best, lowest = one, rank
		}
	}
	return best
}

// derived reports whether a listing is a warrant, unit, right or preferred share. A symbol's
// end alone does not say so, as PLTR, SNOW and UBER are shares: it counts only where the same
// company has another listing that can be the share.
func (l *Listing) derived(all []*Listing) bool {
	base, class, classed := strings.Cut(l.Ticker, "-")
	for _, other := range all {
		if other == l {
			continue
		}
		switch tail, extends := strings.CutPrefix(l.Ticker, other.Ticker); {
		case classed && (class == "WT" || class == "UN" || class == "RI" || class == "WS" || strings.HasPrefix(class, "P")):
			return !strings.HasPrefix(other.Ticker, base+"-") || other.Ticker == base
		case classed:
		case extends && (tail == "W" || tail == "WW" || tail == "WS" || tail == "U" || tail == "R"):
			return true
		case len(l.Ticker) == 5 && len(other.Ticker) < 5 && strings.ContainsRune("WUR", rune(l.Ticker[4])):
			return true // the fifth letter of Nasdaq's
		}
	}
	return false
}
