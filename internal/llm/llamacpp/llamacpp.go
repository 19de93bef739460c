// Package llamacpp is the provider for llama.cpp's own server. It is asked through
// the OpenAI API that it has, by package openai; what else it has is for knowing its
// context and slots, for counting tokens as its model does, and for loading.
package llamacpp

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/llm"
	"catalyst/internal/llm/local"
	"catalyst/internal/llm/openai"
)

// Variable is where a pipeline.yaml may read the base URL from.
const Variable = "LLAMACPP_URL"

// Config configures a provider. Without a base URL there is none.
type Config struct {
	BaseURL     string        `yaml:"base_url" doc:"address of the server, as http://localhost:8080; empty leaves the provider out"`
	Key         config.Secret `yaml:"key" doc:"API key, if the server was started with one"`
	Model       string        `yaml:"model" doc:"name of the model; required of a server that has several (router mode)"`
	Context     int           `yaml:"context" doc:"context of a slot in tokens; 0 asks the server"`
	LoadTimeout time.Duration `yaml:"load_timeout" doc:"longest time to load the model"`
	Care        local.Config  `yaml:"care" doc:"how the server is looked after"`

	llm.Settings `yaml:",inline"`
}

// Defaults is the configuration before pipeline.yaml. The server has as many calls
// at a time as it has slots, and no rate. At temperature 0 equal items get equal
// verdicts.
var Defaults = Config{
	LoadTimeout: 2 * time.Minute,
	Care:        local.Defaults,
	Settings:    llm.Settings{MaxTokens: 512, Temperature: new(float64), RequestsPerMinute: -1},
}

// Validate reports every fault.
func (c Config) Validate() error {
	faults := c.Faults()
	if c.Context != 0 && c.Context < 2*c.MaxTokens {
		faults = append(faults, config.At("context", "must be at least twice max_tokens (%d), or 0", c.MaxTokens))
	}
	if c.LoadTimeout <= 0 {
		faults = append(faults, config.At("load_timeout", "must be above 0"))
	}
	faults = append(faults, llm.BaseURLFaults(c.BaseURL, "http://localhost:8080")...)
	return errors.Join(faults...)
}

// Kind describes the provider. client is asked for when one is built.
func Kind(client func() *http.Client) flows.Kind[llm.Provider] {
	return flows.NewKind(flows.Kind[llm.Provider]{
		Name:    "llamacpp",
		Doc:     "asks a local model served by llama.cpp",
		Example: "- llamacpp: {base_url: \"http://localhost:8080\"}",
	}, Defaults, func(b *flows.Build, c Config) (llm.Provider, error) {
		p, err := New(b.Name, c, client())
		if err != nil {
			return nil, err
		}
		return local.New(p, c.Care, b.Logger), nil
	})
}

// New returns a provider, or an [*llm.NotConfiguredError] if c has no base URL.
// It connects to nothing.
func New(name string, c Config, client *http.Client) (*Provider, error) {
	name = cmp.Or(name, "llamacpp")
	if c.BaseURL == "" {
		return nil, &llm.NotConfiguredError{Provider: name, Variable: Variable}
	}
	base := strings.TrimSuffix(strings.TrimRight(c.BaseURL, "/"), "/v1")
	chat, err := openai.New(name, openai.Config{
		BaseURL:  base + "/v1",
		Key:      c.Key,
		Model:    cmp.Or(c.Model, "default"),
		Settings: c.Settings,
	}, client)
	if err != nil {
		return nil, err
	}
	return &Provider{
		Provider: chat,
		config:   c,
		base:     base,
		client:   client,
		limits:   c.Limits(),
		secrets:  llm.Secrets(c.Key.Reveal(), base),
	}, nil
}

// A Provider asks one model of one llama.cpp server.
type Provider struct {
	llm.Provider // through the OpenAI API
	config       Config
	base         string
	client       *http.Client
	limits       llm.Limits
	secrets      []string
	seen         atomic.Pointer[local.State] // the last with a context; nil at first
	looking      sync.Mutex
}

// Limits are the configured ones; what is not configured is the server's own, once
// it was seen: as many calls at a time as slots, and the context of one. Its
// tokens are free.
func (p *Provider) Limits() llm.Limits {
	limits := p.limits
	limits.MaxTokens, limits.Context, limits.Free = p.config.MaxTokens, p.config.Context, true
	slots := 1
	if seen := p.seen.Load(); seen != nil {
		limits.Context = cmp.Or(limits.Context, seen.Context)
		slots = max(slots, seen.Slots)
	}
	limits.Concurrency = cmp.Or(limits.Concurrency, slots)
	return limits
}

// Complete asks the model. A prompt that would not fit its context is refused here,
// with class Context; if that is not certain by an estimate, the server counts. What
// is sent while the context is not known yet, the server refuses by itself.
func (p *Provider) Complete(ctx context.Context, r llm.Request) (llm.Response, error) {
	if p.config.Context == 0 && p.seen.Load() == nil && p.looking.TryLock() {
		p.look(ctx) // if that fails, the call will say why
		p.looking.Unlock()
	}
	maxTokens, size := cmp.Or(r.MaxTokens, p.config.MaxTokens), p.Limits().Context
	if fault := r.Fits(maxTokens, size); fault != nil {
		n, err := p.count(ctx, r)
		switch {
		case err != nil:
			return llm.Response{}, p.fault(fault)
		case n+maxTokens > size:
			return llm.Response{}, p.fault(llm.Errorf(llm.Context, "%d tokens with the answer, and the context is %d", n+maxTokens, size))
		}
	}
	return p.Provider.Complete(ctx, r)
}

func (p *Provider) fault(err error) *llm.Error {
	e := *llm.AsError(err)
	e.Provider, e.Model = p.Name(), p.Model()
	e.Err = llm.RedactError(e.Err, p.secrets...)
	return &e
}
