package config

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzDecode: whatever a file holds, reading it ends soon, points into the file
// and shows nothing of what a variable holds.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"", "a: 1", "{text: ${V}}", "text: ${V:-${W:-x}}", "count: ${V}\nwait: ${V}\nupper: ${V}", "a: &a [*a]", "a: &a {<<: *a}",
		"x: &x {<<: [*x, *x]}", "- !!binary x", "? {a: b}\n: c", "retry: {attempts: -1}\ntiers: [a, {name: ${EMPTY}}]", "---\n---\n", "%YAML 1.1\n---\n", "a: |2\n  x\n\ty",
		"tokens: {a: ${V}}\nweights: {\"${V}\": x}", "wait: 1w2d3h4.5s\nsize: 9223372036854775807", "\"${V}\": &a\n<<: *a", "text: \"\\u0000\"", "words: [a, ~, ${V}]",
	} {
		f.Add(seed)
	}
	if text, err := os.ReadFile("testdata/mistakes.yaml"); err == nil {
		f.Add(string(text))
	}
	const value = "q7Zx9WvK3mTe"
	env := func(name string) (string, bool) {
		switch {
		case name == "EMPTY":
			return "", true
		case strings.HasPrefix(name, "V"):
			return value, true
		}
		return "", false
	}
	f.Fuzz(func(t *testing.T, text string) {
		start := time.Now()
		doc, issues := Load("f", []byte(text), env)
		if doc == nil && len(issues) == 0 {
			t.Fatal("no document and no reason")
		}
		if doc != nil {
			into := described
			issues = append(issues, Decode(doc, doc.Root, &into, "skipped")...)
			doc.Secrets()
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		lines := strings.Count(text, "\n") + strings.Count(text, "\r") + strings.Count(text, "\u0085") + strings.Count(text, "\u2028") + strings.Count(text, "\u2029") + 1
		for _, issue := range issues {
			if strings.Contains(issue.Error(), value) && !strings.Contains(text, value) {
				t.Errorf("the value of a variable is shown: %v", issue)
			}
			if issue.Line < 0 || issue.Line > lines+1 || strings.ContainsAny(issue.Error(), "\n") || issue.Message == "" {
				t.Errorf("bad issue of %d lines: %+v", lines, issue)
			}
		}
		if encoded, err := issues.JSON(); err != nil || !json.Valid(encoded) {
			t.Errorf("issues as JSON: %s, %v", encoded, err)
		}
	})
}

// FuzzDotEnv: whatever the file holds, an error shows nothing of it.
func FuzzDotEnv(f *testing.F) {
	for _, seed := range []string{"A=1", "A='x", "export A=${B}", "A=\"\\$x\"", "A", "=", "A:b\nC: d", "${}=${", "A=${A}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		vars, issue := parseDotEnv(".env", []byte(text))
		if issue != nil && (issue.Line < 0 || issue.Line > strings.Count(text, "\n")+1) {
			t.Errorf("line %d of %q", issue.Line, text)
		}
		for name := range vars {
			if name == "" {
				t.Errorf("%q has a variable without a name", text)
			}
		}
	})
}

// FuzzRedactor: a secret is gone from any text it was put into, in every form.
func FuzzRedactor(f *testing.F) {
	f.Add("t0ps3cret", "a", "b")
	f.Add(`p@ss"w<rd/`, "redis://:", "@h")
	f.Add("aaaaaaa", "aaa", "")
	f.Fuzz(func(t *testing.T, secret, before, after string) {
		trimmed := strings.TrimSpace(secret)
		if len(trimmed) < shortestSecret || !utf8.ValidString(secret) || strings.Contains(hidden, trimmed) || strings.Contains(trimmed, hidden) {
			t.Skip()
		}
		r := NewRedactor(secret)
		for _, form := range forms(secret) {
			got := r.String("<" + form + ">")
			if strings.Contains(got, trimmed) {
				t.Errorf("%q shows in %q", secret, got)
			}
		}
		_ = r.String(before + secret + after)
	})
}
