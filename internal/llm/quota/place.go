package quota

import (
	"strconv"
	"time"

	"catalyst/internal/store"
)

// A place is one of those that all processes share. A call leaves it to the next one that
// waits here, which spares both a request to the store, until it is time to let other
// processes have it: they look now and then, see lookMin, and quick calls in a row would
// leave them no gap.
type place struct {
	meter store.Meter
	until time.Time
}

func (p place) held() bool { return p.meter.Holder != "" }

const leaveFor = 10 * time.Millisecond // after it was taken from the store

// wanted is a place of the store for a call.
func (q *Quota) wanted(g *gate, a Ask) store.Meter {
	return store.Meter{
		Counters: []string{g.places}, Amount: 1, Limit: int64(a.Limits.Concurrency), Keep: lease,
		Holder: q.process + "-" + strconv.FormatUint(q.holders.Add(1), 36),
	}
}

// leaveTo leaves p to one that waits. It reports whether there is one, and time.
func (g *gate) leaveTo(p place) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.left) >= len(g.waiting) || !time.Now().Before(p.until) {
		return false
	}
	g.left = append(g.left, p)
	return true
}

// takeOver returns a place that was left; the zero place if there is none.
func (g *gate) takeOver() (p place) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.left) > 0 {
		p, g.left = g.left[0], g.left[1:]
	}
	return p
}

// unclaimed takes the places that were left for more calls than still wait.
func (g *gate) unclaimed() (places []place) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.left), len(g.waiting))
	places, g.left = g.left[n:], g.left[:n:n]
	return places
}

// giveBack lets other processes have places.
func (q *Quota) giveBack(places ...place) {
	var back []store.Meter
	for _, p := range places {
		back = append(back, q.back(p))
	}
	q.add(back)
}

// back is what gives a place back; until then it is renewed no more.
func (q *Quota) back(p place) store.Meter {
	q.places.drop(p.meter.Holder)
	m := p.meter
	m.Amount = -1
	return m
}
