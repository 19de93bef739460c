package llmrouter

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"catalyst/internal/llm"
	"catalyst/internal/llm/quota"
	"catalyst/internal/news"
)

func rule(tb testing.TB, use, when string) Rule {
	tb.Helper()
	r := Rule{Use: use}
	if err := r.When.UnmarshalText([]byte(when)); err != nil {
		tb.Fatal(err)
	}
	return r
}

// taker is who would take an item, and why.
func taker(tb testing.TB, r *Router, item *news.Item) (name, why string) {
	tb.Helper()
	x, err := r.Explain(context.Background(), item)
	if err != nil {
		tb.Fatal(err)
	}
	for _, t := range x.Tiers {
		if t.Takes {
			return t.Provider, t.Why
		}
	}
	return "", ""
}

// Every field that a rule can ask about, once so that the rule holds and once so that
// it does not.
func TestFacts(t *testing.T) {
	short := func() *news.Item { return &news.Item{Title: "Acme wins contract"} }
	for _, c := range []struct {
		name, when string
		yes, no    func(item *news.Item, local *standIn, r *Router)
	}{
		{"chars", "chars > 1000",
			func(item *news.Item, _ *standIn, _ *Router) {
				item.Body = strings.Repeat("é", 1001-len("Acme wins contract"))
			},
			func(item *news.Item, _ *standIn, _ *Router) {
				item.Body = strings.Repeat("é", 1000-len("Acme wins contract"))
			}},
		{"jargon", "jargon >= 2",
			func(item *news.Item, _ *standIn, _ *Router) {
				item.Body = "A covenant, a waiver of covenants and Covenant."
			},
			func(item *news.Item, _ *standIn, _ *Router) {
				item.Body = "A covenant, covenants, and no waivering tranches1."
			}},
		{"filing", "filing", func(item *news.Item, _ *standIn, _ *Router) { item.Form = "8-K" }, nil},
		{"the item's own fields", `"3.01" in items`,
			func(item *news.Item, _ *standIn, _ *Router) { item.Items = []string{"9.01", "3.01"} }, nil},
		{"gpu_memory", "gpu_memory >= 0.8",
			func(_ *news.Item, local *standIn, _ *Router) { local.vitals.Memory = 0.8 },
			func(_ *news.Item, local *standIn, _ *Router) { local.vitals.Memory = 0.79 }},
		{"gpu_memory that nobody knows", "gpu_memory == 0",
			func(_ *news.Item, local *standIn, _ *Router) { local.vitals.Memory = -1 }, func(_ *news.Item, local *standIn, _ *Router) { local.vitals.Memory = 0.1 }},
		{"minutes_since_crash", "minutes_since_crash < 10",
			func(_ *news.Item, local *standIn, _ *Router) { local.vitals.Crashed = time.Now().Add(-9 * time.Minute) },
			func(_ *news.Item, local *standIn, _ *Router) {
				local.vitals.Crashed = time.Now().Add(-10 * time.Minute)
			}},
		{"minutes_since_crash of a server that never did", "minutes_since_crash > 1e9",
			func(*news.Item, *standIn, *Router) {}, func(_ *news.Item, local *standIn, _ *Router) { local.vitals.Crashed = time.Now() }},
		{"degraded by a breaker", "degraded",
			func(_ *news.Item, _ *standIn, r *Router) { call(r.tier("plain").breaker, fail(llm.Auth)) },
			func(_ *news.Item, _ *standIn, r *Router) { call(r.tier("plain").breaker, fail(llm.Network)) }},
		{"degraded by a server that is being seen to", "degraded",
			func(_ *news.Item, local *standIn, _ *Router) { local.ready = fail(llm.Overloaded) }, nil},
		{"budget", `budget == "warning"`, func(_ *news.Item, _ *standIn, r *Router) { spend(r, 60) },
			func(_ *news.Item, _ *standIn, r *Router) { spend(r, 59) }},
		{"budget, further on", `budget == "critical"`, func(_ *news.Item, _ *standIn, r *Router) { spend(r, 85) },
			func(_ *news.Item, _ *standIn, r *Router) { spend(r, 84) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for want, set := range map[string]func(*news.Item, *standIn, *Router){"wanted": c.yes, "plain": c.no} {
				item, local := short(), free("local")
				r := routerOf(t, newPlace(t, nil, func(b *quota.Config) { b.Day = 100 * cent }), func(config *Config) {
					config.Rules = []Rule{rule(t, "wanted", c.when)}
				}, free("plain"), free("wanted"), local)
				if set != nil {
					set(item, local, r)
				}
				name, why := taker(t, r, item)
				if want == "plain" && name == "wanted" || want == "wanted" && (name != "wanted" || why != "rule "+c.when) {
					t.Errorf("%s takes it (%s), want %s", name, why, want)
				}
			}
		})
	}
}

// spend has cents of the day's budget used.
func spend(r *Router, cents int) {
	reservation, refused := r.quota.Reserve(context.Background(), quota.Ask{Provider: "someone", Model: "m"})
	if refused != nil {
		panic(refused)
	}
	reservation.Settle(quota.Used{NanoDollars: int64(cents) * cent})
}

func TestTheFirstRuleThatHoldsDecides(t *testing.T) {
	r := routerOf(t, newPlace(t, nil, nil), func(c *Config) {
		c.Rules = []Rule{
			rule(t, "a", `tickers[1] == "ACME"`), // fails at run time where there are fewer
			rule(t, "b", `chars < 100`),
			rule(t, "c", `chars < 1000`),
			rule(t, "d", ""),
		}
	}, free("a"), free("b"), free("c"), free("d"))
	for _, c := range []struct {
		item      news.Item
		want, why string
	}{
		{news.Item{Tickers: []string{"X", "ACME"}}, "a", `rule tickers[1] == "ACME"`},
		{news.Item{Tickers: []string{"ACME"}}, "b", "rule chars < 100"},
		{news.Item{Body: strings.Repeat("x", 100)}, "c", "rule chars < 1000"},
		{news.Item{Body: strings.Repeat("x", 1000)}, "d", "rule for d"},
	} {
		if name, why := taker(t, r, &c.item); name != c.want || why != c.why {
			t.Errorf("%d characters, %v: %s takes it because of %q, want %s because of %q",
				len(c.item.Body), c.item.Tickers, name, why, c.want, c.why)
		}
	}
	x, err := r.Explain(t.Context(), &news.Item{})
	if err != nil || !strings.Contains(x.Rules[0].Error, "tickers[1]") || x.Rules[0].Holds || !x.Rules[1].Holds {
		t.Errorf("rules are explained as %+v, %v", x.Rules, err)
	}
}

// From the first one on come the better ones, and then the others, the nearest first.
func TestOrderOfFallback(t *testing.T) {
	for use, want := range map[string][]string{
		"a": {"a", "b", "c", "d"}, "b": {"b", "c", "d", "a"}, "c": {"c", "d", "b", "a"}, "d": {"d", "c", "b", "a"},
		"": {"a", "b", "c", "d"},
	} {
		t.Run("first "+use, func(t *testing.T) {
			asked := &roll{}
			var tiers []llm.Provider
			for _, name := range []string{"a", "b", "c", "d"} {
				s := free(name)
				s.asked, s.fail = asked, always(llm.ContentFilter)
				if name == want[3] {
					s.fail = nil
				}
				tiers = append(tiers, s)
			}
			r := routerOf(t, newPlace(t, nil, nil), func(c *Config) {
				if use != "" {
					c.Rules = []Rule{rule(t, use, "")}
				}
			}, tiers...)
			m := message("1", "x")
			process(t, r, m)
			if got := asked.take(); !slices.Equal(got, want) {
				t.Errorf("asked %v, want %v", got, want)
			}
			a := m.Item.Analysis
			reason := "after " + strings.Join(want[:3], ": content_filter, ") + ": content_filter"
			if a.Provider != want[3] || a.Attempts != 4 || a.Reason != reason {
				t.Errorf("served by %s after %d attempts, %q; want %s, 4, %q", a.Provider, a.Attempts, a.Reason, want[3], reason)
			}
		})
	}
}

// The cheapest is asked first, by the prices that hold; whose price nobody knows, last.
func TestCheapestCapable(t *testing.T) {
	const other = `models:
  paid: {as_of: 2026-11-01, source: test, prices: {in: 50, out: 50}}
  dear: {as_of: 2026-11-01, source: test, prices: {in: 40, out: 40}}
`
	unlimited := func(b *quota.Config) { b.Day = quota.None }
	for _, c := range []struct {
		name, prices string
		body         int
		want         []string
	}{
		{"by prices", testPrices, 0, []string{"home", "small", "paid", "dear", "unknown"}},
		{"by other prices", other, 0, []string{"home", "small", "dear", "paid", "unknown"}},
		{"only who can", testPrices, 2000, []string{"home", "paid", "dear", "unknown", "small"}}, // the last one cannot
	} {
		t.Run(c.name, func(t *testing.T) {
			tier := func(name string) *standIn { return &standIn{name: name, limits: llm.Limits{MaxTokens: 1000}} }
			small := tier("small")
			small.id, small.limits.MaxTokens, small.limits.MaxChars = "paid", 1, 1000
			r := lookOf(t, newPlace(t, nil, unlimited), func(c *Config) { c.Strategy = cheapestCapable }, c.prices,
				tier("unknown"), tier("dear"), tier("paid"), small, free("home"))
			start(t, r)
			x, err := r.Explain(t.Context(), &news.Item{Title: "x", Body: strings.Repeat("x", c.body)})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, tier := range x.Tiers {
				got = append(got, tier.Provider)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("order %v, want %v", got, c.want)
			}
			if x.Tiers[0].Why != "cheapest" || x.Tiers[0].Worst != 0 || x.Tiers[2].Worst <= x.Tiers[0].Worst {
				t.Errorf("explained as %+v", x.Tiers)
			}
		})
	}
}
