package fetchfiling

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/flows"
	"catalyst/internal/edgar/edgartest"
	"catalyst/internal/news"
)

const (
	risk = "A fire in our only plant would stop all deliveries to our customers for half of a year."
	grew = "Net sales grew because the railways of two continents renewed their signals all year."
	fell = "Net sales fell since our largest customer cancelled its orders, and will not come back."
)

// annual is a 10-K of a year, with this in its Item 7.
func annual(accession string, year int, discussion string) edgartest.Filing {
	period := fmt.Sprintf("%d-12-31", year)
	return edgartest.Filing{
		Accession: accession, Form: "10-K", Accepted: time.Date(year+1, 2, 12, 21, 0, 0, 0, time.UTC), Period: period,
		Filers: []edgartest.Filer{{Name: "ACME", CIK: "0001234567", Role: "Filer"}},
		Submission: "<SEC-HEADER>\nCONFORMED SUBMISSION TYPE:\t10-K\nCONFORMED PERIOD OF REPORT:\t" + strings.ReplaceAll(period, "-", "") + "\n</SEC-HEADER>\n<DOCUMENT>\n<TYPE>10-K\n<TEXT>\n<html><body><p><b>FORM 10-K</b></p>" +
			"<p><b>PART I</b></p><p><b>Item 1. Business</b></p><p>We make widgets.</p><p><b>Item 1A. Risk Factors</b></p><p>" + risk + "</p><p><b>Item 2. Properties</b></p><p>One plant.</p>" +
			"<p><b>PART II</b></p><p><b>Item 7. Management's Discussion and Analysis</b></p><p>" + discussion + "</p><p><b>Item 8. Financial Statements</b></p><p>Revenue for fiscal year " + fmt.Sprint(year) + " was $12.5 million.</p>" +
			"<p><b>SIGNATURES</b></p></body></html>\n</TEXT>\n</DOCUMENT>\n",
	}
}

const (
	thisYear = "0001234567-26-000020"
	lastYear = "0001234567-25-000020"
)

func annualItem() *news.Item {
	return &news.Item{
		Accession: thisYear, Form: "10-K", Title: "10-K - ACME (0001234567) (Filer)", Published: time.Date(2026, 2, 12, 21, 0, 0, 0, time.UTC),
		Filers: []news.Filer{{Name: "ACME", CIK: "0001234567", Role: "Filer"}},
	}
}

func TestAnAnnualReportIsToldByWhatChanged(t *testing.T) {
	s := edgartest.NewServer(t)
	s.Add(annual(lastYear, 2024, grew), annual(thisYear, 2025, fell))
	build, log := building(t, s, nil)
	m := process(t, build(), annualItem())
	for word, want := range map[string]bool{"since 2024-12-31": true, "New:\n- " + fell: true, "Removed:\n- " + grew: true, risk: false} {
		if strings.Contains(m.Item.Body, word) != want {
			t.Errorf("the body has %q: %v, want %v:\n%s", word, !want, want, m.Item.Body)
		}
	}
	if m.Meta[metaCompared] != lastYear || log.String() != "" {
		t.Errorf("compared with %q, logged %q", m.Meta[metaCompared], log)
	}
	if diff := cmp.Diff([]string{"Revenue $12.5 million (FY 2025)"}, m.Item.Figures); diff != "" {
		t.Error(diff)
	}
	again := process(t, build(), annualItem())
	if diff := cmp.Diff(m.Item, again.Item); diff != "" || len(s.Requests("/Archives")) != 2 {
		t.Errorf("a second delivery asks %q and says\n%s", s.Requests("/Archives"), diff)
	}
}

// What a report is compared with is worth no delay.
func TestWithoutTheYearBeforeTheDiscussionComesFirst(t *testing.T) {
	is := func(prefix string) func(*http.Request) bool {
		return func(r *http.Request) bool { return strings.Contains(r.URL.Path, prefix) }
	}
	for name, test := range map[string]struct {
		change func(*Config)
		fails  func(*http.Request) bool
		warns  bool
	}{
		"is not wanted":         {change: func(c *Config) { c.Compare = false }},
		"is not listed":         {},
		"cannot be looked up":   {fails: is("/submissions/"), warns: true},
		"is listed and missing": {fails: is(lastYear), warns: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := edgartest.NewServer(t)
			s.Add(annual(thisYear, 2025, fell))
			if name != "is not listed" {
				s.Add(annual(lastYear, 2024, grew))
			}
			if test.fails != nil {
				s.Fault(func(w http.ResponseWriter, r *http.Request) bool {
					if !test.fails(r) {
						return false
					}
					w.WriteHeader(500)
					return true
				})
			}
			build, log := building(t, s, test.change)
			m := process(t, build(), annualItem())
			discussion, risks := strings.Index(m.Item.Body, fell), strings.Index(m.Item.Body, risk)
			if m.Outcome().Fate != flows.Unsettled || discussion < 0 || risks < discussion || strings.Contains(m.Item.Body, grew) || m.Meta[metaCompared] != "" {
				t.Errorf("%+v, %v:\n%s", m.Outcome(), m.Meta, m.Item.Body)
			}
			if strings.Contains(log.String(), "filing_not_compared") != test.warns {
				t.Errorf("logged %q, want a warning: %v", log, test.warns)
			}
			if asked := len(s.Requests("/submissions/")) > 0; asked == (name == "is not wanted") {
				t.Errorf("asked for the company's filings: %v", asked)
			}
		})
	}
}
