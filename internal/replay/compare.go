package replay

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// A Comparison is two pipelines on one history.
type Comparison struct {
	A       *Report  `json:"a"`
	B       *Report  `json:"b"`
	Items   int      `json:"items"` // that could be compared
	Changes []Change `json:"changes"`
	// Delayed are items of which nothing changed but when they were shown.
	Delayed []Change `json:"delayed"`
}

// A Change is an item of which the two made something different.
type Change struct {
	N    int      `json:"n"`
	What []string `json:"what"` // there, alerted, fate, verdict, provider, cost, delay
	A    Outcome  `json:"a"`
	B    Outcome  `json:"b"`
}

// Item is the outcome of the first of the two that has the item.
func (c Change) Item() Outcome {
	if c.A.Fate == "" {
		return c.B
	}
	return c.A
}

// Compare compares the reports of one history. Where one of them was interrupted, only
// what both had done is compared.
func Compare(a, b *Report) *Comparison {
	c := &Comparison{A: a, B: b}
	for _, both := range pairs(a, b) {
		x, y := both[0], both[1]
		n := x.N
		if x.Fate == "" {
			n = y.N
		}
		if x.Fate == Unfinished || y.Fate == Unfinished {
			continue
		}
		c.Items++
		switch what := differences(x, y); {
		case len(what) == 0:
		case slices.Equal(what, []string{"delay"}):
			c.Delayed = append(c.Delayed, Change{n, what, x, y})
		default:
			c.Changes = append(c.Changes, Change{n, what, x, y})
		}
	}
	a.Figures.Changed, b.Figures.Changed = len(c.Changes), len(c.Changes)
	return c
}

// pairs are the outcomes of the same item. Items of one history have the same numbers; but
// sources that poll again may not find the same ones, so with polls it is the key, and how often it
// had come, that tells. An item that only one of them has stands beside a zero Outcome.
func pairs(a, b *Report) (all [][2]Outcome) {
	if len(a.Polls)+len(b.Polls) == 0 {
		for n := range min(len(a.Outcomes), len(b.Outcomes)) {
			all = append(all, [2]Outcome{a.Outcomes[n], b.Outcomes[n]})
		}
		return all
	}
	type turn struct {
		source, key string
		n           int
	}
	turns := func(outcomes []Outcome) (which []turn) {
		times := map[turn]int{}
		for _, o := range outcomes {
			t := turn{o.Source, o.Key, 0}
			times[t]++
			t.n = times[t]
			which = append(which, t)
		}
		return which
	}
	place := map[turn]int{}
	for n, t := range turns(a.Outcomes) {
		place[t] = n
		all = append(all, [2]Outcome{a.Outcomes[n], {}})
	}
	for n, t := range turns(b.Outcomes) {
		if at, both := place[t]; both {
			all[at][1] = b.Outcomes[n]
		} else {
			all = append(all, [2]Outcome{{}, b.Outcomes[n]})
		}
	}
	if !a.Interrupted && !b.Interrupted {
		return all
	}
	return slices.DeleteFunc(all, func(p [2]Outcome) bool { return p[0].Fate == "" || p[1].Fate == "" })
}

func differences(a, b Outcome) (what []string) {
	if a.Fate == "" || b.Fate == "" {
		return []string{"there"}
	}
	for _, d := range []struct {
		word   string
		differ bool
	}{
		{"alerted", a.Alerted != b.Alerted},
		{"fate", a.Fate != b.Fate || a.Fate != Delivered && a.Stage != b.Stage},
		{"verdict", a.Verdict != b.Verdict || a.Score != b.Score || a.Confidence != b.Confidence},
		{"provider", a.Provider != b.Provider || a.Model != b.Model || (a.CachedFrom == "") != (b.CachedFrom == "")},
		{"cost", a.NanoDollars != b.NanoDollars || a.TokensIn != b.TokensIn || a.TokensOut != b.TokensOut},
		{"delay", a.AlertMS != b.AlertMS || a.VerdictMS != b.VerdictMS},
	} {
		if d.differ {
			what = append(what, d.word)
		}
	}
	return what
}

// Text writes the comparison for people: what changed, at most so many items of it, and
// the totals side by side. 0 is no bound.
func (c *Comparison) Text(w io.Writer, most int) error {
	var out strings.Builder
	fmt.Fprintf(&out, "A  %s\nB  %s\n\n", c.A.File, c.B.File)
	fmt.Fprintf(&out, "%d of %d items changed", len(c.Changes), c.Items)
	if n := len(c.Delayed); n > 0 {
		fmt.Fprintf(&out, "; of %d more only the delay", n)
	}
	out.WriteString("\n")
	if len(c.Changes) > 0 {
		out.WriteString("\n")
		table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "ITEM\tTIME\tA\tB\tTITLE")
		for _, ch := range bounded(c.Changes, most) {
			fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\n", ch.N, ch.Item().At.Format("2006-01-02 15:04:05"), brief(ch.A), brief(ch.B), plain(clip(ch.Item().Title, 60)))
		}
		table.Flush()
		if left := len(c.Changes) - len(bounded(c.Changes, most)); left > 0 {
			fmt.Fprintf(&out, "… and %d more: see --json or --html\n", left)
		}
	}
	out.WriteString("\n")
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\tA\tB\tB − A\t")
	for _, row := range totals(&c.A.Figures, &c.B.Figures) {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t\n", row.name, number(row.a), number(row.b), signed(row.b-row.a))
	}
	table.Flush()
	_, err := io.WriteString(w, out.String())
	return err
}

func bounded(changes []Change, most int) []Change {
	if most > 0 && len(changes) > most {
		return changes[:most]
	}
	return changes
}

// brief is an outcome in a few words.
func brief(o Outcome) string {
	if o.Fate == "" {
		return "not there"
	}
	if o.Fate != Delivered {
		return strings.TrimSpace(o.Fate + " by " + cmp.Or(o.Stage, "nobody"))
	}
	words := []string{"alerted"}
	if !o.Alerted {
		words[0] = "not alerted"
	}
	if o.Verdict != "" {
		words = append(words, o.Verdict)
	}
	switch {
	case o.CachedFrom != "":
		words = append(words, fmt.Sprintf("cache %.4g", o.Similarity))
	case o.Provider != "":
		words = append(words, o.Provider)
	}
	if o.NanoDollars > 0 {
		words = append(words, dollars(float64(o.NanoDollars)/1e9))
	}
	if o.VerdictMS > 0 {
		words = append(words, fmt.Sprintf("%.1fs", float64(o.VerdictMS)/1e3))
	}
	return strings.Join(words, ", ")
}

type total struct {
	name string
	a, b float64
}

// totals are the figures that differ by what pipelines do, and not by how busy the
// machine was.
func totals(a, b *Figures) []total {
	n := func(name string, x, y int) total { return total{name, float64(x), float64(y)} }
	return []total{
		n("items", a.In, b.In), n("alerted", a.Alerted, b.Alerted), n("delivered", a.Delivered, b.Delivered), n("dropped", a.Dropped, b.Dropped),
		n("duplicates", a.Duplicates, b.Duplicates), n("poisoned", a.Poisoned, b.Poisoned), n("lost", a.Lost, b.Lost),
		n("analysed", a.Analysed, b.Analysed), n("cached", a.Cached, b.Cached), n("unavailable", a.Unavailable, b.Unavailable),
		n("calls to models", a.Calls, b.Calls), n("of them failed", a.CallsFailed, b.CallsFailed),
		n("tokens in", a.TokensIn, b.TokensIn), n("tokens out", a.TokensOut, b.TokensOut), {"cost, $", a.Cost, b.Cost},
		{"alert p50, ms", a.AlertP50, b.AlertP50}, {"alert p99, ms", a.AlertP99, b.AlertP99},
		{"verdict p50, ms", a.VerdictP50, b.VerdictP50}, {"verdict p99, ms", a.VerdictP99, b.VerdictP99},
	}
}
