package llmrouter

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"catalyst/flows"
	"catalyst/internal/llm"
	"catalyst/internal/llm/quota"
)

func day(cents int) func(*quota.Config) {
	return func(b *quota.Config) { b.Day = quota.Dollars(cents * cent) }
}

// steady is a budget of a day that is not saved on before it is used up.
func steady(cents int) func(*quota.Config) {
	return func(b *quota.Config) {
		b.Day = quota.Dollars(cents * cent)
		b.Warning, b.Critical = quota.Step{At: 1, MaxCall: quota.None}, quota.Step{At: 1, MaxCall: quota.None}
	}
}

// Whose price nobody knows is not asked under a budget: others are, and the operator
// is told once.
func TestUnknownPriceUnderABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		unknown := &standIn{name: "unknown", limits: llm.Limits{MaxTokens: 100}}
		other := free("free")
		r := routerOf(t, newPlace(t, slog.New(slog.NewTextHandler(&log, nil)), day(100)), nil, unknown, other)
		before := testutil.ToFloat64(priceUnknown.WithLabelValues("unknown"))
		for i := range 10 {
			m := message(fmt.Sprint(i), fmt.Sprint("item ", i))
			process(t, r, m)
			if a := m.Item.Analysis; !a.Done() || a.Provider != "free" || a.Reason != "after unknown: budget" {
				t.Errorf("analysis %+v", a)
			}
		}
		synctest.Wait()
		if n := unknown.calls.Load(); n > 0 {
			t.Errorf("%d calls at an unknown price", n)
		}
		if n := strings.Count(log.String(), "operator_page"); n != 1 || !strings.Contains(log.String(), "nobody knows the price of unknown") {
			t.Errorf("%d pages, want one about the price:\n%s", n, log.String())
		}
		if n := testutil.ToFloat64(priceUnknown.WithLabelValues("unknown")) - before; n != 10 {
			t.Errorf("the metric counts %v, want 10", n)
		}
	})
}

// Without any budget it is asked, and booked as what nobody knows: not as $0.
func TestUnknownPriceWithoutABudget(t *testing.T) {
	p := newPlace(t, nil, func(b *quota.Config) { b.Day = quota.None })
	r := routerOf(t, p, nil, &standIn{name: "unknown", limits: llm.Limits{MaxTokens: 100}})
	m := message("1", "x")
	process(t, r, m)
	if !m.Item.Analysis.Done() {
		t.Fatalf("outcome %+v", m.Outcome())
	}
	if s := p.spent(t)["unknown"]; s.Calls != 1 || s.Unpriced != 1 || s.NanoDollars != 0 {
		t.Errorf("booked as %+v", s)
	}
}

// Over the budget items go on without a verdict, if nobody is free of charge.
func TestBudgetIsUsedUp(t *testing.T) {
	for _, withFree := range []bool{false, true} {
		t.Run(fmt.Sprint("free tier ", withFree), func(t *testing.T) {
			p := newPlace(t, nil, steady(10))
			costs, nothing := paid("costs"), free("nothing")
			tiers := []llm.Provider{costs}
			if withFree {
				tiers = append(tiers, nothing)
			}
			r := routerOf(t, p, nil, tiers...)
			answered := 0
			for i := range 20 {
				m := message(fmt.Sprint(i), fmt.Sprint("item ", i))
				if out := process(t, r, m); len(out) != 1 {
					t.Fatalf("item %d does not go on: %+v", i, m.Outcome())
				}
				a := m.Item.Analysis
				switch {
				case a.Done() && a.Provider == "costs":
					answered++
				case withFree && (!a.Done() || a.Reason != "after costs: budget"):
					t.Errorf("item %d: %+v, want it judged for nothing", i, a)
				case !withFree && (a.Done() || !strings.HasPrefix(a.Unavailable, "budget of the day: ") || a.Direction != ""):
					t.Errorf("item %d: %+v, want it marked as unavailable for want of money", i, a)
				}
			}
			s := p.spent(t)["costs"]
			if answered == 0 || s.NanoDollars != int64(answered)*cent || s.NanoDollars > 10*cent || s.NanoDollars < 5*cent {
				t.Errorf("%d answers of a cent within 10 cents, booked as %+v", answered, s)
			}
			if int(costs.calls.Load()) != answered || s.Calls != answered {
				t.Errorf("%d calls for %d answers, and %d are booked", costs.calls.Load(), answered, s.Calls)
			}
			if r.quota.Level() != quota.Over {
				t.Errorf("level %v", r.quota.Level())
			}
		})
	}
}

// All items at once cannot go beyond the budget together: the worst of each is set aside.
func TestBudgetHoldsForACrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, nil, steady(30))
		costs := paid("costs")
		costs.takes = 1e9
		costs.limits.Concurrency, costs.limits.RequestsPerMinute = -1, -1
		r := routerOf(t, p, nil, costs)
		x, err := r.Explain(t.Context(), message("0", "item 0").Item)
		if err != nil {
			t.Fatal(err)
		}
		costs.used = llm.Response{TokensIn: x.Tokens - 10, TokensOut: 1000} // near to the worst
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() { process(t, r, message(fmt.Sprint(i), fmt.Sprint("item ", i))) })
		}
		wg.Wait()
		if s := p.spent(t)["costs"]; s.NanoDollars > 30*cent || s.NanoDollars < 20*cent {
			t.Errorf("booked %+v of 30 cents", s)
		}
	})
}

// From the warning level on dear calls are not made, and cheap ones are.
func TestSaving(t *testing.T) {
	p := newPlace(t, nil, func(b *quota.Config) {
		b.Day = 1000 * cent
		b.Warning = quota.Step{At: 0.5, MaxCall: 10 * cent}
		b.Critical = quota.Step{At: 0.8, MaxCall: cent / 2}
	})
	dear, cheap := paid("dear"), paid("cheap")
	dear.id = "dear"
	r := routerOf(t, p, nil, dear, cheap)
	for i, c := range []struct {
		spend int
		want  string
	}{{0, "dear"}, {500, "cheap"}, {300, ""}} {
		if c.spend > 0 {
			spend(r, c.spend)
		}
		m := message(fmt.Sprint(i), fmt.Sprint("item ", i))
		process(t, r, m)
		if a := m.Item.Analysis; a.Provider != c.want || a.Done() != (c.want != "") {
			t.Errorf("with %d more cents spent: %+v, want it judged by %q", c.spend, a, c.want)
		}
		if c.want == "" && !strings.Contains(m.Item.Analysis.Unavailable, "budget of the day") {
			t.Errorf("unavailable: %q", m.Item.Analysis.Unavailable)
		}
	}
}

// Failed calls cost nothing, and give back what was set aside.
func TestFailuresCostNothing(t *testing.T) {
	p := newPlace(t, nil, steady(10))
	costs := paid("costs")
	costs.fail = always(llm.ContentFilter)
	r := routerOf(t, p, nil, costs)
	for i := range 50 {
		m := message(fmt.Sprint(i), fmt.Sprint("item ", i))
		process(t, r, m)
		if m.Outcome().Fate != flows.Failed {
			t.Fatalf("item %d: %+v, %+v", i, m.Outcome(), m.Item.Analysis)
		}
	}
	if s := p.spent(t)["costs"]; s.Calls != 50 || s.Failed != 50 || s.NanoDollars != 0 {
		t.Errorf("booked %+v", s)
	}
	if r.quota.Level() != quota.OK {
		t.Errorf("level %v", r.quota.Level())
	}
}

// Where the money is used up and the free model is down, the item waits for that one.
func TestNoMoneyAndAnOutage(t *testing.T) {
	p := newPlace(t, nil, day(0))
	down := free("down")
	down.fail = always(llm.Auth)
	r := routerOf(t, p, nil, paid("costs"), down)
	m := message("1", "x")
	process(t, r, m)
	if wait := wantParked(t, m, "budget", "down: auth"); wait > time.Hour {
		t.Errorf("to come back in %v: as if the money were what it waits for", wait)
	}
}
