package llm_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/internal/llm"
	"catalyst/internal/llm/anthropic"
	"catalyst/internal/llm/gemini"
	"catalyst/internal/llm/llamacpp"
	"catalyst/internal/llm/llmtest"
	"catalyst/internal/llm/ollama"
	"catalyst/internal/llm/openai"
)

// What was thought is paid for as an answer is.
func TestThoughtsAreCounted(t *testing.T) {
	thoughts := strings.Repeat("let me see ", 400)
	eachWire(t, func(t *testing.T, w wire) {
		plain, err := w.Complete(t.Context(), request(t))
		if err != nil {
			t.Fatal(err)
		}
		thought, err := w.Complete(t.Context(), request(t))
		if err != nil {
			t.Fatal(err)
		}
		if more := thought.TokensOut - plain.TokensOut; more < len(thoughts)/4 {
			t.Errorf("%d tokens more with thoughts of %d characters", more, len(thoughts))
		}
	}, llmtest.Step{}, llmtest.Step{Thoughts: thoughts})
}

// Some servers count what was thought only into the total.
func TestThoughtsInTheTotal(t *testing.T) {
	w := newWire(t, "openai", llmtest.Step{Status: 200, Header: headers("Content-Type", "text/event-stream"), Body: `data: {"choices":[{"delta":{"content":"yes"},"finish_reason":"stop"}],` +
		`"usage":{"prompt_tokens":100,"completion_tokens":5,"total_tokens":405}}` + "\n\ndata: [DONE]\n\n"})
	got, err := w.Complete(t.Context(), request(t))
	if err != nil || got.TokensIn != 100 || got.TokensOut != 305 {
		t.Errorf("%d tokens in, %d out, error %v; want 100 and 305", got.TokensIn, got.TokensOut, err)
	}
}

func TestCachedTokensAreCounted(t *testing.T) {
	for _, name := range []string{"openai", "llamacpp", "gemini"} {
		got, err := newWire(t, name).Complete(t.Context(), request(t))
		if err != nil {
			t.Fatal(err)
		}
		if got.TokensCached <= 0 || got.TokensCached >= got.TokensIn {
			t.Errorf("%s: %d of %d tokens cached", name, got.TokensCached, got.TokensIn)
		}
	}
}

// A server that gives no account is not free for that.
func TestMissingUsageIsEstimated(t *testing.T) {
	for name, body := range map[string]string{
		"openai": `data: {"choices":[{"delta":{"content":"an answer of some words"},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n",
		"gemini": `data: {"candidates":[{"content":{"parts":[{"text":"an answer of some words"}]},"finishReason":"STOP"}]}` + "\n\n",
		"ollama": `{"message":{"content":"an answer of some words"},"done":true,"done_reason":"stop"}` + "\n",
	} {
		w := newWire(t, name, llmtest.Step{Status: 200, Body: body, Header: http.Header{"Content-Type": {"text/event-stream"}}})
		got, err := w.Complete(t.Context(), request(t))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.TokensIn < 50 || got.TokensOut < 5 {
			t.Errorf("%s: %d tokens in, %d out", name, got.TokensIn, got.TokensOut)
		}
	}
}

// What a prompt costs is known from the first event on, also of an answer that
// never came.
func TestTokensOfAFailedCall(t *testing.T) {
	w := newWire(t, "anthropic", llmtest.Step{Ending: llmtest.Fails, After: 1})
	got, err := w.Complete(t.Context(), request(t))
	wantClass(t, err, llm.Overloaded)
	if got.TokensIn < 20 {
		t.Errorf("%d tokens in", got.TokensIn)
	}
	w = newWire(t, "anthropic", llmtest.Step{Status: 529})
	if got, _ := w.Complete(t.Context(), request(t)); got.TokensIn+got.TokensOut != 0 {
		t.Errorf("a refused call has tokens: %+v", got)
	}
}

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

func TestRates(t *testing.T) {
	soon := time.Now().Add(time.Minute).UTC().Truncate(time.Second)
	at := soon.Format(time.RFC3339)
	near := cmp.Comparer(func(a, b time.Time) bool { return a.Sub(b).Abs() < 5*time.Second })
	in := func(d time.Duration) time.Time { return time.Now().Add(d) }
	pacific, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	y, m, d := time.Now().In(pacific).Date()
	midnight := time.Date(y, m, d+1, 0, 0, 0, 0, pacific)

	for _, c := range []struct {
		name, provider string
		step           llmtest.Step
		want           []llm.Rate
	}{
		{"anthropic", "anthropic", llmtest.Step{Header: headers(
			"anthropic-ratelimit-requests-limit", "4000", "anthropic-ratelimit-requests-remaining", "3999", "anthropic-ratelimit-requests-reset", at,
			"anthropic-ratelimit-tokens-limit", "280000", "anthropic-ratelimit-tokens-remaining", "279000", "anthropic-ratelimit-tokens-reset", at,
			"anthropic-ratelimit-input-tokens-limit", "200000", "anthropic-ratelimit-input-tokens-remaining", "199000",
			"anthropic-ratelimit-output-tokens-limit", "80000", "anthropic-ratelimit-output-tokens-remaining", "80000",
		)}, []llm.Rate{{Kind: llm.RequestsMinute, Limit: 4000, Remaining: 3999, Reset: soon}, {Kind: llm.TokensMinute, Limit: 280000, Remaining: 279000, Reset: soon}}},
		{"a part is used up", "anthropic", llmtest.Step{Status: 429, Body: llmtest.AnthropicRateLimit, Header: headers(
			"anthropic-ratelimit-input-tokens-limit", "200000", "anthropic-ratelimit-input-tokens-remaining", "0", "anthropic-ratelimit-input-tokens-reset", at,
			"anthropic-ratelimit-tokens-limit", "280000", "anthropic-ratelimit-tokens-remaining", "80000",
		)}, []llm.Rate{{Kind: llm.TokensMinute, Limit: 280000, Remaining: 0, Reset: soon}}},
		{"parts without their sum", "anthropic", llmtest.Step{Header: headers(
			"anthropic-ratelimit-input-tokens-limit", "200", "anthropic-ratelimit-input-tokens-remaining", "150", "anthropic-ratelimit-input-tokens-reset", at,
			"anthropic-ratelimit-output-tokens-limit", "80", "anthropic-ratelimit-output-tokens-remaining", "20",
		)}, []llm.Rate{{Kind: llm.TokensMinute, Limit: 280, Remaining: 170, Reset: soon}}},
		{"openai", "openai", llmtest.Step{Header: headers(
			"x-ratelimit-limit-requests", "60", "x-ratelimit-remaining-requests", "59", "x-ratelimit-reset-requests", "1s",
			"x-ratelimit-limit-tokens", "150000", "x-ratelimit-remaining-tokens", "149984", "x-ratelimit-reset-tokens", "6ms",
		)}, []llm.Rate{{Kind: llm.TokensMinute, Limit: 150000, Remaining: 149984, Reset: in(0)}, {Kind: llm.RequestsMinute, Limit: 60, Remaining: 59, Reset: in(time.Second)}}},
		{"requests of a day", "openai", llmtest.Step{Status: 429, Body: llmtest.OpenAIPerDay, Header: headers(
			"x-ratelimit-limit-requests", "14400", "x-ratelimit-remaining-requests", "14370", "x-ratelimit-reset-requests", "2m59.56s",
		)}, []llm.Rate{{Kind: llm.RequestsDay, Limit: 14400, Remaining: 14370, Reset: in(3 * time.Minute)}}},
		{"requests of a day, one used", "openai", llmtest.Step{Header: headers(
			"x-ratelimit-limit-requests", "14400", "x-ratelimit-remaining-requests", "14399", "x-ratelimit-reset-requests", "6s",
		)}, []llm.Rate{{Kind: llm.RequestsDay, Limit: 14400, Remaining: 14399, Reset: in(6 * time.Second)}}},
		{"a window that begins anew", "openai", llmtest.Step{Header: headers(
			"x-ratelimit-limit-requests", "100", "x-ratelimit-remaining-requests", "99", "x-ratelimit-reset-requests", "45",
		)}, []llm.Rate{{Kind: llm.RequestsMinute, Limit: 100, Remaining: 99, Reset: in(45 * time.Second)}}},
		{"nonsense", "openai", llmtest.Step{Header: headers(
			"x-ratelimit-limit-requests", "many", "x-ratelimit-remaining-requests", "-1", "x-ratelimit-remaining-tokens", "few",
		)}, nil},
		{"llama.cpp says nothing", "llamacpp", llmtest.Step{}, nil},
		{"gemini, day", "gemini", llmtest.Step{Status: 429, Body: llmtest.GeminiQuotaPerDay},
			[]llm.Rate{{Kind: llm.RequestsDay, Limit: 20, Reset: midnight}}},
		{"gemini, minute", "gemini", llmtest.Step{Status: 429, Body: llmtest.GeminiQuotaPerMinute},
			[]llm.Rate{{Kind: llm.RequestsMinute, Limit: 15, Reset: in(17500 * time.Millisecond)}}},
		{"gemini, tokens", "gemini", llmtest.Step{Status: 429, Body: llmtest.GeminiQuotaTokens},
			[]llm.Rate{{Kind: llm.TokensMinute, Limit: 250000, Reset: in(6 * time.Second)}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := newWire(t, c.provider, c.step).Complete(t.Context(), request(t))
			rates := got.Rates
			if c.step.Status != 0 {
				rates = llm.AsError(err).Rates
			}
			if diff := cmp.Diff(c.want, rates, near); diff != "" {
				t.Errorf("rates (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLimitsOfProviders(t *testing.T) {
	limits := func(p llm.Provider, err error) llm.Limits {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return p.(llm.Limited).Limits()
	}
	client := llm.NewHTTPClient()

	home := ollama.Defaults
	l := limits(ollama.New("", home, client), nil)
	if !l.Free || l.Concurrency != 1 || l.RequestsPerMinute != -1 || l.Context != 4096 || l.MaxTokens != 512 {
		t.Errorf("ollama: %+v", l)
	}
	cpp := llamacpp.Defaults
	cpp.BaseURL = "http://gpu:8080"
	if l = limits(llamacpp.New("", cpp, client)); !l.Free || l.Concurrency != 1 || l.RequestsPerMinute != -1 || l.Context != 0 {
		t.Errorf("llamacpp: %+v", l)
	}
	g := gemini.Defaults
	g.Key = key
	if l = limits(gemini.New("", g, client)); l.Free || l.ResetZone == nil || l.ResetZone.String() != "America/Los_Angeles" || l.Context != 1<<20 || l.MaxTokens != 2048 {
		t.Errorf("gemini: %+v", l)
	}
	a := anthropic.Defaults
	a.Key = key
	if l = limits(anthropic.New("", a, client)); l.Free || l.Context != 200_000 || l.MaxTokens != 1024 {
		t.Errorf("anthropic: %+v", l)
	}
	yes, no := true, false
	for _, c := range []struct {
		base string
		free *bool
		want bool
	}{
		{"http://localhost:8080/v1", nil, true},
		{"http://192.168.1.7/v1", nil, true},
		{"https://api.openai.com/v1", nil, false},
		{"http://localhost:8080/v1", &no, false},
		{"https://api.openai.com/v1", &yes, true},
	} {
		o := openai.Defaults
		o.BaseURL, o.Free, o.Context = c.base, c.free, 8192
		if l = limits(openai.New("", o, client)); l.Free != c.want || l.Context != 8192 || l.MaxTokens != 1024 {
			t.Errorf("%s with free %v: %+v", c.base, c.free, l)
		}
	}
}

// A prompt that cannot fit is not sent: nobody pays for being refused, and some
// servers would cut it.
func TestWhatDoesNotFitIsNotSent(t *testing.T) {
	small := map[string]func(url string) (llm.Provider, error){
		"ollama": func(url string) (llm.Provider, error) {
			c := ollama.Defaults
			c.BaseURL = url
			return ollama.New("", c, llm.NewHTTPClient()), nil
		},
		"openai": func(url string) (llm.Provider, error) {
			c := openai.Defaults
			c.BaseURL, c.Model, c.Context = url, "m", 4096
			return openai.New("", c, llm.NewHTTPClient())
		},
		"llamacpp": func(url string) (llm.Provider, error) {
			c := llamacpp.Defaults
			c.BaseURL = url
			return llamacpp.New("", c, llm.NewHTTPClient())
		},
		"gemini": func(url string) (llm.Provider, error) {
			c := gemini.Defaults
			c.BaseURL, c.Key, c.Context = url, key, 4096
			return gemini.New("", c, llm.NewHTTPClient())
		},
		"anthropic": func(url string) (llm.Provider, error) {
			c := anthropic.Defaults
			c.BaseURL, c.Key, c.Context = url, key, 4096
			return anthropic.New("", c, llm.NewHTTPClient())
		},
	}
	for _, w := range wires {
		t.Run(w.name, func(t *testing.T) {
			server := w.server()
			defer server.Close()
			p, err := small[w.name](server.URL)
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.Complete(t.Context(), llm.Request{Prompt: strings.Repeat("word ", 4000)})
			wantClass(t, err, llm.Context)
			if n := len(server.Requests()); n != 0 {
				t.Errorf("%d requests were sent", n)
			}
			if _, err := p.Complete(t.Context(), llm.Request{Prompt: "word"}); err != nil {
				t.Errorf("what fits: %v", err)
			}
		})
	}
}
