package redis

import (
	"context"
	"time"
)

// Credits count messages. A window of small ones is nothing, one of megabytes
// would be more memory than a process should take, so bytes are bounded too.
const (
	maxHeldBytes = 64 << 20
	// entryCost is what an entry takes besides its own bytes, roughly.
	entryCost = 1 << 10
)

// size is roughly the memory that an entry takes.
func (e entry) size() int {
	n := entryCost
	for field, value := range e.Values {
		text, _ := value.(string)
		n += len(field) + len(text)
	}
	return n
}

// room returns how many entries like the recent ones may still be held, at least
// one. While nothing more may be held it waits; it returns 0 if ctx ends first.
func (s *subscription) room(ctx context.Context) int {
	for {
		s.mu.Lock()
		left, typical := maxHeldBytes-s.heldBytes, max(s.typicalBytes, entryCost)
		s.mu.Unlock()
		if left > 0 {
			return max(1, left/typical)
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return 0
		}
	}
}

// weigh books an entry that is taken into hand. The typical size rises at once and
// falls slowly, for large entries come in company. s.mu is held.
func (s *subscription) weigh(d *delivery) {
	d.bytes = d.size()
	s.heldBytes += d.bytes
	s.typicalBytes = max(d.bytes, s.typicalBytes-s.typicalBytes/64)
}
