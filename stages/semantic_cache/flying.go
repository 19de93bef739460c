package semanticcache

import (
	"strconv"
	"sync"
	"time"

	"catalyst/internal/likeness"
	"catalyst/internal/store"
)

const (
	// flight is how long an item that was sent on to a model gathers those like it.
	flight = 2 * time.Minute
	// maxFlying bounds the memory: a vector has 2 to 6 kB.
	maxFlying = 1024
)

// flying are the items that went on to a model lately. One that is like another of them
// is marked as of its group; whoever asks models asks once for a group.
//
// What is marked is a wish, not a promise: the one that went ahead may fail, and then the
// next of the group goes. Nothing is ever taken back from here; age does that.
type flying struct {
	mu    sync.Mutex
	order []*flown // oldest first
	of    map[store.Scope][]*flown
}

type flown struct {
	entry
	group string
	at    time.Time
}

// mark marks e's message as one of the group of an item like it, or as the first of a
// group of its own.
func (f *flying) mark(e entry, alike func(a, b entry) (float64, bool), now time.Time) {
	if e.vector == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.land(now)
	for _, ahead := range f.of[e.scope] {
		if similarity, ok := alike(ahead.entry, e); ok {
			likeness.Mark(e.message.SetMeta, ahead.group, similarity)
			return
		}
	}
	own := &flown{entry: e, group: digest([]string{e.scope.Namespace, e.scope.Tickers, e.hash, strconv.FormatInt(now.UnixNano(), 36)}), at: now}
	own.message = nil // which would be kept alive
	if f.of == nil {
		f.of = map[store.Scope][]*flown{}
	}
	f.of[e.scope] = append(f.of[e.scope], own)
	f.order = append(f.order, own)
	likeness.Mark(e.message.SetMeta, own.group, 1)
}

// land forgets what is too old, or too much.
func (f *flying) land(now time.Time) {
	for len(f.order) > 0 && (len(f.order) >= maxFlying || now.Sub(f.order[0].at) > flight) {
		gone := f.order[0]
		f.order[0] = nil
		f.order = f.order[1:]
		if left := f.of[gone.scope][1:]; len(left) > 0 { // of one scope the oldest is first, too
			f.of[gone.scope] = left
		} else {
			delete(f.of, gone.scope)
		}
	}
}

// alike is the test of the lookup, between two items of one scope.
func (s *stage) alike(a, b entry) (similarity float64, ok bool) {
	similarity = cosine(a.vector, b.vector)
	if a.hash == b.hash {
		similarity = 1
	}
	return similarity, similarity >= s.Similarity && b.subject.differs(a.subject, s.Window) == ""
}

// cosine of two unit vectors; 0 where they cannot be compared.
func cosine(a, b []float32) float64 {
	if len(a) != len(b) {
		return 0
	}
	var sum float64
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return min(sum, 1)
}
