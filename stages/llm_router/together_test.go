package llmrouter

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"catalyst/flows"
	"catalyst/internal/llm"
	"catalyst/internal/llm/llmtest"
	"catalyst/internal/news"
)

// several are n messages of one prompt.
func several(n int) (all []*flows.Message) {
	for i := range n {
		all = append(all, message(fmt.Sprint(i), fmt.Sprintf("Company %d wins contract", i)))
	}
	return all
}

// five is a router that asks about five items in one call.
func five(t *testing.T, p *place, tiers ...llm.Provider) *Router {
	return routerOf(t, p, func(c *Config) { c.ItemsPerCall = 5 }, tiers...)
}

// whole answers as a model does that does as it is told.
func whole(r llm.Request) string { return llmtest.Answer(r.Prompt) }

// edited answers so, after edit has had the verdicts about several items.
func edited(edit func(verdicts []map[string]any) []map[string]any) func(llm.Request) string {
	return func(r llm.Request) string {
		var answer struct {
			Verdicts []map[string]any `json:"verdicts"`
		}
		if json.Unmarshal([]byte(whole(r)), &answer) != nil || answer.Verdicts == nil {
			return whole(r)
		}
		answer.Verdicts = edit(answer.Verdicts)
		text, _ := json.Marshal(answer)
		return string(text)
	}
}

func TestFiveItemsAreOneCall(t *testing.T) {
	p := newPlace(t, nil, steady(1000))
	costs := paid("costs")
	costs.answer = whole
	costs.used = llm.Response{TokensIn: 1001, TokensOut: 502} // which five do not divide
	r := five(t, p, costs)
	batch := several(5)
	batch[3].Item.Title += " after default, bankruptcy and delisting"
	if out := process(t, r, batch...); len(out) != 5 {
		t.Fatalf("%d messages go on", len(out))
	}
	var money int64
	in, outs := 0, 0
	for i, m := range batch {
		a := m.Item.Analysis
		want := news.Bullish
		if i == 3 {
			want = news.Bearish
		}
		if !a.Done() || a.Direction != want || a.Attempts != 1 || a.Provider != "costs" || a.Reason != "first in order" {
			t.Errorf("item %d: %+v", i, a)
		}
		money, in, outs = money+a.NanoDollars, in+a.TokensIn, outs+a.TokensOut
	}
	if n := costs.calls.Load(); n != 1 {
		t.Errorf("%d calls", n)
	}
	if money != 1503*1e4 || in != 1001 || outs != 502 {
		t.Errorf("the items paid %d nano-dollars for %d and %d tokens, want %d for 1001 and 502", money, in, outs, int64(1503*1e4))
	}
	if s := p.spent(t)["costs"]; s.Calls != 1 || s.NanoDollars != money || s.TokensIn != 1001 {
		t.Errorf("booked %+v", s)
	}
}

// What such a call brings nothing for, or nothing of use, is asked about alone; an
// answer is never taken for another item's.
func TestMissingItemsAreAskedAlone(t *testing.T) {
	type verdicts = []map[string]any
	for name, c := range map[string]struct {
		edit  func(v verdicts) verdicts
		calls int32
	}{
		"one missing":      {func(v verdicts) verdicts { return append(v[:2:2], v[3:]...) }, 2},
		"three missing":    {func(v verdicts) verdicts { return v[3:] }, 4},
		"in another order": {func(v verdicts) verdicts { return verdicts{v[4], v[2], v[0], v[3], v[1]} }, 1},
		"a foreign number": {func(v verdicts) verdicts { v[1]["item"] = 17; return v }, 2},
		"no number":        {func(v verdicts) verdicts { delete(v[1], "item"); return v }, 2},
		"one more than there is": {func(v verdicts) verdicts {
			return append(v, map[string]any{"item": 6, "direction": "bearish", "score": -1, "confidence": 1, "reasoning": "x"})
		}, 1},
		"the same one twice": {func(v verdicts) verdicts { v[1]["item"] = v[0]["item"]; return v }, 3},
		"one out of range":   {func(v verdicts) verdicts { v[4]["score"] = 40; return v }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			f := free("free")
			f.answer = edited(c.edit)
			batch := several(5)
			batch[1].Item.Title += " after default, bankruptcy and delisting"
			if out := process(t, five(t, newPlace(t, nil, nil), f), batch...); len(out) != 5 {
				t.Fatalf("%d messages go on", len(out))
			}
			for i, m := range batch {
				want := news.Bullish
				if i == 1 {
					want = news.Bearish
				}
				if a := m.Item.Analysis; !a.Done() || a.Direction != want {
					t.Errorf("item %d: %+v", i, a)
				}
			}
			if n := f.calls.Load(); n != c.calls {
				t.Errorf("%d calls, want %d", n, c.calls)
			}
		})
	}
}

// If the call fails, or its answer is none, each item has its own call and its own fate.
func TestACallForFiveFails(t *testing.T) {
	for name, set := range map[string]func(*standIn){
		"refused": func(s *standIn) {
			s.fail = func(n int) error {
				if n == 1 {
					return fail(llm.ContentFilter)
				}
				return nil
			}
			s.answer = whole
		},
		"no JSON": func(s *standIn) {
			s.answer = func(r llm.Request) string {
				if strings.Contains(r.Prompt, "item number=") {
					return "They all look good."
				}
				return whole(r)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := free("free")
			set(f)
			batch := several(5)
			process(t, five(t, newPlace(t, nil, nil), f), batch...)
			for i, m := range batch {
				if !m.Item.Analysis.Done() {
					t.Errorf("item %d: %+v", i, m.Outcome())
				}
			}
			if n := f.calls.Load(); n != 6 {
				t.Errorf("%d calls, want one for all and one for each", n)
			}
		})
	}
}

// Only what shares prompt and provider is asked about together, and at most five.
func TestWhoIsAskedTogether(t *testing.T) {
	f, g := free("free"), free("long")
	f.answer, g.answer = whole, whole
	r := routerOf(t, newPlace(t, nil, nil), func(c *Config) {
		c.ItemsPerCall = 5
		c.Rules = []Rule{rule(t, "long", "chars > 100")}
	}, f, g)
	batch := several(12)
	batch[2].Item.Form = "10-K"                             // another prompt
	batch[3].Item.Body = strings.Repeat("more ", 30)        // another provider
	batch[4].Item.Analysis = &news.Analysis{Direction: "x"} // judged
	process(t, r, batch...)
	for i, m := range batch {
		if !m.Item.Analysis.Done() {
			t.Errorf("item %d: %+v", i, m.Outcome())
		}
	}
	// Nine are left of one kind: five and four.
	if n, m := f.calls.Load(), g.calls.Load(); n != 3 || m != 1 {
		t.Errorf("%d and %d calls, want 3 and 1", n, m)
	}
}

// A panic in a call for five fails the five, and nobody else.
func TestACallForFivePanics(t *testing.T) {
	f := free("free")
	f.answer = whole
	f.fail = func(n int) error {
		if n == 1 {
			panic("boom")
		}
		return nil
	}
	r := five(t, newPlace(t, nil, nil), f)
	batch := several(5)
	process(t, r, batch...)
	for i, m := range batch {
		if o := m.Outcome(); o.Fate != flows.Failed || flows.IsPermanent(o.Err) {
			t.Errorf("item %d: %+v", i, o)
		}
	}
	batch = several(5)
	if out := process(t, r, batch...); len(out) != 5 {
		t.Errorf("%d go on afterwards", len(out))
	}
}
