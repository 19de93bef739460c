package filing_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"catalyst/internal/edgar/filing"
)

// samples are the filings of testdata, by name: short ones, written for these tests.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d.Name() == "fuzz" {
				return fs.SkipDir
			}
			return err
		}
		if filepath.Ext(path) != ".json" {
			files[d.Name()], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%d samples: %v", len(files), err)
	}
	return files
}

func sample(t *testing.T, name string) *filing.Document {
	t.Helper()
	d, err := filing.Parse(samples(t)[name])
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSamplesLoseNoText(t *testing.T) {
	for name, body := range samples(t) {
		checkWhole(t, name, body)
	}
}

// Each item of the samples as a reader would copy it out of the page.
func TestItems(t *testing.T) {
	for name, want := range map[string][]string{
		"contents.htm": {
			"1.01: Item 1.01. Entry into a Material Definitive Agreement.|On June 3, 2009, Lantern Freight Corp. agreed to buy the trucks of Brook Haulage for $41.5 million in cash. " +
				"The agreement may be ended by either side if the purchase has not been completed by September 30, 2009.|Termination|The information in Item 1.02 of our report of May 5 still applies.",
			"9.01: Item 9.01. Financial Statements and Exhibits.|(d) Exhibits. The agreement is attached as Exhibit 10.1.",
		},
		"tables.htm": {
			"2.02: Item 2. 02. Results of Operations and Financial Condition.|Sales of the third quarter were announced on October 20, 2011. The press release is furnished as Exhibit 99.1.",
			"7.01: Item 7.01 Regulation FD Disclosure.|The slides of the call are on the Company's website.|The information furnished pursuant to Item 2.02 and|Item 7.01 of this report shall not be deemed filed.",
			"9.01: ITEM\n9.01\nFINANCIAL STATEMENTS AND EXHIBITS|Exhibit | Description\n99.1 | Press release",
		},
		"joint.htm": {
			"5.02: Item 5.02(b). Departure of Directors or Certain Officers.|On March 1, 2010 the treasurer resigned.",
			"7.01: Items 7.01 and 8.01. Regulation FD Disclosure; Other Events.|The Company opened a plant.",
			"8.01: Items 7.01 and 8.01. Regulation FD Disclosure; Other Events.|The Company opened a plant.",
			"9.01: Item 9.01 Financial Statements and Exhibits\n(d) Exhibits: none.",
		},
		"latin.htm": {"8.01: ITEM 8.01 OTHER EVENTS|The Board of Café Rio’s parent — a Señora — met.|It paid £5 million."},
		"inline.htm": {"5.07: Item 5.07 Submission of Matters to a Vote of Security Holders|The holders elected the directors:|" +
			"Nominee | For | Withheld\nAda Quill | 1,204,331 | 20,118\nBen Oar | 1,101,007 | 123,442"},
		"plain.txt": {
			"2: ITEM 2. ACQUISITION OR DISPOSITION OF ASSETS|On February 17, 1998, the Company sold its boatyard. The terms were described in the report on Item 5 of January 2.",
			"5: ITEM 5. OTHER EVENTS|The Company moved its office. The rent changes so:| | 1998 | 1997\nRent | $1,200 | $1,450\nHeating | 310 | 290",
			"7: ITEM NO. 7. FINANCIAL STATEMENTS AND EXHIBITS|(c) Exhibits. None.",
		},
		"pre.htm":    {"9: Item 9. Regulation FD Disclosure.|The slides are attached & on the website."},
		"cutoff.htm": {"1.03: Item 1.03 Bankruptcy or Receivership.|The Company filed a petition under Chap"},
	} {
		var got []string
		for _, item := range sample(t, name).Items() {
			got = append(got, item.Number+": "+strings.Join(append([]string{item.Elements[0].Text}, item.Paragraphs()...), "|"))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestSections(t *testing.T) {
	list := func(name string) []string {
		var out []string
		for _, s := range sample(t, name).Sections() {
			out = append(out, s.Part+" "+s.Number+" "+s.Title)
		}
		return out
	}
	want := []string{"I 1 Financial Statements", "I 2 Management’s Discussion and Analysis", "II 1 Legal Proceedings", "II 1A Risk Factors"}
	if diff := cmp.Diff(want, list("primary-document.html")); diff != "" {
		t.Errorf("10-Q (-want +got):\n%s", diff)
	}
	want = []string{"I 1 Business", "I 1A Risk Factors", "I 2 Properties", "II 7 Management’s Discussion and Analysis", "II 8 Financial Statements",
		"II 9B Other Information", "III 10 Directors, Compensation and Others", "III 11 Directors, Compensation and Others",
		"III 12 Directors, Compensation and Others", "III 13 Directors, Compensation and Others", "III 14 Directors, Compensation and Others", "IV 15 Exhibits"}
	if diff := cmp.Diff(want, list("annual.htm")); diff != "" {
		t.Errorf("10-K (-want +got):\n%s", diff)
	}
	for _, s := range sample(t, "annual.htm").Sections() {
		pages := strings.Count(s.Text(), "This is page ")
		if want := map[string]int{"1": 1, "1A": 3, "2": 1, "7": 3, "8": 1, "9B": 1}[s.Number]; pages != want {
			t.Errorf("item %s has %d pages, want %d", s.Number, pages, want)
		}
		if strings.Contains(s.Text(), "PART ") || strings.Contains(s.Text(), "SIGNATURE") {
			t.Errorf("item %s has a heading of the next one:\n%s", s.Number, s.Text())
		}
	}
}

func TestSectionsOfAnIndex(t *testing.T) {
	var got []string
	for _, s := range sample(t, "crossreference.htm").Sections() {
		line := s.Part + " " + s.Elements[0].Text + ":"
		for _, p := range s.Paragraphs() {
			if page, ok := strings.CutPrefix(p, "Page "); ok {
				line += " " + page[:strings.IndexByte(page, ' ')]
			}
		}
		got = append(got, line)
	}
	want := []string{"I Item 1. Business: 2 3", "I Item 1A. Risk Factors: 6 7", "I Item 2. Properties: 8", "I Item 3. Legal Proceedings: 7 10",
		"II Item 7. Management’s Discussion and Analysis: 4 5", "II Item 8. Financial Statements: 9 10"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A connection that breaks may end a document anywhere.
func TestCutAnywhere(t *testing.T) {
	for name, body := range samples(t) {
		for end := 0; end < len(body); end += 23 {
			d, err := filing.Parse(body[:end])
			if err != nil {
				continue
			}
			d.Sections()
			d.Items()
			checkChunks(t, name, d, 100)
		}
	}
}

func TestCover(t *testing.T) {
	for name, want := range map[string]filing.Cover{
		"contents.htm": {Company: "Lantern Freight Corp.", Form: "8-K"},
		"tables.htm":   {Form: "8-K/A"},
		"inline.htm":   {CIK: "0000098765", Form: "8-K"},
		"plain.txt":    {Company: "OAR & QUILL INC", CIK: "0000054321", Form: "8-K", Period: "1998-02-17"},
		"annual.htm":   {Form: "10-K", Period: "2025-12-31"},
	} {
		if got := sample(t, name).Cover; got.Company != want.Company || got.CIK != want.CIK || got.Form != want.Form || got.Period != want.Period {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	d := sample(t, "cutoff.htm")
	d.Cover.Fill(filing.Cover{Company: "Oar", Form: "10-K", Period: "2026-01-01", Securities: []filing.Security{{Symbol: "OAR"}}})
	if got := d.Cover; got.Company != "Oar" || got.Form != "8-K" || got.Period != "2026-01-01" || len(got.Securities) != 1 {
		t.Errorf("filled: %+v", got)
	}
}

func TestPageNumbersAreNoText(t *testing.T) {
	for name, want := range map[string]int{"primary-document.html": 3, "plain.txt": 4, "annual.htm": 4} {
		pages := 0
		for _, e := range sample(t, name).Elements {
			if e.Kind == filing.Page {
				pages++
			}
		}
		if pages != want {
			t.Errorf("%s: %d page numbers, want %d", name, pages, want)
		}
	}
	for _, s := range sample(t, "primary-document.html").Sections() {
		if slices.ContainsFunc(s.Elements, func(e filing.Element) bool { return strings.Contains(e.Text, "| Form 10-Q |") }) {
			t.Errorf("item %s has a running footer:\n%s", s.Number, s.Text())
		}
	}
}
