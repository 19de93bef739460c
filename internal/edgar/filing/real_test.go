package filing_test

import (
	"bytes"
	"encoding/json"
	"fmt"
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

// The labels name sections "1A", or "part2item1a" of a 10-Q.
func TestRealSections(t *testing.T) {
	root := realData(t)
	labels, err := filepath.Glob(filepath.Join(root, "*", "*", "*", "expected-top-level-sections.json"))
	if err != nil || len(labels) == 0 {
		t.Fatalf("%d labels: %v", len(labels), err)
	}
	for _, label := range labels {
		text, err := os.ReadFile(label)
		if err != nil {
			t.Fatal(err)
		}
		var want []struct{ Identifier string }
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		body, err := os.ReadFile(filepath.Join(filepath.Dir(label), "primary-document.html"))
		if err != nil {
			t.Fatal(err)
		}
		d, err := filing.Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, s := range d.Sections() {
			found[s.Number] = true
			found[fmt.Sprintf("part%ditem%s", len(s.Part), strings.ToLower(s.Number))] = true
			if strings.Contains(s.Elements[len(s.Elements)-1].Text, "duly caused") {
				t.Errorf("%s: item %s has the signature", label, s.Number)
			}
		}
		for _, w := range want {
			if !found[w.Identifier] {
				t.Errorf("%s: no section %s", label, w.Identifier)
			}
		}
	}
}

// Hard 8-Ks: headings inside an item, tables, a signature that runs on, a dated form.
func TestRealHardItems(t *testing.T) {
	files := realFilings(t)
	for name, want := range map[string]struct {
		items          string
		titles, tables int // inside the first item
	}{
		"0001104659-03-004925.html": {"9", 0, 0},
		"1800Flowers.8-K.html":      {"5.07", 0, 3},
		"BuckleInc.8-K.html":        {"2.02 9.01", 0, 0},
		"Oracle.8-K.html":           {"5.07", 4, 1},
		"form8K.Blackrock.html":     {"5.02", 0, 0},
		"cassette_1045810_000104581026000024_nvda_20260302_htm":        {"5.02 9.01", 1, 1},
		"cassette_1045810_000104581026000024_0001045810_26_000024_txt": {"5.02 9.01", 1, 1},
	} {
		d, err := filing.Parse(files["filings/"+name])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, item := range d.Items() {
			got = append(got, item.Number)
			if text := letters(item.Text()); strings.Contains(text, "SIGNATURE") || strings.Contains(text, "DULYCAUSED") {
				t.Errorf("%s: item %s has the signature:\n%s", name, item.Number, item.Text())
			}
		}
		if items := strings.Join(got, " "); items != want.items {
			t.Errorf("%s: items %s, want %s", name, items, want.items)
			continue
		}
		titles, tables := 0, 0
		for _, e := range d.Items()[0].Elements[1:] {
			switch e.Kind {
			case filing.Title:
				titles++
			case filing.Table:
				tables++
			}
		}
		if titles != want.titles || tables < want.tables {
			t.Errorf("%s: %d titles and %d tables inside, want %d and %d", name, titles, tables, want.titles, want.tables)
		}
	}
}

func letters(s string) string { return strings.ToUpper(alphanumeric(s)) }
