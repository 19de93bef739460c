package local

import (
	"context"
	"slices"
	"sync"
	"time"

	"catalyst/internal/llm"
)

// A gate lets calls through, so many at a time, in the order they came; while it is
// shut it refuses them at once. The zero gate is open and has no limit.
type gate struct {
	mu      sync.Mutex
	limit   int // calls at the same time; 0 is no limit
	busy    int
	waiting []chan *llm.Error // each gets one word: nil to enter, or why not
	shut    *llm.Error        // why; nil while open
	until   time.Time         // when it is expected to open
	empty   chan struct{}     // closed when busy falls to 0; nil if nobody waits for that
}

// enter takes a place, waiting for one where all are taken, up to a limit of time if
// that is above 0. Whoever was let in calls leave.
func (g *gate) enter(ctx context.Context, limit time.Duration) *llm.Error {
	g.mu.Lock()
	if g.shut != nil {
		defer g.mu.Unlock()
		return g.refusal()
	}
	if g.limit <= 0 || g.busy < g.limit { // then nobody waits
		g.busy++
		g.mu.Unlock()
		return nil
	}
	word := make(chan *llm.Error, 1)
	g.waiting = append(g.waiting, word)
	g.mu.Unlock()

	var late <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		late = timer.C
	}
	var refusal *llm.Error
	select {
	case refusal = <-word:
		return refusal
	case <-ctx.Done():
		refusal = &llm.Error{Class: llm.Canceled, Err: context.Cause(ctx)}
	case <-late:
		refusal = llm.Errorf(llm.Overloaded, "no free slot in %v", limit)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.waiting, word); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	} else if <-word == nil { // let in at the very moment
		g.left()
	}
	return refusal
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left()
}

func (g *gate) left() {
	g.busy--
	g.admit()
	if g.busy == 0 && g.empty != nil {
		close(g.empty)
		g.empty = nil
	}
}

func (g *gate) admit() {
	for g.shut == nil && len(g.waiting) > 0 && (g.limit <= 0 || g.busy < g.limit) {
		g.waiting[0] <- nil
		g.waiting = g.waiting[1:]
		g.busy++
	}
}

// close refuses calls from now on, those that wait included, and expects to open
// at a time. Calls under way go on. A shut gate gets a new reason.
func (g *gate) close(why *llm.Error, until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut, g.until = why, until
	for _, word := range g.waiting {
		word <- g.refusal()
	}
	g.waiting = nil
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = nil
	g.admit()
}

func (g *gate) setLimit(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit = n
	g.admit()
}

// why is nil while the gate is open.
func (g *gate) why() *llm.Error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut == nil {
		return nil
	}
	return g.refusal()
}

const minRetry = time.Second

func (g *gate) refusal() *llm.Error {
	e := *g.shut
	e.RetryAfter = max(minRetry, time.Until(g.until))
	return &e
}

func (g *gate) inUse() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.busy
}

// drained waits until no call is under way, and reports whether that came to pass
// within a limit.
func (g *gate) drained(ctx context.Context, limit time.Duration) bool {
	g.mu.Lock()
	if g.busy == 0 {
		g.mu.Unlock()
		return true
	}
	if g.empty == nil {
		g.empty = make(chan struct{})
	}
	empty := g.empty
	g.mu.Unlock()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-empty:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}
