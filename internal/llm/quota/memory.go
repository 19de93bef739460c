package quota

import (
	"strings"
	"sync"
	"time"

	"catalyst/internal/store"
)

// memory counts in this process. What it owes is what the store behind it has
// not been told.
type memory struct {
	mu      sync.Mutex
	tallies map[string]*tally
	owing   map[string]*tally // those with something owed
	swept   time.Time
}

type tally struct {
	value   int64 // with what is owed
	owed    int64
	keep    time.Duration
	expires time.Time
	read    time.Time            // when value was last read from the store
	changes uint64               // of value
	holders map[string]time.Time // until when; nil in a counter of amounts
}

const sweepEvery = time.Minute

// keepOf is how long the value of a counter is believed that only others count in.
// Money must not be forgotten while the store is away.
func keepOf(counter string) time.Duration {
	if strings.HasPrefix(counter, moneyPrefix) {
		return keepDays
	}
	return 2 * time.Minute
}

// of returns the tally of a counter, whose value is 0 if it has expired.
func (m *memory) of(counter string, now time.Time) *tally {
	t := m.tallies[counter]
	if t == nil {
		if m.tallies == nil {
			m.tallies, m.owing = make(map[string]*tally), make(map[string]*tally)
		}
		m.sweep(now)
		t = &tally{}
		m.tallies[counter] = t
	}
	return t
}

// sweep forgets what has expired, now and then.
func (m *memory) sweep(now time.Time) {
	if now.Sub(m.swept) < sweepEvery {
		return
	}
	m.swept = now
	for counter, t := range m.tallies {
		if !now.Before(t.expires) && t.owed == 0 && now.Sub(t.read) > sweepEvery {
			delete(m.tallies, counter)
		}
	}
}

func (m *memory) value(counter string, now time.Time) int64 {
	t := m.tallies[counter]
	switch {
	case t == nil:
		return 0
	case t.holders != nil:
		for holder, until := range t.holders {
			if !now.Before(until) {
				delete(t.holders, holder)
			}
		}
		return int64(len(t.holders))
	case !now.Before(t.expires) && t.owed == 0:
		return 0
	}
	return t.value
}

// take is Take of [store.Meters]. With owe, what is taken is owed to the store.
func (m *memory) take(meters []store.Meter, now time.Time, owe bool) store.Taken {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, meter := range meters {
		if meter.Holder != "" {
			meter.Amount = 1
		}
		if m.full(meter, now) {
			for _, taken := range meters[:i] {
				taken.Amount = -taken.Amount
				m.count(taken, now, owe)
			}
			used := make([]int64, len(meter.Counters))
			for j, counter := range meter.Counters {
				used[j] = m.value(counter, now)
			}
			return store.Taken{Full: i, Used: used}
		}
		m.count(meter, now, owe)
	}
	return store.Taken{OK: true}
}

// full reports whether a meter has no room. Whoever holds a place has it.
func (m *memory) full(meter store.Meter, now time.Time) bool {
	switch {
	case meter.Limit < 0:
		return false
	case meter.Holder != "":
		places := m.value(meter.Counters[0], now)
		t := m.tallies[meter.Counters[0]]
		return places >= meter.Limit && (t == nil || t.holders[meter.Holder].IsZero())
	}
	over := store.Plus(meter.Amount, -meter.Limit)
	for _, counter := range meter.Counters {
		over = store.Plus(over, m.value(counter, now))
	}
	return over > 0
}

// count adds an amount, or does with a holder as Add of [store.Meters] says.
func (m *memory) count(meter store.Meter, now time.Time, owe bool) {
	t := m.of(meter.Counters[0], now)
	if meter.Holder != "" {
		t.place(meter, now)
		return
	}
	t.value = store.Plus(m.value(meter.Counters[0], now), meter.Amount)
	t.keep, t.expires = meter.Keep, now.Add(meter.Keep)
	t.changes++
	if owe {
		t.owed = store.Plus(t.owed, meter.Amount)
		m.owing[meter.Counters[0]] = t
	}
}

func (t *tally) place(meter store.Meter, now time.Time) {
	if t.holders == nil {
		t.holders = make(map[string]time.Time)
	}
	_, held := t.holders[meter.Holder]
	switch {
	case meter.Amount < 0:
		delete(t.holders, meter.Holder)
	case meter.Amount > 0 || held:
		t.holders[meter.Holder] = now.Add(meter.Keep)
	}
	t.expires = now.Add(meter.Keep)
}

// add is Add of [store.Meters]. owe says which of the amounts are owed to the store.
func (m *memory) add(meters []store.Meter, now time.Time, owe func(amount int64) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, meter := range meters {
		m.count(meter, now, owe(meter.Amount))
	}
}

func (m *memory) used(counters []string, now time.Time) []int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	values := make([]int64, len(counters))
	for i, counter := range counters {
		values[i] = m.value(counter, now)
	}
	return values
}

// debts is what is owed.
func (m *memory) debts() []store.Meter {
	m.mu.Lock()
	defer m.mu.Unlock()
	var meters []store.Meter
	for counter, t := range m.owing {
		if t.owed == 0 {
			delete(m.owing, counter)
			continue
		}
		meters = append(meters, store.Meter{Counters: []string{counter}, Amount: t.owed, Limit: -1, Keep: t.keep})
	}
	return meters
}

// paid says that the store was told of some of what is owed.
func (m *memory) paid(meters []store.Meter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, meter := range meters {
		counter := meter.Counters[0]
		t := m.owing[counter]
		if t == nil {
			continue
		}
		if t.owed -= meter.Amount; t.owed == 0 {
			delete(m.owing, counter)
		}
	}
}
