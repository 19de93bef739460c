package embedded

import (
	"context"
	"sync"
)

// credits are the free places of the window.
type credits struct {
	mu   sync.Mutex
	free int
	more chan struct{} // closed when some come back; nil while nobody waits
}

// take waits until at least one is free, and takes up to most.
func (c *credits) take(ctx context.Context, most int) (int, error) {
	for {
		c.mu.Lock()
		if n := min(c.free, most); n > 0 {
			c.free -= n
			c.mu.Unlock()
			return n, nil
		}
		if c.more == nil {
			c.more = make(chan struct{})
		}
		more := c.more
		c.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

func (c *credits) give(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.free += n
	if c.more != nil && n > 0 {
		close(c.more)
		c.more = nil
	}
}
