// Package anthropic is the provider for Anthropic's Messages API.
package anthropic

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
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
	BaseURL   string        `yaml:"base_url" doc:"address of the API; empty is Anthropic's own"`
	Key       config.Secret `yaml:"key" doc:"API key; empty leaves the provider out"`
	Model     string        `yaml:"model" doc:"name of the model"`
	MaxTokens int           `yaml:"max_tokens" doc:"tokens of an answer at most"`

	llm.Settings `yaml:",inline"`
}

// Defaults is the configuration before pipeline.yaml.
var Defaults = Config{Model: "claude-haiku-4-5", MaxTokens: 1024}

// Validate reports every fault.
func (c Config) Validate() error {
	faults := c.Faults()
	if c.Model == "" {
		faults = append(faults, config.At("model", "is required"))
	}
	if c.MaxTokens < 1 {
		faults = append(faults, config.At("max_tokens", "must be at least 1"))
	}
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
	return &provider{
		name:   name,
		config: c,
		// The service by itself, and not a client, as that one reads the environment.
		messages: sdk.NewMessageService(
			option.WithBaseURL(base),
			option.WithAPIKey(c.Key.Reveal()),
			option.WithHTTPClient(client),
			option.WithMaxRetries(0),
			option.WithoutOpenTelemetry(),
		),
		secrets: llm.Secrets(c.Key.Reveal(), base),
	}, nil
}

type provider struct {
	name     string
	config   Config
	messages sdk.MessageService
	secrets  []string
}

func (p *provider) Name() string  { return p.name }
func (p *provider) Model() string { return p.config.Model }

func (p *provider) Limits() llm.Limits { return p.config.Limits() }

func (p *provider) Complete(ctx context.Context, r llm.Request) (llm.Response, error) {
	params, err := p.params(r)
	if err != nil {
		return llm.Response{}, p.fault(err)
	}
	response, err := llm.Call(ctx, r, func(ctx context.Context, token func()) (llm.Response, error) {
		stream := p.messages.NewStreaming(ctx, params)
		defer stream.Close()
		return read(stream, token)
	})
	if err != nil {
		return response, p.fault(err)
	}
	return response, nil
}

func (p *provider) params(r llm.Request) (sdk.MessageNewParams, error) {
	params := sdk.MessageNewParams{
		Model:     sdk.Model(p.config.Model),
		MaxTokens: int64(cmp.Or(r.MaxTokens, p.config.MaxTokens)),
		Messages:  []sdk.MessageParam{sdk.NewUserMessage(sdk.NewTextBlock(r.Prompt))},
	}
	if r.System != "" {
		params.System = []sdk.TextBlockParam{{Text: r.System}}
	}
	if t := cmp.Or(r.Temperature, p.config.Temperature); t != nil {
		params.Temperature = sdk.Float(*t)
	}
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
			response.TokensIn = int(u.InputTokens + u.CacheReadInputTokens + u.CacheCreationInputTokens)
		case "content_block_delta":
			if event.Delta.Type == "text_delta" && event.Delta.Text != "" {
				token()
				text.WriteString(event.Delta.Text)
			}
		case "message_delta":
			response.Stop = cmp.Or(string(event.Delta.StopReason), response.Stop)
			response.TokensOut = int(event.Usage.OutputTokens)
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

// fault classifies err by the server's own words where it has them. The SDK's own
// text is not used: it has the URL in it.
func (p *provider) fault(err error) error {
	e := *llm.AsError(err)
	var api *sdk.Error
	if e.Class != llm.Canceled && e.Class != llm.Timeout && e.Class != llm.FirstToken && errors.As(err, &api) {
		var body struct {
			Error struct{ Type, Message string }
		}
		json.Unmarshal([]byte(api.RawJSON()), &body) // what is no JSON is shown as it is
		message := cmp.Or(body.Error.Message, api.RawJSON(), http.StatusText(api.StatusCode))
		e.Status = api.StatusCode
		e.Class = classify(api.StatusCode, body.Error.Type, message)
		e.Err = errors.New(message)
		if api.Response != nil {
			e.RetryAfter = llm.RetryAfter(api.Response.Header)
		}
	}
	e.Provider, e.Model = p.name, p.config.Model
	e.Err = llm.RedactError(e.Err, p.secrets...)
	return &e
}

var classOfType = map[string]llm.Class{
	"authentication_error": llm.Auth,
	"permission_error":     llm.Auth,
	"billing_error":        llm.Billing,
	"not_found_error":      llm.ModelMissing,
	"request_too_large":    llm.Context,
	"rate_limit_error":     llm.RateMinute,
	"timeout_error":        llm.Timeout,
	"api_error":            llm.Overloaded,
	"overloaded_error":     llm.Overloaded,
}

// classify looks at the text of an invalid_request_error, as an empty balance, a
// spending limit and a long prompt all come as one, with status 400.
func classify(status int, kind, message string) llm.Class {
	lower := strings.ToLower(message)
	switch {
	case strings.Contains(lower, "credit balance"), strings.Contains(lower, "usage limits"):
		return llm.Billing
	case strings.Contains(lower, "prompt is too long"), strings.Contains(lower, "context limit"):
		return llm.Context
	}
	if class, ok := classOfType[kind]; ok {
		return class
	}
	if status == http.StatusOK { // an error in the middle of a stream
		return llm.Overloaded
	}
	return llm.ClassOfStatus(status)
}
