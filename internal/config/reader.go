package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Reader reads the parts of a document and gathers every mistake found on the way.
type Reader struct {
	Doc    *Document
	issues Issues
	faulty map[*yaml.Node]bool // an issue points at it
}

// NewReader returns a Reader without issues.
func NewReader(doc *Document) *Reader {
	return &Reader{Doc: doc, faulty: make(map[*yaml.Node]bool)}
}

// Decode is [Decode] of what is found under path. It reports whether that was without
// fault; at is what issues without a place of their own point at.
func (r *Reader) Decode(path string, at, node *yaml.Node, into any, skip ...string) bool {
	issues := Decode(r.Doc, node, into, skip...)
	r.Add(issues.Under(path, at)...)
	return len(issues) == 0
}

// Report adds an issue about a node, which may be nil. hint says what to do, and
// may be empty. Text taken from the file belongs through [Document.Show] or a %q.
func (r *Reader) Report(at *yaml.Node, path, hint, format string, args ...any) {
	issue := Issue{File: r.Doc.File, Path: path, Message: oneLine(fmt.Sprintf(format, args...)), Hint: hint}
	if at != nil {
		issue.Line, issue.Col = at.Line, at.Column
		r.faulty[at] = true
	}
	r.issues = append(r.issues, issue)
}

// ReportUnknown is Report for a word that is none of those allowed, and says
// which of them was probably meant. what is "key", "stage", "sink" and so on.
func (r *Reader) ReportUnknown(at *yaml.Node, path, what, word string, allowed []string) {
	r.Report(at, path, didYouMean(word, allowed), "unknown %s %s", what, quote(word))
}

// Add adds issues found elsewhere.
func (r *Reader) Add(issues ...Issue) { r.issues = append(r.issues, issues...) }

// Issues returns what was found so far, in the order of the file.
func (r *Reader) Issues() Issues { return r.issues.Sorted() }

// oneLine keeps an issue on its line, as whoever reads them expects.
func oneLine(s string) string {
	if !strings.ContainsAny(s, "\r\n") {
		return s
	}
	return strings.Join(strings.FieldsFunc(s, func(c rune) bool { return c == '\n' || c == '\r' }), "; ")
}
