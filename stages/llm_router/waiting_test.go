package llmrouter

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"catalyst/internal/llm"
)

func loading() *llm.Error {
	return &llm.Error{Class: llm.Overloaded, RetryAfter: 20 * time.Second, Err: fmt.Errorf("the model is being loaded")}
}

// While the local model is loaded the next one is asked, and that is no failure.
func TestLoadingAsksTheNext(t *testing.T) {
	local, next := free("local"), free("next")
	local.ready = loading()
	r := routerOf(t, newPlace(t, nil, nil), nil, local, next)
	for i := range 20 {
		m := message(fmt.Sprint(i), fmt.Sprint("item ", i))
		process(t, r, m)
		if a := m.Item.Analysis; !a.Done() || a.Provider != "next" || !a.Degraded {
			t.Errorf("analysis %+v", a)
		}
	}
	local.ready = nil
	m := message("after", "x")
	process(t, r, m)
	if a := m.Item.Analysis; a.Provider != "local" || a.Degraded || local.calls.Load() != 1 {
		t.Errorf("when it is loaded: %+v after %d calls", a, local.calls.Load())
	}
}

// If there is no other the item waits for as long as it says, and not for a breaker.
func TestLoadingParks(t *testing.T) {
	local := free("local")
	local.ready = loading()
	r := routerOf(t, newPlace(t, nil, nil), nil, local)
	for i := range 20 {
		m := message(fmt.Sprint(i), fmt.Sprint("item ", i))
		process(t, r, m)
		if wait := wantParked(t, m, "being loaded"); wait != 20*time.Second {
			t.Errorf("to come back in %v, want 20 s", wait)
		}
	}
	if err := r.Check(t.Context()); err != nil || local.calls.Load() > 0 {
		t.Errorf("Check says %v after %d calls", err, local.calls.Load())
	}
	local.ready = nil
	m := message("after", "x")
	process(t, r, m)
	if !m.Item.Analysis.Done() {
		t.Errorf("when it is loaded: %+v", m.Outcome())
	}
}

// A call that fails because the model went away meanwhile is not counted either.
func TestLosingTheModelIsNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		local := free("local")
		r := routerOf(t, newPlace(t, nil, nil), nil, local)
		for i := range 20 {
			local.ready = nil
			local.fail = func(int) error {
				local.ready = loading()
				return fail(llm.Network)
			}
			m := message(fmt.Sprint(i), fmt.Sprint("item ", i))
			process(t, r, m)
			wantParked(t, m, "local: ")
		}
		if wait, _ := r.tiers[0].breaker.state(); wait > 0 {
			t.Errorf("the breaker is open for %v", wait)
		}
	})
}

// What a server asks for is believed up to what its class allows.
func TestRetryAfterIsCapped(t *testing.T) {
	for class, want := range map[llm.Class]time.Duration{
		llm.RateMinute: time.Hour,
		llm.QuotaDay:   25 * time.Hour,
		llm.Overloaded: 10 * time.Minute,
		llm.Auth:       15 * time.Minute, // there the header says nothing
	} {
		t.Run(string(class), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := free("free")
				f.fail = func(int) error { return &llm.Error{Class: class, RetryAfter: 1000 * time.Hour} }
				r := routerOf(t, newPlace(t, nil, nil), func(c *Config) { c.Breaker.Failures = 1 }, f)
				m := message("1", "x")
				start := time.Now()
				process(t, r, m)
				if wait := wantParked(t, m, string(class)); wait != want {
					t.Errorf("to come back in %v, want %v", wait, want)
				}
				if d := time.Since(start); d > 0 {
					t.Errorf("it was waited for %v here", d)
				}
			})
		})
	}
}

// A wait of up to a minute is waited out where nobody else is left, once the server is
// whole again; a longer one is not.
func TestWaitingOut(t *testing.T) {
	for wait, here := range map[time.Duration]bool{59 * time.Second: true, 61 * time.Second: false} {
		synctest.Test(t, func(t *testing.T) {
			f := free("free")
			f.fail = func(n int) error {
				if n == 1 {
					return &llm.Error{Class: llm.RateMinute, RetryAfter: wait}
				}
				return nil
			}
			m := message("1", "x")
			start := time.Now()
			process(t, routerOf(t, newPlace(t, nil, nil), nil, f), m)
			if took := time.Since(start); m.Item.Analysis.Done() != here || here && took != wait || !here && took != 0 {
				t.Errorf("asked to wait %v: judged %v after %v", wait, m.Item.Analysis.Done(), took)
			}
		})
	}
}

// The share of each provider is what it judged of all.
func TestShares(t *testing.T) {
	local, best := free("share-local"), free("share-best")
	local.limits.MaxChars = 100
	r := routerOf(t, newPlace(t, nil, nil), nil, local, best)
	judged := func(name string) float64 { return testutil.ToFloat64(routed.WithLabelValues(name)) }
	before := map[string]float64{"share-local": judged("share-local"), "share-best": judged("share-best")}
	for i := range 10 {
		m := message(fmt.Sprint(i), fmt.Sprint("item ", i))
		if i%5 == 0 {
			m.Item.Body = fmt.Sprintf("%0200d", i)
		}
		process(t, r, m)
	}
	for name, want := range map[string]float64{"share-local": 8, "share-best": 2} {
		if got := judged(name) - before[name]; got != want {
			t.Errorf("%s judged %v, want %v", name, got, want)
		}
	}
}
