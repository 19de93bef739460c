package edgar

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"

	"catalyst/internal/edgar/client"
	"catalyst/internal/edgar/edgartest"
	"catalyst/internal/fetch"
	"catalyst/internal/news"
)

const head = `<?xml version="1.0" encoding="ISO-8859-1" ?><feed xmlns="http://www.w3.org/2005/Atom"><title>Latest Filings</title>`

func wire(form, title, summary string) string {
	return `<entry><title>` + title + `</title><link rel="alternate" href="https://www.sec.gov/Archives/edgar/data/1/000000000126000001/0000000001-26-000001-index.htm"/>` +
		`<summary type="html">` + summary + `</summary><updated>2026-01-08T12:00:00-05:00</updated>` +
		`<category label="form type" term="` + form + `"/><id>urn:tag:sec.gov,2008:accession-number=0000000001-26-000001</id></entry>`
}

// nobody has a ticker.
type unlisted struct{}

func (unlisted) Primary(string) string { return "" }

var nobody unlisted

func TestReadPage(t *testing.T) {
	for _, test := range []struct {
		name, body       string
		entries, refused int
		cut              bool
	}{
		{"nothing in it", head + `</feed>`, 0, 0, false},
		{"one", head + wire("8-K", "8-K - Acme (0000000001) (Filer)", "") + `</feed>`, 1, 0, false},
		{"a bare ampersand", head + wire("8-K", "8-K - A & B &nbsp; (0000000001) (Filer)", "") + `</feed>`, 1, 0, false},
		{"no accession number", head + `<entry><title>8-K</title><id>1</id></entry>` + wire("8-K", "x", "") + `</feed>`, 1, 1, false},
		{"no form", head + wire("", "8-K - Acme", "") + `</feed>`, 0, 1, false},
		{"no time", head + strings.Replace(wire("8-K", "x", ""), "2026-01-08T", "yesterday ", 1) + `</feed>`, 0, 1, false},
		{"cut after an entry", head + wire("8-K", "x", ""), 1, 0, true},
		{"cut within one", head + wire("8-K", "x", "") + wire("8-K", "x", "")[:300], 1, 0, true},
		{"cut within the head", head[:100], 0, 0, true},
		{"a web page in the middle", head + wire("8-K", "x", "") + "<html><body>Error</body></html>", 1, 0, true},
	} {
		p, err := readPage(fetch.UTF8([]byte(test.body), ""))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if len(p.entries) != test.entries || p.rejected != test.refused || p.cut != nil != test.cut {
			t.Errorf("%s: %d entries, %d rejected, cut: %v; want %d, %d, %v", test.name, len(p.entries), p.rejected, p.cut, test.entries, test.refused, test.cut)
		}
	}
	for _, body := range []string{"", " ", "<html></html>", "{}", "<rss><channel/></rss>", "8-K", edgartest.TrafficPage} {
		if p, err := readPage([]byte(body)); err == nil {
			t.Errorf("%.20q is taken for a feed: %+v", body, p)
		}
	}
}

func TestAPageMayBeCutAnywhere(t *testing.T) {
	var feed strings.Builder
	feed.WriteString(head)
	for n := range 5 {
		feed.WriteString(strings.ReplaceAll(wire("8-K", "8-K - Größe & Co (0000000001) (Filer)", "&lt;br&gt;Item 2.02: x"), "000001<", fmt.Sprintf("%06d<", n)))
	}
	feed.WriteString("</feed>\n")
	latin, err := charmap.ISO8859_1.NewEncoder().Bytes([]byte(feed.String()))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := readPage(fetch.UTF8(latin, ""))
	if err != nil || len(whole.entries) != 5 {
		t.Fatalf("%+v, %v", whole, err)
	}
	for n := range len(latin) - len("</feed>\n") {
		p, err := readPage(fetch.UTF8(latin[:n], ""))
		if err != nil && n > len(head) {
			t.Fatalf("cut at %d: %v", n, err)
		}
		if err != nil {
			continue
		}
		if p.cut == nil || p.rejected > 0 {
			t.Fatalf("cut at %d: taken for whole, or %d rejected", n, p.rejected)
		}
		for i, e := range p.entries {
			if diff := cmp.Diff(whole.entries[i], e, cmp.AllowUnexported(entry{})); diff != "" {
				t.Fatalf("cut at %d, entry %d:\n%s", n, i, diff)
			}
		}
	}
}

func BenchmarkReadPage(b *testing.B) {
	var feed strings.Builder
	feed.WriteString(head)
	for range perPage {
		feed.WriteString(wire("8-K", "8-K - Acme & Co (0000000001) (Filer)", "&lt;b&gt;Filed:&lt;/b&gt; 2026-01-08&lt;br&gt;Item 2.02: Results of Operations and Financial Condition"))
	}
	feed.WriteString("</feed>\n")
	body := []byte(feed.String())
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if p, err := readPage(fetch.UTF8(body, "")); err != nil || len(p.entries) != perPage {
			b.Fatalf("%+v, %v", p, err)
		}
	}
}

func TestReadPageReadsWhatIsWritten(t *testing.T) {
	latin := "8-K - Soci\xe9t\xe9 Gr\xf6\xdfe (DE) /NEW/ (0000000001) (Filer)"
	p, err := readPage(fetch.UTF8([]byte(head+wire("8-K", latin,
		" &lt;b&gt;Filed:&lt;/b&gt; 2026-01-08\n&lt;br&gt;Item 2.02: Results\n&lt;br&gt;Item 9.01: Exhibits\n&lt;br&gt;Item 9.01: Exhibits")+"</feed>"), ""))
	if err != nil || len(p.entries) != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	want := entry{
		accession: "0000000001-26-000001", form: "8-K", title: "8-K - Société Größe (DE) /NEW/ (0000000001) (Filer)",
		filer:   news.Filer{Name: "Société Größe (DE) /NEW/", CIK: "0000000001", Role: "Filer"},
		url:     "https://www.sec.gov/Archives/edgar/data/1/000000000126000001/0000000001-26-000001-index.htm",
		summary: "Filed: 2026-01-08 Item 2.02: Results Item 9.01: Exhibits Item 9.01: Exhibits", items: []string{"2.02", "9.01"},
		accepted: time.Date(2026, 1, 8, 17, 0, 0, 0, time.UTC),
	}
	if diff := cmp.Diff(want, p.entries[0], cmp.AllowUnexported(entry{})); diff != "" {
		t.Errorf("entry (-want +got):\n%s", diff)
	}
}

func TestReadIndex(t *testing.T) {
	const index = "Description:           Daily Index\nComments: a|b|c\n \nCIK|Company Name|Form Type|Date Filed|File Name\n---\n" +
		"1000045|ACME & SONS INC|10-Q|20251113|edgar/data/1000045/0000950170-25-104567.txt\r\n" +
		"77|Größe LLC|8-K/A|20251113|edgar/data/77/0000950170-25-104568.txt\n" +
		"x|Y|8-K|20251113|edgar/data/77/0000950170-25-104568.txt\n" +
		"77|Y|8-K|20251113|edgar/data/77/report.txt\n77|Y|8-K|20251113\n\n"
	got, err := readIndex([]byte(index))
	want := []filed{
		{"0000950170-25-104567", "10-Q", news.Filer{Name: "ACME & SONS INC", CIK: "0001000045"}},
		{"0000950170-25-104568", "8-K/A", news.Filer{Name: "Größe LLC", CIK: "0000000077"}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(filed{})); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, body := range []string{"", "<html>", "no index"} {
		if got, err := readIndex([]byte(body)); err == nil {
			t.Errorf("%q is taken for an index: %v", body, got)
		}
	}
	days, err := readDirectory([]byte(`{"directory":{"item":[{"name":"master.20251231.idx"},{"name":"master.20251230.idx"},{"name":"master.20251231.idx"},{"name":"form.20251229.idx"},{"name":"master.20259999.idx"}]}}`))
	if err != nil || len(days) != 2 || days[0].Day() != 30 || days[1].Day() != 31 {
		t.Errorf("days %v, %v; want 30 and 31", days, err)
	}
	for _, body := range []string{"", "{}", "<html>", `{"directory":null}`} {
		if _, err := readDirectory([]byte(body)); err == nil {
			t.Errorf("%q is taken for a directory", body)
		}
	}
}

func TestClockOf(t *testing.T) {
	now := time.Date(2026, 1, 8, 21, 30, 0, 0, time.UTC) // 16:30 in New York
	for _, test := range []struct {
		name  string
		times []string
		want  string // of the first, in UTC
	}{
		{"early in New York", []string{"2026-01-07T16:30:00.000Z", "2026-01-06T07:27:31.000Z"}, "21:30"},
		{"at night in New York", []string{"2026-01-07T21:30:00.000Z", "2026-01-06T02:27:31.000Z"}, "21:30"},
		{"nothing speaks for either", []string{"2026-01-07T16:30:00.000Z"}, "16:30"},
		{"the future", []string{"2026-01-08T21:29:00.000Z", "2026-01-06T07:27:31.000Z"}, "21:29"},
	} {
		at, ok := clockOf(test.times, now)(test.times[0])
		if !ok || at.Format("15:04") != test.want {
			t.Errorf("%s: %v, want %s", test.name, at, test.want)
		}
	}
	if at, ok := clockOf(nil, now)("soon"); ok {
		t.Errorf("%q is %v", "soon", at)
	}
}

func TestRealCompanies(t *testing.T) {
	root := edgartest.Root(t)
	for file, n := range map[string]int{"submission.json": 1001, "submission1.json": 60} {
		body, err := os.ReadFile(filepath.Join(root, "submissions", file))
		if err != nil {
			t.Fatal(err)
		}
		found, err := readCompany(body, "0000000001", time.Now())
		if err != nil || len(found) != n {
			t.Fatalf("%s: %d filings, %v; want %d", file, len(found), err, n)
		}
		night := 0
		for _, e := range found {
			if hour := e.accepted.In(client.NewYork).Hour(); hour < 6 || hour >= 22 {
				night++
			}
			if e.form == "8-K" && e.accepted.Year() > 2004 && len(e.items) == 0 {
				t.Errorf("%s: %s has no items", file, e.accession)
			}
		}
		if night > n/50 {
			t.Errorf("%s: %d of %d filings were accepted at night", file, night, n)
		}
	}
	for _, body := range []string{"", "{}", "[]", `{"filings":{"recent":{"accessionNumber":["0000000001-26-000001"]}}}`} {
		if got, err := readCompany([]byte(body), "1", time.Now()); err == nil {
			t.Errorf("%q is taken for a company: %v", body, got)
		}
	}
}

func TestQueries(t *testing.T) {
	for forms, want := range map[string]string{"8-K": "8-K", "4 424B5 40-F 10-K 10-KT 10-Q": "10-K 10-Q 4", "8-K all": "", "SC 8-K 8-K": "8-K SC"} {
		if got := strings.Join(queries(strings.Fields(forms)), " "); got != want {
			t.Errorf("queries of %s are %s, want %s", forms, got, want)
		}
	}
}

func FuzzReadPage(f *testing.F) {
	f.Add([]byte(head + wire("8-K", "8-K - Acme (0000000001) (Filer)", "Item 2.02: x") + "</feed>"))
	f.Add([]byte(head + wire("4", "4 - A & <b>B", "")[:200]))
	f.Add([]byte("<feed><entry><entry></feed>"))
	f.Add([]byte(strings.Repeat("<feed>", 1000)))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := readPage(fetch.UTF8(body, ""))
		if err != nil {
			return
		}
		for _, it := range fold(p.entries, nobody) {
			it.Source = "s"
			if it.Key = news.KeyOf(it); it.Key != "acc:"+it.Accession {
				t.Errorf("key %q of %q", it.Key, it.Accession)
			}
			if _, err := news.Encode(it); err != nil {
				t.Errorf("%+v cannot be published: %v", it, err)
			}
		}
		// Cut anywhere, it has no more, and what it has is the same.
		for _, n := range []int{len(body) / 3, len(body) / 2, len(body) - 1} {
			part, err := readPage(fetch.UTF8(body[:max(n, 0)], "text/xml; charset=iso-8859-1"))
			if err == nil && len(part.entries) > len(p.entries)+1 {
				t.Errorf("%d entries in a part of %d", len(part.entries), len(p.entries))
			}
		}
	})
}

func FuzzReadIndex(f *testing.F) {
	f.Add([]byte("CIK|Company Name|Form Type|Date Filed|File Name\n---\n77|X|8-K|20251113|edgar/data/77/0000950170-25-104568.txt\n"))
	f.Add([]byte("CIK|||||\n"))
	f.Fuzz(func(t *testing.T, index []byte) {
		all, err := readIndex(fetch.UTF8(index, ""))
		if err != nil {
			return
		}
		for _, e := range all {
			if news.Accession(e.accession) != e.accession || len(e.filer.CIK) != 10 || e.form == "" {
				t.Errorf("%+v", e)
			}
		}
	})
}

func FuzzReadCompany(f *testing.F) {
	f.Add([]byte(`{"name":"X","filings":{"recent":{"accessionNumber":["0000000001-26-000001"],"acceptanceDateTime":["2026-01-07T16:30:00.000Z"],"filingDate":["2026-01-07"],"form":["8-K"],"items":["2.02,9.01"]}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		found, err := readCompany(body, "0000000001", noon)
		if err == nil && slices.ContainsFunc(found, func(e entry) bool { return e.accession == "" || e.form == "" || e.accepted.IsZero() }) {
			t.Errorf("%s", fmt.Sprintf("%+v", found))
		}
	})
}
