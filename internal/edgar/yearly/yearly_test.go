package yearly_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/internal/edgar/edgartest"
	"catalyst/internal/edgar/filing"
	"catalyst/internal/edgar/yearly"
)

// report is a 10-K whose sections say what they are given; empty ones are left out.
func report(t *testing.T, form string, sections ...[2]string) *filing.Document {
	t.Helper()
	var b strings.Builder
	b.WriteString("<html><body><p><b>FORM " + form + "</b></p>")
	for _, s := range sections {
		b.WriteString("<p><b>" + s[0] + "</b></p>")
		for _, line := range strings.Split(s[1], "\n") {
			b.WriteString("<p>" + line + "</p>")
		}
	}
	b.WriteString("<p><b>SIGNATURES</b></p></body></html>")
	d, err := filing.Parse([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const (
	widgets = "We make widgets of steel for the railways of three continents, and have done so since 1921."
	fire    = "A fire in our only plant would stop all deliveries to our customers for at least half of a year."
	flood   = "The river beside our only plant has risen above its banks twice in the last ten years of our history."
	sales   = "Net sales grew because the railways of two continents renewed their signals in the course of the year."
	slump   = "Net sales fell since our largest customer cancelled its orders, and we do not expect it to come back."
)

func annual(t *testing.T, business, risks, discussion string) *filing.Document {
	return report(t, "10-K", [2]string{"PART I", ""}, [2]string{"Item 1. Business", business}, [2]string{"Item 1A. Risk Factors", risks},
		[2]string{"Item 2. Properties", "One plant."}, [2]string{"PART II", ""}, [2]string{"Item 7. Management's Discussion and Analysis", discussion},
		[2]string{"Item 8. Financial Statements", "None."})
}

func TestCompare(t *testing.T) {
	prior := annual(t, widgets, fire+"\n"+flood, sales)
	current := annual(t, widgets, flood+"\n"+fire, slump)
	var got []string
	for _, s := range yearly.Compare(prior, current) {
		got = append(got, s.Label()+": "+s.Text(math.MaxInt32))
	}
	want := []string{
		"Part II, Item 7. Management's Discussion and Analysis: New:\n- " + slump + "\nRemoved:\n- " + sales + "\n",
		"Part I, Item 1A. Risk Factors: ", // they have only changed places
		"Part I, Item 1. Business: ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatCannotBeCompared(t *testing.T) {
	year := annual(t, widgets, fire, sales)
	quarter := report(t, "10-Q", [2]string{"PART I", ""}, [2]string{"Item 1. Financial Statements", "None."}, [2]string{"Item 2. Management's Discussion and Analysis", sales},
		[2]string{"Item 4. Controls and Procedures", "They work."}, [2]string{"PART II", ""}, [2]string{"Item 1. Legal Proceedings", "None."}, [2]string{"Item 1A. Risk Factors", fire}, [2]string{"Item 6. Exhibits", "None."})
	for _, pair := range [][2]*filing.Document{{year, quarter}, {quarter, year}, {year, {}}, {{}, year}, {{}, {}}} {
		if got := yearly.Compare(pair[0], pair[1]); got != nil {
			t.Errorf("%+v: two filings of different kinds are compared", got)
		}
	}
	var labels []string
	for _, s := range yearly.Compare(quarter, quarter) {
		labels = append(labels, s.Label())
		if !s.Empty() || s.Similarity != 1 || s.Missing != "" {
			t.Errorf("%s differs from itself: %+v", s.Label(), s.Report)
		}
	}
	if got, want := strings.Join(labels, "; "), "Part I, Item 2. Management's Discussion and Analysis; Part II, Item 1A. Risk Factors; Part II, Item 1. Legal Proceedings"; got != want {
		t.Errorf("a 10-Q is compared by %s, want %s", got, want)
	}
	if got := yearly.Looked(&filing.Document{}); got != nil {
		t.Errorf("%v of nothing", got)
	}
}

func TestASectionThatIsNewIsNotCompared(t *testing.T) {
	small := report(t, "10-K", [2]string{"PART I", ""}, [2]string{"Item 1. Business", widgets}, [2]string{"Item 2. Properties", "One plant."},
		[2]string{"PART II", ""}, [2]string{"Item 7. Management's Discussion and Analysis", sales}, [2]string{"Item 8. Financial Statements", "None."})
	large := annual(t, widgets, fire, sales)
	for want, pair := range map[string][2]*filing.Document{"prior": {small, large}, "current": {large, small}} {
		got := yearly.Compare(pair[0], pair[1])
		if len(got) != 3 || got[1].Number != "1A" || got[1].Missing != want || !got[1].Empty() {
			t.Errorf("%+v, want Item 1A missing in the %s filing", got, want)
		}
	}
}

// The 10-K of two companies and those of the year before.
func TestRealYears(t *testing.T) {
	root := edgartest.Root(t)
	read := func(name string) *filing.Document {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		d, err := filing.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, pair := range []struct {
		prior, current string
		changed, high  []string // items
		news           map[string]string
	}{
		{"10-K/NVDA/0001045810-24-000029/primary-document.html", "filings/nvda-10-k-2025-02-26.html", []string{"7", "1A", "1"}, []string{"7"}, map[string]string{
			"7": "published the “AI Diffusion” IFR in the Federal Register", "1A": "published the “AI Diffusion” IFR", "1": "GeForce RTX 50 Series"}},
		{"10-K/TSLA/0001628280-24-002390/primary-document.html", "filings/tsla-10-k-2025-01-30.html", []string{"7", "1"}, nil, map[string]string{
			"7": "Automotive sales revenue decreased $6.03 billion", "1": "launching our Robotaxi business"}},
	} {
		prior, current := read(pair.prior), read(pair.current)
		began := time.Now()
		sections := yearly.Compare(prior, current)
		took := time.Since(began)
		var changed, high []string
		for _, s := range sections {
			t.Logf("%s: similarity %.2f, %d new, %d rewritten, %d removed, %d moved, %d unchanged", s.Label(), s.Similarity, len(s.New), len(s.Rewritten), len(s.Removed), len(s.Moved), s.Unchanged)
			if s.Changed() {
				changed = append(changed, s.Number)
			}
			if s.High() {
				high = append(high, s.Number)
			}
			if text := s.Text(math.MaxInt32); !strings.Contains(text, pair.news[s.Number]) {
				t.Errorf("%s: %q is not told", s.Label(), pair.news[s.Number])
			}
		}
		t.Logf("%s: %d sections in %v", current.Cover.Company, len(sections), took)
		if diff := cmp.Diff(pair.changed, changed); diff != "" || cmp.Diff(pair.high, high) != "" {
			t.Errorf("%s: changed %v, a lot %v; want %v, %v", current.Cover.Company, changed, high, pair.changed, pair.high)
		}
		if took > 2*time.Second {
			t.Errorf("%s: %v, want less than 2s for each section", current.Cover.Company, took)
		}
	}
}
