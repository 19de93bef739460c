package llmrouter

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"catalyst/internal/llm"
	"catalyst/internal/llm/prices"
)

// A standIn is a [model] with a name, limits and a price, whose calls use as many
// tokens as it says.
type standIn struct {
	model
	name    string
	id      string // of the model, by which it has a price; empty is its name
	account string
	limits  llm.Limits
	used    llm.Response // tokens of every answer
	answer  func(r llm.Request) string

	ready  *llm.Error // not nil: it is being seen to
	vitals llm.Vitals

	asked *roll
}

func (s *standIn) Name() string       { return s.name }
func (s *standIn) Model() string      { return cmp.Or(s.id, s.name) }
func (s *standIn) Account() string    { return s.account }
func (s *standIn) Limits() llm.Limits { return s.limits }
func (s *standIn) Ready() *llm.Error  { return s.ready }

func (s *standIn) Vitals() llm.Vitals { return s.vitals }

func (s *standIn) Complete(ctx context.Context, r llm.Request) (llm.Response, error) {
	s.asked.call(s.name)
	response, err := s.model.Complete(ctx, r)
	if err != nil {
		return llm.Response{}, err
	}
	response.TokensIn, response.TokensOut = s.used.TokensIn, s.used.TokensOut
	if s.answer != nil {
		response.Text = s.answer(r)
	}
	return response, nil
}

// A roll notes who was asked, in order. A nil one notes nothing.
type roll struct {
	mu    sync.Mutex
	names []string
}

func (r *roll) call(name string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names = append(r.names, name)
}

// take returns who was asked since it was last called.
func (r *roll) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := r.names
	r.names = nil
	return names
}

// free is a stand-in that costs nothing.
func free(name string) *standIn { return &standIn{name: name, limits: llm.Limits{Free: true}} }

// Each token of the model "paid" costs a thousandth of a cent, and of "dear" ten times
// that.
const testPrices = `models:
  paid: {as_of: 2026-11-01, source: test, prices: {in: 10, out: 10}}
  dear: {as_of: 2026-11-01, source: test, prices: {in: 100, out: 100}}
`

// paid is a stand-in that costs a cent a call, and at worst, with the answer of 1,000
// tokens and the prompt that it may have, a few cents.
func paid(name string) *standIn {
	return &standIn{name: name, id: "paid", limits: llm.Limits{MaxTokens: 1000}, used: llm.Response{TokensIn: 900, TokensOut: 100}}
}

const cent = 1e7 // nano-dollars

// routerOf is a router at a place that has these to ask, in this order.
func routerOf(tb testing.TB, p *place, change func(*Config), tiers ...llm.Provider) *Router {
	tb.Helper()
	r := lookOf(tb, p, change, testPrices, tiers...)
	start(tb, r)
	return r
}

// lookOf is routerOf, not started and with other prices.
func lookOf(tb testing.TB, p *place, change func(*Config), table string, tiers ...llm.Provider) *Router {
	tb.Helper()
	c := Defaults
	c.Tiers, c.Rules = nil, nil
	for _, t := range tiers {
		c.Tiers = append(c.Tiers, t.Name())
	}
	if change != nil {
		change(&c)
	}
	if err := c.Validate(); err != nil {
		tb.Fatal(err)
	}
	file := filepath.Join(tb.TempDir(), "prices.yaml")
	if err := os.WriteFile(file, []byte(table), 0o600); err != nil {
		tb.Fatal(err)
	}
	deps := p.deps(func(name string) (llm.Provider, error) {
		for _, t := range tiers {
			if t.Name() == name {
				return t, nil
			}
		}
		return nil, fmt.Errorf("no provider %s", name)
	})
	deps.Prices = func() (*prices.Table, error) { return prices.Load(file) }
	return New(c, deps, p.log)
}

// always fails every call with a class.
func always(class llm.Class) func(int) error { return func(int) error { return fail(class) } }
