package filing_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/html"

	"catalyst/internal/edgar/filing"
)

// realFilings returns the real documents of ../shared/data, by path, and skips the
// test where they are absent: the repository ships samples of its own only.
func realFilings(t testing.TB) map[string][]byte {
	t.Helper()
	root := realData(t)
	files := map[string][]byte{}
	for _, dir := range []string{"8-K/raw", "10-K", "filings", "elements"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) == ".json" {
				return err
			}
			name, _ := filepath.Rel(root, path)
			files[name], err = os.ReadFile(path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func realData(t testing.TB) string {
	t.Helper()
	root := filepath.Join("..", "..", "..", "..", "shared", "data", "edgar")
	if dir := os.Getenv("EDGAR_DATA"); dir != "" {
		root = dir
	}
	if _, err := os.Stat(root); err != nil {
		t.Skipf("real filings are absent: %v (EDGAR_DATA names their folder)", err)
	}
	return root
}

func TestRealFilingsLoseNoText(t *testing.T) {
	for name, body := range realFilings(t) {
		checkWhole(t, name, body)
	}
}

// checkWhole compares what was read with what a parser that builds a tree sees, and the
// chunks with what was read.
func checkWhole(t *testing.T, name string, body []byte) {
	t.Helper()
	d, err := filing.Parse(body)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	var all strings.Builder
	for _, e := range d.Elements {
		all.WriteString(e.Text)
	}
	parts, err := filing.Split(body)
	if err != nil {
		t.Errorf("%s: split: %v", name, err)
		return
	}
	got, want := alphanumeric(all.String()), alphanumeric(visible(parts[0].Body))
	if at := differ(got, want); at >= 0 {
		t.Errorf("%s: the elements go on with\n\t%.120q, the document with\n\t%.120q", name, got[at:], want[at:])
	}
	for _, most := range []int{filing.MaxChunk, 300, 40} {
		checkChunks(t, name, d, most)
	}
}

func differ(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return max(0, i-30)
		}
	}
	if len(a) == len(b) {
		return -1
	}
	return max(0, min(len(a), len(b))-30)
}

// visible is the text of a document that a reader sees.
func visible(body []byte) string {
	if !bytes.Contains(bytes.ToLower(body[:min(len(body), 1<<16)]), []byte("<body")) {
		return sgmlTags.ReplaceAllString(string(body), "")
	}
	root, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		return ""
	}
	var b strings.Builder
	for n := range root.Descendants() {
		if n.Type == html.TextNode && !hiddenNode(n) {
			b.WriteString(n.Data)
		}
	}
	return b.String()
}

var sgmlTags = regexp.MustCompile(`(?i)</?(page|table|caption|s|c|fn|f\d)>`)

func hiddenNode(n *html.Node) bool {
	for ; n != nil; n = n.Parent {
		switch n.Data {
		case "title", "script", "style", "ix:header":
			return n.Type == html.ElementNode
		}
		for _, a := range n.Attr {
			if a.Key == "style" && strings.Contains(strings.ReplaceAll(strings.ToLower(a.Val), " ", ""), "display:none") {
				return true
			}
		}
	}
	return false
}

func alphanumeric(s string) string {
	return strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return r
		}
		return -1
	}, s)
}

// checkChunks holds the promise of Chunks: everything once, in order, no chunk too long,
// and tables whole as far as they fit.
func checkChunks(t *testing.T, name string, d *filing.Document, most int) {
	t.Helper()
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
	var want, got strings.Builder
	tables := map[string]int{}
	for _, e := range d.Elements {
		if e.Kind == filing.Page {
			continue
		}
		want.WriteString(squeeze(e.Text))
		if e.Kind == filing.Table && len([]rune(e.Text)) <= most {
			tables[e.Text]++
		}
	}
	chunks := d.Chunks(most)
	var texts strings.Builder
	for i, c := range chunks {
		size := len([]rune(c.Text))
		if c.Header != "" {
			size += len([]rune(c.Header)) + 1
		}
		if size > most || strings.TrimSpace(c.Text) == "" {
			t.Errorf("%s: chunk %d has %d characters, at most %d are allowed:\n%.200s", name, i, size, most, c.Text)
		}
		got.WriteString(squeeze(c.Text))
		texts.WriteString(c.Text + "\x00")
		if c.Company != d.Cover.Company || c.Form != d.Cover.Form || c.Period != d.Cover.Period {
			t.Errorf("%s: chunk %d is of %q, %q, %q, not of the document", name, i, c.Company, c.Form, c.Period)
		}
	}
	if at := differ(got.String(), want.String()); at >= 0 {
		t.Errorf("%s: chunks of %d go on with\n\t%.120q, the elements with\n\t%.120q", name, most, got.String()[at:], want.String()[at:])
	}
	for table, n := range tables {
		if strings.Count(texts.String(), table) < n {
			t.Errorf("%s: a table that fits into %d characters was cut:\n%.300s", name, most, table)
		}
	}
}
