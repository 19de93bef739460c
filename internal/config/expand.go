package config

import (
	"fmt"
	"strings"
)

// An expansion is what became of a scalar's text.
type expansion struct {
	text     string
	taken    []variable // that had a value; it is not for error messages
	mentions bool       // whether there was a variable at all
	unset    []string   // variables with neither value nor default
	fault    string     // what is wrong with the text, if anything
	hint     string
}

// A variable is one that was set outside the file.
type variable struct{ name, value string }

// maxNesting bounds variables inside defaults inside defaults.
const maxNesting = 8

// expand replaces ${NAME} and ${NAME:-default} in text. The default also stands
// in for a variable that is set but empty, may hold variables itself, and ends
// at the brace that closes it. $${ is a literal ${. What a variable holds is
// taken as it is.
func expand(text string, env func(string) (string, bool)) expansion {
	var e expansion
	e.text = e.expand(text, env, 0)
	return e
}

func (e *expansion) expand(text string, env func(string) (string, bool), depth int) string {
	if !strings.Contains(text, "${") {
		return text
	}
	var b strings.Builder
	for e.fault == "" {
		before, rest, found := strings.Cut(text, "${")
		if !found {
			break
		}
		if escaped, ok := strings.CutSuffix(before, "$"); ok {
			b.WriteString(escaped + "${")
			text = rest
			continue
		}
		b.WriteString(before)
		inner, after, closed := cutBrace(rest)
		switch {
		case !closed:
			e.fault, e.hint = `"${" has no closing "}"`, `quote the whole value if it holds " #" or ": "; a literal "${" is written "$${"`
		case depth == maxNesting:
			e.fault = fmt.Sprintf("variables are nested more than %d deep", maxNesting)
		default:
			b.WriteString(e.variable(inner, env, depth))
		}
		text = after
	}
	b.WriteString(text)
	return b.String()
}

// variable gives the value of what stood between the braces.
func (e *expansion) variable(inner string, env func(string) (string, bool), depth int) string {
	e.mentions = true
	name, fallback, hasDefault := strings.Cut(inner, ":-")
	if !isVariableName(name) {
		e.fault = fmt.Sprintf("%s is not the name of a variable", quote(name))
		e.hint = `write ${NAME} or ${NAME:-default}; a literal "${" is written "$${"`
		return ""
	}
	value, set := env(name)
	switch {
	case set && (value != "" || !hasDefault):
		if value != "" {
			e.taken = append(e.taken, variable{name, value})
		}
		return value
	case hasDefault:
		return e.expand(fallback, env, depth+1)
	}
	e.unset = append(e.unset, name)
	return ""
}

// cutBrace splits s at the brace that closes what was opened before s.
func cutBrace(s string) (inner, after string, ok bool) {
	open := 1
	for i := range len(s) {
		switch s[i] {
		case '{':
			open++
		case '}':
			if open--; open == 0 {
				return s[:i], s[i+1:], true
			}
		}
	}
	return "", "", false
}

func isVariableName(s string) bool {
	for i, c := range []byte(s) {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
