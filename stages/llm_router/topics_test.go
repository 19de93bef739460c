package llmrouter

import (
	"strings"
	"testing"

	"catalyst/flows"
	"catalyst/internal/llm/llmtest"
	"catalyst/internal/news"
)

// What a filing is about decides what is asked, and how soon it matters, who is asked.
func TestTopics(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Rules = []Rule{rule(t, "anthropic", `topic == "earnings" && priority >= 0.7`), {Use: "gemini"}}
	})
	const verdict = `{"reasoning":"Revenue rose, and more is expected.","direction":"bullish","score":0.7,"confidence":0.8,"catalysts":[],"key_figures":[],` +
		`"risk":"low","urgency":"high","horizon":"days","period":"third quarter","revenue":"$12.5 million","eps":"$0.99","guidance":`
	w.anthropic.Script(
		llmtest.Step{Text: verdict + `"to the moon"}`}, // no word of the schema: asked again
		llmtest.Step{Text: verdict + `"raised"}`},
	)
	filing := func(id, topic string, priority float64) *flows.Message {
		return flows.NewMessage(id, &news.Item{
			Key: id, Form: "8-K", Items: []string{"8.01"}, Title: "8-K - ACME (0000123456) (Filer) " + id, Topic: topic, Priority: priority,
			Body: "Revenue for the third quarter was $12.5 million; guidance is raised.",
		})
	}
	results, vote := filing("a", "earnings", 0.81), filing("b", "leadership", 0.81)
	process(t, w.Router, results, vote)

	a := results.Item.Analysis
	if !a.Done() || a.Provider != "anthropic" || !strings.HasPrefix(a.Prompt, "earnings/") || a.Attempts != 2 {
		t.Fatalf("results: %+v", a)
	}
	if len(a.Details) != 4 || a.Details[3].Value != "raised" || a.Details[3].Label != "Guidance" {
		t.Errorf("details %+v", a.Details)
	}
	if len(a.Unverified) != 1 || a.Unverified[0] != "$0.99" {
		t.Errorf("unverified %q, want what the filing does not say", a.Unverified)
	}
	if asked := w.anthropic.Requests(); len(asked) != 2 || !strings.Contains(string(asked[0].Body), `"guidance_range"`) ||
		!strings.Contains(string(asked[1].Body), "guidance does not meet enum of the schema") {
		t.Errorf("%d requests, want one with the schema of results and one to put it right: %.3000s", len(asked), asked[len(asked)-1].Body)
	}
	if b := vote.Item.Analysis; !b.Done() || b.Provider != "gemini" || !strings.HasPrefix(b.Prompt, "leadership/") || b.Details != nil {
		t.Errorf("leadership: %+v", b)
	}
	low := filing("c", "earnings", 0.3)
	process(t, w.Router, low)
	if got := low.Item.Analysis.Provider; got != "gemini" {
		t.Errorf("what can wait went to %s", got)
	}
}

// Filings of different topics do not share a call, as they are asked for different things.
func TestTopicsDoNotShareACall(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.ItemsPerCall = 5; c.Tiers = []string{"gemini"} })
	var batch []*flows.Message
	for i, topic := range []string{"earnings", "dilution", "earnings", "dilution"} {
		id := string(rune('a' + i))
		batch = append(batch, flows.NewMessage(id, &news.Item{Key: id, Form: "8-K", Topic: topic, Title: "profit of " + id, Tickers: []string{strings.ToUpper(id)}}))
	}
	process(t, w.Router, batch...)
	if n := len(w.gemini.Requests()); n != 2 {
		t.Errorf("%d calls, want one for each topic", n)
	}
	for _, m := range batch {
		if a := m.Item.Analysis; !a.Done() || !strings.HasPrefix(a.Prompt, m.Item.Topic+"/") {
			t.Errorf("%s: %+v", m.ID, a)
		}
	}
}
