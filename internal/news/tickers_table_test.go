package news

import (
	"os"
	"strings"
	"testing"
)

// The table holds what a reader would find in sentences as the wires write them.
func TestTickersTable(t *testing.T) {
	table, err := os.ReadFile("testdata/tickers.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for i, line := range strings.Split(string(table), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		want, text, ok := strings.Cut(line, " | ")
		if !ok {
			t.Fatalf("line %d: %q has no bar", i+1, line)
		}
		text = strings.NewReplacer(`\u00a0`, "\u00a0", `\u202f`, "\u202f").Replace(text)
		got := strings.Join(Tickers(text), " ")
		if got == "" {
			got = "-"
		}
		cases++
		if got != want {
			t.Errorf("line %d: %s: found %s, want %s", i+1, text, got, want)
		}
	}
	if cases < 150 {
		t.Errorf("%d cases, want 150 at least", cases)
	}
}

func TestMentionsSayWhere(t *testing.T) {
	got := Mentions("$ABC of Acme (NYSE: ABC) and $DEF")
	if want := []Mention{{"ABC", FromCashtag}, {"DEF", FromCashtag}}; len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("mentions %v, want %v", got, want)
	}
	if got := Mentions("(NYSE: ABC)"); len(got) != 1 || got[0] != (Mention{"ABC", FromExchange}) {
		t.Errorf("mentions %v, want ABC by its exchange", got)
	}
}

func TestSymbol(t *testing.T) {
	for ticker, want := range map[string]string{
		"acme": "ACME", " ACME ": "ACME", "$ACME": "ACME", "BRK.B": "BRK-B", "brk/b": "BRK-B", "BRK B": "BRK-B", "ACM PR C": "ACM-PC", "ACM.PRC": "ACM-PC", "ACM WS": "ACM-WS",
		"BGI.UN": "", "SHOP.TO": "", "BTC/USD": "", "0700.HK": "", "TOOLONG": "", "A1": "", "": "", "株": "", "ACME Corp": "", "N/A": "",
	} {
		if got := Symbol(ticker); got != want {
			t.Errorf("Symbol(%q) = %q, want %q", ticker, got, want)
		}
	}
}
