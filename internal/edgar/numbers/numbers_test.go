package numbers_test

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"catalyst/internal/edgar/numbers"
)

// A labelled case of testdata/cases.txt.
type labelled struct {
	line       int
	paragraphs []string
	want       []want
}

type want struct {
	text                      string
	kind                      numbers.Kind
	low, high                 float64
	unit, share               string
	adjusted, guidance, about bool
	period                    string // "-": not checked to be empty, but must be
	prior                     bool
	priorLow, priorHigh       float64
	priorPeriod               string
}

// same says whether n is the number that was wanted; period and comparison are
// judged apart.
func (w want) same(n numbers.Number) bool {
	return n.Kind == w.kind && near(n.Low, w.low) && near(n.High, w.high) && n.Unit == w.unit && n.PerShare == w.share &&
		n.Adjusted == w.adjusted && n.Guidance == w.guidance
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Max(math.Abs(a), math.Abs(b))+1e-9 }

// TestCases measures against the labelled cases, by kind, and holds what was
// reached. A figure with the wrong sign, scale, unit or flavour is a wrong figure.
func TestCases(t *testing.T) {
	type tally struct{ right, wrong, missed int }
	byKind := map[numbers.Kind]*tally{}
	for _, kind := range numbers.Kinds() {
		byKind[kind] = &tally{}
	}
	var all, periods, priors tally
	cases := readCases(t)
	for _, c := range cases {
		found := numbers.Find(c.paragraphs)
		taken := make([]bool, len(found))
		for _, w := range c.want {
			i := pick(found, taken, w)
			if i < 0 {
				t.Logf("line %d: missed %s\n\tin %q\n\tgot %v", c.line, w.text, c.paragraphs, found)
				byKind[w.kind].missed++
				continue
			}
			taken[i] = true
			n := found[i]
			byKind[w.kind].right++
			if got := c.paragraphs[n.Paragraph][n.Start:n.End]; got != n.Text {
				t.Errorf("line %d: the place of %v is %q, not %q", c.line, n, got, n.Text)
			}
			if w.about != n.Approximate {
				t.Errorf("line %d: %v: approximate is %v", c.line, n, n.Approximate)
			}
			if got := n.Period.String(); got == w.period || w.period == "-" && got == "" {
				periods.right++
			} else {
				periods.wrong++
				t.Logf("line %d: %v: period %q, want %q", c.line, n, got, w.period)
			}
			switch {
			case n.Prior == nil && !w.prior:
			case n.Prior == nil:
				priors.missed++
				t.Logf("line %d: %v: no comparison, want %s", c.line, n, w.text)
			case !w.prior || !near(n.Prior.Low, w.priorLow) || !near(n.Prior.High, w.priorHigh):
				priors.wrong++
				t.Logf("line %d: %v: comparison, want %s", c.line, n, w.text)
			case w.priorPeriod != "" && n.Prior.Period.String() != strings.Trim(w.priorPeriod, "-"):
				priors.wrong++
				t.Logf("line %d: %v: comparison period %q, want %q", c.line, n, n.Prior.Period, w.priorPeriod)
			default:
				priors.right++
			}
		}
		for i, n := range found {
			if !taken[i] {
				t.Logf("line %d: wrong %v (%s)\n\tin %q", c.line, n, n.Rule, c.paragraphs)
				byKind[n.Kind].wrong++
			}
		}
	}
	var report strings.Builder
	fmt.Fprintf(&report, "%d cases\n%-17s %5s %5s %6s  %9s %6s\n", len(cases), "kind", "right", "wrong", "missed", "precision", "recall")
	line := func(name string, k tally) {
		fmt.Fprintf(&report, "%-17s %5d %5d %6d  %9.3f %6.3f\n", name, k.right, k.wrong, k.missed, ratio(k.right, k.wrong), ratio(k.right, k.missed))
	}
	for _, kind := range numbers.Kinds() {
		k := *byKind[kind]
		line(string(kind), k)
		all.right, all.wrong, all.missed = all.right+k.right, all.wrong+k.wrong, all.missed+k.missed
		if p, r := ratio(k.right, k.wrong), ratio(k.right, k.missed); p < 0.95 || r < 0.9 {
			t.Errorf("%s: precision %.3f, recall %.3f; want 0.95 and 0.90", kind, p, r)
		}
	}
	line("all", all)
	line("period", periods)
	line("comparison", priors)
	t.Log("\n" + report.String())
	if p, r := ratio(all.right, all.wrong), ratio(all.right, all.missed); p < 0.98 || r < 0.95 {
		t.Errorf("precision %.3f, recall %.3f; want 0.98 and 0.95", p, r)
	}
	if ratio(periods.right, periods.wrong) < 0.95 || ratio(priors.right, priors.wrong+priors.missed) < 0.9 {
		t.Errorf("periods %+v, comparisons %+v; want 0.95 and 0.90 of them right", periods, priors)
	}
	if len(cases) < 120 {
		t.Errorf("%d cases, want at least 120", len(cases))
	}
}

func ratio(right, not int) float64 {
	if right+not == 0 {
		return 1
	}
	return float64(right) / float64(right+not)
}

// pick prefers the number that also has the wanted period.
func pick(found []numbers.Number, taken []bool, w want) int {
	best := -1
	for i, n := range found {
		if taken[i] || !w.same(n) {
			continue
		}
		if n.Period.String() == w.period {
			return i
		}
		if best < 0 {
			best = i
		}
	}
	return best
}

func readCases(t *testing.T) []labelled {
	t.Helper()
	file, err := os.ReadFile("testdata/cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	var cases []labelled
	var c labelled
	for i, line := range append(strings.Split(string(file), "\n"), "") {
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "= "):
			c.want = append(c.want, readWant(t, i+1, line[2:]))
		case line == "=":
		case line == "":
			if len(c.paragraphs) > 0 {
				cases = append(cases, c)
			}
			c = labelled{}
		default:
			if len(c.paragraphs) == 0 {
				c.line = i + 1
			}
			c.paragraphs = append(c.paragraphs, line)
		}
	}
	return cases
}

func readWant(t *testing.T, line int, text string) want {
	t.Helper()
	parts := strings.Split(text, ";")
	fields := strings.Fields(parts[0])
	w := want{text: text, kind: numbers.Kind(fields[0]), unit: fields[2], period: "-"}
	w.low, w.high = readRange(t, line, fields[1])
	for _, flag := range fields[3:] {
		switch flag {
		case "adjusted":
			w.adjusted = true
		case "guidance":
			w.guidance = true
		case "about":
			w.about = true
		case "both":
			w.share = "basic and diluted"
		case "diluted", "basic":
			w.share = flag
		default:
			t.Fatalf("line %d: unknown flag %q", line, flag)
		}
	}
	if len(parts) > 1 {
		w.period = strings.TrimSpace(parts[1])
	}
	if len(parts) > 2 {
		if prior, ok := strings.CutPrefix(strings.TrimSpace(parts[2]), "prior "); ok {
			w.prior = true
			w.priorLow, w.priorHigh = readRange(t, line, prior)
		}
	}
	if len(parts) > 3 {
		w.priorPeriod = strings.TrimSpace(parts[3])
	}
	return w
}

func readRange(t *testing.T, line int, text string) (low, high float64) {
	t.Helper()
	first, last, isRange := strings.Cut(text, "..")
	if !isRange {
		last = first
	}
	read := func(s string) float64 {
		by := 1.0
		if n := len(s); n > 0 {
			if scale := map[byte]float64{'K': 1e3, 'M': 1e6, 'B': 1e9}[s[n-1]]; scale > 0 {
				by, s = scale, s[:n-1]
			}
		}
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatalf("line %d: %v", line, err)
		}
		return v * by
	}
	return read(first), read(last)
}
