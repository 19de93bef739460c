package numbers

import (
	"slices"
	"strconv"
	"strings"
)

// Sure is the least confidence of a number that is shown without its place in the text:
// whoever reads an alert cannot look beside the figure.
const Sure = 0.75

// Figures is what an alert and a prompt say of the numbers found: the [Headline] of those
// that are [Sure], at most `most`, each as [Number.Figure] has it. Of a kind there are two at
// most (the quarter and the year to date), and basic earnings per share only where there are
// no diluted ones.
func Figures(found []Number, most int) []string {
	found = Headline(slices.DeleteFunc(slices.Clone(found), func(n Number) bool { return n.Confidence < Sure }))
	diluted := slices.ContainsFunc(found, func(n Number) bool { return n.Kind == EPS && n.PerShare == "diluted" })
	type about struct {
		kind               Kind
		adjusted, guidance bool
	}
	shown := map[about]int{}
	var figures []string
	for _, n := range found {
		key := about{n.Kind, n.Adjusted, n.Guidance}
		if len(figures) == most || shown[key] == 2 || diluted && n.PerShare == "basic" {
			continue
		}
		text := n.Figure()
		if slices.Contains(figures, text) {
			continue
		}
		shown[key]++
		figures = append(figures, text)
	}
	return figures
}

// Figure is the number as an alert has room for it: "Revenue $57.0 billion (Q3 2025), was
// $35.1 billion". Large sums are rounded to the digits that a headline would have.
func (n Number) Figure() string {
	var b strings.Builder
	label := n.Label()
	b.WriteString(strings.ToUpper(label[:1]) + label[1:] + " ")
	if n.Approximate {
		b.WriteString("about ")
	}
	b.WriteString(spell(n.Low, n.High, n.Unit))
	if !n.Period.IsZero() {
		b.WriteString(" (" + n.Period.String() + ")")
	}
	if n.Prior != nil && !n.Guidance {
		b.WriteString(", was " + spell(n.Prior.Low, n.Prior.High, n.Unit))
	}
	return b.String()
}

// spell writes a figure or a range with its scale in a word: "$57.0 billion",
// "$64.0–$66.0 billion", "74.5%".
func spell(low, high float64, unit string) string {
	figure, scale := inWords(low, unit)
	if low == high {
		return figure + scale
	}
	top, topScale := inWords(high, unit)
	if scale == topScale {
		return figure + "–" + top + scale
	}
	return figure + scale + "–" + top + topScale
}

func inWords(v float64, unit string) (figure, scale string) {
	size, sign := v, ""
	if size < 0 {
		size, sign = -size, "-"
	}
	if unit == Percent {
		return Format(v, v, unit), ""
	}
	mark := ""
	if unit != Shares { // which the label says already
		mark = symbol(unit)
	}
	for _, s := range []struct {
		from float64
		word string
	}{{1e12, " trillion"}, {1e9, " billion"}, {1e6, " million"}} {
		if size >= s.from {
			return sign + mark + decimals(size/s.from), s.word
		}
	}
	if size >= 1e4 {
		return sign + mark + scaled(size), ""
	}
	figure = short(size, 4)
	if _, cents, _ := strings.Cut(figure, "."); len(cents) == 1 {
		figure += "0"
	}
	return sign + mark + figure, ""
}

// decimals writes 57.006 as 57.0 and 3.254 as 3.25.
func decimals(v float64) string {
	places := 1
	if v < 10 {
		places = 2
	}
	return strconv.FormatFloat(v, 'f', places, 64)
}
