package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"catalyst/internal/edgar/edgartest"
)

func day(text string) time.Time {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}
	}
	return at
}

func TestYearBefore(t *testing.T) {
	s := edgartest.NewServer(t)
	filer := edgartest.Filer{Name: "Acme", CIK: "0001234567", Role: "Filer"}
	add := func(n int, form, period, filed string) string {
		accession := fmt.Sprintf("0001234567-26-%06d", n)
		s.Add(edgartest.Filing{Accession: accession, Form: form, Filers: []edgartest.Filer{filer}, Period: period, Accepted: day(filed).Add(15 * time.Hour)})
		return accession
	}
	quarter := add(1, "10-Q", "2024-12-28", "2025-01-31")
	before := add(2, "10-K", "2024-12-28", "2025-02-20")
	add(3, "10-K/A", "2024-12-28", "2025-03-01")
	add(4, "10-K", "2023-12-30", "2024-02-20")
	add(5, "10-K", "2026-01-03", "2026-02-19") // the one that has come
	odd := add(6, "10-KT", "", "2025-06-30")
	c := asking(t, s, newMemory().limits())
	for _, test := range []struct {
		cik, form, period, filed string
		want                     string
	}{
		{"1234567", "10-K", "2026-01-03", "2026-02-19", before},
		{"0001234567", "10-K", "2026-01-03", "", before},
		{"0001234567", "10-K", "", "2026-02-19", before},
		{"0001234567", "10-Q", "2026-01-03", "2026-01-30", quarter},
		{"0001234567", "10-K", "2022-12-31", "2026-02-19", ""}, // nothing of 2021
		{"0001234567", "10-K", "", "", ""},
		{"0001234567", "10-KT", "2026-06-15", "2026-07-01", odd}, // without a period the day of filing
		{"0007654321", "10-K", "2026-01-03", "2026-02-19", ""},
		{"1/../2", "10-K", "2026-01-03", "2026-02-19", ""},
	} {
		got, err := c.YearBefore(t.Context(), test.cik, test.form, day(test.period), day(test.filed))
		if err != nil || got.Accession != test.want {
			t.Errorf("%+v: %v, %v", test, got, err)
		}
	}
	s.Fault(func(w http.ResponseWriter, r *http.Request) bool { w.WriteHeader(503); return true })
	if _, err := c.YearBefore(t.Context(), "1234567", "10-K", day("2026-01-03"), day("2026-02-19")); err == nil {
		t.Error("an outage is no answer")
	}
}

// Who files thousands of documents a year has the report of a year ago on another page.
func TestYearBeforeOnAnotherPage(t *testing.T) {
	s := edgartest.NewServer(t)
	pages := map[string]any{
		"/submissions/CIK0000000019.json": map[string]any{"filings": map[string]any{
			"recent": map[string]any{"accessionNumber": []string{"0000000019-26-000001"}, "form": []string{"FWP"}, "filingDate": []string{"2026-02-01"}, "reportDate": []string{""}},
			"files": []any{
				map[string]any{"name": "CIK0000000019-submissions-001.json", "filingFrom": "2024-06-01", "filingTo": "2025-12-31"},
				map[string]any{"name": "CIK0000000019-submissions-002.json", "filingFrom": "1994-01-01", "filingTo": "2024-05-31"},
				map[string]any{"name": "../../files/company_tickers.json", "filingFrom": "2024-06-01", "filingTo": "2025-12-31"},
			},
		}},
		"/submissions/CIK0000000019-submissions-001.json": map[string]any{"accessionNumber": []string{"0000000019-25-000007"}, "form": []string{"10-K"}, "filingDate": []string{"2025-02-14"}, "reportDate": []string{"2024-12-31"}},
	}
	s.Fault(func(w http.ResponseWriter, r *http.Request) bool {
		page, ok := pages[r.URL.Path]
		if ok {
			json.NewEncoder(w).Encode(page)
		}
		return ok
	})
	c := asking(t, s, newMemory().limits())
	got, err := c.YearBefore(t.Context(), "19", "10-K", day("2025-12-31"), day("2026-02-13"))
	if err != nil || got != (Filing{"0000000019-25-000007", "0000000019"}) || len(s.Requests("/")) != 2 {
		t.Errorf("%v, %v with requests %q", got, err, s.Requests("/"))
	}
}

func TestYearBeforeInARealList(t *testing.T) {
	list, err := os.ReadFile(filepath.Join(edgartest.Root(t), "submissions", "submission.json"))
	if err != nil {
		t.Fatal(err)
	}
	s := edgartest.NewServer(t)
	s.Fault(func(w http.ResponseWriter, r *http.Request) bool { w.Write(list); return true })
	got, err := asking(t, s, newMemory().limits()).YearBefore(t.Context(), "320193", "10-K", day("2024-09-28"), time.Time{})
	if err != nil || got.Accession != "0000320193-23-000106" {
		t.Errorf("%v, %v; want Apple's of 2023", got, err)
	}
}

func TestDocument(t *testing.T) {
	s := edgartest.NewServer(t)
	const folder = "/Archives/edgar/data/1234567/000123456726000001/"
	s.Add(edgartest.Filing{
		Accession: "0001234567-26-000001", Form: "8-K", Filers: []edgartest.Filer{{Name: "Acme", CIK: "0001234567", Role: "Filer"}}, Accepted: time.Now(),
		Submission: "<SEC-HEADER>\n</SEC-HEADER>\n<DOCUMENT>\n<TYPE>8-K\n<FILENAME>acme.htm\n<TEXT>\n<p>the filing</p>\n</TEXT>\n</DOCUMENT>\n",
	})
	c := asking(t, s, newMemory().limits())
	const whole, one = "<SEC-HEADER>", "<p>the filing</p>\n"
	for address, want := range map[string]string{
		s.URL + folder + "0001234567-26-000001-index.htm":               whole,
		s.URL + folder + "0001234567-26-000001.txt":                     whole,
		s.URL + "/Archives/edgar/data/1234567/0001234567-26-000001.txt": whole,
		s.URL + folder:                                     whole,
		s.URL + folder + "acme.htm":                        one,
		s.URL + "/ix?doc=" + folder + "acme.htm":           one,
		s.URL + folder + "other.htm":                       "",
		s.URL + "/cgi-bin/browse-edgar":                    "",
		s.URL + "/Archives/edgar/data/../../../etc/passwd": "",
		"https://example.com" + folder + "acme.htm":        "",
		"http://user@" + s.URL[len("http://"):] + folder:   "",
		"%zz": "",
	} {
		body, err := c.Document(t.Context(), address)
		if got := string(body); (err != nil) != (want == "") || want == one && got != one || want == whole && len(got) < len(whole) {
			t.Errorf("%s: %q, %v", address, got, err)
		}
	}
	if n := len(s.Requests("/")); n != 7 || len(s.Violations()) != 0 {
		t.Errorf("%d requests (%v), violations %v; want none for what is no document of EDGAR's", n, s.Requests("/"), s.Violations())
	}
}
