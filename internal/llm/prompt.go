package llm

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"time"

	"catalyst/internal/news"
)

// A prompt file begins with a line "name version"; the rest is the task. Its
// version grows with every change of its text, because cached verdicts are told
// apart by it; a test holds the two together.
//
//go:embed prompts/*.txt
var promptFiles embed.FS

type prompt struct{ id, system string }

var prompts = readPrompts("news", "filing")

func readPrompts(names ...string) map[string]prompt {
	all := make(map[string]prompt)
	for _, name := range names {
		text, err := promptFiles.ReadFile(path.Join("prompts", name+".txt"))
		if err != nil {
			panic(err)
		}
		head, body, _ := strings.Cut(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
		word, version, ok := strings.Cut(head, " ")
		if !ok || word != name {
			panic(fmt.Sprintf("prompts/%s.txt begins with %q, want %q and a version", name, head, name))
		}
		all[name] = prompt{id: word + "/" + version, system: strings.TrimSpace(body)}
	}
	return all
}

func promptFor(item *news.Item) prompt {
	if item.Form != "" {
		return prompts["filing"]
	}
	return prompts["news"]
}

// PromptID is the name and version of the prompt that item is judged with.
func PromptID(item *news.Item) string { return promptFor(item).id }

// TextLen is the number of characters of item's own text.
func TextLen(item *news.Item) int {
	n := 0
	for _, s := range []string{item.Title, item.Summary, item.Body} {
		for range s {
			n++
		}
	}
	return n
}

// The tags around an item in a prompt. Inside, < and > are escaped by JSON, so
// no text of an item can end it or begin another.
const (
	itemOpen  = "<item>"
	itemClose = "</item>"
)

// NewRequest asks for a verdict on item, with at most maxText characters of its
// text (0 is no limit); where text was cut, the model is told so.
func NewRequest(item *news.Item, maxText int) (Request, error) {
	p := promptFor(item)
	data, err := itemData(item, maxText)
	if err != nil {
		return Request{}, fmt.Errorf("encode item: %w", err)
	}
	return Request{
		System:     p.system,
		Prompt:     itemOpen + "\n" + data + "\n" + itemClose,
		Schema:     AnswerSchema,
		SchemaName: AnswerName,
	}, nil
}

// Repair asks again after an answer that could not be read.
func (r Request) Repair(fault error) Request {
	r.Prompt += "\n\nYour last answer could not be used: " + Redact(fault.Error()) +
		"\nAnswer again, with nothing but the one JSON object."
	return r
}

func itemData(item *news.Item, maxText int) (string, error) {
	left, cut := maxText, false
	clip := func(s string) string {
		if maxText <= 0 {
			return s
		}
		runes := []rune(s)
		if len(runes) <= left {
			left -= len(runes)
			return s
		}
		cut = true
		s, left = string(runes[:left]), 0
		return s
	}
	data := struct {
		Source    string   `json:"source,omitempty"`
		Published string   `json:"published,omitempty"`
		Form      string   `json:"form,omitempty"`
		Items     []string `json:"items,omitempty"`
		Tickers   []string `json:"tickers,omitempty"`
		Title     string   `json:"title,omitempty"`
		Summary   string   `json:"summary,omitempty"`
		Body      string   `json:"body,omitempty"`
		Cut       bool     `json:"text_was_cut,omitempty"`
	}{
		Source:  item.Source,
		Form:    item.Form,
		Items:   item.Items,
		Tickers: item.Tickers,
		Title:   clip(item.Title),
		Summary: clip(item.Summary),
		Body:    clip(item.Body),
	}
	data.Cut = cut
	if !item.Published.IsZero() {
		data.Published = item.Published.UTC().Format(time.RFC3339)
	}
	text, err := json.MarshalIndent(data, "", " ")
	return string(text), err
}
