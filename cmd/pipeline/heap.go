package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// How much garbage may gather before it is collected, in percent of what lives: Go's GOGC.
// Some 10 MB live while messages make hundreds a second, for which Go's own 100 would
// collect fifty times a second (`GOGC=100 go run ./bench/hop` shows the difference). Where
// more lives, as in a burst of large items, four times as much again would be a lot of memory.
const (
	mostGrowth  = 400
	leastGrowth = 100
	heapRoom    = 64 << 20 // bytes of garbage, unless the least growth is more
)

// paceCollector sets GOGC by what lives, now and after each collection, until stop is
// called. Where the environment says what GOGC is to be, nothing is done.
func paceCollector() (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	p := &pacer{sample: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	p.set(mostGrowth)
	done := make(chan struct{})
	p.again(done)
	return func() { close(done) }
}

type pacer struct {
	sample  []metrics.Sample
	percent int
}

// again has p look after the next collection: that is when what nobody holds is cleaned up.
func (p *pacer) again(done <-chan struct{}) {
	runtime.AddCleanup(new([64]byte), func(p *pacer) {
		select {
		case <-done:
		default:
			metrics.Read(p.sample)
			p.set(growth(p.sample[0].Value.Uint64()))
			p.again(done)
		}
	}, p)
}

// set changes GOGC if it makes a difference: for that the world stops.
func (p *pacer) set(percent int) {
	if d := percent - p.percent; d > p.percent/10 || -d > p.percent/10 {
		debug.SetGCPercent(percent)
		p.percent = percent
	}
}

// growth returns the GOGC for a heap in which so many bytes live.
func growth(live uint64) int {
	return int(min(mostGrowth, max(leastGrowth, 100*heapRoom/max(live, 1))))
}
