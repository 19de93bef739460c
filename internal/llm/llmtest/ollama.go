package llmtest

import (
	"fmt"
	"io"
	"net/http"
)

// NewOllama starts a server with Ollama's API: /api/chat, /api/generate (which only
// unloads), /api/tags, /api/ps and /api/version. It has the model mistral, not yet
// loaded: a chat without messages loads it, as does any other, and the first is
// not counted as a request for an answer. A chat with another num_ctx loads it
// again.
func NewOllama(script ...Step) *Server { return newServer(&ollama{newGPU(GPU{})}, "", script) }

// Bodies of Ollama's errors.
const (
	OllamaBusy     = `{"error":"server busy, please try again.  maximum pending requests exceeded"}`
	OllamaNoMemory = `{"error":"model requires more system memory (8.4 GiB) than is available (5.1 GiB)"}`
	OllamaCrashed  = `{"error":"llama runner process has terminated: exit status 2"}`
	OllamaTooLong  = `{"error":"the input length exceeds the context length"}`
	OllamaNoModel  = `{"error":"model 'mistral' not found"}`
	OllamaNoThink  = `{"error":"\"mistral\" does not support thinking"}`
)

type ollama struct{ gpu *gpu }

func (o *ollama) ask(w http.ResponseWriter, r *http.Request, body []byte) (asked, bool) {
	const name = "mistral:latest"
	switch r.URL.Path {
	case "/api/tags":
		io.WriteString(w, `{"models":[{"name":"mistral:latest","model":"mistral:latest","size":4100000000}]}`)
		return asked{}, false
	case "/api/ps":
		io.WriteString(w, o.gpu.running(name))
		return asked{}, false
	case "/api/version":
		io.WriteString(w, `{"version":"0.17.4"}`)
		return asked{}, false
	case "/api/generate":
		request := decode(body)
		if request.at("keep_alive") != 0.0 || request.at("prompt") != nil {
			http.Error(w, `{"error":"this fake only unloads here"}`, http.StatusNotImplemented)
			return asked{}, false
		}
		o.gpu.unload()
		fmt.Fprintf(w, `{"model":%q,"response":"","done":true,"done_reason":"unload"}`, request.text("model"))
		return asked{}, false
	case "/api/chat":
	default:
		http.NotFound(w, r)
		return asked{}, false
	}
	request := decode(body)
	a := asked{model: request.text("model"), prompt: textOf(request.lastContent()), stream: request.at("stream") != false}
	if a.model != "mistral" && a.model != name {
		a.status, a.refusal = http.StatusNotFound, fmt.Sprintf("model '%s' not found", a.model)
		return a, true
	}
	numCtx, _ := request.at("options", "num_ctx").(float64)
	if !o.gpu.load(r.Context(), int(numCtx)) {
		w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(w, o.fault(0, "llama runner process has terminated"))
		return asked{}, false
	}
	if request.lastContent() == nil {
		fmt.Fprintf(w, `{"model":%q,"message":{"role":"assistant","content":""},"done_reason":"load","done":true}`, a.model)
		return asked{}, false
	}
	if !o.gpu.answer() {
		a.status, a.refusal = http.StatusInternalServerError, "llama runner process has terminated"
	}
	return a, true
}

func (*ollama) fault(_ int, message string) string { return encode(map[string]any{"error": message}) }

func (o *ollama) whole(a asked, text string, e Ending) string {
	return encode(o.last(a, text, e))
}

func (o *ollama) last(a asked, text string, e Ending) map[string]any {
	reason := "stop"
	if e == Truncated {
		reason = "length"
	}
	return map[string]any{
		"model": a.model, "message": map[string]any{"role": "assistant", "content": text},
		"done": true, "done_reason": reason, "load_duration": 1000,
		"prompt_eval_count": tokens(a.prompt), "eval_count": tokens(text),
		"eval_duration": o.gpu.duration(text),
	}
}

func (o *ollama) stream(w io.Writer, a asked) stream { return &ollamaStream{o, w, a, "", 0} }

type ollamaStream struct {
	o     *ollama
	w     io.Writer
	a     asked
	text  string
	mused int // tokens
}

func (s *ollamaStream) line(v any)    { io.WriteString(s.w, encode(v)+"\n") }
func (s *ollamaStream) open()         { s.line(s.chunk("content", "")) }
func (s *ollamaStream) fail(m string) { s.line(map[string]any{"error": m}) }

func (s *ollamaStream) thought(text string) {
	s.mused += tokens(text)
	s.line(s.chunk("thinking", text))
}

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
	last["eval_count"], last["eval_duration"] = tokens(s.text)+s.mused, s.o.gpu.duration(s.text)
	s.line(last)
}
