package llm_test

import (
	"bufio"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"catalyst/internal/news"
)

// saying is an answer whose reasoning is said.
func saying(said string) string {
	data, err := json.Marshal(said)
	if err != nil {
		panic(err)
	}
	return with("reasoning", string(data))
}

// factsOf returns what is unverified in an answer that says said, and nothing else.
func factsOf(t testing.TB, said string, item *news.Item) []string {
	t.Helper()
	text := strings.Replace(saying(said), `["$40 million"]`, `[]`, 1)
	a, err := anyPrompt.ParseAnswer(text, item)
	if err != nil {
		t.Fatal(err)
	}
	return a.Unverified
}

// What is meant here by "occurs in the item": each row is a text, what a model says of it,
// and what of that the text does not have.
func TestUnverified(t *testing.T) {
	for _, c := range []struct {
		text, said string
		want       []string
	}{
		// One sum, however it is written.
		{"raises $30M", "It raises $30 million.", nil},
		{"raises $30 million", "It raises $30M.", nil},
		{"raises $30,000,000", "It raises $30 million.", nil},
		{"raises $30 million", "It raises $30,000,000.", nil},
		{"raises $30.0 million", "It raises $30M.", nil},
		{"raises US$30 million", "It raises $30M.", nil},
		{"raises $30 million", "It raises USD 30 million.", nil},
		{"raises $30MM", "It raises 30 mn.", nil},
		{"raises $0.03 billion", "It raises $30 million.", nil},
		{"raises $1.2bn", "It raises $1.2 billion.", nil},
		{"a 30-million-dollar round", "It raises $30 million.", nil},
		{"raises thirty million dollars", "It raises $30 million.", nil},
		{"sells ten million shares", "It sells 10,000,000 shares.", nil},
		{"sells 2,500,000 shares at $4.00", "It sells 2.5 million shares at $4.", nil},
		{"500 thousand units", "500,000 units", nil},
		{"raises $30\u00a0million", "It raises $30 million.", nil},
		{"a dividend of $0.05", "A dividend of 5 cents.", nil},
		{"a dividend of 5 cents", "A dividend of $0.05.", nil},
		{"a loss of $(0.12) a share", "It lost $0.12 a share.", nil},
		{"net loss of $12.4 million", "It lost -$12.4M.", nil},
		{"at $.85 a share", "at $0.85 a share", nil},
		{"between $1.2 and $1.3 billion", "Revenue of $1.2 billion to $1.3 billion.", nil},
		{"revenue of $1.20 billion to $1.30 billion", "Guidance is $1.2-1.3 billion.", nil},
		{"guidance of $45-50 million", "Guidance starts at $45 million.", nil},

		// Rounded or cut off, but not made up.
		{"revenue of $57,006 million", "Revenue reached $57.0 billion.", nil},
		{"revenue of $29.97 million", "about $30.0 million", nil},
		{"revenue of $1,234,567", "about $1.23 million", nil},
		{"(in thousands) Revenue 30,125", "Revenue was $30.1 million.", nil},
		{"In millions: Revenue 4,250", "Revenue was $4.25 billion.", nil},
		{"revenue of $31.2 million", "Revenue of $30.0 million.", []string{"$30.0 million"}},
		{"revenue of $2.75", "Revenue of $3.", nil}, // a count, were it not for the sign: see below
		{"revenue of $30 million", "Revenue of $30.45 million.", []string{"$30.45 million"}},

		// Per cent.
		{"fell 12%", "It fell 12 percent.", nil},
		{"fell 12 per cent", "It fell by 12%.", nil},
		{"fell by twelve percent", "It fell 12%.", nil},
		{"up twenty-five percent", "It is up 25%.", nil},
		{"margin up 150 basis points", "Margin rose by 1.5%.", nil},
		{"margin up 1.5 percentage points", "Margin rose by 150 bps.", nil},
		{"growth of 10-12%", "It grows by 10% to 12%.", nil},
		{"% change 23.4", "It grew 23.4%.", nil},
		{"sold 35 stores", "It grew 36%.", []string{"36%"}},
		{"sold 35 million shares", "It grew 35%.", []string{"35%"}},
		{"grew 40%", "It raises $40 million.", []string{"$40 million"}},

		// Made up.
		{"Acme wins a contract", "The contract is worth $45 million.", []string{"$45 million"}},
		{"Acme wins a $45 million contract", "The contract is worth $54 million.", []string{"$54 million"}},
		{"Acme raises $30 million", "Acme raises $30 billion.", []string{"$30 billion"}},
		{"sells 2,500,000 shares", "It sells 25,000,000 shares.", []string{"25,000,000"}},
		{"priced at $4.00", "Priced at $4.50, a discount of 18%.", []string{"$4.50", "18%"}},
		{"EPS of $1.10", "EPS of $1.10 against $1.02 expected.", []string{"$1.02"}},
		{"Acme", "$11M, $12M, $13M, $14M, $15M, $16M, $17M, $18M, $19M, $20M, $21M, $22M",
			[]string{"$11M", "$12M", "$13M", "$14M", "$15M", "$16M", "$17M", "$18M", "$19M", "$20M"}},

		// No figures of the item.
		{"Acme opens two plants", "Acme opens 2 plants.", nil},
		{"Acme", "Three reasons: 1. cash, 2. debt, 3. orders.", nil},
		{"Acme", "Results for fiscal 2025 and guidance for 2026.", nil},
		{"Acme", "Due on December 31, 2026, or on 15 January.", nil},
		{"Acme", "Published 2026-11-03 at 8:30 a.m., held on 11/17/2026.", nil},
		{"Acme", "Q3 beat; 3Q25 and FY26 were known from the 10-K and 8-K.", nil},
		{"Acme", "It joins the S&P 500 after a 52-week high.", nil},
		{"Acme", "Under Rule 144 and Chapter 11, Form 424B5 and 401(k).", nil},
		{"Acme", "Unlike in COVID-19 times; AB-123 is a drug.", nil},
		{"Acme", "Score of -0.8 and a confidence of 70%.", nil},
		{"half-life of 150mg", "A dose of 150 mg.", nil},
		{"a dose", "A dose of 150 mg.", []string{"150"}},
		{"a 1-for-20 reverse split", "A reverse split of 1:20.", nil},
		{"a one-for-twenty reverse split", "A 1-for-20 reverse split.", nil},
		{"a reverse split", "A 1-for-20 reverse split.", []string{"20"}},
		{"p=0.003", "The p-value is 0.003.", nil},
		{"p = .003", "The p-value is 0.003.", nil},
		{"p=0.03", "The p-value is 0.003.", []string{"0.003"}},

		// Phases.
		{"a Phase III trial", "The phase 3 trial met its endpoint.", nil},
		{"a Phase 1/2 study", "Phase 2 data.", nil},
		{"Phase 2b data", "Phase II data.", nil},
		{"Phase 2 data", "Phase 3 data.", []string{"Phase 3"}},

		// Tickers.
		{"Acme (NASDAQ: ACME) rises", "$ACME rises.", nil},
		{"ACME rises", "Acme (NYSE: ACME) rises.", nil},
		{"Berkshire BRK.B rises", "$BRK.B rises.", nil},
		{"Acme rises", "$ACME rises, as does Tesla (NASDAQ: TSLA).", []string{"$ACME", "$TSLA"}},
		{"ACMES rise", "$ACME rises.", []string{"$ACME"}},
	} {
		got := factsOf(t, c.said, &news.Item{Title: c.text})
		if c.said == "Revenue of $3." { // one digit is not enough to call it rounded
			c.want = []string{"$3"}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q, of %q (-want +got):\n%s", c.said, c.text, diff)
		}
	}
}

// The item is all of its fields, and an answer all of its texts.
func TestUnverifiedLooksEverywhere(t *testing.T) {
	item := &news.Item{Summary: "sold for $31 million", Body: "up 14%", Tickers: []string{"BRK.B"}, Form: "8-K", Items: []string{"2.02"}}
	if got := factsOf(t, "Item 2.02: $BRK-B is up 14%, sold for $31M.", item); got != nil {
		t.Errorf("unverified %q, which it all says", got)
	}
	text := with("key_figures", `["revenue of $77 million"]`)
	text = strings.Replace(text, `["offering"]`, `["an offering of $88 million"]`, 1)
	a, err := anyPrompt.ParseAnswer(text, &news.Item{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"$88 million", "$77 million"}, a.Unverified); diff != "" {
		t.Errorf("unverified (-want +got):\n%s", diff)
	}
}

// Sentences of real filings, as a model would repeat them, have nothing that their filing
// does not have; with figures changed, nearly all of them do.
// A figure found in a part of the filing that the model is not shown is one of the item's.
func TestFiguresOfTheItemAreVerified(t *testing.T) {
	const said = "Revenue was $57.0 billion."
	item := &news.Item{Title: "Acme reports"}
	if got := factsOf(t, said, item); len(got) != 1 {
		t.Errorf("%q, want that nothing says so", got)
	}
	item.Figures = []string{"Revenue $57.0 billion (Q3 2025)"}
	if got := factsOf(t, said, item); len(got) != 0 {
		t.Errorf("%q, want nothing", got)
	}
}

func TestUnverifiedOnRealFilings(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/data/edgar/8-K/items/*")
	if len(files) == 0 {
		t.Skip("the real filings are not here")
	}
	random := rand.New(rand.NewPCG(1, 2))
	tags, spaces := regexp.MustCompile(`<[^>]*>`), regexp.MustCompile(`\s+`)
	figure := regexp.MustCompile(`\$\d[\d,.]*\d|\d[\d,.]*\d(%| percent)`)
	millions := regexp.MustCompile(`(\$\d{1,3}),000,000\b([^,])`)
	said, flagged, changed, caught := 0, 0, 0, 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		body := spaces.ReplaceAllString(strings.ReplaceAll(tags.ReplaceAllString(string(data), " "), `\n`, " "), " ")
		item := &news.Item{Body: body}
		lines := bufio.NewScanner(strings.NewReader(strings.ReplaceAll(body, ". ", ".\n")))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			sentence := strings.TrimSpace(lines.Text())
			if len(sentence) > 900 || !figure.MatchString(sentence) {
				continue
			}
			retold := strings.NewReplacer(" percent", "%", " million", "M", " billion", "B").Replace(millions.ReplaceAllString(sentence, "$1 million$2"))
			said++
			if got := factsOf(t, retold, item); got != nil {
				flagged++
				if flagged <= 8 {
					t.Logf("flagged %q in %.200q", got, retold)
				}
			}
			wrong := figure.ReplaceAllStringFunc(sentence, func(f string) string {
				return strings.Map(func(r rune) rune {
					if r < '0' || r > '9' {
						return r
					}
					return '1' + (r-'0'+rune(random.IntN(8)))%9
				}, f)
			})
			changed++
			if factsOf(t, wrong, item) != nil {
				caught++
			}
		}
	}
	t.Logf("%d sentences: %d flagged (%.2f%%); %d with other figures: %d caught (%.1f%%)",
		said, flagged, 100*float64(flagged)/float64(said), changed, caught, 100*float64(caught)/float64(changed))
	if said < 100 || float64(flagged) > 0.01*float64(said) || float64(caught) < 0.9*float64(changed) {
		t.Error("the figures of filings are not compared well enough")
	}
}
