// Package alert turns an item of news into the card a trader sees, and makes the
// text in it harmless wherever the card is shown.
//
// A [Card] is neutral: sinks render it, as a Discord embed or on a terminal
// ([Print]). Its text is clean (see [Clean]) but not escaped for any of them.
package alert

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/rivo/uniseg"

	"catalyst/internal/news"
)

// A Card is one alert. The same item always gives the same card.
type Card struct {
	State       State
	Title       string // never empty
	URL         string // http(s), or empty
	Color       int    // 0xRRGGBB
	Description string // lines are separated by \n, as in Field.Value
	Fields      []Field
	Footer      string
	Timestamp   time.Time // the publisher's time; zero where it gave none
}

// A Field is a named value of a Card.
type Field struct {
	Name  string
	Value string
	// Time is shown after Value as an age that stays right while the card is
	// looked at; zero shows nothing.
	Time   time.Time
	Inline bool // may stand beside its neighbours
}

const (
	orange = 0xFFA500
	green  = 0x00FF00
	red    = 0xFF0000
	yellow = 0xFFFF00
)

// Pending is the card of an item that is still to be analysed.
func Pending(item *news.Item) Card {
	return build(item, Card{State: StatePending, Color: orange, Footer: "AI analysis pending"},
		verdict("⏳ AI analysis pending"))
}

// Complete is the card of an item with what a model made of it, or with the
// reason why no verdict was to be had.
func Complete(item *news.Item) Card {
	a := item.Analysis
	switch {
	case a == nil:
		return unavailable(item, "no analysis was asked for")
	case a.Unavailable != "":
		return unavailable(item, a.Unavailable)
	}
	look, known := looks[a.Direction]
	if !known {
		return unavailable(item, fmt.Sprintf("the model's verdict %q is none", a.Direction))
	}
	text := fmt.Sprintf("%s · %s confidence", look.words, percent(a.Confidence))
	if signal := short(a.Signal, 40); signal != "" {
		text += " · " + signal
	}
	return build(item, Card{State: look.state, Color: look.color, Footer: answeredBy(a)},
		verdict(text),
		Field{Name: "Reasoning", Value: sentence(a.Reasoning)},
		Field{Name: "Key figures", Value: bullets(a.KeyFigures)},
		Field{Name: "Catalysts", Value: list(a.Catalysts, 3), Inline: true},
		Field{Name: "Outlook", Value: outlook(a), Inline: true},
	)
}

// Parked is the card of an item whose analysis waits for a dependency to return.
func Parked(item *news.Item, dependency string) Card {
	return build(item, Card{State: StateParked, Color: orange, Footer: "AI analysis delayed"},
		verdict("⏸️ AI analysis delayed: waiting for "+or(short(dependency, 60), "a dependency")))
}

// Failed is the card of an item that failed for good in the stage named.
func Failed(item *news.Item, stage string) Card {
	return build(item, Card{State: StateFailed, Color: orange, Footer: "AI analysis failed"},
		verdict("❌ AI analysis failed in "+or(short(stage, 60), "the pipeline")+"; the item is kept for inspection"))
}

func unavailable(item *news.Item, reason string) Card {
	return build(item, Card{State: StateUnavailable, Color: orange, Footer: "AI analysis unavailable"},
		verdict("⚠️ AI analysis unavailable: "+short(reason, 200)))
}

var looks = map[news.Direction]struct {
	state State
	color int
	words string
}{
	news.Bullish: {StateBullish, green, "🟢 Bullish"},
	news.Bearish: {StateBearish, red, "🔴 Bearish"},
	news.Neutral: {StateNeutral, yellow, "⚪ Neutral"},
}

// build gives card what every state has in common, then the fields that tell
// the state apart. Empty fields are left out.
func build(item *news.Item, card Card, fields ...Field) Card {
	card.Title = title(item)
	card.URL = Link(item.URL)
	card.Description = description(item)
	card.Timestamp = published(item)
	for _, f := range append([]Field{source(item), why(item), filing(item)}, fields...) {
		if f.Value != "" {
			card.Fields = append(card.Fields, f)
		}
	}
	return card
}

func title(item *news.Item) string {
	var parts []string
	if tickers := list(item.Tickers, 3); tickers != "" {
		if more := len(item.Tickers) - 3; more > 0 {
			tickers += fmt.Sprintf(" +%d", more)
		}
		parts = append(parts, tickers)
	}
	if form := short(item.Form, 16); form != "" {
		parts = append(parts, form)
	}
	parts = append(parts, or(Clean(item.Title), "(no headline)"))
	return Cut(strings.Join(parts, " · "), 256)
}

func description(item *news.Item) string {
	var lines []string
	if item.Score < 0 {
		lines = append(lines, "🟥 Negative catalyst")
	}
	// Many feeds repeat the headline as the summary.
	if summary := short(item.Summary, 300); summary != "" && summary != Clean(item.Title) {
		lines = append(lines, summary)
	}
	return strings.Join(lines, "\n")
}

func source(item *news.Item) Field {
	f := Field{Name: "Source", Value: or(short(item.Source, 60), "unknown"), Time: published(item), Inline: true}
	if f.Time.IsZero() {
		f.Value += " · undated"
	}
	return f
}

// published returns the publisher's time in UTC; zero if it gave none, or one
// that cannot be written as a date.
func published(item *news.Item) time.Time {
	if t := item.Published.UTC(); t.Year() > 1 && t.Year() <= 9999 {
		return t
	}
	return time.Time{}
}

func why(item *news.Item) Field {
	if item.Score == 0 && len(item.Reasons) == 0 {
		return Field{} // nothing scored it
	}
	value := fmt.Sprintf("score %+.2f", item.Score)
	if reasons := list(item.Reasons, 6); reasons != "" {
		value += " · " + reasons
	}
	return Field{Name: "Why", Value: value, Inline: true}
}

func filing(item *news.Item) Field {
	if item.Form == "" {
		return Field{}
	}
	value := short(item.Form, 16)
	if items := list(item.Items, 8); items != "" {
		value += " · items " + items
	}
	return Field{Name: "Filing", Value: value, Inline: true}
}

func verdict(text string) Field { return Field{Name: "Verdict", Value: text} }

// answeredBy says who gave the verdict, and for which item if not for this one.
func answeredBy(a *news.Analysis) string {
	who := list([]string{a.Provider, a.Model}, 2)
	who = or(strings.ReplaceAll(who, ", ", " · "), "AI analysis")
	if a.Cached != nil {
		who += fmt.Sprintf(" · cached from %s (%s similar)", or(short(a.Cached.Key, 80), "an equal item"), percent(a.Cached.Similarity))
	}
	return who
}

func outlook(a *news.Analysis) string {
	var parts []string
	for _, p := range []struct{ name, value string }{{"risk", a.Risk}, {"urgency", a.Urgency}, {"horizon", a.Horizon}} {
		if value := short(p.value, 24); value != "" {
			parts = append(parts, p.name+" "+value)
		}
	}
	return strings.Join(parts, " · ")
}

// sentence returns the first sentence of s. Abbreviations end sentences too
// ("U.S. Steel …"), so it goes on until there is something to read.
func sentence(s string) string {
	rest, state := Clean(s), -1
	var first, said string
	for rest != "" && Units(said) < 40 {
		first, rest, state = uniseg.FirstSentenceInString(rest, state)
		said += first
	}
	return Cut(strings.TrimSpace(said), 300)
}

func bullets(values []string) string {
	var lines []string
	for _, v := range values[:min(len(values), 4)] {
		if v = short(v, 120); v != "" {
			lines = append(lines, "• "+v)
		}
	}
	return strings.Join(lines, "\n")
}

// list joins up to n of values.
func list(values []string, n int) string {
	var kept []string
	for _, v := range values[:min(len(values), n)] {
		if v = short(v, 40); v != "" {
			kept = append(kept, v)
		}
	}
	return strings.Join(kept, ", ")
}

func short(s string, limit int) string { return Cut(Clean(s), limit) }

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// percent shows a share between 0 and 1; what is not one shows as unknown.
func percent(share float64) string {
	if !(share >= 0 && share <= 1) {
		return "unknown"
	}
	return fmt.Sprintf("%.0f %%", math.Round(share*100))
}
