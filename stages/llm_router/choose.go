package llmrouter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"catalyst/internal/llm"
	"catalyst/internal/llm/prices"
	"catalyst/internal/llm/quota"
	"catalyst/internal/news"
)

// A choice is the order in which tiers are asked about an item, and why.
type choice struct {
	able     []*tier
	reason   string // why the first of them comes first
	by       *tier  // the one that the rules, or the order, want; it may not be able
	unable   []refusal
	textLen  int
	appearer bool // a server that nobody named may be started
}

// A refusal says why a tier cannot be asked about an item at all.
type refusal struct {
	*tier
	why     string
	absent  *llm.NotConfiguredError
	tooLong bool
	fault   *llm.Error // of what may pass: a server that is being loaded
}

// choose orders the tiers for a question. It asks no model and takes nothing.
func (r *Router) choose(ctx context.Context, q question) choice {
	c := choice{textLen: llm.TextLen(q.items[0])}
	first, reason := r.first(q)
	c.by, c.reason = first, reason
	for _, t := range r.order(first, q) {
		if no := r.refuse(ctx, t, q, &c); no != nil {
			c.unable = append(c.unable, *no)
			continue
		}
		c.able = append(c.able, t)
	}
	return c
}

// first is the tier that is wanted for a question, and why.
func (r *Router) first(q question) (*tier, string) {
	if r.config.Strategy == cheapestCapable {
		return nil, "cheapest"
	}
	if len(r.config.Rules) > 0 {
		facts := r.facts(q.items[0])
		for _, rule := range r.config.Rules {
			holds, err := rule.When.Holds(facts)
			if err != nil { // a rule that cannot be told does not hold
				r.log.Debug("llm_rule_failed", "use", rule.Use, "error", err)
			}
			if holds {
				return r.tier(rule.Use), ruleReason(rule)
			}
		}
	}
	return nil, "first in order"
}

func ruleReason(rule Rule) string {
	if rule.When.IsZero() {
		return "rule for " + rule.Use
	}
	return "rule " + rule.When.String()
}

func (r *Router) tier(name string) *tier {
	i := slices.IndexFunc(r.tiers, func(t *tier) bool { return t.name == name })
	return r.tiers[i] // Validate has seen to it
}

// order returns all tiers: the first, those behind it, and then those before it, the
// nearest first, because tiers are listed from the cheapest to the best.
func (r *Router) order(first *tier, q question) []*tier {
	if r.config.Strategy == cheapestCapable {
		return r.byPrice(q)
	}
	if first == nil {
		return r.tiers
	}
	order := slices.Clone(r.tiers[first.place:])
	for _, t := range slices.Backward(r.tiers[:first.place]) {
		order = append(order, t)
	}
	return order
}

// byPrice orders tiers by what their answer to q costs at worst; those without a known
// price come last.
func (r *Router) byPrice(q question) []*tier {
	type priced struct {
		*tier
		worst int64
	}
	var all []priced
	for _, t := range r.tiers {
		p := priced{t, 1<<63 - 1}
		if t.absent == nil {
			if price, ok := r.price(t); ok {
				p.worst = price.Worst(q.tokens, q.longest(t))
			}
		}
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b priced) int {
		switch {
		case a.worst < b.worst:
			return -1
		case a.worst > b.worst:
			return 1
		}
		return 0
	})
	var order []*tier
	for _, p := range all {
		order = append(order, p.tier)
	}
	return order
}

// price returns what t costs now; false if nobody knows.
func (r *Router) price(t *tier) (prices.Price, bool) {
	if t.limits.Free {
		return prices.Free, true
	}
	return r.prices.Price(t.Model(), r.now())
}

// refuse returns why t cannot be asked about q at all; nil if it can be tried.
func (r *Router) refuse(ctx context.Context, t *tier, q question, c *choice) *refusal {
	absent := t.absent
	if prober, ok := t.Provider.(llm.Prober); ok {
		if errors.As(prober.Available(ctx), &absent) {
			c.appearer = true
		}
	}
	if absent != nil {
		return &refusal{tier: t, why: absent.Error(), absent: absent}
	}
	if limit := t.limits.MaxChars; limit > 0 && c.textLen > limit {
		return &refusal{tier: t, why: fmt.Sprintf("takes %d characters, the text has %d", limit, c.textLen), tooLong: true}
	}
	if limit := t.limits.Context; limit > 0 && q.tokens+q.longest(t) > limit {
		return &refusal{tier: t, why: fmt.Sprintf("its context of %d tokens does not hold about %d and an answer of %d", limit, q.tokens, q.longest(t)), tooLong: true}
	}
	if tended, ok := t.Provider.(llm.Tended); ok {
		if fault := tended.Ready(); fault != nil {
			return &refusal{tier: t, why: fault.Error(), fault: fault}
		}
	}
	return nil
}

// reason is what the item's reader is told if no tier can be asked.
func (c choice) unavailable() string {
	var set, why, tooLong []string
	for _, u := range c.unable {
		switch {
		case u.tooLong:
			tooLong = append(tooLong, u.name+" "+u.why)
		case u.absent != nil:
			why = append(why, u.why)
			if u.absent.Variable != "" {
				set = append(set, u.absent.Variable)
			}
		}
	}
	switch {
	case len(tooLong) > 0:
		text := fmt.Sprintf("no configured model takes a text of %d characters: %s", c.textLen, strings.Join(tooLong, ", "))
		if len(set) > 0 {
			text += "; set " + orList(set) + " for longer ones"
		}
		return text
	case len(set) > 0:
		return "no model is configured: set " + orList(set)
	}
	return "no model is configured: " + strings.Join(why, "; ")
}

// faults are of those that cannot be asked only for now.
func (c choice) faults() (faults []*llm.Error) {
	for _, u := range c.unable {
		if u.fault != nil {
			faults = append(faults, u.fault)
		}
	}
	return faults
}

func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// quotaAsk is what a call to t about q asks of limits and budgets.
func (r *Router) quotaAsk(t *tier, q question, price prices.Price) quota.Ask {
	return quota.Ask{
		Provider: t.name, Model: t.Model(), Limits: t.limits,
		Source: q.items[0].Source, Tickers: tickers(q.items),
		TokensIn: q.tokens, TokensOut: q.longest(t),
		NanoDollars: price.Worst(q.tokens, q.longest(t)),
	}
}

// longest is how many tokens t's answer to q has at most.
func (q question) longest(t *tier) int { return max(q.request.MaxTokens, t.limits.MaxTokens) }

// tickers are those of all items, each once.
func tickers(items []*news.Item) []string {
	if len(items) == 1 {
		return items[0].Tickers
	}
	var all []string
	for _, item := range items {
		for _, ticker := range item.Tickers {
			if !slices.Contains(all, ticker) {
				all = append(all, ticker)
			}
		}
	}
	return all
}
