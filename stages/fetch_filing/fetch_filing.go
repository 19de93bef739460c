// Package fetchfiling gets the text of EDGAR filings, which feeds only announce.
//
// An item with an accession number gets as its body what the filing says, what matters first
// (see package brief): the items of an 8-K and the exhibits with the news (EX-99.1 is where a
// release stands); of a 10-K or 10-Q what changed since the one of a year before, which is
// got too; of another form all of it, as far as there is room. Item.Figures are its key
// numbers. What the source could not know is filled in: items, tickers, and the hour of
// acceptance. An item that has a body keeps it.
//
// # When it does not work
//
// While EDGAR is down, or refuses, filings are parked, each for itself: other news does not
// wait for them. Only what was under way with a filing when EDGAR stopped answering waits,
// for a minute at most; after that one filing at a time finds out. A filing that EDGAR announces
// before it has it is asked for again two minutes after its acceptance. One that is not there
// then, or that has no text, goes on without a body: Meta says "missing" or "no text" under
// "filing", a metric counts it, and the log has its number. A report of the year before that
// cannot be had costs the comparison and nothing else: the management's discussion then
// comes first. Meta has the accession number of the one compared with under "compared".
//
// With wait: false nothing is parked or tried again: what is not there within seconds goes on
// as it came. That is for a place before the alert, where news must not wait for EDGAR, if
// another fetch_filing stands further on.
//
// # Second delivery
//
// Submissions are kept on disk, under their accession numbers, for 90 days. A message that
// comes again reads them from there, and says the same. A disk that is full costs requests
// and nothing else.
package fetchfiling

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/edgar/brief"
	"catalyst/internal/edgar/client"
	"catalyst/internal/edgar/filing"
	"catalyst/internal/fetch"
	"catalyst/internal/metrics"
	"catalyst/internal/news"
	"catalyst/internal/outage"
)

// Config is what pipeline.yaml says about the stage.
type Config struct {
	client.Config `yaml:",inline"`

	Exhibits []string      `yaml:"exhibits" doc:"exhibits whose text belongs to the body, by the beginnings of their types"`
	MaxSize  config.Size   `yaml:"max_size" doc:"how much is read of a submission; the filing and its exhibits come first in it"`
	MaxText  config.Size   `yaml:"max_text" doc:"how long a body may become; what matters most comes first, and the rest is left out"`
	Compare  bool          `yaml:"compare" doc:"whether a 10-K or 10-Q is told by what changed since the one of a year before"`
	Wait     bool          `yaml:"wait" doc:"whether filings wait while EDGAR is down or does not have them yet; false lets them go on without text, for a fetch_filing further on"`
	Keep     time.Duration `yaml:"keep" doc:"how long submissions are kept on disk"`
	Space    config.Size   `yaml:"space" doc:"how much of the disk they may take; the oldest go first"`
}

// Defaults are the values of what pipeline.yaml leaves out.
var Defaults = Config{
	Config:   client.Defaults,
	Exhibits: []string{"EX-99"},
	MaxSize:  10 << 20,
	MaxText:  24 << 10,
	Compare:  true,
	Wait:     true,
	Keep:     90 * 24 * time.Hour,
	Space:    2 << 30,
}

// Validate reports every fault at once; those of the inlined part are its own.
func (c Config) Validate() error {
	var faults []error
	for _, size := range []struct {
		key   string
		value config.Size
	}{{"max_size", c.MaxSize}, {"max_text", c.MaxText}, {"space", c.Space}} {
		if size.value < 1<<10 {
			faults = append(faults, config.At(size.key, "%v: want 1KiB or more", size.value))
		}
	}
	if c.Keep <= 0 {
		faults = append(faults, config.At("keep", "%v: want more than 0s", c.Keep))
	}
	return errors.Join(faults...)
}

// Kind describes the stage. The limits are those of the process.
func Kind(limits *client.Limits) flows.StageKind {
	return flows.NewKind(flows.StageKind{
		Name:    "fetch_filing",
		Doc:     "gets the text of EDGAR filings and of the releases attached to them",
		Example: `- fetch_filing: {contact: "Example Ltd news@example.com"}`,
		Knobs:   flows.Knobs{Workers: 2, Timeout: 2 * time.Minute},
	}, Defaults, func(b *flows.Build, c Config) (flows.Stage, error) {
		patience := time.Minute
		if !c.Wait {
			patience = hurry
		}
		return &stage{
			config: c,
			edgar:  outage.Guard{Patience: patience, Rest: 30 * time.Second},
			slow:   time.Second,
			log:    b.Logger,
			client: client.New(c.Config, limits, int64(c.MaxSize)),
			shelf:  &client.Shelf{Dir: filepath.Join(c.Dir, "filings"), Keep: c.Keep, Size: int64(c.Space)},
		}, nil
	})
}

var fetched = metrics.Counter("filings_fetched_total", "Filings whose text was wanted, by where it came from: edgar, disk, missing, no_text.", "from")

// hurry is how long a batch waits for EDGAR with wait: false.
const hurry = 5 * time.Second

type stage struct {
	config  Config
	log     *slog.Logger
	client  *client.Client
	edgar   outage.Guard
	slow    time.Duration // what fails sooner than that holds up nobody
	shelf   *client.Shelf
	unshelf atomic.Bool // the disk failed last time
}

// Start makes room on the disk.
func (s *stage) Start(context.Context) error {
	s.shelved(s.shelf.Sweep())
	return nil
}

// atOnce is how many filings of a batch are asked for at the same time. They wait for their
// turn together: more would only keep the source waiting, which asks within the same limit.
const atOnce = 4

func (s *stage) Process(ctx context.Context, batch []*flows.Message) ([]*flows.Message, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	work := ctx
	if !s.config.Wait {
		limited, cancel := context.WithTimeout(ctx, s.edgar.Patience)
		defer cancel()
		work = limited
	}
	done := make([]bool, len(batch))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, m := range batch {
		group.Go(func() error {
			if err := s.safely(work, m); err != nil {
				m.Fail(err)
			} else {
				done[i] = true
			}
			return nil
		})
	}
	_ = group.Wait() // each message has its own error
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err()
	}
	var complete []*flows.Message
	for i, m := range batch {
		if done[i] {
			complete = append(complete, m)
		}
	}
	return complete, nil
}

// safely is fill, and makes an error of a panic, which the engine would not see: this is
// no goroutine of its own.
func (s *stage) safely(ctx context.Context, m *flows.Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("filing_panic", "id", m.ID, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return s.fill(ctx, m)
}

// metaFiling is where a message says why it has no text.
const metaFiling = "filing"

// fill gives a message's item its text. An error says what is to become of the
// message.
func (s *stage) fill(ctx context.Context, m *flows.Message) error {
	f := filingOf(m.Item)
	if f.Accession == "" || m.Item.Body != "" {
		return nil
	}
	submission, err := s.submission(ctx, f)
	var missing *client.MissingError
	switch {
	case err != nil && !s.config.Wait && !errors.Is(ctx.Err(), context.Canceled):
		s.log.Debug("filing_not_waited_for", "id", m.ID, "accession", f.Accession, "error", err)
		return nil
	case errors.As(err, &missing):
		if wait := untilShown(m.Item); wait > 0 {
			return flows.RetryAfter(err, wait)
		}
		s.without(m, "missing", err)
		return nil
	case err != nil:
		return parked(ctx, err)
	}
	read, err := brief.Read(submission, s.config.Exhibits)
	if err != nil {
		s.without(m, "no text", err)
		return nil
	}
	prior, err := s.yearBefore(ctx, m, f, read)
	if err != nil {
		return err
	}
	complete(m.Item, read, submission)
	m.Item.Body = read.Text(prior, int(s.config.MaxText))
	m.Item.Figures = read.Figures()
	if m.Item.Body == "" {
		s.without(m, "no text", filing.ErrNoText)
	}
	return nil
}

// without lets a message go on without a body, and says so.
func (s *stage) without(m *flows.Message, why string, err error) {
	m.SetMeta(metaFiling, why)
	if why == "missing" {
		fetched.WithLabelValues("missing").Inc()
	} else {
		fetched.WithLabelValues("no_text").Inc()
	}
	s.log.Warn("filing_without_text", "id", m.ID, "accession", m.Item.Accession, "reason", why, "error", err)
}

// submission returns a filing's submission, from disk if it was there before.
func (s *stage) submission(ctx context.Context, f client.Filing) ([]byte, error) {
	kept, err := s.shelf.Get(f.Accession, int64(s.config.MaxSize))
	if s.shelved(err); kept != nil {
		fetched.WithLabelValues("disk").Inc()
		return kept, nil
	}
	var submission []byte
	err = s.ask(ctx, func(ctx context.Context) (err error) {
		submission, err = s.client.Submission(ctx, f)
		return err
	})
	if err != nil {
		return nil, err
	}
	fetched.WithLabelValues("edgar").Inc()
	s.shelved(s.shelf.Put(f.Accession, submission))
	return submission, nil
}

// ask asks EDGAR, unless it let somebody wait in vain a moment ago. An error that comes at
// once holds up nobody, and is worth asking for.
func (s *stage) ask(ctx context.Context, question func(context.Context) error) error {
	var quick error
	began, err := s.edgar.Do(ctx, func(ctx context.Context) error {
		start := time.Now()
		err := question(ctx)
		var missing *client.MissingError
		if time.Since(start) < s.slow || errors.As(err, &missing) {
			quick, err = err, nil
		}
		return err
	})
	if began {
		s.log.Warn("edgar_does_not_answer", "error", err, "effect", "filings wait, or go on without text; other news goes on")
	}
	return cmp.Or(err, quick)
}

// shelved notes whether the disk works, and says so when that changes.
func (s *stage) shelved(err error) {
	if was := s.unshelf.Swap(err != nil); err != nil && !was {
		s.log.Warn("filings_not_kept", "error", err, "effect", "each delivery asks EDGAR again")
	}
}

// showing is how long after its acceptance a filing may be announced and not be there.
const showing = 2 * time.Minute

// untilShown is how long it is worth waiting for an item's filing. The source's clock is
// EDGAR's: one far ahead of ours means nothing.
func untilShown(it *news.Item) time.Duration {
	wait := time.Until(it.Published.Add(showing))
	if wait > 2*showing {
		return 0
	}
	return wait
}

// parked says what is to become of a message whose filing could not be asked for.
func parked(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	var (
		refused *client.RefusedError
		uncount *client.StoreError
		status  *fetch.StatusError
	)
	switch {
	case errors.As(err, &refused):
		return flows.Aside("edgar", err, refused.Wait())
	case errors.As(err, &uncount):
		return flows.Aside("edgar's limit", err, 0)
	case errors.As(err, &status):
		return flows.Aside("edgar", err, status.Wait)
	}
	return flows.Aside("edgar", fmt.Errorf("get filing: %w", err), 0)
}

var cikInPath = regexp.MustCompile(`/edgar/data/(\d{1,10})/`)

// filingOf returns where EDGAR keeps an item's filing; zero if it is none. Its path has the
// number of any filer.
func filingOf(it *news.Item) client.Filing {
	f := client.Filing{Accession: news.Accession(it.Accession)}
	for _, place := range []string{it.GUID, it.URL} {
		if f.Accession == "" {
			f.Accession = news.Accession(place)
		}
	}
	if f.Accession == "" {
		return f
	}
	f.CIK = f.Accession[:10] // who files for himself
	if m := cikInPath.FindStringSubmatch(it.URL); m != nil {
		f.CIK = m[1]
	}
	if len(it.Filers) > 0 && it.Filers[0].CIK != "" {
		f.CIK = it.Filers[0].CIK
	}
	return f
}
