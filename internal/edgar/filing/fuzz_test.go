package filing_test

import (
	"errors"
	"strings"
	"testing"

	"catalyst/internal/edgar/filing"
)

// FuzzParse holds what must be true of every document: no panic, sections made of the
// document's own elements, chunks with all of the text.
func FuzzParse(f *testing.F) {
	for _, document := range hostile(400) {
		f.Add([]byte(document))
	}
	for _, document := range samples(f) {
		f.Add(document)
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		d, err := filing.Parse(document)
		if err != nil {
			if !errors.Is(err, filing.ErrNoText) {
				t.Fatal(err)
			}
			return
		}
		offset := -1
		for _, e := range d.Elements {
			if strings.TrimSpace(e.Text) == "" {
				t.Errorf("an element of kind %s has no text", e.Kind)
			}
			if (e.Kind == filing.Table) != (e.Rows != nil) || (e.Kind == filing.Title) != (e.Level > 0) {
				t.Errorf("an element of kind %s has %d rows and level %d", e.Kind, len(e.Rows), e.Level)
			}
			offset = max(offset, e.Offset)
		}
		if offset > 3*len(document) {
			t.Errorf("an element is at %d of %d bytes", offset, len(document))
		}
		for _, s := range append(d.Items(), d.Sections()...) {
			if s.Number == "" || len(s.Elements) == 0 || len(s.Paragraphs()) != len(s.Elements)-1 {
				t.Errorf("section %q has %d elements and %d paragraphs", s.Number, len(s.Elements), len(s.Paragraphs()))
			}
		}
		checkChunks(t, "fuzz", d, filing.MaxChunk)
		checkChunks(t, "fuzz", d, 20)
		checkChunks(t, "fuzz", d, 1)
	})
}

func FuzzSplit(f *testing.F) {
	f.Add([]byte("<DOCUMENT>\n<TYPE>8-K\n<TEXT>\na\n</TEXT>\n</DOCUMENT>\n<DOCUMENT>"))
	f.Add([]byte("<SEC-HEADER>"))
	f.Fuzz(func(t *testing.T, submission []byte) {
		parts, err := filing.Split(submission)
		if (err == nil) == (len(parts) == 0) {
			t.Fatalf("%d parts and error %v", len(parts), err)
		}
		size := 0
		for _, p := range parts {
			size += len(p.Body)
		}
		if size > len(submission) {
			t.Errorf("parts of %d bytes from %d", size, len(submission))
		}
	})
}
