package llmtest

import (
	"io"
	"net/http"
	"strings"
)

// NewGemini starts a server with the Gemini API: generateContent and
// streamGenerateContent of any model.
func NewGemini(script ...Step) *Server { return newServer(gemini{}, "", script) }

// Bodies of Gemini's errors.
const (
	GeminiKeyLeaked      = `{"error":{"code":403,"message":"Your API key was reported as leaked. Please use another API key.","status":"PERMISSION_DENIED"}}`
	GeminiKeyInvalid     = `{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}`
	GeminiQuotaPerDay    = `{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaMetric":"generativelanguage.googleapis.com/generate_content_free_tier_requests","quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier","quotaValue":"20"}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"43s"}]}}`
	GeminiQuotaPerMinute = `{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaMetric":"generativelanguage.googleapis.com/generate_content_free_tier_requests","quotaId":"GenerateRequestsPerMinutePerProjectPerModel-FreeTier","quotaValue":"15"}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"17.5s"}]}}`
	GeminiQuotaTokens    = `{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaMetric":"generativelanguage.googleapis.com/generate_content_free_tier_input_token_count","quotaId":"GenerateContentInputTokensPerModelPerMinute-FreeTier","quotaDimensions":{"location":"global","model":"gemini-2.5-flash"},"quotaValue":"250000"}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"6s"}]}}`
	GeminiNotInFreeTier  = `{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.\n* Quota exceeded for metric: generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: 0, model: gemini-3-pro\nPlease retry in 20.04466179s.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaMetric":"generativelanguage.googleapis.com/generate_content_free_tier_requests","quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"20s"}]}}`
	GeminiExhausted      = `{"error":{"code":429,"message":"Resource has been exhausted (e.g. check quota).","status":"RESOURCE_EXHAUSTED"}}`
	GeminiNoCredit       = `{"error":{"code":429,"message":"Your prepayment credits are depleted. Please go to AI Studio to manage your project and billing.","status":"RESOURCE_EXHAUSTED"}}`
	GeminiSpendCap       = `{"error":{"code":429,"message":"Your project has exceeded its monthly spending cap. Please go to AI Studio to manage it.","status":"RESOURCE_EXHAUSTED"}}`
	GeminiKeyBlocked     = `{"error":{"code":403,"message":"Requests to this API generativelanguage.googleapis.com method google.ai.generativelanguage.v1beta.GenerativeService.GenerateContent are blocked.","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_SERVICE_BLOCKED","domain":"googleapis.com"}]}}`
	GeminiNotHere        = `{"error":{"code":400,"message":"User location is not supported for the API use.","status":"FAILED_PRECONDITION"}}`
	GeminiPromptBlocked  = `{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":120}}`
	GeminiTooLong        = `{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}`
	GeminiOverloaded     = `{"error":{"code":503,"message":"The model is overloaded. Please try again later.","status":"UNAVAILABLE"}}`
	GeminiNoModel        = `{"error":{"code":404,"message":"models/none is not found for API version v1beta.","status":"NOT_FOUND"}}`
)

type gemini struct{}

func (gemini) ask(w http.ResponseWriter, r *http.Request, body []byte) (asked, bool) {
	_, call, _ := strings.Cut(r.URL.Path, "/models/")
	model, method, ok := strings.Cut(call, ":")
	if !ok {
		http.NotFound(w, r)
		return asked{}, false
	}
	request := decode(body)
	a := asked{model: model, stream: method == "streamGenerateContent"}
	if contents, _ := request.at("contents").([]any); len(contents) > 0 {
		last, _ := contents[len(contents)-1].(map[string]any)
		a.prompt = textOf(last["parts"])
	}
	thinking := object{"t": request.at("generationConfig", "thinkingConfig")}
	switch {
	case r.Header.Get("x-goog-api-key") == "":
		a.status, a.refusal = http.StatusForbidden, "Method doesn't allow unregistered callers. Please use an API key."
	case thinking.at("t", "thinkingLevel") != nil && thinking.at("t", "thinkingBudget") != nil:
		a.status, a.refusal = http.StatusBadRequest, "Only one of thinking level and thinking budget can be set."
	}
	return a, true
}

func (gemini) fault(status int, message string) string {
	return encode(map[string]any{"error": map[string]any{"code": status, "message": message, "status": "INTERNAL"}})
}

func geminiReason(e Ending) any {
	switch e {
	case Truncated:
		return "MAX_TOKENS"
	case Filtered:
		return "SAFETY"
	}
	return "STOP"
}

// chunk is a piece of an answer; finish nil leaves it open. thought is the number of
// tokens thought so far.
func (gemini) chunk(a asked, part map[string]any, finish any, text string, thought int) map[string]any {
	candidate := map[string]any{"index": 0}
	if part != nil {
		candidate["content"] = map[string]any{"role": "model", "parts": []any{part}}
	}
	if finish != nil {
		candidate["finishReason"] = finish
	}
	return map[string]any{
		"candidates": []any{candidate}, "modelVersion": a.model,
		"usageMetadata": map[string]any{
			"promptTokenCount": tokens(a.prompt), "candidatesTokenCount": tokens(text), "thoughtsTokenCount": thought,
			"cachedContentTokenCount": cached(a),
		},
	}
}

func (g gemini) whole(a asked, text string, e Ending) string {
	return encode(g.chunk(a, map[string]any{"text": text}, geminiReason(e), text, 0))
}

func (g gemini) stream(w io.Writer, a asked) stream {
	if rw, ok := w.(flusher); ok {
		rw.w.Header().Set("Content-Type", "text/event-stream")
	}
	return &geminiStream{g, w, a, "", 0}
}

type geminiStream struct {
	g        gemini
	w        io.Writer
	a        asked
	text     string
	thoughts int
}

func (s *geminiStream) send(part map[string]any, finish any) {
	event(s.w, "", s.g.chunk(s.a, part, finish, s.text, s.thoughts))
}

// open sends the headers: the API announces nothing before its first piece.
func (s *geminiStream) open() { io.WriteString(s.w, "") }

func (s *geminiStream) thought(text string) {
	s.thoughts += tokens(text)
	s.send(map[string]any{"text": text, "thought": true}, nil)
}

func (s *geminiStream) piece(text string) {
	s.text += text
	s.send(map[string]any{"text": text}, nil)
}

func (s *geminiStream) end(e Ending) { s.send(nil, geminiReason(e)) }

func (s *geminiStream) fail(message string) {
	event(s.w, "", map[string]any{"error": map[string]any{"code": 503, "message": message, "status": "UNAVAILABLE"}})
}
