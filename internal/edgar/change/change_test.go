package change_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"sort"
	"strings"
	"testing"
	"time"
	"unicode"

	"catalyst/internal/edgar/change"

	"github.com/google/go-cmp/cmp"
)

func TestCompare(t *testing.T) {
	prior := []string{
		"Item 1A. Risk Factors",
		"Our suppliers are few, and the loss of one of them would delay what we deliver.",
		"Demand for our pumps depends on the price of copper, which has varied widely.",
		"We lease a plant in Ohio and own two others.",
		"As of December 31, 2024, we had 1,204 employees.",
		"14",
	}
	current := []string{
		"ITEM 1A. RISK FACTORS",
		"We lease a plant in Ohio and own two others.",
		"15",
		"Our suppliers are few – and the loss of one of them would delay what we deliver.",
		"Demand for our pumps depends on the price of copper and on tariffs, which have varied widely.",
		"As of December 31, 2025, we had 1,204 employees.",
		"A fire in March stopped our largest plant for six weeks.",
	}
	r := change.Compare(prior, current)
	if want := []change.Paragraph{{6, current[6]}}; !cmp.Equal(r.New, want) {
		t.Errorf("new: %v, want %v", r.New, want)
	}
	if len(r.Removed) != 0 {
		t.Errorf("removed: %v, want none", r.Removed)
	}
	if want := []change.Move{{Prior: 3, Current: 1}}; !cmp.Equal(r.Moved, want) {
		t.Errorf("moved: %v, want %v", r.Moved, want)
	}
	if r.Unchanged != 3 || r.Rolled != 1 {
		t.Errorf("unchanged %d, rolled %d; want 3 and 1", r.Unchanged, r.Rolled)
	}
	if len(r.Rewritten) != 1 {
		t.Fatalf("rewritten: %v, want one", r.Rewritten)
	}
	if got, want := r.Rewritten[0].Marked(), []string{"Demand for our pumps depends on the price of copper {+and on tariffs+}, which [-has-]{+have+} varied widely."}; !cmp.Equal(got, want) {
		t.Errorf("marked: %q, want %q", got, want)
	}
}

// TestDatesRoll holds that only what moved on by a year is no change.
func TestDatesRoll(t *testing.T) {
	tests := []struct {
		prior, current string
		same           bool
	}{
		{"Our fiscal year ended January 28, 2024 had 52 weeks.", "Our fiscal year ended January 26, 2025 had 52 weeks.", true},
		{"In 2023 and 2022 sales were seasonal.", "In 2024 and 2023 sales were seasonal.", true},
		{"Our FY24 plan is on page 4.", "Our FY25 plan is on page 4.", true},
		{"The notes are due in 2026 and bear interest.", "The notes are due in 2031 and bear interest.", false},
		{"The trial begins on March 3, 2025 in Austin.", "The trial begins on June 9, 2025 in Austin.", false},
		{"We had 2,023 employees at our plants.", "We had 2,024 employees at our plants.", false},
		{"The fine was $(12) million for the plant.", "The fine was $12 million for the plant.", false},
		{"It may rain on 4 days of the year.", "It may rain on 5 days of the year.", false},
	}
	for _, tt := range tests {
		r := change.Compare([]string{tt.prior}, []string{tt.current})
		if r.Empty() != tt.same {
			t.Errorf("%q → %q: empty is %v, want %v", tt.prior, tt.current, r.Empty(), tt.same)
		}
		if tt.same && (r.Rolled != 1 || r.Similarity != 1) {
			t.Errorf("%q: rolled %d, similarity %v; want 1 and 1", tt.current, r.Rolled, r.Similarity)
		}
	}
}

// TestPageBreaks: a paragraph that a page cut elsewhere is the same paragraph.
func TestPageBreaks(t *testing.T) {
	long := "Our competitors are larger than we are, have more money to spend on research, and sell in markets that"
	rest := "we have not entered. They may cut prices at any time."
	for _, current := range [][]string{
		{long, "31", rest},
		{long, "Table of Contents", "31", rest},
		{long + " " + rest},
		{long, rest},
	} {
		r := change.Compare([]string{long + " we", "30", strings.TrimPrefix(rest, "we ")}, current)
		if !r.Empty() || r.Unchanged != 1 {
			t.Errorf("%q: %+v, want one unchanged paragraph", current, r)
		}
	}
}

// TestTable: a table in one paragraph is compared row by row.
func TestTable(t *testing.T) {
	prior := []string{"Sales by region", "Chile | 10 | 9\nPeru | 7 | 6\nZambia | 2 | 1"}
	current := []string{"Sales by region", "Chile | 10 | 9\nPeru | 8 | 6\nZambia | 2 | 1"}
	r := change.Compare(prior, current)
	if r.Unchanged != 3 || len(r.New) != 0 || len(r.Removed) != 0 || len(r.Rewritten) != 1 || r.Rewritten[0].Current != (change.Paragraph{Index: 1, Text: "Peru | 8 | 6"}) {
		t.Errorf("%+v, want the row of Peru", r)
	}
}

func TestSimilarity(t *testing.T) {
	words := func(n int, word string) []string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf("%s%d is one of the many things that %s%d was, said number %d.", word, i, word, i*7, i*13))
		}
		return list
	}
	base := words(100, "alpha")
	tests := []struct {
		name           string
		prior, current []string
		low, high      float64
		changed, much  bool
	}{
		{"both empty", nil, nil, 1, 1, false, false},
		{"from nothing", nil, base, 0, 0, true, true},
		{"to nothing", base, nil, 0, 0, true, true},
		{"same", base, base, 1, 1, false, false},
		{"a fifth is new", base, append(words(25, "beta"), base...), 0.85, 0.92, true, false},
		{"half is gone", base, base[:50], 0.6, 0.7, true, true},
	}
	for _, tt := range tests {
		r := change.Compare(tt.prior, tt.current)
		if r.Similarity < tt.low || r.Similarity > tt.high || r.Changed() != tt.changed || r.High() != tt.much {
			t.Errorf("%s: %.3f, changed %v, high %v; want %v … %v, %v, %v", tt.name, r.Similarity, r.Changed(), r.High(), tt.low, tt.high, tt.changed, tt.much)
		}
	}
}

// A section made by a seed: paragraphs of a small vocabulary, some the same.
func section(r *rand.Rand, paragraphs int) []string {
	nouns := strings.Fields("supplier customer plant licence patent product market tariff employee lender court regulator price cost demand chip battery vehicle drug trial")
	verbs := strings.Fields("may could will might has reduced increased delayed harmed required limited affected changed ended begun")
	list := make([]string, paragraphs)
	for i := range list {
		var b strings.Builder
		for range 1 + r.IntN(5) {
			fmt.Fprintf(&b, "Our %s %s the %s in %d", nouns[r.IntN(len(nouns))], verbs[r.IntN(len(verbs))], nouns[r.IntN(len(nouns))], 2015+r.IntN(10))
			for range r.IntN(30) {
				b.WriteString(" " + nouns[r.IntN(len(nouns))])
			}
			b.WriteString(". ")
		}
		list[i] = strings.TrimSpace(b.String())
	}
	return list
}

// edited changes some paragraphs, drops some and puts in others.
func edited(r *rand.Rand, list []string) []string {
	var out []string
	for _, p := range list {
		switch r.IntN(8) {
		case 0:
			continue
		case 1:
			out = append(out, section(r, 1)...)
		case 2:
			words := strings.Fields(p)
			for range 1 + r.IntN(6) {
				words[r.IntN(len(words))] = fmt.Sprint("word", r.IntN(100))
			}
			p = strings.Join(words, " ")
		}
		out = append(out, p)
	}
	return out
}

// apply makes the current text of the prior one and the report, as a multiset of
// paragraphs.
func apply(prior []string, r change.Report) []string {
	var out []string
	left := map[int]bool{}
	for i := range prior {
		left[i] = true
	}
	for _, p := range r.Removed {
		delete(left, p.Index)
	}
	for _, p := range r.Rewritten {
		delete(left, p.Prior.Index)
		var b strings.Builder
		at := 0
		for _, e := range p.Edits {
			b.WriteString(p.Prior.Text[at:e.Prior.Start] + " " + p.Current.Text[e.Current.Start:e.Current.End] + " ")
			at = e.Prior.End
		}
		out = append(out, b.String()+p.Prior.Text[at:])
	}
	for i := range prior {
		if left[i] {
			out = append(out, prior[i])
		}
	}
	for _, p := range r.New {
		out = append(out, p.Text)
	}
	return normal(out)
}

var date = regexp.MustCompile(`(?:January|February|March|April|May|June|July|August|September|October|November|December)\p{Z}+\d{1,2},?\p{Z}+20\d\d`)

// normal is what does not count as a change taken away: here letters and figures are
// all that does, and years are one.
func normal(list []string) []string {
	var out []string
	for _, p := range list {
		p = date.ReplaceAllString(p, "year")
		words := strings.FieldsFunc(strings.ToLower(p), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		for i, w := range words {
			if len(w) == 4 && strings.HasPrefix(w, "20") {
				words[i] = "year"
			}
		}
		if len(words) > 0 {
			out = append(out, strings.Join(words, " "))
		}
	}
	sort.Strings(out)
	return out
}

func TestProperties(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 5))
		prior := section(r, 1+r.IntN(120))
		same := change.Compare(prior, prior)
		if !same.Empty() || len(same.Moved) > 0 || same.Similarity != 1 || same.Unchanged != len(prior) || same.Text(1000) != "" {
			t.Fatalf("seed %d: a text compared with itself: %+v", seed, same)
		}
		shuffled := append([]string(nil), prior...)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if moved := change.Compare(prior, shuffled); !moved.Empty() || moved.Similarity != 1 || moved.Unchanged+len(moved.Moved) != len(prior) {
			t.Fatalf("seed %d: a shuffled text: %d new, %d rewritten, %d removed", seed, len(moved.New), len(moved.Rewritten), len(moved.Removed))
		}
		current := edited(r, prior)
		report := change.Compare(prior, current)
		if got, want := apply(prior, report), normal(current); !cmp.Equal(got, want) {
			t.Fatalf("seed %d: the report does not make the current text of the prior one: %s", seed, cmp.Diff(want, got))
		}
		if n := len(report.New) + len(report.Rewritten) + len(report.Moved) + report.Unchanged; n != len(current) {
			t.Fatalf("seed %d: %d paragraphs are accounted for, want %d", seed, n, len(current))
		}
		back := change.Compare(current, prior)
		if d := back.Similarity - report.Similarity; d > 0.05 || d < -0.05 {
			t.Errorf("seed %d: similarity %.3f one way, %.3f the other", seed, report.Similarity, back.Similarity)
		}
		for _, limit := range []int{1, 50, 400, 3000, 1 << 20} {
			text := report.Text(limit)
			if len(text) > limit {
				t.Fatalf("seed %d: %d bytes of text, want at most %d", seed, len(text), limit)
			}
			if limit >= 400 && text == "" && !report.Empty() {
				t.Fatalf("seed %d: no text of a report that is not empty", seed)
			}
		}
	}
}

// TestHostile compares what was written to be slow. A text ten times as long may
// take some more than ten times as long, and not a hundred.
func TestHostile(t *testing.T) {
	repeat := func(n int, f func(i int) string) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = f(i)
		}
		return list
	}
	kinds := map[string]func(n int) (prior, current []string){
		"one word": func(n int) ([]string, []string) {
			return []string{strings.Repeat("a ", n*20)}, []string{strings.Repeat("a ", n*20+1) + "b"}
		},
		"two words in turn": func(n int) ([]string, []string) {
			return []string{strings.Repeat("a b ", n*10)}, []string{strings.Repeat("b a a ", n*7)}
		},
		"one long paragraph, half of it other words": func(n int) ([]string, []string) {
			mixed := func(other string) string {
				return strings.Join(repeat(n*10, func(i int) string { return fmt.Sprintf("w%d %s%d", i, other, i) }), " ")
			}
			return []string{mixed("x")}, []string{mixed("y")}
		},
		"paragraphs alike but for a word": func(n int) ([]string, []string) {
			alike := func(k int) []string {
				return repeat(n, func(i int) string {
					return fmt.Sprintf("The holder of series %d may convert it at any time before the record date", i*k)
				})
			}
			return alike(2), alike(3)
		},
		"rows that differ in dates": func(n int) ([]string, []string) {
			return repeat(n, func(i int) string { return fmt.Sprintf("paid on May %d, %d", i%28, 1980+i%90) }),
				repeat(n, func(i int) string { return fmt.Sprintf("paid on May %d, %d", i%27, 1980+i%89) })
		},
		"the same line": func(n int) ([]string, []string) {
			return repeat(n, func(int) string { return "None." }), repeat(2*n, func(int) string { return "None." })
		},
		"permuted words": func(n int) ([]string, []string) {
			r := rand.New(rand.NewPCG(1, 2))
			shuffled := func() []string {
				return repeat(n/2, func(int) string {
					words := strings.Fields("one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty")
					r.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
					return strings.Join(words, " ")
				})
			}
			return shuffled(), shuffled()
		},
		"no spaces": func(n int) ([]string, []string) {
			return []string{strings.Repeat("x", n*40)}, []string{strings.Repeat("y", n*40)}
		},
		"lower-case lines": func(n int) ([]string, []string) {
			return repeat(n, func(i int) string { return strings.Repeat(fmt.Sprint("and ", i, " "), 10) }), nil
		},
	}
	for name, make := range kinds {
		t.Run(name, func(t *testing.T) {
			elapsed := func(n int) time.Duration {
				prior, current := make(n)
				best := time.Hour
				for range 5 {
					start := time.Now()
					change.Compare(prior, current).Text(5000)
					best = min(best, time.Since(start))
				}
				return best
			}
			small, large := elapsed(500), elapsed(5000)
			t.Logf("%v for 500, %v for 5,000", small, large)
			if large > 40*small+100*time.Millisecond {
				t.Errorf("%v for a text ten times as long as one that took %v", large, small)
			}
		})
	}
}

func TestText(t *testing.T) {
	prior := []string{
		"We sell pumps to mines. Our customers are in Chile and Peru. They pay in dollars.",
		"We own one plant in Ohio and have no other property.",
		"The lawsuit that was filed against us by a former supplier is set for trial.",
	}
	current := []string{
		"We sell pumps to mines. Our customers are in Chile, Peru and Zambia. They pay in dollars.",
		"We own one plant in Ohio and have no other property.",
		"For more information see our website at www.example.com, which is not part of this report, and our other reports, which are not either.",
		"A customer that bought a third of our pumps has told us that it will buy none next year.",
		"Pumps sold | 1,204 | 1,377 | 14% | and many other figures that fill a row from one end to the other | 12 | 13 | 14",
	}
	want := `New:
- A customer that bought a third of our pumps has told us that it will buy none next year.
- For more information see our website at www.example.com, which is not part of this report, and our other reports, which are not either.
- Pumps sold | 1,204 | 1,377 | 14% | and many other figures that fill a row from one end to the other | 12 | 13 | 14
Rewritten:
- Our customers are in Chile, [-and-] Peru {+and Zambia+}.
Removed:
- The lawsuit that was filed against us by a former supplier is set for trial.
`
	r := change.Compare(prior, current)
	if got := r.Text(2000); got != want {
		t.Errorf("text: %s", cmp.Diff(want, got))
	}
	want = `New:
- A customer that bought a third of our pumps has told us that it will buy none next year.
(not shown: 2 new, 1 rewritten, 1 removed)
`
	if got := r.Text(200); got != want {
		t.Errorf("short text: %s", cmp.Diff(want, got))
	}
}

func TestSentences(t *testing.T) {
	got := change.Sentences("Acme Inc. bought Bolt Corp. for cash. J. Doe signed. See Item 1.01 (as amended.) Was it much? Yes.")
	want := []string{"Acme Inc. bought Bolt Corp. for cash.", "J. Doe signed.", "See Item 1.01 (as amended.)", "Was it much?", "Yes."}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzCompare(f *testing.F) {
	f.Add("Our plant.\nIn 2024 we sold it.\n12", "Our plants.\nIn 2025 we sold it.\n13", 100)
	f.Add("a b c d e f g", "a x c d y f g h", 20)
	f.Add("\xff\xfe(12 ’’’ – | —", "$(1) \u00ad- May 1, 2024's", 5)
	f.Fuzz(func(t *testing.T, a, b string, limit int) {
		if len(a) > 2000 || len(b) > 2000 {
			return
		}
		prior, current := strings.Split(a, "\n"), strings.Split(b, "\n")
		r := change.Compare(prior, current)
		if r.Similarity < 0 || r.Similarity > 1 {
			t.Errorf("similarity %v", r.Similarity)
		}
		for _, p := range r.Rewritten {
			at, bt := 0, 0
			for _, e := range p.Edits {
				if e.Prior.Start < at || e.Prior.End < e.Prior.Start || e.Prior.End > len(p.Prior.Text) ||
					e.Current.Start < bt || e.Current.End < e.Current.Start || e.Current.End > len(p.Current.Text) {
					t.Fatalf("edits %v of %q and %q", p.Edits, p.Prior.Text, p.Current.Text)
				}
				at, bt = e.Prior.End, e.Current.End
			}
			p.Marked()
		}
		if text := r.Text(limit); len(text) > max(0, limit) {
			t.Errorf("%d bytes, want at most %d", len(text), limit)
		}
		if same := change.Compare(prior, prior); !same.Empty() || len(same.Moved) > 0 {
			t.Errorf("%q compared with itself: %+v", prior, same)
		}
	})
}

func BenchmarkCompare(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 9))
	prior := section(r, 900)
	for size(prior) > 190_000 {
		prior = prior[1:]
	}
	current := edited(r, prior)
	b.SetBytes(int64(size(prior)))
	for b.Loop() {
		change.Compare(prior, current)
	}
}

func size(list []string) int {
	n := 0
	for _, p := range list {
		n += len(p)
	}
	return n
}

// TestSpeed holds 190 KB under 300 ms.
func TestSpeed(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	prior := section(r, 900)
	current := edited(r, prior)
	best := time.Hour
	for range 3 {
		start := time.Now()
		change.Compare(prior, current)
		best = min(best, time.Since(start))
	}
	t.Logf("%d KB against %d KB: %v", size(prior)/1000, size(current)/1000, best)
	if size(prior) < 190_000 {
		t.Fatalf("%d bytes, want at least 190,000", size(prior))
	}
	if best > 300*time.Millisecond {
		t.Errorf("%v, want at most 300ms", best)
	}
}
