// Package alert turns an item of news into the card a trader sees, and makes the
// text in it harmless wherever the card is shown.
//
// A [Card] is neutral: sinks render it, as a Discord embed or on a terminal
// ([Print]). Its text is clean (see [Clean]) but not escaped for any of them.
//
// What others wrote (headlines, summaries, a model's words) never carries the
// signs a card speaks with, such as 🟢 and ⏳: a headline cannot look like a
// verdict.
package alert

import (
	"strconv"
	"strings"
	"time"

	"catalyst/internal/news"
)

// A Card is one alert. The same item always gives the same card.
type Card struct {
	State       State
	Badge       string // the filing and whether it corrects another item; may be empty
	Title       string // never empty
	URL         string // http(s), or empty
	Color       int    // 0xRRGGBB
	Banner      string // warns of strongly negative news; mostly empty
	Description string // what the source says; may be empty
	Fields      []Field
	Footer      string
	Timestamp   time.Time // the publisher's time; zero where it gave none
}

// A Field is a named value of a Card.
type Field struct {
	Name  string
	Value string // lines are separated by \n
	// Time is shown after Value as an age that stays right while the card is
	// looked at; zero shows nothing.
	Time   time.Time
	Inline bool // may stand beside its neighbours

	// spare says how well a card can do without it: the higher, the sooner it
	// goes. Zero stays to the end.
	spare int
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
		return unavailable(item, "the model's answer is no verdict")
	}
	card := Card{State: look.state, Color: look.color, Footer: answeredBy(a)}
	return build(item, card, analysis(look.words, a)...)
}

// Timeout is the card of an item whose analysis took too long.
func Timeout(item *news.Item) Card {
	return build(item, Card{State: StateTimeout, Color: orange, Footer: "AI analysis timed out"},
		verdict("⏱️ AI analysis timed out: there will be no verdict"))
}

// Parked is the card of an item whose analysis waits for a dependency to return,
// and will be tried again at next; the zero Time says that nobody knows when.
func Parked(item *news.Item, dependency string, next time.Time) Card {
	f := verdict("⏸️ AI analysis delayed: waiting for " + or(short(dependency, 60), "a dependency"))
	if !next.IsZero() {
		f.Value += " · next try"
		f.Time = next
	}
	return build(item, Card{State: StateParked, Color: orange, Footer: "AI analysis delayed"}, f)
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

// build gives card what every state has in common, then the fields that tell
// the state apart. Empty fields are left out.
func build(item *news.Item, card Card, fields ...Field) Card {
	card.Badge = badge(item)
	card.Title = title(item)
	card.URL = Link(item.URL)
	card.Banner = banner(item)
	card.Description = summary(item)
	card.Timestamp = published(item)
	for _, f := range append([]Field{source(item), alsoAt(item), why(item), filing(item), found(item)}, fields...) {
		if f.Value != "" {
			card.Fields = append(card.Fields, f)
		}
	}
	return card
}

func title(item *news.Item) string {
	headline := or(headline(item), "(no headline)")
	tickers := list(item.Tickers, 3, 40)
	if tickers == "" {
		return Cut(headline, 256)
	}
	if more := len(item.Tickers) - 3; more > 0 {
		tickers += " +" + count(more)
	}
	return Cut(tickers+" · "+headline, 256)
}

// summary is empty where it only repeats the headline, as in many feeds.
func summary(item *news.Item) string {
	s := short(abstract(item), 300)
	if s == short(item.Title, 300) {
		return ""
	}
	return s
}

func source(item *news.Item) Field {
	f := Field{Name: "Source", Value: or(short(item.Source, 60), "unknown"), Time: published(item), Inline: true}
	if f.Time.IsZero() {
		f.Value += " · undated"
	}
	return f
}

// alsoAt names who else had the news.
func alsoAt(item *news.Item) Field {
	const most = 3
	var names []string
	for _, saw := range item.Seen {
		if name := short(saw.Source, 40); name != "" && len(names) < most {
			names = append(names, name)
		}
	}
	f := Field{Name: "Also at", Value: strings.Join(names, ", "), Inline: true, spare: 1}
	if more := len(item.Seen) - len(names); more > 0 && len(names) > 0 {
		f.Value += " and " + strconv.Itoa(more) + " more"
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

// The parts of a text that a card shows: at most limit units, on one line.
func short(s string, limit int) string { return Cut(foreign(s), limit) }

// foreign is [Clean] for what others wrote: it loses the signs that are ours.
func foreign(s string) string {
	s = Clean(s)
	if strings.IndexFunc(s, ours) < 0 {
		return s
	}
	// What follows a sign can be a selector or joiner that now stands alone, and a
	// space too many.
	return Clean(strings.Map(func(r rune) rune {
		if ours(r) {
			return -1
		}
		return r
	}, s))
}

// ours reports whether r is a sign that only the card itself may show.
func ours(r rune) bool {
	return r > 0x7F && strings.ContainsRune(signs, r) || r >= 0x1F7E0 && r <= 0x1F7EB
}

const signs = "🔴🔵⚪⚫⬜⬛⏳⌛⏸⏱⏰❌❎✖✅✔☑⚠🛑🚨📄✏↪▌" // and the colored circles and squares of [ours]

// list joins up to n of values, of which each has at most limit units.
func list(values []string, n, limit int) string {
	var kept []string
	for _, v := range values[:min(len(values), n)] {
		if v = short(v, limit); v != "" {
			kept = append(kept, v)
		}
	}
	return strings.Join(kept, ", ")
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
