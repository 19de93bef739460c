package once

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"catalyst/flows"
	"catalyst/internal/news"
	"catalyst/internal/store"
)

// nothing is a ledger that knows nothing.
type nothing struct{ store.Ledger }

func (nothing) Effects(_ context.Context, keys []string) ([]store.Effect, error) {
	return make([]store.Effect, len(keys)), nil
}

func batch(keys ...string) []*flows.Message {
	var out []*flows.Message
	for i, key := range keys {
		out = append(out, flows.NewMessage(string(rune('a'+i)), &news.Item{Key: key}))
	}
	return out
}

func guard() *Guard {
	return &Guard{Ledger: func() (store.Ledger, error) { return nothing{}, nil }, Key: ItemKey}
}

func TestOneJobForEachKey(t *testing.T) {
	g := guard()
	m := batch("x", "y", "x", "")
	m[2].Item.Analysis = &news.Analysis{Direction: news.Bullish}
	jobs, err := g.Begin(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if len(jobs) != 3 || jobs[0].Key != "x" || len(jobs[0].Messages) != 2 || jobs[2].Key != "msg:d" {
		t.Fatalf("jobs %+v, want x with two messages, y, and msg:d for the one without a key", jobs)
	}
	if jobs[0].Item != m[2].Item {
		t.Error("the item without a verdict speaks for x, want the one with it")
	}
	g.End(jobs...)
	g.End(jobs...) // ending twice is harmless
}

func TestOthersWaitForTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guard()
		first, _ := g.Begin(t.Context(), batch("x", "y"))
		got := make(chan []*Job)
		go func() {
			jobs, _ := g.Begin(t.Context(), batch("y", "x"))
			got <- jobs
		}()
		synctest.Wait()
		if jobs, err := g.Begin(t.Context(), batch("z")); err != nil {
			t.Errorf("another key: %v", err)
		} else {
			g.End(jobs...)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := g.Begin(ctx, batch("w", "x")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting past the deadline: %v", err)
		}
		g.End(first[0])
		synctest.Wait()
		select {
		case <-got:
			t.Fatal("both keys were given while one was held")
		default:
		}
		g.End(first[1])
		g.End(<-got...)
		if len(g.held) != 0 {
			t.Errorf("%d keys are still held", len(g.held))
		}
	})
}

func TestLedgerThatWillNotOpen(t *testing.T) {
	opened := 0
	g := guard()
	g.Ledger = func() (store.Ledger, error) {
		if opened++; opened == 1 {
			return nil, errors.New("connection refused")
		}
		return nothing{}, nil
	}
	if _, err := g.Begin(t.Context(), batch("x")); err == nil {
		t.Fatal("no error")
	} else if _, down := flows.AsUnavailable(err); !down {
		t.Errorf("%v, want an outage", err)
	}
	if _, err := g.Begin(t.Context(), batch("x")); err != nil {
		t.Errorf("the second time: %v", err)
	}
}
