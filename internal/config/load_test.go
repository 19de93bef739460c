package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// plain turns nodes into Go values, as the tests compare them.
func plain(t *testing.T, n *yaml.Node) any {
	t.Helper()
	var v any
	if err := n.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func load(t *testing.T, text string, env ...string) *Document {
	t.Helper()
	doc, issues := Load("p.yaml", []byte(text), environment(env...))
	if issues != nil {
		t.Fatalf("%v", issues)
	}
	return doc
}

func TestLoadSubstitutes(t *testing.T) {
	doc := load(t, `
plain: ${N:-5}
float: ${F:-0.20}
bool: ${B:-true}
quoted: "${N:-5}"
text: ${WORD:-five}
list: [a, "${WORD:-b}"]
tricky: ${T}
null_word: ${NULLISH}
spaced: ${SPACED}
"${KEY}": keys are left alone
empty: ${E:-}
`, "T", "a: [b, {c: d}] # e", "NULLISH", "null", "SPACED", "5\r\n")
	want := map[string]any{
		"plain": 5, "float": 0.2, "bool": true, "quoted": "5", "text": "five", "list": []any{"a", "b"},
		"tricky": "a: [b, {c: d}] # e", "null_word": "null", "spaced": 5, "${KEY}": "keys are left alone", "empty": nil,
	}
	if diff := cmp.Diff(want, plain(t, doc.Root)); diff != "" {
		t.Error(diff)
	}
}

func TestLoadAliasesAndMerges(t *testing.T) {
	doc := load(t, `
base: &base {a: 1, b: 2}
more: &more
  b: 3
  c: ${C:-4}
one: {<<: *base, b: own}
two:
  <<: [*base, *more]
  d: *base
`)
	want := map[string]any{
		"base": map[string]any{"a": 1, "b": 2},
		"more": map[string]any{"b": 3, "c": 4},
		"one":  map[string]any{"a": 1, "b": "own"},
		"two":  map[string]any{"a": 1, "b": 2, "c": 4, "d": map[string]any{"a": 1, "b": 2}},
	}
	if diff := cmp.Diff(want, plain(t, doc.Root)); diff != "" {
		t.Error(diff)
	}
}

func TestLoadEmpty(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n", "---\n", "null\n"} {
		doc := load(t, text)
		if !isNothing(doc.Root) {
			t.Errorf("%q has the root %+v", text, doc.Root)
		}
	}
}

// TestLoadRefuses names what is wrong with a text, and where.
func TestLoadRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		// The trap: YAML takes the brace.
		{"a: 1\nb: {token: ${X}}\nc: 2\n", `2:12: within {…} or […], YAML takes the brace of ${…} for its own (quote it: "${NAME}", or write one key a line)`},
		{"a: [${X:-1}, 2]\n", "1:5: within"},
		{"- é: {u: \"{${A}\", t: ${X}}\n", "1:22: within"},
		{"a:\n  {b: 'x',\n   c: \"y\", d: ${X}}\n", "3:15: within"},

		{"a: 1\n\tb: 1\n", "2:1: a tab is no indentation in YAML (use spaces)"},
		{"a:\n  - b\n \t- c: 1\n", "3:2: a tab is no indentation"},
		{"a: 1\nb: x: y\n", `2:1: a ": " is not allowed here`},
		{"a: 1\nb: \"foo\nc: 1\n", "2:1: the quoted text that begins here has no closing quote"},
		{"a: 1\nb: [1, 2\nc: 1\n", "3:1: the list or mapping opened on line 2 is not closed before this"},
		{"a: 1\nb: @x\n", "2:1: a value cannot begin with this character (quote it)"},
		{"a: @x\n", "1:1: a value cannot begin with this character"},
		{"a: 1\nb: *x\n", "2:1: unknown anchor 'x'"},
		{"a: 1\nb\nc: 2\n", `2:1: expected "key: value"`},
		{"a: 1\n- b\n", "2:1: this does not line up with what is above"},
		{"a: 1\n# c\n\nb:\n  c: 1\n d: 2\ne: 3\n# f\n", "6:2: this does not line up"},
		{"a:\n  - b: 1\n   c: 2\n", "3:4: this does not line up"},
		{"a: 1\nk: \"\\d\"\n", "2:1: not valid YAML: found unknown escape character"},
		{"ok: 1\nbad: \xff\n", "2:6: the text is not UTF-8"},
		{"\xff\xfea\x00", "1:1: the file is UTF-16 (save it as UTF-8)"},
		{"a: 1\n---\nb: 2\n", "2:1: a second document begins here"},
		{"a: 1\n---\nb: [\n", "p.yaml:3:"},

		{"a: 1\nb: 2\na: 3\n", `3:1: the key "a" is given twice; the first is on line 1`},
		{"- x: {size: 1, size: 2}\n", `1:16: the key "size" is given twice; the first is on line 1`},
		{"a: &x [*x]\n", `1:4: "*x" holds itself`},
		{"a: !!binary aGVsbG8=\n", `1:4: the tag "!!binary" has no meaning here (remove it)`},
		{"a: !env X\n", `1:4: the tag "!env" has no meaning here`},
		{"? [a, b]\n: c\n", "1:3: a key must be a word, not a list"},
		{"a: {<<: 5}\n", "1:9: << takes a mapping or a list of mappings, not the number 5"},
		{"a: ${X # y}\n", `1:4: "${" has no closing "}"`},
	} {
		_, issues := Load("p.yaml", []byte(c.text), nil)
		if len(issues) != 1 || !strings.Contains(issues.Error(), c.want) {
			t.Errorf("%q:\n got %v\nwant %s", c.text, issues, c.want)
		}
	}
}

func TestLoadReportsAllTraps(t *testing.T) {
	_, issues := Load("p.yaml", []byte("a: {b: ${X}}\nc: ok\nd: [${Y}]\n"), nil)
	if len(issues) != 2 || issues[0].Line != 1 || issues[1].Line != 3 {
		t.Errorf("got %v, want lines 1 and 3", issues)
	}
}

// TestLoadBoundsAliases holds files that stand for billions of nodes to a moment.
func TestLoadBoundsAliases(t *testing.T) {
	var list, merge strings.Builder
	list.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x]\n")
	merge.WriteString("m0: &m0 {k: 1}\n")
	for i := 1; i < 40; i++ {
		fmt.Fprintf(&list, "a%d: &a%d [*a%[3]d,*a%[3]d,*a%[3]d,*a%[3]d,*a%[3]d,*a%[3]d]\n", i, i, i-1)
		fmt.Fprintf(&merge, "m%d: &m%d {<<: [*m%[3]d,*m%[3]d,*m%[3]d], x%[1]d: *m%[3]d}\n", i, i, i-1)
	}
	for _, text := range []string{list.String(), merge.String(), strings.Repeat("- 1\n", maxNodes+1), "a: " + strings.Repeat("x", maxBytes)} {
		start := time.Now()
		doc, issues := Load("p.yaml", []byte(text), nil)
		if doc != nil || len(issues) != 1 {
			t.Errorf("%.40q… was taken (%.200v)", text, issues)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%.40q… took %v", text, took)
		}
	}
}
