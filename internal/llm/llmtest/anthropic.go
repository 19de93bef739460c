package llmtest

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// NewAnthropic starts a server with Anthropic's Messages API. It keeps what is
// marked for the prompt cache, if it is long enough.
func NewAnthropic(script ...Step) *Server {
	return newServer(&anthropic{kept: make(map[string]bool)}, "", script)
}

// Bodies of Anthropic's errors.
const (
	AnthropicNoCredit   = `{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."}}`
	AnthropicUsageLimit = `{"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."}}`
	AnthropicSpendLimit = `{"type":"error","error":{"type":"rate_limit_error","message":"Your organization has reached its monthly API usage threshold.","details":{"error_code":"enforced_spend_limit_reached"}},"request_id":"req_1"}`
	AnthropicBilling    = `{"type":"error","error":{"type":"billing_error","message":"There is an issue with your payment method."}}`
	AnthropicForbidden  = `{"type":"error","error":{"type":"permission_error","message":"Your API key does not have permission to use the specified resource."}}`
	AnthropicFiltered   = `{"type":"error","error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy"}}`
	AnthropicTooMuch    = `{"type":"error","error":{"type":"invalid_request_error","message":"input length and ` + "`max_tokens`" + ` exceed context limit: 198432 + 8192 > 200000, decrease input length or ` + "`max_tokens`" + ` and try again"}}`
	AnthropicBroken     = `{"type":"error","error":{"type":"api_error","message":"Internal server error"}}`
	AnthropicBadKey     = `{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}`
	AnthropicRateLimit  = `{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your rate limit of 50 requests per minute."}}`
	AnthropicOverloaded = `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`
	AnthropicTooLong    = `{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 208310 tokens > 200000 maximum"}}`
	AnthropicNoModel    = `{"type":"error","error":{"type":"not_found_error","message":"model: claude-3-sonnet-20240229"}}`
)

// AnthropicCached is the number of tokens from which on the fake caches a prompt.
const AnthropicCached = 1024

type anthropic struct {
	mu   sync.Mutex
	kept map[string]bool // beginnings of prompts
}

// cache looks up and keeps the beginnings of a prompt that are marked, and returns
// how many of its tokens were there and are now.
func (f *anthropic) cache(request object) (read, written int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	beginning := ""
	blocks, _ := request.at("system").([]any)
	content, _ := request.lastContent().([]any)
	for _, b := range append(slices.Clone(blocks), content...) {
		block := object(nil)
		block, _ = b.(map[string]any)
		beginning += block.text("text")
		n := tokens(beginning)
		if block.text("cache_control", "type") != "ephemeral" || n < AnthropicCached {
			continue
		}
		if f.kept[beginning] {
			read, written = n, 0
			continue
		}
		f.kept[beginning] = true
		written = n - read
	}
	return read, written
}

func (f *anthropic) ask(w http.ResponseWriter, r *http.Request, body []byte) (asked, bool) {
	if r.URL.Path != "/v1/messages" {
		http.NotFound(w, r)
		return asked{}, false
	}
	request := decode(body)
	a := asked{model: request.text("model"), prompt: textOf(request.lastContent()), stream: request.at("stream") == true}
	schema := encode(request.at("output_config", "format", "schema"))
	switch {
	case r.Header.Get("x-api-key") == "":
		a.status, a.refusal = http.StatusUnauthorized, "x-api-key header is required"
	case request.at("max_tokens") == nil:
		a.status, a.refusal = http.StatusBadRequest, "max_tokens: Field required"
	case strings.Contains(schema, `"minimum"`), strings.Contains(schema, `"maximum"`):
		a.status, a.refusal = http.StatusBadRequest, "output_config.format.schema: For 'number' type, properties maximum, minimum are not supported"
	case request.at("temperature") != nil && strings.HasPrefix(a.model, "claude-sonnet-5"):
		a.status, a.refusal = http.StatusBadRequest, "temperature is not supported for this model"
	default:
		a.cached, a.written = f.cache(request)
	}
	return a, true
}

func (*anthropic) fault(status int, message string) string {
	kind := "api_error"
	switch {
	case status == http.StatusUnauthorized:
		kind = "authentication_error"
	case status < 500:
		kind = "invalid_request_error"
	}
	return encode(map[string]any{"type": "error", "error": map[string]any{"type": kind, "message": message}})
}

func anthropicReason(e Ending) string {
	switch e {
	case Truncated:
		return "max_tokens"
	case Filtered:
		return "refusal"
	}
	return "end_turn"
}

func (*anthropic) message(a asked, content []any, reason any, out int) map[string]any {
	return map[string]any{
		"id": "msg_1", "type": "message", "role": "assistant", "model": a.model,
		"content": content, "stop_reason": reason, "stop_sequence": nil,
		"usage": map[string]any{
			"input_tokens": max(1, tokens(a.prompt)-a.cached-a.written), "output_tokens": out,
			"cache_creation_input_tokens": a.written, "cache_read_input_tokens": a.cached,
		},
	}
}

func (f *anthropic) whole(a asked, text string, e Ending) string {
	return encode(f.message(a, []any{map[string]any{"type": "text", "text": text}}, anthropicReason(e), tokens(text)))
}

func (f *anthropic) stream(w io.Writer, a asked) stream {
	if rw, ok := w.(flusher); ok {
		rw.w.Header().Set("Content-Type", "text/event-stream")
	}
	return &anthropicStream{f: f, w: w, a: a}
}

type anthropicStream struct {
	f     *anthropic
	w     io.Writer
	a     asked
	text  string
	mused int // tokens
	index int
	begun bool
}

func (s *anthropicStream) open() {
	event(s.w, "message_start", map[string]any{"type": "message_start", "message": s.f.message(s.a, []any{}, nil, 1)})
	event(s.w, "ping", map[string]any{"type": "ping"})
}

func (s *anthropicStream) begin(block map[string]any) {
	event(s.w, "content_block_start", map[string]any{"type": "content_block_start", "index": s.index, "content_block": block})
}

func (s *anthropicStream) delta(delta map[string]any) {
	event(s.w, "content_block_delta", map[string]any{"type": "content_block_delta", "index": s.index, "delta": delta})
}

func (s *anthropicStream) stop() {
	event(s.w, "content_block_stop", map[string]any{"type": "content_block_stop", "index": s.index})
	s.index++
}

func (s *anthropicStream) thought(text string) {
	s.mused += tokens(text)
	s.begin(map[string]any{"type": "thinking", "thinking": "", "signature": ""})
	s.delta(map[string]any{"type": "thinking_delta", "thinking": text})
	s.stop()
}

func (s *anthropicStream) piece(text string) {
	if !s.begun {
		s.begun = true
		s.begin(map[string]any{"type": "text", "text": ""})
	}
	s.text += text
	s.delta(map[string]any{"type": "text_delta", "text": text})
}

func (s *anthropicStream) end(e Ending) {
	if s.begun {
		s.stop()
	}
	event(s.w, "message_delta", map[string]any{
		"type":  "message_delta",
		"delta": map[string]any{"stop_reason": anthropicReason(e), "stop_sequence": nil},
		"usage": map[string]any{"output_tokens": tokens(s.text) + s.mused},
	})
	event(s.w, "message_stop", map[string]any{"type": "message_stop"})
}

func (s *anthropicStream) fail(message string) {
	event(s.w, "error", map[string]any{"type": "error", "error": map[string]any{"type": "overloaded_error", "message": message}})
}
