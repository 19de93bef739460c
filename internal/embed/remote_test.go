package embed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"catalyst/internal/config"
)

// server is an embedding server of both protocols. Its vectors say how long the
// text was; they are not of unit length, as many models' are not.
type server struct {
	*httptest.Server
	dimensions int
	requests   []request
}

type request struct {
	Path  string   `json:"-"`
	Auth  string   `json:"-"`
	Model string   `json:"model"`
	Input []string `json:"input"`
}

func newServer(t *testing.T, dimensions int) *server {
	s := &server{dimensions: dimensions}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	in := request{Path: r.URL.Path, Auth: r.Header.Get("Authorization")}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.requests = append(s.requests, in)
	type datum struct {
		Index     int       `json:"index"`
		Embedding []float32 `json:"embedding"`
	}
	var answer struct {
		Embeddings [][]float32 `json:"embeddings,omitempty"`
		Data       []datum     `json:"data,omitempty"`
	}
	for i, text := range in.Input {
		if strings.TrimSpace(text) == "" {
			http.Error(w, "input is empty", http.StatusBadRequest)
			return
		}
		v := make([]float32, s.dimensions)
		v[0], v[s.dimensions-1] = float32(len(text)), 1
		if r.URL.Path == "/api/embed" {
			answer.Embeddings = append(answer.Embeddings, v)
			continue
		}
		answer.Data = append([]datum{{i, v}}, answer.Data...) // in any order
	}
	json.NewEncoder(w).Encode(answer)
}

func remoteConfig(kind, url string) Config {
	return Config{Kind: kind, BaseURL: url, Model: "tiny", Key: "sk-very-secret", Dimensions: 4, Timeout: 5 * time.Second}
}

func TestRemoteEmbedders(t *testing.T) {
	for _, c := range []struct{ kind, suffix, path string }{
		{"ollama", "", "/api/embed"},
		{"ollama", "/", "/api/embed"},
		{"openai", "", "/v1/embeddings"},
		{"openai", "/v1/", "/v1/embeddings"},
	} {
		t.Run(c.kind+c.suffix, func(t *testing.T) {
			s := newServer(t, 4)
			e, err := New(remoteConfig(c.kind, s.URL+c.suffix))
			if err != nil {
				t.Fatal(err)
			}
			var texts []string
			for i := range 2*maxTexts + 1 {
				texts = append(texts, strings.Repeat("x", i)) // the first has no word
			}
			vectors, err := e.Embed(t.Context(), texts)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range vectors {
				want := []float64{0, 0}
				if i > 0 {
					norm := math.Sqrt(float64(i*i + 1))
					want = []float64{float64(i) / norm, 1 / norm}
				}
				if math.Abs(float64(v[0])-want[0]) > 1e-6 || math.Abs(float64(v[3])-want[1]) > 1e-6 {
					t.Fatalf("vector of text %d is %v, want it to start with %v and end with %v", i, v, want[0], want[1])
				}
			}
			if got, want := len(s.requests), 2; got != want {
				t.Errorf("%d requests for %d texts, want %d", got, len(texts)-1, want)
			}
			r := s.requests[0]
			if r.Path != c.path || r.Model != "tiny" || r.Auth != "Bearer sk-very-secret" {
				t.Errorf("request to %s for model %s with %q, want %s, tiny and the key", r.Path, r.Model, r.Auth, c.path)
			}
			if want := c.kind + ":tiny/4"; e.ID() != want {
				t.Errorf("ID %s, want %s", e.ID(), want)
			}
		})
	}
}

func TestRemoteErrorsHaveAClassAndNoSecret(t *testing.T) {
	answers := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.WriteHeader(code)
			io.WriteString(w, body)
		}
	}
	for _, c := range []struct {
		name   string
		handle http.HandlerFunc
		class  error
		says   string
	}{
		{"overloaded", answers(429, "slow down"), ErrUnavailable, "slow down"},
		{"broken", answers(503, "loading model"), ErrUnavailable, "HTTP 503"},
		{"wrong key", answers(401, "bad key sk-very-secret"), ErrRefused, "check embedder.key"},
		{"no such model", answers(404, `{"error":"model not found"}`), ErrRefused, "ollama pull tiny"},
		{"a web page", answers(200, "<html>welcome</html>"), ErrRefused, "decode answer"},
		{"too few vectors", answers(200, `{"embeddings":[]}`), ErrRefused, "0 vectors for 1 texts"},
		{"null", answers(200, `{"embeddings":[null]}`), ErrRefused, "0 dimensions"},
		{"another dimension", answers(200, `{"embeddings":[[1,2]]}`), ErrRefused, "dimensions: 2"},
		{"no direction", answers(200, `{"embeddings":[[0,0,0,0]]}`), ErrRefused, "without direction"},
		{"beyond float", answers(200, `{"embeddings":[[1e999,0,0,0]]}`), ErrRefused, "decode answer"},
		{"cut short", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, `{"embeddings":[[`)
		}, ErrUnavailable, "EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := httptest.NewServer(c.handle)
			defer s.Close()
			_, err := NewOllama(remoteConfig("ollama", s.URL)).Embed(t.Context(), []string{"text"})
			if !errors.Is(err, c.class) || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("Embed: %v, want class %q and %q", err, c.class, c.says)
			}
			if strings.Contains(fmt.Sprint(err), "very-secret") {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
}

func TestRemoteServerThatIsNotThereOrStalls(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	release := make(chan struct{})
	stalled := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer stalled.Close()
	defer close(release)
	for name, url := range map[string]string{"not there": gone.URL, "stalled": stalled.URL} {
		c := remoteConfig("openai", url)
		c.Timeout = 50 * time.Millisecond
		if _, err := NewOpenAI(c).Embed(t.Context(), []string{"text"}); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v, want it unavailable", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := NewOpenAI(remoteConfig("openai", stalled.URL)).Embed(ctx, []string{"text"})
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnavailable) {
		t.Errorf("interrupted: %v, want context.Canceled and not the server's fault", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"embeddings":[[1,0],[0,1]]}`), 2)
	f.Add([]byte(`{"data":[{"index":1,"embedding":[1]},{"index":0,"embedding":[2]}]}`), 2)
	f.Add([]byte(`{"data":[{"index":-1,"embedding":[1]}]}`), 1)
	f.Fuzz(func(t *testing.T, answer []byte, n int) {
		n = max(0, min(n, maxTexts))
		for _, decode := range []func([]byte, int) ([][]float32, error){decodeOllama, decodeOpenAI} {
			if vectors, err := decode(answer, n); err == nil && len(vectors) != n {
				t.Errorf("%d vectors for %d texts", len(vectors), n)
			}
		}
	})
}

func TestConfigValidate(t *testing.T) {
	for _, c := range []struct {
		name   string
		config Config
		want   []string // in the error; none when valid
	}{
		{"default", DefaultConfig, nil},
		{"remote", remoteConfig("ollama", ""), nil},
		{"unknown", Config{Kind: "magic"}, []string{"kind"}},
		{"lexical of another size", Config{Kind: "lexical", Dimensions: 100}, []string{"dimensions"}},
		{"remote without anything", Config{Kind: "openai", BaseURL: "localhost"}, []string{"base_url", "model", "dimensions", "timeout"}},
	} {
		err := c.config.Validate()
		if (err == nil) != (len(c.want) == 0) {
			t.Errorf("%s: %v", c.name, err)
		}
		for _, field := range c.want {
			if !strings.Contains(fmt.Sprint(err), field+":") {
				t.Errorf("%s: %v, want a fault of %s", c.name, err, field)
			}
		}
	}
	if _, err := New(Config{Kind: "openai", Key: config.Secret("sk-very-secret")}); err == nil || strings.Contains(err.Error(), "very-secret") {
		t.Errorf("New: %v, want an error without the key", err)
	}
}
