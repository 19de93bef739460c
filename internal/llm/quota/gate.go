package quota

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// A gate is where the calls to one model wait for a place. Those of this process
// are let in in the order they came; whoever is first asks the store, again and
// again while other processes have all the places.
type gate struct {
	key    string // provider and model
	places string // the counter of calls under way

	mu       sync.Mutex
	last     Ask // of those that arrived, for the metrics
	arrivals uint64
	inside   int  // calls of this process, and those that try
	trying   bool // one who waited asks the store: the next one must not be faster
	waiting  []*waiter
	left     []place // by calls that have ended, for those that wait
	current  *window
	date     string
	daily    string // the counter of date
}

type waiter struct {
	ticket uint64
	wake   chan struct{} // holds one
}

// Times between two looks whether another process has given back a place.
const (
	lookMin = 20 * time.Millisecond
	lookMax = 60 * time.Millisecond
)

// gateKey avoids making a string for each call.
type gateKey struct{ provider, model string }

func (q *Quota) gate(a Ask) *gate {
	key := gateKey{a.Provider, a.Model}
	if g, ok := q.gates.Load(key); ok {
		return g.(*gate)
	}
	name := a.Provider + "/" + a.Model
	g, _ := q.gates.LoadOrStore(key, &gate{key: name, places: "calls:" + name})
	return g.(*gate)
}

// arrive gives a call its place in the order, and tells whether it will have to wait.
func (g *gate) arrive(a Ask) (ticket uint64, crowded bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last = Ask{Provider: a.Provider, Model: a.Model, Limits: a.Limits}
	g.arrivals++
	return g.arrivals, !g.mayEnter(g.arrivals, a.Limits.Concurrency)
}

func (g *gate) mayEnter(ticket uint64, limit int) bool {
	first := len(g.waiting) == 0 || ticket <= g.waiting[0].ticket
	return limit <= 0 || first && !g.trying && g.inside < limit
}

// enter waits for the ticket's turn. Whoever is inside and enters again, having found no
// place, waits until it is worth another look, before all who came later.
func (g *gate) enter(ctx context.Context, ticket uint64, limit int, again bool) error {
	w := &waiter{ticket, make(chan struct{}, 1)}
	if !g.line(w, limit, again) {
		return nil
	}
	queueDepth.Inc()
	defer queueDepth.Dec()
	var look <-chan time.Time
	if again {
		timer := time.NewTimer(lookMin + rand.N(lookMax-lookMin))
		defer timer.Stop()
		look = timer.C
	}
	for {
		select {
		case <-w.wake:
		case <-look:
		case <-ctx.Done():
			g.mu.Lock()
			g.step(w)
			g.wakeFirst()
			g.mu.Unlock()
			return ctx.Err()
		}
		g.mu.Lock()
		enters := g.mayEnter(ticket, limit)
		if enters {
			g.inside++
			g.trying = true
			g.step(w)
		}
		g.mu.Unlock()
		if enters {
			return nil
		}
	}
}

// line has w wait in its place, unless it may enter at once.
func (g *gate) line(w *waiter, limit int, again bool) (waits bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if again {
		g.inside--
		g.trying = false
	} else if g.mayEnter(w.ticket, limit) {
		g.inside++
		return false
	}
	i, _ := slices.BinarySearchFunc(g.waiting, w.ticket, func(w *waiter, t uint64) int { return cmp.Compare(w.ticket, t) })
	g.waiting = slices.Insert(g.waiting, i, w)
	return true
}

// step takes w out of the line.
func (g *gate) step(w *waiter) {
	g.waiting = slices.DeleteFunc(g.waiting, func(other *waiter) bool { return other == w })
}

// tried lets the next one try, after one who had waited.
func (g *gate) tried() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.trying = false
	g.wakeFirst()
}

// leave makes room.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	g.wakeFirst()
}

// lastAsk is what the latest arrival had for limits.
func (g *gate) lastAsk() (a Ask, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.last, g.arrivals > 0
}

func (g *gate) wakeFirst() {
	if len(g.waiting) > 0 {
		select {
		case g.waiting[0].wake <- struct{}{}:
		default:
		}
	}
}

// window returns the window of now; the same one for as long as it holds.
func (g *gate) window(now time.Time, span time.Duration) *window {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.current.is(now, span) {
		g.current = newWindow(g.key, now, span)
	}
	return g.current
}

// day returns the counter of the day that it is in the provider's zone.
func (g *gate) day(now time.Time, zone *time.Location) string {
	today := date(now.In(zone))
	g.mu.Lock()
	defer g.mu.Unlock()
	if today != g.date {
		g.date, g.daily = today, "requests:"+today+":"+g.key
	}
	return g.daily
}
