package redis

import (
	"context"
	"sync"
	"time"
)

// credits are the places in a Subscriber's window. Readers of all its topics
// take from them before they read; a settled message puts one back.
type credits struct {
	mu    sync.Mutex
	free  int
	chunk int           // below so many free, a taker waits a moment for more
	some  chan struct{} // holds a token whenever free > 0 and nobody is about to take
}

func newCredits(n int) *credits {
	c := &credits{chunk: min(n, max(1, min(n/4, 100))), some: make(chan struct{}, 1)}
	c.put(n)
	return c
}

// put returns n credits.
func (c *credits) put(n int) {
	if n == 0 {
		return
	}
	c.mu.Lock()
	c.free += n
	c.mu.Unlock()
	c.tell()
}

func (c *credits) tell() {
	select {
	case c.some <- struct{}{}:
	default:
	}
}

// take waits for a free credit and takes up to limit; none if ctx ends first.
//
// A full window comes free one message at a time, and a read for each would
// cost more than the messages: take then waits a millisecond for company.
func (c *credits) take(ctx context.Context, limit int) int {
	for {
		select {
		case <-c.some:
		case <-ctx.Done():
			return 0
		}
		if c.available() < min(limit, c.chunk) {
			time.Sleep(time.Millisecond)
		}
		c.mu.Lock()
		n := min(c.free, limit)
		c.free -= n
		left := c.free > 0
		c.mu.Unlock()
		if left {
			c.tell()
		}
		if n > 0 {
			return n
		}
	}
}

func (c *credits) available() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.free
}
