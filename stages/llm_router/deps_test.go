package llmrouter

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"catalyst/internal/llm"
	"catalyst/internal/llm/costs"
	"catalyst/internal/llm/prices"
	"catalyst/internal/llm/quota"
	"catalyst/internal/operator"
	"catalyst/internal/store"
	sqlitestore "catalyst/internal/store/sqlite"
	"catalyst/internal/testenv"
)

// a place is where a router keeps what it knows: another router of the same place is
// the same program after a restart.
type place struct {
	budget quota.Config
	log    *slog.Logger

	store    *sqlitestore.Store
	quota    *quota.Quota
	costs    *costs.Book
	operator *operator.Operator
}

// newPlace returns a place of the test's own.
func newPlace(tb testing.TB, log *slog.Logger, budget func(*quota.Config)) *place {
	tb.Helper()
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	p := &place{budget: quota.Defaults, log: log}
	if budget != nil {
		budget(&p.budget)
	}
	file := testenv.File(tb)
	p.open(tb, file)
	return p
}

func (p *place) open(tb testing.TB, file string) {
	tb.Helper()
	var err error
	if p.store, err = sqlitestore.Open(context.Background(), file, "test"); err != nil {
		tb.Fatal(err)
	}
	meters := quota.Local(p.store, p.log)
	p.quota = quota.New(p.budget, meters, p.log)
	p.costs = costs.New(func() (store.Costs, error) { return p.store, nil }, 7*24*time.Hour, p.log)
	p.operator = operator.New(func() (store.Notes, error) { return p.store, nil }, p.log)
	store := p.store
	q, c, o := p.quota, p.costs, p.operator
	tb.Cleanup(func() {
		o.Close()
		c.Close()
		q.Close()
		meters.Close()
		store.Close()
	})
}

// deps are what a router needs, with the providers given.
func (p *place) deps(provider func(name string) (llm.Provider, error)) Deps {
	return Deps{
		Provider: provider,
		Prompts:  func() (*llm.Prompts, error) { return llm.NewPrompts(llm.PromptConfig{}) },
		Prices:   func() (*prices.Table, error) { return prices.Load("") },
		Quota:    func() (*quota.Quota, error) { return p.quota, nil },
		Costs:    func() (*costs.Book, error) { return p.costs, nil },
		Notes:    func() (store.Notes, error) { return p.store, nil },
		Operator: func() (*operator.Operator, error) { return p.operator, nil },
	}
}

// spent is what the book says of everything so far, by provider.
func (p *place) spent(tb testing.TB) map[string]store.Spending {
	tb.Helper()
	if err := p.costs.Close(); err != nil {
		tb.Fatal(err)
	}
	return p.booked(tb)
}

// booked is what of it has reached the store.
func (p *place) booked(tb testing.TB) map[string]store.Spending {
	tb.Helper()
	all, err := p.store.Spent(context.Background(), time.Now().Add(-48*time.Hour), time.Now().Add(48*time.Hour), store.ByProvider)
	if err != nil {
		tb.Fatal(err)
	}
	by := map[string]store.Spending{}
	for _, s := range all {
		by[s.Name] = s
	}
	return by
}
