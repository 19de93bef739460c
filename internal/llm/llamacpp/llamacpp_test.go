package llamacpp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"catalyst/internal/llm"
	"catalyst/internal/llm/llamacpp"
	"catalyst/internal/llm/llmtest"
)

func newProvider(t testing.TB, url string, change func(*llamacpp.Config)) *llamacpp.Provider {
	t.Helper()
	c := llamacpp.Defaults
	c.BaseURL, c.Model = url, "mistral"
	if change != nil {
		change(&c)
	}
	p, err := llamacpp.New("", c, llm.NewHTTPClient())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func class(err error) llm.Class {
	var e *llm.Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Class
}

func TestInspect(t *testing.T) {
	one, several := llmtest.NewLlamaCpp(), llmtest.NewLlamaRouter()
	defer one.Close()
	defer several.Close()
	for _, c := range []struct {
		server          *llmtest.LlamaCpp
		status          string
		loaded, loading bool
		context         int
	}{
		{one, "loaded", true, false, 4096},
		{one, "loading", false, true, 0},
		{one, "sleeping", false, false, 4096},
		{several, "unloaded", false, false, 0},
		{several, "loading", false, true, 0},
		{several, "loaded", true, false, 4096},
		{several, "sleeping", false, false, 4096},
	} {
		c.server.Set(c.status)
		got, err := newProvider(t, c.server.URL, nil).Inspect(t.Context())
		if err != nil {
			t.Errorf("%s: %v", c.status, err)
		}
		if got.Loaded != c.loaded || got.Loading != c.loading || got.Context != c.context || (got.Slots == 2) != (c.context > 0) {
			t.Errorf("%s: %+v", c.status, got)
		}
		if c.server.Status() != c.status {
			t.Errorf("looking at a model that is %s made it %s", c.status, c.server.Status())
		}
	}
}

func TestInspectFails(t *testing.T) {
	server := llmtest.NewLlamaRouter()
	p := newProvider(t, server.URL, func(c *llamacpp.Config) { c.Model = "llama9" })
	if _, err := p.Inspect(t.Context()); class(err) != llm.ModelMissing || !strings.Contains(err.Error(), "llama9") {
		t.Errorf("error %v, want model_missing", err)
	}
	server.Close()
	if _, err := p.Inspect(t.Context()); class(err) != llm.Network {
		t.Errorf("error %v, want network", err)
	}
	other := llmtest.NewGemini() // not llama.cpp at all
	defer other.Close()
	if _, err := newProvider(t, other.URL, nil).Inspect(t.Context()); class(err) != llm.ModelMissing {
		t.Errorf("error %v, want model_missing", err)
	}
}

func TestWarmAndUnload(t *testing.T) {
	server := llmtest.NewLlamaRouter()
	defer server.Close()
	p := newProvider(t, server.URL, nil)
	for range 2 { // a loaded model is only asked for a token
		if err := p.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
		if server.Status() != "loaded" {
			t.Fatalf("the model is %s", server.Status())
		}
	}
	asked := server.Requests()
	if len(asked) != 2 || !strings.Contains(asked[0].Body, `"max_tokens":1`) {
		t.Errorf("%d requests, want one token twice: %+v", len(asked), asked)
	}
	for range 2 { // a model that is not loaded is no error
		if err := p.Unload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if server.Status() != "unloaded" {
			t.Fatalf("the model is %s", server.Status())
		}
	}

	one := llmtest.NewLlamaCpp()
	defer one.Close()
	if err := newProvider(t, one.URL, nil).Unload(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a server with one model: %v, want ErrUnsupported", err)
	}
}

func TestWarmWaitsForTheServer(t *testing.T) {
	server := llmtest.NewLlamaCpp()
	defer server.Close()
	server.Set("loading")
	p := newProvider(t, server.URL, nil)
	done := make(chan error, 1)
	go func() { done <- p.Warm(t.Context()) }()
	select {
	case err := <-done:
		t.Fatalf("warm while the server was loading: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	server.Set("loaded")
	if err := <-done; err != nil {
		t.Error(err)
	}

	server.Set("loading")
	p = newProvider(t, server.URL, func(c *llamacpp.Config) { c.LoadTimeout = 50 * time.Millisecond })
	if err := p.Warm(t.Context()); class(err) != llm.Timeout || !strings.Contains(err.Error(), "not loaded") {
		t.Errorf("error %v, want a timeout that speaks of loading", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Warm(ctx); class(err) != llm.Canceled {
		t.Errorf("error %v, want canceled", err)
	}
}

// The server has as many calls at a time as it has slots.
func TestLimitsAreTheServers(t *testing.T) {
	server := llmtest.NewLlamaCpp()
	defer server.Close()
	p := newProvider(t, server.URL, nil)
	if l := p.Limits(); l.Concurrency != 1 || l.Context != 0 || !l.Free || l.MaxTokens != 512 {
		t.Errorf("before it was seen: %+v", l)
	}
	if _, err := p.Complete(t.Context(), llm.Request{Prompt: "?"}); err != nil {
		t.Fatal(err)
	}
	if l := p.Limits(); l.Concurrency != 2 || l.Context != 4096 {
		t.Errorf("after: %+v", l)
	}
	set := newProvider(t, server.URL, func(c *llamacpp.Config) { c.Concurrency, c.Context = 7, 2048 })
	if _, err := set.Inspect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l := set.Limits(); l.Concurrency != 7 || l.Context != 2048 {
		t.Errorf("configured: %+v", l)
	}
}

// An estimate is on the safe side; before a prompt is refused by it, the model's own
// tokenizer counts.
func TestTokensAreCountedBeforeAPromptIsRefused(t *testing.T) {
	server := llmtest.NewLlamaCpp()
	defer server.Close()
	p := newProvider(t, server.URL, nil)
	fits := strings.Repeat("word ", 2600) // 3,251 tokens by the fake, 4,334 by the estimate
	if _, err := p.Complete(t.Context(), llm.Request{Prompt: fits}); err != nil {
		t.Errorf("a prompt that fits: %v", err)
	}
	_, err := p.Complete(t.Context(), llm.Request{Prompt: strings.Repeat("word ", 3200)})
	if class(err) != llm.Context || len(server.Requests()) != 1 {
		t.Errorf("error %v after %d requests, want context after 1", err, len(server.Requests()))
	}
}

func TestVersionInTheAddress(t *testing.T) {
	server := llmtest.NewLlamaCpp()
	defer server.Close()
	for _, base := range []string{server.URL, server.URL + "/", server.URL + "/v1", server.URL + "/v1/"} {
		p := newProvider(t, base, nil)
		if _, err := p.Complete(t.Context(), llm.Request{Prompt: "?"}); err != nil || p.Address() != server.URL {
			t.Errorf("%s: address %s, error %v", base, p.Address(), err)
		}
	}
}

func TestSecretsStaySecret(t *testing.T) {
	const key = "sk-hush"
	p, err := llamacpp.New("", llamacpp.Config{BaseURL: "http://x", Key: key, Settings: llm.Settings{MaxTokens: 1}, LoadTimeout: time.Second},
		&http.Client{Transport: transport(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 401, Body: io.NopCloser(strings.NewReader(`{"error":{"message":"bad key ` + key + `"}}`))}, nil
		})})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Inspect(t.Context())
	for _, err := range []error{err, p.Warm(t.Context()), p.Unload(t.Context())} {
		if class(err) != llm.Auth || strings.Contains(err.Error(), key) {
			t.Errorf("error %v", err)
		}
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func FuzzInspect(f *testing.F) {
	f.Add([]byte(`{"data":[{"id":"mistral","status":{"value":"loaded"}}]}`), []byte(`{"total_slots":2,"default_generation_settings":{"n_ctx":4096}}`))
	f.Add([]byte(`{"data":[{"id":"a"}]}`), []byte(`{"total_slots":-2,"default_generation_settings":{"n_ctx":-1}}`))
	f.Add([]byte(`{"data":null}`), []byte(`[]`))
	f.Fuzz(func(t *testing.T, models, props []byte) {
		p, err := llamacpp.New("", llamacpp.Config{BaseURL: "http://x", Model: "mistral", Settings: llm.Settings{MaxTokens: 1}},
			&http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
				body := map[string][]byte{"/models": models, "/props": props}[r.URL.Path]
				return &http.Response{StatusCode: 200, Body: io.NopCloser(bytes.NewReader(body))}, nil
			})})
		if err != nil {
			t.Fatal(err)
		}
		state, err := p.Inspect(t.Context())
		if err != nil && class(err) == "" {
			t.Errorf("error %v has no class", err)
		}
		if state.Slots < 0 || state.Context < 0 || p.Limits().Concurrency < 1 {
			t.Errorf("state %+v", state)
		}
	})
}
