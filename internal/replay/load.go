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

const meterEvery = 250 * time.Millisecond

// meter takes readings until stop is called.
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
		ticker := time.NewTicker(meterEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				take()
			case <-end:
				take()
				return
			}
		}
	}()
	return func() { close(end); <-ended }
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
