package replay

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"catalyst/internal/store"
)

// Calls is a book of calls to models that a replay keeps for its report. It implements
// [store.Costs], for as long as the process lives.
type Calls struct {
	mu    sync.Mutex
	calls map[string]store.Call
}

// Book implements [store.Costs].
func (c *Calls) Book(_ context.Context, calls []store.Call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls == nil {
		c.calls = make(map[string]store.Call)
	}
	for _, call := range calls {
		c.calls[call.ID] = call
	}
	return nil
}

// Spent implements [store.Costs] for providers, which is all that a replay is asked.
func (c *Calls) Spent(_ context.Context, from, to time.Time, _ store.CostKey) ([]store.Spending, error) {
	var all []store.Spending
	for _, u := range c.use(func(call store.Call) bool { return !call.At.Before(from) && call.At.Before(to) }) {
		all = append(all, store.Spending{
			Name: u.Name, Calls: u.Calls, Failed: u.Calls - u.OK, Unpriced: u.Unpriced,
			TokensIn: u.TokensIn, TokensOut: u.TokensOut, NanoDollars: u.NanoDollars,
		})
	}
	slices.SortStableFunc(all, func(a, b store.Spending) int { return cmp.Compare(b.NanoDollars, a.NanoDollars) })
	return all, nil
}

// Forget implements [store.Costs]; nothing is forgotten before the report.
func (c *Calls) Forget(context.Context, time.Time, int) (int, error) { return 0, nil }

// A Use is what was asked of one provider.
type Use struct {
	Name        string         `json:"provider"`
	Model       string         `json:"model"`
	Calls       int            `json:"calls"`
	OK          int            `json:"ok"`
	Failed      map[string]int `json:"failed,omitempty"` // by class
	TokensIn    int64          `json:"tokens_in"`
	TokensOut   int64          `json:"tokens_out"`
	NanoDollars int64          `json:"nano_dollars"`
	Unpriced    int            `json:"unpriced,omitempty"`
	Latency     Spread         `json:"latency_ms"`
}

// use sums up calls by provider and model, by name.
func (c *Calls) use(counts func(store.Call) bool) []Use {
	c.mu.Lock()
	defer c.mu.Unlock()
	sums, latencies := map[[2]string]*Use{}, map[[2]string][]float64{}
	for _, call := range c.calls {
		if !counts(call) {
			continue
		}
		key := [2]string{call.Provider, call.Model}
		u := sums[key]
		if u == nil {
			u = &Use{Name: call.Provider, Model: call.Model, Failed: map[string]int{}}
			sums[key] = u
		}
		u.Calls++
		if call.Status == "ok" {
			u.OK++
		} else {
			u.Failed[call.Status]++
		}
		if call.Unpriced {
			u.Unpriced++
		}
		u.TokensIn += int64(call.TokensIn)
		u.TokensOut += int64(call.TokensOut)
		u.NanoDollars += call.NanoDollars
		latencies[key] = append(latencies[key], milliseconds(call.Latency))
	}
	var all []Use
	for key, u := range sums {
		u.Latency = spreadOf(latencies[key])
		all = append(all, *u)
	}
	slices.SortFunc(all, func(a, b Use) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Model, b.Model)) })
	return all
}
