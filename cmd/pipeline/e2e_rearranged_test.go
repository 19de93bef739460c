package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"catalyst/internal/config"
	"catalyst/sinks/discord/discordtest"
)

// An outcome is what Discord shows in the end.
type outcome struct {
	Messages int // one for each item, or something is wrong
	Versions int // of each message: 2 is an alert and its verdict
	Judged   int // messages with a verdict
	Asked    int // questions to the model
}

// Stages of pipeline.yaml in other orders, and without some of them: each works as
// it says, or is refused with the reason.
func TestRearranged(t *testing.T) {
	const good, filler, again = 12, 8, 5
	whole := outcome{Messages: good, Versions: 2, Judged: good, Asked: good}
	for _, tt := range []struct {
		name   string
		change edit
		shape  string // segments; kinds of their stages
		want   outcome
	}{
		{"as shipped", nil, "freshness tickers dedupe prescale dedupe announce | batch semantic_cache llm_router remember also_seen", whole},
		{"without dedupe, the ledger still posts once", without("dedupe", "also_seen"),
			"freshness tickers prescale announce | batch semantic_cache llm_router remember", whole},
		{"without prescale, noise is posted", without("prescale"),
			"freshness tickers dedupe dedupe announce | batch semantic_cache llm_router remember also_seen", outcome{good + filler, 2, good + filler, good + filler}},
		{"without announce, alerts are posted when complete", without("announce"),
			"freshness tickers dedupe prescale dedupe | batch semantic_cache llm_router remember also_seen", outcome{good, 1, good, good}},
		{"announced before anything is judged or dropped", move("announce", "dedupe"),
			"freshness tickers announce dedupe prescale dedupe | batch semantic_cache llm_router remember also_seen", outcome{good + filler, 0, good, good}},
		{"the topic earlier", move("topic", "prescale"),
			"freshness tickers dedupe | prescale dedupe announce batch semantic_cache llm_router remember also_seen", whole},
		{"the topic at the end", all(without("topic"), insert("", "topic: done")),
			"freshness tickers dedupe prescale dedupe announce batch semantic_cache llm_router remember also_seen | ", whole},
		{"two topics", insert("llm_router", "topic: ask"),
			"freshness tickers dedupe prescale dedupe announce | batch semantic_cache | llm_router remember also_seen", whole},
		{"no topic", without("topic"),
			"freshness tickers dedupe prescale dedupe announce batch semantic_cache llm_router remember also_seen", whole},
		{"without batch", without("batch"),
			"freshness tickers dedupe prescale dedupe announce | semantic_cache llm_router remember also_seen", whole},
		{"without the cache", without("semantic_cache", "remember"),
			"freshness tickers dedupe prescale dedupe announce | batch llm_router also_seen", whole},
		{"without the router, alerts say that nobody was asked", without("llm_router"),
			"freshness tickers dedupe prescale dedupe announce | batch semantic_cache remember also_seen", outcome{good, 2, 0, 0}},
		{"with a filter", insert("announce", `filter: 'not (title contains "0003")'`),
			"freshness tickers dedupe prescale dedupe filter announce | batch semantic_cache llm_router remember also_seen", outcome{good - 1, 2, good - 1, good - 1}},
		{"nothing but the sinks", without("freshness", "tickers", "dedupe", "prescale", "announce", "topic", "batch", "semantic_cache", "llm_router", "remember", "also_seen"),
			"", outcome{good + filler, 1, 0, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			items, _ := newsworthy(good)
			items = append(append(items, noise(filler)...), items[:again]...)
			file := filepath.Join(t.TempDir(), "items.jsonl")
			var text strings.Builder
			for _, item := range items {
				if err := json.NewEncoder(&text).Encode(item); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			edits := []edit{top("sources: [jsonl: '" + filepath.ToSlash(file) + "']")}
			if tt.change != nil {
				edits = append(edits, tt.change)
			}
			w := newWorld(t, "embedded", discordtest.Config{}, edits...)
			var shape []string
			for _, segment := range w.plan.Segments {
				var kinds []string
				for _, s := range segment.Stages {
					kinds = append(kinds, s.Kind.Name)
				}
				shape = append(shape, strings.Join(kinds, " "))
			}
			if got := strings.Join(shape, " | "); got != tt.shape {
				t.Errorf("segments %q, want %q", got, tt.shape)
			}

			if c := w.run(); c.In != int64(len(items)) || c.Poisoned > 0 {
				t.Errorf("counts %+v, want %d in and none poisoned", c, len(items))
			}
			messages := w.discord.Messages()
			got := outcome{Messages: len(messages), Asked: len(w.model.Requests())}
			if len(messages) > 0 {
				got.Versions = len(messages[0].Versions)
			}
			titles := map[string]bool{}
			for _, m := range messages {
				titles[m.Last().Embeds[0].Title] = true
				if judged(m) {
					got.Judged++
				}
				if len(m.Versions) != got.Versions {
					got.Versions = 0
				}
			}
			if tt.name == "without dedupe, the ledger still posts once" && got.Asked <= good+again {
				got.Asked = good // or a little more, for what came twice at the same time
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("outcome (-want +got):\n%s", d)
			}
			if len(titles) != len(messages) {
				t.Errorf("%d messages show %d items", len(messages), len(titles))
			}
		})
	}
}

func TestRearrangedAndRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change edit
		want   string
	}{
		{"remember without the cache", without("semantic_cache"), "remember: it needs semantic_cache before it"},
		{"remember before the cache", move("remember", "semantic_cache"), "remember: it needs semantic_cache before it"},
		{"the cache behind the router", move("llm_router", "semantic_cache"), "llm_router: it must stand behind semantic_cache"},
		{"remember before the router", move("remember", "llm_router"), "remember: it must stand behind llm_router"},
		{"the first topic again", insert("batch", "topic: news.raw"), `"news.raw" is already a topic of this pipeline`},
		{"the poison topic in the middle", insert("batch", "topic: news.poison"), `"news.poison" is already a topic of this pipeline`},
		{"one topic twice", insert("llm_router", "topic: news.analyse"), `"news.analyse" is already a topic of this pipeline`},
		{"a stage twice", insert("announce", "dedupe: {window: 1h}"), `is called "dedupe" too`},
		{"announce without its sink", func(root *yaml.Node) { *value(root, "sinks") = *node("[console]") }, `sinks has no enabled "discord"`},
		{"a batch larger than the window", setting("stages", "batch", "{size: 5000}"), "it gathers 5000 messages, but only 1000 may be in flight"},
		{"a router without its tiers", func(root *yaml.Node) {
			*value(root, "providers") = *node("[openai: {base_url: 'http://localhost:8080/v1', model: any}]")
		},
			`providers has no enabled "ollama"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := editedPipeline(t, tt.change)
			_, _, err := (&app{}).parse("pipeline.yaml", text, func(string) (string, bool) { return "", false })
			issues, ok := err.(config.Issues)
			if !ok || !strings.Contains(issues.Error(), tt.want) || !strings.HasPrefix(issues.Error(), "pipeline.yaml:") {
				t.Errorf("issues:\n%v\nwant one, with its place, that says: %s", err, tt.want)
			}
		})
	}
}

// all makes several edits.
func all(edits ...edit) edit {
	return func(root *yaml.Node) {
		for _, e := range edits {
			e(root)
		}
	}
}

// without removes stages.
func without(words ...string) edit {
	return func(root *yaml.Node) {
		stages := value(root, "stages")
		for _, word := range words {
			position(stages, word)
		}
		stages.Content = slices.DeleteFunc(stages.Content, func(n *yaml.Node) bool { return slices.Contains(words, wordOf(n)) })
	}
}

// insert puts a stage before another; an empty word is the end.
func insert(before, text string) edit {
	return func(root *yaml.Node) {
		stages := value(root, "stages")
		stages.Content = slices.Insert(stages.Content, position(stages, before), node(text))
	}
}

// move puts a stage before another.
func move(word, before string) edit {
	return func(root *yaml.Node) {
		stages := value(root, "stages")
		from := position(stages, word)
		stage := stages.Content[from]
		stages.Content = slices.Delete(stages.Content, from, from+1)
		stages.Content = slices.Insert(stages.Content, position(stages, before), stage)
	}
}

func position(stages *yaml.Node, word string) int {
	if word == "" {
		return len(stages.Content)
	}
	i := slices.IndexFunc(stages.Content, func(n *yaml.Node) bool { return wordOf(n) == word })
	if i < 0 {
		panic("there is no " + word)
	}
	return i
}

// wordOf returns the word of a component.
func wordOf(n *yaml.Node) string {
	if n.Kind == yaml.MappingNode {
		return n.Content[0].Value
	}
	return n.Value
}
