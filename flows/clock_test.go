package flows

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// A handClock is turned by the test, to whatever waits next.
type handClock struct {
	mu     sync.Mutex
	now    time.Time
	held   int
	timers []handTimer
}

type handTimer struct {
	at time.Time
	f  func()
}

func (c *handClock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }
func (c *handClock) Hold(n int)     { c.mu.Lock(); defer c.mu.Unlock(); c.held += n }

func (c *handClock) AfterFunc(d time.Duration, f func()) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := handTimer{c.now.Add(d), f}
	c.timers = append(c.timers, t)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.timers = slices.DeleteFunc(c.timers, func(o handTimer) bool { return o.at.Equal(t.at) })
	}
}

func (c *handClock) fire() (passed time.Duration) {
	c.mu.Lock()
	t := c.timers[0]
	c.timers = c.timers[1:]
	passed, c.now = t.at.Sub(c.now), t.at
	c.mu.Unlock()
	t.f()
	return passed
}

// Whatever the engine lets a message wait for is the clock's, and the clock knows when
// everybody waits for it: at no other time may it be turned.
func TestMessagesWaitForTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := &handClock{now: time.Unix(0, 0)}
		g := newGather(Grouping{Size: 3, Wait: time.Hour}, clock, make(chan struct{}))
		g.In() <- messages(2)
		synctest.Wait()
		if clock.held != 2 {
			t.Fatalf("%d messages wait for the clock, want 2", clock.held)
		}
		out := make(chan any, 1)
		go func() { out <- <-g.Out() }()
		if passed := clock.fire(); passed != time.Hour || clock.held != 0 {
			t.Errorf("after %v %d messages wait, want an hour and none", passed, clock.held)
		}
		if n := len((<-out).([]*Message)); n != 2 {
			t.Errorf("a batch of %d, want 2", n)
		}
		close(g.In())
	})
}

func TestRetriesWaitForTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock, tries := &handClock{now: time.Unix(0, 0)}, 0
		r := Retry{Attempts: 2, Delay: time.Hour, Max: time.Hour}
		handle := retry(r, clock, nil, quietLog)(func(*message.Message) ([]*message.Message, error) {
			tries++
			return nil, errors.New("no")
		})
		done := make(chan struct{})
		go func() { handle(message.NewMessage("a", nil)); close(done) }()
		synctest.Wait()
		if clock.held != 1 || tries != 1 {
			t.Fatalf("%d wait after %d tries, want 1 after 1", clock.held, tries)
		}
		if passed := clock.fire(); passed != r.backoff("a", 1) || passed < 30*time.Minute || passed > 90*time.Minute {
			t.Errorf("the second try comes after %v, want an hour ± 50 %%", passed)
		}
		<-done
		if tries != 2 || clock.held != 0 {
			t.Errorf("%d tries, %d wait; want 2 and none", tries, clock.held)
		}
	})
}

func TestParkedMessagesWaitForTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock, down, stop := &handClock{now: time.Unix(0, 0)}, true, make(chan struct{})
		g := newGate(quietLog, clock)
		handle := park(g, stop, func(*message.Message, error) {})(func(*message.Message) ([]*message.Message, error) {
			if down {
				return nil, Unavailable("redis", errors.New("down"), 30*time.Minute)
			}
			return nil, nil
		})
		var all sync.WaitGroup
		for range 3 { // the first is parked, the others do not come in
			all.Go(func() { handle(message.NewMessage("a", nil)) })
			synctest.Wait()
		}
		for range 2 {
			if clock.held != 3 || len(clock.timers) != 1 {
				t.Fatalf("%d wait for %d probes, want 3 for 1", clock.held, len(clock.timers))
			}
			if passed := clock.fire(); passed != 30*time.Minute {
				t.Errorf("a probe after %v, want half an hour", passed)
			}
			synctest.Wait()
		}
		down = false
		clock.fire()
		all.Wait()
		if clock.held != 0 {
			t.Errorf("%d wait after the outage", clock.held)
		}
	})
}
