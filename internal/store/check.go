package store

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Check says what is wrong with a meter, whatever stands in the store.
func (m Meter) Check() error {
	switch {
	case len(m.Counters) == 0:
		return errors.New("a meter without a counter")
	case m.Holder != "" && len(m.Counters) > 1:
		return fmt.Errorf("holders are counted in one counter, not in %d", len(m.Counters))
	case m.Keep < time.Millisecond:
		return fmt.Errorf("counter %.100q is kept for %v: 1ms is the least", m.Counters[0], m.Keep)
	}
	return nil
}

// Plus adds amounts. It stays at the greatest or least number instead of going beyond it.
func Plus(a, b int64) int64 {
	switch sum := a + b; {
	case b > 0 && sum < a:
		return math.MaxInt64
	case b < 0 && sum > a:
		return math.MinInt64
	default:
		return sum
	}
}

// Clean returns the call as every database can keep it: its time in whole
// microseconds of UTC, each of its tickers once, and � in place of what is no text.
func (c Call) Clean() Call {
	c.At = c.At.UTC().Truncate(time.Microsecond)
	for _, s := range []*string{&c.Key, &c.Source, &c.Provider, &c.Model, &c.Prompt, &c.Status} {
		*s = text(*s)
	}
	tickers := make([]string, 0, len(c.Tickers))
	for _, ticker := range c.Tickers {
		if ticker = text(ticker); !slices.Contains(tickers, ticker) {
			tickers = append(tickers, ticker)
		}
	}
	c.Tickers = tickers
	return c
}

// text has no NUL and is UTF-8: PostgreSQL takes no other.
func text(s string) string {
	if !strings.Contains(s, "\x00") && utf8.ValidString(s) {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// SortSightings puts the earliest first.
func SortSightings(all []Sighting) {
	slices.SortFunc(all, func(a, b Sighting) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Source, b.Source))
	})
}
