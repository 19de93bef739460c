package alert

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rivo/uniseg"

	"catalyst/internal/news"
)

var looks = map[news.Direction]struct {
	state State
	color int
	words string
}{
	news.Bullish: {StateBullish, green, "🟢 Bullish"},
	news.Bearish: {StateBearish, red, "🔴 Bearish"},
	news.Neutral: {StateNeutral, yellow, "⚪ Neutral"},
}

func verdict(text string) Field { return Field{Name: "Verdict", Value: text} }

// analysis returns the fields of a verdict that is called words.
func analysis(words string, a *news.Analysis) []Field {
	text := words + " · " + percent(a.Confidence) + " confidence"
	if signal := short(a.Signal, 40); signal != "" {
		text += " · " + signal
	}
	if why := sentence(a.Reasoning); why != "" {
		text += "\n" + why
	}
	return []Field{
		verdict(text),
		{Name: "Details", Value: details(a), Inline: true, spare: 1},
		{Name: "Key figures", Value: figures(a), Inline: true, spare: 2},
		{Name: "Catalysts", Value: list(a.Catalysts, 3, 40), Inline: true, spare: 4},
		{Name: "Outlook", Value: outlook(a), Inline: true, spare: 5},
		{Name: "Note", Value: note(a), spare: 1},
	}
}

// figures lists the key figures, each that has something in it which the item
// does not say with a sign.
func figures(a *news.Analysis) string {
	var lines []string
	for _, figure := range a.KeyFigures[:min(len(a.KeyFigures), 4)] {
		line := short(figure, 90)
		if line == "" {
			continue
		}
		lines = append(lines, "• "+line+warned(figure, a))
	}
	return strings.Join(lines, "\n")
}

// details lists what was asked because of what the item is.
func details(a *news.Analysis) string {
	var lines []string
	for _, d := range a.Details[:min(len(a.Details), 7)] {
		label, value := short(d.Label, 40), short(d.Value, 90)
		if label != "" && value != "" {
			lines = append(lines, label+": "+value+warned(d.Value, a))
		}
	}
	return strings.Join(lines, "\n")
}

// warned is a sign behind what has something in it that the item does not say.
func warned(said string, a *news.Analysis) string {
	for _, claim := range a.Unverified {
		if claim != "" && strings.Contains(said, claim) {
			return " ⚠️"
		}
	}
	return ""
}

func outlook(a *news.Analysis) string {
	var parts []string
	for _, p := range []struct{ name, value string }{{"risk", a.Risk}, {"urgency", a.Urgency}, {"horizon", a.Horizon}} {
		if value := short(p.value, 24); value != "" {
			parts = append(parts, p.name+" "+value)
		}
	}
	return strings.Join(parts, ", ")
}

// note says what to know before trusting the verdict.
func note(a *news.Analysis) string {
	var lines []string
	if claims := list(a.Unverified, 5, 40); claims != "" {
		if more := len(a.Unverified) - 5; more > 0 {
			claims += " +" + count(more)
		}
		lines = append(lines, "⚠️ Not in the item's text: "+claims)
	}
	if a.Degraded {
		lines = append(lines, "↪️ Second choice: "+or(short(a.Reason, 100), "a better provider gave no answer"))
	}
	return strings.Join(lines, "\n")
}

// answeredBy says who gave the verdict, and when for which item if not for this one.
func answeredBy(a *news.Analysis) string {
	var parts []string
	for _, name := range []string{a.Provider, a.Model} {
		if name = short(name, 40); name != "" {
			parts = append(parts, name)
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "AI analysis")
	}
	if c := a.Cached; c != nil {
		from := "cached from " + or(short(c.Key, 80), "an equal item")
		if c.Similarity < 1 {
			from += " (" + percent(c.Similarity) + " similar)"
		}
		parts = append(parts, from)
		if at := c.At.UTC(); !c.At.IsZero() && at.Year() <= 9999 {
			parts = append(parts, at.Format("2 Jan 15:04 MST"))
		}
	}
	return strings.Join(parts, " · ")
}

// sentence returns the first sentence of s. Abbreviations end sentences too
// ("U.S. Steel …"), so it goes on until there is something to read.
func sentence(s string) string {
	rest, state := foreign(s), -1
	var first, said string
	for rest != "" && Units(said) < 40 {
		first, rest, state = uniseg.FirstSentenceInString(rest, state)
		said += first
	}
	return Cut(strings.TrimSpace(said), 280)
}

// percent shows a share between 0 and 1; what is not one shows as unknown.
func percent(share float64) string {
	if !(share >= 0 && share <= 1) {
		return "unknown"
	}
	return fmt.Sprintf("%.0f %%", math.Round(share*100))
}

func count(n int) string { return strconv.Itoa(n) }

// upTo rounds t up to whole minutes: what is shown of it needs no more, and does
// not change with every second.
func upTo(t time.Time) time.Time {
	if whole := t.Truncate(time.Minute); whole.Before(t) {
		return whole.Add(time.Minute)
	}
	return t
}
