package edgartest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"
)

var (
	crawledEntry     = regexp.MustCompile(`(?s)<entry>.*?</entry>\n?`)
	crawledAccession = regexp.MustCompile(`accession-number=([\d-]+)`)
	crawledForm      = regexp.MustCompile(`label="form type" term="([^"]*)"`)
	crawledUpdated   = regexp.MustCompile(`<updated>([^<]*)</updated>`)
)

// Crawl returns the entries of the real crawl whose pages begin with name, newest first, each
// once though pages overlap. A test is skipped where there is none.
func Crawl(tb testing.TB, name string) []Entry {
	tb.Helper()
	pages, err := filepath.Glob(filepath.Join(Root(tb), "current_atom", name+"*.atom"))
	if err != nil || len(pages) == 0 {
		tb.Skipf("no crawl %s among the real filings", name)
	}
	slices.Sort(pages)
	var entries []Entry
	seen := make(map[string]bool)
	for _, page := range pages {
		raw, err := os.ReadFile(page)
		if err != nil {
			tb.Fatal(err)
		}
		text, err := charmap.ISO8859_1.NewDecoder().String(string(raw))
		if err != nil {
			tb.Fatal(err)
		}
		for _, entry := range crawledEntry.FindAllString(text, -1) {
			if seen[entry] {
				continue
			}
			seen[entry] = true
			updated, err := time.Parse(time.RFC3339, crawledUpdated.FindStringSubmatch(entry)[1])
			if err != nil {
				tb.Fatalf("%s: %v in\n%s", page, err, entry)
			}
			entries = append(entries, Entry{
				Text: entry, Updated: updated,
				Accession: crawledAccession.FindStringSubmatch(entry)[1],
				Form:      crawledForm.FindStringSubmatch(entry)[1],
			})
		}
	}
	return entries
}
