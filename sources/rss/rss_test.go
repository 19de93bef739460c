package rss

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/fetch"
	"catalyst/internal/intake"
	"catalyst/internal/news"
	"catalyst/internal/testenv"
)

// A paper is a server with one feed, whose answer tests change between polls.
type paper struct {
	t   *testing.T
	url string

	mu      sync.Mutex
	answer  http.HandlerFunc
	polls   int
	matched int // polls that came with the ETag "v1"
}

func newPaper(t *testing.T) *paper {
	p := &paper{t: t}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.polls++
		if r.Header.Get("If-None-Match") == `"v1"` {
			p.matched++
		}
		p.answer(w, r)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *paper) says(answer http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

func (p *paper) prints(body string) {
	p.says(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(body)) })
}

// A topic takes what is published; it fails as long as err is set.
type topic struct {
	err   error
	items []*news.Item
	calls int
}

func (to *topic) publish(_ context.Context, messages ...*flows.Message) error {
	to.calls++
	if to.err != nil {
		return to.err
	}
	for _, m := range messages {
		to.items = append(to.items, m.Item)
	}
	return nil
}

func (to *topic) titles() string {
	var titles []string
	for _, it := range to.items {
		titles = append(titles, it.Title)
	}
	to.items = nil
	return strings.Join(titles, " ")
}

// reader builds a source for the paper; what it logs goes to the buffer.
func reader(t *testing.T, address string, change func(*Config)) (*source, *bytes.Buffer) {
	t.Helper()
	c := Defaults
	c.URL = config.Secret(address)
	if change != nil {
		change(&c)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	src, err := Kind().New(&flows.Build{Name: t.Name(), Logger: slog.New(slog.NewTextHandler(&log, nil))}, c)
	if err != nil {
		t.Fatal(err)
	}
	return src.(*source), &log
}

func rssFeed(entries ...string) string {
	return `<?xml version="1.0"?><rss version="2.0"><channel><title>x</title>` + strings.Join(entries, "") + `</channel></rss>`
}

func entry(title string) string {
	return fmt.Sprintf(`<item><title>%s</title><guid>%s</guid></item>`, title, title)
}

func TestEachEntryIsPublishedOnceOldestFirst(t *testing.T) {
	p, to := newPaper(t), &topic{}
	s, _ := reader(t, p.url, nil)
	before := testutil.ToFloat64(intake.Items.WithLabelValues(t.Name()))

	p.prints(rssFeed(entry("c"), entry("b"), entry("a"), entry("c")))
	s.Poll(t.Context(), to.publish)
	if got := to.titles(); got != "c a b" && got != "a b c" {
		t.Errorf("first poll published %q, want a, b and c once", got)
	}
	s.Poll(t.Context(), to.publish)
	if got := to.titles(); got != "" {
		t.Errorf("the same feed again published %q", got)
	}
	p.prints(rssFeed(entry("e"), entry("d"), entry("c")))
	s.Poll(t.Context(), to.publish)
	if got := to.titles(); got != "d e" {
		t.Errorf("then it published %q, want d e", got)
	}
	if got := testutil.ToFloat64(intake.Items.WithLabelValues(t.Name())) - before; got != 5 {
		t.Errorf("source_items_total grew by %v, want 5", got)
	}
	if got := testutil.ToFloat64(intake.LastSuccess.WithLabelValues(t.Name())); time.Since(time.Unix(int64(got), 0)) > time.Minute {
		t.Errorf("last success at %v", got)
	}
}

func TestWhatIsNotDurableIsPublishedAgain(t *testing.T) {
	p, to := newPaper(t), &topic{err: errors.New("down")}
	s, log := reader(t, p.url, nil)
	p.says(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		if r.Header.Get("If-None-Match") == `"v1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Write([]byte(rssFeed(entry("b"), entry("a"))))
	})
	s.Poll(t.Context(), to.publish)
	s.Poll(t.Context(), to.publish)
	to.err = nil
	s.Poll(t.Context(), to.publish)
	if got := to.titles(); got != "a b" {
		t.Errorf("published %q, want a b", got)
	}
	if p.matched != 0 {
		t.Error("the ETag was sent before the document had been published")
	}
	s.Poll(t.Context(), to.publish)
	if p.matched != 1 || to.titles() != "" {
		t.Errorf("after it was published the ETag was sent %d times, want once", p.matched)
	}
	if got := strings.Count(log.String(), "feed_outage"); got != 1 {
		t.Errorf("the outage was logged %d times:\n%s", got, log)
	}
}

func TestALongFeedIsPublishedInPortionsNewestFirst(t *testing.T) {
	p, to := newPaper(t), &topic{}
	s, _ := reader(t, p.url, func(c *Config) { c.MaxItems = 400 })
	var entries []string
	for i := range 1000 {
		entries = append(entries, entry(fmt.Sprint(999-i)))
	}
	p.says(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		w.Write([]byte(rssFeed(entries...)))
	})
	for poll, want := range []int{400, 400, 200, 0} {
		s.Poll(t.Context(), to.publish)
		if len(to.items) != want {
			t.Errorf("poll %d published %d items, want %d", poll, len(to.items), want)
		}
		if poll < 3 && to.items[0].Title != []string{"600", "200", "0"}[poll] {
			t.Errorf("portion %d begins with %s, want the newest first", poll, to.items[0].Title)
		}
		to.items = nil
	}
	if to.calls != 10 {
		t.Errorf("%d calls of publish, want 10 of a hundred items", to.calls)
	}
	if p.matched != 1 {
		t.Errorf("the ETag was sent %d times, want only after the last portion", p.matched)
	}
}

func TestOutagesAreWaitedOutAndLoggedOnce(t *testing.T) {
	p, to := newPaper(t), &topic{}
	s, log := reader(t, p.url, func(c *Config) { c.MaxSize = 10_000 })
	good := rssFeed(entry("a"))
	for _, outage := range []struct {
		name, result string
		answer       http.HandlerFunc
		least        time.Duration
	}{
		{"busy", "busy", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "1200")
			w.WriteHeader(429)
		}, 20 * time.Minute},
		{"overloaded", "busy", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) }, time.Minute},
		{"gone", "refused", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404) }, time.Minute},
		{"a web page", "malformed", func(w http.ResponseWriter, r *http.Request) {
			w.Write([]byte("<!DOCTYPE html><html><body>We will be back soon</body></html>"))
		}, time.Minute},
		{"half a feed", "malformed", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(good[:len(good)-20])) }, time.Minute},
		{"nothing", "malformed", func(w http.ResponseWriter, r *http.Request) {}, time.Minute},
		{"too much", "too_large", func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 20_000)) }, time.Minute},
		{"hangs up", "network", func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, time.Minute},
	} {
		log.Reset()
		p.says(outage.answer)
		var last time.Duration
		for range 4 {
			last = s.Poll(t.Context(), to.publish)
			if last < outage.least {
				t.Errorf("%s: the next poll is in %v, want at least %v", outage.name, last, outage.least)
			}
		}
		if last < 8*time.Minute {
			t.Errorf("%s: after four failures the next poll is in %v", outage.name, last)
		}
		if got := testutil.ToFloat64(intake.Polls.WithLabelValues(t.Name(), outage.result)); got < 4 {
			t.Errorf("%s: %v polls counted as %s, want 4", outage.name, got, outage.result)
		}
		p.prints(good)
		if got := s.Poll(t.Context(), to.publish); got != time.Minute {
			t.Errorf("%s: after recovery the next poll is in %v, want 1m", outage.name, got)
		}
		lines := log.String()
		if strings.Count(lines, "\n") != 2 || !strings.Contains(lines, "reason="+outage.result) || !strings.Contains(lines, "feed_recovery") {
			t.Errorf("%s: logged\n%swant one outage and one recovery", outage.name, lines)
		}
	}
	if got := to.titles(); got != "a" {
		t.Errorf("published %q in all, want a", got)
	}
}

func TestTheFeedStretchesTheInterval(t *testing.T) {
	p, to := newPaper(t), &topic{}
	s, _ := reader(t, p.url, nil)
	for ttl, want := range map[int]time.Duration{0: time.Minute, 3: 3 * time.Minute, 60: 5 * time.Minute} {
		p.prints(fmt.Sprintf(`<rss version="2.0"><channel><ttl>%d</ttl></channel></rss>`, ttl))
		if got := s.Poll(t.Context(), to.publish); got != want {
			t.Errorf("ttl %d: next poll in %v, want %v", ttl, got, want)
		}
	}
}

func TestTheAddressIsNeverLogged(t *testing.T) {
	p, to := newPaper(t), &topic{}
	s, log := reader(t, p.url+"/?token=hush", nil)
	for _, answer := range []http.HandlerFunc{
		func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(403) },
		func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) },
		func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("x")) },
	} {
		p.says(answer)
		s.Poll(t.Context(), to.publish)
	}
	if strings.Contains(log.String(), "hush") {
		t.Errorf("the token is in the log:\n%s", log)
	}
}

func TestAFeedWithoutANameIsCalledByItsHost(t *testing.T) {
	for name, want := range map[string]string{"rss": "news.example.com", "wire": "wire"} {
		c := Defaults
		c.URL = "https://news.example.com/feed?token=hush"
		s, err := Kind().New(&flows.Build{Name: name, Logger: slog.New(slog.DiscardHandler)}, c)
		if err != nil || s.(*source).name != want {
			t.Errorf("component %s: source %v, %v; want %s", name, s, err, want)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	p := newPaper(t)
	p.prints(rssFeed(entry("a")))
	s, log := reader(t, p.url, func(c *Config) { c.Every = time.Millisecond })
	ctx, cancel := context.WithCancel(t.Context())
	published := 0
	err := s.Run(ctx, func(context.Context, ...*flows.Message) error {
		published++
		cancel()
		return nil
	})
	if err != nil || published != 1 || log.Len() != 0 {
		t.Errorf("Run: %v after %d publications, logged %q", err, published, log)
	}
}

func TestConfig(t *testing.T) {
	for _, test := range []struct {
		change func(*Config)
		want   string // in the error; empty for none
	}{
		{func(c *Config) {}, ""},
		{func(c *Config) { c.URL = "http://127.0.0.1:1/x"; c.Every = time.Millisecond }, ""},
		{func(c *Config) { c.URL = "http://[::1]:1/x"; c.Every = time.Second }, ""},
		{func(c *Config) { c.URL = "http://localhost/x"; c.Every = time.Second }, ""},
		{func(c *Config) { c.Every = 9 * time.Second }, "every: 9s is too often"},
		{func(c *Config) { c.URL = "http://127.0.0.1/"; c.Every = 0 }, "every"},
		{func(c *Config) { c.URL = "feed://example.com" }, "url"},
		{func(c *Config) { c.URL = "https:///x?hush" }, "url"},
		{func(c *Config) { c.UserAgent = " " }, "user_agent: is empty"},
		{func(c *Config) { c.URL = "https://www.sec.gov/cgi-bin/browse-edgar" }, "the SEC refuses"},
		{func(c *Config) { c.URL, c.UserAgent = "https://www.sec.gov/", "Example news@example.com" }, ""},
		{func(c *Config) { c.Timeout, c.MaxSize, c.MaxItems, c.MaxEvery = 0, 0, 0, -1 }, "max_items"},
	} {
		c := Defaults
		c.URL = "https://example.com/feed"
		test.change(&c)
		err := c.Validate()
		if (err == nil) != (test.want == "") || err != nil && (!strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hush")) {
			t.Errorf("%+v: error %v, want %q", c, err, test.want)
		}
	}
	c := Config{}
	if err := c.Validate(); err == nil || strings.Count(err.Error(), "\n") != 5 {
		t.Errorf("an empty configuration: %v; want six faults at once", err)
	}
}

// sharedFeed parses a document of the evaluation data as the source would.
func sharedFeed(t *testing.T, path string) []*news.Item {
	t.Helper()
	root := testenv.SharedData(t, filepath.Join("..", "..", "..", "shared", "data"))
	body, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	base, _ := url.Parse("https://www.sec.gov/feed")
	doc, err := parse(fetch.UTF8(body, ""), base)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return doc.Items
}

func TestRealFeeds(t *testing.T) {
	for path, want := range map[string]int{
		"edgar/current_atom/test_get_all_current_filings__000.atom": 100,
		"feeds/rss/usgaap.rss":        200,
		"feeds/rss/pressreleases.rss": 25,
		"feeds/rss/testimony.rss":     25,
		"feeds/tradehalts.rss":        14,
		"feeds/atom/atom.xml":         5,
		"feeds/atom/atom1.xml":        55,
	} {
		items := sharedFeed(t, path)
		if len(items) != want {
			t.Errorf("%s has %d items, want %d", path, len(items), want)
		}
		for i, it := range items {
			intake.Prepare(it, "x")
			if it.Key == "" || it.Title == "" || it.Published.IsZero() {
				t.Errorf("%s: item %d lacks key, title or time: %+v", path, i, it)
			}
			if i > 0 && it.Published.Before(items[i-1].Published) {
				t.Errorf("%s: item %d is older than the one before", path, i)
			}
			if strings.Contains(path, "edgar") && it.Accession == "" {
				t.Errorf("%s: item %d lacks its accession number: %+v", path, i, it)
			}
		}
	}
}

func TestRealFilingsHaveOneKeyEach(t *testing.T) {
	root := testenv.SharedData(t, filepath.Join("..", "..", "..", "shared", "data", "edgar", "current_atom"))
	files, err := filepath.Glob(filepath.Join(root, "*.atom"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	entries, keys := 0, make(map[string]bool)
	for _, file := range files {
		for _, it := range sharedFeed(t, "edgar/current_atom/"+filepath.Base(file)) {
			entries++
			intake.Prepare(it, "x")
			keys[it.Key] = true
		}
	}
	// Counted in the files with grep.
	if entries != 10200 || len(keys) != 4447 {
		t.Errorf("%d entries, %d keys; want 10200, 4447", entries, len(keys))
	}
}

func TestOneFilingIsOneItemWhoeverFiled(t *testing.T) {
	p, to := newPaper(t), &topic{}
	body, err := os.ReadFile("testdata/edgar.atom")
	if err != nil {
		t.Fatal(err)
	}
	p.prints(string(body))
	s, _ := reader(t, p.url, nil)
	s.Poll(t.Context(), to.publish)
	at := time.Date(2025, 11, 20, 21, 5, 11, 0, time.UTC)
	want := []*news.Item{{
		Key: "acc:0009999999-25-000017", Source: t.Name(), GUID: "urn:tag:sec.gov,2008:accession-number=0009999999-25-000017",
		Accession: "0009999999-25-000017",
		URL:       "https://www.sec.gov/Archives/edgar/data/9999901/000999999925000017/0009999999-25-000017-index.htm",
		Title:     "8-K - Norrland Batteries, Inc. (0009999901) (Filer)",
		Summary:   "Filed: 2025-11-20 AccNo: 0009999999-25-000017 Size: 310 KB Item 2.02: Results of Operations and Financial Condition Item 9.01: Financial Statements and Exhibits",
		Published: at,
	}, {
		Key: "acc:0009999999-25-000018", Source: t.Name(), GUID: "urn:tag:sec.gov,2008:accession-number=0009999999-25-000018",
		Accession: "0009999999-25-000018",
		URL:       "https://www.sec.gov/Archives/edgar/data/9999902/000999999925000018/0009999999-25-000018-index.htm",
		Title:     "SCHEDULE 13D/A - Société Générale d'Élevage (0009999902) (Subject)",
		Summary:   "Filed: 2025-11-20 AccNo: 0009999999-25-000018 Size: 52 KB",
		Published: at.Add(time.Minute),
	}}
	if diff := cmp.Diff(want, to.items); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
