// Package edgartest reads real filings for the tests of the packages beside it:
// a text extraction of a few lines, so that they measure themselves and not the
// parser of package filing.
package edgartest

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Root is the folder of real filings: $EDGAR_DATA, or ../shared/data/edgar beside
// the repository. A test that finds none is skipped, and says so.
func Root(tb testing.TB) string {
	tb.Helper()
	root := os.Getenv("EDGAR_DATA")
	for up := ".."; root == "" && len(up) < 40; up = filepath.Join("..", up) {
		candidate := filepath.Join(up, "shared", "data", "edgar")
		if _, err := os.Stat(candidate); err == nil {
			root = candidate
		}
	}
	if _, err := os.Stat(root); root == "" || err != nil {
		tb.Skip("no real filings: set EDGAR_DATA to a folder of them, or put them in ../shared/data/edgar")
	}
	return root
}

// Read returns the paragraphs of the file at path below [Root].
func Read(tb testing.TB, path ...string) []string {
	tb.Helper()
	document, err := os.ReadFile(filepath.Join(append([]string{Root(tb)}, path...)...))
	if err != nil {
		tb.Fatal(err)
	}
	return Paragraphs(document)
}

// Paragraphs is the text of an HTML document, one entry per block and per table
// row, whose cells are joined by " | ".
func Paragraphs(document []byte) []string {
	if !markup.Match(document) {
		return plain(string(document))
	}
	root, err := html.Parse(bytes.NewReader(document))
	if err != nil {
		return nil
	}
	r := &reader{}
	r.read(root)
	r.end()
	return r.paragraphs
}

type reader struct {
	paragraphs []string
	text       strings.Builder
	inRow      int
}

func (r *reader) read(n *html.Node) {
	if n.Type == html.TextNode {
		r.text.WriteString(n.Data)
		return
	}
	switch {
	case hidden(n):
		return
	case n.DataAtom == atom.Tr:
		r.row(n)
		return
	case n.DataAtom == atom.Br:
		r.text.WriteByte(' ')
	}
	block := r.inRow == 0 && isBlock(n)
	if block {
		r.end()
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		r.read(c)
	}
	if block {
		r.end()
	}
}

// row reads a table row. The cells of a nested table are one cell here.
func (r *reader) row(tr *html.Node) {
	if r.inRow > 0 {
		for c := tr.FirstChild; c != nil; c = c.NextSibling {
			r.text.WriteByte(' ')
			r.read(c)
		}
		return
	}
	r.end()
	r.inRow++
	var cells []string
	for c := tr.FirstChild; c != nil; c = c.NextSibling {
		r.text.Reset()
		r.read(c)
		if cell := strings.Join(strings.Fields(r.text.String()), " "); cell != "" {
			cells = join(cells, cell)
		}
	}
	r.text.Reset()
	r.inRow--
	if len(cells) > 0 {
		r.paragraphs = append(r.paragraphs, strings.Join(cells, " | "))
	}
}

// join appends a cell; a currency sign, a bracket or a percent sign in a cell of
// its own belongs to the figure beside it.
func join(cells []string, cell string) []string {
	if n := len(cells); n > 0 {
		last := cells[n-1]
		if last == "$" || last == "€" || last == "£" || last == "(" || last == "$(" ||
			cell == ")" || cell == "%" || cell == ")%" || cell == "pts" {
			cells[n-1] += cell
			return cells
		}
	}
	return append(cells, cell)
}

var (
	markup = regexp.MustCompile(`(?i)<(?:p|div|td|body)[ >]`)
	tag    = regexp.MustCompile(`<[^<>]{1,200}>`)
	gap    = regexp.MustCompile(`[ \t]{2,}|\.{4,}`)
	figure = regexp.MustCompile(`\d[\d,.)% ]*$`)
)

// plain reads a text without markup: empty lines part paragraphs, and a line that
// wide gaps split and that ends in a figure is a row of a table.
func plain(text string) []string {
	var paragraphs, lines []string
	end := func() {
		if text := strings.Join(strings.Fields(strings.Join(lines, " ")), " "); text != "" {
			paragraphs = append(paragraphs, text)
		}
		lines = nil
	}
	for _, line := range strings.Split(tag.ReplaceAllString(text, ""), "\n") {
		line = strings.TrimSpace(strings.ReplaceAll(line, "$ ", "$"))
		line = strings.ReplaceAll(line, "$ ", "$")
		parts := gap.Split(strings.ReplaceAll(line, "$  ", "$"), -1)
		switch {
		case line == "" || strings.Trim(line, "-= ") == "":
			end()
		case len(parts) > 1 && figure.MatchString(line):
			end()
			var row []string
			for _, part := range parts {
				if part = strings.TrimSpace(part); part != "" {
					row = join(row, part)
				}
			}
			paragraphs = append(paragraphs, strings.Join(row, " | "))
		default:
			lines = append(lines, line)
		}
	}
	end()
	return paragraphs
}

func (r *reader) end() {
	if r.inRow > 0 {
		return
	}
	if text := strings.Join(strings.Fields(r.text.String()), " "); text != "" {
		r.paragraphs = append(r.paragraphs, text)
	}
	r.text.Reset()
}

func hidden(n *html.Node) bool {
	if n.Type == html.CommentNode || n.DataAtom == atom.Script || n.DataAtom == atom.Style ||
		n.DataAtom == atom.Head || n.Data == "ix:header" {
		return true
	}
	for _, a := range n.Attr {
		if a.Key == "style" && strings.Contains(strings.ReplaceAll(a.Val, " ", ""), "display:none") {
			return true
		}
	}
	return false
}

func isBlock(n *html.Node) bool {
	switch n.DataAtom {
	case atom.P, atom.Div, atom.Li, atom.Table, atom.Hr, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Body, atom.Center, atom.Ul, atom.Ol:
		return true
	}
	return n.Data == "text" || n.Data == "document"
}
