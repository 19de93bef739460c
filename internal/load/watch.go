package load

import (
	"runtime/metrics"
	"slices"
	"sync"
	"time"
)

// A Sample is how a run fared at a moment, and since the one before.
type Sample struct {
	Seconds    float64 `json:"s"`           // since the first item
	Resident   float64 `json:"resident_mb"` // memory of the process
	Heap       float64 `json:"heap_mb"`     // objects of Go in it, those not yet collected too
	Goroutines int     `json:"goroutines"`
	Queue      int     `json:"queue"` // published, and without a fate
	PerSecond  float64 `json:"items_per_s"`
	CPU        float64 `json:"cpu"` // cores busy
}

const (
	sampleEvery = 250 * time.Millisecond // at first
	sampleRoom  = 600                    // where this is full, every second one goes and they come half as often
)

// A watchLog is what a run notes over time, in a bounded space.
type watchLog struct {
	all   []Sample
	every time.Duration
	run   *Run

	at   time.Duration // of the latest
	cpu  time.Duration
	done int64
}

// watch notes how the run fares until stop is called.
func (r *Run) watch() (stop func()) {
	if !r.options.Watch {
		return func() {}
	}
	w := &watchLog{run: r, every: sampleEvery}
	end := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			select {
			case <-time.After(w.every):
				w.note()
			case <-end:
				return
			}
		}
	})
	return func() { close(end); watching.Wait(); w.note(); r.overTime = w.all }
}

func (w *watchLog) note() {
	began := time.Duration(w.run.started.Load())
	if began == 0 {
		return // not begun
	}
	now, cpu, done := w.run.now()-began, CPU(), w.run.done.Load()
	passed := (now - w.at).Seconds()
	if w.cpu == 0 {
		w.cpu = w.run.from.cpu
	}
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/sched/goroutines:goroutines"}}
	metrics.Read(heap)
	w.all = append(w.all, Sample{
		Seconds: round(now.Seconds()), Resident: megabytes(resident()), Heap: megabytes(heap[0].Value.Uint64()),
		Goroutines: int(heap[1].Value.Uint64()), Queue: int(w.run.published.Load() - done),
		PerSecond: round(float64(done-w.done) / passed), CPU: round((cpu - w.cpu).Seconds() / passed),
	})
	w.at, w.cpu, w.done = now, cpu, done
	if len(w.all) == sampleRoom {
		w.halve()
	}
}

// halve makes one sample of two neighbours: rates of both, and the rest of the later.
func (w *watchLog) halve() {
	for i := range sampleRoom / 2 {
		first, second := w.all[2*i], w.all[2*i+1]
		second.PerSecond, second.CPU = (first.PerSecond+second.PerSecond)/2, (first.CPU+second.CPU)/2
		w.all[i] = second
	}
	w.all, w.every = w.all[:sampleRoom/2], 2*w.every
}

func megabytes(bytes uint64) float64 { return round(float64(bytes) / (1 << 20)) }

// Drift is how much memory was resident in the second fifth of the run and in its last
// one, as medians in MB: what grows shows there. It is zero of runs that were not
// watched, or too short.
func (r *Report) Drift() (second, last float64) {
	fifth := func(n int) float64 {
		var mb []float64
		for _, s := range r.OverTime[n*len(r.OverTime)/5 : (n+1)*len(r.OverTime)/5] {
			mb = append(mb, s.Resident)
		}
		slices.Sort(mb)
		return mb[len(mb)/2]
	}
	if len(r.OverTime) < 5 {
		return 0, 0
	}
	return fifth(1), fifth(4)
}
