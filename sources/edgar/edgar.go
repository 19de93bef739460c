// Package edgar is the source that reads filings from EDGAR, the SEC's archive, within
// seconds of their acceptance.
//
// # What it reads
//
// The feed of current filings, one query for each form. EDGAR matches the beginnings of
// forms (type=4 also finds 424B2), so the source keeps those that are equal. The feed has an
// entry for each filer of a filing, about a third more than filings; they become one item,
// led by the company the filing is about, with all filers in Item.Filers. The items of an
// 8-K stand in the feed and are in Item.Items.
//
// A watch list is read through the submissions API, company by company, and days that
// the feed no longer shows through the daily index, which knows no items and no hours.
//
// # What is known already
//
// The feed is paged through, newest first, to the time of the newest filing of the last
// complete reading, and a quarter of an hour further, for filings that are shown late. That
// time is all that is kept over a restart, in a note of a few bytes: without it a restart would
// mean to read all fifty pages, or to miss what came meanwhile. What was published around it is
// published again after a restart, and the dedupe stage knows it. Within a process every
// filing is published once.
//
// A reading that fails half-way publishes what it has and leaves the time as it was, so
// the next one closes the gap. If the feed does not reach back as far as that time, after
// a long stop, the days between are read from the daily index.
//
// A first start publishes one page, as it stands.
package edgar

import (
	"errors"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/edgar/client"
	"catalyst/internal/fetch"
	"catalyst/internal/intake"
	"catalyst/internal/store"
	"catalyst/internal/tickers"
)

// Config is what pipeline.yaml says about the source.
type Config struct {
	client.Config `yaml:",inline"`

	Forms       []string `yaml:"forms" doc:"forms to publish, as 8-K or 10-Q, each exactly; all for every form"`
	Amendments  bool     `yaml:"amendments" doc:"whether amendments of these forms, as 8-K/A, are published too"`
	Rare        []string `yaml:"rare" doc:"those of forms that may rightly be missing from the feed for hours; that there are none of the others is reported"`
	intake.Pace `yaml:",inline"`
	Watch       []string      `yaml:"watch" doc:"tickers of companies whose filings of these forms are also looked up one by one"`
	WatchEvery  time.Duration `yaml:"watch_every" doc:"time between looks at the companies of watch"`
	Backfill    string        `yaml:"backfill" doc:"day, as 2026-01-31, from which on filings are published that came before the first start; done once for each value"`
}

// Defaults are the values of what pipeline.yaml leaves out. A filing waits for no cache, so
// max_every is 0s.
var Defaults = Config{
	Config:     client.Defaults,
	Forms:      []string{"8-K"},
	Amendments: true,
	Pace:       intake.Pace{Every: 30 * time.Second, MaxItems: 500},
	WatchEvery: 5 * time.Minute,
}

var (
	formWord   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 /.-]{0,19}$`)
	tickerWord = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9./-]{0,9}$`)
)

// all is the word for every form.
const all = "all"

// Validate reports every fault at once; those of the inlined part are its own.
func (c Config) Validate() error {
	var faults []error
	if len(c.Forms) == 0 {
		faults = append(faults, config.At("forms", "is empty: name forms, as in [8-K, 10-Q], or all"))
	}
	for _, form := range c.Forms {
		if !formWord.MatchString(form) {
			faults = append(faults, config.At("forms", "%q is no form: write it as EDGAR does, as in 8-K or SCHEDULE 13D", form))
		}
	}
	for _, ticker := range c.Watch {
		if !tickerWord.MatchString(ticker) {
			faults = append(faults, config.At("watch", "%q is no ticker: write it as in AAPL or BRK-B", ticker))
		}
	}
	for _, form := range c.Rare {
		if !slices.Contains(c.Forms, form) {
			faults = append(faults, config.At("rare", "%q is none of forms", form))
		}
	}
	faults = append(faults, c.Pace.Check(c.local())...)
	if n := len(queries(c.Forms)); c.MaxItems > 0 && c.MaxItems < n {
		faults = append(faults, config.At("max_items", "%d: want at least one for each of %d forms", c.MaxItems, n))
	}
	if c.WatchEvery <= 0 || c.WatchEvery < 10*time.Second && !c.local() {
		faults = append(faults, config.At("watch_every", "%v is too often: want 10s or more", c.WatchEvery))
	}
	if _, err := c.backfill(); err != nil {
		faults = append(faults, config.At("backfill", "%q is no day since 1993: write it as in 2026-01-31", c.Backfill))
	}
	return errors.Join(faults...)
}

func (c Config) local() bool {
	u, err := url.Parse(c.BaseURL)
	return err == nil && (u.Hostname() == "localhost" || strings.HasPrefix(u.Hostname(), "127.") || u.Hostname() == "::1")
}

// backfill is the day of that name, in New York; zero for none.
func (c Config) backfill() (time.Time, error) {
	if c.Backfill == "" {
		return time.Time{}, nil
	}
	day, err := time.ParseInLocation(time.DateOnly, c.Backfill, client.NewYork)
	if err == nil && day.Year() < 1993 {
		err = errors.New("before EDGAR")
	}
	return day, err
}

// Kind is the edgar source. What it publishes has the component's name as its source. The
// limits are those of the process, and notes opens what outlives it.
func Kind(limits *client.Limits, notes func() (store.Notes, error)) flows.SourceKind {
	return flows.NewKind(flows.SourceKind{
		Name:    "edgar",
		Doc:     "reads filings from EDGAR: the current ones by form, those of companies, those of past days",
		Example: `- edgar: {forms: [8-K, 10-Q, 10-K], every: 30s, contact: "Example Ltd news@example.com"}`,
	}, Defaults, func(b *flows.Build, c Config) (flows.Source, error) { return build(b, c, limits, notes), nil })
}

func build(b *flows.Build, c Config, limits *client.Limits, notes func() (store.Notes, error)) *source {
	asks := client.New(c.Config, limits, 1)
	s := &source{
		Pulse:     intake.NewPulse(b.Name, false),
		name:      b.Name,
		config:    c,
		log:       b.Logger,
		now:       b.Now,
		client:    asks,
		companies: tickers.New(asks, c.Dir),
		notes:     notes,
		versions:  make(map[string]fetch.Validators),
		unknown:   make(map[string]bool),
	}
	for _, form := range queries(c.Forms) {
		s.queries = append(s.queries, &query{form: form, rare: slices.Contains(c.Rare, form)})
	}
	s.tasks = s.allTasks()
	return s
}

// queries returns the fewest beginnings that find all forms.
func queries(forms []string) []string {
	if slices.Contains(forms, all) {
		return []string{""}
	}
	forms = slices.Compact(slices.Sorted(slices.Values(forms)))
	var found []string
	for _, form := range forms { // a beginning sorts before what begins with it
		if len(found) == 0 || !strings.HasPrefix(form, found[len(found)-1]) {
			found = append(found, form)
		}
	}
	return found
}

type source struct {
	name      string
	config    Config
	log       *slog.Logger
	now       func() time.Time
	client    *client.Client
	companies *tickers.List
	notes     func() (store.Notes, error)
	queries   []*query
	tasks     []*task

	publishing sync.Mutex // and of seen
	seen       intake.Seen

	*intake.Pulse
	gap gap

	versions map[string]fetch.Validators // of companies watched, by CIK
	unknown  map[string]bool             // tickers watched that nobody has, and that were logged
}

// wants reports whether a form is one of those to publish.
func (c Config) wants(form string) bool {
	if slices.Contains(c.Forms, all) {
		return c.Amendments || !strings.HasSuffix(form, "/A")
	}
	if slices.Contains(c.Forms, form) {
		return true
	}
	base, amends := strings.CutSuffix(form, "/A")
	return amends && c.Amendments && slices.Contains(c.Forms, base)
}
