// Package config reads pipeline.yaml: YAML nodes into documented structs, with
// every mistake in one pass, each with file, line, column and what to write instead.
//
// A configuration struct has exported fields with these tags:
//
//	yaml:"name"        the key; "name,short" also takes the value of a component
//	                   that is a scalar or list instead of a mapping (`- topic: x`)
//	doc:"…"            one line for describe, schema and the reference
//	required:"true"    must be present and not empty
//	enum:"a|b|c"       the words allowed
//
// Field types: string, bool (also 0 and 1), int, float64, [time.Duration] ("2s",
// "7d"; a plain number is seconds), [Size], [Secret], slices and
// maps of these, structs and pointers to them, and anything that has UnmarshalText.
// A struct with a Validate() error method is asked after it was filled; faults of
// one field are reported with [At], several joined with errors.Join.
package config

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
)

// A Secret is a string that shows itself to nobody: printing, logging and
// marshalling give "[secret]", or nothing for an empty one.
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[secret]"
}

// GoString keeps %#v from showing it.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// Format keeps every other verb from showing it.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// LogValue is for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is for encoders of JSON, YAML and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// A Size is a number of bytes: "512", "64KiB", "1MiB", "2GiB".
type Size int64

var sizeUnits = []struct {
	suffix string
	factor int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1}, {"", 1}}

// UnmarshalText reads a number with an optional unit.
func (s *Size) UnmarshalText(text []byte) error {
	word := strings.TrimSpace(string(text))
	for _, unit := range sizeUnits {
		digits, ok := strings.CutSuffix(word, unit.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > (1<<62)/unit.factor {
			break
		}
		*s = Size(n * unit.factor)
		return nil
	}
	return fmt.Errorf("%q is no size; write 512KiB or 1MiB", word)
}

func (s Size) String() string {
	for _, unit := range sizeUnits[:3] {
		if s != 0 && int64(s)%unit.factor == 0 {
			return strconv.FormatInt(int64(s)/unit.factor, 10) + unit.suffix
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// A FieldError is a fault of one field, named by its key or by a dotted path.
type FieldError struct {
	Field string
	Err   error
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Err.Error() }
func (e *FieldError) Unwrap() error { return e.Err }

// At returns a fault of the field with this key, for use in Validate.
func At(field, format string, args ...any) error {
	return &FieldError{Field: field, Err: fmt.Errorf(format, args...)}
}
