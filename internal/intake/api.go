package intake

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"catalyst/internal/config"
	"catalyst/internal/fetch"
	"catalyst/internal/news"
)

// OldestFirst sorts items by time; those without one come first, in the order given.
func OldestFirst(items []*news.Item) {
	slices.SortStableFunc(items, func(a, b *news.Item) int { return a.Published.Compare(b.Published) })
}

// Decode reads the answer of an API. What is no such answer is [Malformed].
func Decode(answer *fetch.Response, into any) error {
	if err := json.Unmarshal(answer.Body, into); err != nil {
		return Malformed(fmt.Errorf("read answer: %w", err))
	}
	return nil
}

// Refused adds what an API says of a refusal to the error, with the advice for a key that
// is not accepted. said reads the words from the page that came, which may be anything.
func Refused(err error, advice string, said func(page []byte) string) error {
	var status *fetch.StatusError
	if !errors.As(err, &status) {
		return err
	}
	if words := said(status.Page); words != "" {
		err = fmt.Errorf("%w: %s", err, news.Text(words[:min(len(words), 200)]))
	}
	if status.Code == 401 || status.Code == 403 {
		err = fmt.Errorf("%w; %s", err, advice)
	}
	return err
}

// CheckBase returns the faults of the base address of an API, and whether it is on
// this machine. The key goes there, so it must be encrypted on the way anywhere else.
func CheckBase(field, address string, schemes ...string) (faults []error, local bool) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || !slices.Contains(schemes, u.Scheme) && !slices.Contains(schemes, u.Scheme+"s") {
		return []error{config.At(field, "want an address that begins with %s://", schemes[0])}, false
	}
	ip := net.ParseIP(u.Hostname())
	local = u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if !local && !slices.Contains(schemes, u.Scheme) {
		faults = append(faults, config.At(field, "the key would travel in the clear: want %s://", schemes[0]))
	}
	return faults, local
}

// Symbols returns those of symbols that are tickers of US listings, as [news.Item.Tickers]
// has them, each once, and notes that the feed gave them.
func Symbols(it *news.Item, symbols []string) {
	for _, s := range symbols {
		s = strings.TrimSpace(s)
		found := news.Tickers("$" + s)
		if s == "" || len(found) != 1 || strings.ReplaceAll(strings.ReplaceAll(s, ".", "-"), "/", "-") != found[0] || slices.Contains(it.Tickers, found[0]) {
			continue
		}
		it.Tickers = append(it.Tickers, found[0])
		if it.TickersFrom == nil {
			it.TickersFrom = make(map[string]string)
		}
		it.TickersFrom[found[0]] = "feed"
	}
}
