package llm

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"catalyst/internal/news"
)

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

// Request asks for a verdict on one item, to be read by [ParseAnswer], or on each of
// several, to be read by [ParseAnswers]. Of each item's text at most maxText
// characters are sent (0 is no limit); where text was cut, the model is told so.
func (p Prompt) Request(items []*news.Item, maxText int) (Request, error) {
	if len(items) == 0 {
		return Request{}, errors.New("a request about no item")
	}
	data, err := itemData(items[0], maxText)
	if err != nil {
		return Request{}, fmt.Errorf("encode item: %w", err)
	}
	return Request{
		System:     p.System,
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
	return strings.TrimSpace(string(text)), err
}
