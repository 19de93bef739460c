package edgar

import (
	"sync"
	"time"

	"catalyst/flows"
)

// health remembers what EDGAR said, for whoever asks meanwhile.
type health struct {
	mu   sync.Mutex
	seen flows.Health
}

// Health implements [flows.Witness].
func (s *source) Health() flows.Health {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	return s.health.seen
}

// failed notes a look that brought nothing, or not all.
func (h *health) failed(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seen.Failures++; h.seen.Failures == 1 {
		h.seen.FaultSince = time.Now()
	}
	h.seen.Fault = err
}

// answered notes a page, how many entries it had if it is the first one.
func (h *health) answered(entries int, first bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen.Answered = time.Now()
	h.seen.Fault, h.seen.Failures, h.seen.FaultSince = nil, 0, time.Time{}
	if first {
		h.seen.Entries = entries
	}
}

// read notes when the newest filing of a reading was accepted, but no time in the future.
func (h *health) read(newest time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := time.Now(); newest.After(now) {
		newest = now
	}
	if newest.After(h.seen.Newest) {
		h.seen.Newest = newest
	}
}
