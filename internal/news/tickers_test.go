package news

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTickers(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		// After an exchange.
		{"Acme Corp (NASDAQ: ACME) today announced", "ACME"},
		{"Acme (Nasdaq:ACME)", "ACME"},
		{"Acme (NasdaqGS: ACME), (Nasdaq CM: BETA), (Nasdaq Global Select Market: GAMM)", "ACME BETA GAMM"},
		{"(NYSE American: ACM) (NYSE Arca: ETFX) (NYSE MKT: MKTX) (NYSEAMERICAN: AMER)", "ACM ETFX MKTX AMER"},
		{"(OTCQB: ACMEF) (OTC Pink: PINKY) (OTCMKTS: MKT) (OTC: OTCX)", "ACMEF PINKY MKT OTCX"},
		{"Acme (NYSE\u00a0:\u00a0ACM)", "ACM"},
		{"Acme (“Acme”) (NYSE: “ACM”)", "ACM"},
		{"NYSE: ACM rose", "ACM"},
		{"New York Stock Exchange: ACM.", "ACM"},
		{"NYSE: F", "F"},
		{"Nasdaq:EBIX", "EBIX"},
		// Several.
		{"(NASDAQ: GOOG, GOOGL)", "GOOG GOOGL"},
		{"(NASDAQ: ABC and ABCW)", "ABC ABCW"},
		{"(NYSE: BRK.A; BRK.B)", "BRK-A BRK-B"},
		{"(NYSE: BRK/B) and (NYSE: BF-B)", "BRK-B BF-B"},
		{"(NYSE: A; NASDAQ: B) (NYSE: A)", "A B"},
		{"(NASDAQ: ABC, ABC.WS)", "ABC ABC-WS"},
		// Here and elsewhere.
		{"(NYSE: AAA; TSX: BBB)", "AAA"},
		{"(TSX: BBB) (NYSE: AAA)", "AAA"},
		{"(TSX: BBB; NYSE: AAA)", "AAA"},
		{"(NYSE/TSX: AEM)", "AEM"},
		{"(TSX, NYSE American: GAU)", "GAU"},
		{"(NYSE and TSX-V: XYZ)", "XYZ"},
		{"(NYSE: AAA, TSX: BBB, FRA: 1AB)", "AAA"},
		// Elsewhere only.
		{"Fund (TSX: BGI.UN) announces", ""},
		{"(TSX-V: ABC) (TSXV: ABC) (CSE: ABC) (ASX: ABC) (LSE: ABC) (AIM: ABC) (TSE: 7203)", ""},
		{"(Nasdaq Stockholm: ERIC) (Nasdaq Copenhagen: NOVO) (Cboe Canada: ABC) (Euronext: ABC)", ""},
		{"(NYSE: BGI.UN) (NASDAQ: SHOP.TO)", ""},
		{"$BGI.UN $SHOP.TO $BHP.AX $VOD.L $ABC.V", ""},
		// Never a word in capitals.
		{"FDA APPROVES DRUG OF ACME INC", ""},
		{"THE NYSE AND NASDAQ ARE OPEN FOR NOW", ""},
		{"(ACME) and Acme (ACM)", ""},
		{"NASDAQ: ABC, IBM AND THE CEO", "ABC"},
		{"(NASDAQ: ABC, A LEADER IN AI)", "ABC"},
		{"(NASDAQ: ABC) SEE REAL WELL", "ABC"},
		{"NYSE: A Look at the Week", ""},
		{"NASDAQ: Stocks rise", ""},
		{"(NASDAQ: abcd) (NASDAQ: Abcd) (NASDAQ: TOOLONG) (NASDAQ: 123) (NASDAQ:)", ""},
		{"MYNYSE: ABC", ""},
		{"NYSE, TODAY: GOOD", ""},
		// Cashtags.
		{"$ABC up, $F down; ($BRK.B) $BF-B.", "ABC F BRK-B BF-B"},
		{"$AAPL.Buy it", "AAPL"},
		{"$ABC/$DEF", "ABC DEF"},
		{"$500 $5M $M $K $MM $USD US$ABC C$DEF $$ABC $abc $Abc $TOOLONG $A1", ""},
		{"$", ""},
		{"", ""},
	} {
		want := strings.Fields(test.want)
		if diff := cmp.Diff(strings.Join(want, " "), strings.Join(Tickers(test.text), " ")); diff != "" {
			t.Errorf("Tickers(%q) (-want +got):\n%s", test.text, diff)
		}
	}
}

func TestTickersOfHostileTextAreCheap(t *testing.T) {
	start := time.Now()
	for _, s := range []string{":", "a:", "NYSE:", "NYSE,", "$", "$A", "(NYSE: A,"} {
		Tickers(strings.Repeat(s, 1<<20))
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("seven texts took %v", took)
	}
}

// Whatever the text, what is found has the form of a symbol and stands behind an
// exchange or a dollar sign.
// A text that names every symbol there can be is about none of them.
func TestMentionsAreBounded(t *testing.T) {
	var text strings.Builder
	for i := range 26 * 26 {
		fmt.Fprintf(&text, "$X%c%c ", 'A'+i/26, 'A'+i%26)
	}
	if n := len(Mentions(text.String())); n != 100 {
		t.Errorf("%d mentions, want 100", n)
	}
}

func FuzzTickers(f *testing.F) {
	for _, seed := range []string{"(NASDAQ: ABC, ABCW; TSX: D)", "NYSE: F", "$BRK.B/$A", "(NYSE/TSX: \xff", "OTC\u00a0: A", "$", "NYSE:"} {
		f.Add(seed)
	}
	symbol := regexp.MustCompile(`^[A-Z]{1,5}(-[A-Z]{1,2})?$`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range Tickers(text) {
			if !symbol.MatchString(s) {
				t.Errorf("Tickers(%q) has %q", text, s)
			}
			if !strings.ContainsAny(text, "$:") {
				t.Errorf("Tickers(%q) = %q out of nothing", text, s)
			}
		}
	})
}

func BenchmarkTickers(b *testing.B) {
	text := strings.Repeat("Acme Corp (NASDAQ: ACME) said on Monday that revenue rose to $5 million, NYSE and others. ", 100)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Tickers(text)
	}
}
