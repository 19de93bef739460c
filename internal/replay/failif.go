package replay

import (
	"slices"
	"strings"
	"unicode"

	"catalyst/flows"
)

// A Condition is an expression over [Figures], as `p99_alert_ms > 100 || lost > 0`. A figure
// of nothing is 0, as the delay of alerts is where there was none; what is divided by 0
// is beyond all bounds, and 0 by 0 compares with nothing.
type Condition struct{ flows.Predicate[Figures] }

// ParseCondition compiles source: names and types are checked. Empty source gives the zero
// Condition.
func ParseCondition(source string) (Condition, error) {
	p, err := flows.ParsePredicate[Figures](source)
	return Condition{p}, err
}

// Mentions reports whether a figure's name is among the words of c.
func (c Condition) Mentions(figure string) bool {
	return slices.Contains(strings.FieldsFunc(c.String(), func(r rune) bool {
		return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}), figure)
}
