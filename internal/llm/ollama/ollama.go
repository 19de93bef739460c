// Package ollama is the provider for a local Ollama server, through its own API:
// the OpenAI-compatible one cannot set num_ctx or keep_alive.
package ollama

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/llm"
	"catalyst/internal/llm/local"
)

// Variable is where the default pipeline.yaml reads the base URL from.
const Variable = "OLLAMA_URL"

// DefaultURL is where a server is looked for when none is named.
const DefaultURL = "http://localhost:11434"

// Config configures a provider. A server named by BaseURL is expected to be there;
// without one, [DefaultURL] is used whenever it answers and has the model.
type Config struct {
	BaseURL     string        `yaml:"base_url" doc:"address of the server; empty uses http://localhost:11434 if it answers and has the model"`
	Key         config.Secret `yaml:"key" doc:"bearer token, for a server behind a proxy"`
	Model       string        `yaml:"model" doc:"name of the model, as ollama list shows it"`
	NumCtx      int           `yaml:"num_ctx" doc:"context in tokens; every program that uses the model must use the same, as another value loads it again"`
	KeepAlive   string        `yaml:"keep_alive" doc:"how long the model stays loaded after a call: 5m, 0, -1 for ever"`
	Think       *bool         `yaml:"think" doc:"switches a thinking model's thoughts on or off; left out if not set"`
	LoadTimeout time.Duration `yaml:"load_timeout" doc:"longest time to load the model, which counts towards neither timeout"`

	Care local.Config `yaml:"care" doc:"how the server is looked after: warmed up, watched and recycled"`

	llm.Settings `yaml:",inline"`
}

// Defaults is the configuration of a consumer GPU, which answers one call at a
// time as fast as it can. At temperature 0 equal items get equal verdicts.
var Defaults = Config{
	Model:       "mistral",
	NumCtx:      4096,
	KeepAlive:   "30m",
	Settings:    llm.Settings{MaxTokens: 512, Temperature: new(float64), Concurrency: 1, RequestsPerMinute: -1},
	LoadTimeout: 2 * time.Minute,
	Care:        local.Defaults,
}

// Validate reports every fault.
func (c Config) Validate() error {
	faults := c.Faults()
	if c.Model == "" {
		faults = append(faults, config.At("model", "is required: a model of `ollama list`"))
	}
	if c.NumCtx < 2*c.MaxTokens {
		faults = append(faults, config.At("num_ctx", "must be at least twice max_tokens (%d)", c.MaxTokens))
	}
	if c.LoadTimeout <= 0 {
		faults = append(faults, config.At("load_timeout", "must be above 0"))
	}
	faults = append(faults, llm.BaseURLFaults(c.BaseURL, DefaultURL)...)
	return errors.Join(faults...)
}

// Kind describes the provider. client is asked for when one is built.
func Kind(client func() *http.Client) flows.Kind[llm.Provider] {
	return flows.NewKind(flows.Kind[llm.Provider]{
		Name:    "ollama",
		Doc:     "asks a local model served by Ollama",
		Example: "- ollama: {model: mistral, num_ctx: 4096}",
	}, Defaults, func(b *flows.Build, c Config) (llm.Provider, error) {
		p := New(b.Name, c, client())
		c.Care.WarmUp = c.Care.WarmUp && p.keepFor() != 0 // else it is gone again at once
		return local.New(p, c.Care, b.Logger), nil
	})
}

// New returns a provider. It connects to nothing.
func New(name string, c Config, client *http.Client) *Provider {
	base := strings.TrimRight(cmp.Or(c.BaseURL, DefaultURL), "/")
	limits := c.Limits()
	limits.Context, limits.Free = c.NumCtx, true
	return &Provider{
		name:    cmp.Or(name, "ollama"),
		config:  c,
		limits:  limits,
		base:    base,
		client:  client,
		secrets: llm.Secrets(c.Key.Reveal(), base),
		loading: make(chan struct{}, 1),
	}
}

// A Provider asks one model of one Ollama server.
type Provider struct {
	name    string
	config  Config
	limits  llm.Limits
	base    string
	client  *http.Client
	secrets []string

	loading chan struct{} // held by who loads the model

	useMu   sync.Mutex
	lastUse time.Time // of the model: it is loaded from then on for keep_alive

	probeMu  sync.Mutex
	probed   time.Time
	probeErr error
}

func (p *Provider) Name() string  { return p.name }
func (p *Provider) Model() string { return p.config.Model }

// Limits are the configured ones. Its tokens are free.
func (p *Provider) Limits() llm.Limits { return p.limits }

// Complete asks the model. A prompt that would not fit its context is refused here,
// with class Context: the server would cut it without a word. A model that is
// not loaded is loaded first, outside the limits of r; see [Provider.load].
func (p *Provider) Complete(ctx context.Context, r llm.Request) (llm.Response, error) {
	maxTokens := cmp.Or(r.MaxTokens, p.config.MaxTokens)
	if fault := r.Fits(maxTokens, p.config.NumCtx); fault != nil {
		return llm.Response{}, p.fault(fault)
	}
	if err := p.load(ctx); err != nil {
		return llm.Response{}, p.fault(err)
	}
	response, err := llm.Call(ctx, r, func(ctx context.Context, token func()) (llm.Response, error) {
		return p.chat(ctx, p.request(r, maxTokens), token)
	})
	if err != nil {
		p.unused() // it may have been unloaded: look again
		return response, p.fault(err)
	}
	p.used()
	return response, nil
}

func (p *Provider) fault(err error) error {
	e := *llm.AsError(err)
	e.Provider, e.Model = p.name, p.config.Model
	e.Err = llm.RedactError(e.Err, p.secrets...)
	return &e
}
