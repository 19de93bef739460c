package alert

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"catalyst/internal/news"
)

// edgarItem is a filing as EDGAR's feeds tell of it.
func edgarItem() *news.Item {
	return &news.Item{
		Source: "edgar", Form: "8-K/A", Items: []string{"1.03", "3.01", "2.04", "5.02", "8.01", "9.01"}, Tickers: []string{"FRTL"},
		Title:   "8-K/A - FORTALIS MINING CORP (0001900333) (Filer)",
		Summary: "Filed: 1999-12-31 AccNo: 0001900333-99-000001 Size: 1 MB Item 1.03: Bankruptcy or Receivership Item 3.01: Notice of Delisting",
		Figures: []string{"Revenue $57.0 billion (Q3 2025), was $61.2 billion", "EPS (diluted) -$0.42 (Q3 2025)", "\u200b", "Deal value $2.50 billion", "🟢 <@1>", "a", "b", "c"},
		Score:   -1.5, Reasons: []string{"item 1.03 -1.00", "item 3.01 -0.60", "capital_return: special dividend +0.40", "source edgar ×1.20"},
	}
}

// doubtful is an item whose verdict is to be taken with care.
func doubtful() *news.Item {
	item := analysed(filingItem(), news.Bullish)
	a := item.Analysis
	a.KeyFigures = append(a.KeyFigures, "market of $9 billion", "")
	a.Unverified = []string{"$9 billion", "XYZ"}
	a.Degraded, a.Reason = true, "after ollama: overloaded"
	return item
}

func TestCorrects(t *testing.T) {
	for title, want := range map[string]bool{
		"CORRECTING and REPLACING Acme Signs Contract":           true,
		"Acme Signs Contract (Correction)":                       true,
		"Correction: Acme earned 3 cents, not 30":                true,
		"/C O R R E C T I O N -- Acme Corp/":                     true,
		"UPDATE -- CORRECTION: Acme":                             true,
		"Corrected - Acme":                                       true,
		"Acme Reports Results - Corrected":                       true,
		"Corrections Corp. builds a prison":                      false,
		"Correction in tech stocks deepens":                      false,
		"Acme corrected its accounts":                            false,
		"Acme says error correction works":                       false,
		"":                                                       false,
		strings.Repeat("a", 20_000) + " (Correction) at the end": false, // behind what is looked at
	} {
		if got := Corrects(&news.Item{Title: title}); got != want {
			t.Errorf("%.60q corrects: %t, want %t", title, got, want)
		}
	}
	for form, want := range map[string]bool{"8-K/A": true, "10-q/a ": true, "8-K": false, "": false} {
		if got := Corrects(&news.Item{Form: form}); got != want {
			t.Errorf("%q corrects: %t, want %t", form, got, want)
		}
	}
}

func TestBanner(t *testing.T) {
	const none, bare, mark = "none", "", "🟥 NEGATIVE CATALYST"
	bearish := &news.Analysis{Direction: news.Bearish, Score: -.2}
	for _, c := range []struct {
		name string
		item news.Item
		want string
	}{
		{"a strong score", news.Item{Score: -.6, Reasons: []string{"distress: chapter 11 -1.00", "fda: approval +0.40"}}, "chapter 11"},
		{"praise around it", news.Item{Score: .3, Reasons: []string{"contract: wins contract +0.90", "dilution: reverse split -0.60"}}, "reverse split"},
		{"an item of an 8-K", news.Item{Score: -.6, Form: "8-K", Reasons: []string{"item 3.01 -0.60"}}, "delisting notice"},
		{"weak", news.Item{Score: -.3, Reasons: []string{"falls: down -0.30"}}, none},
		{"weak, and bearish", news.Item{Score: -.3, Reasons: []string{"falls: down -0.30"}, Analysis: bearish}, "down"},
		{"bearish alone", news.Item{Score: .3, Analysis: bearish}, none},
		{"strongly bearish", news.Item{Score: .3, Analysis: &news.Analysis{Direction: news.Bearish, Score: -.8}}, bare},
		{"not scored", news.Item{}, none},
		{"no number", news.Item{Score: math.NaN()}, none},
		{"foreign reasons", news.Item{Score: -2, Reasons: []string{"🟢 <@1>\n", "\u200b"}}, "<@1>"},
	} {
		want := mark
		switch c.want {
		case none:
			want = ""
		case bare:
		default:
			want += " · " + c.want
		}
		if got := Pending(&c.item).Banner; got != want {
			t.Errorf("%s: %q, want %q", c.name, got, want)
		}
	}
}

// What others wrote never shows a sign of ours.
func TestSignsAreOurs(t *testing.T) {
	fake := "🟢 Bullish 99 % ⏳✅🟥 ✏️ CORRECTION"
	item := &news.Item{
		Title: fake, Summary: fake + ".", Source: fake, Tickers: []string{fake}, Reasons: []string{fake},
		Analysis: &news.Analysis{
			Direction: news.Bearish, Signal: fake, Reasoning: fake, KeyFigures: []string{fake}, Catalysts: []string{fake},
			Provider: fake, Reason: fake, Risk: fake, Unverified: []string{fake}, Degraded: true,
		},
	}
	text := string(Text(Complete(item), false))
	for _, sign := range "🟢⏳✅🟥✏" {
		if strings.ContainsRune(text, sign) {
			t.Errorf("%c is shown:\n%s", sign, text)
		}
	}
}

func TestWithin(t *testing.T) {
	whole := Complete(analysed(filingItem(), news.Bullish))
	if diff := cmp.Diff(whole, whole.Within(6000), cmp.AllowUnexported(Field{})); diff != "" {
		t.Errorf("a card that fits changes:\n%s", diff)
	}
	names := func(c Card) string {
		var names []string
		for _, f := range c.Fields {
			names = append(names, f.Name)
		}
		return strings.Join(names, ", ")
	}
	before := names(whole)
	for _, c := range []struct {
		budget int
		fields string
	}{
		{1000, "Source, Why, Filing, Verdict, Key figures, Catalysts, Outlook"},
		{530, "Source, Why, Filing, Verdict, Key figures, Catalysts"},
		{400, "Source, Why, Filing, Verdict, Key figures"},
		{300, "Source, Why, Verdict"},
		{220, "Source, Verdict"},
		{150, "Source, Verdict"},
	} {
		card := whole.Within(c.budget)
		if got := names(card); got != c.fields {
			t.Errorf("within %d it has %s, want %s (%d units)", c.budget, got, c.fields, card.size())
		}
		if card.size() > c.budget {
			t.Errorf("within %d it takes %d", c.budget, card.size())
		}
	}
	if names(whole) != before {
		t.Errorf("the whole card has become %s", names(whole))
	}
}
