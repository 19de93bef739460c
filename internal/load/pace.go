package load

import (
	"sync"
	"sync/atomic"
	"time"
)

// A pace notes when things happened, however many, in a bounded space: of more than it
// has room for, every second one, then every fourth, and so on.
type pace struct {
	mu    sync.Mutex
	n     int // things so far
	every int // of which one in so many is noted; a power of two
	at    []time.Duration
}

// paceRoom is how many times are kept; half as many are enough for a rate to a thousandth.
const paceRoom = 4096

func (p *pace) note(now time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.every = max(p.every, 1)
	if p.n%p.every == 0 {
		if len(p.at) == paceRoom {
			for i := range paceRoom / 2 {
				p.at[i] = p.at[2*i]
			}
			p.at, p.every = p.at[:paceRoom/2], 2*p.every
		}
		p.at = append(p.at, now) // a full room held an even number: this one is noted still
	}
	p.n++
}

// perSecond is how many things happened a second, the last hundredth left out: the last
// batch may wait for company that does not come.
func (p *pace) perSecond() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := (p.n*99/100 - 1) / max(p.every, 1)
	if last < 1 {
		return 0
	}
	if over := p.at[last] - p.at[0]; over > 0 {
		return float64(last*p.every) / over.Seconds()
	}
	return 0
}

// marks remember of so many things which have happened.
type marks []atomic.Uint64

func newMarks(n int) marks { return make(marks, (n+63)/64) }

// set reports whether the mark was not set before.
func (b marks) set(n int) bool {
	mask := uint64(1) << (n % 64)
	return b[n/64].Or(mask)&mask == 0
}
