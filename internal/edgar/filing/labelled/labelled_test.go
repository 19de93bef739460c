package labelled_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"catalyst/internal/edgar/filing/labelled"
)

// The gates: what CI holds with samples written for it, and, where the real filings of
// ../shared/data are there, with those.
func TestItemsAreExact(t *testing.T) {
	for _, dir := range dirs(t, "8-K") {
		r, err := labelled.ReadItems(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: exact item sets %d of %d", dir, r.Exact, r.Filings)
		if r.Exactness() < 0.995 {
			t.Errorf("%s: %d of %d exact: %+v", dir, r.Exact, r.Filings, r.Different)
		}
	}
}

func TestElementsAreFound(t *testing.T) {
	for _, dir := range dirs(t, "elements") {
		r, err := labelled.ReadElements(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range labelled.Kinds {
			s := r.Scores[kind]
			t.Logf("%s: F1 %.3f for %s %+v", dir, s.F1(), kind, s)
			if s.Labelled == 0 || s.F1() < 0.95 {
				t.Errorf("%s: F1 %.3f for %s\n%s", dir, s.F1(), kind, strings.Join(r.Differences, "\n"))
			}
		}
	}
}

func dirs(t *testing.T, name string) []string {
	dirs := []string{filepath.Join("..", "testdata", name)}
	root := filepath.Join("..", "..", "..", "..", "..", "shared", "data", "edgar")
	if dir := os.Getenv("EDGAR_DATA"); dir != "" {
		root = dir
	}
	real := filepath.Join(root, name)
	if _, err := os.Stat(real); err != nil {
		t.Logf("only samples, real filings are absent: %v (EDGAR_DATA names their folder)", err)
		return dirs
	}
	return append(dirs, real)
}

// A comparison must see what is wrong.
func TestDifferencesAreSeen(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("items/a.json", `{"filename": "a.htm", "item_8.01": "x"}`)
	write("raw/a.htm", "<p>FORM 8-K</p><p>Item 8.01</p><p>x</p><p>Item 9.01</p>")
	items, err := labelled.ReadItems(dir)
	if err != nil || items.Exact != 0 || len(items.Different) != 1 {
		t.Errorf("items: %+v, %v", items, err)
	}
	write("primary-document.html", "<p>cover</p><p><b>A</b></p><p>one</p><p>two</p><p>four</p>")
	write("expected-structure-and-text.json", `[{"cls_name":"TitleElement","text_content":"A"},{"cls_name":"TextElement","text_content":"onetwo"},
		{"cls_name":"TextElement","text_content":"three"},{"cls_name":"TableElement"}]`)
	elements, err := labelled.ReadElements(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := elements.Scores["text"], (labelled.Score{Labelled: 2, LabelledFound: 1, Read: 3, ReadFound: 2}); got != want {
		t.Errorf("text: %+v, want %+v", got, want)
	}
	if got, want := elements.Scores["table"], (labelled.Score{Labelled: 1}); got != want || got.F1() != 0 {
		t.Errorf("table: %+v, want %+v", got, want)
	}
	if len(elements.Differences) != 3 {
		t.Errorf("differences: %q", elements.Differences)
	}
}
