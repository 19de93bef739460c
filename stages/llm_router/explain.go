package llmrouter

import (
	"context"
	"fmt"
	"time"

	"catalyst/internal/llm"
	"catalyst/internal/news"
)

// An Explanation says what would become of an item if it came now.
type Explanation struct {
	Prompt string `json:"prompt"`
	Tokens int    `json:"tokens"` // of the request, estimated
	Facts  Facts  `json:"-"`
	Rules  []struct {
		Use   string `json:"use"`
		When  string `json:"when"`
		Holds bool   `json:"holds"`
		Error string `json:"error,omitempty"`
	} `json:"rules,omitempty"`
	Tiers []TierExplanation `json:"tiers"` // in the order they would be asked
}

// TierExplanation is the part of one provider.
type TierExplanation struct {
	Provider string  `json:"provider"`
	Model    string  `json:"model,omitempty"`
	Takes    bool    `json:"takes"` // it is the one that would be asked first
	Why      string  `json:"why"`
	Worst    float64 `json:"worst_dollars"` // what the call costs at most
}

// Explain says which tier would be asked about item, and why each other would not. It
// asks no model and takes nothing from any limit; [Router.Look] is enough before it.
func (r *Router) Explain(ctx context.Context, item *news.Item) (*Explanation, error) {
	q, err := r.question(r.prompts.Of(item), item)
	if err != nil {
		return nil, err
	}
	x := &Explanation{Prompt: q.prompt.ID, Tokens: q.tokens, Facts: r.facts(item)}
	for _, rule := range r.config.Rules {
		holds, err := rule.When.Holds(x.Facts)
		one := struct {
			Use   string `json:"use"`
			When  string `json:"when"`
			Holds bool   `json:"holds"`
			Error string `json:"error,omitempty"`
		}{rule.Use, rule.When.String(), holds, ""}
		if err != nil {
			one.Error = err.Error()
		}
		x.Rules = append(x.Rules, one)
	}
	c := r.choose(ctx, q)
	taken := ""
	for _, t := range c.able {
		one := TierExplanation{Provider: t.name, Model: t.Model()}
		price, _ := r.price(t)
		ask := r.quotaAsk(t, q, price)
		one.Worst = float64(ask.NanoDollars) / 1e9
		switch why := r.refusedNow(ctx, t, q); {
		case why != nil:
			one.Why = why.Error()
		case taken == "":
			taken, one.Takes = t.name, true
			one.Why = c.reason
			if c.by != nil && t != c.by {
				one.Why = "instead of " + c.by.name
			}
		default:
			one.Why = "only if " + taken + " fails"
		}
		x.Tiers = append(x.Tiers, one)
	}
	for _, u := range c.unable {
		one := TierExplanation{Provider: u.name, Why: u.why}
		if u.absent == nil {
			one.Model = u.Model()
		}
		x.Tiers = append(x.Tiers, one)
	}
	return x, nil
}

// refusedNow is why a call to t would not be made at this moment; nil if it would.
func (r *Router) refusedNow(ctx context.Context, t *tier, q question) error {
	if wait, class := t.breaker.state(); wait > 0 {
		return fmt.Errorf("left alone after %s, for %v", class, wait.Round(time.Second))
	}
	price, known := r.price(t)
	if !known && r.quota.Limited() {
		return fmt.Errorf("the price of %s is unknown, and there is a budget", t.Model())
	}
	if fault := r.quota.Check(ctx, r.quotaAsk(t, q, price)); fault != nil {
		return &llm.Error{Class: fault.Class, Err: fault.Err}
	}
	return nil
}
