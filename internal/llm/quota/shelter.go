package quota

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"catalyst/internal/store"
)

// patience is how long a store is waited for.
const patience = time.Second

// A shelter asks the store and remembers its answers. When the store fails it counts in
// memory, asks no more, and owes the store what it counted until recover finds it back.
type shelter struct {
	store store.Meters
	log   *slog.Logger
	memory
	away bool // guarded by memory.mu
}

func newShelter(m store.Meters, log *slog.Logger) *shelter { return &shelter{store: m, log: log} }

var errAway = errors.New("the store is away")

// ask asks the store, unless it is away, and notes it if it fails. sent reports that
// the store may have done it though it failed.
func (s *shelter) ask(ctx context.Context, f func(context.Context) error) (sent bool, err error) {
	if s.isAway() {
		return false, errAway
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err = f(limited); err != nil && ctx.Err() == nil {
		s.leave(err)
	}
	return true, err
}

func (s *shelter) isAway() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.away
}

func (s *shelter) leave(err error) {
	s.mu.Lock()
	began := !s.away
	s.away = true
	s.mu.Unlock()
	if began {
		s.log.Warn("llm_quota_alone", "error", err,
			"effect", "this process counts limits and budgets for itself, from the last sums it knows, until the store is back")
	}
}

// Take implements [store.Meters]. Its error is always nil.
func (s *shelter) Take(ctx context.Context, meters []store.Meter) (taken store.Taken, err error) {
	_, err = s.ask(ctx, func(ctx context.Context) error {
		taken, err = s.store.Take(ctx, meters)
		return err
	})
	now := time.Now()
	switch {
	case err != nil:
		// It may have been taken there too: counted twice rather than not at all.
		return s.take(meters, now, true), nil
	case taken.OK:
		s.add(meters, now, nothing)
	}
	return taken, nil
}

// Add implements [store.Meters]. Its error is always nil.
func (s *shelter) Add(ctx context.Context, meters []store.Meter) error {
	sent, err := s.ask(ctx, func(ctx context.Context) error { return s.store.Add(ctx, meters) })
	owe := nothing
	switch {
	case err == nil:
	case sent:
		owe = positive
	default:
		owe = everything
	}
	s.add(meters, time.Now(), owe)
	return nil
}

func nothing(int64) bool         { return false }
func everything(int64) bool      { return true }
func positive(amount int64) bool { return amount > 0 } // what may be there already is not taken off twice

// Used implements [store.Meters]. Its error is always nil, unless ctx has ended.
func (s *shelter) Used(ctx context.Context, counters []string) ([]int64, error) {
	before := s.versions(counters)
	var used []int64
	_, err := s.ask(ctx, func(ctx context.Context) (err error) {
		used, err = s.store.Used(ctx, counters)
		return err
	})
	now := time.Now()
	if err != nil {
		return s.used(counters, now), ctx.Err()
	}
	s.correct(counters, before, used, now)
	return used, nil
}

// versions tells which counters change meanwhile.
func (s *shelter) versions(counters []string) []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	versions := make([]uint64, len(counters))
	for i, counter := range counters {
		if t := s.tallies[counter]; t != nil {
			versions[i] = t.changes
		}
	}
	return versions
}

// correct takes over what the store's counters stand at, but for those that changed here.
func (s *shelter) correct(counters []string, before []uint64, used []int64, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, counter := range counters {
		t := s.tallies[counter]
		if t == nil {
			if used[i] == 0 {
				continue
			}
			t = s.of(counter, now)
			t.keep = keepOf(counter)
		}
		if t.changes == before[i] && t.owed == 0 && t.holders == nil {
			t.value, t.expires = used[i], now.Add(t.keep)
		}
	}
}

// recover tells a store that was away what it is owed, and trusts it again once that is
// nothing. It reports whether the store is back.
func (s *shelter) recover(ctx context.Context) (back bool) {
	for s.isAway() {
		debts := s.debts()
		if len(debts) > 0 {
			limited, cancel := context.WithTimeout(ctx, patience)
			err := s.store.Add(limited, debts)
			cancel()
			if err != nil {
				// It may have been told: what it would be given back stays taken.
				s.paid(slices.DeleteFunc(debts, func(m store.Meter) bool { return positive(m.Amount) }))
				return false
			}
			s.paid(debts)
		} else if !s.answers(ctx) {
			return false
		}
		s.mu.Lock()
		if s.away = len(s.owing) > 0; !s.away {
			back = true
			s.log.Info("llm_quota_together", "effect", "limits and budgets hold for all processes together again")
		}
		s.mu.Unlock()
	}
	return back
}

func (s *shelter) answers(ctx context.Context) bool {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := s.store.Used(limited, []string{"calls"})
	return err == nil
}
