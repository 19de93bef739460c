package load

import (
	"sync"
	"time"

	"catalyst/flows"
)

// A hurry is the time of day, until nothing is left but what waits for it: then the next of
// that need not wait any longer. At full speed the last items of a run would wait for company
// in their batch that does not come, as long as the whole run takes.
type hurry struct {
	left func() int // what has still to meet its fate; negative as long as there is more to come

	mu     sync.Mutex
	held   int
	timers []*alarm // in no order
}

type alarm struct {
	at    time.Time
	timer *time.Timer
	f     func()
}

var _ flows.Clock = (*hurry)(nil)

func (*hurry) Now() time.Time { return time.Now() }

// AfterFunc implements flows.Clock.
func (h *hurry) AfterFunc(d time.Duration, f func()) (stop func()) {
	a := &alarm{at: time.Now().Add(d), f: f}
	h.mu.Lock()
	defer h.mu.Unlock()
	a.timer = time.AfterFunc(d, func() {
		if h.forget(a) {
			f()
		}
	})
	h.timers = append(h.timers, a)
	return func() {
		if h.forget(a) {
			a.timer.Stop()
		}
	}
}

// forget takes a from the timers, and reports whether it was still among them.
func (h *hurry) forget(a *alarm) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, o := range h.timers {
		if o == a {
			last := len(h.timers) - 1
			h.timers[i], h.timers = h.timers[last], h.timers[:last]
			return true
		}
	}
	return false
}

// Hold implements flows.Clock.
func (h *hurry) Hold(n int) {
	h.mu.Lock()
	h.held += n
	h.mu.Unlock()
	h.look()
}

// look ends the next wait if there is nothing else.
func (h *hurry) look() {
	left := h.left()
	if left <= 0 {
		return
	}
	h.mu.Lock()
	var next *alarm
	for _, a := range h.timers {
		if next == nil || a.at.Before(next.at) {
			next = a
		}
	}
	waits := h.held >= left
	h.mu.Unlock()
	if waits && next != nil && h.forget(next) {
		next.timer.Stop()
		go next.f() // its caller may be the one who waits
	}
}
