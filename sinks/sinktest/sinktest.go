// Package sinktest is the conformance suite of sinks: what every flows.Sink whose
// effects are kept single by a ledger must do, and an Announcer beside it.
package sinktest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"catalyst/flows"
	"catalyst/internal/news"
	"catalyst/internal/store"
)

// A World is an outside world that sinks have effects in.
type World struct {
	// Open returns a sink on the world, as a starting process would. It is called
	// again for a restart; the one before is then used no more.
	Open func(t *testing.T, ledger func() (store.Ledger, error)) flows.Sink
	// Effects counts the effects an item made, by its title: messages posted, lines
	// written. Changing an effect in place does not count.
	Effects func(t *testing.T) map[string]int
	// Single says that effects stay single even if the process dies between the
	// effect and its record.
	Single bool
}

// Run runs the suite, each case in a new world.
func Run(t *testing.T, world func(t *testing.T) World) {
	for _, c := range []struct {
		name string
		test func(*testing.T, World)
	}{
		{"every item once", once},
		{"a second delivery changes nothing", twice},
		{"a restart changes nothing", restart},
		{"many deliveries at the same time", concurrent},
		{"no effect without the ledger", ledgerDown},
		{"a ledger that fails after the effect", recordFails},
		{"a crash between effect and record", crash},
		{"interrupted before it began", interrupted},
		{"announced, then delivered", announced},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, world(t)) })
	}
}

// Messages returns n messages with different items that have a verdict.
func Messages(n int) []*flows.Message {
	batch := make([]*flows.Message, n)
	for i := range batch {
		batch[i] = Message(fmt.Sprintf("m%d", i), &news.Item{
			Key:      fmt.Sprintf("guid:test|%d", i),
			Title:    fmt.Sprintf("item %d", i),
			Analysis: &news.Analysis{Direction: news.Bullish, Confidence: .8, Reasoning: "Orders are up."},
		})
	}
	return batch
}

// Message returns a message that carries item.
func Message(id string, item *news.Item) *flows.Message { return flows.NewMessage(id, item) }

// again returns the messages as the broker delivers them a second time.
func again(batch []*flows.Message) []*flows.Message {
	out := make([]*flows.Message, len(batch))
	for i, m := range batch {
		item := *m.Item
		out[i] = Message(m.ID, &item)
	}
	return out
}

func start(t *testing.T, w World, l *Ledger) flows.Sink {
	t.Helper()
	s := w.Open(t, l.Open)
	if starter, ok := s.(flows.Starter); ok {
		if err := starter.Start(t.Context()); err != nil {
			t.Fatalf("start: %v", err)
		}
	}
	return s
}

// deliver delivers batch and demands success.
func deliver(t *testing.T, s flows.Sink, batch []*flows.Message) {
	t.Helper()
	if err := s.Deliver(t.Context(), batch); err != nil {
		t.Fatalf("deliver: %v", err)
	}
	for _, m := range batch {
		if m.Settled() {
			t.Fatalf("%s is %+v after it was delivered, want unsettled", m.ID, m.Outcome())
		}
	}
}

// want demands one effect for each of batch and none besides.
func want(t *testing.T, w World, batch []*flows.Message) {
	t.Helper()
	effects := w.Effects(t)
	for _, m := range batch {
		if n := effects[m.Item.Title]; n != 1 {
			t.Errorf("%s has %d effects, want 1", m.ID, n)
		}
	}
	if len(effects) != len(batch) {
		t.Errorf("effects of %d items, want %d", len(effects), len(batch))
	}
}

func once(t *testing.T, w World) {
	batch := Messages(3)
	deliver(t, start(t, w, new(Ledger)), batch)
	want(t, w, batch)
}

func twice(t *testing.T, w World) {
	s, batch := start(t, w, new(Ledger)), Messages(3)
	deliver(t, s, batch)
	deliver(t, s, again(batch))
	want(t, w, batch)
}

func restart(t *testing.T, w World) {
	ledger, batch := new(Ledger), Messages(3)
	deliver(t, start(t, w, ledger), batch[:2])
	deliver(t, start(t, w, ledger), again(batch))
	want(t, w, batch)
}

func concurrent(t *testing.T, w World) {
	s, batch := start(t, w, new(Ledger)), Messages(40)
	var wg sync.WaitGroup
	for i := 0; i < len(batch); i += 4 {
		wg.Go(func() {
			if err := s.Deliver(t.Context(), batch[i:i+4]); err != nil {
				t.Errorf("deliver: %v", err)
			}
		})
	}
	wg.Wait()
	want(t, w, batch)
}

var errDown = errors.New("connection refused")

func ledgerDown(t *testing.T, w World) {
	ledger, batch := new(Ledger), Messages(2)
	s := start(t, w, ledger)
	ledger.FailEffects(errDown)
	wantOutage(t, s.Deliver(t.Context(), batch), batch)
	if n := len(w.Effects(t)); n != 0 {
		t.Fatalf("%d effects without a ledger, want none", n)
	}
	ledger.FailEffects(nil)
	deliver(t, s, again(batch))
	want(t, w, batch)
}

// The process lives on: it knows what it did, although the ledger does not.
func recordFails(t *testing.T, w World) {
	ledger, batch := new(Ledger), Messages(2)
	s := start(t, w, ledger)
	ledger.FailRecord(errDown)
	wantOutage(t, s.Deliver(t.Context(), batch), batch)
	again1 := again(batch)
	wantOutage(t, s.Deliver(t.Context(), again1), again1)
	ledger.FailRecord(nil)
	deliver(t, s, again(batch))
	want(t, w, batch)
	if n := len(ledger.All()); n < len(batch) { // a sink may have notes of its own there
		t.Errorf("%d effects in the ledger, want %d", n, len(batch))
	}
}

func crash(t *testing.T, w World) {
	ledger, batch := new(Ledger), Messages(2)
	ledger.FailRecord(errDown)
	wantOutage(t, start(t, w, ledger).Deliver(t.Context(), batch), batch)
	ledger.FailRecord(nil)
	deliver(t, start(t, w, ledger), again(batch))
	if w.Single {
		want(t, w, batch)
		return
	}
	for title, n := range w.Effects(t) {
		if n != 2 {
			t.Errorf("%s has %d effects, want 2: at least once is what the sink promises", title, n)
		}
	}
}

func interrupted(t *testing.T, w World) {
	s, batch := start(t, w, new(Ledger)), Messages(2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := failure(s.Deliver(ctx, batch), batch[0]); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want context canceled", err)
	}
	deliver(t, s, again(batch))
	want(t, w, batch)
}

func announced(t *testing.T, w World) {
	s, batch := start(t, w, new(Ledger)), Messages(2)
	announcer, able := s.(flows.Announcer)
	if !able {
		t.Skip("shows items only when they are complete")
	}
	early := again(batch)
	for _, m := range early {
		m.Item.Analysis = nil
	}
	for range 2 {
		if err := announcer.Announce(t.Context(), early); err != nil {
			t.Fatalf("announce: %v", err)
		}
	}
	want(t, w, batch)
	deliver(t, s, batch)
	if err := announcer.Announce(t.Context(), early); err != nil {
		t.Fatalf("announce again: %v", err)
	}
}

// failure is what became of m: the error of the batch, or its own.
func failure(err error, m *flows.Message) error {
	if err != nil {
		return err
	}
	return m.Outcome().Err
}

// wantOutage demands that every message be parked: a ledger that is down is not
// the fault of any.
func wantOutage(t *testing.T, err error, batch []*flows.Message) {
	t.Helper()
	for _, m := range batch {
		if _, down := flows.AsUnavailable(failure(err, m)); !down {
			t.Fatalf("%s: error is %v, want flows.Unavailable", m.ID, failure(err, m))
		}
	}
}
