package quota

import (
	"strconv"
	"time"

	"catalyst/internal/store"
)

// A minute slides over counters of five seconds. What is summed up reaches back for the
// whole minute, whatever part of the oldest counter that includes, and for some time more,
// as a call is counted a little after its time was read. So no minute ever has
// more than its limit, at the price of up to seven seconds more to wait. It also
// reaches one counter ahead, where others may be whose clock, or whose answer from
// the store, was faster.
const (
	slots     = 12 // in a span
	slackPart = 30 // of a span: 2 s, twice as long as a store is waited for
)

// A window names the counters of one time.
type window struct {
	span             time.Duration
	now, from        int64    // slots
	requests, tokens []string // that of now first, then those before, the oldest first, then the next
}

func newWindow(key string, now time.Time, span time.Duration) *window {
	w := &window{span: span}
	w.now, w.from = w.bounds(now)
	for _, kind := range []struct {
		name     string
		counters *[]string
	}{{"requests", &w.requests}, {"tokens", &w.tokens}} {
		name := func(slot int64) string {
			return kind.name + ":" + strconv.FormatInt(slot, 10) + ":" + key
		}
		*kind.counters = append(*kind.counters, name(w.now))
		for slot := w.from; slot < w.now; slot++ {
			*kind.counters = append(*kind.counters, name(slot))
		}
		*kind.counters = append(*kind.counters, name(w.now+1))
	}
	return w
}

func (w *window) bounds(t time.Time) (now, from int64) {
	slot := int64(w.span / slots)
	return t.UnixNano() / slot, t.Add(-w.span-w.span/slackPart).UnixNano() / slot
}

// is reports whether w is the window of t.
func (w *window) is(t time.Time, span time.Duration) bool {
	if w == nil || w.span != span {
		return false
	}
	now, from := w.bounds(t)
	return now == w.now && from == w.from
}

func (w *window) keep() time.Duration { return 2 * w.span }

// room is how long it is, from now, until the meter has room for its amount, if nobody
// takes it before. used is what its counters stand at.
func (w *window) room(m store.Meter, used []int64, now time.Time) time.Duration {
	excess := store.Plus(sum(used), m.Amount) - m.Limit
	slot := w.from
	for _, n := range append(append([]int64(nil), used[1:len(used)-1]...), used[0]) { // by age
		if excess -= n; excess <= 0 {
			break
		}
		slot++
	}
	width := w.span / slots
	gone := time.Unix(0, (slot+1)*int64(width)).Add(w.span + w.span/slackPart)
	return max(width/100, gone.Sub(now))
}

func date(t time.Time) string { return t.Format(time.DateOnly) }

// nextDay is when the day of t ends where t is: at the first instant of the next date,
// which is no midnight where clocks are put forward at that hour.
func nextDay(t time.Time) time.Time {
	year, month, day := t.Date()
	next := time.Date(year, month, day+1, 0, 0, 0, 0, t.Location())
	if next.Day() == day { // there is no midnight
		_, next = next.ZoneBounds()
	}
	return next
}

// zone is where the provider's day begins at midnight.
func zone(a Ask) *time.Location {
	if a.Limits.ResetZone == nil {
		return time.UTC
	}
	return a.Limits.ResetZone
}
