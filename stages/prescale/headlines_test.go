package prescale

import (
	"os"
	"strings"
	"testing"

	"catalyst/internal/news"
)

// Headlines of our own, and what must come of them and why.
func TestHeadlines(t *testing.T) {
	text, err := os.ReadFile("testdata/headlines.tsv")
	if err != nil {
		t.Fatal(err)
	}
	scale := testScorer(t, DefaultConfig).scale
	seen := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if len(cells) != 3 {
			t.Fatalf("%q has %d cells, want 3", line, len(cells))
		}
		seen++
		v, err := scale.Weigh(&news.Item{Title: cells[2]})
		if err != nil {
			t.Fatal(err)
		}
		fate, why := "pass", "-"
		if v.Drop != "" {
			fate = "drop"
		}
		if v.Drop == "noise" {
			why, _, _ = strings.Cut(v.Why, ":")
		} else if len(v.Terms) > 0 {
			why = v.Terms[0].Kind
		}
		if fate != cells[0] || why != cells[1] {
			t.Errorf("%q: %s for %s, want %s for %s (%q)", cells[2], fate, why, cells[0], cells[1], v.Reasons())
		}
	}
	if seen < 120 {
		t.Errorf("%d headlines, want at least 120", seen)
	}
}
