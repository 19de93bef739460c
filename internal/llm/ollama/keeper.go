package ollama

import (
	"context"
	"io"
	"net/http"
	"time"

	"catalyst/internal/llm"
	"catalyst/internal/llm/local"
)

// Provider is looked after by package local.
var _ local.Inner = (*Provider)(nil)

// Address is the server's base URL.
func (p *Provider) Address() string { return p.base }

// Inspect goes by what the server has loaded; where that is not our model, by what it
// could load. A model loaded with another context is not ours: a call would load it
// again. How many calls the server answers at the same time it does not say.
func (p *Provider) Inspect(ctx context.Context) (local.State, error) {
	running, err := p.list(ctx, "/api/ps")
	if err != nil {
		return local.State{}, p.fault(err)
	}
	for _, m := range running {
		if !p.isLoadedAs(m) {
			continue
		}
		expires, _ := time.Parse(time.RFC3339, m.ExpiresAt)
		return local.State{Loaded: true, Size: m.Size, SizeVRAM: m.SizeVRAM, Context: m.ContextLength, Expires: expires}, nil
	}
	all, err := p.list(ctx, "/api/tags")
	if err != nil {
		return local.State{}, p.fault(err)
	}
	for _, m := range all {
		if p.isOurs(m.Name) {
			return local.State{}, nil
		}
	}
	return local.State{}, p.fault(llm.Errorf(llm.ModelMissing, "the server has no model %s (ollama pull %s)", p.config.Model, p.config.Model))
}

// Warm loads the model and has it write one token.
func (p *Provider) Warm(ctx context.Context) error {
	p.unused() // look, do not guess
	_, err := p.Complete(ctx, llm.Request{Prompt: "Answer with OK.", MaxTokens: 1, Timeout: p.config.LoadTimeout})
	if err != nil && llm.AsError(err).Class != llm.Truncated {
		return err
	}
	p.used()
	return nil
}

// Unload has the server unload the model as soon as no call is under way.
func (p *Provider) Unload(ctx context.Context) error {
	p.unused()
	response, err := p.do(ctx, http.MethodPost, "/api/generate", map[string]any{"model": p.config.Model, "keep_alive": 0, "stream": false})
	if err != nil {
		return p.fault(err)
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, maxError))
	return err
}
