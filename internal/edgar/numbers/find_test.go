package numbers_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"catalyst/internal/edgar/edgartest"
	"catalyst/internal/edgar/numbers"

	"github.com/google/go-cmp/cmp"
)

func ExampleFind() {
	for _, n := range numbers.Find([]string{
		"Harbor Peak Reports Third Quarter 2025 Results",
		"Revenue was $71.5 million, compared to $65.6 million in the prior-year quarter. GAAP net loss was $2.1 million, or $(0.04) per diluted share.",
		"For the fourth quarter of 2025, we expect revenue of $74 million to $76 million.",
	}) {
		fmt.Println(n)
	}
	// Output:
	// revenue: $71.5M, Q3 2025 (prior $65.6M, Q3 2024)
	// net income: -$2.1M, Q3 2025
	// EPS (diluted): -$0.04, Q3 2025
	// revenue guidance: $74M–$76M, Q4 2025
}

func TestHeadline(t *testing.T) {
	found := numbers.Find([]string{
		"Harbor Peak Reports Third Quarter 2025 Results",
		"The company expects revenue of $74 million to $76 million in the fourth quarter of 2025.",
		"Third quarter revenue was $71.5 million. Diluted EPS was $0.31 for the third quarter of 2025.",
		"Revenue for the third quarter of 2025 was $71.5 million.",
	})
	var got []string
	for _, n := range numbers.Headline(found) {
		got = append(got, n.String())
	}
	want := []string{"revenue: $71.5M, Q3 2025", "EPS (diluted): $0.31, Q3 2025", "revenue guidance: $74M–$76M, Q4 2025"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestTableInOneParagraph: rows that are lines give the same numbers as rows that are
// paragraphs, each at its place.
func TestTableInOneParagraph(t *testing.T) {
	rows := []string{
		"(in thousands)",
		" | Three Months Ended September 30,",
		" | 2025 | 2024",
		"Revenue | $5,100 | $4,800",
		"Net loss | (120) | (310)",
	}
	apart, whole := numbers.Find(rows), numbers.Find([]string{"Results", strings.Join(rows, "\n")})
	if len(apart) != 2 || len(whole) != 2 {
		t.Fatalf("%v and %v, want two numbers each", apart, whole)
	}
	text := strings.Join(rows, "\n")
	for i, n := range whole {
		if n.String() != apart[i].String() || n.Paragraph != 1 || text[n.Start:n.End] != n.Text {
			t.Errorf("%v at %q, want %v", n, text[n.Start:n.End], apart[i])
		}
		if p, q := n.Prior, apart[i].Prior; text[p.Start:p.End] != rows[q.Paragraph][q.Start:q.End] {
			t.Errorf("prior of %v at %q", n, text[p.Start:p.End])
		}
	}
}

func TestFormat(t *testing.T) {
	tests := []struct {
		low, high float64
		unit      string
		want      string
	}{
		{293.6e6, 293.6e6, "USD", "$293.6M"},
		{-0.12, -0.12, "USD", "-$0.12"},
		{1.2e9, 1.3e9, "EUR", "€1.2B–€1.3B"},
		{812.5e6, 812.5e6, "CNY", "CNY 812.5M"},
		{45, 46, numbers.Percent, "45%–46%"},
		{-3.1, -3.1, numbers.Percent, "-3.1%"},
		{8e6, 8e6, numbers.Shares, "8M shares"},
		{0, 0, "USD", "$0"},
		{950_000, 950_000, "USD", "$950K"},
		{1.6079, 1.6079, "USD", "$1.6079"},
	}
	for _, tt := range tests {
		if got := numbers.Format(tt.low, tt.high, tt.unit); got != tt.want {
			t.Errorf("Format(%v, %v, %s) = %q, want %q", tt.low, tt.high, tt.unit, got, tt.want)
		}
	}
}

// TestRelease reads a real press release: each figure of its text and of its
// statement of income, and no other.
func TestRelease(t *testing.T) {
	var got []string
	for _, n := range numbers.Headline(numbers.Find(edgartest.Read(t, "filings", "BuckleInc.8-K.EX99.1.html"))) {
		got = append(got, n.String())
	}
	want := []string{
		"revenue: $293.6M, 3M to 2024-11-02 (prior $303.5M, 3M to 2023-10-28)",
		"revenue: $838.5M, 9M to 2024-11-02 (prior $878.7M, 9M to 2023-10-28)",
		"EPS (diluted): $0.88, Q3 2024 (prior $1.04, Q3 2023)",
		"EPS (diluted): $2.35, 9M to 2024-11-02 (prior $2.81, 9M to 2023-10-28)",
		"EPS (basic): $0.89, 3M to 2024-11-02 (prior $1.05, 3M to 2023-10-28)",
		"EPS (basic): $2.37, 9M to 2024-11-02 (prior $2.83, 9M to 2023-10-28)",
		"net income: $44.2M, Q3 2024 (prior $51.8M, Q3 2023)",
		"net income: $118.3M, 9M to 2024-11-02 (prior $140.3M, 9M to 2023-10-28)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestFilings finds in annual and quarterly reports what their statements of income
// say, and finishes all real filings in a few seconds.
func TestFilings(t *testing.T) {
	tests := []struct {
		file []string
		want []string
	}{
		{[]string{"filings", "tsla-10-k-2025-01-30.html"}, []string{
			"revenue: $97.69B, 12M to 2024-12-31 (prior $96.773B, 12M to 2023-12-31)",
			"EPS (diluted): $2.04, 12M to 2024-12-31 (prior $4.3, 12M to 2023-12-31)"}},
		{[]string{"filings", "nvda-10-k-2025-02-26.html"}, []string{
			"revenue: $130.497B, 12M to 2025-01-26 (prior $60.922B, 12M to 2024-01-28)",
			"EPS (diluted): $2.94, 12M to 2025-01-26 (prior $1.19, 12M to 2024-01-28)",
			"gross margin: 75%, 12M to 2025-01-26 (prior 72.7%, 12M to 2024-01-28)"}},
		{[]string{"filings", "aapl-10-q-2025-08-01.html"}, []string{
			"revenue: $94.036B, 3M to 2025-06-28 (prior $85.777B, 3M to 2024-06-29)",
			"revenue: $313.695B, 9M to 2025-06-28 (prior $296.105B, 9M to 2024-06-29)",
			"EPS (diluted): $1.57, 3M to 2025-06-28 (prior $1.4, 3M to 2024-06-29)"}},
	}
	for _, tt := range tests {
		got := map[string]bool{}
		for _, n := range numbers.Find(edgartest.Read(t, tt.file...)) {
			got[n.String()] = true
		}
		for _, want := range tt.want {
			if !got[want] {
				t.Errorf("%v: not found: %s", tt.file, want)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(edgartest.Root(t), "8-K", "raw", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d filings, %v", len(files), err)
	}
	var took time.Duration
	size, count := 0, map[numbers.Kind]int{}
	for _, file := range files {
		document, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		paragraphs := edgartest.Paragraphs(document)
		start := time.Now()
		for _, n := range numbers.Find(paragraphs) {
			count[n.Kind]++
		}
		took += time.Since(start)
		for _, p := range paragraphs {
			size += len(p)
		}
	}
	t.Logf("%d filings, %d KB of text in %v: %v", len(files), size/1000, took, count)
	if took > 20*time.Second {
		t.Errorf("%v for %d KB of text, want at most 20s", took, size/1000)
	}
}

// TestLinear reads texts written to be slow. One ten times as long may take some
// more than ten times as long, and not a hundred.
func TestLinear(t *testing.T) {
	tests := map[string]func(n int) []string{
		"one sentence":  func(n int) []string { return []string{strings.Repeat("revenue of $5 million and ", n)} },
		"no words":      func(n int) []string { return []string{strings.Repeat("$", 20*n)} },
		"open brackets": func(n int) []string { return []string{strings.Repeat("($(", 10*n)} },
		"digits":        func(n int) []string { return []string{strings.Repeat("1", 20*n), strings.Repeat("1,111", 5*n)} },
		"comparisons": func(n int) []string {
			return []string{strings.Repeat("revenue was $5 million compared to $4 million in 2024, ", n)}
		},
		"pairs":   func(n int) []string { return []string{strings.Repeat("EPS was $1 and $2, respectively, ", n)} },
		"periods": func(n int) []string { return []string{strings.Repeat("third quarter of fiscal ", n)} },
		"cells":   func(n int) []string { return []string{strings.Repeat("Revenue | ", n)} },
		"heads":   func(n int) []string { return strings.Split(strings.Repeat("2025 | 2024 | 2023\n", n), "\n") },
		"rows": func(n int) []string {
			return append([]string{"(in thousands)", "2025 | 2024"}, strings.Split(strings.Repeat("Revenue | $5,000 | $4,000\n", n), "\n")...)
		},
		"sentences": func(n int) []string { return []string{strings.Repeat("Revenue was $5 million. ", n)} },
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			elapsed := func(n int) time.Duration {
				paragraphs := text(n)
				best := time.Hour
				for range 3 {
					start := time.Now()
					numbers.Find(paragraphs)
					best = min(best, time.Since(start))
				}
				return best
			}
			small, large := elapsed(400), elapsed(4000)
			t.Logf("%v for 400, %v for 4,000", small, large)
			if large > 40*small+40*time.Millisecond {
				t.Errorf("%v for a text ten times as long as one that took %v", large, small)
			}
		})
	}
}

func FuzzFind(f *testing.F) {
	for _, seed := range []string{
		"Revenue was $1.2 billion, or $(0.12) per share, compared to $1.1 billion in Q3 2024.",
		"Three Months Ended\n2025 | 2024\nRevenue | $5,000 | $4,000\nNet loss | (12) | (13)",
		"GAAP and non-GAAP gross margins are expected to be 74.8% and 75.0%, respectively, plus or minus 50 basis points.",
		"8,000,000 shares at $5.00 per share, warrants to purchase 1,000 shares at €1-€2",
		"expects revenue from $1 to $2 to $3 to $4, plus or minus 2%",
		"(in thousands) |  | \xff ( ) % 1 | 2025",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		paragraphs := strings.Split(text, "\n")
		found := numbers.Find(paragraphs)
		for _, n := range found {
			if n.Paragraph < 0 || n.Paragraph >= len(paragraphs) || n.Start < 0 || n.Start >= n.End || n.End > len(paragraphs[n.Paragraph]) {
				t.Fatalf("%+v is not in the text", n.Place)
			}
			if got := paragraphs[n.Paragraph][n.Start:n.End]; got != n.Text {
				t.Errorf("%q stands where %q was found", got, n.Text)
			}
			if n.Low > n.High || n.Low != n.Low || n.Unit == "" || n.Kind == "" || n.Rule == "" {
				t.Errorf("%+v", n)
			}
			if p := n.Prior; p != nil && (p.Low > p.High || p.End > len(paragraphs[p.Paragraph]) || p.Start >= p.End) {
				t.Errorf("prior %+v", p)
			}
			if utf8.ValidString(text) && !utf8.ValidString(n.String()) {
				t.Errorf("%q is not UTF-8", n.String())
			}
		}
		if len(numbers.Headline(found)) > len(found) {
			t.Error("a headline longer than what was found")
		}
	})
}

func BenchmarkFind(b *testing.B) {
	paragraphs := edgartest.Read(b, "filings", "tsla-10-k-2025-01-30.html")
	size := 0
	for _, p := range paragraphs {
		size += len(p)
	}
	b.SetBytes(int64(size))
	for b.Loop() {
		numbers.Find(paragraphs)
	}
}

func TestFigures(t *testing.T) {
	release := []string{
		"Revenue for the third quarter of 2025 was $57.006 billion, compared to $35.082 billion in the third quarter of 2024.",
		"Diluted earnings per share for the third quarter of 2025 were $1.30 and basic earnings per share were $1.31.",
		"For the fourth quarter of 2025 the company expects revenue between $64.0 billion and $66.0 billion.",
	}
	want := []string{
		"Revenue $57.0 billion (Q3 2025), was $35.1 billion",
		"EPS (diluted) $1.30 (Q3 2025)",
		"Revenue guidance $64.0–$66.0 billion (Q4 2025)",
	}
	if diff := cmp.Diff(want, numbers.Figures(numbers.Find(release), 8)); diff != "" {
		t.Error(diff)
	}
	if got := numbers.Figures(numbers.Find(release), 1); len(got) != 1 {
		t.Errorf("%q, want one at most", got)
	}
	unsure := []numbers.Number{{Kind: numbers.Revenue, Low: 1, High: 1, Unit: "USD", Confidence: numbers.Sure - 0.01}}
	if got := numbers.Figures(unsure, 8); len(got) != 0 {
		t.Errorf("%q is shown, and nobody is sure of it", got)
	}
}

func TestFigureIsRoundedAsAHeadlineIs(t *testing.T) {
	for _, tt := range []struct {
		number numbers.Number
		want   string
	}{
		{numbers.Number{Kind: numbers.Revenue, Low: 838_512_000, High: 838_512_000, Unit: "USD"}, "Revenue $838.5 million"},
		{numbers.Number{Kind: numbers.NetIncome, Low: -1_234_567, High: -1_234_567, Unit: "EUR"}, "Net income -€1.23 million"},
		{numbers.Number{Kind: numbers.OfferingShares, Low: 8e6, High: 8e6, Unit: numbers.Shares, Approximate: true}, "Shares offered about 8.00 million"},
		{numbers.Number{Kind: numbers.GrossMargin, Low: 74.5, High: 75.5, Unit: numbers.Percent, Guidance: true}, "Gross margin guidance 74.5%–75.5%"},
		{numbers.Number{Kind: numbers.EPS, Low: 0.425, High: 0.425, Unit: "USD", Adjusted: true}, "Adjusted EPS $0.425"},
		{numbers.Number{Kind: numbers.DealValue, Low: 2.5e12, High: 2.5e12, Unit: "CNY"}, "Deal value CNY 2.50 trillion"},
		{numbers.Number{Kind: numbers.OfferingSize, Low: 750_000, High: 750_000, Unit: "USD"}, "Offering size $750K"},
	} {
		if got := tt.number.Figure(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
