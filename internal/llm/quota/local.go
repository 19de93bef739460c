package quota

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"catalyst/internal/outage"
	"catalyst/internal/store"
)

// LocalMeters are [store.Meters] in memory, before a store in a file: see [Local].
type LocalMeters struct {
	memory
	store store.Meters
	log   *slog.Logger
	now   func() time.Time
	guard outage.Guard
	turn  chan struct{} // holds one: who may ask the store

	kick, stop, stopped chan struct{}
	close               sync.Once
	closed              error
}

// Local returns meters that count in memory, exactly within this process. What they
// count is written to m at once, in groups and in order, while callers go on; a
// process that is killed loses the last hundredth of a second of it, or so. What m has is read when
// a counter is first needed, and again each second that it is needed in, so that processes
// that share a file know of each other soon, though not at once. Places of holders are
// kept in this process only.
//
// They do not fail when m does: they count on, and write it later. Close writes what is
// left.
func Local(m store.Meters, log *slog.Logger) *LocalMeters {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	l := &LocalMeters{
		store: m, log: log, now: time.Now, guard: outage.Guard{Patience: patience, Rest: patience}, turn: make(chan struct{}, 1),
		kick: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	go l.run()
	return l
}

// fresh is for how long a counter read from the store is believed.
const fresh = time.Second

// Take implements [store.Meters].
func (l *LocalMeters) Take(ctx context.Context, meters []store.Meter) (store.Taken, error) {
	if err := sound(ctx, meters); err != nil {
		return store.Taken{}, err
	}
	now := l.now()
	if stale := l.staleOf(meters, now); len(stale) > 0 {
		l.read(ctx, stale)
		now = l.now()
	}
	taken := l.take(meters, now, true)
	if taken.OK {
		l.write()
	}
	return taken, nil
}

// Add implements [store.Meters].
func (l *LocalMeters) Add(ctx context.Context, meters []store.Meter) error {
	if err := sound(ctx, meters); err != nil {
		return err
	}
	l.add(meters, l.now(), everything)
	l.write()
	return nil
}

// Used implements [store.Meters].
func (l *LocalMeters) Used(ctx context.Context, counters []string) ([]int64, error) {
	if stale := l.stale(counters, l.now()); len(stale) > 0 {
		l.read(ctx, stale)
	}
	return l.used(counters, l.now()), ctx.Err()
}

func sound(ctx context.Context, meters []store.Meter) error {
	for _, m := range meters {
		if err := m.Check(); err != nil {
			return fmt.Errorf("count in memory: %w", err)
		}
	}
	return ctx.Err()
}

// write has what is owed written.
func (l *LocalMeters) write() {
	select {
	case l.kick <- struct{}{}:
	default: // it will be
	}
}

// staleOf returns the counters of meters that are to be read first.
func (l *LocalMeters) staleOf(meters []store.Meter, now time.Time) (stale []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range meters {
		if m.Holder != "" {
			continue
		}
		for _, counter := range m.Counters {
			t := l.of(counter, now)
			t.keep = m.Keep
			if now.Sub(t.read) >= fresh {
				stale = append(stale, counter)
			}
		}
	}
	return stale
}

// stale returns those of counters that are to be read first.
func (l *LocalMeters) stale(counters []string, now time.Time) (stale []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, counter := range counters {
		t := l.tallies[counter]
		if t == nil || t.holders == nil && now.Sub(t.read) >= fresh {
			stale = append(stale, counter)
		}
	}
	return stale
}

// read reads counters, unless somebody else does so first.
func (l *LocalMeters) read(ctx context.Context, counters []string) {
	began, err := l.guard.Do(ctx, func(ctx context.Context) error {
		select {
		case l.turn <- struct{}{}:
			defer func() { <-l.turn }()
		case <-ctx.Done():
			return ctx.Err()
		}
		counters := l.stale(counters, l.now())
		if len(counters) == 0 {
			return nil
		}
		used, err := l.store.Used(ctx, counters)
		if err == nil {
			l.believe(counters, used, l.now())
		}
		return err
	})
	if began {
		l.log.Warn("llm_quota_unread", "error", err,
			"effect", "limits and budgets are counted from the last sums that are known, or from 0")
	}
}

// believe takes over what was read while nothing was being written.
func (l *LocalMeters) believe(counters []string, used []int64, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, counter := range counters {
		t := l.tallies[counter]
		if t == nil {
			if used[i] == 0 {
				continue
			}
			t = l.of(counter, now)
			t.keep = keepOf(counter)
		}
		t.value, t.read = store.Plus(used[i], t.owed), now
		if used[i] != 0 {
			t.expires = now.Add(t.keep)
		}
	}
}

// pace is the time between two writes, so that a burst of calls is not slowed down by
// as many.
const pace = 10 * time.Millisecond

// run writes whenever something is owed.
func (l *LocalMeters) run() {
	defer close(l.stopped)
	var again <-chan time.Time // the next write, if that cannot be at once
	failing := false
	for {
		select {
		case <-l.kick:
			if again != nil {
				continue
			}
		case <-again:
		case <-l.stop:
			_, l.closed = l.flush()
			return
		}
		wrote, err := l.flush()
		if err != nil && !failing {
			l.log.Warn("llm_quota_unwritten", "error", err, "effect", "what is used of limits and budgets is kept in memory and written later")
		}
		switch failing = err != nil; {
		case failing:
			again = time.After(patience)
		case wrote:
			again = time.After(pace)
		default:
			again = nil
		}
	}
}

const writeTimeout = 5 * time.Second

// flush writes what is owed, and reports whether that was anything.
func (l *LocalMeters) flush() (wrote bool, err error) {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	debts := l.debts()
	if len(debts) == 0 {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	if err := l.store.Add(ctx, debts); err != nil {
		return false, err
	}
	l.paid(debts)
	return true, nil
}

// Close writes what is left. The meters must not be used after it. A second call
// returns what the first did.
func (l *LocalMeters) Close() error {
	l.close.Do(func() { close(l.stop) })
	<-l.stopped
	if l.closed != nil {
		return fmt.Errorf("write what was used of limits: %w", l.closed)
	}
	return nil
}
