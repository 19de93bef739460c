package llmtest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
)

// A LlamaCpp is a fake of llama.cpp's own server: OpenAI's chat API under /v1, and
// /health, /props, /models, /slots and /tokenize. With several models (router mode)
// it has /models/load and /models/unload too.
type LlamaCpp struct {
	*Server
	state *llamacpp
}

// NewLlamaCpp starts a server with one model, loaded, two slots and a context of
// 4,096 tokens in each. URL has no version in it.
func NewLlamaCpp(script ...Step) *LlamaCpp {
	state := &llamacpp{status: "loaded", slots: 2, context: 4096}
	return &LlamaCpp{newServer(state, "", script), state}
}

// NewLlamaRouter starts a server with several models, mistral among them, none of
// them loaded. A call loads its model.
func NewLlamaRouter(script ...Step) *LlamaCpp {
	s := NewLlamaCpp(script...)
	s.state.router, s.state.status = true, "unloaded"
	return s
}

// Set puts the model into a state: unloaded, loading, loaded, sleeping. A server
// with one model and a model that is loading answers everything with 503.
func (s *LlamaCpp) Set(status string) {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.status = status
}

// Status is the state of the model.
func (s *LlamaCpp) Status() string {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	return s.state.status
}

type llamacpp struct {
	openai
	router         bool
	slots, context int

	mu     sync.Mutex
	status string
}

func (l *llamacpp) ask(w http.ResponseWriter, r *http.Request, body []byte) (asked, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	loading := !l.router && l.status == "loading"
	answer := func(status int, v any) (asked, bool) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		io.WriteString(w, encode(v))
		return asked{}, false
	}
	refuse := func(status int, kind, message string) (asked, bool) {
		return answer(status, map[string]any{"error": map[string]any{"code": status, "message": message, "type": kind}})
	}
	request := decode(body)
	switch {
	case loading:
		return refuse(http.StatusServiceUnavailable, "unavailable_error", "Loading model")
	case r.URL.Path == "/health":
		return answer(http.StatusOK, map[string]any{"status": "ok"})
	case r.URL.Path == "/models":
		return answer(http.StatusOK, map[string]any{"object": "list", "data": l.models()})
	case r.URL.Path == "/tokenize":
		return answer(http.StatusOK, map[string]any{"tokens": make([]int, tokens(request.text("content")))})
	case r.URL.Path == "/props" && l.router && r.URL.Query().Get("model") == "":
		return answer(http.StatusOK, map[string]any{"role": "router"})
	case r.URL.Path == "/props":
		return answer(http.StatusOK, map[string]any{
			"total_slots": l.slots, "model_path": "mistral.gguf", "is_sleeping": l.status == "sleeping",
			"default_generation_settings": map[string]any{"n_ctx": l.context},
		})
	case r.URL.Path == "/slots":
		list := make([]any, l.slots)
		for i := range list {
			list[i] = map[string]any{"id": i, "n_ctx": l.context, "is_processing": false}
		}
		return answer(http.StatusOK, list)
	case l.router && strings.HasPrefix(r.URL.Path, "/models/") && request.text("model") != "mistral":
		return refuse(http.StatusNotFound, "not_found_error", "model not found")
	case l.router && r.URL.Path == "/models/load" && l.status == "loaded":
		return refuse(http.StatusBadRequest, "invalid_request_error", "model is already running")
	case l.router && r.URL.Path == "/models/load":
		l.status = "loaded"
		return answer(http.StatusOK, map[string]any{"success": true})
	case l.router && r.URL.Path == "/models/unload":
		l.status = "unloaded"
		return answer(http.StatusOK, map[string]any{"success": true})
	}
	a, ok := l.openai.ask(w, r, body)
	if !ok {
		return a, false
	}
	l.status = "loaded"
	if n := tokens(a.prompt); n >= l.context {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, LlamaCppContext)
		return asked{}, false
	}
	return a, true
}

func (l *llamacpp) models() []any {
	if !l.router {
		return []any{map[string]any{"id": "mistral.gguf", "object": "model"}}
	}
	return []any{
		map[string]any{"id": "other", "status": map[string]any{"value": "unloaded"}},
		map[string]any{"id": "mistral", "status": map[string]any{"value": l.status, "args": json.RawMessage(`["llama-server"]`)}},
	}
}
