package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// The more lives, the less garbage may gather beside it, and when it lives no more it may again.
func TestPaceCollector(t *testing.T) {
	for live, want := range map[uint64]int{0: 400, 10 << 20: 400, 32 << 20: 200, 64 << 20: 100, 1 << 40: 100} {
		if got := growth(live); got != want {
			t.Errorf("%d MB live: GOGC %d, want %d", live>>20, got, want)
		}
	}

	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	defer paceCollector()()
	is := func(want uint64) func() bool {
		return func() bool {
			runtime.GC()
			percent := []metrics.Sample{{Name: "/gc/gogc:percent"}}
			metrics.Read(percent)
			return percent[0].Value.Uint64() == want
		}
	}
	hold := make([]byte, 200<<20)
	until(t, 10*time.Second, "GOGC is 100 while 200 MB live", is(leastGrowth))
	runtime.KeepAlive(hold)
	hold = nil
	until(t, 10*time.Second, "GOGC is 400 when they do not", is(mostGrowth))
}

// Who sets GOGC has it.
func TestPaceCollectorLeavesGOGCAlone(t *testing.T) {
	t.Setenv("GOGC", "50")
	before := debug.SetGCPercent(50)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	defer paceCollector()()
	if now := debug.SetGCPercent(50); now != 50 {
		t.Errorf("GOGC %d, want 50", now)
	}
}
