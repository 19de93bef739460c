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
	log   *slog.Logger
	clock Clock
	// turn is given to one that is parked when it is time for a probe. However many are
	// parked, only this one is woken.
	turn chan struct{}

	mu      sync.Mutex
	closed  bool
	opened  chan struct{} // closed when the gate opens; made when it closes
	outside int           // messages that wait for that
	parked  int           // that wait for their turn, too
	due     bool          // it is time for a probe, and nobody was parked
	fails   int           // probes that failed in a row
	until   time.Time     // when the next probe may go

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

func newGate(log *slog.Logger, clock Clock) *gate {
	return &gate{log: log, clock: clock, turn: make(chan struct{}, 1)}
}

// enter waits until the gate is open. It returns false if stop closes first.
func (g *gate) enter(stop <-chan struct{}) bool {
	for {
		g.mu.Lock()
		opened, closed := g.opened, g.closed
		if closed {
			g.outside++
			g.clock.Hold(1)
		}
		g.mu.Unlock()
		if !closed {
			return true
		}
		select {
		case <-opened:
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
		g.closed, g.fails, g.since = true, 0, g.clock.Now()
		g.opened = make(chan struct{})
		g.log.Warn("segment_paused", "dependency", u.Dependency, "error", u.Err)
	case wasProbe:
		g.fails++
	default:
		return // one of those that were inside when it closed
	}
	g.schedule(u)
}

// wait waits until the caller, which is parked, may try again: as the one probe, or
// because the gate is open. ok is false if stop closes first. A probe ends with
// close, probed or abandon.
func (g *gate) wait(stop <-chan struct{}) (probe, ok bool) {
	g.mu.Lock()
	opened, closed, mine := g.opened, g.closed, g.due
	if closed && mine {
		g.due = false
	} else if closed {
		g.parked++
		g.clock.Hold(1)
	}
	g.mu.Unlock()
	if !closed || mine {
		return closed, true
	}
	select {
	case <-opened:
		return false, true
	case <-g.turn:
		return true, true
	case <-stop:
		return false, false
	}
}

// probe lets one of the parked try.
func (g *gate) probe() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.parked == 0 {
		g.due = true
		return
	}
	g.parked--
	g.clock.Hold(-1)
	g.turn <- struct{}{} // which nobody else fills: one probe is made at a time
}

// schedule sets the time of the next probe. g.mu is held.
func (g *gate) schedule(u *UnavailableError) {
	wait := u.wait(g.fails)
	g.until = g.clock.Now().Add(wait)
	g.clock.AfterFunc(wait, g.probe)
	g.dependency, g.err = u.Dependency, u.Err
}

// wait is how long to leave the dependency alone that was looked for in vain before, so
// many times.
func (u *UnavailableError) wait(fails int) time.Duration {
	if u.Wait <= 0 {
		return min(firstParkWait<<min(fails, 10), maxParkWait)
	}
	return min(max(u.Wait, minAskedWait), maxAskedWait)
}

// probed ends a probe that was not parked again: the dependency answers.
func (g *gate) probed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.log.Info("segment_resumed", "dependency", g.dependency, "after", g.clock.Now().Sub(g.since).Round(time.Millisecond))
	g.clock.Hold(-g.parked - g.outside)
	g.closed, g.fails, g.parked, g.outside = false, 0, 0, 0
	g.dependency, g.err = "", nil
	close(g.opened)
}

// abandon ends a probe that was interrupted and so told nothing.
func (g *gate) abandon() { g.probe() }

// Outage says why a segment takes in nothing.
type Outage struct {
	Dependency string
	Err        error
	Since      time.Time
}

// outage returns the outage that keeps the gate closed; nil if it is open.
func (g *gate) outage() *Outage {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		return nil
	}
	return &Outage{Dependency: g.dependency, Err: g.err, Since: g.since}
}
