package fetchfiling

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/flows"
	"catalyst/flows/flowstest"
	"catalyst/internal/edgar/brief"
	"catalyst/internal/edgar/client"
	"catalyst/internal/edgar/edgartest"
	"catalyst/internal/news"
	"catalyst/internal/store"
	sqlitestore "catalyst/internal/store/sqlite"
	"catalyst/internal/testenv"
)

const release = `<SEC-DOCUMENT>0001234567-26-000001.txt : 20260108
<SEC-HEADER>0001234567-26-000001.hdr.sgml : 20260108
<ACCEPTANCE-DATETIME>20260108160512
ACCESSION NUMBER:		0001234567-26-000001
CONFORMED SUBMISSION TYPE:	8-K
</SEC-HEADER>
<DOCUMENT>
<TYPE>8-K
<SEQUENCE>1
<FILENAME>acme-20260108.htm
<TEXT>
<html><head><title>8-K</title></head><body>
<p>UNITED STATES SECURITIES AND EXCHANGE COMMISSION</p><p><b>FORM 8-K</b></p><p>CURRENT REPORT</p>
<p>Acme Widgets Corp (Exact name of registrant as specified in its charter)</p>
<p><b>Item 2.02. Results of Operations and Financial Condition.</b></p>
<p>On January 8, 2026, Acme Widgets announced its results for the fourth quarter.</p>
<p><b>Item 9.01. Financial Statements and Exhibits.</b></p>
<p>(d) Exhibits. 99.1 Press release.</p>
<p>SIGNATURES</p><p>Pursuant to the requirements of the Securities Exchange Act of 1934, the registrant has duly caused this report to be signed.</p>
</body></html>
</TEXT>
</DOCUMENT>
<DOCUMENT>
<TYPE>EX-10.1
<SEQUENCE>2
<TEXT>
<html><body><p>A long contract.</p></body></html>
</TEXT>
</DOCUMENT>
<DOCUMENT>
<TYPE>EX-99.1
<SEQUENCE>3
<TEXT>
<html><body><p>Revenue was $12.5 million, and earnings were $0.42 per share.</p>
<table><tr><td>Revenue</td><td>$</td><td>12.5</td></tr></table></body></html>
</TEXT>
</DOCUMENT>
<DOCUMENT>
<TYPE>GRAPHIC
<SEQUENCE>4
<TEXT>
begin 644 logo.jpg
</TEXT>
</DOCUMENT>
</SEC-DOCUMENT>
`

func accession(n int) string {
	return "0001234567-26-00000" + string(rune('0'+n))
}

// serve returns an EDGAR with a submission under each accession number.
func serve(t *testing.T, submissions ...string) *edgartest.Server {
	s := edgartest.NewServer(t)
	for n, text := range submissions {
		s.Add(edgartest.Filing{
			Accession: accession(n), Form: "8-K", Accepted: time.Date(2026, 1, 8, 21, 5, 12, 0, time.UTC), Submission: text,
			Filers: []edgartest.Filer{{Name: "ACME", CIK: "0001234567", Role: "Filer"}},
		})
	}
	return s
}

func item(n int) *news.Item {
	return &news.Item{
		Accession: accession(n), Form: "8-K", Title: "8-K - ACME (0001234567) (Filer)", Published: time.Date(2026, 1, 8, 21, 5, 12, 0, time.UTC),
		Filers: []news.Filer{{Name: "ACME", CIK: "0001234567", Role: "Filer"}}, Items: []string{"2.02", "9.01"},
	}
}

// building returns what builds stages that share a folder and limits, as those of one
// process do; what they log goes to the buffer.
func building(t *testing.T, s *edgartest.Server, change func(*Config)) (func() flows.Stage, *syncBuffer) {
	t.Helper()
	kept, err := sqlitestore.Open(t.Context(), testenv.File(t), "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kept.Close() })
	limits := client.NewLimits(func() (store.Meters, error) { return kept, nil }, func() (store.Notes, error) { return kept, nil })
	c := Defaults
	c.Contact, c.BaseURL, c.Dir = "Example Ltd news@example.com", s.URL, t.TempDir()
	if change != nil {
		change(&c)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	log := &syncBuffer{}
	return func() flows.Stage {
		stage, err := Kind(limits).New(&flows.Build{Name: "fetch_filing", Logger: slog.New(slog.NewTextHandler(log, nil))}, c)
		if err != nil {
			t.Fatal(err)
		}
		if err := stage.(flows.Starter).Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		return stage
	}, log
}

// A syncBuffer is written to by several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(data)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// process gives the stage one message and returns it.
func process(t *testing.T, s flows.Stage, it *news.Item) *flows.Message {
	t.Helper()
	m := flows.NewMessage("m", it)
	out, err := s.Process(t.Context(), []*flows.Message{m})
	if err != nil || (len(out) == 1) == m.Settled() {
		t.Fatalf("%d messages and %v, settled %+v", len(out), err, m.Outcome())
	}
	return m
}

func TestConformance(t *testing.T) {
	build, _ := building(t, serve(t, release, release), nil)
	broken := item(2) // is not there
	flowstest.Stage(t, build, []*news.Item{item(0), {Title: "no filing"}, broken, item(1)})
}

func TestAFilingGetsItsText(t *testing.T) {
	s := serve(t, release)
	build, log := building(t, s, nil)
	m := process(t, build(), item(0))
	for word, want := range map[string]bool{
		"announced its results for the fourth quarter": true, "Exhibit 99.1": true, "Revenue was $12.5 million": true, "12.5": true,
		"SECURITIES AND EXCHANGE COMMISSION": false, "duly caused": false, "A long contract": false, "logo": false, "<p>": false,
	} {
		if strings.Contains(m.Item.Body, word) != want {
			t.Errorf("the body has %q: %v, want %v:\n%s", word, !want, want, m.Item.Body)
		}
	}
	if diff := cmp.Diff([]string{"Revenue $12.5 million", "EPS $0.42"}, m.Item.Figures); diff != "" {
		t.Errorf("figures:\n%s", diff)
	}
	first := m.Item.Body
	for range 2 { // after a restart
		if again := process(t, build(), item(0)); again.Item.Body != first {
			t.Errorf("a second delivery says\n%s", again.Item.Body)
		}
	}
	if n := len(s.Requests("/")); n != 1 || log.String() != "" || len(s.Violations()) != 0 {
		t.Errorf("%d requests (violations %q), logged %q; want one and nothing", n, s.Violations(), log)
	}
}

func TestWhatTheSourceCouldNotKnowIsFilledIn(t *testing.T) {
	build, _ := building(t, serve(t, release), nil)
	it := item(0)
	it.Items, it.Filers = nil, nil
	it.URL = "https://www.sec.gov/Archives/edgar/data/1234567/000123456726000000/0001234567-26-000000-index.htm"
	it.Published = time.Date(2026, 1, 8, 5, 0, 0, 0, time.UTC) // midnight in New York
	m := process(t, build(), it)
	if !slices.Equal(m.Item.Items, []string{"2.02", "9.01"}) || !m.Item.Published.Equal(time.Date(2026, 1, 8, 21, 5, 12, 0, time.UTC)) {
		t.Errorf("items %v, published %v; want those of the filing", m.Item.Items, m.Item.Published)
	}
	other := item(0)
	other.Items, other.Tickers, other.Published = []string{"8.01"}, []string{"X"}, time.Date(2026, 1, 8, 20, 0, 0, 0, time.UTC)
	m = process(t, build(), other)
	if !slices.Equal(m.Item.Items, []string{"8.01"}) || !slices.Equal(m.Item.Tickers, []string{"X"}) || m.Item.Published.Hour() != 20 {
		t.Errorf("%+v: what the source said was changed", m.Item)
	}
}

func TestItemsThatAreLeftAlone(t *testing.T) {
	s := serve(t, release)
	build, _ := building(t, s, nil)
	has := item(0)
	has.Body = "text"
	for _, it := range []*news.Item{{Title: "news", URL: "https://example.com/edgar/data/1/x"}, has} {
		want := *it
		if m := process(t, build(), it); cmp.Diff(&want, m.Item) != "" || m.Outcome().Fate != flows.Unsettled {
			t.Errorf("%+v became %+v", want, m.Item)
		}
	}
	if n := len(s.Requests("/")); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestAMissingFilingGoesOnWithout(t *testing.T) {
	build, log := building(t, serve(t), nil)
	m := process(t, build(), item(0))
	if m.Item.Body != "" || m.Meta[metaFiling] != "missing" || m.Outcome().Fate != flows.Unsettled || !strings.Contains(log.String(), accession(0)) {
		t.Errorf("%+v with %v, log %q; want that it goes on and says so", m.Outcome(), m.Meta, log)
	}
	fresh := item(0)
	fresh.Published = time.Now().Add(-time.Second)
	if m := process(t, build(), fresh); m.Outcome().Fate != flows.Failed {
		t.Errorf("one accepted a second ago: %+v, want that it is tried again", m.Outcome())
	}
	odd := item(0)
	odd.Published = time.Now().AddDate(1, 0, 0)
	if m := process(t, build(), odd); m.Outcome().Fate != flows.Unsettled {
		t.Errorf("one of the future: %+v, want that it goes on", m.Outcome())
	}
}

func TestAFilingWithoutTextGoesOn(t *testing.T) {
	header := release[:strings.Index(release, "<DOCUMENT>")]
	build, _ := building(t, serve(t, header, header+"<DOCUMENT>\n<TYPE>8-K\n<TEXT>\n%PDF-1.4\n</TEXT>\n</DOCUMENT>\n"), nil)
	for n := range 2 {
		if m := process(t, build(), item(n)); m.Item.Body != "" || m.Meta[metaFiling] != "no text" || m.Outcome().Fate != flows.Unsettled {
			t.Errorf("%d: %+v with %v", n, m.Outcome(), m.Meta)
		}
	}
}

func TestOutagesPark(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter){
		"busy":      func(w http.ResponseWriter) { w.WriteHeader(503) },
		"broken":    func(w http.ResponseWriter) { w.WriteHeader(500) },
		"hangs up":  func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"half":      func(w http.ResponseWriter) { w.Header().Set("Content-Length", "9999"); w.Write([]byte(release[:500])) },
		"a page":    func(w http.ResponseWriter) { w.Write([]byte("<html>We will be back soon</html>")) },
		"refusing":  func(w http.ResponseWriter) { w.WriteHeader(403); w.Write([]byte(edgartest.TrafficPage)) },
		"forbidden": func(w http.ResponseWriter) { w.WriteHeader(403) },
	} {
		s := serve(t, release)
		build, _ := building(t, s, nil)
		s.Fault(func(w http.ResponseWriter, r *http.Request) bool { answer(w); return true })
		m := process(t, build(), item(0))
		down, ok := flows.AsUnavailable(m.Outcome().Err)
		if m.Outcome().Fate != flows.Parked || !ok || !down.Aside || name == "refusing" && down.Wait < 9*time.Minute {
			t.Errorf("%s: %+v, want that it is parked", name, m.Outcome())
		}
		s.Fault(nil)
		if name == "refusing" {
			continue
		}
		if m := process(t, build(), item(0)); m.Item.Body == "" {
			t.Errorf("%s: afterwards %+v", name, m.Outcome())
		}
	}
}

// Before the alert nothing waits for EDGAR; the stage further on does.
func TestWithoutWaitingFilingsGoOnAsTheyCame(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter){
		"busy":     func(w http.ResponseWriter) { w.WriteHeader(503) },
		"refusing": func(w http.ResponseWriter) { w.WriteHeader(403); w.Write([]byte(edgartest.TrafficPage)) },
		"missing":  func(w http.ResponseWriter) { w.WriteHeader(404) },
	} {
		s := serve(t, release)
		s.Fault(func(w http.ResponseWriter, r *http.Request) bool { answer(w); return true })
		build, log := building(t, s, func(c *Config) { c.Wait = false })
		it := item(0)
		it.Published = time.Now()
		want := *it
		if m := process(t, build(), it); cmp.Diff(&want, m.Item) != "" || m.Outcome().Fate != flows.Unsettled || len(m.Meta) != 0 || log.String() != "" {
			t.Errorf("%s: %+v became %+v with %v, logged %q", name, want, m.Item, m.Meta, log)
		}
	}
}

func TestInterruptedIsNotFailed(t *testing.T) {
	s := serve(t, release)
	build, _ := building(t, s, nil)
	ctx, cancel := context.WithCancel(t.Context())
	s.Fault(func(w http.ResponseWriter, r *http.Request) bool {
		cancel()
		<-r.Context().Done()
		return true
	})
	if out, err := build().Process(ctx, []*flows.Message{flows.NewMessage("m", item(0))}); err == nil || len(out) != 0 {
		t.Errorf("%d messages and %v, want an error", len(out), err)
	}
}

func TestADiskThatFailsCostsRequestsOnly(t *testing.T) {
	s := serve(t, release)
	build, log := building(t, s, func(c *Config) {
		if err := os.WriteFile(filepath.Join(c.Dir, "filings"), []byte("in the way"), 0o644); err != nil {
			t.Fatal(err)
		}
	})
	stage := build()
	for range 3 {
		if m := process(t, stage, item(0)); m.Item.Body == "" {
			t.Errorf("%+v", m.Outcome())
		}
	}
	if n := strings.Count(log.String(), "filings_not_kept"); n != 1 || len(s.Requests("/")) != 3 {
		t.Errorf("%d requests, logged %d times:\n%s", len(s.Requests("/")), n, log)
	}
}

func TestALongFilingIsBounded(t *testing.T) {
	long := strings.Replace(release, "announced its results", strings.Repeat("words and ", 50_000)+"results", 1)
	build, _ := building(t, serve(t, long), func(c *Config) { c.MaxText, c.MaxSize = 10<<10, 100<<10 })
	m := process(t, build(), item(0))
	if n := len(m.Item.Body); n > 10<<10 || n < 5<<10 {
		t.Errorf("a body of %d bytes, want 10KiB at most", n)
	}
}

// The submissions of the evaluation data, as EDGAR would send them.
func TestRealSubmission(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(edgartest.Root(t), "filings", "cassette_1045810_000104581026000024_0001045810_26_000024_txt"))
	if err != nil {
		t.Fatal(err)
	}
	s := edgartest.NewServer(t)
	s.Add(edgartest.Filing{Accession: "0001045810-26-000024", Form: "8-K", Filers: []edgartest.Filer{{Name: "NVIDIA CORP", CIK: "0001045810", Role: "Filer"}}, Submission: string(text)})
	build, _ := building(t, s, nil)
	m := process(t, build(), &news.Item{Accession: "0001045810-26-000024", Form: "8-K"})
	if !slices.Equal(m.Item.Items, []string{"5.02", "9.01"}) || !slices.Equal(m.Item.Tickers, []string{"NVDA"}) || !m.Item.Published.Equal(time.Date(2026, 3, 6, 21, 11, 25, 0, time.UTC)) ||
		!strings.Contains(m.Item.Body, "Variable Compensation Plan") {
		t.Errorf("items %v, tickers %v, published %v, body\n%.500s", m.Item.Items, m.Item.Tickers, m.Item.Published, m.Item.Body)
	}
	again := process(t, build(), &news.Item{Accession: "0001045810-26-000024", Form: "8-K"})
	if diff := cmp.Diff(m.Item, again.Item); diff != "" || len(s.Requests("/")) != 1 {
		t.Errorf("from disk (%d requests):\n%s", len(s.Requests("/")), diff)
	}
}

func TestFilingOf(t *testing.T) {
	const acc = "0001193125-26-000001"
	for _, test := range []struct {
		item news.Item
		want client.Filing
	}{
		{news.Item{Title: "news"}, client.Filing{}},
		{news.Item{Accession: "nonsense"}, client.Filing{}},
		{news.Item{Accession: acc}, client.Filing{Accession: acc, CIK: "0001193125"}},
		{news.Item{GUID: "urn:tag:sec.gov,2008:accession-number=" + acc}, client.Filing{Accession: acc, CIK: "0001193125"}},
		{news.Item{URL: "https://www.sec.gov/Archives/edgar/data/77/000119312526000001/x.htm"}, client.Filing{Accession: acc, CIK: "77"}},
		{news.Item{Accession: acc, URL: "https://evil.example.com/edgar/data/77/x.htm", Filers: []news.Filer{{CIK: "0000000088"}}}, client.Filing{Accession: acc, CIK: "0000000088"}},
	} {
		if got := filingOf(&test.item); got != test.want {
			t.Errorf("%+v: %+v, want %+v", test.item, got, test.want)
		}
	}
}

func FuzzFill(f *testing.F) {
	f.Add([]byte(release))
	f.Add([]byte("<SEC-HEADER>\n<ACCEPTANCE-DATETIME>20269999999999\n<DOCUMENT>\n<TYPE>8-K\n<TEXT>\nItem 2.02 x"))
	f.Add([]byte("<html><p>x"))
	f.Fuzz(func(t *testing.T, submission []byte) {
		read, err := brief.Read(submission, []string{"EX-99"})
		if err != nil {
			return
		}
		it := &news.Item{Title: "x"}
		complete(it, read, submission)
		it.Body, it.Figures = read.Text(nil, 2000), read.Figures()
		if _, err := news.Encode(it); err != nil {
			t.Errorf("%+v cannot be published: %v", it, err)
		}
	})
}
