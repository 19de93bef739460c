// Package alsoseen tells an item where else its news was met, shortly before the sinks show
// it for the last time.
//
// The dedupe stage drops what another message has told, and keeps what it saw. By the time a
// verdict is there, so are most of those: this stage writes them into Seen, and where one
// comes from a better source, its headline, its address and its source take the place of the
// item's, which then stands in Seen. The item's key stays, and with it the alert. What
// stands behind this stage is told the new source: sinks that are told apart by source (`when`)
// want sources left empty, or the alert of one would be completed by another.
//
// # Second delivery
//
// The stage may be given what it has already changed: it says the same again, with what
// was seen since.
//
// # When it does not work
//
// An alert does not wait for who else had the news. While the store is down items go on as
// they came, and that is counted; one that does not answer is waited for now and then.
package alsoseen

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/metrics"
	"catalyst/internal/news"
	"catalyst/internal/outage"
	"catalyst/internal/store"
)

// Config is what pipeline.yaml says about the stage.
type Config struct {
	Sources []string `yaml:"sources,short" doc:"names of sources, the best first: whose headline is shown; the others follow, and the earliest of equals wins"`
}

// Validate wants each source once.
func (c Config) Validate() error {
	for i, source := range c.Sources {
		if slices.Contains(c.Sources[:i], source) {
			return config.At("sources", "%q is there twice", source)
		}
	}
	return nil
}

// Kind describes the stage. stories returns the store of the dedupe stage.
func Kind(stories func() (store.Stories, error)) flows.StageKind {
	return flows.NewKind(flows.StageKind{
		Name:    "also_seen",
		Doc:     "says where else an item's news was met, and shows the best source's headline",
		Example: "- also_seen: {sources: [globenewswire, prnewswire]}",
		Knobs:   flows.Knobs{Timeout: 5 * time.Second},
		After:   []string{"dedupe"},
	}, Config{}, func(b *flows.Build, c Config) (flows.Stage, error) {
		return &stage{
			stories: stories, sources: c.Sources, log: b.Logger,
			guard: outage.Guard{Patience: 2 * time.Second, Rest: 10 * time.Second},
		}, nil
	})
}

var seen = metrics.Counter("also_seen_total", "Items by what became of where else they were met: none, seen, headline (and another source's headline is shown), unknown (the store is down).", "result")

type stage struct {
	stories func() (store.Stories, error)
	sources []string
	log     *slog.Logger
	guard   outage.Guard
	down    atomic.Bool
}

func (s *stage) Process(ctx context.Context, batch []*flows.Message) ([]*flows.Message, error) {
	ids := make([]string, len(batch))
	for i, m := range batch {
		ids[i] = m.ID
	}
	found, err := s.sightings(ctx, ids)
	if ctx.Err() == context.Canceled {
		return nil, ctx.Err()
	}
	s.told(err)
	for i, m := range batch {
		if err != nil {
			seen.WithLabelValues("unknown").Inc()
			continue
		}
		seen.WithLabelValues(s.complete(m.Item, found[i])).Inc()
	}
	return slices.Clone(batch), nil
}

func (s *stage) sightings(ctx context.Context, ids []string) (found [][]store.Sighting, err error) {
	_, err = s.guard.Do(ctx, func(ctx context.Context) error {
		stories, err := s.stories()
		if err != nil {
			return err
		}
		found, err = stories.Sightings(ctx, ids)
		if err == nil && len(found) != len(ids) {
			err = fmt.Errorf("sightings of %d items for %d", len(found), len(ids))
		}
		return err
	})
	return found, err
}

// told logs when the store begins to fail, and when it ends.
func (s *stage) told(err error) {
	if was := s.down.Swap(err != nil); was != (err != nil) && s.log != nil {
		if err != nil {
			s.log.Warn("sightings_unknown", "error", err, "effect", "alerts do not say where else their news was met")
		} else {
			s.log.Info("sightings_known")
		}
	}
}

// complete writes into an item who else had its news, and says what it did.
func (s *stage) complete(it *news.Item, found []store.Sighting) string {
	own := news.Sighting{Source: it.Source, URL: it.URL, Title: it.Title, At: it.Received}
	all := append([]news.Sighting{own}, it.Seen...)
	for _, f := range found {
		all = append(all, news.Sighting(f))
	}
	var each []news.Sighting // one of each source, and the item's own first
	for _, saw := range all {
		if !slices.ContainsFunc(each, func(other news.Sighting) bool { return other.Source == saw.Source }) {
			each = append(each, saw)
		}
	}
	if len(each) == 1 {
		return "none"
	}
	best := slices.MinFunc(each, func(a, b news.Sighting) int {
		return cmp.Or(cmp.Compare(s.rank(a), s.rank(b)), a.At.Compare(b.At))
	})
	result := "seen"
	if s.rank(best) < s.rank(own) && best.Title != "" {
		it.Source, it.URL, it.Title = best.Source, cmp.Or(best.URL, it.URL), best.Title
		result = "headline"
	}
	it.Seen = slices.DeleteFunc(each, func(saw news.Sighting) bool { return saw.Source == it.Source })
	slices.SortStableFunc(it.Seen, func(a, b news.Sighting) int { return a.At.Compare(b.At) })
	return result
}

// rank is the place of a source among those that are preferred.
func (s *stage) rank(saw news.Sighting) int {
	if i := slices.Index(s.sources, saw.Source); i >= 0 {
		return i
	}
	return len(s.sources)
}
