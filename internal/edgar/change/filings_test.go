package change_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"catalyst/internal/edgar/change"
	"catalyst/internal/edgar/edgartest"

	"github.com/google/go-cmp/cmp"
)

var heading = regexp.MustCompile(`(?i)^item\s+(1|1A|1B|7|7A)\s*[.:|]`)

// item cuts a section out of a 10-K: of all that begin with its heading the longest,
// for one is the table of contents.
func item(paragraphs []string, name string) []string {
	var best []string
	for i, p := range paragraphs {
		if m := heading.FindStringSubmatch(p); m == nil || !strings.EqualFold(m[1], name) {
			continue
		}
		end := i + 1
		for end < len(paragraphs) && !strings.HasPrefix(strings.ToUpper(paragraphs[end]), "ITEM ") {
			end++
		}
		if end-i > len(best) {
			best = paragraphs[i:end]
		}
	}
	return best
}

// TestFilings compares two real 10-K with those of the year before.
func TestFilings(t *testing.T) {
	pairs := []struct{ name, prior, current string }{
		{"NVDA", "10-K/NVDA/0001045810-24-000029/primary-document.html", "filings/nvda-10-k-2025-02-26.html"},
		{"TSLA", "10-K/TSLA/0001628280-24-002390/primary-document.html", "filings/tsla-10-k-2025-01-30.html"},
	}
	for _, pair := range pairs {
		prior, current := edgartest.Read(t, pair.prior), edgartest.Read(t, pair.current)
		for _, name := range []string{"1", "1A", "7"} {
			a, b := item(prior, name), item(current, name)
			if size(a) < 20_000 || size(b) < 20_000 {
				t.Fatalf("%s item %s: %d and %d bytes: not the section", pair.name, name, size(a), size(b))
			}
			start := time.Now()
			r := change.Compare(a, b)
			took := time.Since(start)
			t.Logf("%s item %-2s %6d → %6d bytes: similarity %.3f; new %d, rewritten %d, removed %d, moved %d, unchanged %d (%d of them but for dates); %v",
				pair.name, name, size(a), size(b), r.Similarity, len(r.New), len(r.Rewritten), len(r.Removed), len(r.Moved), r.Unchanged, r.Rolled, took)
			if took > 2*time.Second {
				t.Errorf("%s item %s: %v, want at most 2s", pair.name, name, took)
			}
			// What is said as often as before may have moved, but is not new.
			said := map[string]int{}
			for _, p := range a {
				said[strings.Join(strings.Fields(p), " ")]++
			}
			for _, p := range b {
				said[strings.Join(strings.Fields(p), " ")]--
			}
			for _, p := range r.New {
				if count, there := said[strings.Join(strings.Fields(p.Text), " ")]; there && count >= 0 {
					t.Errorf("%s item %s: said before and called new: %q", pair.name, name, p.Text)
				}
			}
			if got, want := apply(whole(a), change.Compare(whole(a), whole(b))), normal(whole(b)); !equalSets(got, want) {
				t.Errorf("%s item %s: the report does not make one text of the other: %s", pair.name, name, cmp.Diff(want, got))
			}
		}
	}
}

// whole leaves out what Compare does, and what it would join: apply works on
// paragraphs by their index.
func whole(list []string) []string {
	var out []string
	for _, p := range list {
		if len(p) > 40 && strings.HasSuffix(p, ".") && !strings.HasSuffix(p, "..") && p[0] >= 'A' && p[0] <= 'Z' {
			out = append(out, p)
		}
	}
	return out
}

func equalSets(a, b []string) bool {
	return strings.Join(a, "\n") == strings.Join(b, "\n")
}
