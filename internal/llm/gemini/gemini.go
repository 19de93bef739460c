// Package gemini is the provider for Google's Gemini API.
package gemini

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/genai"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/llm"
)

// Variable is where the default pipeline.yaml reads the key from.
const Variable = "GEMINI_API_KEY"

// DefaultURL is Google's own address.
const DefaultURL = "https://generativelanguage.googleapis.com/"

// Config configures a provider. Without a key there is none. What a model thinks
// counts towards MaxTokens and comes before the first token: a small limit with
// much thought gives no answer.
type Config struct {
	BaseURL        string        `yaml:"base_url" doc:"address of the API; empty is Google's own"`
	Key            config.Secret `yaml:"key" doc:"API key; empty leaves the provider out"`
	Model          string        `yaml:"model" doc:"name of the model"`
	Context        int           `yaml:"context" doc:"the model's context in tokens; what would not fit is not sent; 0 is unknown"`
	ThinkingLevel  string        `yaml:"thinking_level" doc:"how much models from gemini-3 on think; left out if not set" enum:"minimal|low|medium|high"`
	ThinkingBudget *int          `yaml:"thinking_budget" doc:"tokens that models of gemini-2.5 may think, 0 is none; left out if not set"`

	llm.Settings `yaml:",inline"`
}

// Defaults is the configuration before pipeline.yaml. Daily quotas begin anew at
// midnight in California.
var Defaults = Config{
	Model:    "gemini-3.1-flash-lite",
	Context:  1 << 20,
	Settings: llm.Settings{MaxTokens: 2048, ResetZone: "America/Los_Angeles"},
}

var levels = []string{"minimal", "low", "medium", "high"}

// Validate reports every fault.
func (c Config) Validate() error {
	faults := c.Faults()
	if c.Model == "" {
		faults = append(faults, config.At("model", "is required"))
	}
	if c.ThinkingLevel != "" && !slices.Contains(levels, c.ThinkingLevel) {
		faults = append(faults, config.At("thinking_level", "must be one of %s", strings.Join(levels, ", ")))
	}
	if c.ThinkingLevel != "" && c.ThinkingBudget != nil {
		faults = append(faults, config.At("thinking_budget", "cannot stand with thinking_level: the API refuses both together"))
	}
	faults = append(faults, c.ContextFaults(c.Context)...)
	faults = append(faults, llm.BaseURLFaults(c.BaseURL, DefaultURL)...)
	return errors.Join(faults...)
}

// Kind describes the provider. client is asked for when one is built.
func Kind(client func() *http.Client) flows.Kind[llm.Provider] {
	return flows.NewKind(flows.Kind[llm.Provider]{
		Name:    "gemini",
		Doc:     "asks one of Google's Gemini models",
		Example: "- gemini: {key: \"${GEMINI_API_KEY:-}\", model: gemini-3.1-flash-lite}",
	}, Defaults, func(b *flows.Build, c Config) (llm.Provider, error) {
		return New(b.Name, c, client())
	})
}

// New returns a provider, or an [*llm.NotConfiguredError] if c has no key. It
// connects to nothing.
func New(name string, c Config, client *http.Client) (llm.Provider, error) {
	name = cmp.Or(name, "gemini")
	if c.Key.Reveal() == "" {
		return nil, &llm.NotConfiguredError{Provider: name, Variable: Variable}
	}
	tapped := *client
	tapped.Transport = tap{cmp.Or(client.Transport, http.DefaultTransport)}
	base := cmp.Or(c.BaseURL, DefaultURL)
	g, err := genai.NewClient(context.Background(), &genai.ClientConfig{
		// Backend and address are named so that the client takes neither from the environment.
		Backend:     genai.BackendGeminiAPI,
		APIKey:      c.Key.Reveal(),
		HTTPClient:  &tapped,
		HTTPOptions: genai.HTTPOptions{BaseURL: base},
	})
	secrets := llm.Secrets(c.Key.Reveal(), base)
	if err != nil {
		return nil, llm.RedactError(err, secrets...)
	}
	limits := c.Limits()
	limits.Context = c.Context
	return &provider{name: name, config: c, limits: limits, models: g.Models, secrets: secrets}, nil
}

type provider struct {
	name    string
	config  Config
	limits  llm.Limits
	models  *genai.Models
	secrets []string
}

func (p *provider) Name() string  { return p.name }
func (p *provider) Model() string { return p.config.Model }

// Account implements [llm.Accounted].
func (p *provider) Account() string { return llm.AccountOf(p.config.Key.Reveal(), p.config.BaseURL) }

func (p *provider) Limits() llm.Limits { return p.limits }

func (p *provider) Complete(ctx context.Context, r llm.Request) (llm.Response, error) {
	if fault := r.Fits(cmp.Or(r.MaxTokens, p.config.MaxTokens), p.config.Context); fault != nil {
		return llm.Response{}, p.fault(fault, &exchange{})
	}
	config, err := p.params(r)
	if err != nil {
		return llm.Response{}, p.fault(err, &exchange{})
	}
	ctx, seen := watch(ctx)
	response, err := llm.Call(ctx, r, func(ctx context.Context, token func()) (llm.Response, error) {
		return read(p.models.GenerateContentStream(ctx, p.config.Model, genai.Text(r.Prompt), config), seen, token)
	})
	if err != nil {
		return response, p.fault(err, seen)
	}
	return response, nil
}

func (p *provider) params(r llm.Request) (*genai.GenerateContentConfig, error) {
	config := &genai.GenerateContentConfig{MaxOutputTokens: int32(cmp.Or(r.MaxTokens, p.config.MaxTokens))}
	if r.System != "" {
		config.SystemInstruction = genai.NewContentFromText(r.System, genai.RoleUser)
	}
	if t := cmp.Or(r.Temperature, p.config.Temperature); t != nil {
		config.Temperature = genai.Ptr(float32(*t))
	}
	if p.config.ThinkingLevel != "" {
		config.ThinkingConfig = &genai.ThinkingConfig{
			ThinkingLevel: genai.ThinkingLevel(strings.ToUpper(p.config.ThinkingLevel)),
		}
	}
	if p.config.ThinkingBudget != nil {
		config.ThinkingConfig = &genai.ThinkingConfig{ThinkingBudget: genai.Ptr(int32(*p.config.ThinkingBudget))}
	}
	if len(r.Schema) > 0 {
		var schema any
		if err := json.Unmarshal(r.Schema, &schema); err != nil {
			return nil, llm.Errorf(llm.BadRequest, "schema: %w", err)
		}
		config.ResponseMIMEType = "application/json"
		config.ResponseJsonSchema = schema
	}
	return config, nil
}

func read(stream iter.Seq2[*genai.GenerateContentResponse, error], seen *exchange, token func()) (llm.Response, error) {
	var response llm.Response
	var text strings.Builder
	for chunk, err := range stream {
		if err != nil {
			if seen.broken != nil { // err is only the half line before it
				err = seen.broken
			}
			return response, err
		}
		response.Model = cmp.Or(chunk.ModelVersion, response.Model)
		if u := chunk.UsageMetadata; u != nil {
			response.TokensIn = int(u.PromptTokenCount)
			response.TokensCached = int(u.CachedContentTokenCount)
			response.TokensOut = int(u.CandidatesTokenCount + u.ThoughtsTokenCount)
		}
		if f := chunk.PromptFeedback; f != nil && f.BlockReason != "" {
			return response, llm.Errorf(llm.ContentFilter, "the prompt was blocked: %s", f.BlockReason)
		}
		if len(chunk.Candidates) == 0 {
			continue
		}
		candidate := chunk.Candidates[0]
		response.Stop = cmp.Or(string(candidate.FinishReason), response.Stop)
		if candidate.Content == nil {
			continue
		}
		for _, part := range candidate.Content.Parts {
			if part.Text != "" && !part.Thought {
				token()
				text.WriteString(part.Text)
			}
		}
	}
	if seen.broken != nil {
		return response, seen.broken
	}
	response.Text = text.String()
	return response, stopFault(genai.FinishReason(response.Stop))
}

// stopFault is the error that a reason to stop stands for. A hit limit is no
// block: the model only ran out of tokens, often by thinking.
func stopFault(reason genai.FinishReason) error {
	switch reason {
	case genai.FinishReasonStop:
		return nil
	case "":
		return llm.Errorf(llm.Network, "the stream ended before the answer did")
	case genai.FinishReasonMaxTokens:
		return llm.Errorf(llm.Truncated, "the answer and its thoughts hit max_tokens")
	case genai.FinishReasonSafety, genai.FinishReasonRecitation, genai.FinishReasonBlocklist,
		genai.FinishReasonProhibitedContent, genai.FinishReasonSPII, genai.FinishReasonLanguage:
		return llm.Errorf(llm.ContentFilter, "the answer was blocked: %s", reason)
	}
	return llm.Errorf(llm.BadJSON, "the model stopped for %s", reason)
}
