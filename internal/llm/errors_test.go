package llm_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"catalyst/internal/llm"
	"catalyst/internal/llm/llmtest"
)

// The bodies are those of the real servers, as their users report them.
func TestErrors(t *testing.T) {
	header := func(k, v string) http.Header { return http.Header{k: {v}} }
	const page = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
	cases := []struct {
		provider string
		name     string
		step     llmtest.Step
		want     llm.Class
		wait     time.Duration // RetryAfter at least; at most a second more
	}{
		{"ollama", "queue full", llmtest.Step{Status: 503, Body: llmtest.OllamaBusy}, llm.Overloaded, 0},
		{"ollama", "out of memory", llmtest.Step{Status: 500, Body: llmtest.OllamaNoMemory}, llm.Overloaded, 0},
		{"ollama", "context", llmtest.Step{Status: 400, Body: llmtest.OllamaTooLong}, llm.Context, 0},
		{"ollama", "runner died", llmtest.Step{Status: 500, Body: llmtest.OllamaCrashed}, llm.Overloaded, 0},
		{"ollama", "no model", llmtest.Step{Status: 404, Body: llmtest.OllamaNoModel}, llm.ModelMissing, 0},
		{"ollama", "cannot think", llmtest.Step{Status: 400, Body: llmtest.OllamaNoThink}, llm.BadRequest, 0},
		{"ollama", "cloud model, per minute", llmtest.Step{Status: 429, Body: `{"error":"rate limited"}`, Header: header("Retry-After", "3")}, llm.RateMinute, 3 * time.Second},
		{"ollama", "page of a proxy", llmtest.Step{Status: 502, Body: page}, llm.Overloaded, 0},
		{"ollama", "redirect", llmtest.Step{Status: 307, Header: header("Location", "http://127.0.0.1:1/")}, llm.ModelMissing, 0},
		{"ollama", "proxy refuses key", llmtest.Step{Status: 401, Body: `nope`}, llm.Auth, 0},
		{"ollama", "bad request", llmtest.Step{Status: 400, Body: `{"error":"invalid options"}`}, llm.BadRequest, 0},

		{"openai", "per minute", llmtest.Step{Status: 429, Body: llmtest.OpenAIPerMinute, Header: header("Retry-After", "20")}, llm.RateMinute, 20 * time.Second},
		{"openai", "per minute in ms", llmtest.Step{Status: 429, Body: llmtest.OpenAIPerMinute, Header: header("Retry-After-Ms", "1500")}, llm.RateMinute, 1500 * time.Millisecond},
		{"openai", "per minute in words", llmtest.Step{Status: 429, Body: llmtest.OpenAIPerMinute}, llm.RateMinute, 20 * time.Second},
		{"openai", "per day", llmtest.Step{Status: 429, Body: llmtest.OpenAIPerDay}, llm.QuotaDay, 7*time.Minute + 12*time.Second},
		{"openai", "more than a minute has", llmtest.Step{Status: 429, Body: llmtest.OpenAITooLarge}, llm.Context, 0},
		{"openai", "spending limit", llmtest.Step{Status: 429, Body: llmtest.OpenAISpendLimit}, llm.Billing, 0},
		{"openai", "credit gone", llmtest.Step{Status: 429, Body: llmtest.OpenAICreditGone}, llm.Billing, 0},
		{"openai", "payment required", llmtest.Step{Status: 402, Body: `{"error":{"message":"Insufficient credits","code":402}}`}, llm.Billing, 0},
		{"openai", "context of vLLM", llmtest.Step{Status: 400, Body: llmtest.VLLMContext}, llm.Context, 0},
		{"openai", "content policy", llmtest.Step{Status: 400, Body: `{"error":{"message":"The response was filtered.","type":null,"param":"prompt","code":"content_filter"}}`}, llm.ContentFilter, 0},
		{"openai", "bad parameter", llmtest.Step{Status: 400, Body: `{"error":{"message":"Unsupported value: 'temperature' does not support 0.2 with this model.","type":"invalid_request_error","param":"temperature","code":"unsupported_value"}}`}, llm.BadRequest, 0},
		{"openai", "no credit", llmtest.Step{Status: 429, Body: llmtest.OpenAINoCredit}, llm.Billing, 0},
		{"openai", "bad key", llmtest.Step{Status: 401, Body: llmtest.OpenAIBadKey}, llm.Auth, 0},
		{"openai", "context", llmtest.Step{Status: 400, Body: llmtest.OpenAIContext}, llm.Context, 0},
		{"openai", "context of llama.cpp", llmtest.Step{Status: 400, Body: llmtest.LlamaCppContext}, llm.Context, 0},
		{"openai", "llama.cpp is loading", llmtest.Step{Status: 503, Body: llmtest.LlamaCppLoading}, llm.Overloaded, 0},
		{"openai", "no model", llmtest.Step{Status: 404, Body: llmtest.OpenAIModelNotFound}, llm.ModelMissing, 0},
		{"openai", "not JSON", llmtest.Step{Status: 502, Body: page}, llm.Overloaded, 0},
		{"openai", "redirect", llmtest.Step{Status: 307, Header: header("Location", "http://127.0.0.1:1/")}, llm.ModelMissing, 0},

		{"llamacpp", "loading", llmtest.Step{Status: 503, Body: llmtest.LlamaCppLoading}, llm.Overloaded, 0},
		{"llamacpp", "context", llmtest.Step{Status: 400, Body: llmtest.LlamaCppContext}, llm.Context, 0},
		{"llamacpp", "bad key", llmtest.Step{Status: 401, Body: `{"error":{"code":401,"message":"Invalid API Key","type":"authentication_error"}}`}, llm.Auth, 0},
		{"llamacpp", "model is not loaded", llmtest.Step{Status: 400, Body: `{"error":{"code":400,"message":"model is not loaded","type":"invalid_request_error"}}`}, llm.Overloaded, 0},
		{"llamacpp", "no model", llmtest.Step{Status: 400, Body: `{"error":{"code":400,"message":"model 'mistral' not found","type":"invalid_request_error"}}`}, llm.ModelMissing, 0},

		{"gemini", "key leaked", llmtest.Step{Status: 403, Body: llmtest.GeminiKeyLeaked}, llm.Auth, 0},
		{"gemini", "key invalid", llmtest.Step{Status: 400, Body: llmtest.GeminiKeyInvalid}, llm.Auth, 0},
		{"gemini", "key blocked", llmtest.Step{Status: 403, Body: llmtest.GeminiKeyBlocked}, llm.Auth, 0},
		{"gemini", "not in this country", llmtest.Step{Status: 400, Body: llmtest.GeminiNotHere}, llm.Auth, 0},
		{"gemini", "credit gone", llmtest.Step{Status: 429, Body: llmtest.GeminiNoCredit}, llm.Billing, 0},
		{"gemini", "spending cap", llmtest.Step{Status: 429, Body: llmtest.GeminiSpendCap}, llm.Billing, 0},
		{"gemini", "payment required", llmtest.Step{Status: 402, Body: llmtest.GeminiNoCredit}, llm.Billing, 0},
		{"gemini", "not in the free tier", llmtest.Step{Status: 429, Body: llmtest.GeminiNotInFreeTier}, llm.Billing, 0},
		{"gemini", "tokens per minute", llmtest.Step{Status: 429, Body: llmtest.GeminiQuotaTokens}, llm.RateMinute, 6 * time.Second},
		{"gemini", "no details", llmtest.Step{Status: 429, Body: llmtest.GeminiExhausted}, llm.RateMinute, 0},
		{"gemini", "deadline", llmtest.Step{Status: 504, Body: `{"error":{"code":504,"message":"The request timed out.","status":"DEADLINE_EXCEEDED"}}`}, llm.Timeout, 0},
		{"gemini", "internal", llmtest.Step{Status: 500, Body: `{"error":{"code":500,"message":"An internal error has occurred.","status":"INTERNAL"}}`}, llm.Overloaded, 0},
		{"gemini", "bad request", llmtest.Step{Status: 400, Body: `{"error":{"code":400,"message":"Invalid JSON payload received.","status":"INVALID_ARGUMENT"}}`}, llm.BadRequest, 0},
		{"gemini", "per minute", llmtest.Step{Status: 429, Body: llmtest.GeminiQuotaPerMinute}, llm.RateMinute, 17500 * time.Millisecond},
		{"gemini", "per minute by header", llmtest.Step{Status: 429, Body: `{"error":{"code":429,"message":"slow"}}`, Header: header("Retry-After", "9")}, llm.RateMinute, 9 * time.Second},
		{"gemini", "too long", llmtest.Step{Status: 400, Body: llmtest.GeminiTooLong}, llm.Context, 0},
		{"gemini", "overloaded", llmtest.Step{Status: 503, Body: llmtest.GeminiOverloaded}, llm.Overloaded, 0},
		{"gemini", "no model", llmtest.Step{Status: 404, Body: llmtest.GeminiNoModel}, llm.ModelMissing, 0},
		{"gemini", "not JSON", llmtest.Step{Status: 502, Body: page}, llm.Overloaded, 0},
		{"gemini", "redirect", llmtest.Step{Status: 307, Header: header("Location", "http://127.0.0.1:1/")}, llm.ModelMissing, 0},

		{"anthropic", "no credit", llmtest.Step{Status: 400, Body: llmtest.AnthropicNoCredit}, llm.Billing, 0},
		{"anthropic", "spending limit", llmtest.Step{Status: 400, Body: llmtest.AnthropicUsageLimit}, llm.Billing, 0},
		{"anthropic", "spending limit of the account", llmtest.Step{Status: 429, Body: llmtest.AnthropicSpendLimit}, llm.Billing, 0},
		{"anthropic", "payment", llmtest.Step{Status: 402, Body: llmtest.AnthropicBilling}, llm.Billing, 0},
		{"anthropic", "key without the right", llmtest.Step{Status: 403, Body: llmtest.AnthropicForbidden}, llm.Auth, 0},
		{"anthropic", "blocked", llmtest.Step{Status: 400, Body: llmtest.AnthropicFiltered}, llm.ContentFilter, 0},
		{"anthropic", "too long with the answer", llmtest.Step{Status: 400, Body: llmtest.AnthropicTooMuch}, llm.Context, 0},
		{"anthropic", "internal", llmtest.Step{Status: 500, Body: llmtest.AnthropicBroken}, llm.Overloaded, 0},
		{"anthropic", "bad request", llmtest.Step{Status: 400, Body: `{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: Field required"}}`}, llm.BadRequest, 0},
		{"anthropic", "bad key", llmtest.Step{Status: 401, Body: llmtest.AnthropicBadKey}, llm.Auth, 0},
		{"anthropic", "per minute", llmtest.Step{Status: 429, Body: llmtest.AnthropicRateLimit, Header: header("Retry-After", "12")}, llm.RateMinute, 12 * time.Second},
		{"anthropic", "overloaded", llmtest.Step{Status: 529, Body: llmtest.AnthropicOverloaded}, llm.Overloaded, 0},
		{"anthropic", "too long", llmtest.Step{Status: 400, Body: llmtest.AnthropicTooLong}, llm.Context, 0},
		{"anthropic", "too large", llmtest.Step{Status: 413, Body: `{"type":"error","error":{"type":"request_too_large","message":"too large"}}`}, llm.Context, 0},
		{"anthropic", "no model", llmtest.Step{Status: 404, Body: llmtest.AnthropicNoModel}, llm.ModelMissing, 0},
		{"anthropic", "not JSON", llmtest.Step{Status: 502, Body: page}, llm.Overloaded, 0},
		{"anthropic", "redirect", llmtest.Step{Status: 307, Header: header("Location", "http://127.0.0.1:1/")}, llm.ModelMissing, 0},
	}
	for _, c := range cases {
		t.Run(c.provider+"/"+c.name, func(t *testing.T) {
			w := newWire(t, c.provider, c.step)
			start := time.Now()
			_, err := w.Complete(t.Context(), request(t))
			e := wantClass(t, err, c.want)
			if e.Status != c.step.Status {
				t.Errorf("status %d, want %d", e.Status, c.step.Status)
			}
			if e.RetryAfter < c.wait || e.RetryAfter > c.wait+time.Second {
				t.Errorf("wait of %v, want %v", e.RetryAfter, c.wait)
			}
			if strings.Contains(err.Error(), "<") {
				t.Errorf("a page of HTML stands in %q", err)
			}
			if n := len(w.Requests()); n != 1 {
				t.Errorf("%d requests: only the router may try again", n)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}
