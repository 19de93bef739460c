package ollama

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"catalyst/flows"
	"catalyst/internal/llm"
	"catalyst/internal/llm/llmtest"
	"catalyst/internal/llm/local"
)

func TestKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		machine := llmtest.NewMachine(llmtest.GPU{Memory: 10e9, Model: 4e9, KeepAlive: 30 * time.Minute, Load: 5 * time.Second})
		client := &http.Client{Transport: machine}
		c := Defaults
		c.BaseURL = machine.URL
		p := New("local", c, client)
		inspect := func(p *Provider) local.State {
			t.Helper()
			s, err := p.Inspect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		if s := inspect(p); s != (local.State{}) {
			t.Errorf("before: %+v, want a server with nothing loaded", s)
		}
		if err := p.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := local.State{Loaded: true, Size: 4e9, SizeVRAM: 4e9, Context: 4096, Expires: time.Now().Add(30 * time.Minute)}
		if s := inspect(p); !s.Expires.Equal(want.Expires) || s.Size != want.Size || s.SizeVRAM != want.SizeVRAM || s.Context != want.Context || !s.Loaded {
			t.Errorf("warm: %+v, want %+v", s, want)
		}
		sent := machine.Requests()
		if len(sent) != 1 || !strings.Contains(sent[0].Body, `"num_predict":1`) || !strings.Contains(sent[0].Body, `"num_ctx":4096`) {
			t.Errorf("asked %+v, want for one token, in the context of every call", sent)
		}
		machine.Change(func(g *llmtest.GPU) { g.Others = 8e9 })
		if s := inspect(p); s.SizeVRAM != 2e9 {
			t.Errorf("spilled: %+v, want half of it in GPU memory", s)
		}

		// Another program loads it with another context: a call of ours would load it again.
		c.NumCtx = 2048
		if s := inspect(New("other", c, client)); s.Loaded {
			t.Errorf("with another context: %+v, want it not loaded for us", s)
		}

		for range 2 {
			if err := p.Unload(t.Context()); err != nil {
				t.Errorf("unload: %v", err)
			}
			if s := inspect(p); s.Loaded {
				t.Errorf("unloaded: %+v", s)
			}
		}
		if _, err := p.Complete(t.Context(), llm.Request{Prompt: "?", Timeout: time.Second}); err != nil || machine.Loads() != 2 {
			t.Errorf("a call afterwards: %v, %d loads; want it loaded outside the limits of the call", err, machine.Loads())
		}

		c.Model = "llama9"
		if _, err := New("", c, client).Inspect(t.Context()); class(err) != llm.ModelMissing || !strings.Contains(err.Error(), "ollama pull llama9") {
			t.Errorf("a missing model: %v", err)
		}
		machine.Stop()
		for what, err := range map[string]error{"warm": p.Warm(t.Context()), "unload": p.Unload(t.Context())} {
			if class(err) != llm.Network {
				t.Errorf("%s without a server: %v", what, err)
			}
		}
		if _, err := p.Inspect(t.Context()); class(err) != llm.Network {
			t.Errorf("inspect without a server: %v", err)
		}
	})
}

// What a proxy, an older server or a liar says in place of a list.
func TestInspectBelievesLittle(t *testing.T) {
	for body, want := range map[string]local.State{
		`{"models":[{"name":"mistral:latest"}]}`:                                                         {Loaded: true},
		`{"models":[{"name":"mistral:latest","expires_at":"soon","size":5,"size_vram":3}]}`:              {Loaded: true, Size: 5, SizeVRAM: 3},
		`{"models":[{"name":"mistral:7b","size":5},{"name":"mistral","context_length":4096,"size":7}]}`:  {Loaded: true, Size: 7, Context: 4096},
		`{"models":[{"name":"mistral:latest","expires_at":"2318-01-01T00:00:00Z","context_length":99}]}`: {},
		`<html><title>502</title></html>`:                                                                {},
		`{"models":[{"name":"mistral:la`:                                                                 {},
		`{"models":{"name":"mistral"}}`:                                                                  {},
		`{}`:                                                                                             {},
	} {
		p := New("local", Defaults, &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(body))}, nil
		})})
		got, err := p.Inspect(t.Context())
		if got != want {
			t.Errorf("%s: %+v (%v), want %+v", body, got, err, want)
		}
		if err == nil && !want.Loaded && !strings.Contains(body, "mistral:latest") {
			t.Errorf("%s: taken for a server that could load the model", body)
		}
	}
}

func TestKindLooksAfterTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		machine := llmtest.NewMachine(llmtest.GPU{Load: time.Second})
		kind := Kind(func() *http.Client { return &http.Client{Transport: machine} })
		for keep, loads := range map[string]int{"30m": 1, "0": 0} {
			machine.Evict()
			c, before := Defaults, machine.Loads()
			c.BaseURL, c.KeepAlive = machine.URL, keep
			built, err := kind.New(&flows.Build{Name: "local", Logger: slog.New(slog.DiscardHandler)}, c)
			if err != nil {
				t.Fatal(err)
			}
			if limits := built.(llm.Limited).Limits(); limits.Concurrency != 1 || limits.Context != 4096 || !limits.Free {
				t.Errorf("limits %+v, want the provider's", limits)
			}
			p := built.(interface {
				llm.Tended
				Start(context.Context) error
				Close() error
			})
			p.Start(t.Context())
			time.Sleep(5 * time.Second)
			synctest.Wait()
			if why := p.Ready(); why != nil {
				t.Errorf("keep_alive %s: not ready: %v", keep, why)
			}
			p.Close()
			if n := machine.Loads() - before; n != loads {
				t.Errorf("keep_alive %s: loaded %d times at the start, want %d: what is gone at once is not loaded ahead", keep, n, loads)
			}
		}
	})
}
