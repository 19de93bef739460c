package local_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"catalyst/internal/llm"
	"catalyst/internal/llm/llmtest"
	"catalyst/internal/llm/local"
	"catalyst/internal/llm/ollama"
)

const gb = 1_000_000_000

// A leak fills the memory, a recycle frees it, and so on: a saw.
func TestLeak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, llmtest.GPU{Memory: 8 * gb, Model: 4 * gb, Leak: gb / 50, Load: 8 * time.Second}, nil)
		w.start()
		var saw []float64
		answered, refused := 0, 0
		for range 2000 {
			start := time.Now()
			switch class := w.ask(); class {
			case "":
				answered++
			case llm.Overloaded:
				if refused++; time.Since(start) != 0 {
					t.Fatalf("refused after %v, want at once", time.Since(start))
				}
			default:
				t.Fatalf("a call: %s", class)
			}
			share := float64(w.machine.Used()) / float64(w.machine.Total())
			if n := len(saw); n == 0 || (share < saw[n-1]) == (n%2 == 1) {
				saw = append(saw, share) // turned: up and down in turn
			} else {
				saw[n-1] = share
			}
			time.Sleep(4 * time.Second)
		}
		recycles := w.metric("llm_local_recycles_total", "reason=memory")
		if recycles < 8 || float64(w.machine.Loads()) != recycles+1 {
			t.Errorf("%v recycles and %d loads, want one for each 2.8 GB of 40 that leaked", recycles, w.machine.Loads())
		}
		for i, share := range saw {
			if i%2 == 0 && i < len(saw)-1 && (share < 0.85 || share > 0.88) {
				t.Errorf("tooth %d: the memory rose to %.2f, want to just above 0.85", i/2, share)
			}
			if i%2 == 1 && share > 0.51 {
				t.Errorf("tooth %d: the memory fell to %.2f, want to the fresh model", i/2, share)
			}
		}
		if refused > 4*int(recycles) {
			t.Errorf("%d calls refused, %d answered: a recycle of 8 s costs at most three", refused, answered)
		}
		for _, line := range w.log.of("gpu_cleanup_done") {
			var allocated, reserved int64
			if _, err := fmt.Sscanf(line, "gpu_cleanup_done allocated=%d reserved=%d reason=memory", &allocated, &reserved); err != nil || allocated < 68*gb/10 || reserved != 0 {
				t.Errorf("%q, want what was in use before and after (%v)", line, err)
			}
		}
		if n := len(w.log.of("gpu_warmup_success")); float64(n) != recycles+1 {
			t.Errorf("%d warm-ups, want one at the start and one for each of %v recycles", n, recycles)
		}
		if got := w.metric("llm_local_vram_share"); got <= 0 || got > 1 || w.metric("llm_local_vram_bytes", "source=sysfs") <= 0 {
			t.Errorf("share %v", got)
		}
		if got := w.metric("llm_local_model_loads_total"); got != recycles+1 {
			t.Errorf("metric of loads %v, want %v", got, recycles+1)
		}
	})
}

// A call under way is let finish; one that comes meanwhile is refused.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, llmtest.GPU{}, func(c *ollama.Config) { c.Care.Recycle.After = time.Hour })
		w.start()
		time.Sleep(time.Hour - 5*time.Second)
		w.machine.Script(llmtest.Step{Delay: 25 * time.Second})
		slow := make(chan llm.Class)
		go func() { slow <- w.ask() }()
		time.Sleep(22 * time.Second)
		w.refused(llm.Overloaded)
		if len(w.log.of("gpu_cleanup_done")) != 0 {
			t.Error("unloaded under a call")
		}
		if class := <-slow; class != "" {
			t.Errorf("the call under way: %s", class)
		}
		w.ready(time.Minute)
		if got := w.log.of("gpu_cleanup_done"); len(got) != 1 || !strings.Contains(got[0], "reason=interval drained=true") {
			t.Errorf("%q, want a recycle for age that waited for the call", got)
		}
	})
}

// A call that does not end cannot hold a recycle up for ever.
func TestDrainIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, llmtest.GPU{}, func(c *ollama.Config) { c.Care.Recycle.After = time.Hour })
		w.start()
		w.machine.Script(llmtest.Step{Ending: llmtest.Stalls})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go w.Complete(ctx, llm.Request{Prompt: "?"})
		time.Sleep(time.Hour + time.Minute)
		synctest.Wait()
		if got := w.log.of("gpu_cleanup_done"); len(got) != 1 || !strings.Contains(got[0], "drained=false") {
			t.Errorf("%q, want a recycle in spite of the call", got)
		}
		if why := w.Ready(); why != nil {
			t.Errorf("afterwards: %v", why)
		}
	})
}

func TestNeverMoreCallsThanSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, llmtest.GPU{}, func(c *ollama.Config) { c.Concurrency = 3 })
		w.machine.Always(llmtest.Step{Delay: time.Second})
		w.start()
		begin := time.Now()
		var all sync.WaitGroup
		for range 30 {
			all.Go(func() {
				if class := w.ask(); class != "" {
					t.Errorf("a call: %s", class)
				}
			})
		}
		all.Wait()
		if peak, took := w.machine.Peak(), time.Since(begin); peak != 3 || took != 10*time.Second {
			t.Errorf("%d at a time in %v, want 3 in 10s", peak, took)
		}
		// Whoever waits longer than a call may take is not let in any more.
		go w.ask()
		go w.ask()
		go w.ask()
		synctest.Wait()
		_, err := w.Complete(t.Context(), llm.Request{Prompt: "?", Timeout: 300 * time.Millisecond})
		if fault := llm.AsError(err); fault == nil || fault.Class != llm.Overloaded {
			t.Errorf("%v, want class overloaded", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err = w.Complete(ctx, llm.Request{Prompt: "?"})
		if fault := llm.AsError(err); fault == nil || fault.Class != llm.Canceled {
			t.Errorf("%v, want class canceled", err)
		}
		time.Sleep(2 * time.Second)
	})
}

func TestSpill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, llmtest.GPU{Memory: 8 * gb, Model: 4 * gb}, func(c *ollama.Config) { c.Care.Recycle.MemoryAbove = 0.99 })
		w.start()
		w.machine.Change(func(g *llmtest.GPU) { g.Others = 6 * gb })
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		// Ten minutes, doubled each time: 0, 20, 60, 140, 300, 620, 1260 minutes.
		if n := w.metric("llm_local_recycles_total", "reason=spill"); n < 4 || n > 8 {
			t.Errorf("%v recycles in a day that do not help, want them rarer and rarer", n)
		}
		if why := w.Ready(); why != nil {
			t.Errorf("a slow model is better than none: %v", why)
		}
		w.machine.Change(func(g *llmtest.GPU) { g.Others = 0 })
		if class := w.ask(); class != "" {
			t.Errorf("a call: %s", class)
		}
	})
}

// Without a GPU nothing can spill out of it.
func TestNoGPU(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, llmtest.GPU{Memory: 1, Others: 1}, func(c *ollama.Config) { c.Care.GPU = "none" })
		w.SetMemory(local.NewMemory(local.Config{GPU: "none"}, ""))
		w.start()
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if n := w.metric("llm_local_recycles_total"); n != 0 {
			t.Errorf("%v recycles, want none", n)
		}
		if share := w.Vitals().Memory; share >= 0 {
			t.Errorf("memory %v, want it unknown", share)
		}
	})
}

func TestDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, llmtest.GPU{}, nil)
		w.start()
		ask := func(n int) {
			for range n {
				if class := w.ask(); class != "" {
					t.Fatalf("a call: %s", class)
				}
				time.Sleep(time.Minute)
			}
		}
		ask(100)
		if got := w.metric("llm_local_tokens_per_second"); got != 40 {
			t.Errorf("%v tokens a second, want 40", got)
		}
		w.machine.Change(func(g *llmtest.GPU) { g.Speed = 21 })
		ask(100)
		if n := w.metric("llm_local_recycles_total"); n != 0 {
			t.Errorf("%v recycles at more than half of the speed, want none", n)
		}
		w.machine.Change(func(g *llmtest.GPU) { g.Speed = 15 })
		ask(200)
		if n := w.metric("llm_local_recycles_total", "reason=drift"); n != 1 {
			t.Errorf("%v recycles, want one: what is as slow afterwards is as fast as it gets", n)
		}
	})
}

func TestErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, llmtest.GPU{FailAfter: 50}, nil)
		w.start()
		failed := 0
		for range 300 {
			if class := w.ask(); class != "" {
				failed++
			}
			time.Sleep(30 * time.Second)
		}
		n := w.metric("llm_local_recycles_total", "reason=errors")
		if n < 5 || failed > int(n+1)*5 {
			t.Errorf("%v recycles for %d failed calls, want one after each five", n, failed)
		}
		if got := w.log.of("llm_server_overload"); len(got) != int(n) || !strings.Contains(got[0], "status=500") {
			t.Errorf("%d times overload for %v recycles: %q", len(got), n, got)
		}
	})
}

func TestAfterRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, llmtest.GPU{}, func(c *ollama.Config) { c.Care.Recycle.AfterRequests = 50 })
		w.start()
		for range 200 {
			if class := w.ask(); class != "" {
				t.Fatalf("a call: %s", class)
			}
			time.Sleep(20 * time.Second)
		}
		if n := w.metric("llm_local_recycles_total", "reason=requests"); n != 4 {
			t.Errorf("%v recycles in 200 calls, want 4", n)
		}
	})
}

// Memory that a driver keeps cannot be waited for: the model is of use without.
func TestMemoryIsNotFreed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, llmtest.GPU{Memory: 20 * gb, Model: 4 * gb, Stuck: true, Others: 14 * gb}, nil)
		w.start()
		for range 60 {
			time.Sleep(time.Minute)
			if class := w.ask(); class != "" && class != llm.Overloaded {
				t.Fatalf("a call: %s", class)
			}
		}
		w.ready(2 * time.Minute)
		if got := w.log.of("llm_local_memory_not_freed"); len(got) != 1 {
			t.Errorf("warned %d times, want once: %q", len(got), got)
		}
		if n := w.metric("llm_local_recycles_total"); n < 1 || n > 3 {
			t.Errorf("%v recycles in an hour, want a cool-down that grows", n)
		}
	})
}

func TestServerDiesInARecycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, llmtest.GPU{Load: 10 * time.Second}, func(c *ollama.Config) { c.Care.Recycle.After = time.Hour })
		w.start()
		for w.Ready() == nil {
			time.Sleep(time.Second)
			synctest.Wait()
		}
		w.machine.Stop()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		w.refused(llm.Network)
		w.machine.Restart()
		w.ready(6 * time.Minute)
		if class := w.ask(); class != "" {
			t.Errorf("a call: %s", class)
		}
	})
}

// fixed is a server that cannot unload its model.
type fixed struct{ *ollama.Provider }

func (fixed) Unload(context.Context) error { return errors.ErrUnsupported }

func TestServerThatCannotUnload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		machine := llmtest.NewMachine(llmtest.GPU{})
		c := ollama.Defaults
		c.BaseURL, c.Care.Recycle.After, c.Care.GPU = machine.URL, time.Hour, "none"
		log := &events{}
		p := local.New(fixed{ollama.New(t.Name(), c, &http.Client{Transport: machine})}, c.Care, slog.New(log))
		defer p.Close()
		p.Start(t.Context())
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if got := log.of("llm_local_recycle_unsupported"); len(got) != 1 || p.Ready() != nil {
			t.Errorf("said %d times, want once; ready: %v", len(got), p.Ready())
		}
	})
}
