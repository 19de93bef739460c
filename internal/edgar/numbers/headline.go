package numbers

import (
	"slices"
	"strconv"
)

// Headline is the numbers that an alert has room for, each figure once however often
// the text gives it: in a sentence to the million, in a table to the thousand. Of
// those it keeps the one that says most of itself. The order is that of [Kinds] and
// then of the text; what has been stands before what is expected.
func Headline(found []Number) []Number {
	byRank := make([]int, len(found))
	for i := range byRank {
		byRank[i] = i
	}
	slices.SortStableFunc(byRank, func(a, b int) int {
		x, y := found[a].says(), found[b].says()
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	type about struct {
		kind               Kind
		adjusted, guidance bool
		low, high, unit    string
	}
	kept := map[about][]int{}
	var order []int
	for _, i := range byRank {
		n := found[i]
		key := about{n.Kind, n.Adjusted, n.Guidance, rounded(n.Low), rounded(n.High), n.Unit}
		if !slices.ContainsFunc(kept[key], func(j int) bool { return n.restates(found[j]) }) {
			kept[key] = append(kept[key], i)
			order = append(order, i)
		}
	}
	kinds := Kinds()
	slices.SortFunc(order, func(a, b int) int {
		x, y := found[a], found[b]
		if x.Guidance != y.Guidance {
			if y.Guidance {
				return -1
			}
			return 1
		}
		if d := slices.Index(kinds, x.Kind) - slices.Index(kinds, y.Kind); d != 0 {
			return d
		}
		return a - b
	})
	headline := make([]Number, 0, len(order))
	for _, i := range order {
		headline = append(headline, found[i])
	}
	return headline
}

// rounded is a value to three digits: as far as a sentence and a table agree.
func rounded(v float64) string { return strconv.FormatFloat(v, 'e', 2, 64) }

// says ranks a number by what is known of it.
func (n Number) says() float64 {
	rank := n.Confidence
	if n.Prior != nil {
		rank += 2
	}
	if n.Period.Quarter > 0 {
		rank++
	}
	if n.PerShare != "" {
		rank += 1.5
	}
	return rank
}

// restates reports whether n, of the same value as m, may well be the same figure:
// nothing that is said of one is denied of the other.
func (n Number) restates(m Number) bool {
	p, q := n.Period, m.Period
	agree := func(a, b int) bool { return a == 0 || b == 0 || a == b }
	return agree(p.Months, q.Months) && agree(p.Quarter, q.Quarter) && agree(p.Year, q.Year) &&
		(n.PerShare == m.PerShare || n.PerShare == "" || m.PerShare == "")
}
