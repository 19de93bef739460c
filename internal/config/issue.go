package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// An Issue is one mistake in a configuration file.
type Issue struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"` // from 1; 0 where there is no place to point at
	Col     int    `json:"col,omitempty"`  // from 1, in characters
	Path    string `json:"path,omitempty"` // what it is about: "llm_router.tiers[1].model"
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // what to write instead
}

// Error gives the form editors and terminals know how to follow:
// `pipeline.yaml:14:7: batch: unknown key "sise" (did you mean "size"?)`.
func (i Issue) Error() string {
	var b strings.Builder
	b.WriteString(i.File)
	if i.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", i.Line, max(i.Col, 1))
	}
	b.WriteString(": ")
	b.WriteString(i.text())
	return b.String()
}

func (i Issue) text() string {
	text := i.Message
	if i.Path != "" {
		text = i.Path + ": " + text
	}
	if i.Hint != "" {
		text += " (" + i.Hint + ")"
	}
	return text
}

// Issues are the mistakes of a configuration. As an error it lists them all, one
// a line; use [Issues.Err] to make an error of them, as no issues are no error.
type Issues []Issue

func (l Issues) Error() string {
	lines := make([]string, len(l))
	for i, issue := range l {
		lines[i] = issue.Error()
	}
	return strings.Join(lines, "\n")
}

// Err returns l as an error, or nil if it is empty.
func (l Issues) Err() error {
	if len(l) == 0 {
		return nil
	}
	return l
}

// Unwrap lets errors.As find an Issue.
func (l Issues) Unwrap() []error {
	errs := make([]error, len(l))
	for i, issue := range l {
		errs[i] = issue
	}
	return errs
}

// Sorted returns l in the order of the file, each issue once.
func (l Issues) Sorted() Issues {
	sorted := slices.Clone(l)
	slices.SortStableFunc(sorted, func(a, b Issue) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(sorted)
}

// Under returns l as issues of what is found under a longer path. Those
// without a place of their own get the one of at, which may be nil.
func (l Issues) Under(path string, at *yaml.Node) Issues {
	placed := slices.Clone(l)
	for i := range placed {
		placed[i].Path = joinPath(path, placed[i].Path)
		if placed[i].Line == 0 && at != nil {
			placed[i].Line, placed[i].Col = at.Line, at.Column
		}
	}
	return placed
}

// JSON renders l as an array, for programs.
func (l Issues) JSON() ([]byte, error) {
	if l == nil {
		l = Issues{}
	}
	return json.MarshalIndent([]Issue(l), "", "  ")
}

// GitHub renders l as workflow commands, which GitHub shows beside the lines of a
// pull request.
func (l Issues) GitHub() string {
	var b strings.Builder
	for _, i := range l {
		fmt.Fprintf(&b, "::error file=%s", githubProperty.Replace(i.File))
		if i.Line > 0 {
			fmt.Fprintf(&b, ",line=%d,col=%d", i.Line, max(i.Col, 1))
		}
		fmt.Fprintf(&b, "::%s\n", githubText.Replace(i.text()))
	}
	return b.String()
}

var (
	githubText     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// joinPath gives "a.b", and "a[0]" where the second part is an index.
func joinPath(path, next string) string {
	if path == "" || next == "" || strings.HasPrefix(next, "[") {
		return path + next
	}
	return path + "." + next
}
