package flows

import (
	"log/slog"
	"sync"
	"time"
)

// A gate stands before a segment. While a dependency is down it lets nothing new
// in; parked messages wait inside and take turns to look whether the dependency has
// returned. Only they can tell: a new message might never reach the stage
// that needs it.
//
//	       Unavailable                     wait is over
//	open ─────────────▶ closed ──────────────────────────▶ probing (one message)
//	  ▲                    ▲  Unavailable, the wait doubles    │
//	  └────────────────────┴───────────────────────────────────┘ anything else
type gate struct {
	log *slog.Logger

	mu      sync.Mutex
	closed  bool
	probing bool
	fails   int           // probes that failed in a row
	until   time.Time     // when the next probe may go
	changed chan struct{} // closed and replaced at every change

	dependency string
	err        error
	since      time.Time
}

const (
	firstParkWait = time.Second
	maxParkWait   = time.Minute

	// Waits that are asked for are believed within these bounds: a segment neither
	// spins nor stands still for as long as somebody's header says.
	minAskedWait = 10 * time.Millisecond
	maxAskedWait = time.Hour
)

func newGate(log *slog.Logger) *gate { return &gate{log: log, changed: make(chan struct{})} }

// enter waits until the gate is open. It returns false if stop closes first.
func (g *gate) enter(stop <-chan struct{}) bool {
	for {
		g.mu.Lock()
		closed, changed := g.closed, g.changed
		g.mu.Unlock()
		if !closed {
			return true
		}
		select {
		case <-changed:
		case <-stop:
			return false
		}
	}
}

// close closes the gate because of u. wasProbe says that the caller's try was the probe.
func (g *gate) close(u *UnavailableError, wasProbe bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case !g.closed:
		g.closed, g.fails, g.since = true, 0, time.Now()
		g.log.Warn("segment_paused", "dependency", u.Dependency, "error", u.Err)
	case wasProbe:
		g.probing = false
		g.fails++
	default:
		return // one of those that were inside when it closed
	}
	g.schedule(u)
}

// wait waits until the caller, which is parked, may try again: as the one probe, or
// because the gate is open. ok is false if stop closes first.
func (g *gate) wait(stop <-chan struct{}) (probe, ok bool) {
	for {
		g.mu.Lock()
		if !g.closed {
			g.mu.Unlock()
			return false, true
		}
		wait := time.Until(g.until)
		if !g.probing && wait <= 0 {
			g.probing = true
			g.mu.Unlock()
			return true, true
		}
		changed := g.changed
		g.mu.Unlock()

		var due <-chan time.Time // never, if somebody is probing: its end is a change
		if wait > 0 {
			due = time.After(wait)
		}
		select {
		case <-due:
		case <-changed:
		case <-stop:
			return false, false
		}
	}
}

// schedule sets the time of the next probe. g.mu is held.
func (g *gate) schedule(u *UnavailableError) {
	wait := min(max(u.Wait, minAskedWait), maxAskedWait)
	if u.Wait <= 0 {
		wait = min(firstParkWait<<min(g.fails, 10), maxParkWait)
	}
	g.until = time.Now().Add(wait)
	g.dependency, g.err = u.Dependency, u.Err
	g.wake()
}

// probed ends a probe that was not parked again: the dependency answers.
func (g *gate) probed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.log.Info("segment_resumed", "dependency", g.dependency, "after", time.Since(g.since).Round(time.Millisecond))
	g.closed, g.probing, g.fails = false, false, 0
	g.dependency, g.err = "", nil
	g.wake()
}

// abandon ends a probe that was interrupted and so told nothing.
func (g *gate) abandon() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.probing = false
	g.wake()
}

func (g *gate) wake() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// Outage says why a segment takes in nothing.
type Outage struct {
	Dependency string
	Err        error
	Since      time.Time
	NextTry    time.Time
}

// outage returns the outage that keeps the gate closed; nil if it is open.
func (g *gate) outage() *Outage {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		return nil
	}
	return &Outage{Dependency: g.dependency, Err: g.err, Since: g.since, NextTry: g.until}
}
