package alert

import (
	"slices"
	"strings"
	"testing"

	"catalyst/internal/news"
)

func field(c Card, name string) string {
	i := slices.IndexFunc(c.Fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return ""
	}
	return c.Fields[i].Value
}

// What a model was asked because of what a filing is stands on the card, with a sign at what
// the filing does not say.
func TestDetails(t *testing.T) {
	item := &news.Item{Title: "Acme reports", Priority: 0.81, Topic: "earnings", Analysis: &news.Analysis{
		Direction: news.Bullish, Score: 0.6, Confidence: 0.7,
		Details: []news.Detail{
			{Name: "period", Label: "Period", Value: "third quarter"}, {Name: "revenue", Label: "Revenue", Value: "$13 million"},
			{Label: "🟢", Value: "none of ours"}, {Label: "EPS", Value: "\u200b"}, {Name: "guidance", Label: "Guidance", Value: "🔴 raised"},
		},
		Unverified: []string{"$13 million"},
	}}
	if got, want := field(Complete(item), "Details"), "Period: third quarter\nRevenue: $13 million ⚠️\nGuidance: raised"; got != want {
		t.Errorf("details are %q, want %q", got, want)
	}
	item.Analysis.Details = slices.Repeat(item.Analysis.Details[:1], 100)
	if got := strings.Count(field(Complete(item), "Details"), "\n"); got != 6 {
		t.Errorf("%d lines, want 7", got+1)
	}
}

func TestPriorityIsShown(t *testing.T) {
	for _, c := range []struct {
		item news.Item
		want string
	}{
		{news.Item{Priority: 0.81, Topic: "earnings"}, "priority 81 % · earnings"},
		{news.Item{Priority: 0.5, Score: -0.4, Reasons: []string{"item 3.01 -0.60"}}, "score -0.40 · priority 50 %\nitem 3.01"},
		{news.Item{Topic: "earnings"}, ""}, // nothing has judged it
		{news.Item{Priority: 7}, ""},
	} {
		if got := field(Pending(&c.item), "Why"); got != c.want {
			t.Errorf("why is %q, want %q", got, c.want)
		}
	}
}
