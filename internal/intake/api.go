package intake

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"catalyst/internal/config"
	"catalyst/internal/fetch"
	"catalyst/internal/news"
)

// An API is polled with a key. It is inlined in the configurations of sources.
type API struct {
	Key     config.Secret `yaml:"key" doc:"key of the service; without one the source is off"`
	BaseURL string        `yaml:"base_url" doc:"the service's address, or that of a proxy"`
	Pace    `yaml:",inline"`
	Timeout time.Duration `yaml:"timeout" doc:"longest time for one request"`
}

// Check returns every fault, and whether the service is on this machine.
func (a API) Check() (faults []error, local bool) {
	faults, local = CheckBase("base_url", a.BaseURL, "https")
	faults = append(faults, a.Pace.Check(local)...)
	if a.Timeout <= 0 {
		faults = append(faults, config.At("timeout", "%v: want more than 0s", a.Timeout))
	}
	return faults, local
}

// Client asks the service with the key in a header.
func (a API) Client(header string) *fetch.Client {
	return &fetch.Client{Timeout: a.Timeout, MaxSize: 10 << 20, Header: http.Header{header: {a.Key.Reveal()}}}
}

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
