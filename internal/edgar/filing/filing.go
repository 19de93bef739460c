// Package filing reads SEC filings as an analyst would: what the cover page says,
// the items of an 8-K, the sections of a 10-K or 10-Q, and their paragraphs, titles,
// lists and tables, in the order of the document.
//
// [Parse] reads one document, whether inline XBRL, old HTML or the plain text of the
// 1990s; [Split] takes a full submission apart first. No text is lost on the way:
// every visible letter of the source is in exactly one element.
//
// The source is untrusted. Reading takes time in proportion to its length, whatever
// it contains, and text in the result is as the filer wrote it: nothing has been made
// safe for a terminal, HTML or a model.
package filing

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// A Document is what one document of a filing says.
type Document struct {
	Cover Cover
	// Elements are all there is to read, in order; page numbers and running
	// headers, of kind [Page], among them.
	Elements []Element
}

// A Kind is what an element is to its reader.
type Kind uint8

const (
	Text  Kind = iota // a paragraph
	Title             // a heading, of the document or of what follows
	List              // one entry of a list, with its bullet or number
	Table
	Page // a page number, or what is repeated on each page; no part of any section
)

var kinds = [...]string{"text", "title", "list", "table", "page"}

func (k Kind) String() string { return kinds[k] }

// MarshalText writes the kind as a word.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (k *Kind) UnmarshalText(text []byte) error {
	for i, name := range kinds {
		if name == string(text) {
			*k = Kind(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no kind of element; there are %s", text, strings.Join(kinds[:], ", "))
}

// An Element is a paragraph, title, list entry or table.
type Element struct {
	Kind Kind `json:"kind"`
	// Level orders titles: 1 for a part, 2 for an item, more for those inside.
	// It is 0 for everything else.
	Level int `json:"level,omitempty"`
	// Text has no markup and single spaces; a newline where the source breaks the
	// line. The text of a table has a line for each row, cells parted by " | ".
	Text string `json:"text"`
	// Rows are the cells of a table, empty ones where a row has none in a column.
	Rows [][]string `json:"-"`
	// Offset is where the element begins in the source, in bytes.
	Offset int `json:"offset"`

	look look
}

// look is how an element is set, as far as it tells a title from a paragraph.
type look uint16

const (
	bold look = 1 << iota
	italic
	underlined
	capitals
	centered
	heading // h1 … h6
	entry   // of a list
	pageTop // the first after a page break
	pageEnd // the last before one
)

func (l look) has(all look) bool { return l&all == all }

// ErrNoText is returned for a document in which there is nothing to read.
var ErrNoText = errors.New("the document has no text")

// Parse reads one document of a filing. Of a full submission it reads the first
// document; see [Split]. Bytes that are not UTF-8 are read as Windows-1252, which is
// what filings that are not UTF-8 mean by them.
//
// Only a document without any text is an error ([ErrNoText], or one that names a
// binary format).
func Parse(document []byte) (*Document, error) {
	part := first(document)
	if format := binary(part.Body); format != "" {
		return nil, fmt.Errorf("%w: it is %s", ErrNoText, format)
	}
	source := decode(part.Body)
	d := &Document{}
	if isHTML(source) {
		d.Elements = readHTML(source, &d.Cover)
	} else {
		d.Elements = readText(string(source), 0)
	}
	if len(d.Elements) == 0 {
		return nil, ErrNoText
	}
	d.Elements = classify(d.Elements)
	d.Cover.complete(part, document, d.Elements)
	return d, nil
}

// binary names the format of what is no text, as far as filings contain it.
func binary(body []byte) string {
	body = bytes.TrimLeft(body, " \t\r\n")
	for magic, format := range map[string]string{
		"%PDF-": "a PDF", "<PDF>": "a PDF", "PK\x03\x04": "a ZIP archive", "\x1f\x8b": "gzip-compressed",
		"\x89PNG": "a picture", "GIF8": "a picture", "\xff\xd8\xff": "a picture", "begin 644 ": "an encoded file",
	} {
		if bytes.HasPrefix(body, []byte(magic)) {
			return format
		}
	}
	return ""
}
