package llmtest

import (
	"io"
	"net/http"
	"strings"
)

// NewOpenAI starts a server with OpenAI's chat API. Like llama.cpp and vLLM it
// takes any model and needs no key.
func NewOpenAI(script ...Step) *Server { return newServer(openai{}, "/v1", script) }

// Bodies of OpenAI's and its relatives' errors.
const (
	OpenAIBadKey        = `{"error":{"message":"Incorrect API key provided.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}`
	OpenAINoCredit      = `{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`
	OpenAIPerMinute     = `{"error":{"message":"Rate limit reached on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s.","type":"requests","param":null,"code":"rate_limit_exceeded"}}`
	OpenAIPerDay        = `{"error":{"message":"Rate limit reached on requests per day (RPD): Limit 200, Used 200, Requested 1. Please try again in 7m12s. Visit https://platform.openai.com/account/rate-limits to learn more.","type":"requests","param":null,"code":"rate_limit_exceeded"}}`
	OpenAIContext       = `{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`
	OpenAITooLarge      = `{"error":{"message":"Request too large for gpt-4 in organization org-x on tokens per min (TPM): Limit 10000, Requested 12034. The input or output tokens must be reduced in order to run successfully.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}`
	OpenAISpendLimit    = `{"error":{"message":"Your organization has reached its spend limit.","type":"rate_limit_error","param":null,"code":"organization_spend_limit_exceeded"}}`
	OpenAICreditGone    = `{"error":{"message":"Your credit balance is exhausted.","type":"rate_limit_error","param":null,"code":"credit_balance_exhausted"}}`
	VLLMContext         = `{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5021 tokens.","type":"BadRequestError","param":null,"code":400}`
	LlamaCppContext     = `{"error":{"code":400,"message":"request (9021 tokens) exceeds the available context size (4096 tokens)","type":"exceed_context_size_error","n_prompt_tokens":9021,"n_ctx":4096}}`
	LlamaCppLoading     = `{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}`
	OpenAIModelNotFound = `{"error":{"message":"The model does not exist.","type":"invalid_request_error","param":null,"code":"model_not_found"}}`
)

type openai struct{}

func (openai) ask(w http.ResponseWriter, r *http.Request, body []byte) (asked, bool) {
	if !strings.HasSuffix(r.URL.Path, "/chat/completions") {
		http.NotFound(w, r)
		return asked{}, false
	}
	request := decode(body)
	return asked{
		model:  request.text("model"),
		prompt: textOf(request.lastContent()),
		stream: request.at("stream") == true,
	}, true
}

func (openai) fault(_ int, message string) string {
	return encode(map[string]any{"error": map[string]any{"message": message, "type": "server_error", "code": nil, "param": nil}})
}

func openaiReason(e Ending) string {
	switch e {
	case Truncated:
		return "length"
	case Filtered:
		return "content_filter"
	}
	return "stop"
}

// usage counts what was thought into the answer, as OpenAI does.
func (openai) usage(a asked, text string, thought int) any {
	out := tokens(text) + thought
	return map[string]any{
		"prompt_tokens": tokens(a.prompt), "completion_tokens": out, "total_tokens": tokens(a.prompt) + out,
		"prompt_tokens_details":     map[string]any{"cached_tokens": cached(a)},
		"completion_tokens_details": map[string]any{"reasoning_tokens": thought},
	}
}

// cached is a number of the prompt's tokens that are said to be from a cache.
func cached(a asked) int { return tokens(a.prompt) / 2 }

func (o openai) whole(a asked, text string, e Ending) string {
	return encode(map[string]any{
		"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": a.model, "usage": o.usage(a, text, 0),
		"choices": []any{map[string]any{
			"index": 0, "finish_reason": openaiReason(e),
			"message": map[string]any{"role": "assistant", "content": text},
		}},
	})
}

func (o openai) stream(w io.Writer, a asked) stream {
	if rw, ok := w.(flusher); ok {
		rw.w.Header().Set("Content-Type", "text/event-stream")
	}
	return &openaiStream{o, w, a, "", 0}
}

type openaiStream struct {
	o        openai
	w        io.Writer
	a        asked
	text     string
	thoughts int
}

func (s *openaiStream) chunk(delta map[string]any, finish any) {
	event(s.w, "", map[string]any{
		"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": s.a.model,
		"choices": []any{map[string]any{"index": 0, "delta": delta, "finish_reason": finish}},
	})
}

func (s *openaiStream) open() { s.chunk(map[string]any{"role": "assistant", "content": ""}, nil) }

func (s *openaiStream) thought(text string) {
	s.thoughts += tokens(text)
	s.chunk(map[string]any{"reasoning_content": text}, nil) // as llama.cpp and vLLM have it
}

func (s *openaiStream) piece(text string) {
	s.text += text
	s.chunk(map[string]any{"content": text}, nil)
}

func (s *openaiStream) end(e Ending) {
	s.chunk(map[string]any{}, openaiReason(e))
	event(s.w, "", map[string]any{
		"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": s.a.model,
		"choices": []any{}, "usage": s.o.usage(s.a, s.text, s.thoughts),
	})
	io.WriteString(s.w, "data: [DONE]\n\n")
}

func (s *openaiStream) fail(message string) {
	event(s.w, "", map[string]any{"error": map[string]any{"message": message, "type": "server_error", "code": nil}})
}
