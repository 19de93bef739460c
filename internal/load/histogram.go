package load

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// A Histogram counts durations in buckets that are at most 3 % wide, from nanoseconds to
// centuries. The zero value is empty and ready; it may be used concurrently.
type Histogram struct {
	n      atomic.Int64
	counts [buckets]atomic.Int64
}

// Each power of two is divided into so many buckets.
const (
	fineBits = 5
	fine     = 1 << fineBits
	buckets  = (64 - fineBits) * fine
)

// Add counts d; what is below zero counts as zero.
func (h *Histogram) Add(d time.Duration) {
	h.n.Add(1)
	h.counts[bucketOf(d)].Add(1)
}

// Count is how many durations there are.
func (h *Histogram) Count() int64 { return h.n.Load() }

// Quantile returns a duration that a share q of all do not exceed, at most 3 % too
// long; zero if there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	want := int64(q * float64(h.n.Load()))
	var seen int64
	last := 0
	for i := range h.counts {
		n := h.counts[i].Load()
		if n == 0 {
			continue
		}
		if seen += n; seen > want {
			return longest(i)
		}
		last = i
	}
	return longest(last)
}

func bucketOf(d time.Duration) int {
	v := uint64(max(d, 0))
	shift := max(0, bits.Len64(v)-fineBits-1)
	return shift*fine + int(v>>shift)
}

// longest is the longest duration that a bucket counts.
func longest(bucket int) time.Duration {
	shift := max(0, bucket/fine-1)
	return time.Duration(uint64(bucket-shift*fine+1)<<shift - 1)
}
