package rss

import (
	"sync"
	"time"

	"catalyst/flows"
)

// health remembers what polls were told, for whoever asks meanwhile.
type health struct {
	mu   sync.Mutex
	seen flows.Health
}

// Health tells how the feed fares.
func (s *source) Health() flows.Health {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	return s.health.seen
}

// failed notes a poll that brought nothing.
func (h *health) failed(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seen.Failures++; h.seen.Failures == 1 {
		h.seen.FaultSince = time.Now()
	}
	h.seen.Fault = err
}

// answered notes a poll that was answered, if only with the word that nothing is new.
func (h *health) answered() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen.Answered = time.Now()
	h.seen.Fault, h.seen.Failures, h.seen.FaultSince = nil, 0, time.Time{}
}

// read notes what a document had, of which some entries were new. A date in the
// future says no more than that the entry is here.
func (h *health) read(doc *document, fresh int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen.Entries = len(doc.items)
	now, dated := time.Now(), false
	for _, it := range doc.items {
		if it.Published.IsZero() {
			continue
		}
		dated = true
		at := it.Published
		if at.After(now) {
			if fresh == 0 {
				continue // it was here before
			}
			at = now
		}
		if at.After(h.seen.Newest) {
			h.seen.Newest = at
		}
	}
	if !dated && fresh > 0 {
		h.seen.Newest = now
	}
}
