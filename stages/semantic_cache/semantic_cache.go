// Package semanticcache answers for a model with the verdict it gave on an item that
// says the same.
//
// What must be equal is asked first, exactly: the kind of news, the set of tickers,
// prompt and models, the embedder. Within that scope an equal text is a hit, and
// so is the nearest text if its similarity is high enough and it has the same
// numbers and the same words of direction. Only the article's title and the
// start of its text are compared, never a prompt.
//
// Some items are looked up by equal text only, because a near miss there is
// somebody else's news: those without a ticker, and filings, whose titles and
// headings repeat from filer to filer. A filing must also have the same accession number,
// and one without an accession number is not looked up at all.
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
	"catalyst/internal/outage"
	"catalyst/internal/store"
)

// Config is what pipeline.yaml says about semantic_cache.
type Config struct {
	Similarity float64       `yaml:"similarity" doc:"a text at least this similar, as a cosine, is the same story; each embedder has its own scale"`
	TTL        time.Duration `yaml:"ttl" doc:"how long a verdict stays true"`
	Embedder   embed.Config  `yaml:"embedder" doc:"what makes vectors of texts"`
}

// DefaultConfig is strict: a wrong verdict costs more than a call to a model.
var DefaultConfig = Config{Similarity: 0.95, TTL: 24 * time.Hour, Embedder: embed.DefaultConfig}

// Validate checks c's own fields; the embedder checks its own.
func (c Config) Validate() error {
	var faults []error
	if !(c.Similarity > 0 && c.Similarity <= 1) {
		faults = append(faults, config.At("similarity", "is %v, want more than 0 and at most 1", c.Similarity))
	}
	if c.TTL < time.Second {
		faults = append(faults, config.At("ttl", "is %v, want at least 1s", c.TTL))
	}
	return errors.Join(faults...)
}

var requests = metrics.Counter("llm_cache_requests_total",
	"Items looked up in the semantic cache, by result.", "result") // hit, miss, error

// Kind describes the stage. answers and embeddings return the stores, the same
// ones each time; they are first called at the start. models names, for
// an item, whatever decides its verdict besides the item itself: the prompt with
// its version and the models that may be asked.
func Kind(answers func() (store.Answers, error), embeddings func() (store.Embeddings, error), models func(*news.Item) string) flows.StageKind {
	return flows.NewKind(flows.StageKind{
		Name:    "semantic_cache",
		Doc:     "answers with the verdict given on an item that says the same",
		Example: "- semantic_cache: {similarity: 0.95, ttl: 24h}",
		Knobs:   flows.Knobs{OnError: flows.OnErrorPass},
	}, DefaultConfig, func(b *flows.Build, c Config) (flows.Stage, error) {
		embedder, err := embed.New(c.Embedder)
		if err != nil {
			return nil, err
		}
		if c.Embedder.Kind != "lexical" { // which is faster than any store
			embedder = embed.Cached(embedder, embeddings, embed.KeepVectors, b.Logger)
		}
		patience := c.Embedder.Timeout + storePatience
		return &stage{
			Config:   c,
			answers:  answers,
			embedder: embedder,
			models:   models,
			log:      b.Logger,
			reading:  outage.Guard{Patience: patience, Rest: rest},
			writing:  outage.Guard{Patience: patience, Rest: rest},
		}, nil
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
	answers  func() (store.Answers, error)
	embedder embed.Embedder
	models   func(*news.Item) string
	log      *slog.Logger
	reading  outage.Guard
	writing  outage.Guard
	sweep    sweep
}

// Start opens the store: whoever gave a wrong address learns it now and not from the
// first item. The pipeline runs without.
func (s *stage) Start(ctx context.Context) error {
	began, err := s.reading.Do(ctx, func(context.Context) error {
		_, err := s.answers()
		return err
	})
	if began {
		s.log.WarnContext(ctx, "semantic cache does not answer; items go on to the models", "error", err)
	}
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
	matches, err := s.nearest(ctx, entries)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		requests.WithLabelValues("error").Add(float64(len(entries)))
		return batch, nil
	}
	for i, e := range entries {
		if s.apply(ctx, e, matches[i]) {
			requests.WithLabelValues("hit").Inc()
		} else {
			requests.WithLabelValues("miss").Inc()
		}
	}
	return batch, nil
}

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
	answers, err := s.answers()
	if err != nil {
		return nil, err
	}
	return answers, s.embed(ctx, entries)
}

// apply gives an entry's item the verdict that was found, if it will do.
func (s *stage) apply(ctx context.Context, e entry, m store.Match) bool {
	if !m.Found || !(m.Similarity >= s.Similarity) {
		return false
	}
	verdict, facts, err := decode(m.Value)
	if err != nil {
		s.log.WarnContext(ctx, "remembered verdict cannot be read; the item goes on without", "key", m.Key, "error", err)
		return false
	}
	if facts != e.facts {
		s.log.DebugContext(ctx, "llm_cache_refused", "ticker", e.scope.Tickers, "similarity", m.Similarity, "key", m.Key)
		return false
	}
	if m.Key != key(e.message) {
		verdict.Cached = &news.Cached{Key: m.Key, Similarity: m.Similarity, At: m.At}
	}
	e.message.Item.Analysis = verdict
	s.log.InfoContext(ctx, "llm_cache_hit", "ticker", e.scope.Tickers, "similarity", m.Similarity, "key", m.Key)
	return true
}
