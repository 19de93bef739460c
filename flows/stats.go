package flows

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// StepStats counts what a stage, boundary or sink did with messages. At any
// time when nothing is in its hands
//
//	in + added = out + Σ dropped + failed + parked
type StepStats struct {
	in, out, added, failed, parked, forgiven, bugs atomic.Int64

	mu      sync.Mutex
	dropped map[string]int64 // by reason

	batches, nanos atomic.Int64
	buckets        [len(latencyBounds) + 1]atomic.Int64
}

// latencyBounds are the upper bounds of the latency buckets, for one batch.
var latencyBounds = [...]time.Duration{
	100 * time.Microsecond, time.Millisecond, 5 * time.Millisecond, 25 * time.Millisecond,
	100 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second, 5 * time.Second,
	10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute,
}

func (s *StepStats) drop(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dropped == nil {
		s.dropped = make(map[string]int64)
	}
	s.dropped[reason]++
}

func (s *StepStats) observe(d time.Duration) {
	s.batches.Add(1)
	s.nanos.Add(int64(d))
	for i, bound := range latencyBounds {
		if d <= bound {
			s.buckets[i].Add(1)
			return
		}
	}
	s.buckets[len(latencyBounds)].Add(1)
}

// A StepCount is a reading of StepStats.
type StepCount struct {
	Segment string // the topic it reads
	Stage   string // the name in pipeline.yaml
	Kind    string

	In, Out int64
	Added   int64 // messages made by splitting, less those they replace
	Dropped map[string]int64
	Failed  int64
	Parked  int64
	// Forgiven messages failed and went on, as on_error: pass has it. They are part of Out.
	Forgiven int64
	// Bugs are messages the stage forgot or made up.
	Bugs int64

	Batches int64
	Busy    time.Duration // sum over batches
	// Buckets count batches by the longest time in seconds they took, cumulatively,
	// as Prometheus has it.
	Buckets map[float64]uint64
}

func (s *StepStats) read() StepCount {
	s.mu.Lock()
	dropped := maps.Clone(s.dropped)
	s.mu.Unlock()
	c := StepCount{
		In: s.in.Load(), Out: s.out.Load(), Added: s.added.Load(), Dropped: dropped,
		Failed: s.failed.Load(), Parked: s.parked.Load(), Forgiven: s.forgiven.Load(), Bugs: s.bugs.Load(),
		Batches: s.batches.Load(), Busy: time.Duration(s.nanos.Load()),
	}
	c.Buckets = make(map[float64]uint64, len(latencyBounds))
	var sum uint64
	for i, bound := range latencyBounds {
		sum += uint64(s.buckets[i].Load())
		c.Buckets[bound.Seconds()] = sum
	}
	return c
}

// segmentStats counts passes of messages through a segment. A message that is
// tried again passes again.
type segmentStats struct {
	in, delivered, dropped, parked, failed atomic.Int64
	interrupted, poisoned, quarantined     atomic.Int64
}

// A SegmentCount is a reading of what became of the messages of a segment. At any time
//
//	In = Delivered + Dropped + Parked + Failed + Interrupted + InFlight
//
// where each retry of a message is counted as in again. Poisoned messages failed
// for the last time; Quarantined entries never became messages.
type SegmentCount struct {
	Topic                                  string
	In, Delivered, Dropped, Parked, Failed int64
	Interrupted, InFlight                  int64
	Poisoned, Quarantined                  int64
}

func (s *segmentStats) count(o Outcome) {
	switch o.Fate {
	case Delivered:
		s.delivered.Add(1)
	case Dropped:
		s.dropped.Add(1)
	case Parked:
		s.parked.Add(1)
	case Failed:
		s.failed.Add(1)
	}
}

func (s *segmentStats) read(topic string) SegmentCount {
	c := SegmentCount{
		Topic:     topic,
		Delivered: s.delivered.Load(), Dropped: s.dropped.Load(), Parked: s.parked.Load(), Failed: s.failed.Load(),
		Interrupted: s.interrupted.Load(), Poisoned: s.poisoned.Load(), Quarantined: s.quarantined.Load(),
	}
	// in is read last: a message counted as settled was counted as in before.
	c.In = s.in.Load()
	c.InFlight = c.In - c.Delivered - c.Dropped - c.Parked - c.Failed - c.Interrupted
	return c
}
