// Package llmrouter is the stage that has a language model judge items. Rules say
// which provider is asked first; the others follow until one gives a verdict that holds
// against the schema. What it cannot get it does not make up: without any configured
// model, or any money left, an item goes on marked as unavailable; when all are down
// it is parked until one returns; when all answer uselessly it fails, each with its reason.
//
// An item whose message is delivered again after the model was asked, but before
// the verdict was stored, is asked about again.
package llmrouter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"catalyst/flows"
	"catalyst/internal/llm"
	"catalyst/internal/llm/costs"
	"catalyst/internal/llm/prices"
	"catalyst/internal/llm/quota"
	"catalyst/internal/operator"
	"catalyst/internal/store"
)

// Deps are what the stage needs of others, each asked for when the stage starts.
type Deps struct {
	// Provider returns the provider of pipeline.yaml with a name; an
	// [llm.ErrNotConfigured] where it is left out.
	Provider func(name string) (llm.Provider, error)
	Prompts  func() (*llm.Prompts, error)
	Prices   func() (*prices.Table, error)
	Quota    func() (*quota.Quota, error)
	Costs    func() (*costs.Book, error)
	Notes    func() (store.Notes, error)
	Operator func() (*operator.Operator, error)
	// Answered, if not nil, is told of each call and how it ended. It must be quick.
	Answered func(p llm.Provider, q llm.Request, r llm.Response, err error)
	// Wait, if not nil, returns what waits before a provider is asked again, and returns false if
	// ctx ends before; nil waits in the time of day.
	Wait func() func(ctx context.Context, d time.Duration) bool
}

// Kind describes the stage.
func Kind(deps Deps) flows.StageKind {
	return flows.NewKind(flows.StageKind{
		Name:    "llm_router",
		Doc:     "has a language model judge an item, asking providers by rules and in order",
		Example: "- llm_router: {tiers: [ollama, gemini, anthropic]}",
		Knobs:   flows.Knobs{Workers: 5, Timeout: 5 * time.Minute},
		Follows: []string{"semantic_cache"},
	}, Defaults, func(b *flows.Build, c Config) (flows.Stage, error) {
		r := New(c, deps, b.Logger)
		r.now, r.flights.now = b.Now, b.Now
		return r, nil
	})
}

// New returns the stage; Start it before its first batch. A nil log is none.
func New(c Config, deps Deps, log *slog.Logger) *Router {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	r := &Router{config: c, deps: deps, log: log, now: time.Now, flights: flights{now: time.Now}}
	for _, rule := range c.Rules {
		r.asksJargon = r.asksJargon || strings.Contains(rule.When.String(), "jargon")
	}
	return r
}

// Router is the stage.
type Router struct {
	config     Config
	deps       Deps
	log        *slog.Logger
	now        func() time.Time // of the pipeline
	asksJargon bool

	tiers    []*tier
	prompts  *llm.Prompts
	prices   *prices.Table
	quota    *quota.Quota
	costs    *costs.Book
	operator *operator.Operator
	memory   *memory
	flights  flights
	wait     func(context.Context, time.Duration) bool // before another attempt; nil is the time of day
}

// A tier is a provider in its place.
type tier struct {
	llm.Provider
	name    string
	place   int
	absent  *llm.NotConfiguredError // there is no Provider
	limits  llm.Limits              // with the router's where the provider has none
	breaker *breaker
	well    sync.Once // done when it has answered
}

// Start finds the providers, and what is known of them from before. One that is not
// configured is skipped for every item.
func (r *Router) Start(ctx context.Context) error {
	if err := r.Look(ctx); err != nil {
		return err
	}
	var models []string
	for _, t := range r.tiers {
		if t.absent == nil && !t.limits.Free {
			models = append(models, t.Model())
		}
		if s, ok := t.Provider.(flows.Starter); ok {
			if err := s.Start(ctx); err != nil {
				return fmt.Errorf("tier %s: %w", t.name, err)
			}
		}
	}
	for _, warning := range r.prices.Warnings(models, time.Now()) {
		r.log.Warn("llm_price", "warning", warning)
	}
	r.memory.start()
	return nil
}

// Look is Start without setting anything in motion: enough for [Router.Explain].
func (r *Router) Look(ctx context.Context) (err error) {
	if err := r.open(); err != nil {
		return err
	}
	r.tiers = nil
	for i, name := range r.config.Tiers {
		t := &tier{name: name, place: i}
		p, err := r.deps.Provider(name)
		switch {
		case errors.As(err, &t.absent):
		case err != nil:
			return fmt.Errorf("tier %s: %w", name, err)
		default:
			t.Provider = p
			t.limits = r.limits(p)
			t.breaker = newBreaker(r.config.Breaker, r.breakerChanged(t))
			t.breaker.now = r.now
		}
		r.tiers = append(r.tiers, t)
	}
	return r.memory.recall(ctx, r.tiers)
}

// open gets what the router needs of others.
func (r *Router) open() (err error) {
	get := func(what string, e error) {
		if e != nil && err == nil {
			err = fmt.Errorf("%s: %w", what, e)
		}
	}
	var notes store.Notes
	var e error
	r.prompts, e = r.deps.Prompts()
	get("prompts", e)
	r.prices, e = r.deps.Prices()
	get("prices", e)
	r.quota, e = r.deps.Quota()
	get("limits and budgets", e)
	r.costs, e = r.deps.Costs()
	get("costs", e)
	r.operator, e = r.deps.Operator()
	get("operator", e)
	notes, e = r.deps.Notes()
	get("notes", e)
	r.memory = newMemory(notes, r.log)
	if r.deps.Wait != nil {
		r.wait = r.deps.Wait()
	}
	return err
}

// limits are a provider's limits, with the router's where it has none of its own.
func (r *Router) limits(p llm.Provider) (l llm.Limits) {
	if limited, ok := p.(llm.Limited); ok {
		l = limited.Limits()
	}
	l.Concurrency = cmp.Or(l.Concurrency, r.config.Concurrency)
	if !l.Free { // a server at home has places, and no rate
		l.RequestsPerMinute = cmp.Or(l.RequestsPerMinute, r.config.PerMinute)
	}
	l.Timeout = cmp.Or(l.Timeout, r.config.Timeout)
	l.FirstToken = cmp.Or(l.FirstToken, r.config.FirstToken)
	return l
}

// Close writes down what is to be known at the next start.
func (r *Router) Close() error {
	if r.memory == nil {
		return nil
	}
	return r.memory.close()
}

// Check reports whether a configured provider can be asked; having none is no
// fault.
func (r *Router) Check(context.Context) error {
	var down []string
	for _, t := range r.tiers {
		if t.absent != nil {
			continue
		}
		wait, class := t.breaker.state()
		if wait <= 0 {
			return nil
		}
		down = append(down, fmt.Sprintf("%s: %s for %v", t.name, class, wait.Round(time.Second)))
	}
	if len(down) == 0 {
		return nil
	}
	return errors.New("every model is left alone: " + strings.Join(down, "; "))
}

// Process asks about every item that has no verdict yet, all at the same time as
// far as the limits allow.
func (r *Router) Process(ctx context.Context, batch []*flows.Message) ([]*flows.Message, error) {
	all := make([]*passenger, 0, len(batch))
	for _, m := range batch {
		if !m.Item.Analysis.Done() {
			all = append(all, r.passenger(m))
		}
	}
	var wg sync.WaitGroup
	var leaders []*passenger // to be asked about together
	for _, p := range all {
		if r.config.ItemsPerCall > 1 && r.board(p) == nil {
			leaders = append(leaders, p)
			continue
		}
		wg.Go(func() { r.alone(ctx, p, r.share) })
	}
	for _, group := range r.groups(leaders) {
		wg.Go(func() {
			for _, p := range r.several(ctx, group) {
				wg.Go(func() { r.alone(ctx, p, r.lead) })
			}
		})
	}
	wg.Wait()
	out := make([]*flows.Message, 0, len(batch))
	for _, m := range batch {
		if !m.Settled() {
			out = append(out, m)
		}
	}
	return out, nil
}

// alone gives one message its analysis, or fails it.
func (r *Router) alone(ctx context.Context, p *passenger, analyse func(context.Context, *passenger) error) {
	defer r.recovered(p) // the engine sees only the panics of its own goroutine
	if err := analyse(ctx, p); err != nil {
		p.Fail(err)
	}
}

// several gives messages that lead flights their analyses with one call, and returns those
// that it brought nothing for.
func (r *Router) several(ctx context.Context, group []*passenger) (left []*passenger) {
	if len(group) == 1 {
		return group
	}
	defer r.recovered(group...)
	returned := false
	defer func() {
		if !returned { // whoever waits for them asks
			for _, p := range group {
				r.land(p, nil)
			}
		}
	}()
	left = r.together(ctx, group)
	returned = true
	return left
}

func (r *Router) recovered(messages ...*passenger) {
	what := recover()
	if what == nil {
		return
	}
	r.log.Error("stage_panic", "id", messages[0].ID, "panic", what, "stack", string(debug.Stack()))
	for _, m := range messages {
		if !m.Settled() && !m.Item.Analysis.Done() {
			m.Fail(fmt.Errorf("panic: %v", what))
		}
	}
}
