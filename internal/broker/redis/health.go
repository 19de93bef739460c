package redis

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// health tells a trouble once: when it begins and when it is over, however often
// and by however many loops it is met.
type health struct {
	log        *slog.Logger
	begin, end string // what to log

	mu    sync.Mutex
	since time.Time // zero while all is well
}

func (h *health) down(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.since.IsZero() {
		h.since = time.Now()
		h.log.Warn(h.begin, "error", err.Error())
	}
}

func (h *health) up() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.since.IsZero() {
		h.log.Info(h.end, "after", time.Since(h.since).Round(time.Millisecond).String())
		h.since = time.Time{}
	}
}

// isOutage reports whether err says that the server cannot be reached or does
// not serve at the moment, rather than that it refuses this request.
func isOutage(err error) bool {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return true
	}
	for _, prefix := range []string{"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY ", "NOREPLICAS", "MISCONF"} {
		if strings.HasPrefix(reply.Error(), prefix) {
			return true
		}
	}
	return false
}

// isNoGroup reports whether err says that the stream or its group is gone.
func isNoGroup(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "NOGROUP") ||
		strings.Contains(err.Error(), "no such key") ||
		strings.HasPrefix(err.Error(), "UNBLOCKED"))
}

// backoff is a wait that doubles from 50 ms to 2 s.
type backoff time.Duration

// wait sleeps, or returns false at once when ctx ends.
func (b *backoff) wait(ctx context.Context) bool {
	*b = min(max(*b*2, backoff(50*time.Millisecond)), backoff(2*time.Second))
	return pause(ctx, time.Duration(*b))
}

func (b *backoff) reset() { *b = 0 }

// pause waits, or returns false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
