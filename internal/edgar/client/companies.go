package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"catalyst/internal/fetch"
)

// Companies knows which company has which ticker, from EDGAR's own list. The latest copy
// is kept on disk, so it also works when EDGAR does not. It may be used concurrently.
type Companies struct {
	client *Client
	path   string

	mu      sync.Mutex
	tickers map[int]string // the first of each company, which is its main one
	ciks    map[string]int

	refreshing sync.Mutex // and of what follows
	copied     time.Time  // when the copy in memory was known to be the newest
	asked      time.Time  // when EDGAR was last asked
	versions   fetch.Validators
}

// Companies returns the list, which knows nothing before [Companies.Refresh].
func (c *Client) Companies() *Companies {
	return &Companies{client: c, path: filepath.Join(c.config.Dir, "company_tickers.json")}
}

const (
	companiesFresh = 24 * time.Hour   // how long a copy is good enough
	companiesPause = 15 * time.Minute // between attempts to get a new one
)

// Refresh reads the copy on disk if that has not been done, and asks EDGAR for a newer
// one once a day. Called more often it does nothing. After an error the copy there was
// is still good.
func (k *Companies) Refresh(ctx context.Context) error {
	k.refreshing.Lock()
	defer k.refreshing.Unlock()
	if !k.Known() {
		k.read()
	}
	now := time.Now()
	if now.Sub(k.copied) < companiesFresh || !k.asked.IsZero() && now.Sub(k.asked) < companiesPause {
		return nil
	}
	k.asked = now
	answer, err := k.client.Get(ctx, "/files/company_tickers.json", k.versions)
	switch {
	case err != nil:
		return fmt.Errorf("get list of companies: %w", err)
	case answer.NotModified:
		k.copied = now
		_ = os.Chtimes(k.path, now, now) // else the next start asks again
		return nil
	case answer.Cut != nil:
		return fmt.Errorf("get list of companies: %w", answer.Cut)
	}
	tickers, ciks, err := parseCompanies(answer.Body)
	if err != nil {
		return fmt.Errorf("read list of companies: %w", err)
	}
	k.know(tickers, ciks)
	k.copied, k.versions = now, answer.Validators
	if err := writeWhole(k.path, answer.Body); err != nil {
		return fmt.Errorf("keep list of companies: %w", err)
	}
	return nil
}

// read takes the copy on disk, if there is one.
func (k *Companies) read() {
	file, err := os.ReadFile(k.path)
	if err != nil {
		return
	}
	tickers, ciks, err := parseCompanies(file)
	if err != nil {
		return
	}
	k.know(tickers, ciks)
	if info, err := os.Stat(k.path); err == nil && info.ModTime().Before(time.Now()) {
		k.copied = info.ModTime()
	}
}

func (k *Companies) know(tickers map[int]string, ciks map[string]int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tickers, k.ciks = tickers, ciks
}

// Ticker returns the main ticker of the company with this CIK, as "BRK-B"; empty if it has
// none, or is not known.
func (k *Companies) Ticker(cik string) string {
	n, err := strconv.Atoi(cik)
	if err != nil {
		return ""
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.tickers[n]
}

// CIK returns that of the company with this ticker, ten digits long; empty if nobody is known
// to have it. "BRK.B" is as good as "BRK-B".
func (k *Companies) CIK(ticker string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	n, ok := k.ciks[symbol(ticker)]
	if !ok {
		return ""
	}
	return fmt.Sprintf("%010d", n)
}

// Known reports whether there is a list at all.
func (k *Companies) Known() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.ciks) > 0
}

func symbol(ticker string) string {
	return strings.NewReplacer(".", "-", "/", "-", " ", "-").Replace(strings.ToUpper(strings.TrimSpace(ticker)))
}

// parseCompanies reads {"0": {"cik_str": 320193, "ticker": "AAPL", "title": "Apple Inc."}, …},
// whose numbers order companies by size and a company's tickers by weight.
func parseCompanies(list []byte) (tickers map[int]string, ciks map[string]int, err error) {
	var rows map[string]struct {
		CIK    int    `json:"cik_str"`
		Ticker string `json:"ticker"`
	}
	if err := json.Unmarshal(list, &rows); err != nil {
		return nil, nil, err
	}
	tickers, ciks = make(map[int]string, len(rows)), make(map[string]int, len(rows))
	rank := make(map[int]int, len(rows))
	for key, row := range rows {
		at, err := strconv.Atoi(key)
		ticker := symbol(row.Ticker)
		if err != nil || row.CIK <= 0 || ticker == "" {
			continue
		}
		ciks[ticker] = row.CIK
		if before, ok := rank[row.CIK]; !ok || at < before {
			rank[row.CIK], tickers[row.CIK] = at, ticker
		}
	}
	if len(ciks) == 0 {
		return nil, nil, errors.New("it has no company")
	}
	return tickers, ciks, nil
}
