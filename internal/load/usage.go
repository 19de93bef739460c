package load

import (
	"bytes"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync"
	"time"
)

// A usage is what the process has used since it began.
type usage struct {
	cpu           time.Duration
	allocs, bytes uint64
}

func readUsage() usage {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{cpu: CPU(), allocs: m.Mallocs, bytes: m.TotalAlloc}
}

// A peak is the most memory that was resident while it was watched.
type peak struct {
	end  chan struct{}
	done sync.WaitGroup
	most uint64
}

const peakEvery = 50 * time.Millisecond

func watchMemory() *peak {
	p := &peak{end: make(chan struct{}), most: resident()}
	p.done.Go(func() {
		tick := time.NewTicker(peakEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.most = max(p.most, resident())
			case <-p.end:
				return
			}
		}
	})
	return p
}

// stop returns the peak in bytes.
func (p *peak) stop() uint64 {
	close(p.end)
	p.done.Wait()
	return max(p.most, resident())
}

// resident is the memory of the process in bytes: what the system says, or where it has
// no /proc, what Go holds of it.
func resident() uint64 {
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if f := bytes.Fields(text); len(f) > 1 {
			if pages, err := strconv.ParseUint(string(f[1]), 10, 64); err == nil {
				return pages * uint64(os.Getpagesize())
			}
		}
	}
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64() - s[1].Value.Uint64()
}
