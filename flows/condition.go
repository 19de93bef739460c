package flows

import (
	"errors"
	"fmt"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"catalyst/internal/news"
)

// A Predicate is an expr-lang expression over the fields of an E, a struct, that is
// true or false. Names and types are checked when it is parsed. The zero Predicate is
// always true.
type Predicate[E any] struct {
	source  string
	program *vm.Program
}

// ParsePredicate compiles source. Empty source gives the zero Predicate.
func ParsePredicate[E any](source string) (Predicate[E], error) {
	source = strings.TrimSpace(source)
	if source == "" {
		return Predicate[E]{}, nil
	}
	var env E
	program, err := expr.Compile(source, expr.Env(env), expr.AsBool())
	if err != nil {
		return Predicate[E]{}, explain(source, err)
	}
	return Predicate[E]{source, program}, nil
}

// UnmarshalText is ParsePredicate.
func (p *Predicate[E]) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePredicate[E](string(text))
	return err
}

// String returns the source.
func (p Predicate[E]) String() string { return p.source }

// IsZero reports whether p is the zero Predicate.
func (p Predicate[E]) IsZero() bool { return p.program == nil }

// Holds reports whether env meets p. It fails where the expression does at run time,
// as an index out of range does.
func (p Predicate[E]) Holds(env E) (bool, error) {
	if p.program == nil {
		return true, nil
	}
	out, err := expr.Run(p.program, env)
	if err != nil {
		return false, explain(p.source, err)
	}
	return out.(bool), nil
}

// A Condition is a [Predicate] over an item's fields: `form == "8-K" and "2.02" in
// items`. The zero Condition is always true.
type Condition struct{ Predicate[news.Item] }

// ParseCondition compiles source. Empty source gives the zero Condition.
func ParseCondition(source string) (Condition, error) {
	p, err := ParsePredicate[news.Item](source)
	return Condition{p}, err
}

// Match reports whether item meets c: see [Predicate.Holds].
func (c Condition) Match(item *news.Item) (bool, error) {
	if c.IsZero() {
		return true, nil
	}
	return c.Holds(*item)
}

// explain puts into one line what expr draws over several.
func explain(source string, err error) error {
	var fault *file.Error
	if errors.As(err, &fault) {
		return fmt.Errorf("condition %q: %s at character %d", source, fault.Message, fault.Column+1)
	}
	return fmt.Errorf("condition %q: %w", source, err)
}
