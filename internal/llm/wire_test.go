package llm_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"catalyst/internal/llm"
	"catalyst/internal/llm/llmtest"
	"catalyst/internal/news"
)

// Some servers and proxies answer at once though they were asked to stream.
func TestWholeAnswers(t *testing.T) {
	t.Run("complete", func(t *testing.T) {
		eachWire(t, func(t *testing.T, w wire) {
			got, err := w.Complete(t.Context(), request(t))
			if err != nil {
				t.Fatal(err)
			}
			if a, err := anyPrompt.ParseAnswer(got.Text, acme()); err != nil || a.Direction != news.Bullish {
				t.Errorf("verdict %v, error %v of %q", a.Direction, err, got.Text)
			}
			if got.TokensIn < 20 || got.TokensOut < 20 || got.Model == "" || got.Stop == "" || got.FirstToken <= 0 {
				t.Errorf("the response lacks something: %+v", got)
			}
		}, llmtest.Step{Whole: true})
	})
	steps := []struct {
		name string
		step llmtest.Step
		want llm.Class
		not  string // provider whose API has no word for it
	}{
		{"limit of tokens", llmtest.Step{Ending: llmtest.Truncated}, llm.Truncated, ""},
		{"blocked", llmtest.Step{Ending: llmtest.Filtered}, llm.ContentFilter, "ollama"},
		{"connection cut", llmtest.Step{Ending: llmtest.Breaks}, llm.Network, ""},
		{"connection reset", llmtest.Step{Ending: llmtest.Resets}, llm.Network, ""},
		{"half of it", llmtest.Step{Ending: llmtest.Ends}, llm.Network, ""},
		{"an error with status 200", llmtest.Step{Ending: llmtest.Fails}, llm.Overloaded, ""},
	}
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			s.step.Whole = true
			eachWire(t, func(t *testing.T, w wire) {
				if w.Name() == s.not {
					t.Skip("its API has no such ending")
				}
				got, err := w.Complete(t.Context(), request(t))
				wantClass(t, err, s.want)
				if got.Text != "" {
					t.Errorf("text %q came with the error", got.Text)
				}
			}, s.step)
		})
	}
}

// What is no answer at all counts against the network between us and a model.
func TestGarbage(t *testing.T) {
	header := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	const sse = "text/event-stream"
	steps := map[string]llmtest.Step{
		"page of a proxy":     {Body: "<html><title>Sign in</title></html>", Header: header("Content-Type", "text/html; charset=utf-8")},
		"no gzip":             {Body: "this is no gzip", Header: header("Content-Encoding", "gzip", "Content-Type", sse)},
		"no JSON":             {Body: "garbage\x00\xff\n", Header: header("Content-Type", "application/json")},
		"a list":              {Body: "[1,2]", Header: header("Content-Type", "application/json")},
		"empty JSON":          {Body: "{}", Header: header("Content-Type", "application/json")},
		"garbage in a stream": {Body: "data: {\"\n\nevent: message_start\ndata: nope\n\n", Header: header("Content-Type", sse)},
		"nothing in a stream": {Body: "\n", Header: header("Content-Type", sse)},
		"10 MB in a line":     {Body: "data: " + strings.Repeat("x", 10<<20), Header: header("Content-Type", sse)},
		"10 MB of JSON":       {Body: `{"x":"` + strings.Repeat("x", 10<<20) + `"}`, Header: header("Content-Type", "application/json")},
		"10 MB of lines":      {Body: strings.Repeat(": keep-alive\n\n", 10<<20/14), Header: header("Content-Type", sse)},
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			step.Status = http.StatusOK
			eachWire(t, func(t *testing.T, w wire) {
				start := time.Now()
				_, err := w.Complete(t.Context(), request(t))
				wantClass(t, err, llm.Network)
				if len(err.Error()) > 1000 {
					t.Errorf("an error of %d bytes", len(err.Error()))
				}
				if d := time.Since(start); d > 5*time.Second {
					t.Errorf("took %v", d)
				}
			}, step)
		})
	}
}

func TestSlowHeaders(t *testing.T) {
	eachWire(t, func(t *testing.T, w wire) {
		r := request(t)
		r.FirstToken = 50 * time.Millisecond
		_, err := w.Complete(t.Context(), r)
		wantClass(t, err, llm.FirstToken)

		r.FirstToken, r.Timeout = 0, 50*time.Millisecond
		_, err = w.Complete(t.Context(), r)
		wantClass(t, err, llm.Timeout)
	}, llmtest.Step{Silence: time.Hour}, llmtest.Step{Silence: time.Hour})
}

// An error after status 200 says what it is as any other does.
func TestMidStreamErrorsHaveClasses(t *testing.T) {
	stream := http.Header{"Content-Type": {"text/event-stream"}}
	for _, c := range []struct {
		provider, body string
		want           llm.Class
	}{
		{"anthropic", "event: error\ndata: " + llmtest.AnthropicOverloaded + "\n\n", llm.Overloaded},
		{"anthropic", "event: error\ndata: " + llmtest.AnthropicRateLimit + "\n\n", llm.RateMinute},
		{"openai", "data: " + llmtest.LlamaCppContext + "\n\n", llm.Context},
		{"openai", `data: {"error":{"code":429,"message":"Rate limit exceeded, try again in 3s"}}` + "\n\n", llm.RateMinute},
		{"openai", `data: {"error":{"code":"insufficient_quota","message":"no credit"}}` + "\n\n", llm.Billing},
		{"openai", `data: {"error":"the model went away"}` + "\n\n", llm.Overloaded},
		{"gemini", "data: " + llmtest.GeminiQuotaPerDay + "\n\n", llm.QuotaDay},
		{"gemini", "data: " + llmtest.GeminiOverloaded + "\n\n", llm.Overloaded},
		{"gemini", "data: " + llmtest.GeminiPromptBlocked + "\n\n", llm.ContentFilter},
		{"gemini", `data: {"candidates":[{"finishReason":"MAX_TOKENS"}],"usageMetadata":{"promptTokenCount":9,"thoughtsTokenCount":2048}}` + "\n\n", llm.Truncated},
		{"ollama", llmtest.OllamaCrashed + "\n", llm.Overloaded},
		{"ollama", llmtest.OllamaTooLong + "\n", llm.Context},
		{"ollama", `{"message":{"content":""},"done":true,"done_reason":"load"}` + "\n", llm.Overloaded},
		{"ollama", `{"message":{"content":"{"},"done":true,"done_reason":"length","prompt_eval_count":9,"eval_count":512}` + "\n", llm.Truncated},
	} {
		w := newWire(t, c.provider, llmtest.Step{Status: 200, Body: c.body, Header: stream})
		_, err := w.Complete(t.Context(), request(t))
		wantClass(t, err, c.want)
	}
}
