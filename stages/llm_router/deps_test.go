package llmrouter

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"testing"
	"time"

	"catalyst/internal/llm"
	"catalyst/internal/llm/costs"
	"catalyst/internal/llm/prices"
	"catalyst/internal/llm/quota"
	"catalyst/internal/operator"
	"catalyst/internal/store"
	redisstore "catalyst/internal/store/redis"
	sqlitestore "catalyst/internal/store/sqlite"
	"catalyst/internal/testenv"
)

// A place is where a router keeps what it knows, as one process has it open: limits
// and notes in a file or in Redis, and the book of costs in a file.
type place struct {
	budget quota.Config
	log    *slog.Logger
	file   string
	redis  string // name of the pipeline there; empty is none

	store    *sqlitestore.Store
	notes    store.Notes
	quota    *quota.Quota
	costs    *costs.Book
	operator *operator.Operator
	close    func() // as the end of the process does; again does nothing
}

// newPlace returns a place of the test's own, in a file.
func newPlace(tb testing.TB, log *slog.Logger, budget func(*quota.Config)) *place {
	tb.Helper()
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	p := &place{budget: quota.Defaults, log: log, file: testenv.File(tb)}
	if budget != nil {
		budget(&p.budget)
	}
	p.open(tb)
	return p
}

// places make places of the test's own.
var places = map[string]func(testing.TB, *slog.Logger, func(*quota.Config)) *place{"file": newPlace, "redis": newRedisPlace}

// newRedisPlace is newPlace in Redis.
func newRedisPlace(tb testing.TB, log *slog.Logger, budget func(*quota.Config)) *place {
	tb.Helper()
	testenv.Redis(tb)
	p := newPlace(tb, log, budget)
	p.close()
	p.redis = "router-test-" + rand.Text()
	p.open(tb)
	return p
}

// another is the same place in another process, or, after close, in the next one.
func (p *place) another(tb testing.TB) *place {
	tb.Helper()
	other := &place{budget: p.budget, log: p.log, file: p.file, redis: p.redis}
	other.open(tb)
	return other
}

func (p *place) open(tb testing.TB) {
	tb.Helper()
	file, err := sqlitestore.Open(context.Background(), p.file, "test")
	if err != nil {
		tb.Fatal(err)
	}
	p.store, p.notes = file, file
	var meters store.Meters
	shut := func() {}
	if p.redis == "" {
		local := quota.Local(file, p.log)
		meters, shut = local, func() { local.Close() }
	} else {
		shared, err := redisstore.Open(testenv.Redis(tb), p.redis)
		if err != nil {
			tb.Fatal(err)
		}
		meters, p.notes, shut = shared, shared, func() { shared.Close() }
	}
	notes := p.notes
	q := quota.New(p.budget, meters, p.log)
	c := costs.New(func() (store.Costs, error) { return file, nil }, 7*24*time.Hour, p.log)
	o := operator.New(func() (store.Notes, error) { return notes, nil }, p.log)
	p.quota, p.costs, p.operator = q, c, o
	p.close = sync.OnceFunc(func() {
		o.Close()
		c.Close()
		q.Close()
		shut()
		file.Close()
	})
	tb.Cleanup(p.close)
}

// deps are what a router needs, with the providers given.
func (p *place) deps(provider func(name string) (llm.Provider, error)) Deps {
	return Deps{
		Provider: provider,
		Prompts:  func() (*llm.Prompts, error) { return llm.NewPrompts(llm.PromptConfig{}) },
		Prices:   func() (*prices.Table, error) { return prices.Load("") },
		Quota:    func() (*quota.Quota, error) { return p.quota, nil },
		Costs:    func() (*costs.Book, error) { return p.costs, nil },
		Notes:    func() (store.Notes, error) { return p.notes, nil },
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
