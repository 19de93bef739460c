package prefilterfilings

import (
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"

	"catalyst/internal/news"
	"catalyst/internal/testenv"
)

var (
	itemInFeed  = regexp.MustCompile(`Item (\d\.\d\d):`)
	filerInFeed = regexp.MustCompile(`^.*? - (.*) \((\d{10})\) \(([^)]*)\)$`)
)

// between is what stands in s between two marks, and what follows.
func between(s, begin, end string) (inside, rest string, found bool) {
	_, s, found = strings.Cut(s, begin)
	inside, rest, _ = strings.Cut(s, end)
	return inside, rest, found
}

// crawled is the real feed: one item for each accession, with all its filers.
func crawled(tb testing.TB) []*news.Item {
	tb.Helper()
	root := testenv.SharedData(tb, "../../../shared/data/edgar/current_atom")
	pages, err := filepath.Glob(filepath.Join(root, "*.atom"))
	if err != nil {
		tb.Fatal(err)
	}
	var all []*news.Item
	byAccession := map[string]*news.Item{}
	for _, page := range pages {
		raw, err := os.ReadFile(page)
		if err != nil {
			tb.Fatal(err)
		}
		text, err := charmap.ISO8859_1.NewDecoder().String(string(raw))
		if err != nil {
			tb.Fatal(err)
		}
		for {
			entry, rest, found := between(text, "<entry>", "</entry>")
			if !found {
				break
			}
			text = rest
			part := func(begin, end string) string {
				inside, _, _ := between(entry, begin, end)
				return html.UnescapeString(inside)
			}
			accession, title := part("accession-number=", "<"), part("<title>", "</title>")
			item := byAccession[accession]
			if item == nil {
				summary := part(`<summary type="html">`, "</summary>")
				item = &news.Item{Accession: accession, Form: part(`label="form type" term="`, `"`), Title: title, Summary: news.Text(summary)}
				for _, m := range itemInFeed.FindAllStringSubmatch(summary, -1) {
					item.Items = append(item.Items, m[1])
				}
				byAccession[accession] = item
				all = append(all, item)
			}
			if m := filerInFeed.FindStringSubmatch(title); m != nil {
				f := news.Filer{Name: m[1], CIK: m[2], Role: m[3]}
				switch {
				case slices.Contains(item.Filers, f):
				case f.Role == "Subject":
					item.Filers = slices.Insert(item.Filers, 0, f) // as the source has it
				default:
					item.Filers = append(item.Filers, f)
				}
			}
		}
	}
	return all
}

// offering forms are not wanted by default; whoever wants them must not get the notes of banks.
var withOfferings = func() Config {
	c := Defaults
	c.Forms = slices.Concat(c.Forms, []string{"FWP", "424B2", "424B3", "424B4", "424B5", "S-1", "S-3", "425"})
	return c
}()

// What becomes of two days of everything that is filed, as read and found right; -v prints what is
// dropped. A change of these figures is to be read again.
func TestRealFeed(t *testing.T) {
	items := crawled(t)
	for name, c := range map[string]struct {
		config Config
		want   map[string]int // dropped by reason; kept under the empty one
		kept   map[string][]string
	}{
		"default": {
			Defaults,
			map[string]int{"": 277, "form not wanted": 2839, "structured note": 746, "fund": 520, "items not wanted": 39, "asset-backed": 24, "spac": 2},
			nil,
		},
		"with offerings": {
			withOfferings,
			map[string]int{"": 463, "form not wanted": 2624, "structured note": 746, "fund": 545, "items not wanted": 39, "asset-backed": 24, "spac": 6},
			map[string][]string{ // everybody else who offers notes is a bank
				"FWP":   {"CAMPBELL'S Co", "Horizon Technology Finance Corp", "ISRAEL, STATE OF", "T1 Energy Inc.", "TRANSALTA CORP", "Tiziana Life Sciences Ltd"},
				"424B2": {"CAMPBELL'S Co", "Horizon Technology Finance Corp"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJudge(c.config)
			got, topics, kept, told := map[string]int{}, map[string]int{}, map[string][]string{}, map[string]bool{}
			for _, item := range items {
				reason := j.reason(item)
				got[reason]++
				if reason == "" {
					j.rank(item)
					topics[item.Topic]++
					kept[item.Form] = append(kept[item.Form], item.Filers[0].Name)
				} else if what := fmt.Sprintf("%s: %s %s %s", reason, item.Form, item.Filers[0].Name, strings.Join(item.Items, ",")); !told[what] &&
					slices.Contains(c.config.Forms, baseForm(item.Form)) {
					told[what] = true
					t.Log(what)
				}
			}
			t.Log("topics of what is kept:", topics)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("by reason (-want +got):\n%s", diff)
			}
			for form, want := range c.kept {
				slices.Sort(kept[form])
				if diff := cmp.Diff(want, slices.Compact(kept[form])); diff != "" {
					t.Errorf("%s that go on (-want +got):\n%s", form, diff)
				}
			}
		})
	}
}
