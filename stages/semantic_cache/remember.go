package semanticcache

import (
	"context"
	"sync"
	"time"

	"catalyst/flows"
	"catalyst/internal/metrics"
	"catalyst/internal/news"
	"catalyst/internal/store"
)

var writes = metrics.Counter("llm_cache_writes_total",
	"Verdicts to be remembered by the semantic cache, by result.", "result") // stored, error

// Remember stores the verdicts of a batch for later items: those that a model gave
// on the items themselves, not those that came out of the cache. Storing again
// what is stored changes nothing, also not its expiry, which counts from the verdict.
//
// It is the other half of the cache, for the stage remember. It logs and counts
// what it could not store; the error is for whoever wants to know.
func (s *stage) Remember(ctx context.Context, batch []*flows.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.Mode == Off {
		return nil
	}
	s.compare(ctx, batch)
	now := s.now()
	entries := s.entries(batch, func(m *flows.Message) bool { return s.worth(m.Item.Analysis, now) })
	if len(entries) == 0 {
		return nil
	}
	began, err := s.writing.Do(ctx, func(ctx context.Context) error {
		answers, err := s.open(ctx, entries)
		if err != nil {
			return err
		}
		if err := answers.Remember(ctx, s.fresh(ctx, entries, now)); err != nil {
			return err
		}
		if err := s.sweep.run(ctx, answers); err != nil {
			s.log.WarnContext(ctx, "expired verdicts are not deleted yet", "error", err)
		}
		return nil
	})
	if began {
		s.log.WarnContext(ctx, "verdicts are not remembered; items go on", "error", err)
	}
	if err != nil {
		writes.WithLabelValues("error").Add(float64(len(entries)))
		return err
	}
	writes.WithLabelValues("stored").Add(float64(len(entries)))
	return nil
}

// worth reports whether a verdict may be given for other items: one that a model was sure
// of, that was its first choice's, and that is not too old. Whatever was cut short or could
// not be read is no verdict at all.
func (s *stage) worth(a *news.Analysis, now time.Time) bool {
	return a.Done() && a.Cached == nil && !a.Degraded && a.Confidence >= s.MinConfidence &&
		(a.At.IsZero() || a.At.Add(s.TTL).After(now))
}

// compare holds fresh verdicts against those that were found and not given.
func (s *stage) compare(ctx context.Context, batch []*flows.Message) {
	var agreements []bool
	for _, m := range batch {
		c, verdict, ok := compared(m)
		if !ok {
			continue
		}
		auditVerdicts.WithLabelValues(c.Zone, verdict).Inc()
		if verdict != "agree" {
			s.log.InfoContext(ctx, "llm_cache_differs", "zone", c.Zone, "verdict", verdict, "similarity", c.Similarity,
				"key", key(m), "of", c.Key, "remembered", c.Direction, "fresh", m.Item.Analysis.Direction)
		}
		if c.Zone != gray { // which was never to be served
			agreements = append(agreements, verdict == "agree")
		}
	}
	if len(agreements) > 0 {
		s.audits.update(ctx, agreements)
	}
}

// fresh are the answers to store.
func (s *stage) fresh(ctx context.Context, entries []entry, now time.Time) []store.Answer {
	answers := make([]store.Answer, 0, len(entries))
	for _, e := range entries {
		value, err := encode(e.message.Item.Analysis, e.subject)
		if err != nil { // a number that JSON has no word for
			s.log.WarnContext(ctx, "verdict is not remembered", "key", key(e.message), "error", err)
			continue
		}
		at := e.message.Item.Analysis.At
		if at.IsZero() {
			at = now
		}
		answers = append(answers, store.Answer{
			Scope: e.scope, Hash: e.hash, Vector: e.vector,
			Key: key(e.message), Value: value, At: at, Expires: at.Add(s.TTL),
		})
	}
	return answers
}

const (
	sweepEvery = 10 * time.Minute
	sweepMost  = 1000
)

// A sweep deletes expired answers now and then, a bounded number at a time: the
// cache lives off its writes and has no goroutine of its own.
type sweep struct {
	mu   sync.Mutex
	next time.Time
}

func (s *sweep) run(ctx context.Context, answers store.Answers) error {
	s.mu.Lock()
	due := !time.Now().Before(s.next)
	if due {
		s.next = time.Now().Add(sweepEvery)
	}
	s.mu.Unlock()
	if !due {
		return nil
	}
	n, err := answers.Expire(ctx, sweepMost)
	if n >= sweepMost { // there may be more
		s.mu.Lock()
		s.next = time.Time{}
		s.mu.Unlock()
	}
	return err
}
