package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// environment is a look-up of NAME, value pairs.
func environment(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func TestExpand(t *testing.T) {
	env := environment("A", "one", "EMPTY", "", "TRAP", "${A}", "BRACE", "}")
	for _, c := range []struct{ in, want string }{
		{"plain", "plain"},
		{"$A and $", "$A and $"},
		{"${A}", "one"},
		{"<${A}-${A}>", "<one-one>"},
		{"${NONE:-two}", "two"},
		{"${NONE:-}", ""},
		{"${A:-two}", "one"},
		{"${EMPTY:-two}", "two"},
		{"${EMPTY}", ""},
		{"${NONE:-${A}}", "one"},
		{"${NONE:-${ALSO_NONE:-three}}", "three"},
		{`${NONE:-{"a": {}}}`, `{"a": {}}`},
		{"$${A}", "${A}"},
		{"$$${A}", "$${A}"},
		{"$${A} ${A}", "${A} one"},
		{"${NONE:-$${A}}", "${A}"},
		{"${TRAP}", "${A}"},
		{"${A}}", "one}"},
		{"${BRACE:-x}", "}"},
		{"${NONE:-a:-b}", "a:-b"},
		{"${NONE:-sqlite://data/catalyst.db}", "sqlite://data/catalyst.db"},
	} {
		if got := expand(c.in, env); got.text != c.want || got.fault != "" || got.unset != nil {
			t.Errorf("%s gives %q (fault %q, unset %v), want %q", c.in, got.text, got.fault, got.unset, c.want)
		}
	}
}

func TestExpandFaults(t *testing.T) {
	deep := strings.Repeat("${X:-", 20) + strings.Repeat("}", 20)
	for _, c := range []struct{ in, fault string }{
		{"${A", `"${" has no closing "}"`},
		{"${A:-{}", `"${" has no closing "}"`},
		{"${}", `"" is not the name of a variable`},
		{"${1A}", `"1A" is not the name of a variable`},
		{"${A-b}", `"A-b" is not the name of a variable`},
		{"${A:?oops}", `"A:?oops" is not the name of a variable`},
		{"${ A }", `" A " is not the name of a variable`},
		{"${Ä}", `"Ä" is not the name of a variable`},
		{deep, "variables are nested more than 8 deep"},
	} {
		if got := expand(c.in, environment()); got.fault != c.fault {
			t.Errorf("%s: fault %q, want %q", c.in, got.fault, c.fault)
		}
	}
	if got := expand("${A} ${B:-x} ${C}", environment()); !cmp.Equal(got.unset, []string{"A", "C"}) {
		t.Errorf("unset %v, want [A C]", got.unset)
	}
}

func TestSuggest(t *testing.T) {
	keys := []string{"size", "wait", "urgent", "similarity", "max_attempts", "ttl", "on_error"}
	for word, want := range map[string]string{
		"sise":        "size",
		"Size":        "size",
		"siez":        "size",
		"urgnet":      "urgent",
		"maxAttempts": "max_attempts",
		"max-attempt": "max_attempts",
		"onerror":     "on_error",
		"similar":     "similarity",
		"tll":         "ttl",
		"waits":       "wait",
		"colour":      "",
		"x":           "",
		"":            "",
	} {
		if got := Suggest(word, keys); got != want {
			t.Errorf("Suggest(%q) = %q, want %q", word, got, want)
		}
	}
	long := strings.Repeat("a", 1<<20)
	if got := Suggest(long, []string{long}); got != "" {
		t.Error("a word of a megabyte was compared")
	}
}
