package llm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/llm"
	"catalyst/internal/llm/anthropic"
	"catalyst/internal/llm/gemini"
	"catalyst/internal/llm/llamacpp"
	"catalyst/internal/llm/llmtest"
	"catalyst/internal/llm/ollama"
	"catalyst/internal/llm/openai"
	"catalyst/internal/news"
)

const key = "sk-hush+0123456789" // + is written otherwise in a URL

// wires are the providers, each with the server it talks to.
var wires = []struct {
	name   string
	server func(...llmtest.Step) *llmtest.Server
	build  func(url string, c *http.Client) (llm.Provider, error)
}{
	{"ollama", llmtest.NewOllama, func(url string, c *http.Client) (llm.Provider, error) {
		config := ollama.Defaults
		config.BaseURL, config.Key = url, key
		return ollama.New("ollama", config, c), nil
	}},
	{"openai", llmtest.NewOpenAI, func(url string, c *http.Client) (llm.Provider, error) {
		config := openai.Defaults
		config.BaseURL, config.Key, config.Model = url, key, "mistral-7b"
		return openai.New("openai", config, c)
	}},
	{"llamacpp", func(s ...llmtest.Step) *llmtest.Server { return llmtest.NewLlamaCpp(s...).Server }, func(url string, c *http.Client) (llm.Provider, error) {
		config := llamacpp.Defaults
		config.BaseURL, config.Key = url, key
		return llamacpp.New("llamacpp", config, c)
	}},
	{"gemini", llmtest.NewGemini, func(url string, c *http.Client) (llm.Provider, error) {
		config := gemini.Defaults
		config.BaseURL, config.Key = url, key
		return gemini.New("gemini", config, c)
	}},
	{"anthropic", llmtest.NewAnthropic, func(url string, c *http.Client) (llm.Provider, error) {
		config := anthropic.Defaults
		config.BaseURL, config.Key = url, key
		return anthropic.New("anthropic", config, c)
	}},
}

type wire struct {
	llm.Provider
	*llmtest.Server
}

// eachWire runs f for every provider against its own server.
func eachWire(t *testing.T, f func(t *testing.T, w wire), script ...llmtest.Step) {
	for _, w := range wires {
		t.Run(w.name, func(t *testing.T) {
			server := w.server(script...)
			t.Cleanup(server.Close)
			client := llm.NewHTTPClient()
			t.Cleanup(client.CloseIdleConnections)
			p, err := w.build(server.URL, client)
			if err != nil {
				t.Fatal(err)
			}
			f(t, wire{p, server})
		})
	}
}

func acme() *news.Item {
	return &news.Item{
		Source: "wire", Title: "Acme wins record contract", Tickers: []string{"ACME"},
		Summary: "Order book grew by 40%.", Published: time.Date(2026, 11, 2, 13, 30, 0, 0, time.UTC),
	}
}

func request(t *testing.T) llm.Request {
	t.Helper()
	item := acme()
	r, err := prompts(t).Of(item).Request([]*news.Item{item}, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.Timeout, r.FirstToken = time.Minute, 30*time.Second
	return r
}

func wantClass(t *testing.T, err error, want llm.Class) *llm.Error {
	t.Helper()
	var e *llm.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want class %s", err, want)
	}
	if e.Class != want {
		t.Fatalf("got class %s (%v), want %s", e.Class, err, want)
	}
	if e.Provider == "" || e.Model == "" {
		t.Errorf("error names provider %q and model %q", e.Provider, e.Model)
	}
	return e
}

func TestAnswer(t *testing.T) {
	eachWire(t, func(t *testing.T, w wire) {
		got, err := w.Complete(t.Context(), request(t))
		if err != nil {
			t.Fatal(err)
		}
		a, err := anyPrompt.ParseAnswer(got.Text, &news.Item{})
		if err != nil {
			t.Fatal(err)
		}
		if a.Direction != news.Bullish || a.Score != 0.95 || a.Signal != llm.StrongBuy {
			t.Errorf("verdict %s %v %q, want bullish 0.95 STRONG BUY", a.Direction, a.Score, a.Signal)
		}
		if got.TokensIn < 20 || got.TokensOut < 20 {
			t.Errorf("tokens %d in, %d out: usage was not read", got.TokensIn, got.TokensOut)
		}
		if got.Model == "" || got.Stop == "" {
			t.Errorf("model %q, stop %q", got.Model, got.Stop)
		}
		if got.FirstToken <= 0 || got.Latency < got.FirstToken {
			t.Errorf("first token after %v, all after %v", got.FirstToken, got.Latency)
		}
	})
}

func TestThoughtsAreNeitherAnswerNorFirstToken(t *testing.T) {
	eachWire(t, func(t *testing.T, w wire) {
		r := request(t)
		got, err := w.Complete(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := anyPrompt.ParseAnswer(got.Text, &news.Item{}); err != nil {
			t.Errorf("the answer has thoughts in it: %v in %q", err, got.Text)
		}

		r.FirstToken = 100 * time.Millisecond
		_, err = w.Complete(t.Context(), r)
		wantClass(t, err, llm.FirstToken)
	},
		llmtest.Step{Thoughts: "let me see {", Delay: time.Millisecond},
		llmtest.Step{Thoughts: "let me see", Ending: llmtest.Stalls},
	)
}

func TestStalls(t *testing.T) {
	eachWire(t, func(t *testing.T, w wire) {
		r := request(t)
		r.FirstToken = 100 * time.Millisecond
		_, err := w.Complete(t.Context(), r)
		wantClass(t, err, llm.FirstToken)

		r = request(t)
		r.Timeout = 300 * time.Millisecond
		got, err := w.Complete(t.Context(), r)
		wantClass(t, err, llm.Timeout)
		if got.Text != "" {
			t.Errorf("half an answer was given out: %q", got.Text)
		}
	},
		llmtest.Step{Ending: llmtest.Stalls},
		llmtest.Step{Ending: llmtest.Stalls, After: 2},
	)
}

func TestWeStop(t *testing.T) {
	eachWire(t, func(t *testing.T, w wire) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := w.Complete(ctx, request(t))
			done <- err
		}()
		for len(w.Requests()) == 0 {
			time.Sleep(time.Millisecond) // a real server
		}
		cancel()
		e := wantClass(t, <-done, llm.Canceled)
		if p := e.Class.Policy(); p.Counts || p.Outage {
			t.Errorf("what we gave up ourselves has the policy %+v", p)
		}
	}, llmtest.Step{Ending: llmtest.Stalls, After: 1})
}

func TestEndings(t *testing.T) {
	steps := []struct {
		name string
		step llmtest.Step
		want llm.Class
		not  string // provider whose API has no word for it
	}{
		{"limit of tokens", llmtest.Step{Ending: llmtest.Truncated}, llm.Truncated, ""},
		{"blocked", llmtest.Step{Ending: llmtest.Filtered}, llm.ContentFilter, "ollama"},
		{"connection cut", llmtest.Step{Ending: llmtest.Breaks, After: 2}, llm.Network, ""},
		{"connection reset", llmtest.Step{Ending: llmtest.Resets, After: 2}, llm.Network, ""},
		{"connection reset before content", llmtest.Step{Ending: llmtest.Resets}, llm.Network, ""},
		{"no last word", llmtest.Step{Ending: llmtest.Ends, After: 2}, llm.Network, ""},
		{"error in the stream", llmtest.Step{Ending: llmtest.Fails, After: 2}, llm.Overloaded, ""},
		{"error before content", llmtest.Step{Ending: llmtest.Fails}, llm.Overloaded, ""},
		{"thoughts eat the limit", llmtest.Step{Thoughts: strings.Repeat("hm ", 99), Text: " ", Ending: llmtest.Truncated}, llm.Truncated, ""},
	}
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
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

func newWire(t *testing.T, name string, script ...llmtest.Step) wire {
	t.Helper()
	for _, w := range wires {
		if w.name != name {
			continue
		}
		server := w.server(script...)
		t.Cleanup(server.Close)
		p, err := w.build(server.URL, llm.NewHTTPClient())
		if err != nil {
			t.Fatal(err)
		}
		return wire{p, server}
	}
	t.Fatalf("no wire %s", name)
	return wire{}
}

// A day's quota ends at midnight in California, whatever RetryInfo says.
func TestGeminiQuotaOfTheDay(t *testing.T) {
	w := newWire(t, "gemini", llmtest.Step{Status: 429, Body: llmtest.GeminiQuotaPerDay})
	_, err := w.Complete(t.Context(), request(t))
	e := wantClass(t, err, llm.QuotaDay)
	pacific, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	reset := time.Now().Add(e.RetryAfter + time.Second).In(pacific)
	if e.RetryAfter <= 0 || reset.Hour() != 0 || reset.Minute() != 0 {
		t.Errorf("to be left alone for %v, until %v; want midnight in California", e.RetryAfter, reset)
	}
}

func TestNobodyAnswers(t *testing.T) {
	eachWire(t, func(t *testing.T, w wire) {
		w.Server.Close()
		_, err := w.Complete(t.Context(), request(t))
		wantClass(t, err, llm.Network)
	})
}

// Settings of the user's environment for other programs must not reach the SDKs.
func TestEnvironmentIsNotRead(t *testing.T) {
	for _, v := range []string{
		"OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GOOGLE_GEMINI_BASE_URL",
		"OPENAI_CUSTOM_HEADERS", "ANTHROPIC_CUSTOM_HEADERS",
	} {
		t.Setenv(v, "http://127.0.0.1:1")
	}
	t.Setenv("GOOGLE_GENAI_USE_VERTEXAI", "1")
	t.Setenv("ANTHROPIC_AUTH_TOKEN", "other")
	t.Setenv("OPENAI_ORG_ID", "other")
	eachWire(t, func(t *testing.T, w wire) {
		if _, err := w.Complete(t.Context(), request(t)); err != nil {
			t.Fatal(err)
		}
		for name, values := range w.Requests()[0].Header {
			if strings.Contains(strings.Join(values, " "), "other") {
				t.Errorf("header %s: %q comes from the environment", name, values)
			}
		}
	})
}

func TestLimitsReachTheWire(t *testing.T) {
	want := map[string][]string{
		"ollama":    {`"num_predict":77`, `"num_ctx":4096`, `"keep_alive":"30m"`, `"truncate":false`, `"temperature":0.2`, `"format":{`, `"maximum":1`},
		"llamacpp":  {`"max_tokens":77`, `"temperature":0.2`, `"response_format":{`, `"strict":true`},
		"openai":    {`"max_tokens":77`, `"temperature":0.2`, `"response_format":{`, `"json_schema"`, `"strict":true`, `"name":"verdict"`, `"maximum":1`, `"include_usage":true`},
		"gemini":    {`"maxOutputTokens":77`, `"temperature":0.2`, `"responseMimeType":"application/json"`, `"responseJsonSchema":{`, `"maximum":1`},
		"anthropic": {`"max_tokens":77`, `"temperature":0.2`, `"output_config":{`, `"json_schema"`, `"additionalProperties":false`},
	}
	eachWire(t, func(t *testing.T, w wire) {
		r := request(t)
		temperature := 0.2
		r.MaxTokens, r.Temperature = 77, &temperature
		if _, err := w.Complete(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		if err := json.Compact(&body, []byte(w.Requests()[0].Body)); err != nil {
			t.Fatal(err)
		}
		for _, s := range want[w.Name()] {
			if !strings.Contains(body.String(), s) {
				t.Errorf("the request lacks %s:\n%s", s, body.String())
			}
		}
	})
}

func TestUnsetParametersAreLeftOut(t *testing.T) {
	eachWire(t, func(t *testing.T, w wire) {
		if _, err := w.Complete(t.Context(), request(t)); err != nil {
			t.Fatal(err)
		}
		body := w.Requests()[0].Body
		for _, s := range []string{"temperature", "thinking", `"think"`, "effort", "top_p"} {
			if s == "temperature" && (w.Name() == "ollama" || w.Name() == "llamacpp") {
				continue // a local model gets 0
			}
			if strings.Contains(body, s) {
				t.Errorf("the request has %s, which newer models refuse:\n%s", s, body)
			}
		}
	})
}

func TestGeminiThinking(t *testing.T) {
	zero := 0
	for want, c := range map[string]gemini.Config{
		`"thinkingLevel":"LOW"`: {ThinkingLevel: "low"},
		`"thinkingBudget":0`:    {ThinkingBudget: &zero},
	} {
		server := llmtest.NewGemini()
		defer server.Close()
		c.BaseURL, c.Key, c.Model, c.MaxTokens = server.URL, key, "gemini-3.1-flash-lite", 512
		p, err := gemini.New("", c, llm.NewHTTPClient())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Complete(t.Context(), request(t)); err != nil {
			t.Fatal(err)
		}
		if body := server.Requests()[0].Body; !strings.Contains(body, want) {
			t.Errorf("the request lacks %s:\n%s", want, body)
		}
	}
	if err := (gemini.Config{Model: "m", Settings: llm.Settings{MaxTokens: 1}, ThinkingLevel: "low", ThinkingBudget: &zero}).Validate(); err == nil {
		t.Error("level and budget together are accepted; the API refuses them")
	}
}

func TestOpenAIEffort(t *testing.T) {
	server := llmtest.NewOpenAI()
	defer server.Close()
	c := openai.Defaults
	c.BaseURL, c.Model, c.Effort = server.URL, "gpt-oss", "low"
	p, err := openai.New("", c, llm.NewHTTPClient())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Complete(t.Context(), request(t)); err != nil {
		t.Fatal(err)
	}
	if body := server.Requests()[0].Body; !strings.Contains(body, `"reasoning_effort":"low"`) {
		t.Errorf("the request lacks the effort:\n%s", body)
	}
	c.Effort, c.Context = "some", 10
	err = c.Validate()
	for _, field := range []string{"effort", "context"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not reported in %v", field, err)
		}
	}
}

func TestConnectionsAreReused(t *testing.T) {
	eachWire(t, func(t *testing.T, w wire) {
		for range 20 {
			if _, err := w.Complete(t.Context(), request(t)); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.Connections(); n != 1 {
			t.Errorf("20 calls one after another opened %d connections, want 1", n)
		}
	})
}

// Failures and long answers leave their connections fit for use too: calls need no
// more connections than there are at a time.
func TestConnectionsUnderLoad(t *testing.T) {
	const calls, atOnce = 100, 10
	eachWire(t, func(t *testing.T, w wire) {
		r := request(t)
		if _, err := w.Complete(t.Context(), r); err != nil { // a local server is looked at first
			t.Fatal(err)
		}
		all := make(chan struct{}) // the first ones are there, on a connection each
		for i := range calls {
			step := llmtest.Step{Text: strings.Repeat("long ", 500)}
			switch i % 5 {
			case 1:
				step = llmtest.Step{Status: 429}
			case 3:
				step = llmtest.Step{Status: 502, Body: "<html>bad gateway</html>"}
			}
			if i < atOnce {
				step.Hold = all
			}
			w.Script(step)
		}
		turns := make(chan struct{}, calls)
		for range calls {
			turns <- struct{}{}
		}
		close(turns)
		var answered atomic.Int32
		var callers sync.WaitGroup
		for range atOnce {
			callers.Go(func() {
				for range turns {
					if _, err := w.Complete(t.Context(), r); err == nil {
						answered.Add(1)
					}
				}
			})
		}
		for len(w.Requests()) <= atOnce {
			time.Sleep(time.Millisecond) // a real server
		}
		close(all)
		callers.Wait()
		// A call that finds none free dials, and may yet get one that is freed meanwhile.
		if n := w.Connections(); n > atOnce*3/2 {
			t.Errorf("%d calls, %d at a time, opened %d connections", calls, atOnce, n)
		}
		if n := answered.Load(); n != calls*3/5 {
			t.Errorf("%d calls were answered, want %d", n, calls*3/5)
		}
	})
}

// A server that echoes what it was sent must not bring a key into an error, and
// a broken stream must not bring anything into the standard log.
func TestSecretsStaySecret(t *testing.T) {
	var logged bytes.Buffer
	log.SetOutput(&logged)
	defer log.SetOutput(slog.NewLogLogger(slog.Default().Handler(), slog.LevelInfo).Writer())

	echo := "bad key " + key + " in http://user:" + key + "@host/?key=" + key
	eachWire(t, func(t *testing.T, w wire) {
		for range 5 {
			_, err := w.Complete(t.Context(), request(t))
			if err == nil {
				t.Fatal("no error")
			}
			if strings.Contains(err.Error(), key) {
				t.Errorf("the key is in %v", err)
			}
			if strings.Contains(err.Error(), "127.0.0.1") {
				t.Errorf("the address is in %v", err)
			}
		}
	},
		llmtest.Step{Status: 401, Body: echo},
		llmtest.Step{Status: 400, Body: `{"error":{"message":"` + echo + `","type":"x"}}`},
		llmtest.Step{Status: 400, Body: `{"error":"` + echo + `"}`},
		llmtest.Step{Status: 500, Body: `{"` + key + `":"` + key + `"}`},
		llmtest.Step{Ending: llmtest.Breaks, After: 1},
	)
	if logged.Len() > 0 {
		t.Errorf("a client wrote to the standard log: %s", logged.String())
	}
}

func TestBaseURLMayHoldSecrets(t *testing.T) {
	for _, w := range wires {
		p, err := w.build("http://me:"+key+"@127.0.0.1:1/?token="+key, llm.NewHTTPClient())
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Complete(t.Context(), request(t))
		if err == nil || strings.Contains(err.Error(), key) {
			t.Errorf("%s: error %v", w.name, err)
		}
	}
}

func TestOversizedBody(t *testing.T) {
	huge := strings.Repeat("x", 9<<20)
	eachWire(t, func(t *testing.T, w wire) {
		_, err := w.Complete(t.Context(), request(t))
		if err == nil || len(err.Error()) > 1000 {
			t.Errorf("error of %d bytes", len(err.Error()))
		}
	}, llmtest.Step{Status: 500, Body: huge})
}

func TestNotConfigured(t *testing.T) {
	client := llm.NewHTTPClient
	for _, c := range []struct {
		name, variable string
		kind           flows.Kind[llm.Provider]
	}{
		{"openai", "OPENAI_API_URL", openai.Kind(client)},
		{"llamacpp", "LLAMACPP_URL", llamacpp.Kind(client)},
		{"gemini", "GEMINI_API_KEY", gemini.Kind(client)},
		{"anthropic", "ANTHROPIC_API_KEY", anthropic.Kind(client)},
	} {
		p, err := c.kind.New(&flows.Build{Name: c.name}, c.kind.Config)
		var absent *llm.NotConfiguredError
		if p != nil || !errors.Is(err, llm.ErrNotConfigured) || !errors.As(err, &absent) || absent.Variable != c.variable {
			t.Errorf("%s: provider %v, error %v; want one that names %s", c.name, p, err, c.variable)
		}
	}
}

func TestConfigurations(t *testing.T) {
	kinds := []flows.Kind[llm.Provider]{
		ollama.Kind(llm.NewHTTPClient), openai.Kind(llm.NewHTTPClient),
		gemini.Kind(llm.NewHTTPClient), anthropic.Kind(llm.NewHTTPClient), llamacpp.Kind(llm.NewHTTPClient),
	}
	for _, k := range kinds {
		if v, ok := k.Config.(interface{ Validate() error }); !ok || v.Validate() != nil {
			t.Errorf("%s: the defaults are not valid", k.Name)
		}
	}
	hot := 3.0
	faulty := ollama.Config{BaseURL: "localhost", NumCtx: -1, Settings: llm.Settings{MaxChars: -1, Temperature: &hot, Timeout: 1, FirstToken: 2}}
	err := faulty.Validate()
	for _, field := range []string{"base_url", "model", "max_tokens", "num_ctx", "load_timeout", "max_chars", "temperature", "first_token"} {
		var found bool
		for _, f := range err.(interface{ Unwrap() []error }).Unwrap() {
			var fault *config.FieldError
			found = found || errors.As(f, &fault) && fault.Field == field
		}
		if !found {
			t.Errorf("%s is not reported in:\n%v", field, err)
		}
	}
}
