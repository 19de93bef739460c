package edgar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"catalyst/flows"
	"catalyst/internal/edgar/client"
	"catalyst/internal/edgar/edgartest"
	"catalyst/internal/intake"
	"catalyst/internal/news"
	"catalyst/internal/store"
	redisstore "catalyst/internal/store/redis"
	sqlitestore "catalyst/internal/store/sqlite"
	"catalyst/internal/testenv"
)

// A topic takes what is published; it fails as long as err is set.
type topic struct {
	mu    sync.Mutex
	err   error
	items []*news.Item
}

func (to *topic) publish(_ context.Context, messages ...*flows.Message) error {
	to.mu.Lock()
	defer to.mu.Unlock()
	if to.err != nil {
		return to.err
	}
	for _, m := range messages {
		to.items = append(to.items, m.Item)
	}
	return nil
}

// take returns the accession numbers published since it was last asked.
func (to *topic) take() []string {
	to.mu.Lock()
	defer to.mu.Unlock()
	var accessions []string
	for _, it := range to.items {
		accessions = append(accessions, it.Accession)
	}
	to.items = nil
	return accessions
}

// processes returns what starts a process: sources whose limits and notes are shared through
// a file of the test's own.
func processes(t *testing.T, s *edgartest.Server, change func(*Config)) func() (*source, *bytes.Buffer) {
	path, dir := testenv.File(t), t.TempDir()
	return func() (*source, *bytes.Buffer) {
		kept, err := sqlitestore.Open(t.Context(), path, "test")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { kept.Close() })
		return start(t, s, dir, kept, change)
	}
}

type both interface {
	store.Meters
	store.Notes
}

// start builds a source as a process would; what it logs goes to the buffer.
func start(t *testing.T, s *edgartest.Server, dir string, kept both, change func(*Config)) (*source, *bytes.Buffer) {
	t.Helper()
	c := Defaults
	c.Contact, c.BaseURL, c.Dir = "Example Ltd news@example.com", s.URL, dir
	if change != nil {
		change(&c)
	}
	if err := errors.Join(c.Validate(), c.Config.Validate()); err != nil {
		t.Fatal(err)
	}
	notes := func() (store.Notes, error) { return kept, nil }
	limits := client.NewLimits(func() (store.Meters, error) { return kept, nil }, notes)
	var log bytes.Buffer
	src, err := Kind(limits, notes).New(&flows.Build{Name: t.Name(), Logger: slog.New(slog.NewTextHandler(&log, nil))}, c)
	if err != nil {
		t.Fatal(err)
	}
	return src.(*source), &log
}

// poll looks at the feed once and returns what came of it, in a word.
func (s *source) pollOnce(t *testing.T, to *topic) string {
	t.Helper()
	_, err := s.look(t.Context(), to.publish)
	result, _ := resultOf(err)
	return result
}

var noon = time.Date(2026, 1, 8, 17, 0, 0, 0, time.UTC)

func accession(n int) string { return fmt.Sprintf("0001234567-26-%06d", n) }

// filing returns the nth 8-K of Acme, n seconds after noon.
func filing(n int) edgartest.Filing {
	return edgartest.Filing{
		Accession: accession(n), Form: "8-K", Accepted: noon.Add(time.Duration(n) * time.Second),
		Filers: []edgartest.Filer{{Name: "ACME CORP", CIK: "0001234567", Role: "Filer"}},
		Items:  []string{"2.02: Results of Operations and Financial Condition", "9.01: Financial Statements and Exhibits"},
	}
}

func filings(from, to int) (all []edgartest.Filing) {
	for n := from; n < to; n++ {
		all = append(all, filing(n))
	}
	return all
}

func accessions(from, to int) (all []string) {
	for n := from; n < to; n++ {
		all = append(all, accession(n))
	}
	return all
}

func TestAFilingBecomesAnItem(t *testing.T) {
	t.Parallel()
	s := edgartest.NewServer(t)
	s.List(edgartest.Company{CIK: 1234567, Ticker: "ACME"}, edgartest.Company{CIK: 99, Ticker: "FUND"}, edgartest.Company{CIK: 1234567, Ticker: "ACMEW"})
	f := filing(1)
	f.Filers[0].Name = "Société Größe & Söhne (DE)/NEW"
	s.Add(f, edgartest.Filing{
		Accession: accession(2), Form: "SCHEDULE 13D/A", Accepted: noon.Add(time.Hour),
		Filers: []edgartest.Filer{
			{Name: "Big Fund LP", CIK: "0000000099", Role: "Filed by"}, {Name: "Smith John", CIK: "0000000098", Role: "Filed by"},
			{Name: "ACME CORP", CIK: "0001234567", Role: "Subject"},
		},
	})
	source, log := processes(t, s, func(c *Config) { c.Forms = []string{"8-K", "SCHEDULE 13D"} })()
	to := &topic{}
	if got := source.pollOnce(t, to); got != "ok" || log.Len() != 0 {
		t.Fatalf("poll: %s, logged %q", got, log)
	}
	want := []*news.Item{{
		Key: "acc:" + accession(1), Source: t.Name(), Accession: accession(1), GUID: "urn:tag:sec.gov,2008:accession-number=" + accession(1),
		URL:       s.URL + "/Archives/edgar/data/1234567/000123456726000001/0001234567-26-000001-index.htm",
		Title:     "8-K - Société Größe & Söhne (DE)/NEW (0001234567) (Filer)",
		Summary:   "Filed: 2026-01-08 AccNo: 0001234567-26-000001 Size: 1 KB Item 2.02: Results of Operations and Financial Condition Item 9.01: Financial Statements and Exhibits",
		Published: noon.Add(time.Second), Form: "8-K", Items: []string{"2.02", "9.01"}, Tickers: []string{"ACME"},
		Filers: []news.Filer{{Name: "Société Größe & Söhne (DE)/NEW", CIK: "0001234567", Role: "Filer"}},
	}, {
		Key: "acc:" + accession(2), Source: t.Name(), Accession: accession(2), GUID: "urn:tag:sec.gov,2008:accession-number=" + accession(2),
		URL:       s.URL + "/Archives/edgar/data/1234567/000123456726000002/0001234567-26-000002-index.htm",
		Title:     "SCHEDULE 13D/A - ACME CORP (0001234567) (Subject)",
		Summary:   "Filed: 2026-01-08 AccNo: 0001234567-26-000002 Size: 1 KB",
		Published: noon.Add(time.Hour), Form: "SCHEDULE 13D/A", Tickers: []string{"ACME"},
		Filers: []news.Filer{{Name: "ACME CORP", CIK: "0001234567", Role: "Subject"}, {Name: "Big Fund LP", CIK: "0000000099", Role: "Filed by"}, {Name: "Smith John", CIK: "0000000098", Role: "Filed by"}},
	}}
	if diff := cmp.Diff(want, to.items); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
	for _, it := range to.items { // and it passes through a topic as it is
		data, err := news.Encode(it)
		if err != nil {
			t.Fatal(err)
		}
		back, err := news.Decode(data)
		if diff := cmp.Diff(it, back); err != nil || diff != "" {
			t.Errorf("through a topic: %v\n%s", err, diff)
		}
	}
	h := source.Health()
	if h.Entries != 4 || !h.Newest.Equal(noon.Add(time.Hour)) || h.Fault != nil || time.Since(h.Answered) > time.Minute {
		t.Errorf("health %+v", h)
	}
}

func TestFormsAreEqualNotAlike(t *testing.T) {
	t.Parallel()
	var all []edgartest.Filing
	for i, form := range []string{"4", "4/A", "424B5", "425", "40-F", "8-K", "8-K/A", "8-K12B"} {
		f := filing(i)
		f.Form = form
		all = append(all, f)
	}
	for want, change := range map[string]func(*Config){
		"4 4/A":                                 func(c *Config) { c.Forms = []string{"4"} },
		"4":                                     func(c *Config) { c.Forms, c.Amendments = []string{"4"}, false },
		"4/A":                                   func(c *Config) { c.Forms = []string{"4/A"} },
		"4 4/A 425 8-K":                         func(c *Config) { c.Forms, c.Amendments = []string{"425", "8-K", "4", "4/A"}, false },
		"4 4/A 424B5 425 40-F 8-K 8-K/A 8-K12B": func(c *Config) { c.Forms = []string{"all"} },
	} {
		s := edgartest.NewServer(t)
		s.List(edgartest.Company{CIK: 1, Ticker: "X"})
		s.Add(all...)
		source, _ := processes(t, s, change)()
		to := &topic{}
		source.pollOnce(t, to)
		var forms []string
		for _, it := range to.items {
			forms = append(forms, it.Form)
		}
		slices.Sort(forms)
		sorted := strings.Fields(want)
		slices.Sort(sorted)
		if !slices.Equal(forms, sorted) {
			t.Errorf("published %v, want %v", forms, sorted)
		}
		if n := len(s.Requests("/cgi-bin")); n > 2 {
			t.Errorf("%s: %d requests, want one for forms that begin alike", want, n)
		}
	}
}

func TestPagesAreReadToKnownGround(t *testing.T) {
	t.Parallel()
	s := edgartest.NewServer(t)
	s.List(edgartest.Company{CIK: 1, Ticker: "X"})
	process := processes(t, s, nil)
	source, _ := process()
	to := &topic{}
	for n := range 250 {
		s.Add(filing(60 * n))
	}
	source.pollOnce(t, to)
	if got := to.take(); len(got) != 100 || got[0] != accession(60*150) || got[99] != accession(60*249) {
		t.Errorf("the first look published %d filings, want the page of a hundred, the oldest first", len(got))
	}
	for range 2 {
		source.pollOnce(t, to)
		if got := to.take(); len(got) != 0 {
			t.Errorf("the same feed again published %v", got)
		}
	}

	// Then there are more than two pages of new ones.
	s.Add(filings(20_000, 20_230)...)
	pages := len(s.Requests("/cgi-bin"))
	source.pollOnce(t, to)
	if got := to.take(); !slices.Equal(got, accessions(20_000, 20_230)) {
		t.Errorf("%d filings after a burst, want 230", len(got))
	}
	if n := len(s.Requests("/cgi-bin")) - pages; n != 3 {
		t.Errorf("%d pages were read for it, want 3", n)
	}

	// A restart knows where the last process was, and reads on from there.
	s.Add(filings(40_000, 40_120)...)
	again, _ := process()
	again.pollOnce(t, to)
	got := to.take()
	for _, want := range accessions(40_000, 40_120) {
		if !slices.Contains(got, want) {
			t.Fatalf("after a restart %s is missing", want)
		}
	}
	if slices.Contains(got, accession(0)) {
		t.Error("after a restart the whole feed was published again")
	}

	// One that is shown late, between others.
	s.Add(filing(39_999))
	again.pollOnce(t, to)
	if got := to.take(); !slices.Contains(got, accession(39_999)) {
		t.Errorf("published %v, want the one that came late", got)
	}
}

func TestPastTheEndIsNoOutage(t *testing.T) {
	t.Parallel()
	s := edgartest.NewServer(t)
	s.List(edgartest.Company{CIK: 1, Ticker: "X"})
	s.Depth = 200
	process := processes(t, s, nil)
	source, log := process()
	to := &topic{}
	s.Add(filings(0, 10)...)
	source.pollOnce(t, to)
	s.Add(filings(10_000, 10_300)...)
	to.take()
	if got := source.pollOnce(t, to); got != "ok" || log.Len() != 0 {
		t.Errorf("past the end: %s, logged %q; want ok", got, log)
	}
	if got := to.take(); !slices.Equal(got, accessions(10_100, 10_300)) {
		t.Errorf("%d filings, want the 200 that the feed shows", len(got))
	}
	// What the feed no longer shows comes out of the index, the next day.
	later := filing(90_000)
	s.Add(later)
	if _, err := source.fill(t.Context(), to.publish); err != nil {
		t.Fatal(err)
	}
	if got := to.take(); len(got) != 100 {
		t.Errorf("%d filings out of the daily index, want the 100 that were missing", len(got))
	}
	requests := len(s.Requests("/"))
	if _, err := source.fill(t.Context(), to.publish); err != nil || len(to.take()) != 0 || len(s.Requests("/"))-requests > 1 {
		t.Errorf("then: %v and %d requests, want one at most, for today's index", err, len(s.Requests("/"))-requests)
	}
}

func TestAnOutageBehindTheFirstPageIsOne(t *testing.T) {
	t.Parallel()
	s := edgartest.NewServer(t)
	s.List(edgartest.Company{CIK: 1, Ticker: "X"})
	source, _ := processes(t, s, nil)()
	to := &topic{}
	s.Add(filings(0, 10)...)
	source.pollOnce(t, to)
	s.Add(filings(10_000, 10_250)...)
	to.take()
	asked := 0
	s.Fault(func(w http.ResponseWriter, r *http.Request) bool {
		asked++
		if asked == 1 {
			return false
		}
		w.WriteHeader(503)
		return true
	})
	if got := source.pollOnce(t, to); got != "busy" {
		t.Errorf("poll: %s, want busy", got)
	}
	if got := to.take(); !slices.Equal(got, accessions(10_151, 10_250)) {
		t.Errorf("%d filings, want those of the page there was, but for the last", len(got))
	}
	s.Fault(nil)
	if got := source.pollOnce(t, to); got != "ok" {
		t.Errorf("poll: %s, want ok", got)
	}
	if got := to.take(); !slices.Equal(got, accessions(10_000, 10_151)) {
		t.Errorf("then %d filings, want the rest", len(got))
	}
}

func TestAFeedThatIsCutOff(t *testing.T) {
	t.Parallel()
	s := edgartest.NewServer(t)
	s.List(edgartest.Company{CIK: 1, Ticker: "X"})
	source, log := processes(t, s, nil)()
	to := &topic{}
	s.Add(filings(0, 3)...)
	source.pollOnce(t, to)
	to.take()
	s.Add(filings(10, 30)...)
	var whole bytes.Buffer
	recorder := &recording{header: http.Header{}, body: &whole}
	request, _ := http.NewRequest("GET", s.URL+"/cgi-bin/browse-edgar?action=getcurrent&type=8-K&start=0&count=100", nil)
	request.Header.Set("User-Agent", "a@b.c")
	s.ServeHTTP(recorder, request)
	feed := whole.String()
	third := strings.Index(feed[strings.Index(feed, accession(27)):], "<summary") + strings.Index(feed, accession(27))
	for name, cut := range map[string]func(http.ResponseWriter){
		"by a server that ends it": func(w http.ResponseWriter) { w.Write([]byte(feed[:third])) },
		"by the connection": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", fmt.Sprint(len(feed)))
			w.Write([]byte(feed[:third]))
		},
	} {
		s.Fault(func(w http.ResponseWriter, r *http.Request) bool { cut(w); return true })
		if got := source.pollOnce(t, to); got != "cut" {
			t.Errorf("cut off %s: %s", name, got)
		}
	}
	if got := to.take(); !slices.Equal(got, accessions(29, 30)) {
		t.Errorf("published %v, want what is whole, without the last of it", got)
	}
	s.Fault(nil)
	if got := source.pollOnce(t, to); got != "ok" {
		t.Errorf("then: %s, log:\n%s", got, log)
	}
	if got := to.take(); !slices.Equal(got, accessions(10, 29)) {
		t.Errorf("then published %v, want the rest", got)
	}
}

// A recording keeps what a handler writes.
type recording struct {
	header http.Header
	body   *bytes.Buffer
}

func (r *recording) Header() http.Header            { return r.header }
func (r *recording) WriteHeader(int)                {}
func (r *recording) Write(data []byte) (int, error) { return r.body.Write(data) }

func TestWhatIsNotDurableIsPublishedAgain(t *testing.T) {
	t.Parallel()
	s := edgartest.NewServer(t)
	s.List(edgartest.Company{CIK: 1, Ticker: "X"})
	source, _ := processes(t, s, nil)()
	to := &topic{err: errors.New("down")}
	s.Add(filings(0, 150)...)
	for range 2 {
		if got := source.pollOnce(t, to); got != "not_published" {
			t.Errorf("poll: %s", got)
		}
	}
	to.err = nil
	source.pollOnce(t, to)
	if got := to.take(); !slices.Equal(got, accessions(50, 150)) {
		t.Errorf("%d filings, want 100", len(got))
	}
}

func TestOutagesAreWaitedOutAndLoggedOnce(t *testing.T) {
	t.Parallel()
	s := edgartest.NewServer(t)
	s.List(edgartest.Company{CIK: 1, Ticker: "X"})
	s.Add(filing(1))
	source, log := processes(t, s, nil)()
	to, feed := &topic{}, &task{what: "feed", pace: Defaults.Pace, look: source.look}
	for _, outage := range []struct {
		name, result string
		answer       http.HandlerFunc
		least        time.Duration
	}{
		{"busy", "busy", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "1200")
			w.WriteHeader(503)
		}, 20 * time.Minute},
		{"gone", "refused", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404) }, 30 * time.Second},
		{"a web page", "malformed", func(w http.ResponseWriter, r *http.Request) {
			w.Write([]byte("<!DOCTYPE html><html><body>We will be back soon</body></html>"))
		}, 30 * time.Second},
		{"nothing", "malformed", func(w http.ResponseWriter, r *http.Request) {}, 30 * time.Second},
		{"hangs up", "network", func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, 30 * time.Second},
	} {
		log.Reset()
		s.Fault(func(w http.ResponseWriter, r *http.Request) bool { outage.answer(w, r); return true })
		before := testutil.ToFloat64(intake.Polls.WithLabelValues(t.Name(), outage.result))
		for range 2 {
			if wait := source.poll(t.Context(), feed, to.publish); wait < outage.least {
				t.Errorf("%s: the next look is in %v, want at least %v", outage.name, wait, outage.least)
			}
		}
		if got := testutil.ToFloat64(intake.Polls.WithLabelValues(t.Name(), outage.result)) - before; got != 2 {
			t.Errorf("%s: %v looks counted as %s, want 2", outage.name, got, outage.result)
		}
		if h := source.Health(); h.Fault == nil || h.Failures != 2 {
			t.Errorf("%s: health %+v", outage.name, h)
		}
		s.Fault(nil)
		if got := source.poll(t.Context(), feed, to.publish); got != 30*time.Second {
			t.Errorf("%s: after recovery the next look is in %v, want 30s", outage.name, got)
		}
		lines := strings.ReplaceAll(log.String(), "companies_not_refreshed", "")
		if strings.Count(lines, "feed_outage") != 1 || !strings.Contains(lines, "reason="+outage.result) || strings.Count(lines, "feed_recovery") != 1 {
			t.Errorf("%s: logged\n%swant one outage and one recovery", outage.name, lines)
		}
	}
	if got := to.take(); !slices.Equal(got, accessions(1, 2)) {
		t.Errorf("published %v in all, want one filing", got)
	}

	s.Fault(func(w http.ResponseWriter, r *http.Request) bool {
		w.Write([]byte(edgartest.TrafficPage))
		return true
	})
	asked := len(s.Requests("/"))
	for range 3 {
		if wait := source.poll(t.Context(), feed, to.publish); wait < 9*time.Minute {
			t.Errorf("refused: the next look is in %v", wait)
		}
	}
	if n := len(s.Requests("/")) - asked; n != 1 {
		t.Errorf("%d requests while EDGAR refuses, want the first", n)
	}
}

func TestWatchListAndFeedAreOne(t *testing.T) {
	t.Parallel()
	s := edgartest.NewServer(t)
	s.List(edgartest.Company{CIK: 1234567, Ticker: "ACME"})
	now := time.Now().UTC().Truncate(time.Second)
	recent := func(n int, ago time.Duration) edgartest.Filing {
		f := filing(n)
		f.Accepted = now.Add(-ago)
		return f
	}
	s.Add(recent(1, 40*24*time.Hour), recent(2, time.Hour), recent(3, time.Minute))
	process := processes(t, s, func(c *Config) { c.Watch = []string{"acme", "ZZZZ"} })
	source, log := process()
	to := &topic{}
	for range 2 {
		if _, err := source.watch(t.Context(), to.publish); err != nil && !errors.Is(err, errUnchanged) {
			t.Fatal(err)
		}
	}
	if len(to.items) != 2 || to.items[0].Accession != accession(2) || !slices.Equal(to.items[0].Items, []string{"2.02", "9.01"}) ||
		!slices.Equal(to.items[0].Tickers, []string{"ACME"}) || to.items[0].URL == "" || !to.items[1].Published.Equal(now.Add(-time.Minute)) {
		t.Errorf("published %+v, want the two of today with their items, in order", to.items)
	}
	if got := strings.Count(log.String(), "watch_unknown"); got != 1 {
		t.Errorf("the unknown ticker was logged %d times", got)
	}
	to.take()
	source.pollOnce(t, to)
	if got := to.take(); !slices.Equal(got, accessions(1, 2)) {
		t.Errorf("the feed published %v, want what the watch list has not", got)
	}
	s.Add(recent(4, 0))
	again, _ := process()
	if _, err := again.watch(t.Context(), to.publish); err != nil {
		t.Fatal(err)
	}
	if got := to.take(); !slices.Contains(got, accession(4)) || slices.Contains(got, accession(1)) {
		t.Errorf("after a restart %v, want the new one, and none of long ago", got)
	}

	// One that claims to come from the future must not hide those that follow.
	s.Add(recent(5, -90*24*time.Hour))
	if _, err := again.watch(t.Context(), to.publish); err != nil {
		t.Fatal(err)
	}
	s.Add(recent(6, 0))
	again, _ = process()
	if _, err := again.watch(t.Context(), to.publish); err != nil {
		t.Fatal(err)
	}
	if got := to.take(); !slices.Contains(got, accession(6)) {
		t.Errorf("after one of the future %v, want the next one too", got)
	}
}

func TestBackfillIsDoneOnce(t *testing.T) {
	t.Parallel()
	s := edgartest.NewServer(t)
	s.List(edgartest.Company{CIK: 1234567, Ticker: "ACME"})
	var all []edgartest.Filing
	for n, at := range []string{"2025-12-29T16:00:00Z", "2025-12-30T16:00:00Z", "2025-12-31T16:00:00Z", "2026-01-02T16:00:00Z", "2026-01-05T16:00:00Z"} {
		f := filing(n)
		f.Accepted, _ = time.Parse(time.RFC3339, at)
		f.Filers = append(f.Filers, edgartest.Filer{Name: "ACME Größe LLC", CIK: "0000000077", Role: "Filer"})
		all = append(all, f)
	}
	other := filing(9)
	other.Form, other.Accepted = "10-D", all[3].Accepted
	s.Add(append(all, other)...)
	process := processes(t, s, func(c *Config) { c.Backfill = "2025-12-30" })
	source, _ := process()
	to := &topic{}
	broken := 0
	s.Fault(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "master.20251231.idx") && broken == 0 {
			broken++
			w.WriteHeader(500)
			return true
		}
		return false
	})
	if _, err := source.fill(t.Context(), to.publish); err == nil {
		t.Error("an index that is not there is no error")
	}
	if got := to.take(); !slices.Equal(got, accessions(1, 2)) {
		t.Errorf("until the error %v, want the first day", got)
	}
	again, _ := process() // goes on where the first stopped
	if _, err := again.fill(t.Context(), to.publish); err != nil {
		t.Fatal(err)
	}
	if len(to.items) != 2 || !slices.Equal(to.items[0].Tickers, []string{"ACME"}) || len(to.items[0].Filers) != 2 || to.items[0].Filers[1].Name != "ACME Größe LLC" ||
		to.items[0].URL != s.URL+"/Archives/edgar/data/1234567/000123456726000002/0001234567-26-000002-index.htm" {
		t.Errorf("then %+v, want one item for each filing", to.items)
	}
	if got := to.take(); !slices.Equal(got, accessions(2, 4)) {
		t.Errorf("then %v, want the days left, across the year", got)
	}
	asked := len(s.Requests("/"))
	for range 2 {
		last, _ := process()
		if _, err := last.fill(t.Context(), to.publish); err != nil {
			t.Fatal(err)
		}
	}
	if got := to.take(); len(got) != 0 || len(s.Requests("/"))-asked > 2 {
		t.Errorf("afterwards %v and %d requests, want none but for today's index", got, len(s.Requests("/"))-asked)
	}
}

var crawledItem = regexp.MustCompile(`Item (\d+\.\d+):`)

// The feed of a real day, as polls see it: what was accepted until each of them.
func TestRealCrawls(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute of real time")
	}
	for name, test := range map[string]struct {
		crawl string
		forms []string
		every time.Duration
	}{
		"all forms":        {"test_get_all_current_filings", []string{"all"}, time.Hour},
		"form 4, a prefix": {"test_get_current_filings_form_4", []string{"4"}, 3 * time.Hour},
		"three forms":      {"test_get_all_current_filings", []string{"8-K", "10-Q", "10-K"}, 6 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crawl := edgartest.Crawl(t, test.crawl)
			s := edgartest.NewServer(t)
			s.List(edgartest.Company{CIK: 100885, Ticker: "UNP"})
			s.Feed(crawl)
			source, log := processes(t, s, func(c *Config) { c.Forms = test.forms })()
			to := &topic{}
			oldest, newest := crawl[len(crawl)-1].Updated, crawl[0].Updated
			polls, began := 0, time.Now()
			for at := oldest.Add(time.Minute); ; at = at.Add(test.every) {
				s.Until(at)
				if polls++; source.pollOnce(t, to) != "ok" {
					t.Fatalf("poll %d:\n%s", polls, log)
				}
				if at.After(newest) {
					break
				}
			}
			want := make(map[string][]edgartest.Entry)
			for _, e := range crawl {
				if source.config.wants(e.Form) {
					want[e.Accession] = append(want[e.Accession], e)
				}
			}
			got := make(map[string]int)
			for _, it := range to.items {
				entries := want[it.Accession]
				if got[it.Accession]++; got[it.Accession] > 1 || len(entries) == 0 {
					t.Errorf("%s (%s) was published %d times, for %d entries", it.Accession, it.Form, got[it.Accession], len(entries))
					continue
				}
				var items []string
				for _, m := range crawledItem.FindAllStringSubmatch(entries[0].Text, -1) {
					items = append(items, m[1])
				}
				if !slices.Equal(it.Items, items) || it.Form != entries[0].Form || len(it.Filers) != len(entries) || it.Key != "acc:"+it.Accession || !it.Published.Equal(entries[0].Updated) {
					t.Errorf("%+v of %d entries, the first\n%s", it, len(entries), entries[0].Text)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d filings of %d were published", len(got), len(want))
			}
			if v := s.Violations(); len(v) != 0 {
				t.Errorf("EDGAR's rules were broken: %q", v)
			}
			t.Logf("%d entries, %d filings wanted, %d items in %d polls with %d requests and %v, at most %d in a second",
				len(crawl), len(want), len(to.items), polls, len(s.Requests("/")), time.Since(began).Round(time.Second), s.Busiest())
		})
	}
}

// Three processes read a burst of many pages at the same time.
func TestThreeProcessesKeepToTheLimit(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds of real time")
	}
	t.Parallel()
	url, name := testenv.Redis(t), "edgar-source-"+uuid.NewString()
	s := edgartest.NewServer(t)
	s.List(edgartest.Company{CIK: 1, Ticker: "X"})
	s.Add(filing(0))
	var sources []*source
	for range 3 {
		kept, err := redisstore.Open(url, name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { kept.Close() })
		source, _ := start(t, s, t.TempDir(), kept, func(c *Config) { c.MaxItems = 2000 })
		sources = append(sources, source)
	}
	var first topic
	sources[0].pollOnce(t, &first)
	s.Add(filings(50_000, 51_200)...)
	var wg sync.WaitGroup
	for _, source := range sources {
		wg.Go(func() {
			to := &topic{}
			if got := source.pollOnce(t, to); got != "ok" {
				t.Errorf("poll: %s", got)
			}
			got := to.take()
			for _, want := range accessions(50_000, 51_200) {
				if n := count(got, want); n != 1 {
					t.Errorf("%s was published %d times by one process", want, n)
				}
			}
		})
	}
	wg.Wait()
	if v := s.Violations(); len(v) != 0 {
		t.Errorf("EDGAR's rules were broken: %q", v)
	}
	t.Logf("%d requests, at most %d in a second", len(s.Requests("/")), s.Busiest())
}

func count(all []string, one string) (n int) {
	for _, s := range all {
		if s == one {
			n++
		}
	}
	return n
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := edgartest.NewServer(t)
	s.List(edgartest.Company{CIK: 1234567, Ticker: "ACME"})
	s.Add(filing(1))
	source, log := processes(t, s, func(c *Config) { c.Every, c.Watch = time.Millisecond, []string{"ACME"} })()
	ctx, cancel := context.WithCancel(t.Context())
	published := 0
	err := source.Run(ctx, func(_ context.Context, messages ...*flows.Message) error {
		published += len(messages)
		cancel()
		return nil
	})
	if err != nil || published != 1 || log.Len() != 0 {
		t.Errorf("Run: %v after %d filings, logged %q", err, published, log)
	}
}

func TestConfig(t *testing.T) {
	valid := Defaults
	valid.Contact = "Example Ltd news@example.com"
	for _, test := range []struct {
		change func(*Config)
		want   string // in the error; empty for none
	}{
		{func(c *Config) {}, ""},
		{func(c *Config) { c.Every = 9 * time.Second }, "every: 9s is too often"},
		{func(c *Config) { c.BaseURL, c.Every = "http://127.0.0.1:1", time.Millisecond }, ""},
		{func(c *Config) { c.Schedule.Closed = time.Second }, "schedule.closed: 1s is too often"},
		{func(c *Config) { c.Forms, c.MaxItems = []string{"8-K", "10-Q"}, 1 }, "max_items: 1: want at least one for each of 2 forms"},
		{func(c *Config) { c.Rare = []string{"8-K", "10-K"} }, `rare: "10-K" is none of forms`},
		{func(c *Config) { c.WatchEvery = 0 }, "watch_every"},
		{func(c *Config) { c.Forms = nil }, "forms: is empty"},
		{func(c *Config) { c.Forms = []string{"8-K", "", "x&type=4"} }, "is no form"},
		{func(c *Config) { c.Forms = []string{"SCHEDULE 13D/A", "1-A POS", "all"} }, ""},
		{func(c *Config) { c.Watch = []string{"BRK-B", "BRK.B", "aapl"} }, ""},
		{func(c *Config) { c.Watch = []string{"$AAPL"} }, "is no ticker"},
		{func(c *Config) { c.Backfill = "2026-01-31" }, ""},
		{func(c *Config) { c.Backfill = "31.1.2026" }, "is no day"},
		{func(c *Config) { c.Backfill = "1901-01-01" }, "is no day"},
	} {
		c := valid
		test.change(&c)
		err := c.Validate()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: error %v, want %q", c, err, test.want)
		}
	}
}
