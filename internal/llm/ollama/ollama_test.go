package ollama

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"catalyst/internal/llm"
	"catalyst/internal/llm/llmtest"
)

func newProvider(url string, change func(*Config)) *Provider {
	c := Defaults
	c.BaseURL = url
	if change != nil {
		change(&c)
	}
	return New("local", c, llm.NewHTTPClient())
}

func class(err error) llm.Class {
	var e *llm.Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Class
}

// slowServer is an Ollama whose model takes load to be loaded.
func slowServer(t *testing.T, load time.Duration) (url string, loads *atomic.Int32) {
	loads = new(atomic.Int32)
	var loaded atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/api/ps" {
			io.WriteString(w, `{"models":[]}`)
			return
		}
		if !loaded.Load() {
			loads.Add(1)
			select {
			case <-time.After(load):
				loaded.Store(true)
			case <-r.Context().Done(): // the real one gives up too
				return
			}
		}
		if strings.Contains(string(body), `"messages":[]`) {
			io.WriteString(w, `{"done":true,"done_reason":"load"}`)
			return
		}
		io.WriteString(w, `{"model":"mistral","message":{"content":"yes"},"done":true,"done_reason":"stop"}`+"\n")
	}))
	t.Cleanup(server.Close)
	return server.URL, loads
}

// Loading a model takes longer than any limit of a call; it happens once, before
// the limits begin, however many calls wait for it.
func TestLoadingCountsTowardsNoLimit(t *testing.T) {
	url, loads := slowServer(t, 300*time.Millisecond)
	p := newProvider(url, nil)
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			r, err := p.Complete(t.Context(), llm.Request{Prompt: "?", Timeout: 200 * time.Millisecond, FirstToken: 150 * time.Millisecond})
			if err != nil || r.Text != "yes" {
				t.Errorf("text %q, error %v", r.Text, err)
			}
			if r.Latency > 200*time.Millisecond {
				t.Errorf("latency %v has the loading in it", r.Latency)
			}
		})
	}
	wg.Wait()
	if n := loads.Load(); n != 1 {
		t.Errorf("loaded %d times, want once", n)
	}
}

func TestLoadTimeout(t *testing.T) {
	url, _ := slowServer(t, time.Hour)
	p := newProvider(url, func(c *Config) { c.LoadTimeout = 50 * time.Millisecond })
	_, err := p.Complete(t.Context(), llm.Request{Prompt: "?"})
	if class(err) != llm.Timeout || !strings.Contains(err.Error(), "not loaded") {
		t.Errorf("error %v, want a timeout that speaks of loading", err)
	}
}

func TestKeepAlive(t *testing.T) {
	for text, want := range map[string]struct {
		wire any
		keep time.Duration
	}{
		"":    {nil, 5 * time.Minute},
		"30m": {"30m", 30 * time.Minute},
		"-1":  {-1, -time.Second},
		"0":   {0, 0},
		"90":  {90, 90 * time.Second},
	} {
		p := newProvider("http://x", func(c *Config) { c.KeepAlive = text })
		if got := p.keepAlive(); got != want.wire {
			t.Errorf("keep_alive %q is sent as %v, want %v", text, got, want.wire)
		}
		if got := p.keepFor(); got != want.keep {
			t.Errorf("keep_alive %q lasts %v, want %v", text, got, want.keep)
		}
	}
}

func TestModelIsLookedForAgainAfterKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider("http://x", func(c *Config) { c.KeepAlive = "10m" })
		if p.isLoaded() {
			t.Error("loaded before its first use")
		}
		p.used()
		time.Sleep(10*time.Minute - 1)
		if !p.isLoaded() {
			t.Error("forgotten within keep_alive")
		}
		time.Sleep(time.Nanosecond)
		if p.isLoaded() {
			t.Error("taken for loaded after keep_alive")
		}
	})
}

// The server would cut a long prompt without a word, so it must not get one.
func TestTokenGuard(t *testing.T) {
	server := llmtest.NewOllama()
	defer server.Close()
	p := newProvider(server.URL, nil)
	_, err := p.Complete(t.Context(), llm.Request{Prompt: strings.Repeat("word ", 3000)})
	if class(err) != llm.Context {
		t.Errorf("error %v, want class context", err)
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
	if _, err := p.Complete(t.Context(), llm.Request{Prompt: strings.Repeat("word ", 1000)}); err != nil {
		t.Errorf("a prompt that fits: %v", err)
	}
}

func TestMissingModel(t *testing.T) {
	server := llmtest.NewOllama()
	defer server.Close()
	p := newProvider(server.URL, func(c *Config) { c.Model = "llama9" })
	_, err := p.Complete(t.Context(), llm.Request{Prompt: "?"})
	if class(err) != llm.ModelMissing || !strings.Contains(err.Error(), "llama9") {
		t.Errorf("error %v, want model_missing", err)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// An unnamed server is used if it answers and has the model; it is looked for once
// a minute. A named one is always there: its absence is an outage.
func TestAvailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, answer := 0, ""
		c := Defaults
		p := New("local", c, &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			asked++
			if r.URL.String() != "http://localhost:11434/api/tags" {
				t.Errorf("asked %s", r.URL)
			}
			if answer == "" {
				return nil, errors.New("connection refused")
			}
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(answer))}, nil
		})})
		for range 50 {
			if err := p.Available(t.Context()); !errors.Is(err, llm.ErrNotConfigured) || !strings.Contains(err.Error(), "OLLAMA_URL") {
				t.Fatalf("without a server: %v", err)
			}
			time.Sleep(time.Second)
		}
		if asked != 1 {
			t.Errorf("looked %d times in 50 s, want once", asked)
		}

		answer = `{"models":[{"name":"phi:latest"}]}`
		time.Sleep(time.Minute)
		if err := p.Available(t.Context()); err == nil || !strings.Contains(err.Error(), "ollama pull mistral") {
			t.Errorf("without the model: %v", err)
		}
		answer = `{"models":[{"name":"phi:latest"},{"name":"mistral:latest"}]}`
		time.Sleep(time.Minute)
		if err := p.Available(t.Context()); err != nil {
			t.Errorf("with server and model: %v", err)
		}
		answer = ""
		time.Sleep(time.Hour)
		if err := p.Available(t.Context()); err != nil {
			t.Errorf("a server that was there and is gone is an outage, not %v", err)
		}

		c.BaseURL = "http://10.0.0.1:11434"
		if err := New("local", c, nil).Available(t.Context()); err != nil {
			t.Errorf("a named server: %v", err)
		}
	})
}

func FuzzReadChat(f *testing.F) {
	f.Add(`{"message":{"content":"a"}}` + "\n" + `{"done":true,"done_reason":"stop"}`)
	f.Add(`{"error":"x"}`)
	f.Add("\n\n{")
	f.Fuzz(func(t *testing.T, body string) {
		if _, err := readChat(strings.NewReader(body), func() {}); err != nil {
			return
		}
		for line := range strings.Lines(body) {
			var l chatLine
			if json.Unmarshal([]byte(strings.TrimSpace(line)), &l) == nil && l.Done {
				return
			}
		}
		t.Errorf("an answer without an end: %q", body)
	})
}
