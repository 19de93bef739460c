package replay

import (
	"math"
	"slices"
	"sync"
	"time"
)

// A Spread is how values lie, in milliseconds.
type Spread struct {
	N   int     `json:"n"`
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// spreadOf sorts values.
func spreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	slices.Sort(values)
	at := func(share float64) float64 {
		i := int(math.Ceil(share*float64(len(values)))) - 1
		return math.Round(values[max(0, i)]*1e3) / 1e3
	}
	return Spread{N: len(values), P50: at(.5), P95: at(.95), P99: at(.99), Max: at(1)}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// A Slice is a stretch of the history.
type Slice struct {
	At      time.Time `json:"at"` // its beginning
	In      int       `json:"in"`
	Alerted int       `json:"alerted"`
	Alert   Spread    `json:"alert_ms"`
	Verdict Spread    `json:"verdict_ms"`
	Depth   int       `json:"depth"`  // most that was waiting or in hand, when the pipeline came to rest
	AgeMS   int64     `json:"age_ms"` // of the oldest of that, at most

	alerts, verdicts []float64
}

// slices of a history at most.
const maxSlices = 60

// A series divides the time of a history.
type series struct {
	first  time.Time
	width  time.Duration
	mu     sync.Mutex
	slices []Slice
	depth  int
	age    time.Duration
}

func newSeries(first, last time.Time) *series {
	s := &series{first: first, width: max(time.Second, last.Sub(first)/maxSlices+1)}
	n := int(last.Sub(first)/s.width) + 1
	for i := range n {
		s.slices = append(s.slices, Slice{At: first.Add(time.Duration(i) * s.width)})
	}
	return s
}

// of returns the slice of a time; what comes after the history belongs to its end. s.mu is held.
func (s *series) of(at time.Time) *Slice {
	i := int(at.Sub(s.first) / s.width)
	return &s.slices[min(max(i, 0), len(s.slices)-1)]
}

// queue books how much there is to do.
func (s *series) queue(at time.Time, depth int, oldest time.Time) {
	if depth == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	age := max(0, at.Sub(oldest))
	slice := s.of(at)
	slice.Depth, slice.AgeMS = max(slice.Depth, depth), max(slice.AgeMS, age.Milliseconds())
	s.depth, s.age = max(s.depth, depth), max(s.age, age)
}

// fill books outcomes, and returns how the delays of all lie.
func (s *series) fill(tracks []*track) (alert, verdict Spread) {
	var alerts, verdicts []float64
	for _, t := range tracks {
		slice := s.of(t.At)
		slice.In++
		if t.Alerted {
			slice.Alerted++
			ms := float64(t.AlertMS) + milliseconds(t.alertOwn)
			alerts, slice.alerts = append(alerts, ms), append(slice.alerts, ms)
		}
		if t.judged && t.Verdict != "unavailable" {
			ms := float64(t.VerdictMS) + milliseconds(t.verdictOwn)
			verdicts, slice.verdicts = append(verdicts, ms), append(slice.verdicts, ms)
		}
	}
	for i := range s.slices {
		slice := &s.slices[i]
		slice.Alert, slice.Verdict = spreadOf(slice.alerts), spreadOf(slice.verdicts)
	}
	return spreadOf(alerts), spreadOf(verdicts)
}
