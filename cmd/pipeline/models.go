package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/llm"
	"catalyst/internal/llm/costs"
	"catalyst/internal/llm/prices"
	"catalyst/internal/llm/quota"
	"catalyst/internal/news"
	"catalyst/internal/operator"
	"catalyst/internal/store"
	llmrouter "catalyst/stages/llm_router"
)

// llmConfig is the section llm: what all stages that ask models have in common.
type llmConfig struct {
	Budget  quota.Config     `yaml:"budget" doc:"dollars that may be spent; over it, items get the free models or none"`
	Prices  string           `yaml:"prices" doc:"file with prices of your own, in the format of pipeline cost --prices; they replace or add to the built-in ones"`
	Prompts llm.PromptConfig `yaml:"prompts" doc:"what models are told"`
	Keep    time.Duration    `yaml:"keep" doc:"how long pipeline cost can look back"`
}

var defaultLLM = llmConfig{Budget: quota.Defaults, Keep: 7 * 24 * time.Hour}

// Validate reports every fault.
func (c llmConfig) Validate() error {
	var faults []error
	if c.Keep < 24*time.Hour {
		faults = append(faults, config.At("keep", "must be at least 24h, or the day's costs are not whole"))
	}
	if _, err := llm.NewPrompts(c.Prompts); err != nil {
		faults = append(faults, config.At("prompts", "%w", err))
	}
	if _, err := prices.Load(c.Prices); err != nil {
		faults = append(faults, config.At("prices", "%w", err))
	}
	return errors.Join(faults...)
}

// models are what the stages that ask models share, each opened when it is first needed.
type models struct {
	config   llmConfig
	prompts  lazy[*llm.Prompts]
	prices   lazy[*prices.Table]
	quota    lazy[*quota.Quota]
	costs    lazy[*costs.Book]
	operator lazy[*operator.Operator]
}

func (r *resources) readLLM(reader *config.Reader, value *yaml.Node) []string {
	r.models.config = defaultLLM
	reader.Decode("llm", value, value, &r.models.config)
	for _, name := range slices.Sorted(maps.Keys(r.models.config.Budget.Providers)) {
		if !slices.ContainsFunc(r.providers, func(p flows.Spec[llm.Provider]) bool { return p.Name == name }) {
			reader.Report(value, "llm.budget.providers", "write the name of one of providers", "there is no provider %q", name)
		}
	}
	return nil
}

func (m *models) close() error {
	return errors.Join(m.quota.close(), m.costs.close(), m.operator.close())
}

// router is what stage llm_router needs.
func (r *resources) router() llmrouter.Deps {
	return llmrouter.Deps{
		Provider: r.Provider, Prompts: r.Prompts, Prices: r.Prices, Quota: r.Quota,
		Costs: r.CostBook, Notes: r.Notes, Operator: r.Operator, Answered: r.answered, Wait: r.waiting,
	}
}

// answered records what a model answered, where that is wanted.
func (r *resources) answered(p llm.Provider, q llm.Request, a llm.Response, err error) {
	if r.tape != nil {
		r.tape.answer(p, q, a, err)
	}
}

func nothing() error { return nil }

// waiting returns what waits before a model is asked again; nil is the time of day.
func (r *resources) waiting() func(context.Context, time.Duration) bool { return r.waits }

// Prompts returns what models are told.
func (r *resources) Prompts() (*llm.Prompts, error) {
	return r.models.prompts.get(func(context.Context) (*llm.Prompts, func() error, error) {
		p, err := llm.NewPrompts(r.models.config.Prompts)
		return p, nothing, err
	})
}

// Prices returns the table of prices.
func (r *resources) Prices() (*prices.Table, error) {
	return r.models.prices.get(func(context.Context) (*prices.Table, func() error, error) {
		t, err := prices.Load(r.models.config.Prices)
		return t, nothing, err
	})
}

// Quota returns the limits and budgets: shared with other processes through Redis,
// else kept in memory and written behind.
func (r *resources) Quota() (*quota.Quota, error) {
	return r.models.quota.get(func(ctx context.Context) (*quota.Quota, func() error, error) {
		meters, err := r.Meters()
		if err != nil {
			return nil, nil, err
		}
		closer := nothing
		if strings.HasPrefix(r.plan.Broker, "sqlite://") {
			local := quota.Local(meters, r.log)
			meters, closer = local, local.Close
		}
		q := quota.New(r.models.config.Budget, meters, r.log)
		if r.clock != nil {
			q.SetClock(r.clock)
		}
		if o, err := r.Operator(); err == nil && r.runs { // a command beside it would have told, and nobody heard
			q.OnLevel(func(c quota.Change) { pageBudget(o, c) })
		}
		return q, func() error { return errors.Join(q.Close(), closer()) }, q.Start(ctx)
	})
}

// CostBook returns the book of what calls cost.
func (r *resources) CostBook() (*costs.Book, error) {
	return r.models.costs.get(func(context.Context) (*costs.Book, func() error, error) {
		b := costs.New(func() (store.Costs, error) { return r.Costs() }, r.models.config.Keep, r.log)
		return b, b.Close, nil
	})
}

// Models names everything about the models that an answer depends on: its prompt and
// schema, and which providers and models there are to ask. Cached answers of other models
// are not found.
func (r *resources) Models(item *news.Item) string {
	names := []string{fmt.Sprintf("schema=%x", sha256.Sum256(llm.AnswerSchema))}
	if p, err := r.Prompts(); err == nil { // else nothing is built that would ask
		names = append(names, p.Of(item).ID)
	}
	for _, spec := range r.providers {
		if p, err := r.Provider(spec.Name); err == nil {
			names = append(names, p.Name()+"="+p.Model())
		}
	}
	return strings.Join(names, " ")
}

// closeProviders ends what providers have going, as the care for a local server.
func (r *resources) closeProviders() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, m := range r.known {
		if c, ok := m.provider.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
