package local_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"catalyst/internal/llm"
	"catalyst/internal/llm/llmtest"
	"catalyst/internal/llm/local"
	"catalyst/internal/llm/ollama"
)

var (
	_ llm.Tended  = (*local.Provider)(nil)
	_ llm.Limited = (*local.Provider)(nil)
	_ llm.Prober  = (*local.Provider)(nil)
)

func TestWarmUpHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, llmtest.GPU{Load: 20 * time.Second}, nil)
		begin := time.Now()
		if err := w.Start(t.Context()); err != nil || time.Since(begin) != 0 {
			t.Fatalf("Start took %v and returned %v", time.Since(begin), err)
		}
		w.refused(llm.Overloaded)
		synctest.Wait()
		w.refused(llm.Overloaded)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if why := w.Ready(); why != nil {
			t.Fatalf("after the model is loaded: %v", why)
		}
		if class := w.ask(); class != "" {
			t.Errorf("a call: %s", class)
		}
		if n := w.machine.Loads(); n != 1 {
			t.Errorf("loaded %d times, want once", n)
		}
		if got := w.log.of("gpu_warmup_success"); len(got) != 1 || !strings.Contains(got[0], "duration=20s") {
			t.Errorf("events %q, want one with a duration of 20s", got)
		}
		if share := w.Vitals().Memory; share < 0.2 || share > 0.3 {
			t.Errorf("memory %v, want a model of 4.1 GB in 16 GiB", share)
		}
	})
}

// Only one goroutine looks after a server, whoever starts it again, and none is left
// after Close; synctest fails a test that leaves one behind.
func TestStartAndCloseTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, llmtest.GPU{Load: time.Second}, nil)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if err := w.Start(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		w.ready(time.Minute)
		asked := len(w.machine.Requests())
		for range 4 {
			all.Go(func() {
				if err := w.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if err := w.Start(t.Context()); err != nil {
			t.Errorf("Start after Close: %v", err)
		}
		time.Sleep(time.Hour)
		if n := w.machine.Loads(); n != 1 || asked != 1 || len(w.machine.Requests()) != asked {
			t.Errorf("%d loads, %d calls to warm up and %d in all, want one of each", n, asked, len(w.machine.Requests()))
		}
		if class := w.ask(); class != "" {
			t.Errorf("a call after Close: %s, want it passed on", class)
		}
	})
}

func TestCloseInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, llmtest.GPU{Load: time.Hour}, nil)
		w.Start(t.Context())
		time.Sleep(time.Second)
		begin := time.Now()
		w.Close()
		if took := time.Since(begin); took != 0 {
			t.Errorf("Close took %v while the model was being loaded", took)
		}
		w.machine.Change(func(g *llmtest.GPU) { g.Load = time.Second })
		if class := w.ask(); class != "" {
			t.Errorf("a call after Close: %s, want it passed on", class)
		}
	})
}

// An end of the context that Start was given is as good as Close.
func TestContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, llmtest.GPU{}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		w.Start(ctx)
		w.ready(time.Minute)
		cancel()
		synctest.Wait()
		w.machine.Stop()
		time.Sleep(time.Hour)
		if why := w.Ready(); why != nil {
			t.Errorf("%v, want nobody to look", why)
		}
	})
}

func TestServerDiesAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, llmtest.GPU{Load: 10 * time.Second}, nil)
		w.start()
		w.machine.Script(llmtest.Step{Delay: time.Hour})
		broken := make(chan llm.Class)
		go func() { broken <- w.ask() }()
		synctest.Wait()

		w.machine.Stop()
		if class := <-broken; class != llm.Network {
			t.Errorf("a call under way: %q, want network", class)
		}
		synctest.Wait() // the failed call has the server looked at, before its time
		w.refused(llm.Network)
		crashed := w.Vitals().Crashed
		if !crashed.Equal(time.Now()) {
			t.Errorf("crashed at %v, want now", crashed)
		}
		time.Sleep(10 * time.Minute)
		w.refused(llm.Network)
		if got := w.log.of("llm_local_down"); len(got) != 1 {
			t.Errorf("said %d times that the server is down, want once", len(got))
		}

		w.machine.Restart()
		for w.Ready().Class == llm.Network {
			time.Sleep(time.Second)
			synctest.Wait()
		}
		w.refused(llm.Overloaded) // it answers, and the model is being loaded
		w.ready(time.Minute)
		if w.machine.Loads() != 2 {
			t.Errorf("loaded %d times, want again before it is asked", w.machine.Loads())
		}
		if class := w.ask(); class != "" {
			t.Errorf("a call afterwards: %s", class)
		}
		if got := w.Vitals().Crashed; !got.Equal(crashed) {
			t.Errorf("crashed at %v, want once, at %v", got, crashed)
		}
	})
}

func TestModelCannotBeLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, llmtest.GPU{Broken: true}, nil)
		w.Start(t.Context())
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		w.refused(llm.Overloaded)
		if got := w.log.of("llm_local_down"); len(got) != 1 {
			t.Errorf("said %d times that it is down, want once: %q", len(got), got)
		}
		if n := w.machine.Chats(); n > 300 {
			t.Errorf("tried %d times to load it in a day, want every five minutes in the end", n)
		}
		w.machine.Change(func(g *llmtest.GPU) { g.Broken = false })
		w.ready(6 * time.Minute)
	})
}

func TestMissingModelIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, llmtest.GPU{}, func(c *ollama.Config) { c.Model = "llama9" })
		w.Start(t.Context())
		time.Sleep(time.Hour)
		synctest.Wait()
		if fault := w.refused(llm.ModelMissing); !strings.Contains(fault.Error(), "ollama pull llama9") {
			t.Errorf("%v, want what to do", fault)
		}
		if got := w.log.of("llm_local_down"); len(got) != 1 {
			t.Errorf("said %d times, want once", len(got))
		}
	})
}

// A model that nobody asked for long is left unloaded; the call that wants it again
// goes elsewhere, and those after it are answered here.
func TestIdleModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, llmtest.GPU{KeepAlive: 5 * time.Minute, Load: 5 * time.Second}, func(c *ollama.Config) { c.KeepAlive = "5m" })
		w.start()
		time.Sleep(12 * time.Hour)
		if n := w.machine.Loads(); n != 1 {
			t.Errorf("loaded %d times though nobody asked", n)
		}
		if why := w.Ready(); why != nil {
			t.Errorf("idle: %v, want it to be asked", why)
		}
		w.refused(llm.Overloaded)
		w.ready(6 * time.Second)
		if class := w.ask(); class != "" || w.machine.Loads() != 2 {
			t.Errorf("a call: %q after %d loads", class, w.machine.Loads())
		}
		if at := w.Vitals().Crashed; !at.IsZero() {
			t.Errorf("crashed at %v, want never", at)
		}
	})
}

// A model pushed out by another comes back when it is wanted, not before: two that
// push each other out would never come to rest.
func TestEvictedModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, llmtest.GPU{Load: 5 * time.Second}, nil)
		w.start()
		w.machine.Evict()
		time.Sleep(time.Hour)
		if w.Vitals().Crashed.IsZero() || len(w.log.of("llm_local_model_lost")) != 1 {
			t.Error("nobody noticed that the model is gone")
		}
		if n := w.machine.Loads(); n != 1 {
			t.Errorf("loaded %d times, want it left alone", n)
		}
		w.refused(llm.Overloaded)
		w.ready(10 * time.Second)
	})
}

func TestWithoutWarmUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, llmtest.GPU{Load: 5 * time.Second}, func(c *ollama.Config) { c.Care.WarmUp = false })
		w.start()
		if n := w.machine.Loads(); n != 0 {
			t.Errorf("loaded %d times, want the first call to load it", n)
		}
		if class := w.ask(); class != "" {
			t.Errorf("the first call: %s", class)
		}
		w.machine.Stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		w.refused(llm.Network)
		w.machine.Restart()
		w.ready(time.Minute)
	})
}

func TestEveryZeroLeavesTheServerAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, llmtest.GPU{}, func(c *ollama.Config) { c.Care.Every = 0 })
		w.start()
		time.Sleep(time.Hour)
		if w.machine.Loads() != 0 || len(w.machine.Requests()) != 0 {
			t.Error("the server was touched")
		}
		if class := w.ask(); class != "" {
			t.Errorf("a call: %s", class)
		}
	})
}

// A server that nobody named is looked for once a minute, and is nobody's outage.
func TestAbsentServerIsNotPestered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		there := llmtest.NewMachine(llmtest.GPU{})
		there.Stop()
		log := &events{}
		p := tended("", roundTrip(func(r *http.Request) (*http.Response, error) {
			asked.Add(1)
			return there.RoundTrip(r)
		}), log, t.Name(), nil)
		defer p.Close()
		p.Start(t.Context())
		time.Sleep(time.Hour)
		if n := asked.Load(); n > 61 {
			t.Errorf("looked for %d times in an hour", n)
		}
		if len(log.list) != 0 || !p.Vitals().Crashed.IsZero() {
			t.Errorf("events %q, crashed %v, want silence", log.list, p.Vitals().Crashed)
		}
		if why := p.Ready(); why == nil || !errors.Is(why, llm.ErrNotConfigured) {
			t.Errorf("%v, want not configured", why)
		}
		there.Restart()
		time.Sleep(80 * time.Second)
		synctest.Wait()
		if why := p.Ready(); why != nil || there.Loads() != 1 {
			t.Errorf("after it was started: %v, %d loads", why, there.Loads())
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A server that does not answer in time while it answers calls is busy, not down.
func TestSlowToSayHowItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		machine := llmtest.NewMachine(llmtest.GPU{})
		var mu sync.Mutex
		stall := false
		p := tended("http://ollama.test", roundTrip(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			stalls := stall && r.URL.Path == "/api/ps"
			mu.Unlock()
			if stalls {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return machine.RoundTrip(r)
		}), slog.DiscardHandler, t.Name(), nil)
		defer p.Close()
		p.Start(t.Context())
		time.Sleep(time.Second)
		mu.Lock()
		stall = true
		mu.Unlock()
		for range 20 {
			time.Sleep(5 * time.Second)
			if _, err := p.Complete(t.Context(), llm.Request{Prompt: "?"}); err != nil {
				t.Fatalf("a call: %v", err)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if why := p.Ready(); why == nil || why.Class != llm.Timeout {
			t.Errorf("%v, want it down when no call is answered either", why)
		}
	})
}

// The same over HTTP, through the client that the program uses.
func TestOverHTTP(t *testing.T) {
	machine := llmtest.NewMachine(llmtest.GPU{})
	server := httptest.NewServer(machine.Handler())
	defer server.Close()
	client := llm.NewHTTPClient()
	c := ollama.Defaults
	c.BaseURL, c.Care.Every, c.Care.GPU = server.URL, 20*time.Millisecond, "server"
	c.Care.GPUMemory = 8_200_000_000
	p := local.New(ollama.New("http", c, client), c.Care, slog.New(slog.DiscardHandler))
	defer p.Close()
	until := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("not in ten seconds: %s", what)
			}
		}
	}
	p.Start(t.Context())
	until("ready", func() bool { return p.Ready() == nil })
	if r, err := p.Complete(t.Context(), llm.Request{Prompt: "?"}); err != nil || r.TokensPerSecond != 40 {
		t.Errorf("%v tokens a second, error %v; want the server's 40", r.TokensPerSecond, err)
	}
	if share := p.Vitals().Memory; share != 0.5 {
		t.Errorf("memory %v, want 4.1 of 8.2 GB", share)
	}
	machine.Stop()
	until("down", func() bool { return p.Ready() != nil })
	machine.Restart()
	until("ready again", func() bool { return p.Ready() == nil })
	if _, err := p.Complete(t.Context(), llm.Request{Prompt: "?"}); err != nil {
		t.Errorf("after the outage: %v", err)
	}
	if machine.Loads() != 2 {
		t.Errorf("loaded %d times, want twice", machine.Loads())
	}
}
