// Package anthropic is the provider for Anthropic's Messages API.
package anthropic

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	sdk "github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
	"github.com/anthropics/anthropic-sdk-go/packages/ssestream"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/llm"
)

// Variable is where the default pipeline.yaml reads the key from.
const Variable = "ANTHROPIC_API_KEY"

// DefaultURL is Anthropic's own address.
const DefaultURL = "https://api.anthropic.com"

// Config configures a provider. Without a key there is none.
type Config struct {
	BaseURL string        `yaml:"base_url" doc:"address of the API; empty is Anthropic's own"`
	Key     config.Secret `yaml:"key" doc:"API key; empty leaves the provider out"`
	Model   string        `yaml:"model" doc:"name of the model"`
	Context int           `yaml:"context" doc:"the model's context in tokens; what would not fit is not sent; 0 is unknown"`

	Cache        string `yaml:"cache" doc:"auto marks long system prompts and items for the prompt cache; off does not" enum:"auto|off"`
	CacheMinimum int    `yaml:"cache_minimum" doc:"tokens from which on a prompt is marked for the cache; 0 takes what is known of the model"`

	Effort         string `yaml:"effort" doc:"how much work the model puts into an answer; left out if not set" enum:"low|medium|high|xhigh|max"`
	Thinking       string `yaml:"thinking" doc:"adaptive lets the model think as it likes, off forbids it; left out if not set" enum:"adaptive|off"`
	ThinkingBudget int    `yaml:"thinking_budget" doc:"tokens that models before adaptive thinking may think, from 1024 on and below max_tokens; 0 leaves it out"`

	llm.Settings `yaml:",inline"`
}

// Defaults is the configuration before pipeline.yaml.
var Defaults = Config{Model: "claude-haiku-4-5", Context: 200_000, Cache: "auto", Settings: llm.Settings{MaxTokens: 1024}}

var (
	efforts   = []string{"low", "medium", "high", "xhigh", "max"}
	thinkings = []string{"adaptive", "off"}
	caches    = []string{"auto", "off"}
)

// Validate reports every fault.
func (c Config) Validate() error {
	faults := c.Faults()
	if c.Model == "" {
		faults = append(faults, config.At("model", "is required"))
	}
	if c.CacheMinimum < 0 {
		faults = append(faults, config.At("cache_minimum", "must not be below 0"))
	}
	for _, word := range []struct {
		field, value string
		of           []string
	}{{"cache", c.Cache, caches}, {"effort", c.Effort, efforts}, {"thinking", c.Thinking, thinkings}} {
		if word.value != "" && !slices.Contains(word.of, word.value) {
			faults = append(faults, config.At(word.field, "must be one of %s", strings.Join(word.of, ", ")))
		}
	}
	switch budget := c.ThinkingBudget; {
	case budget != 0 && c.Thinking != "":
		faults = append(faults, config.At("thinking_budget", "cannot stand with thinking"))
	case budget != 0 && (budget < 1024 || budget >= c.MaxTokens):
		faults = append(faults, config.At("thinking_budget", "must lie between 1024 and max_tokens (%d)", c.MaxTokens))
	}
	faults = append(faults, c.ContextFaults(c.Context)...)
	faults = append(faults, llm.BaseURLFaults(c.BaseURL, DefaultURL)...)
	return errors.Join(faults...)
}

// Kind describes the provider. client is asked for when one is built.
func Kind(client func() *http.Client) flows.Kind[llm.Provider] {
	return flows.NewKind(flows.Kind[llm.Provider]{
		Name:    "anthropic",
		Doc:     "asks one of Anthropic's models",
		Example: "- anthropic: {key: \"${ANTHROPIC_API_KEY:-}\", model: claude-haiku-4-5}",
	}, Defaults, func(b *flows.Build, c Config) (llm.Provider, error) {
		return New(b.Name, c, client())
	})
}

// New returns a provider, or an [*llm.NotConfiguredError] if c has no key. It
// connects to nothing.
func New(name string, c Config, client *http.Client) (llm.Provider, error) {
	name = cmp.Or(name, "anthropic")
	if c.Key.Reveal() == "" {
		return nil, &llm.NotConfiguredError{Provider: name, Variable: Variable}
	}
	base := cmp.Or(c.BaseURL, DefaultURL)
	limits := c.Limits()
	limits.Context = c.Context
	minimum := 0
	if c.Cache != "off" {
		minimum = cmp.Or(c.CacheMinimum, cacheMinimum(c.Model))
	}
	return &provider{
		name:    name,
		config:  c,
		limits:  limits,
		minimum: minimum,
		// The service by itself, and not a client, as that one reads the environment.
		messages: sdk.NewMessageService(
			option.WithBaseURL(base),
			option.WithAPIKey(c.Key.Reveal()),
			option.WithHTTPClient(client),
			option.WithMaxRetries(0),
			option.WithoutOpenTelemetry(),
			option.WithMiddleware(func(r *http.Request, next option.MiddlewareNext) (*http.Response, error) {
				response, err := next(r)
				if err != nil {
					return nil, err
				}
				return response, llm.Stream(response, events)
			}),
		),
		secrets: llm.Secrets(c.Key.Reveal(), base),
	}, nil
}

type provider struct {
	name     string
	config   Config
	limits   llm.Limits
	minimum  int // tokens that are marked for the cache; 0 marks none
	messages sdk.MessageService
	secrets  []string
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
	params, err := p.params(r)
	if err != nil {
		return llm.Response{}, p.fault(err)
	}
	var head *http.Response
	response, err := llm.Call(ctx, r, func(ctx context.Context, token func()) (llm.Response, error) {
		stream := p.messages.NewStreaming(ctx, params, option.WithResponseInto(&head))
		defer stream.Close()
		return read(stream, token)
	})
	if head != nil {
		response.Rates = rates(head.Header)
	}
	if err != nil {
		return response, p.fault(err)
	}
	return response, nil
}

func (p *provider) params(r llm.Request) (sdk.MessageNewParams, error) {
	system, prompt := blocks(r, p.minimum)
	params := sdk.MessageNewParams{
		Model:     sdk.Model(p.config.Model),
		MaxTokens: int64(cmp.Or(r.MaxTokens, p.config.MaxTokens)),
		System:    system,
		Messages:  []sdk.MessageParam{sdk.NewUserMessage(prompt...)},
	}
	switch {
	case p.config.ThinkingBudget > 0:
		params.Thinking = sdk.ThinkingConfigParamOfEnabled(int64(p.config.ThinkingBudget))
	case p.config.Thinking == "adaptive":
		params.Thinking.OfAdaptive = &sdk.ThinkingConfigAdaptiveParam{}
	case p.config.Thinking == "off":
		params.Thinking.OfDisabled = &sdk.ThinkingConfigDisabledParam{}
	}
	thinks := params.Thinking.OfEnabled != nil || params.Thinking.OfAdaptive != nil
	if t := cmp.Or(r.Temperature, p.config.Temperature); t != nil && !thinks && !fixed.MatchString(p.config.Model) {
		params.Temperature = sdk.Float(min(*t, 1))
	}
	params.OutputConfig.Effort = sdk.OutputConfigEffort(p.config.Effort)
	if len(r.Schema) > 0 {
		var schema map[string]any
		if err := json.Unmarshal(r.Schema, &schema); err != nil {
			return params, llm.Errorf(llm.BadRequest, "schema: %w", err)
		}
		params.OutputConfig.Format.Schema = supported(schema).(map[string]any)
	}
	return params, nil
}

// supported is a schema without what the API refuses: bounds of numbers. The
// answer is checked against the whole schema all the same.
func supported(schema any) any {
	switch s := schema.(type) {
	case map[string]any:
		kept := make(map[string]any, len(s))
		for key, value := range s {
			if key != "minimum" && key != "maximum" {
				kept[key] = supported(value)
			}
		}
		return kept
	case []any:
		kept := make([]any, len(s))
		for i, value := range s {
			kept[i] = supported(value)
		}
		return kept
	}
	return schema
}

func read(stream *ssestream.Stream[sdk.MessageStreamEventUnion], token func()) (llm.Response, error) {
	var response llm.Response
	var text strings.Builder
	for stream.Next() {
		switch event := stream.Current(); event.Type {
		case "message_start":
			u := event.Message.Usage
			response.Model = string(event.Message.Model)
			response.TokensCached = int(u.CacheReadInputTokens)
			response.TokensWritten = int(u.CacheCreationInputTokens)
			response.TokensIn = int(u.InputTokens + u.CacheReadInputTokens + u.CacheCreationInputTokens)
		case "content_block_delta":
			if event.Delta.Type == "text_delta" && event.Delta.Text != "" {
				token()
				text.WriteString(event.Delta.Text)
			}
		case "message_delta":
			response.Stop = cmp.Or(string(event.Delta.StopReason), response.Stop)
			response.TokensOut = int(event.Usage.OutputTokens) // thoughts included
		}
	}
	if err := stream.Err(); err != nil {
		return response, err
	}
	response.Text = text.String()
	switch sdk.StopReason(response.Stop) {
	case sdk.StopReasonEndTurn, sdk.StopReasonStopSequence:
		return response, nil
	case sdk.StopReasonMaxTokens:
		return response, llm.Errorf(llm.Truncated, "the answer hit max_tokens")
	case sdk.StopReasonModelContextWindowExceeded:
		return response, llm.Errorf(llm.Context, "the answer hit the model's context")
	case sdk.StopReasonRefusal:
		return response, llm.Errorf(llm.ContentFilter, "the model refused")
	case "":
		return response, llm.Errorf(llm.Network, "the stream ended before the answer did")
	}
	return response, llm.Errorf(llm.BadRequest, "the model stopped for %q", response.Stop)
}
