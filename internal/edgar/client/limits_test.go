package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"catalyst/internal/store"
)

// A memory is a store of meters and notes without expiry, for tests in bubbles, where
// no server can be. While err is set it fails.
type memory struct {
	mu       sync.Mutex
	err      error
	late     []time.Duration // of the next answers of Take
	counters map[string]int64
	notes    map[string][]byte
}

func newMemory() *memory {
	return &memory{counters: make(map[string]int64), notes: make(map[string][]byte)}
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

func (m *memory) Take(_ context.Context, meters []store.Meter) (store.Taken, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.late) > 0 {
		defer time.Sleep(m.late[0])
		m.late = m.late[1:]
	}
	if m.err != nil {
		return store.Taken{}, m.err
	}
	for i, meter := range meters {
		sum := meter.Amount
		for _, counter := range meter.Counters {
			sum += m.counters[counter]
		}
		if sum > meter.Limit {
			return store.Taken{Full: i}, nil
		}
		m.counters[meter.Counters[0]] += meter.Amount
	}
	return store.Taken{OK: true}, nil
}

func (m *memory) Add(context.Context, []store.Meter) error { return nil }

func (m *memory) Used(_ context.Context, counters []string) ([]int64, error) {
	return make([]int64, len(counters)), nil
}

func (m *memory) Notes(_ context.Context, names []string) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	values := make([][]byte, len(names))
	for i, name := range names {
		values[i] = m.notes[name]
	}
	return values, m.err
}

func (m *memory) Note(_ context.Context, name string, value []byte, _ time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.notes[name] = value
	}
	return m.err
}

// limits are those of one more process that shares m.
func (m *memory) limits() *Limits {
	return NewLimits(func() (store.Meters, error) { return m, nil }, func() (store.Notes, error) { return m, nil })
}

func TestNoSecondHasMoreThanItsRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const processes, each = 3, 40
		shared := newMemory()
		began := time.Now()
		var mu sync.Mutex
		var grants []time.Time
		var wg sync.WaitGroup
		for range processes {
			l := shared.limits()
			for range each {
				wg.Go(func() {
					if err := l.wait(t.Context()); err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					grants = append(grants, time.Now())
				})
			}
		}
		wg.Wait()
		slices.SortFunc(grants, time.Time.Compare)
		for i := range grants {
			if i >= PerSecond && grants[i].Sub(grants[i-PerSecond]) < time.Second {
				t.Fatalf("%d requests within %v", PerSecond+1, grants[i].Sub(grants[i-PerSecond]))
			}
		}
		if took, most := time.Since(began), processes*each*time.Second/PerSecond*5/4; took > most {
			t.Errorf("%d requests took %v, want %v at most", processes*each, took, most)
		}
	})
}

func TestOneProcessAsksEvenly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newMemory().limits()
		began := time.Now()
		for range 3 {
			if err := l.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := time.Since(began), 2*time.Second/PerSecond; got != want {
			t.Errorf("three requests took %v, want %v", got, want)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := l.wait(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("an ended context: %v", err)
		}
	})
}

func TestARefusalSilencesAllProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newMemory()
		one, other := shared.limits(), shared.limits()
		began := time.Now()
		var refused *RefusedError
		if err := one.refused(t.Context(), traffic, rest); !errors.As(err, &refused) || refused.Wait() < rest {
			t.Fatalf("refused: %v, want a pause of ten minutes", err)
		}
		for name, l := range map[string]*Limits{"the one": one, "another": other, "one started later": shared.limits()} {
			if err := l.wait(t.Context()); !errors.As(err, &refused) || refused.Why != traffic {
				t.Errorf("%s: %v, want the refusal", name, err)
			}
		}
		time.Sleep(rest - time.Since(began) - time.Millisecond)
		if err := shared.limits().wait(t.Context()); !errors.As(err, &refused) {
			t.Errorf("before ten minutes have passed: %v, want the refusal", err)
		}
		time.Sleep(rest / 10)
		for name, l := range map[string]*Limits{"the one": one, "another": other} {
			if err := l.wait(t.Context()); err != nil {
				t.Errorf("%s, later: %v", name, err)
			}
		}
	})
}

func TestARefusalIsToldWhenTheStoreIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newMemory()
		one, other := shared.limits(), shared.limits()
		shared.fail(errors.New("down"))
		one.refused(t.Context(), undeclared, rest)
		var refused *RefusedError
		if err := one.wait(t.Context()); !errors.As(err, &refused) {
			t.Errorf("while the store is down: %v, want the refusal", err)
		}
		shared.fail(nil)
		if err := one.wait(t.Context()); !errors.As(err, &refused) || !strings.Contains(err.Error(), "set contact to") {
			t.Errorf("%v, want the refusal and what to do", err)
		}
		if err := other.wait(t.Context()); !errors.As(err, &refused) {
			t.Errorf("another process: %v, want the refusal", err)
		}
	})
}

func TestNobodyAsksWhatNobodyCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newMemory()
		shared.fail(errors.New("down"))
		var fault *StoreError
		if err := shared.limits().wait(t.Context()); !errors.As(err, &fault) {
			t.Errorf("error %v, want one of the store", err)
		}
		unopened := func() (store.Meters, error) { return nil, errors.New("no file") }
		if err := NewLimits(unopened, nil).wait(t.Context()); !errors.As(err, &fault) || !strings.Contains(err.Error(), "no file") {
			t.Errorf("error %v, want one of the store", err)
		}
	})
}

func TestAWrongClockSilencesNobodyForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newMemory()
		shared.notes[quietNote] = fmt.Appendf(nil, `{"why":"x","until":%q}`, time.Now().AddDate(1, 0, 0).Format(time.RFC3339))
		l := shared.limits()
		var refused *RefusedError
		if err := l.wait(t.Context()); !errors.As(err, &refused) || refused.Wait() > 2*time.Hour {
			t.Errorf("error %v, want a refusal of two hours at most", err)
		}
		shared.notes[quietNote] = []byte("nonsense")
		if err := shared.limits().wait(t.Context()); err != nil {
			t.Errorf("a note that is nonsense: %v", err)
		}
	})
}

// What was counted in a second that is over when the answer comes is counted again in the one
// in which the request begins; but a store that is always late holds nothing up for good.
func TestALateAnswerIsCountedAgain(t *testing.T) {
	const late = 2 * time.Second
	for name, c := range map[string]struct {
		late   []time.Duration
		counts int64
	}{
		"in time":     {[]time.Duration{slot}, 1},
		"late once":   {[]time.Duration{late}, 2},
		"late always": {[]time.Duration{late, late, late, late, late}, counts},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemory()
				m.late = c.late
				if err := m.limits().wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				var sum int64
				for _, n := range m.counters {
					sum += n
				}
				if sum != c.counts {
					t.Errorf("counted %d times, want %d", sum, c.counts)
				}
			})
		})
	}
}
