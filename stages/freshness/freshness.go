// Package freshness drops items that were old when they arrived:
//
//   - freshness: {news: 10m, filings: 8h}
//
// An item's age is the time from its publication to its arrival, when a source handed it to
// the first topic, and in a replay to the time of what is replayed. It does not grow
// while the item waits in the pipeline: an item that was fresh is not lost to an outage of
// ours, and one that comes again comes to the same end.
package freshness

import (
	"context"
	"errors"
	"fmt"
	"time"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/news"
)

// Config is what pipeline.yaml says about the stage.
type Config struct {
	News    time.Duration `yaml:"news" doc:"how old news may be when it arrives; 0s for any age"`
	Filings time.Duration `yaml:"filings" doc:"how old filings may be, those with a form or an accession number; 0s for any age"`
	Stale   Policy        `yaml:"stale" doc:"what becomes of older ones: drop, or pass"`
	Missing Policy        `yaml:"missing" doc:"what becomes of items without a time: drop, pass, or clamp, which takes them as published when they arrived"`
	Future  Policy        `yaml:"future" doc:"what becomes of items from the future: drop, pass, or clamp, as above"`
	Skew    time.Duration `yaml:"skew" doc:"how far in the future a time may be that counts as now: clocks differ"`
}

// Defaults are the values of what pipeline.yaml leaves out.
var Defaults = Config{
	News: 10 * time.Minute, Filings: 480 * time.Minute,
	Stale: Drop, Missing: Pass, Future: Clamp, Skew: 2 * time.Minute,
}

// Policy is what becomes of an item whose time is not as it should be.
type Policy string

const (
	Drop  Policy = "drop"
	Pass  Policy = "pass"  // on, as it is
	Clamp Policy = "clamp" // on, as published when it arrived
)

// UnmarshalText refuses words that are none of the three.
func (p *Policy) UnmarshalText(text []byte) error {
	switch v := Policy(text); v {
	case Drop, Pass, Clamp:
		*p = v
		return nil
	}
	return fmt.Errorf("%q is none of drop, pass, clamp", text)
}

// Validate reports every fault at once.
func (c Config) Validate() error {
	var faults []error
	for field, d := range map[string]time.Duration{"news": c.News, "filings": c.Filings, "skew": c.Skew} {
		if d < 0 {
			faults = append(faults, config.At(field, "%v: want 0s or more", d))
		}
	}
	if c.Stale == Clamp {
		faults = append(faults, config.At("stale", "clamp would show old news as new: want drop or pass"))
	}
	return errors.Join(faults...)
}

// Kind describes the stage.
func Kind() flows.StageKind {
	return flows.NewKind(flows.StageKind{
		Name:    "freshness",
		Doc:     "drops items that were too old when they arrived, and settles what times that cannot be right mean",
		Example: `- freshness: {news: 10m, filings: 8h}`,
	}, Defaults, func(b *flows.Build, c Config) (flows.Stage, error) { return &stage{c, b.Now}, nil })
}

type stage struct {
	config Config
	now    func() time.Time
}

func (s *stage) Process(ctx context.Context, batch []*flows.Message) ([]*flows.Message, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	kept := make([]*flows.Message, 0, len(batch))
	for _, m := range batch {
		policy, reason := s.judge(m.Item)
		switch policy {
		case Drop:
			m.Drop(reason)
			continue
		case Clamp:
			m.Item.Published = s.arrived(m.Item)
		}
		kept = append(kept, m)
	}
	return kept, nil
}

// judge returns what becomes of an item, and why if it is dropped.
func (s *stage) judge(it *news.Item) (policy Policy, reason string) {
	if it.Published.IsZero() {
		return s.config.Missing, "no time"
	}
	limit := s.config.News
	if it.Form != "" || it.Accession != "" {
		limit = s.config.Filings
	}
	switch age := s.arrived(it).Sub(it.Published); {
	case age < -s.config.Skew:
		return s.config.Future, "future"
	case limit > 0 && age > limit:
		return s.config.Stale, "stale"
	}
	return Pass, ""
}

// arrived is when an item came: when it was received, or the pipeline's time where that is
// earlier, as in a replay.
func (s *stage) arrived(it *news.Item) time.Time {
	now := s.now().UTC()
	if it.Received.IsZero() || it.Received.After(now) {
		return now
	}
	return it.Received
}
