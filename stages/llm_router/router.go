// Package llmrouter is the stage that has a language model judge items. It asks
// providers in the order of its tiers until one gives a verdict that holds
// against the schema. What it cannot get it does not make up: without any
// configured model an item goes on marked as unavailable; when all are down it is
// parked until one returns; when all answer uselessly it fails, each with its reason.
//
// An item whose message is delivered again after the model was asked, but before
// the verdict was stored, is asked about again.
package llmrouter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/llm"
)

// Config configures the stage.
type Config struct {
	Tiers       []string      `yaml:"tiers,short" doc:"names of providers, in the order they are asked"`
	Concurrency int           `yaml:"concurrency" doc:"calls at the same time, over all workers"`
	Retries     int           `yaml:"retries" doc:"attempts with one provider while it is overloaded, limits the rate or cannot be reached"`
	RetryDelay  time.Duration `yaml:"retry_delay" doc:"wait before the second attempt; it doubles, with jitter"`
	MaxWait     time.Duration `yaml:"max_wait" doc:"longest wait a server may ask for that is waited out here, and only where no other provider is left"`
	Timeout     time.Duration `yaml:"call_timeout" doc:"longest time for one call, where the provider has no timeout of its own"`
	FirstToken  time.Duration `yaml:"first_token" doc:"longest wait for the first token; it does not cut off the last provider"`
	MaxText     int           `yaml:"max_text" doc:"characters of an item that are sent; the model is told of a cut"`
	Breaker     BreakerConfig `yaml:"breaker" doc:"when a failing provider is left alone"`
}

// Defaults is the configuration before pipeline.yaml.
var Defaults = Config{
	Tiers:       []string{"ollama", "gemini", "anthropic"},
	Concurrency: 5,
	Retries:     3,
	RetryDelay:  2 * time.Second,
	MaxWait:     time.Minute,
	Timeout:     10 * time.Second,
	FirstToken:  5 * time.Second,
	MaxText:     6000,
	Breaker:     BreakerConfig{Failures: 5, Open: time.Minute, Successes: 3},
}

// Validate reports every fault.
func (c Config) Validate() error {
	var faults []error
	if len(c.Tiers) == 0 {
		faults = append(faults, config.At("tiers", "must name at least one provider"))
	}
	for i, name := range c.Tiers {
		if slices.Contains(c.Tiers[:i], name) {
			faults = append(faults, config.At("tiers", "names %s twice", name))
		}
	}
	for _, field := range []struct {
		name  string
		value int
	}{
		{"concurrency", c.Concurrency}, {"retries", c.Retries}, {"max_text", c.MaxText},
		{"breaker.failures", c.Breaker.Failures}, {"breaker.successes", c.Breaker.Successes},
	} {
		if field.value < 1 {
			faults = append(faults, config.At(field.name, "must be at least 1"))
		}
	}
	for _, field := range []struct {
		name  string
		value time.Duration
	}{
		{"retry_delay", c.RetryDelay}, {"call_timeout", c.Timeout}, {"first_token", c.FirstToken}, {"breaker.open", c.Breaker.Open},
	} {
		if field.value <= 0 {
			faults = append(faults, config.At(field.name, "must be above 0"))
		}
	}
	if c.MaxWait < 0 {
		faults = append(faults, config.At("max_wait", "must not be below 0"))
	}
	return errors.Join(faults...)
}

// Refs names the tiers, which must be in the file.
func (c Config) Refs() []flows.Ref {
	var refs []flows.Ref
	for _, name := range c.Tiers {
		refs = append(refs, flows.Ref{Field: "tiers", Section: "providers", Name: name})
	}
	return refs
}

// Providers returns the provider of pipeline.yaml with a name; an
// [llm.ErrNotConfigured] where it is left out.
type Providers func(name string) (llm.Provider, error)

// Kind describes the stage. providers is asked when the stage starts.
func Kind(providers Providers) flows.StageKind {
	return flows.NewKind(flows.StageKind{
		Name:    "llm_router",
		Doc:     "has a language model judge an item, asking providers in order",
		Example: "- llm_router: {tiers: [ollama, gemini, anthropic]}",
		Knobs:   flows.Knobs{Workers: 5, Timeout: 5 * time.Minute},
		Follows: []string{"semantic_cache"},
	}, Defaults, func(b *flows.Build, c Config) (flows.Stage, error) {
		return New(c, providers, b.Logger), nil
	})
}

// New returns the stage; Start it before its first batch. A nil log is none.
func New(c Config, providers Providers, log *slog.Logger) *Router {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Router{config: c, providers: providers, log: log, slots: make(chan struct{}, c.Concurrency)}
}

// Router is the stage.
type Router struct {
	config    Config
	providers Providers
	log       *slog.Logger
	slots     chan struct{} // one for each call under way
	tiers     []*tier
}

// tier is a provider in its place.
type tier struct {
	llm.Provider
	name    string
	absent  *llm.NotConfiguredError // there is no Provider
	limits  llm.Limits
	breaker *breaker
}

// Start finds the providers. One that is not configured is skipped for every item.
func (r *Router) Start(context.Context) error {
	r.tiers = nil
	for _, name := range r.config.Tiers {
		t := &tier{name: name}
		p, err := r.providers(name)
		switch {
		case errors.As(err, &t.absent):
		case err != nil:
			return fmt.Errorf("tier %s: %w", name, err)
		default:
			t.Provider = p
			if l, ok := p.(llm.Limited); ok {
				t.limits = l.Limits()
			}
			t.breaker = newBreaker(r.config.Breaker, r.breakerChanged(name))
		}
		r.tiers = append(r.tiers, t)
	}
	return nil
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
// far as there are slots.
func (r *Router) Process(ctx context.Context, batch []*flows.Message) ([]*flows.Message, error) {
	var wg sync.WaitGroup
	for _, m := range batch {
		if m.Item.Analysis.Done() {
			continue
		}
		wg.Go(func() {
			defer func() { // the engine sees only the panics of its own goroutine
				if p := recover(); p != nil {
					r.log.Error("stage_panic", "id", m.ID, "panic", p, "stack", string(debug.Stack()))
					m.Fail(fmt.Errorf("panic: %v", p))
				}
			}()
			if err := r.route(ctx, m); err != nil {
				m.Fail(err)
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
