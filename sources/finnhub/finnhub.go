// Package finnhub is the source that polls finnhub.io: the news of the market, and those of
// single companies. It asks for news and for nothing else: calendars are long lists of
// what nobody waits for.
package finnhub

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/fetch"
	"catalyst/internal/intake"
	"catalyst/internal/news"
)

// Config is what pipeline.yaml says about the source.
type Config struct {
	intake.API `yaml:",inline"`

	Categories []string `yaml:"categories" doc:"of the market's news: general, forex, crypto, merger"`
	Symbols    []string `yaml:"symbols" doc:"tickers of companies whose own news are polled too, each with a request of its own"`
}

// Defaults are the values of what pipeline.yaml leaves out.
var Defaults = Config{
	API:        intake.API{BaseURL: "https://finnhub.io", Pace: intake.DefaultPace, Timeout: 12 * time.Second},
	Categories: []string{"general", "merger"},
}

// perMinute is how many requests a free key may make in a minute.
const perMinute = 60

var symbolWord = regexp.MustCompile(`^[A-Z]{1,6}([.-][A-Z]{1,2})?$`)

// Validate reports every fault at once.
func (c Config) Validate() error {
	faults, local := c.API.Check()
	for _, category := range c.Categories {
		if !slices.Contains([]string{"general", "forex", "crypto", "merger"}, category) {
			faults = append(faults, config.At("categories", "%q is none of general, forex, crypto, merger", category))
		}
	}
	for _, symbol := range c.Symbols {
		if !symbolWord.MatchString(symbol) {
			faults = append(faults, config.At("symbols", "%q is no ticker: write it as in AAPL or BRK.B", symbol))
		}
	}
	n := len(c.Categories) + len(c.Symbols)
	if n == 0 {
		faults = append(faults, config.At("categories", "is empty, and so is symbols: there is nothing to ask for"))
	}
	if most := int(perMinute * c.Every.Minutes()); !local && c.Every > 0 && n > most {
		faults = append(faults, config.At("every", "%d requests each %v are more than a key's %d a minute", n, c.Every, perMinute))
	}
	return errors.Join(faults...)
}

// Kind is the finnhub source.
func Kind() flows.SourceKind {
	return flows.NewKind(flows.SourceKind{
		Name:    "finnhub",
		Doc:     "polls finnhub.io for news of the market and of companies, with a key",
		Example: `- finnhub: {key: "${FINNHUB_KEY:-}", symbols: [AAPL], every: 60s}`,
	}, Defaults, build)
}

func build(b *flows.Build, c Config) (flows.Source, error) {
	if c.Key == "" {
		return &intake.Off{Log: b.Logger, Lack: "no key: get one at finnhub.io and set FINNHUB_KEY"}, nil
	}
	s := &source{config: c, now: b.Now, client: c.Client("X-Finnhub-Token")}
	return intake.NewPoller(b.Name, c.Pace, intake.NewPulse(b.Name, false), b.Logger, s.look), nil
}

type source struct {
	config Config
	now    func() time.Time
	client *fetch.Client
}

// article is one of an answer's list.
type article struct {
	Datetime int64  `json:"datetime"` // in seconds since 1970
	Headline string `json:"headline"`
	ID       int64  `json:"id"`
	Related  string `json:"related"`
	Summary  string `json:"summary"`
	URL      string `json:"url"`
}

// look asks for everything. What cannot be had does not hold up the rest, unless nothing
// can, or the key is used up: then asking on would make it worse.
func (s *source) look(ctx context.Context) (*intake.Document, error) {
	doc := &intake.Document{}
	var faults []error
	met := map[string]*news.Item{}
	for _, address := range s.addresses() {
		articles, wait, err := s.get(ctx, address)
		doc.Wait = max(doc.Wait, wait)
		var status *fetch.StatusError
		if errors.As(err, &status) && (status.Busy() || status.Code == http.StatusUnauthorized) || ctx.Err() != nil {
			return nil, err
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		for _, a := range articles {
			doc.Entries++
			it := itemOf(a)
			if it == nil {
				continue
			}
			if known := met[it.URL+it.GUID]; known != nil { // one article about several companies
				intake.Symbols(known, it.Tickers)
				doc.Entries--
				continue
			}
			met[it.URL+it.GUID] = it
			doc.Items = append(doc.Items, it)
		}
	}
	doc.Fault = errors.Join(faults...)
	if doc.Entries == 0 && doc.Fault != nil {
		return nil, doc.Fault
	}
	intake.OldestFirst(doc.Items)
	return doc, nil
}

// addresses are those of everything that is asked for, without the key.
func (s *source) addresses() (all []string) {
	base := strings.TrimSuffix(s.config.BaseURL, "/") + "/api/v1/"
	for _, category := range s.config.Categories {
		all = append(all, base+"news?"+url.Values{"category": {category}}.Encode())
	}
	today := s.now().UTC()
	for _, symbol := range s.config.Symbols {
		all = append(all, base+"company-news?"+url.Values{
			"symbol": {symbol}, "from": {today.AddDate(0, 0, -1).Format(time.DateOnly)}, "to": {today.Format(time.DateOnly)},
		}.Encode())
	}
	return all
}

func (s *source) get(ctx context.Context, address string) (articles []article, wait time.Duration, err error) {
	response, err := s.client.Get(ctx, address, fetch.Validators{})
	if err != nil {
		return nil, 0, intake.Refused(err, "check FINNHUB_KEY, and whether its plan has these news", func(page []byte) string {
			var a struct {
				Error string `json:"error"`
			}
			_ = json.Unmarshal(page, &a) // else it says nothing
			return a.Error
		})
	}
	err = intake.Decode(response, &articles)
	return articles, response.Wait, err
}

// itemOf returns the item of an article; nil if it says nothing. Where the address is the
// publisher's, it is what identifies the news, also to other sources; Finnhub's own
// addresses only lead there.
func itemOf(a article) *news.Item {
	it := &news.Item{URL: strings.TrimSpace(a.URL), Title: news.Text(a.Headline), Summary: news.Text(a.Summary)}
	if it.Title == "" || it.URL == "" && a.ID == 0 {
		return nil
	}
	if a.Datetime > 0 && a.Datetime < 253402300800 { // the end of the year 9999
		it.Published = time.Unix(a.Datetime, 0).UTC()
	}
	u, err := url.Parse(it.URL)
	if a.ID != 0 && (err != nil || cmp.Or(u.Hostname(), "finnhub.io") == "finnhub.io") {
		it.GUID = strconv.FormatInt(a.ID, 10)
	}
	intake.Symbols(it, strings.Split(a.Related, ","))
	return it
}
