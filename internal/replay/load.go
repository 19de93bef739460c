package replay

import (
	"runtime"
	"time"

	"catalyst/internal/metrics"
)

// Load is what the process used at a moment.
type Load struct {
	AfterMS int64   `json:"after_ms"` // since the replay began
	MemMB   float64 `json:"mem_mb"`   // resident; where the system does not say, what Go holds
	CPU     float64 `json:"cpu"`      // cores busy since the moment before

	cpu float64 // seconds since the process began
}

const (
	meterEvery  = 250 * time.Millisecond
	maxReadings = 1000 // a replay at the speed of life takes days
)

// meter takes readings until stop is called. When there are very many it keeps every
// other one, and takes half as many from then on.
func (r *Run) meter() (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	r.load = []Load{read()}
	take := func() {
		now, last := read(), r.load[len(r.load)-1]
		now.AfterMS = time.Since(r.began).Milliseconds()
		if passed := now.AfterMS - last.AfterMS; passed > 0 {
			now.CPU = max(0, (now.cpu-last.cpu)*1000/float64(passed))
		}
		r.load = append(r.load, now)
	}
	go func() {
		defer close(ended)
		every := meterEvery
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				take()
				if len(r.load) > maxReadings {
					r.load = thinned(r.load)
					every *= 2
					ticker.Reset(every)
				}
			case <-end:
				take()
				return
			}
		}
	}()
	return func() { close(end); <-ended }
}

// thinned returns every other reading: what it says then is of the time of two.
func thinned(all []Load) []Load {
	kept := all[:1]
	for i := 2; i < len(all); i += 2 {
		now, last := all[i], kept[len(kept)-1]
		if passed := now.AfterMS - last.AfterMS; passed > 0 {
			now.CPU = max(0, (now.cpu-last.cpu)*1000/float64(passed))
		}
		now.MemMB = max(now.MemMB, all[i-1].MemMB)
		kept = append(kept, now)
	}
	return kept
}

// read asks for what the process's own metrics say.
func read() (l Load) {
	families, _ := metrics.Registry.Gather() // what could be read
	for _, f := range families {
		if len(f.GetMetric()) != 1 {
			continue
		}
		switch m := f.GetMetric()[0]; f.GetName() {
		case "process_cpu_seconds_total":
			l.cpu = m.GetCounter().GetValue()
		case "process_resident_memory_bytes":
			l.MemMB = m.GetGauge().GetValue() / (1 << 20)
		}
	}
	if l.MemMB == 0 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		l.MemMB = float64(m.Sys) / (1 << 20)
	}
	return l
}
