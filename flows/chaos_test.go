package flows_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
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

// Two engines of one process, which split, drop, forgive, fail, park and deliver to
// several sinks, keep their books at any time, and leave nothing behind.
func TestEnginesKeepTheirBooksAndLeaveNothingBehind(t *testing.T) {
	onEachBroker(t, func(t *testing.T, open func() broker.Broker) {
		b := open()
		before := stacks()
		var engines sync.WaitGroup
		for range 2 {
			engines.Go(func() { runMixed(t, b) })
		}
		engines.Wait()
		deadline := time.Now().Add(5 * time.Second)
		for {
			left := leaked(before)
			if len(left) == 0 {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d goroutines are left:\n%s", len(left), strings.Join(left, "\n\n"))
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
}

func runMixed(t *testing.T, b broker.Broker) {
	var mu sync.Mutex
	seen := map[string]int{}
	mixed := stageFunc(func(_ context.Context, batch []*flows.Message) (on []*flows.Message, _ error) {
		for _, m := range batch {
			mu.Lock()
			seen[m.ID]++
			again := seen[m.ID] > 1
			mu.Unlock()
			switch n := int(m.Item.Score); {
			case n%7 == 0:
				parts := m.Split(m.Item, m.Item, m.Item)
				parts[1].Drop("part")
				on = append(on, parts[0], parts[2])
			case n%7 == 1:
				m.Drop("seventh")
			case n%7 == 2 && !again:
				m.Fail(flows.Unavailable("nothing", errors.New("refused"), time.Millisecond))
			case n%7 == 3:
				m.Fail(errors.New("always"))
			default:
				on = append(on, m)
			}
		}
		return on, nil
	})
	forgiving := stageFunc(func(context.Context, []*flows.Message) ([]*flows.Message, error) { return nil, errors.New("no") })
	one, two := newShelf(), newShelf()
	p := plan([]flows.Source{list{n: 700}}, [][]flows.Stage{{mixed}, {forgiving}}, one, two)
	p.Segments[0].Stages[0].Knobs.Workers = 3
	p.Segments[1].Stages[0].Knobs.OnError = flows.OnErrorPass
	e, err := flows.New(p, b, quiet)
	if err != nil {
		t.Error(err)
		return
	}
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			segments, _ := e.Stats()
			for _, s := range segments {
				if s.InFlight < 0 || s.InFlight > int64(p.Engine.InFlight) {
					t.Errorf("books do not balance: %+v", s)
					return
				}
			}
			runtime.Gosched()
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	if err := e.Run(ctx); err != nil || ctx.Err() != nil {
		t.Error(err, ctx.Err())
	}
	close(done)
	watching.Wait()
	balanced(t, e)
	segments, _ := e.Stats()
	want := fmt.Sprint(600, 100, 100)
	// The first segment delivers all but the dropped and the poisoned.
	if got := fmt.Sprint(segments[0].Delivered+segments[0].Dropped, segments[0].Poisoned, segments[0].Dropped); got != want {
		t.Errorf("delivered and dropped, poisoned, dropped: %s, want %s", got, want)
	}
	if segments[1].Delivered != 600 { // 400 whole, and 100 in two parts
		t.Errorf("%d messages delivered to the sinks, want 600", segments[1].Delivered)
	}
}

func stacks() map[string]bool {
	known := map[string]bool{}
	for _, s := range goroutines() {
		known[strings.Fields(s)[1]] = true
	}
	return known
}

// leaked returns the stacks of goroutines that run our code and did not run before.
func leaked(before map[string]bool) (left []string) {
	for _, s := range goroutines() {
		if !before[strings.Fields(s)[1]] && (strings.Contains(s, "catalyst/") || strings.Contains(s, "watermill") || strings.Contains(s, "go-streams")) {
			left = append(left, s)
		}
	}
	return left
}

func goroutines() []string {
	buf := make([]byte, 8<<20)
	return strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
}
