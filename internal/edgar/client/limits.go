package client

import (
	"context"
	"fmt"
	"sync"
	"time"

	"catalyst/internal/fetch"
	"catalyst/internal/metrics"
	"catalyst/internal/store"
)

// PerSecond is how many requests are begun in any second. The SEC allows ten from all
// machines of a user together; two are left for what is on its way longer than others.
const PerSecond = 8

var (
	requests = metrics.Counter("edgar_requests_total", "Requests to EDGAR, by what came of them.", "result")
	waiting  = metrics.Histogram("edgar_wait_seconds", "How long requests to EDGAR waited for their turn.", metrics.Seconds)
	quietly  = metrics.Gauge("edgar_quiet_until_timestamp_seconds", "Until when EDGAR is not asked because it refused, in seconds since 1970; 0 if it did not.")
)

// Limits is what the requests of a process, and of all that share its store, keep to.
// It may be used concurrently.
type Limits struct {
	meters func() (store.Meters, error)
	notes  func() (store.Notes, error)

	mu      sync.Mutex
	next    time.Time // when the next request of this process may begin
	quiet   quiet     // the latest refusal that is known of
	unnoted bool      // the others have not been told of it
}

// NewLimits returns the limits of a process. The functions return the store that
// processes share, the same each time; they are first called for the first request.
func NewLimits(meters func() (store.Meters, error), notes func() (store.Notes, error)) *Limits {
	return &Limits{meters: meters, notes: notes}
}

// A StoreError says that requests could not be counted, so none was made.
type StoreError struct{ Err error }

func (e *StoreError) Error() string { return "keep to EDGAR's limit: " + e.Err.Error() }
func (e *StoreError) Unwrap() error { return e.Err }

// patience is how long the store is waited for.
const patience = 5 * time.Second

// wait returns when a request may begin, or with the reason why none may. Whether EDGAR
// refuses is looked up last: it may have begun meanwhile, in another process.
func (l *Limits) wait(ctx context.Context) error {
	if fetch.Answered(ctx) { // nobody is asked
		return nil
	}
	began := time.Now()
	if err := l.resting(ctx); err != nil {
		return err
	}
	if err := sleep(ctx, l.turn()); err != nil {
		return err
	}
	for try := 1; ; try++ {
		counted, err := l.count(ctx)
		if err != nil {
			return err
		}
		if err := l.heed(ctx); err != nil {
			return err
		}
		// On a machine that is busy the second in which it was counted may be over.
		if time.Since(counted) <= slot || try == counts {
			waiting.WithLabelValues().Observe(time.Since(began).Seconds())
			return nil
		}
	}
}

// counts is how often a request is counted at most: a store that always takes longer than a
// slot to answer delays all requests by as much.
const counts = 3

// turn gives this process's requests their places in a row, evenly: the requests of all
// processes are counted together, but a burst of ours should not push theirs aside.
func (l *Limits) turn() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.next.Before(now) {
		l.next = now
	}
	wait := l.next.Sub(now)
	l.next = l.next.Add(time.Second / PerSecond)
	return wait
}

// slot is the width of a counter of the sliding second.
const slot = 100 * time.Millisecond

// count waits until the second that ends now has room for one more request, and returns
// that now.
func (l *Limits) count(ctx context.Context) (now time.Time, err error) {
	meters, err := l.meters()
	if err != nil {
		return now, &StoreError{err}
	}
	for {
		now = time.Now()
		limited, cancel := context.WithTimeout(ctx, patience)
		taken, err := meters.Take(limited, []store.Meter{second(now)})
		cancel()
		switch {
		case ctx.Err() != nil:
			return now, ctx.Err()
		case err != nil:
			return now, &StoreError{err}
		case taken.OK:
			return now, nil
		}
		if err := sleep(ctx, slot/2); err != nil {
			return now, err
		}
	}
}

// second is the meter of the second that ends now. It sums up the counters of a whole
// second before that of now, so it reaches back up to a slot too far, and one slot ahead,
// where a process may be whose clock is faster.
func second(now time.Time) store.Meter {
	const slots = int64(time.Second / slot)
	at := now.UnixNano() / int64(slot)
	name := func(n int64) string { return fmt.Sprint("edgar:requests:", n) }
	m := store.Meter{Counters: []string{name(at), name(at + 1)}, Amount: 1, Limit: PerSecond, Keep: 5 * time.Second}
	for n := at - slots; n < at; n++ {
		m.Counters = append(m.Counters, name(n))
	}
	return m
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
