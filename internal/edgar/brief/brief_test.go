package brief

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"catalyst/internal/edgar/edgartest"
	"catalyst/internal/edgar/filing"
)

// submission is one of a form, with documents of these types and bodies.
func submission(form string, documents ...string) []byte {
	var b strings.Builder
	b.WriteString("<SEC-HEADER>\nCONFORMED SUBMISSION TYPE:\t" + form + "\nCONFORMED PERIOD OF REPORT:\t20260105\n\tCOMPANY CONFORMED NAME:\t\t\tACME WIDGETS CORP\n</SEC-HEADER>\n")
	for i := 0; i < len(documents); i += 2 {
		fmt.Fprintf(&b, "<DOCUMENT>\n<TYPE>%s\n<TEXT>\n<html><body>%s</body></html>\n</TEXT>\n</DOCUMENT>\n", documents[i], documents[i+1])
	}
	return []byte(b.String())
}

const (
	current = "<p><b>FORM 8-K</b></p><p>CURRENT REPORT</p><p>Acme Widgets Corp</p>" +
		"<p><b>Item 7.01. Regulation FD Disclosure.</b></p><p>A presentation is on our site.</p>" +
		"<p><b>Item 2.02. Results of Operations and Financial Condition.</b></p><p>A release is furnished as Exhibit 99.1.</p>" +
		"<p><b>Item 9.01. Financial Statements and Exhibits.</b></p><p>99.1 Press release.</p>" +
		"<p>SIGNATURES</p><p>Pursuant to the requirements of the Securities Exchange Act of 1934, the registrant has duly caused this report to be signed.</p>"
	release = "<p>Exhibit 99.1</p><p>For immediate release</p><p>Contact: Press Office, phone 555-0100</p>" +
		"<p><b>About Acme</b></p><p>Acme makes widgets for the railways of three continents.</p>" +
		"<p><b>Acme Reports Record Third Quarter</b></p>" +
		"<p>Revenue for the third quarter of 2025 was $57.0 billion, compared to $35.1 billion in the third quarter of 2024, as railways renewed their signals.</p>" +
		"<p>Diluted earnings per share for the third quarter of 2025 were $1.30.</p>" +
		"<p><b>Balance Sheet</b></p><table><tr><td>Assets</td><td>2025</td><td>2024</td></tr><tr><td>Cash</td><td>$10</td><td>$9</td></tr><tr><td>Other</td><td>$20</td><td>$19</td></tr></table>" +
		"<p><b>Outlook</b></p><p>Acme expects revenue for the fourth quarter of 2025 between $64.0 billion and $66.0 billion.</p>"
)

func TestACurrentReport(t *testing.T) {
	f, err := Read(submission("8-K", "8-K", current, "EX-10.1", "<p>A long contract.</p>", "EX-99.1", release), []string{"EX-99"})
	if err != nil {
		t.Fatal(err)
	}
	text := f.Text(nil, 24<<10)
	at := -1
	for _, next := range []string{
		"ACME WIDGETS CORP · 8-K · 2026-01-05\nItem 2.02. Results", "Item 7.01. Regulation FD", "Exhibit 99.1", "Acme Reports Record Third Quarter", "Revenue for the third quarter",
		"Outlook", "Cash | $10 | $9", "Contact: Press Office", "About Acme", "99.1 Press release",
	} {
		i := strings.Index(text[at+1:], next)
		if i < 0 {
			t.Fatalf("%q does not come next:\n%s", next, text)
		}
		at += 1 + i
	}
	for _, never := range []string{"contract", "CURRENT REPORT", "duly caused"} {
		if strings.Contains(text, never) {
			t.Errorf("it says %q:\n%s", never, text)
		}
	}
	want := []string{"Revenue $57.0 billion (Q3 2025), was $35.1 billion", "EPS (diluted) $1.30 (Q3 2025)", "Revenue guidance $64.0–$66.0 billion (Q4 2025)"}
	if diff := cmp.Diff(want, f.Figures()); diff != "" {
		t.Error(diff)
	}
}

func TestALongItemLeavesRoomForTheRelease(t *testing.T) {
	long := strings.Replace(current, "A presentation is on our site.", strings.Repeat("The agreement has many clauses. ", 1000)+"The last clause ends it.", 1)
	f, err := Read(submission("8-K", "8-K", long, "EX-99.1", release), []string{"EX-99"})
	if err != nil {
		t.Fatal(err)
	}
	if text := f.Text(nil, 8<<10); !strings.Contains(text, "Acme expects revenue") || len(text) < 7<<10 {
		t.Errorf("%d bytes:\n%s", len(text), text)
	}
	if text := f.Text(nil, 64<<10); !strings.Contains(text, "The last clause") || strings.Count(text, "many clauses") != 1000 {
		t.Errorf("with room for it %d of 1000 clauses are there", strings.Count(text, "many clauses"))
	}
}

// Statements that an 8-K attaches for a business that was bought are not the buyer's figures.
func TestStatementsOfAnotherAreNoFigures(t *testing.T) {
	bought := strings.NewReplacer("Item 2.02. Results of Operations and Financial Condition.", "Item 2.01. Completion of Acquisition or Disposition of Assets.",
		"Item 7.01. Regulation FD Disclosure.", "Item 5.07. Submission of Matters to a Vote of Security Holders.").Replace(current)
	f, err := Read(submission("8-K/A", "8-K/A", bought, "EX-99.1", release), []string{"EX-99"})
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Figures(); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

func annual(year, discussion string) []byte {
	return submission("10-K", "10-K", "<p><b>FORM 10-K</b></p><p>For the fiscal year ended December 31, "+year+"</p><p><b>PART I</b></p><p><b>Item 1. Business</b></p><p>We make widgets of steel for the railways of three continents.</p>"+
		"<p><b>Item 1A. Risk Factors</b></p><p>A fire in our only plant would stop all deliveries to customers for half of a year.</p><p><b>Item 2. Properties</b></p><p>One plant.</p>"+
		"<p><b>PART II</b></p><p><b>Item 7. Management's Discussion and Analysis</b></p><p>"+discussion+"</p><p><b>Item 8. Financial Statements</b></p><p>Revenue for fiscal year "+year+" was $12.5 million.</p><p>The offering of 5 million shares at $4.00 per share closed in 2019.</p><p><b>SIGNATURES</b></p>")
}

func TestAnAnnualReport(t *testing.T) {
	const fell, grew = "Net sales fell since our largest customer cancelled its orders for good.", "Net sales grew because the railways renewed their signals all year."
	f, err := Read(annual("2025", fell), nil)
	if err != nil {
		t.Fatal(err)
	}
	prior, err := filing.Parse(annual("2024", grew))
	if err != nil {
		t.Fatal(err)
	}
	text := f.Text(prior, 24<<10)
	for word, want := range map[string]bool{fell: true, "(similarity 0.": true, "changed a lot": true, "since 2026-01-05": true, "railways of three continents": false, "only plant": false} {
		if strings.Contains(text, word) != want {
			t.Errorf("it says %q: %v, want %v:\n%s", word, !want, want, text)
		}
	}
	for name, prior := range map[string]*filing.Document{"none": nil, "the same": f.Document, "something else": {}} {
		text := f.Text(prior, 24<<10)
		if at := strings.Index(text, "Item 7."); at < 0 || at > strings.Index(text, "Item 1A.") || strings.Index(text, "One plant") < strings.Index(text, "Item 1. ") || strings.Count(text, fell) != 1 {
			t.Errorf("with %s to compare it with:\n%s", name, text)
		}
	}
	if diff := cmp.Diff([]string{"Revenue $12.5 million (FY 2025)"}, f.Figures()); diff != "" {
		t.Error(diff)
	}
}

func TestAnotherForm(t *testing.T) {
	f, err := Read(submission("424B5", "424B5", "<p>We are offering 5,000,000 shares of our common stock at a public offering price of $4.00 per share, for gross proceeds of $20.0 million.</p>", "EX-99.1", "<p>A fee table.</p>"), []string{"EX-99"})
	if err != nil {
		t.Fatal(err)
	}
	if text := f.Text(nil, 1000); !strings.Contains(text, "We are offering") || !strings.HasSuffix(text, "Exhibit 99.1\n\nA fee table.") {
		t.Error(text)
	}
	want := []string{"Offering size $20.0 million", "Offering price per share $4", "Shares offered 5.00 million"}
	if diff := cmp.Diff(want, f.Figures()); diff != "" {
		t.Error(diff)
	}
}

func TestNothingToRead(t *testing.T) {
	for _, text := range []string{"", "<SEC-HEADER>\n", string(submission("8-K", "8-K", "<p> </p>"))} {
		if f, err := Read([]byte(text), nil); err == nil {
			t.Errorf("%q is read as %+v", text, f)
		}
	}
	f, err := Read(submission("8-K", "8-K", "<p> </p>", "EX-99.1", "<p>Only a release.</p>"), []string{"EX-99"})
	if err != nil || !strings.Contains(f.Text(nil, 1000), "Only a release.") {
		t.Errorf("%v, %v: want the release alone", f, err)
	}
}

func TestRealRelease(t *testing.T) {
	root := edgartest.Root(t)
	var parts []string
	for kind, name := range map[string]string{"8-K": "BuckleInc.8-K.html", "EX-99.1": "BuckleInc.8-K.EX99.1.html"} {
		text, err := os.ReadFile(filepath.Join(root, "filings", name))
		if err != nil {
			t.Fatal(err)
		}
		if kind == "8-K" {
			parts = append([]string{kind, string(text)}, parts...)
		} else {
			parts = append(parts, kind, string(text))
		}
	}
	f, err := Read(submission("8-K", parts...), []string{"EX-99"})
	if err != nil {
		t.Fatal(err)
	}
	text := f.Text(nil, 6000)
	if headline, statement := strings.Index(text, "REPORTS THIRD QUARTER NET INCOME"), strings.Index(text, "CONSOLIDATED STATEMENTS OF INCOME"); headline < 0 || headline > 1200 || statement < headline {
		t.Errorf("the headline is at %d, its tables at %d:\n%s", headline, statement, text)
	}
	want := []string{
		"Revenue $293.6 million (3M to 2024-11-02), was $303.5 million", "Revenue $838.5 million (9M to 2024-11-02), was $878.7 million",
		"EPS (diluted) $0.88 (Q3 2024), was $1.04", "EPS (diluted) $2.35 (9M to 2024-11-02), was $2.81",
		"Net income $44.2 million (Q3 2024), was $51.8 million", "Net income $118.3 million (9M to 2024-11-02), was $140.3 million",
	}
	if diff := cmp.Diff(want, f.Figures()); diff != "" {
		t.Error(diff)
	}
}

func FuzzBrief(f *testing.F) {
	f.Add(submission("8-K", "8-K", current, "EX-99.1", release), annual("2024", "x"), 300)
	f.Add(annual("2025", "Sales fell."), annual("2024", "Sales grew."), 4000)
	f.Add([]byte("<html><p>Item 2.02 x"), []byte("é"), 1)
	f.Fuzz(func(t *testing.T, source, before []byte, most int) {
		if len(source)+len(before) > 64<<10 {
			return
		}
		read, err := Read(source, []string{"EX-99"})
		if err != nil {
			return
		}
		prior, _ := filing.Parse(before)
		text := read.Text(prior, most)
		if len(text) > max(most, 0) || !utf8.ValidString(text) {
			t.Errorf("%d bytes of %d, valid %v", len(text), most, utf8.ValidString(text))
		}
		if again := read.Text(prior, most); again != text {
			t.Error("a second time it says something else")
		}
		if n := len(read.Figures()); n > MaxFigures {
			t.Errorf("%d figures", n)
		}
	})
}
