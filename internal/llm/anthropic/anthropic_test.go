package anthropic_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"catalyst/internal/config"
	"catalyst/internal/llm"
	"catalyst/internal/llm/anthropic"
	"catalyst/internal/llm/llmtest"
)

func newProvider(t *testing.T, change func(*anthropic.Config)) (llm.Provider, *llmtest.Server) {
	t.Helper()
	server := llmtest.NewAnthropic()
	t.Cleanup(server.Close)
	c := anthropic.Defaults
	c.BaseURL, c.Key, c.Model = server.URL, "key", "claude-sonnet-4-5"
	if change != nil {
		change(&c)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	p, err := anthropic.New("", c, llm.NewHTTPClient())
	if err != nil {
		t.Fatal(err)
	}
	return p, server
}

func complete(t *testing.T, p llm.Provider, r llm.Request) llm.Response {
	t.Helper()
	got, err := p.Complete(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// block is a block of text of a request: whether it is marked for the cache.
type block struct {
	Text  string
	Cache *struct{ Type string } `json:"cache_control"`
}

func sent(t *testing.T, r llmtest.Request) (system, prompt []block) {
	t.Helper()
	var body struct {
		System   []block
		Messages []struct{ Content []block }
	}
	if err := json.Unmarshal([]byte(r.Body), &body); err != nil {
		t.Fatal(err)
	}
	return body.System, body.Messages[0].Content
}

func marks(blocks []block) (marked []bool) {
	for _, b := range blocks {
		marked = append(marked, b.Cache != nil && b.Cache.Type == "ephemeral")
	}
	return marked
}

// A long filing is asked of again after an answer that could not be used: then it
// comes from the cache, and only what differs is paid for in full.
func TestLongPromptsAreCached(t *testing.T) {
	p, server := newProvider(t, nil)
	r := llm.Request{
		System: strings.Repeat("You judge filings. ", 400),
		Prompt: "<item>\n" + strings.Repeat("A word of a filing. ", 2000) + "\n</item>",
	}
	first := complete(t, p, r)
	if first.TokensWritten < 10_000 || first.TokensCached != 0 {
		t.Errorf("first: %d tokens written, %d read", first.TokensWritten, first.TokensCached)
	}
	again := complete(t, p, r.Repair(errors.New("no JSON")))
	if again.TokensCached != first.TokensWritten || again.TokensWritten != 0 {
		t.Errorf("repair: %d tokens written, %d read; want 0 and %d", again.TokensWritten, again.TokensCached, first.TokensWritten)
	}
	if again.TokensIn <= again.TokensCached {
		t.Errorf("repair: %d tokens in, %d of them from the cache", again.TokensIn, again.TokensCached)
	}
	other := r
	other.Prompt = "<item>\nshort\n</item>"
	if got := complete(t, p, other); got.TokensCached < 1000 || got.TokensCached >= first.TokensWritten {
		t.Errorf("another item: %d tokens read, want those of the system prompt", got.TokensCached)
	}

	system, prompt := sent(t, server.Requests()[1])
	if got, want := marks(system), []bool{true}; !slices.Equal(got, want) {
		t.Errorf("system prompt marked: %v", got)
	}
	if got, want := marks(prompt), []bool{true, false}; !slices.Equal(got, want) {
		t.Errorf("prompt marked: %v, want %v", got, want)
	}
	if whole := prompt[0].Text + prompt[1].Text; whole != r.Repair(errors.New("no JSON")).Prompt {
		t.Error("the blocks together are not the prompt")
	}
}

// What is too short to be cached is not marked.
func TestShortPromptsAreNotMarked(t *testing.T) {
	short := llm.Request{System: "Judge.", Prompt: "<item>\nshort\n</item>\nagain"}
	long := llm.Request{System: "Judge.", Prompt: "<item>\n" + strings.Repeat("word ", 1200) + "</item>"}
	for _, c := range []struct {
		name   string
		r      llm.Request
		change func(*anthropic.Config)
		want   []bool
	}{
		{"short", short, nil, []bool{false}},
		{"long", long, nil, []bool{true}},
		{"too short for the model", long, func(c *anthropic.Config) { c.Model = "claude-haiku-4-5" }, []bool{false}},
		{"configured", long, func(c *anthropic.Config) { c.Model, c.CacheMinimum = "claude-haiku-4-5", 1000 }, []bool{true}},
		{"off", long, func(c *anthropic.Config) { c.Cache = "off" }, []bool{false}},
		{"no item", llm.Request{Prompt: strings.Repeat("word ", 1200)}, nil, []bool{true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, server := newProvider(t, c.change)
			complete(t, p, c.r)
			if _, prompt := sent(t, server.Requests()[0]); !slices.Equal(marks(prompt), c.want) {
				t.Errorf("marked %v, want %v", marks(prompt), c.want)
			}
		})
	}
}

func TestParametersBelongToTheModel(t *testing.T) {
	warm := 0.2
	for _, c := range []struct {
		name   string
		change func(*anthropic.Config)
		has    []string
		lacks  []string
	}{
		{"nothing set", func(c *anthropic.Config) {}, nil, []string{"temperature", "thinking", "effort", "output_config"}},
		{"temperature", func(c *anthropic.Config) { c.Temperature = &warm }, []string{`"temperature":0.2`}, nil},
		{"a model without one", func(c *anthropic.Config) { c.Temperature, c.Model = &warm, "claude-sonnet-5-5" }, nil, []string{"temperature"}},
		{"effort", func(c *anthropic.Config) { c.Effort = "low" }, []string{`"output_config":{"effort":"low"}`}, nil},
		{"adaptive", func(c *anthropic.Config) { c.Thinking, c.Temperature = "adaptive", &warm }, []string{`"thinking":{"type":"adaptive"}`}, []string{"temperature"}},
		{"off", func(c *anthropic.Config) { c.Thinking = "off" }, []string{`"thinking":{"type":"disabled"}`}, nil},
		{"budget", func(c *anthropic.Config) { c.ThinkingBudget, c.MaxTokens = 1024, 2048 }, []string{`"budget_tokens":1024`, `"type":"enabled"`}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, server := newProvider(t, c.change)
			complete(t, p, llm.Request{Prompt: "?"})
			body := server.Requests()[0].Body
			for _, s := range c.has {
				if !strings.Contains(body, s) {
					t.Errorf("the request lacks %s: %s", s, body)
				}
			}
			for _, s := range c.lacks {
				if strings.Contains(body, s) {
					t.Errorf("the request has %s: %s", s, body)
				}
			}
		})
	}
}

func TestValidate(t *testing.T) {
	c := anthropic.Config{
		Context: 10, Settings: llm.Settings{MaxTokens: 20}, Cache: "always", CacheMinimum: -1,
		Effort: "some", Thinking: "hard", ThinkingBudget: 5, BaseURL: "x",
	}
	err := c.Validate()
	for _, field := range []string{"model", "context", "cache", "cache_minimum", "effort", "thinking", "thinking_budget", "base_url"} {
		if !reports(err, field) {
			t.Errorf("%s is not reported in:\n%v", field, err)
		}
	}
}

func reports(err error, field string) bool {
	for _, f := range err.(interface{ Unwrap() []error }).Unwrap() {
		var fault *config.FieldError
		if errors.As(f, &fault) && fault.Field == field {
			return true
		}
	}
	return false
}
