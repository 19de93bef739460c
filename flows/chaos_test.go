package flows_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"catalyst/flows"
	"catalyst/internal/broker"
)

// What a batch failed of may be one message's doing: the others do not share its
// end, however the batches form.
func TestEngineDoesNotPoisonInnocents(t *testing.T) {
	for name, blow := range map[string]func(context.Context) error{
		"panic":   func(context.Context) error { panic("a bug that one item meets") },
		"error":   func(context.Context) error { return errors.New("it does not like one of them") },
		"timeout": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			onEachBroker(t, func(t *testing.T, open func() broker.Broker) {
				fussy := stageFunc(func(ctx context.Context, batch []*flows.Message) ([]*flows.Message, error) {
					for _, m := range batch {
						if m.Item.Score == 37 {
							return nil, blow(ctx)
						}
					}
					return batch, nil
				})
				out := newShelf()
				p := plan([]flows.Source{list{n: 100}}, [][]flows.Stage{{groups(flows.Grouping{Size: 25, Wait: 20 * time.Millisecond}), fussy}}, out)
				p.Segments[0].Stages[1].Knobs.Timeout = 20 * time.Millisecond
				b := open()
				run(t, p, b)
				if got := len(out.titles()); got != 99 {
					t.Errorf("%d of 99 good items delivered", got)
				}
				if got := len(poison(t, b, p)); got != 1 {
					t.Errorf("%d in poison, want the one that is to blame", got)
				}
			})
		})
	}
}
