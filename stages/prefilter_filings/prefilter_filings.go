// Package prefilterfilings decides which EDGAR filings are worth a trader's time, what
// each is about, how soon it deserves to be looked at, and what an amendment amends:
//
//   - prefilter_filings: {watch: [NVDA, TSLA]}
//
// A filing goes on if its form is wanted and, of an 8-K, one of its items. Items
// under which companies report whatever they like (7.01, 8.01) need a keyword too. What
// is noise by its issuer is dropped before: structured notes of banks, funds, blank-check
// companies without a deal, asset-backed securities. Every drop has a reason out of a dozen.
//
// What goes on has a topic and a priority (see priority.go). News, which has no form,
// passes untouched.
//
// # Before fetch_filing or behind it
//
// The stage judges by what it is given, and never drops for what it cannot know yet: without
// a body, a filing under 7.01 or 8.01 goes on, and an 8-K whose items nobody has
// told. So it may stand before fetch_filing, where it saves most downloads; behind it,
// where it can read; or in both places, with a name for one of them.
//
// # Guarantee
//
// The same filing comes to the same end at every delivery. What it amends is found
// in notes about earlier filings, which outlive the process; where the notes cannot be
// read, or more than one filing may be meant, Amends stays empty and the filing goes on.
// Two processes that meet two filings of one company in the same instant may lose
// one of the two notes, and with it a later amendment's link.
package prefilterfilings

import (
	"context"
	"errors"
	"sync"
	"time"

	"catalyst/flows"
	"catalyst/internal/news"
	"catalyst/internal/outage"
	"catalyst/internal/store"
)

// Kind describes the stage. notes returns the store of what was met, the same one each
// time; it is first called at Start.
func Kind(notes func() (store.Notes, error)) flows.StageKind {
	noting := new(sync.Mutex) // of all stages of this kind: they share their notes
	return flows.NewKind(flows.StageKind{
		Name:    "prefilter_filings",
		Doc:     "drops filings that move no price, and gives the others a topic and a priority",
		Example: "- prefilter_filings: {watch: [NVDA, TSLA]}",
	}, Defaults, func(b *flows.Build, c Config) (flows.Stage, error) {
		return &stage{
			judge: newJudge(c),
			memory: memory{
				open: notes, keep: c.Keep, mu: noting, log: b.Logger,
				guard: outage.Guard{Patience: 2 * time.Second, Rest: 30 * time.Second},
			},
		}, nil
	})
}

type stage struct {
	judge  *judge
	memory memory
}

// Start opens the store, so that a wrong address stops the program at once.
func (s *stage) Start(context.Context) error {
	_, err := s.memory.open()
	return err
}

func (s *stage) Process(ctx context.Context, batch []*flows.Message) ([]*flows.Message, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	reasons := make([]string, len(batch))
	var met []*news.Item
	for i, m := range batch {
		if m.Item.Form == "" {
			continue
		}
		reasons[i] = s.judge.reason(m.Item)
		if reasons[i] == "" {
			s.judge.rank(m.Item)
		}
		if s.judge.known(m.Item, reasons[i]) {
			met = append(met, m.Item)
		}
	}
	if s.memory.link(ctx, met); errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err()
	}
	kept := make([]*flows.Message, 0, len(batch))
	for i, m := range batch {
		if reasons[i] != "" {
			m.Drop(reasons[i])
			continue
		}
		kept = append(kept, m)
	}
	return kept, nil
}
