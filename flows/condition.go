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

// A Condition is an expr-lang expression over an item's fields that is true or
// false: `form == "8-K" and "2.02" in items`. Names and types are checked when it
// is parsed. The zero Condition is always true.
type Condition struct {
	source  string
	program *vm.Program
}

// ParseCondition compiles source. Empty source gives the zero Condition.
func ParseCondition(source string) (Condition, error) {
	source = strings.TrimSpace(source)
	if source == "" {
		return Condition{}, nil
	}
	program, err := expr.Compile(source, expr.Env(news.Item{}), expr.AsBool())
	if err != nil {
		return Condition{}, explain(source, err)
	}
	return Condition{source, program}, nil
}

// UnmarshalText is ParseCondition.
func (c *Condition) UnmarshalText(text []byte) (err error) {
	*c, err = ParseCondition(string(text))
	return err
}

// String returns the source.
func (c Condition) String() string { return c.source }

// IsZero reports whether c is the zero Condition.
func (c Condition) IsZero() bool { return c.program == nil }

// Match reports whether item meets c. It fails where the expression does at
// run time, as an index out of range does.
func (c Condition) Match(item *news.Item) (bool, error) {
	if c.program == nil {
		return true, nil
	}
	out, err := expr.Run(c.program, *item)
	if err != nil {
		return false, explain(c.source, err)
	}
	return out.(bool), nil
}

// explain puts into one line what expr draws over several.
func explain(source string, err error) error {
	var fault *file.Error
	if errors.As(err, &fault) {
		return fmt.Errorf("condition %q: %s at character %d", source, fault.Message, fault.Column+1)
	}
	return fmt.Errorf("condition %q: %w", source, err)
}
