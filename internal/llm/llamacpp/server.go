package llamacpp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"catalyst/internal/llm"
	"catalyst/internal/llm/local"
)

const (
	template  = 32                     // tokens that a chat template adds at most
	pollEvery = 500 * time.Millisecond // a server that is loading
	lookLimit = 2 * time.Second        // for a look on the way to a call
	maxError  = 64 << 10               // bytes of an error's body that are read
)

var _ local.Inner = (*Provider)(nil)

// Address is the server's base URL.
func (p *Provider) Address() string { return p.base }

// Inspect looks at the server, without loading anything.
func (p *Provider) Inspect(ctx context.Context) (local.State, error) {
	state, err := p.inspect(ctx)
	if err != nil {
		return local.State{}, p.fault(err)
	}
	if state.Context > 0 {
		p.seen.Store(&state)
	}
	return state, nil
}

func (p *Provider) inspect(ctx context.Context) (local.State, error) {
	loading := local.State{Loading: true}
	if err := p.do(ctx, http.MethodGet, "/health", nil, nil); isLoading(err) {
		return loading, nil
	} else if err != nil {
		return local.State{}, err
	}
	status, err := p.status(ctx)
	if err != nil {
		return local.State{}, err
	}
	switch status {
	case "", "loaded", "sleeping": // "" is a server with one model
	case "loading", "downloading":
		return loading, nil
	default:
		return local.State{}, nil
	}
	var props struct {
		Slots    int  `json:"total_slots"`
		Sleeping bool `json:"is_sleeping"`
		Settings struct {
			Context int `json:"n_ctx"` // of one slot
		} `json:"default_generation_settings"`
	}
	path := "/props"
	if status != "" {
		path += "?autoload=false&model=" + url.QueryEscape(p.config.Model)
	}
	if err := p.do(ctx, http.MethodGet, path, nil, &props); isLoading(err) {
		return loading, nil
	} else if err != nil {
		return local.State{}, err
	}
	return local.State{
		Loaded:  !props.Sleeping && status != "sleeping",
		Context: max(0, props.Settings.Context),
		Slots:   max(0, props.Slots),
		Expires: time.Now().AddDate(1, 0, 0),
	}, nil
}

// status is what a server with several models says of ours. A server that has
// but one says nothing: "".
func (p *Provider) status(ctx context.Context) (string, error) {
	var list struct {
		Data []struct {
			ID     string
			Status *struct{ Value string }
		}
	}
	if err := p.do(ctx, http.MethodGet, "/models", nil, &list); err != nil {
		return "", err
	}
	router := false
	for _, m := range list.Data {
		if m.Status == nil {
			continue
		}
		router = true
		if m.ID == p.config.Model {
			return m.Status.Value, nil
		}
	}
	if router {
		return "", llm.Errorf(llm.ModelMissing, "the server has no model %q: set model to one of its GET /models", p.config.Model)
	}
	return "", nil
}

// Warm has the model loaded and lets it write one token.
func (p *Provider) Warm(ctx context.Context) error {
	load, cancel := context.WithTimeout(ctx, p.config.LoadTimeout)
	defer cancel()
	err := p.warm(load)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		err = &llm.Error{Class: llm.Canceled, Err: context.Cause(ctx)}
	case load.Err() != nil:
		err = llm.Errorf(llm.Timeout, "the model was not loaded in %v", p.config.LoadTimeout)
	}
	return p.fault(err)
}

func (p *Provider) warm(ctx context.Context) error {
	asked := false
	for {
		state, err := p.Inspect(ctx)
		if err != nil {
			return err
		}
		if state.Loaded || !state.Loading && state.Context > 0 { // asleep: a call wakes it
			break
		}
		if !state.Loading && asked {
			return llm.Errorf(llm.Overloaded, "the server did not load the model: see its log")
		}
		if !state.Loading {
			if err := p.do(ctx, http.MethodPost, "/models/load", p.model(), nil); err != nil {
				return err
			}
			asked = true
		}
		select {
		case <-time.After(pollEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	_, err := p.Provider.Complete(ctx, llm.Request{Prompt: "Hello", MaxTokens: 1})
	if e := llm.AsError(err); e != nil && e.Class != llm.Truncated {
		return e
	}
	return nil
}

// Unload has a server with several models take ours out of memory. One that has
// but one cannot: [errors.ErrUnsupported].
func (p *Provider) Unload(ctx context.Context) error {
	status, err := p.status(ctx)
	switch {
	case err != nil:
		return p.fault(err)
	case status == "":
		return errors.ErrUnsupported
	case status == "unloaded":
		return nil
	}
	if err := p.do(ctx, http.MethodPost, "/models/unload", p.model(), nil); err != nil {
		return p.fault(err)
	}
	return nil
}

func (p *Provider) model() any { return map[string]string{"model": p.config.Model} }

func (p *Provider) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	p.Inspect(ctx)
}

// count is the number of tokens that the model makes of a request.
func (p *Provider) count(ctx context.Context, r llm.Request) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	var list struct{ Tokens []json.RawMessage }
	err := p.do(ctx, http.MethodPost, "/tokenize", map[string]any{
		"content": r.System + "\n" + r.Prompt, "model": p.config.Model,
	}, &list)
	if err == nil && len(list.Tokens) == 0 {
		err = errors.New("no tokens")
	}
	return len(list.Tokens) + template, err
}

func isLoading(err error) bool {
	e := llm.AsError(err)
	return e != nil && e.Status == http.StatusServiceUnavailable
}

// do sends in and decodes the answer into out; nil sends or reads no body.
func (p *Provider) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return llm.Errorf(llm.BadRequest, "encode request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, p.base+path, body)
	if err != nil {
		return llm.Errorf(llm.BadRequest, "base_url: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	if key := p.config.Key.Reveal(); key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return readError(response)
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(out); err != nil {
		return llm.Errorf(llm.Network, "%s: the answer is no JSON: is base_url a llama.cpp server?", path)
	}
	return nil
}

func readError(response *http.Response) error {
	data, _ := io.ReadAll(io.LimitReader(response.Body, maxError))
	var body struct{ Error struct{ Message string } }
	text := llm.ServerText(string(data))
	if json.Unmarshal(data, &body) == nil && body.Error.Message != "" {
		text = body.Error.Message
	}
	e := llm.Errorf(llm.ClassOfStatus(response.StatusCode), "%s", text)
	e.Status = response.StatusCode
	e.RetryAfter = llm.RetryAfter(response.Header)
	return e
}
