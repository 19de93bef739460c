package llm_test

import (
	"strings"
	"testing"

	"catalyst/internal/news"
)

// benchItem is a press release of usual length, whose verdict has figures in it.
var benchItem = &news.Item{
	Source: "wire", Tickers: []string{"ACME"}, Title: "Acme (NASDAQ: ACME) opens a second plant for $40 million",
	Summary: "The plant adds 12% to capacity and 250 jobs, and is to be paid out of cash.",
	Body: strings.Repeat("Acme said on May 3, 2026 that it employs 1,250 people at 14 sites and made 3.5 million pumps in 2025. ", 55) +
		"It keeps its margin of 23.5%.",
}

var benchAnswer = with("key_figures", `["$40 million for the plant", "12% more capacity", "250 jobs", "margin of 23.5%"]`)

// A single item, from its prompt to its verdict: all that is done besides the call.
func BenchmarkOneItem(b *testing.B) {
	p := prompts(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Of(benchItem).Request([]*news.Item{benchItem}, 6000); err != nil {
			b.Fatal(err)
		}
		if a, err := anyPrompt.ParseAnswer(benchAnswer, benchItem); err != nil || a.Unverified != nil {
			b.Fatal(a.Unverified, err)
		}
	}
}

func BenchmarkPromptOf(b *testing.B) {
	p := prompts(b)
	b.ReportAllocs()
	for b.Loop() {
		p.Of(benchItem)
	}
}

func BenchmarkRequest(b *testing.B) {
	p := prompts(b).Of(benchItem)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Request([]*news.Item{benchItem}, 6000); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseAnswer(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := anyPrompt.ParseAnswer(benchAnswer, benchItem); err != nil {
			b.Fatal(err)
		}
	}
}

// A figure that is nowhere is looked for everywhere.
func BenchmarkParseUnverified(b *testing.B) {
	text := strings.Replace(benchAnswer, "$40 million", "$41 million", 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := anyPrompt.ParseAnswer(text, benchItem); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFiveItems(b *testing.B) {
	p := prompts(b).Of(benchItem)
	items := []*news.Item{benchItem, benchItem, benchItem, benchItem, benchItem}
	var verdicts []string
	for i := range items {
		verdicts = append(verdicts, on(i+1, "It pays $40 million."))
	}
	text := list(verdicts...)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Request(items, 6000); err != nil {
			b.Fatal(err)
		}
		if _, err := anyPrompt.ParseAnswers(text, items); err != nil {
			b.Fatal(err)
		}
	}
}
