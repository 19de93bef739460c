package llmrouter

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"catalyst/flows"
	"catalyst/internal/llm"
)

// inBoth runs a test where limits are kept in a file, and where they are in Redis.
func inBoth(t *testing.T, test func(t *testing.T, p *place)) {
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, place(t, nil, steady(20)))
		})
	}
}

// ended ends a process: its router and its place.
func ended(t *testing.T, r *Router, p *place) {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	p.close()
}

// until polls for what another process or a server does in time.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
	}
}

func TestRestartKeepsTheDaysRequests(t *testing.T) {
	inBoth(t, func(t *testing.T, p *place) {
		f := free("free")
		f.limits.RequestsPerDay, f.limits.Reserve = 8, 3
		r := routerOf(t, p, nil, f)
		for i := range 4 {
			process(t, r, message(fmt.Sprint(i), fmt.Sprint("item ", i)))
		}
		ended(t, r, p)
		p = p.another(t)
		r = routerOf(t, p, nil, f)
		process(t, r, message("5", "item 5"))
		m := message("6", "item 6")
		process(t, r, m)
		if wait := wantParked(t, m, "quota_day", "5 of 5 requests"); wait <= 0 || wait > 24*time.Hour {
			t.Errorf("to come back in %v", wait)
		}
		if n := f.calls.Load(); n != 5 {
			t.Errorf("%d requests of 8 of which 3 are reserved, want 5", n)
		}
	})
}

func TestRestartKeepsTheBudget(t *testing.T) {
	inBoth(t, func(t *testing.T, p *place) {
		costs := paid("costs")
		r := routerOf(t, p, nil, costs)
		for i := 0; ; i++ {
			m := message(fmt.Sprint(i), fmt.Sprint("item ", i))
			process(t, r, m)
			if !m.Item.Analysis.Done() {
				break
			}
		}
		asked := costs.calls.Load()
		ended(t, r, p)
		p = p.another(t)
		r = routerOf(t, p, nil, costs)
		m := message("after", "after")
		process(t, r, m)
		if a := m.Item.Analysis; a == nil || !strings.Contains(a.Unavailable, "budget of the day") {
			t.Errorf("analysis %+v, outcome %+v", a, m.Outcome())
		}
		if n := costs.calls.Load(); n != asked || asked == 0 {
			t.Errorf("%d calls before the restart and %d after", asked, n-asked)
		}
		if s := p.spent(t)["costs"]; s.NanoDollars != int64(asked)*cent {
			t.Errorf("the book of both says %+v", s)
		}
	})
}

func TestRestartKeepsBreakers(t *testing.T) {
	for _, killed := range []bool{false, true} {
		inBoth(t, func(t *testing.T, p *place) {
			f := free("free")
			f.account, f.fail = "one", always(llm.Billing)
			r := routerOf(t, p, nil, f)
			wantParkedItem(t, r, "1")
			if killed { // without a goodbye, what it knew is known soon all the same
				name := noteName(r.tiers[0])
				until(t, "the breaker is noted", func() bool {
					notes, err := p.notes.Notes(t.Context(), []string{name})
					return err == nil && notes[0] != nil
				})
			} else {
				ended(t, r, p)
			}
			f.fail = nil
			p = p.another(t)
			r = routerOf(t, p, nil, f)
			if wait := wantParkedItem(t, r, "2"); wait < 14*time.Minute || wait > 15*time.Minute {
				t.Errorf("to come back in %v, want what is left of 15 minutes", wait)
			}
			if n := f.calls.Load(); n != 1 {
				t.Errorf("%d calls, want the one before the restart", n)
			}
			if err := r.Check(t.Context()); err == nil {
				t.Error("Check says all is well")
			}
			ended(t, r, p)

			f.account = "another"
			p = p.another(t)
			r = routerOf(t, p, nil, f)
			m := message("3", "item 3")
			process(t, r, m)
			if !m.Item.Analysis.Done() {
				t.Errorf("with a new key: %+v", m.Outcome())
			}
			until(t, "that the operator was told is forgotten", func() bool {
				notes, err := p.notes.Notes(t.Context(), []string{"operator/" + pageCause(r.tiers[0])})
				return err == nil && notes[0] == nil
			})
		})
	}
}

func wantParkedItem(t *testing.T, r *Router, id string) time.Duration {
	t.Helper()
	m := message(id, "item "+id)
	process(t, r, m)
	return wantParked(t, m, "billing")
}

// A breaker that has closed is closed after a restart.
func TestRestartKnowsThatItIsOver(t *testing.T) {
	inBoth(t, func(t *testing.T, p *place) {
		f := free("free")
		f.fail = always(llm.Network)
		short := func(c *Config) {
			c.Breaker, c.Retries = BreakerConfig{Failures: 1, Open: time.Millisecond, Successes: 1}, 1
		}
		r := routerOf(t, p, short, f)
		process(t, r, message("1", "x"))
		time.Sleep(2 * time.Millisecond)
		f.fail = nil
		process(t, r, message("2", "x"))
		ended(t, r, p)
		p = p.another(t)
		r = routerOf(t, p, short, f)
		if notes, err := p.notes.Notes(t.Context(), []string{noteName(r.tiers[0])}); err != nil || notes[0] != nil {
			t.Errorf("noted is %s, %v", notes[0], err)
		}
	})
}

// Two processes on one Redis keep to each limit together.
func TestProcessesShareLimits(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*standIn)
		want func(t *testing.T, s *standIn, judged int)
	}{
		{"calls at the same time", func(s *standIn) { s.limits.Concurrency, s.takes = 3, 20*time.Millisecond },
			func(t *testing.T, s *standIn, judged int) {
				if n := s.most.Load(); n != 3 || judged != crowd {
					t.Errorf("%d calls at the same time and %d items judged, want 3 and all", n, judged)
				}
			}},
		{"requests in a minute", func(s *standIn) { s.limits.RequestsPerMinute = 17 }, wantCalls(17)},
		{"requests in a day", func(s *standIn) { s.limits.RequestsPerDay = 17 }, wantCalls(17)},
		{"dollars", func(s *standIn) { s.limits.Free, s.limits.MaxTokens, s.id = false, 1000, "paid" },
			func(t *testing.T, s *standIn, judged int) {
				// Of 20 cents, those within the worst of one call may be left.
				if n := int(s.calls.Load()); n > 20 || n < 17 || judged != n {
					t.Errorf("%d calls of a cent and %d items judged for 20 cents", n, judged)
				}
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := free("model")
			s.limits.Concurrency, s.used = 10, llm.Response{TokensIn: 900, TokensOut: 100}
			c.set(s)
			first := newRedisPlace(t, nil, steady(20))
			var wg sync.WaitGroup
			var all []*flows.Message
			for n, p := range []*place{first, first.another(t)} {
				r := routerOf(t, p, func(c *Config) { c.Retries = 1 }, s)
				var batch []*flows.Message
				for i := range crowd / 2 {
					batch = append(batch, message(fmt.Sprint(n, "-", i), fmt.Sprint("item ", n, i)))
				}
				all = append(all, batch...)
				for _, m := range batch {
					wg.Go(func() { process(t, r, m) })
				}
			}
			wg.Wait()
			judged := 0
			for _, m := range all {
				if m.Item.Analysis.Done() {
					judged++
				}
			}
			c.want(t, s, judged)
		})
	}
}

const crowd = 60 // items

func wantCalls(want int) func(*testing.T, *standIn, int) {
	return func(t *testing.T, s *standIn, judged int) {
		if n := int(s.calls.Load()); n != want || judged != want {
			t.Errorf("%d calls and %d items judged, want %d", n, judged, want)
		}
	}
}
