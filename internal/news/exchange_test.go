package news

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// plainExchangeBefore asks the expression about all of the text that is looked back at.
func plainExchangeBefore(text string, at int) (start int, ok bool) {
	from := max(0, at-120)
	loc := exchange.FindStringIndex(text[from:at])
	if loc == nil {
		return 0, false
	}
	return from + loc[0], true
}

// Whatever stands before a colon, the short way finds what the expression finds.
func FuzzExchangeBefore(f *testing.F) {
	pieces := strings.Split("NASDAQ|Nasdaq Global Select|GS|CM|-|NYSE| American|New York Stock Exchange|AMEX|Other OTC|OTC| QB|ID|Pink Sheets|MKTS|Link|"+
		"CBOE BZX|BATS|TSX|-V|Venture|FRA|Euronext| Paris| \u017fan|Toronto| symbol| ticker| ticker symbol|, |and| & |\n|(|[|3|_|x| |\u00a0|\u201c|NY\u017fE|TO\u212aYO|said|HKEX|mar\u212aet|Stock Mar\u212aet", "|")
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		var text strings.Builder
		for range 1 + rng.IntN(8) {
			text.WriteString(pieces[rng.IntN(len(pieces))])
			text.WriteString([]string{"", "", " ", "/", ", "}[rng.IntN(5)])
		}
		f.Add(text.String())
	}
	for _, end := range exchangeEnds {
		for _, e := range end {
			f.Add("(" + e)
			f.Add("NASDAQ/" + strings.ToUpper(e))
		}
	}
	f.Add(strings.Repeat("NASDAQ, ", 40))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		start, ok := exchangeBefore(text, len(text))
		wantStart, want := plainExchangeBefore(text, len(text))
		if start != wantStart || ok != want {
			t.Errorf("%q: %d, %v, want %d, %v", text, start, ok, wantStart, want)
		}
	})
}

// A headline as wires write it, with one listing and a colon that names none.
func BenchmarkMentions(b *testing.B) {
	text := "Harbor Biotech (NASDAQ: HRBR) wins FDA approval\nBOSTON, Nov. 3: Harbor Biotech said on Monday that revenue rose 12.5%, as expected: its best quarter."
	b.ReportAllocs()
	for b.Loop() {
		Mentions(text)
	}
}
