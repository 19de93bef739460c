package openai

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"catalyst/internal/llm"
)

func TestResetIn(t *testing.T) {
	now := time.Unix(1_793_000_000, 0)
	for text, want := range map[string]time.Duration{
		"6m0s": 6 * time.Minute, "1s": time.Second, "12ms": 12 * time.Millisecond, "2m59.56s": 179560 * time.Millisecond,
		"7.5": 7500 * time.Millisecond, "0": 0, "1793000030": 30 * time.Second,
	} {
		if got, ok := resetIn(text, now); !ok || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "soon", "-1s", "-5", "NaN", "Inf", "1e300", "999999h", "1792999000"} {
		if got, ok := resetIn(text, now); ok {
			t.Errorf("%q is %v", text, got)
		}
	}
}

// Whatever the headers say, a rate is one that can be counted with.
func FuzzRates(f *testing.F) {
	f.Add("60", "59", "1s")
	f.Add("14400", "14370", "2m59.56s")
	f.Add("-1", "1e9", "1793000030")
	f.Fuzz(func(t *testing.T, limit, left, reset string) {
		h := http.Header{}
		for _, what := range []string{"Requests", "Tokens"} {
			h.Set("X-Ratelimit-Limit-"+what, limit)
			h.Set("X-Ratelimit-Remaining-"+what, left)
			h.Set("X-Ratelimit-Reset-"+what, reset)
		}
		now := time.Now()
		for _, r := range rates(h, now) {
			if r.Kind == "" || r.Remaining < 0 || r.Limit == 0 || r.Limit < -1 {
				t.Errorf("rate %+v of %q, %q, %q", r, limit, left, reset)
			}
			if in := r.Reset.Sub(now); !r.Reset.IsZero() && (in < 0 || in > 48*time.Hour) {
				t.Errorf("reset in %v of %q", in, reset)
			}
		}
	})
}

// Events of a whole answer are JSON in one line each, or there are none.
func FuzzEvents(f *testing.F) {
	f.Add([]byte(`{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}`))
	f.Add([]byte(`{"choices":[1,null,{"message":null}]}`))
	f.Add([]byte(`{"error":"x"}`))
	f.Fuzz(func(t *testing.T, whole []byte) {
		list, err := events(whole)
		if (err == nil) != (isObject(whole)) {
			t.Fatalf("error %v of %q", err, whole)
		}
		for _, e := range list[:max(0, len(list)-1)] {
			if !json.Valid(e.Data) {
				t.Errorf("event %q is no JSON", e.Data)
			}
		}
	})
}

func isObject(data []byte) bool {
	var o map[string]any
	return json.Unmarshal(data, &o) == nil // null is one too
}

func FuzzReadFault(f *testing.F) {
	f.Add([]byte(`{"error":{"message":"m","type":"t","code":429}}`))
	f.Add([]byte(`{"error":"m"}`))
	f.Add([]byte(`{"error":{"code":"insufficient_quota"}}`))
	f.Fuzz(func(t *testing.T, event []byte) {
		said := readFault(event)
		if s := said.status(); s < 400 || s > 599 {
			t.Errorf("status %d of %q", s, event)
		}
		if class := classify(said.status(), said.code(), said.Type, said.Message); class == "" || class == llm.Canceled {
			t.Errorf("class %q of %q", class, event)
		}
	})
}
