package llmrouter

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"catalyst/internal/llm"
)

// testBreaker is a breaker with what it told.
func testBreaker() (*breaker, *[]string) {
	var told []string
	return newBreaker(Defaults.Breaker, func(c breakerChange) { told = append(told, c.to.String()) }), &told
}

func fail(class llm.Class) *llm.Error { return &llm.Error{Class: class} }

// call is one call that ends as given; it reports whether it was let through.
func call(b *breaker, fault *llm.Error) bool {
	term, refusal := b.enter(context.Background())
	if refusal != nil {
		return false
	}
	b.leave(term, fault)
	return true
}

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, told := testBreaker()
		for range 4 {
			call(b, fail(llm.Network))
		}
		call(b, nil)
		for range 4 {
			call(b, fail(llm.Timeout))
		}
		if !call(b, fail(llm.Overloaded)) {
			t.Fatal("open after four failures in a row, wants five")
		}
		if call(b, nil) {
			t.Fatal("a call went through an open breaker")
		}
		if wait, class := b.state(); wait != time.Minute || class != llm.Overloaded {
			t.Errorf("open for %v because of %s, want 1m and overloaded", wait, class)
		}

		time.Sleep(time.Minute)
		first, refusal := b.enter(context.Background())
		if refusal != nil {
			t.Fatal("no probe after a minute")
		}
		if call(b, nil) {
			t.Error("a second call beside the first probe")
		}
		b.leave(first, nil)
		second, _ := b.enter(context.Background())
		third, refusal := b.enter(context.Background())
		if refusal != nil {
			t.Error("after one success others must wait")
		}
		b.leave(second, nil)
		b.leave(third, nil)
		want := []string{"open", "half_open", "closed"}
		if !slices.Equal(*told, want) {
			t.Errorf("told %v, want %v", *told, want)
		}
	})
}

func TestBreakerProbeFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := testBreaker()
		for range 5 {
			call(b, fail(llm.Network))
		}
		time.Sleep(time.Minute)
		call(b, nil)
		call(b, fail(llm.Network))
		if call(b, nil) {
			t.Error("one failure of a half-open breaker must open it")
		}
	})
}

func TestBreakerByClass(t *testing.T) {
	for class, want := range map[llm.Class]time.Duration{
		llm.Auth:          15 * time.Minute,
		llm.Billing:       15 * time.Minute,
		llm.ModelMissing:  15 * time.Minute,
		llm.QuotaDay:      time.Hour,
		llm.RateMinute:    10 * time.Second,
		llm.Network:       0,
		llm.BadJSON:       0,
		llm.Truncated:     0,
		llm.ContentFilter: 0,
		llm.Context:       0,
		llm.Canceled:      0,
	} {
		synctest.Test(t, func(t *testing.T) {
			b, _ := testBreaker()
			call(b, fail(class))
			if wait, _ := b.state(); wait != want {
				t.Errorf("%s opens for %v, want %v", class, wait, want)
			}
			b, _ = testBreaker()
			call(b, &llm.Error{Class: class, RetryAfter: 7 * time.Hour})
			if wait, _ := b.state(); want > 0 && wait != 7*time.Hour {
				t.Errorf("%s opens for %v, want what the server asks for", class, wait)
			}
		})
	}
}

// What we gave up ourselves, and answers that were no use, are no sign of a dead
// provider; nor is a call that began before the last change.
func TestBreakerIgnores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := testBreaker()
		for range 100 {
			call(b, fail(llm.Canceled))
			call(b, fail(llm.BadJSON))
		}
		if wait, _ := b.state(); wait != 0 {
			t.Error("open")
		}

		for range 4 {
			call(b, fail(llm.Network))
		}
		call(b, fail(llm.Canceled)) // neither counts nor clears
		call(b, fail(llm.Network))
		if wait, _ := b.state(); wait == 0 {
			t.Error("closed after five failures in a row, with one call given up between")
		}

		b, _ = testBreaker()
		call(b, nil)
		late, _ := b.enter(context.Background())
		call(b, fail(llm.Auth))
		time.Sleep(15 * time.Minute)
		probe, refusal := b.enter(context.Background())
		if refusal != nil {
			t.Fatal("no probe")
		}
		b.leave(late, nil)
		if call(b, nil) {
			t.Error("a late success ended the probe")
		}
		b.leave(probe, fail(llm.Canceled))
		if !call(b, nil) {
			t.Error("a probe that was given up must make room for another")
		}
	})
}

// Whether a key is any good is found out by one call, while the others wait.
func TestTheFirstCallGoesAhead(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault *llm.Error
		pass  int
	}{
		{"a key that is no good", fail(llm.Auth), 0},
		{"no credit", fail(llm.Billing), 0},
		{"an answer", nil, 9},
		{"an answer of no use", fail(llm.BadJSON), 9},
		{"one failure", fail(llm.Network), 9},
		{"a call that was given up", fail(llm.Canceled), 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, _ := testBreaker()
				first, refusal := b.enter(t.Context())
				if refusal != nil {
					t.Fatal(refusal)
				}
				var passed atomic.Int32
				var wg sync.WaitGroup
				for range 9 {
					wg.Go(func() {
						if call(b, nil) {
							passed.Add(1)
						}
					})
				}
				synctest.Wait()
				if n := passed.Load(); n > 0 {
					t.Errorf("%d calls passed while nobody knew", n)
				}
				b.leave(first, c.fault)
				wg.Wait()
				if n := int(passed.Load()); n != c.pass {
					t.Errorf("%d of those that waited passed, want %d", n, c.pass)
				}
			})
		})
	}
}

// Who waits for the first call gives up with its own context.
func TestWaitingForTheFirstCallEnds(t *testing.T) {
	b, _ := testBreaker()
	if _, refusal := b.enter(t.Context()); refusal != nil {
		t.Fatal(refusal)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, refusal := b.enter(ctx); refusal == nil || refusal.Class != llm.Canceled {
		t.Errorf("refusal %v, want canceled", refusal)
	}
}
