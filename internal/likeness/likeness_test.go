package likeness

import (
	"strings"
	"testing"
)

func TestDiffers(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"Acme raises $30M", "Acme raises $30 million", ""},
		{"Acme raises $30M", "Acme raises USD 30,000,000", ""},
		{"Acme raises $30M", "Acme raises 30 million dollars", ""},
		{"Acme raises $30M", "Acme raises €30M", Numbers},
		{"Acme raises C$30M", "Acme raises $30M", Numbers},
		{"Acme raises $30M", "Acme raises $30B", Numbers},
		{"Margin of 3.5%", "Margin of 3.5 percent", ""},
		{"Margin of 3.5%", "Margin of 3.5 per cent", ""},
		{"Margin of 3.50 pct", "Margin of 3.5%", ""},
		{"Fed moves 25 basis points", "Fed moves 0.25 percentage point", ""},
		{"EPS of 85 cents", "EPS of $0.85", ""},
		{"EPS of -$0.12", "EPS of $0.12", Numbers},
		{"Guidance $1.10-$1.20", "Guidance of $1.10 to $1.20", ""},
		{"target $2.10", "target $2.01", Numbers},
		{"1,200 jobs", "1200 jobs", ""},
		{"three plants", "3 plants", ""},
		{"a billion users", "1 billion users", ""},
		{"loan of $45.2M", "loan of $45.2B", Numbers},
		{"EUR 3 mn", "EUR3 million", ""},
		{"goes from $40 to $50", "goes to $50 from $40", ""},
		{"goes from $40 to $50", "goes from $50 to $40", Numbers},
		{"Phase III data", "Phase 3 data", ""},
		{"Phase 2 data", "late-stage data", Numbers},
		{"Series B round", "Series C round", Numbers},
		{"UPDATE 2-Acme names CEO", "Acme names CEO", ""},
		{"Acme to join S&P 500", "Acme to join the S&P", ""},
		{"fourth straight month of growth", "fifth straight month of growth", Numbers},

		{"Q3 results", "third quarter results", ""},
		{"Q3 results", "third-quarter results", ""},
		{"3Q26 results", "Q3 2026 results", ""},
		{"Q3 FY26 results", "fiscal third quarter results", ""},
		{"Q3 results", "Q4 results", Period},
		{"Q3 results", "results", ""},
		{"Q4 results", "full-year results", Period},
		{"Q4 and full-year results", "fourth quarter results", ""},
		{"fiscal 2026 outlook", "FY26 outlook", ""},
		{"fiscal 2026 outlook", "fiscal 2027 outlook", Period},
		{"H1 sales", "first half sales", ""},
		{"H1 sales", "H2 sales", Period},
		{"dividend payable June 15", "dividend payable 15 June", ""},
		{"dividend payable June 15", "dividend payable June 30", Period},
		{"sales for May", "sales for June", Period},
		{"Movers on Monday", "Movers on Tuesday", Period},

		{"Revenue up 12%", "Revenue down 12%", Direction},
		{"Revenue up 12%", "Sales rise 12%", ""},
		{"Acme beats estimates", "Acme misses estimates", Direction},
		{"Acme raises outlook", "Acme cuts outlook", Direction},
		{"Acme raises outlook", "Acme lifts forecast", ""},
		{"FDA approves drug", "FDA rejects drug", Direction},
		{"FDA approves drug", "drug approved by FDA", ""},
		{"Acme wins case", "Acme loses case", Direction},
		{"analyst says buy", "analyst says sell", Direction},
		{"agrees to merge", "does not agree to merge", Direction},
		{"trial meets goal", "trial fails to meet goal", Direction},
		{"trial misses goal", "trial does not miss goal", Direction},
		{"Acme is for sale", "Acme is not for sale", Direction},
		{"the drug doesn't work", "the drug does work", Direction},
		{"Profit rises as costs fall", "Profit falls as costs rise", Direction},
		{"Acme profit up", "Acme fails", Direction},
		{"Acme to acquire Beta", "Acme to be acquired by Beta", Direction},
		{"Acme acquires Beta", "Beta acquired by Acme", ""},
		{"swings to profit from loss", "swings to loss from profit", Direction},

		{"Acme in talks to acquire Beta", "Acme to acquire Beta", Progress},
		{"Acme completes acquisition of Beta", "Acme announces acquisition of Beta", Progress},
		{"Acme announces proposed offering", "Acme announces pricing of offering", Progress},
		{"Acme submits FDA application", "FDA approves Acme application", Progress},
		{"", "", ""},
		{"the end.", "the end", ""},
	} {
		a, b := Of(c.a), Of(c.b)
		if got := a.Differs(b); got != c.want {
			t.Errorf("%q and %q: %q, want %q\n%+v\n%+v", c.a, c.b, got, c.want, a, b)
		}
		if got := Differ(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %q when no more is read than that takes, want %q", c.a, c.b, got, c.want)
		}
		if a.Differs(b) != b.Differs(a) {
			t.Errorf("%q and %q: not symmetric", c.a, c.b)
		}
	}
}

func TestAWordIsOnOneAxis(t *testing.T) {
	on := map[string]string{}
	for _, a := range axes {
		for sign, list := range map[string]string{"+": a.plus, "-": a.minus} {
			for _, word := range forms(list) {
				side := a.name + sign
				if other, ok := on[word]; ok && other != side {
					t.Errorf("%q is on %s and %s", word, other, side)
				}
				on[word] = side
			}
		}
	}
}

func FuzzOf(f *testing.F) {
	for _, text := range []string{"Q3 revenue up 12% to $45.2M", "", "\xff\xfe", "1.2.3.4.5", "$-$-$", "3Q26'26", "2026-06-15", "not not no", strings.Repeat("9", 5000), strings.Repeat("up down ", 900)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, b := Of(text), Of(text)
		if got := a.Differs(b); got != "" {
			t.Errorf("%q differs from itself by %s: %+v", text, got, a)
		}
		const other = "Acme raises Q3 outlook to $30M, in talks to acquire Beta"
		if got, want := Differ(text, other), a.Differs(Of(other)); got != want {
			t.Errorf("%q differs by %q when no more is read than that takes, want %q", text, got, want)
		}
		for _, facts := range [][]string{a.Numbers, a.From, a.To, a.Periods, a.Directions, a.Progress, a.Actors, a.Objects} {
			if len(facts) > maxFacts {
				t.Errorf("%d facts, want at most %d", len(facts), maxFacts)
			}
			for _, fact := range facts {
				if len(fact) > maxText {
					t.Errorf("a fact of %d bytes", len(fact))
				}
			}
		}
	})
}

func BenchmarkOf(b *testing.B) {
	for b.Loop() {
		Of("UPDATE 2-Harbor Biotech raises fiscal 2026 outlook as third-quarter revenue climbs 12% to $45.2 million, beating estimates")
	}
}
