package llmtest

import (
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
)

// NewOllama starts a server with Ollama's API: /api/chat, /api/tags, /api/ps and
// /api/version. It has the model mistral, not yet loaded: a chat without messages
// loads it, as does any other, and the first is not counted as a request for
// an answer.
func NewOllama(script ...Step) *Server { return newServer(&ollama{}, "", script) }

type ollama struct{ loaded atomic.Bool }

func (o *ollama) ask(w http.ResponseWriter, r *http.Request, body []byte) (asked, bool) {
	const models = `{"models":[{"name":"mistral:latest","model":"mistral:latest","size":4100000000,"size_vram":4100000000}]}`
	switch r.URL.Path {
	case "/api/tags":
		io.WriteString(w, models)
		return asked{}, false
	case "/api/ps":
		if o.loaded.Load() {
			io.WriteString(w, models)
		} else {
			io.WriteString(w, `{"models":[]}`)
		}
		return asked{}, false
	case "/api/version":
		io.WriteString(w, `{"version":"0.17.4"}`)
		return asked{}, false
	case "/api/chat":
	default:
		http.NotFound(w, r)
		return asked{}, false
	}
	request := decode(body)
	a := asked{model: request.text("model"), prompt: textOf(request.lastContent()), stream: request.at("stream") != false}
	if a.model != "mistral" && a.model != "mistral:latest" {
		a.status, a.refusal = http.StatusNotFound, fmt.Sprintf("model '%s' not found", a.model)
		return a, true
	}
	o.loaded.Store(true)
	if request.lastContent() == nil {
		fmt.Fprintf(w, `{"model":%q,"message":{"role":"assistant","content":""},"done_reason":"load","done":true}`, a.model)
		return asked{}, false
	}
	return a, true
}

func (*ollama) fault(_ int, message string) string { return encode(map[string]any{"error": message}) }

func (o *ollama) whole(a asked, text string, e Ending) string {
	return encode(o.last(a, text, e))
}

func (*ollama) last(a asked, text string, e Ending) map[string]any {
	reason := "stop"
	if e == Truncated {
		reason = "length"
	}
	return map[string]any{
		"model": a.model, "message": map[string]any{"role": "assistant", "content": text},
		"done": true, "done_reason": reason, "load_duration": 1000,
		"prompt_eval_count": tokens(a.prompt), "eval_count": tokens(text),
	}
}

func (o *ollama) stream(w io.Writer, a asked) stream { return &ollamaStream{o, w, a, ""} }

type ollamaStream struct {
	o    *ollama
	w    io.Writer
	a    asked
	text string
}

func (s *ollamaStream) line(v any)    { io.WriteString(s.w, encode(v)+"\n") }
func (s *ollamaStream) open()         { s.line(s.chunk("content", "")) }
func (s *ollamaStream) fail(m string) { s.line(map[string]any{"error": m}) }

func (s *ollamaStream) thought(text string) { s.line(s.chunk("thinking", text)) }

func (s *ollamaStream) piece(text string) {
	s.text += text
	s.line(s.chunk("content", text))
}

func (s *ollamaStream) chunk(field, text string) any {
	return map[string]any{
		"model": s.a.model, "done": false,
		"message": map[string]any{"role": "assistant", "content": "", field: text},
	}
}

func (s *ollamaStream) end(e Ending) {
	last := s.o.last(s.a, "", e)
	last["eval_count"] = tokens(s.text)
	s.line(last)
}
