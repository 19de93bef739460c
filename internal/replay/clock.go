package replay

import (
	"slices"
	"sync"
	"time"
)

// A Clock is turned by hand. It implements flows.Clock, and may be used concurrently;
// only one goroutine may turn it.
type Clock struct {
	changed func() // called after every Hold

	mu     sync.Mutex
	now    time.Time
	ahead  time.Duration // of now, for who asks for the time
	timers []*timer      // the next one first
	held   int
	turned time.Time // when it was last turned, in the time of day
}

type timer struct {
	at time.Time
	f  func()
}

// NewClock returns a clock that stands at a time. changed, if not nil, is told when
// something begins or ends to wait for it.
func NewClock(at time.Time, changed func()) *Clock {
	if changed == nil {
		changed = func() {}
	}
	return &Clock{now: at.UTC(), changed: changed}
}

// Now is the time that the pipeline is told.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now.Add(c.ahead)
}

// Steady is where the clock would stand if nobody had set it: timers, and the times of what
// is replayed, go by it.
func (c *Clock) Steady() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Jump sets the clock, by so much, as an operator or a time server does. Nothing that waits
// comes sooner or later for it.
func (c *Clock) Jump(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += by
}

// AfterFunc implements flows.Clock. Of two for the same time the first goes first.
func (c *Clock) AfterFunc(d time.Duration, f func()) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &timer{at: c.now.Add(d), f: f}
	i, _ := slices.BinarySearchFunc(c.timers, t.at, func(t *timer, at time.Time) int {
		if t.at.After(at) {
			return 1
		}
		return -1
	})
	c.timers = slices.Insert(c.timers, i, t)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.timers = slices.DeleteFunc(c.timers, func(o *timer) bool { return o == t })
	}
}

// Hold implements flows.Clock.
func (c *Clock) Hold(n int) {
	c.mu.Lock()
	c.held += n
	c.mu.Unlock()
	c.changed()
}

// Held is how many messages wait for the clock.
func (c *Clock) Held() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held
}

// Next is when something next waits for the clock, by [Clock.Steady]; false if nothing does.
func (c *Clock) Next() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.timers) == 0 {
		return time.Time{}, false
	}
	return c.timers[0].at, true
}

// Turn turns the clock to a time by [Clock.Steady], if it is not there yet. It calls nobody: Fire what
// comes before first.
func (c *Clock) Turn(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if to.After(c.now) {
		c.now, c.turned = to.UTC(), time.Now()
	}
}

// Turned is when the clock was last turned, in the time of day; zero if it was not.
func (c *Clock) Turned() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.turned
}

// Fire turns the clock to what waits for it next, and lets it go on.
func (c *Clock) Fire() {
	c.mu.Lock()
	if len(c.timers) == 0 {
		c.mu.Unlock()
		return
	}
	t := c.timers[0]
	c.timers = c.timers[1:]
	if t.at.After(c.now) {
		c.now, c.turned = t.at, time.Now()
	}
	c.mu.Unlock()
	t.f()
}
