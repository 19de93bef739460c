package replay

import "catalyst/flows"

// A Condition is an expression over [Figures], as `p99_alert_ms > 100 || lost > 0`. The zero
// Condition never holds.
type Condition struct{ flows.Predicate[Figures] }

// ParseCondition compiles source: names and types are checked. Empty source gives the zero
// Condition.
func ParseCondition(source string) (Condition, error) {
	p, err := flows.ParsePredicate[Figures](source)
	return Condition{p}, err
}
