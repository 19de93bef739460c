package anthropic

import (
	"encoding/json"
	"net/http"
	"testing"

	"catalyst/internal/llm"
)

func TestCacheMinimum(t *testing.T) {
	for model, want := range map[string]int{
		"claude-haiku-4-5": 4096, "claude-haiku-4-5-20251001": 4096, "claude-sonnet-4-5": 1024, "claude-sonnet-5-5": 1024,
		"claude-opus-5-5": 512, "claude-opus-4-6": 4096, "claude-opus-4-1": 1024, "other": 1024,
	} {
		if got := cacheMinimum(model); got != want {
			t.Errorf("%s caches from %d tokens on, want %d", model, got, want)
		}
	}
}

func TestModelsWithoutTemperature(t *testing.T) {
	for model, want := range map[string]bool{
		"claude-haiku-5-5": true, "claude-sonnet-5": true, "claude-opus-4-8": true, "claude-opus-10": true,
		"claude-haiku-4-5": false, "claude-sonnet-4-5-20250929": false, "claude-opus-4-6": false, "claude-3-5-haiku-latest": false, "other": false,
	} {
		if got := fixed.MatchString(model); got != want {
			t.Errorf("%s refuses a temperature: %v, want %v", model, got, want)
		}
	}
}

func FuzzRates(f *testing.F) {
	f.Add("50", "49", "2026-11-22T00:00:00Z", "0")
	f.Add("", "-1", "soon", "7")
	f.Fuzz(func(t *testing.T, limit, left, reset, other string) {
		h := http.Header{}
		for _, what := range []string{"Requests", "Tokens", "Input-Tokens"} {
			h.Set("Anthropic-Ratelimit-"+what+"-Limit", limit)
			h.Set("Anthropic-Ratelimit-"+what+"-Remaining", left)
			h.Set("Anthropic-Ratelimit-"+what+"-Reset", reset)
		}
		h.Set("Anthropic-Ratelimit-Output-Tokens-Remaining", other)
		for _, r := range rates(h) {
			if r.Kind == "" || r.Remaining < 0 || r.Limit == 0 || r.Limit < -1 {
				t.Errorf("rate %+v of %q, %q, %q", r, limit, left, reset)
			}
		}
	})
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte(`{"type":"message","content":[{"type":"text","text":"a"}],"stop_reason":"end_turn","usage":{"output_tokens":3}}`))
	f.Add([]byte(`{"type":"error","error":{"type":"overloaded_error"}}`))
	f.Add([]byte(`{"content":[1,null,{}],"usage":7,"stop_reason":"x"}`))
	f.Fuzz(func(t *testing.T, whole []byte) {
		list, err := events(whole)
		if err != nil {
			return
		}
		if !json.Valid(whole) {
			t.Fatalf("events of %q", whole)
		}
		for _, e := range list {
			if e.Name == "" || !json.Valid(e.Data) {
				t.Errorf("event %q: %q", e.Name, e.Data)
			}
		}
	})
}

func FuzzClassify(f *testing.F) {
	f.Add(400, []byte(`{"error":{"type":"invalid_request_error","message":"Your credit balance is too low"}}`))
	f.Add(0, []byte(`{"error":{"details":{"error_code":"enforced_spend_limit_reached"}}}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		var e said
		json.Unmarshal(body, &e)
		if class := classify(status, e); class == "" || class == llm.Canceled {
			t.Errorf("class %q", class)
		}
	})
}
