// Package outage keeps work that can do without a helper from waiting for it: a
// cache that is down costs its users one time limit now and then, and one line
// in the log, instead of one of each for every call.
package outage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A Guard stands between its users and one helper. It may be used concurrently.
type Guard struct {
	Patience time.Duration // the longest a call may take; zero refuses all
	Rest     time.Duration // after a failure, how long nobody asks

	mu    sync.Mutex
	err   error // of the last call; nil while all is well
	until time.Time
}

// Do calls ask, within g's patience. If the helper failed less than g's rest ago,
// it returns that failure at once; after that one call finds out whether it has
// returned, and those beside it need not wait for the answer. began is true for the first failure after a
// success, the one to log. When ctx is cancelled nobody is to blame: Do returns
// ctx's error and notes nothing.
func (g *Guard) Do(ctx context.Context, ask func(context.Context) error) (began bool, err error) {
	if err := g.lasting(); err != nil {
		return false, err
	}
	limited, cancel := context.WithTimeout(ctx, g.Patience)
	defer cancel()
	err = ask(limited)
	if errors.Is(ctx.Err(), context.Canceled) {
		return false, ctx.Err()
	}
	return g.note(err), err
}

// lasting returns the failure of an outage in which it is too early to ask again, or
// somebody else asks.
func (g *Guard) lasting() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if g.err == nil {
		return nil
	}
	if !now.Before(g.until) {
		g.until = now.Add(g.Patience) // for the others
		return nil
	}
	return fmt.Errorf("not asked again yet: %w", g.err)
}

func (g *Guard) note(err error) (began bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	began = g.err == nil && err != nil
	g.err, g.until = err, time.Now().Add(g.Rest)
	return began
}
