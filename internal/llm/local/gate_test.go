package local

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"catalyst/internal/llm"
)

func TestGateKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		g.setLimit(1)
		g.enter(t.Context(), 0)
		var order []int
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				if no := g.enter(t.Context(), 0); no != nil {
					t.Error(no)
				}
				order = append(order, i) // one at a time: the race detector sees to that
				g.leave()
			})
			synctest.Wait()
		}
		g.leave()
		all.Wait()
		for i, n := range order {
			if i != n {
				t.Fatalf("let in as %v", order)
			}
		}
	})
}

func TestGateRefusesThoseThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		g.setLimit(1)
		g.enter(t.Context(), 0)
		refused := make(chan *llm.Error)
		go func() { refused <- g.enter(t.Context(), 0) }()
		synctest.Wait()
		g.close(llm.Errorf(llm.Overloaded, "being recycled"), time.Now().Add(time.Minute))
		if no := <-refused; no == nil || no.RetryAfter != time.Minute {
			t.Errorf("%v, want a refusal for a minute", no)
		}
		time.Sleep(time.Hour)
		if no := g.why(); no == nil || no.RetryAfter != minRetry {
			t.Errorf("%v, want a wait even where it takes longer than expected", no)
		}
		if g.drained(t.Context(), time.Second) {
			t.Error("drained with a call under way")
		}
		go func() {
			time.Sleep(time.Second)
			g.leave()
		}()
		if !g.drained(t.Context(), time.Minute) {
			t.Error("not drained")
		}
		g.open()
		if no := g.enter(t.Context(), 0); no != nil {
			t.Error(no)
		}
	})
}

// Calls come, give up and leave while the gate opens, shuts and changes its limit:
// never more than the limit are in, and no place is lost.
func TestGateUnderLoad(t *testing.T) {
	var g gate
	g.setLimit(3)
	var in atomic.Int32
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			for range 50 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%5)*50*time.Microsecond+time.Microsecond)
				if g.enter(ctx, 0) == nil {
					if n := in.Add(1); n > 3 {
						t.Errorf("%d calls in", n)
					}
					in.Add(-1)
					g.leave()
				}
				cancel()
			}
		})
	}
	all.Go(func() {
		for range 500 {
			g.close(llm.Errorf(llm.Overloaded, "shut"), time.Time{})
			g.open()
		}
	})
	all.Wait()
	if g.busy != 0 || len(g.waiting) != 0 {
		t.Errorf("%d places taken and %d waiting after all have left", g.busy, len(g.waiting))
	}
}
