// Package openai is the provider for any server with OpenAI's chat API: OpenAI
// itself, llama.cpp, vLLM and the like.
package openai

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/ssestream"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/llm"
)

// Variable is where the default pipeline.yaml reads the base URL from.
const Variable = "OPENAI_API_URL"

// Config configures a provider. Without a base URL there is none.
type Config struct {
	BaseURL string        `yaml:"base_url" doc:"address of the API with its version, as http://localhost:8080/v1; empty leaves the provider out"`
	Key     config.Secret `yaml:"key" doc:"API key; local servers need none"`
	Model   string        `yaml:"model" doc:"name of the model; required with base_url"`
	Context int           `yaml:"context" doc:"the model's context in tokens; what would not fit is not sent; 0 is unknown"`
	Effort  string        `yaml:"effort" doc:"how much a reasoning model thinks (reasoning_effort); left out if not set" enum:"none|minimal|low|medium|high|xhigh|max"`
	Free    *bool         `yaml:"free" doc:"whether its tokens cost nothing; if not set, they do unless base_url is this machine or a private network"`

	llm.Settings `yaml:",inline"`
}

// Defaults is the configuration before pipeline.yaml.
var Defaults = Config{Settings: llm.Settings{MaxTokens: 1024}}

var efforts = []string{"none", "minimal", "low", "medium", "high", "xhigh", "max"}

// Validate reports every fault.
func (c Config) Validate() error {
	faults := c.Faults()
	if c.BaseURL != "" && c.Model == "" {
		faults = append(faults, config.At("model", "is required with base_url"))
	}
	if c.Effort != "" && !slices.Contains(efforts, c.Effort) {
		faults = append(faults, config.At("effort", "must be one of %s", strings.Join(efforts, ", ")))
	}
	faults = append(faults, c.ContextFaults(c.Context)...)
	faults = append(faults, llm.BaseURLFaults(c.BaseURL, "http://localhost:8080/v1")...)
	return errors.Join(faults...)
}

// Kind describes the provider. client is asked for when one is built.
func Kind(client func() *http.Client) flows.Kind[llm.Provider] {
	return flows.NewKind(flows.Kind[llm.Provider]{
		Name:    "openai",
		Doc:     "asks a server with OpenAI's chat API (OpenAI, llama.cpp, vLLM)",
		Example: "- openai: {base_url: \"http://localhost:8080/v1\", model: mistral}",
	}, Defaults, func(b *flows.Build, c Config) (llm.Provider, error) {
		return New(b.Name, c, client())
	})
}

// New returns a provider, or an [*llm.NotConfiguredError] if c has no base URL.
// It connects to nothing.
func New(name string, c Config, client *http.Client) (llm.Provider, error) {
	name = cmp.Or(name, "openai")
	if c.BaseURL == "" {
		return nil, &llm.NotConfiguredError{Provider: name, Variable: Variable}
	}
	options := []option.RequestOption{
		option.WithBaseURL(c.BaseURL),
		option.WithHTTPClient(client),
		option.WithMaxRetries(0),
		option.WithMiddleware(func(r *http.Request, next option.MiddlewareNext) (*http.Response, error) {
			response, err := next(r)
			if err != nil {
				return nil, err
			}
			return response, llm.Stream(response, events)
		}),
	}
	if key := c.Key.Reveal(); key != "" {
		options = append(options, option.WithAPIKey(key))
	}
	limits := c.Limits()
	limits.Context = c.Context
	limits.Free = c.Free == nil && llm.AtHome(c.BaseURL) || c.Free != nil && *c.Free
	return &provider{
		name:    name,
		config:  c,
		limits:  limits,
		client:  sdk.Client{Options: options}, // NewClient reads the environment
		secrets: llm.Secrets(c.Key.Reveal(), c.BaseURL),
	}, nil
}

type provider struct {
	name    string
	config  Config
	limits  llm.Limits
	client  sdk.Client
	secrets []string
}

func (p *provider) Name() string  { return p.name }
func (p *provider) Model() string { return p.config.Model }

// Account implements [llm.Accounted].
func (p *provider) Account() string { return llm.AccountOf(p.config.Key.Reveal(), p.config.BaseURL) }

func (p *provider) Limits() llm.Limits { return p.limits }

func (p *provider) Complete(ctx context.Context, r llm.Request) (llm.Response, error) {
	if fault := r.Fits(cmp.Or(r.MaxTokens, p.config.MaxTokens), p.config.Context); fault != nil {
		return llm.Response{}, p.fault(fault)
	}
	var head *http.Response
	response, err := llm.Call(ctx, r, func(ctx context.Context, token func()) (llm.Response, error) {
		err := p.client.Post(ctx, "chat/completions", p.question(r), &head)
		stream := ssestream.NewStream[chunk](ssestream.NewDecoder(head), err)
		defer stream.Close()
		return read(stream, token)
	})
	if head != nil {
		response.Rates = rates(head.Header, time.Now())
	}
	if err != nil {
		return response, p.fault(err)
	}
	return response, nil
}

func (p *provider) question(r llm.Request) question {
	q := question{
		Model: p.config.Model, Stream: true, StreamOptions: streamOptions{IncludeUsage: true},
		Temperature: cmp.Or(r.Temperature, p.config.Temperature), Effort: p.config.Effort,
	}
	if r.System != "" {
		q.Messages = append(q.Messages, message{"system", r.System})
	}
	q.Messages = append(q.Messages, message{"user", r.Prompt})
	// OpenAI's newer models refuse max_tokens, other servers may not know its successor.
	if maxTokens := cmp.Or(r.MaxTokens, p.config.MaxTokens); strings.Contains(p.config.BaseURL, ".openai.com") {
		q.MaxCompletionTokens = maxTokens
	} else {
		q.MaxTokens = maxTokens
	}
	if len(r.Schema) > 0 {
		q.Format = &format{"json_schema", schema{Name: cmp.Or(r.SchemaName, "answer"), Schema: r.Schema, Strict: true}}
	}
	return q
}

func read(stream *ssestream.Stream[chunk], token func()) (llm.Response, error) {
	var response llm.Response
	var text strings.Builder
	refused := false
	for stream.Next() {
		chunk := stream.Current()
		response.Model = cmp.Or(chunk.Model, response.Model)
		if u := chunk.Usage; u.PromptTokens > 0 {
			response.TokensIn, response.TokensCached = u.PromptTokens, u.PromptTokensDetails.CachedTokens
			// Some count what was thought only into the total.
			response.TokensOut = max(u.CompletionTokens, u.TotalTokens-u.PromptTokens)
		}
		for _, choice := range chunk.Choices {
			if choice.Delta.Content != "" { // the first delta may have but a role
				token()
				text.WriteString(choice.Delta.Content)
			}
			refused = refused || choice.Delta.Refusal != ""
			response.Stop = cmp.Or(choice.FinishReason, response.Stop)
		}
	}
	if err := stream.Err(); err != nil {
		return response, err
	}
	response.Text = text.String()
	switch {
	case refused, response.Stop == "content_filter":
		return response, llm.Errorf(llm.ContentFilter, "the model refused or its answer was blocked")
	case response.Stop == "length":
		return response, llm.Errorf(llm.Truncated, "the answer hit max_tokens")
	case response.Stop == "error", response.Stop == "abort":
		return response, llm.Errorf(llm.Overloaded, "the server ended the answer: %s", response.Stop)
	case response.Stop == "":
		return response, llm.Errorf(llm.Network, "the stream ended before the answer did")
	}
	return response, nil
}
