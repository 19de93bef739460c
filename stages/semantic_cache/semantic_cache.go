// Package semanticcache answers for a model with the verdict it gave on an item that
// says the same.
//
// What must be equal is asked first, exactly: the kind of news, its language, the set of
// tickers, prompt, answer schema and models, the embedder. Within that scope an equal text
// is a hit, and so is the nearest text if it is similar enough and nothing forbids it: the
// guards want equal numbers, no other period, no opposite direction, the same progress,
// no word in place of another (package likeness), and two items published within a window. Only the article's title
// and the start of its text are compared, never a prompt.
//
// Some items are looked up by equal text only, because a near miss there is
// somebody else's news: those without a ticker, and filings, whose titles and
// headings repeat from filer to filer. A filing must also have the same accession number,
// and one without an accession number is not looked up at all.
//
// What is like an item that a model is being asked about is marked, and waits for that
// answer in llm_router: see package likeness.
//
// # Guarantee
//
// A cache never stops the pipeline. Its store or its embedder may be down, slow or
// wrong: the items then go on as if nothing were remembered, one warning tells of the
// outage, and for some seconds nobody asks again. Whatever error is left passes
// the messages on, too (on_error: pass). An answer that cannot be read is a miss.
//
// An item whose analysis is done passes untouched, and a redelivered item that
// finds its own verdict gets it back as its own, not as a copy.
//
// A cache is not believed. A share of the hits is asked again and compared, and when
// too many differ it stops serving and goes on comparing, until they do not.
package semanticcache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/embed"
	"catalyst/internal/metrics"
	"catalyst/internal/news"
	"catalyst/internal/operator"
	"catalyst/internal/outage"
	"catalyst/internal/store"
)

// The modes of a cache.
const (
	Off    = "off"
	Shadow = "shadow"
	Serve  = "serve"
)

// Config is what pipeline.yaml says about semantic_cache.
type Config struct {
	Mode          string        `yaml:"mode" enum:"off|shadow|serve" doc:"off does nothing; shadow looks up and remembers, but asks the models all the same and compares; serve gives the verdicts found"`
	Similarity    float64       `yaml:"similarity" doc:"a text at least this similar, as a cosine, is the same story; each embedder has its own scale, and 0 means 0.6 for lexical and 0.95 for any other"`
	Gray          float64       `yaml:"gray" doc:"between this and similarity a model is asked, and its verdict compared with the one that was not given; 0 has no such zone"`
	TTL           time.Duration `yaml:"ttl" doc:"how long a verdict stays true"`
	Window        time.Duration `yaml:"window" doc:"two items published further apart are two events: yesterday's halt is not today's"`
	MinConfidence float64       `yaml:"min_confidence" doc:"a verdict of less confidence is not remembered"`
	Audit         float64       `yaml:"audit" doc:"share of the hits that a model is asked about nevertheless, to compare"`
	AuditBound    float64       `yaml:"audit_bound" doc:"when more than this share of the last 200 audits may differ (upper end of the 95 % interval), the cache goes to shadow until that is over; 1 never"`
	Embedder      embed.Config  `yaml:"embedder" doc:"what makes vectors of texts"`
}

// DefaultConfig is what docs/cache.md measures.
var DefaultConfig = Config{
	Mode: Serve, Gray: 0.45, TTL: 24 * time.Hour, Window: 12 * time.Hour,
	MinConfidence: 0.3, Audit: 0.05, AuditBound: 0.15, Embedder: embed.DefaultConfig,
}

// Validate checks c's own fields; the embedder checks its own.
func (c Config) Validate() error {
	var faults []error
	fault := func(key, format string, args ...any) { faults = append(faults, config.At(key, format, args...)) }
	if c.Mode != Off && c.Mode != Shadow && c.Mode != Serve {
		fault("mode", "%q is none of off, shadow, serve", c.Mode)
	}
	if !(c.Similarity >= 0 && c.Similarity <= 1) {
		fault("similarity", "is %v, want 0 … 1", c.Similarity)
	}
	if !(c.Gray >= 0 && c.Gray <= 1) {
		fault("gray", "is %v, want 0 … 1", c.Gray)
	}
	if c.TTL < time.Second {
		fault("ttl", "is %v, want at least 1s", c.TTL)
	}
	if c.Window < time.Second {
		fault("window", "is %v, want at least 1s", c.Window)
	}
	for _, share := range []struct {
		key   string
		value float64
	}{{"min_confidence", c.MinConfidence}, {"audit", c.Audit}, {"audit_bound", c.AuditBound}} {
		if !(share.value >= 0 && share.value <= 1) {
			fault(share.key, "is %v, want 0 … 1", share.value)
		}
	}
	return errors.Join(faults...)
}

// threshold is what Similarity means.
func (c Config) threshold() float64 {
	switch {
	case c.Similarity > 0:
		return c.Similarity
	case c.Embedder.Kind == "lexical":
		return 0.6
	}
	return 0.95 // strict, as nobody has measured it
}

// Results of a lookup.
const (
	hit     = "hit"     // and the verdict given
	gray    = "gray"    // like another, but not enough
	refused = "refused" // alike enough, and a guard forbids it
	audited = "audit"   // a hit that a model is asked about nevertheless
	shadow  = "shadow"  // a hit that is not served
	miss    = "miss"
	failed  = "error"
)

var (
	requests = metrics.Counter("llm_cache_requests_total",
		"Items looked up in the semantic cache, by result: hit, gray, refused, audit, shadow, miss, error.", "result")
	refusals = metrics.Counter("llm_cache_refused_total",
		"Remembered verdicts that were alike enough and not given, by the guard that forbade it.", "guard")
)

// Deps are what the stage needs from outside. The functions return the same thing each
// time and are first called at the start.
type Deps struct {
	Answers    func() (store.Answers, error)
	Embeddings func() (store.Embeddings, error)
	Notes      func() (store.Notes, error)
	Operator   func() (*operator.Operator, error)
	// Models names, for an item, whatever decides its verdict besides the item itself: the
	// prompt with its version, the schema of answers, and the models that may be asked.
	Models func(*news.Item) string
}

// Kind describes the stage.
func Kind(d Deps) flows.StageKind {
	return flows.NewKind(flows.StageKind{
		Name:    "semantic_cache",
		Doc:     "answers with the verdict given on an item that says the same",
		Example: "- semantic_cache: {similarity: 0.6, ttl: 24h}",
		Knobs:   flows.Knobs{OnError: flows.OnErrorPass},
	}, DefaultConfig, func(b *flows.Build, c Config) (flows.Stage, error) {
		embedder, err := embed.New(c.Embedder)
		if err != nil {
			return nil, err
		}
		keep := d.Embeddings
		if c.Embedder.Kind == "lexical" { // which is faster than any store
			keep = nil
		}
		embedder = embed.Cached(embedder, keep, embed.KeepVectors, b.Logger)
		c.Similarity = c.threshold()
		patience := c.Embedder.Timeout + storePatience
		s := &stage{
			Config:   c,
			Deps:     d,
			embedder: embedder,
			log:      b.Logger,
			now:      b.Now,
			reading:  outage.Guard{Patience: patience, Rest: rest},
			writing:  outage.Guard{Patience: patience, Rest: rest},
		}
		s.audits.init(s, b.Name)
		return s, nil
	})
}

const (
	// storePatience is how long the store may take for a batch, besides the embedder.
	storePatience = 3 * time.Second
	// rest is how long nobody asks after a failure.
	rest = 5 * time.Second
)

type stage struct {
	Config
	Deps
	embedder embed.Embedder
	log      *slog.Logger
	now      func() time.Time // the pipeline's, by which verdicts age
	reading  outage.Guard
	writing  outage.Guard
	sweep    sweep
	flying   flying
	audits   audits
}

// Start opens the store: whoever gave a wrong address learns it now and not from the
// first item. The pipeline runs without.
func (s *stage) Start(ctx context.Context) error {
	if s.Mode == Off {
		return nil
	}
	began, err := s.reading.Do(ctx, func(context.Context) error {
		_, err := s.Answers()
		return err
	})
	if began {
		s.log.WarnContext(ctx, "semantic cache does not answer; items go on to the models", "error", err)
	}
	s.audits.refresh(ctx)
	return ctx.Err()
}

func (s *stage) Process(ctx context.Context, batch []*flows.Message) ([]*flows.Message, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	entries := s.entries(batch, func(m *flows.Message) bool { return !m.Item.Analysis.Done() })
	if len(entries) == 0 {
		return batch, nil
	}
	for _, e := range entries {
		unmark(e.message) // what an earlier try has left
	}
	matches, err := s.nearest(ctx, entries)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		requests.WithLabelValues(failed).Add(float64(len(entries)))
		return batch, nil
	}
	s.audits.refresh(ctx)
	serves := s.serves()
	hits := 0
	for i, e := range entries {
		result := s.apply(ctx, e, matches[i], serves)
		requests.WithLabelValues(result).Inc()
		switch {
		case result == hit:
			hits++
		case serves && result != audited: // which wants an answer of its own
			s.flying.mark(e, s.alike, s.now())
		}
	}
	s.audits.count(len(entries), hits)
	return batch, nil
}

// serves reports whether verdicts that are found are given.
func (s *stage) serves() bool { return s.Mode == Serve && !s.audits.broken() }

// nearest looks all entries up at once.
func (s *stage) nearest(ctx context.Context, entries []entry) ([]store.Match, error) {
	var matches []store.Match
	began, err := s.reading.Do(ctx, func(ctx context.Context) error {
		answers, err := s.open(ctx, entries)
		if err != nil {
			return err
		}
		queries := make([]store.Query, len(entries))
		for i, e := range entries {
			queries[i] = store.Query{Scope: e.scope, Hash: e.hash, Vector: e.vector}
		}
		matches, err = answers.Nearest(ctx, queries)
		if err == nil && len(matches) != len(queries) {
			err = fmt.Errorf("%d matches for %d queries", len(matches), len(queries))
		}
		return err
	})
	if began {
		s.log.WarnContext(ctx, "semantic cache does not answer; items go on to the models", "error", err)
	}
	return matches, err
}

// open returns the store, and embeds what of entries needs it.
func (s *stage) open(ctx context.Context, entries []entry) (store.Answers, error) {
	answers, err := s.Answers()
	if err != nil {
		return nil, err
	}
	return answers, s.embed(ctx, entries)
}

// apply gives an entry's item the verdict that was found, if it will do, and says what
// came of it.
func (s *stage) apply(ctx context.Context, e entry, m store.Match, serves bool) (result string) {
	enough := m.Similarity >= s.Similarity
	if !m.Found || !(enough || s.Gray > 0 && m.Similarity >= s.Gray) {
		return miss
	}
	verdict, about, err := decode(m.Value)
	if err != nil {
		s.log.WarnContext(ctx, "remembered verdict cannot be read; the item goes on without", "key", m.Key, "error", err)
		return miss
	}
	own := m.Key == key(e.message)
	guard := ""
	if !own {
		guard = e.subject.differs(about, s.Window)
	}
	log := s.log.With("ticker", e.scope.Tickers, "similarity", m.Similarity, "key", m.Key)
	switch {
	case guard != "" && enough:
		refusals.WithLabelValues(guard).Inc()
		log.DebugContext(ctx, "llm_cache_refused", "guard", guard)
		return refused
	case guard != "", own && !enough: // with another text
		return miss
	case own: // it came again, after a crash behind remember
		e.message.Item.Analysis = verdict
		log.InfoContext(ctx, "llm_cache_hit")
		return hit
	case !enough:
		compareLater(e.message, gray, m, verdict)
		return gray
	case !serves:
		compareLater(e.message, shadow, m, verdict)
		return shadow
	case chosen(key(e.message), s.Audit):
		compareLater(e.message, audited, m, verdict)
		return audited
	}
	verdict.Cached = &news.Cached{Key: m.Key, Similarity: m.Similarity, At: m.At}
	e.message.Item.Analysis = verdict
	log.InfoContext(ctx, "llm_cache_hit")
	return hit
}
