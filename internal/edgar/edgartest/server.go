package edgartest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"
)

// A Server is an EDGAR for tests, as far as readers of news need one. It answers for
//
//	/cgi-bin/browse-edgar?action=getcurrent   the current filings as Atom in ISO-8859-1:
//	    type= is the beginning of the forms wanted, start= and count= (10, 20, 40, 80 or
//	    100) page through the newest filings, one entry for each filer; 503 with a web page
//	    past the end, which is Depth entries down at the latest
//	/submissions/CIK##########.json           the filings of a company
//	/Archives/edgar/data/…/….txt              full submissions, with If-Modified-Since, and
//	    each of their documents by its <FILENAME>
//	/Archives/edgar/daily-index/YEAR/QTRn/    index.json and master.YYYYMMDD.idx, of the
//	    days before the latest filing; 403 for days without
//	/files/company_tickers_exchange.json      the companies that have tickers
//
// It keeps EDGAR's rules: without an address in the User-Agent it refuses with its page,
// and counts a violation; at more than Limit requests in any second it counts a violation and
// refuses everybody for Block; requests meanwhile are violations too.
type Server struct {
	URL string

	// Limit and Block are EDGAR's own (10 in a second, ten minutes) unless they are
	// changed before the first request.
	Limit int
	Block time.Duration
	// Depth is how many entries the feed shows at most.
	Depth int

	mu         sync.Mutex
	entries    []Entry // newest first
	until      time.Time
	filings    map[string]Filing // by accession number
	companies  []Company
	arrivals   []time.Time // of the last second
	busiest    int
	violations []string
	blocked    time.Time
	requests   []string // paths with their queries
	fault      func(w http.ResponseWriter, r *http.Request) bool
}

// A Filer is a company or person that a filing is of.
type Filer struct{ Name, CIK, Role string }

// A Filing is one submission.
type Filing struct {
	Accession  string
	Form       string
	Filers     []Filer // the feed has an entry for each, in this order
	Accepted   time.Time
	Period     string   // the day its period ended, as 2025-12-31; the submissions API has it
	Items      []string // as "2.02: Results of Operations and Financial Condition"
	Submission string   // the full text; empty for one that is not there (yet)
}

// A Company has a ticker on Nasdaq.
type Company struct {
	CIK    int
	Ticker string
	Name   string
}

// An Entry is one entry of the current-filings feed, in UTF-8.
type Entry struct {
	Text      string // <entry>…</entry>
	Accession string
	Form      string
	Updated   time.Time
}

// NewServer returns a server that ends with the test.
func NewServer(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{Limit: 10, Block: 10 * time.Minute, Depth: 5100, filings: make(map[string]Filing)}
	server := httptest.NewServer(s)
	tb.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Add adds filings, which the feed shows at once.
func (s *Server) Add(filings ...Filing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range filings {
		s.filings[f.Accession] = f
		for _, filer := range slices.Backward(f.Filers) {
			s.entries = append([]Entry{s.entry(f, filer)}, s.entries...)
		}
	}
	slices.SortStableFunc(s.entries, func(a, b Entry) int { return b.Updated.Compare(a.Updated) })
}

// Feed makes the feed show entries as they are, such as those of a real crawl.
func (s *Server) Feed(entries []Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = slices.Clone(entries)
	slices.SortStableFunc(s.entries, func(a, b Entry) int { return b.Updated.Compare(a.Updated) })
}

// Until makes the feed show only what was accepted until t.
func (s *Server) Until(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = t
}

// List makes companies those that have tickers, the largest first.
func (s *Server) List(companies ...Company) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.companies = companies
}

// Fault is asked before every answer; if it returns true it has answered. Nil ends it.
func (s *Server) Fault(f func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Requests returns the paths that were asked for and begin with prefix.
func (s *Server) Requests(prefix string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []string
	for _, r := range s.requests {
		if strings.HasPrefix(r, prefix) {
			found = append(found, r)
		}
	}
	return found
}

// Violations says which of EDGAR's rules were broken; Busiest is the most requests that
// came within any second.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

// Busiest returns the most requests that came within any second.
func (s *Server) Busiest() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busiest
}

// ServeHTTP is the server's own.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if page := s.arrive(r); page != "" {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusForbidden)
		w.Write([]byte(page))
		return
	}
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	if fault != nil && fault(w, r) {
		return
	}
	s.mu.Lock()
	body, modified, kind := s.answer(r)
	s.mu.Unlock()
	if kind == "" {
		w.WriteHeader(modified.status)
		w.Write(body)
		return
	}
	w.Header().Set("Content-Type", kind)
	if !modified.at.IsZero() {
		w.Header().Set("Last-Modified", modified.at.UTC().Format(http.TimeFormat))
		if since, err := http.ParseTime(r.Header.Get("If-Modified-Since")); err == nil && !modified.at.Truncate(time.Second).After(since) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		zip.Write(body)
		zip.Close()
		return
	}
	w.Write(body)
}

// arrive counts a request and returns the page that refuses it, if one does.
func (s *Server) arrive(r *http.Request) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.requests = append(s.requests, r.URL.RequestURI())
	s.arrivals = append(s.arrivals, now)
	for now.Sub(s.arrivals[0]) >= time.Second {
		s.arrivals = s.arrivals[1:]
	}
	s.busiest = max(s.busiest, len(s.arrivals))
	switch {
	case !strings.Contains(r.UserAgent(), "@"):
		s.violations = append(s.violations, "no address in the User-Agent "+strconv.Quote(r.UserAgent()))
		return UndeclaredPage
	case now.Before(s.blocked):
		s.violations = append(s.violations, "a request while refusing")
	case len(s.arrivals) > s.Limit:
		s.violations = append(s.violations, fmt.Sprintf("%d requests in a second", len(s.arrivals)))
	default:
		return ""
	}
	s.blocked = now.Add(s.Block)
	return TrafficPage
}

// The pages with which EDGAR refuses, in their headings and in nothing else.
const (
	TrafficPage = "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\">\n<html><head><title>SEC.gov | Request Rate Threshold Exceeded</title>\n" +
		"<style>h1 {font-size:20px;}</style></head>\n<body><h1>You’ve Exceeded the SEC’s Traffic Limit</h1><p>Come back in ten minutes.</p></body></html>\n"
	UndeclaredPage = "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\">\n<html><head><title>SEC.gov | Your Request Originates from an Undeclared Automated Tool</title></head>\n" +
		"<body><h1>Your Request Originates from an Undeclared Automated Tool</h1><p>Say who you are.</p></body></html>\n"
)

// modified is when an answer changed last, or the status of what is none.
type modified struct {
	at     time.Time
	status int
}

func (s *Server) answer(r *http.Request) (body []byte, m modified, kind string) {
	path := r.URL.Path
	switch {
	case path == "/cgi-bin/browse-edgar":
		return s.feed(r.URL.Query())
	case path == "/files/company_tickers_exchange.json":
		return s.tickers(), modified{at: time.Unix(1_700_000_000, 0)}, "application/json"
	case strings.HasPrefix(path, "/submissions/CIK"):
		return s.submissions(strings.TrimSuffix(strings.TrimPrefix(path, "/submissions/CIK"), ".json"))
	case strings.HasPrefix(path, "/Archives/edgar/daily-index/"):
		return s.daily(strings.TrimPrefix(path, "/Archives/edgar/daily-index/"))
	case strings.HasPrefix(path, "/Archives/edgar/data/"):
		name := path[strings.LastIndexByte(path, '/')+1:]
		f, ok := s.filings[strings.TrimSuffix(name, ".txt")]
		if ok && f.Submission != "" && strings.HasSuffix(name, ".txt") {
			return []byte(f.Submission), modified{at: f.Accepted}, "text/plain"
		}
		if body, at := s.document(path[:len(path)-len(name)], name); body != "" {
			return []byte(body), modified{at: at}, "text/html"
		}
	}
	return []byte("<html><head><title>404</title></head><body>no such document</body></html>"), modified{status: 404}, ""
}

// document is the document of a filing's folder that has a name; empty if there is none.
func (s *Server) document(folder, name string) (body string, at time.Time) {
	for accession, f := range s.filings {
		if !strings.HasSuffix(folder, "/"+strings.ReplaceAll(accession, "-", "")+"/") {
			continue
		}
		_, after, _ := strings.Cut(f.Submission, "<FILENAME>"+name+"\n")
		_, after, found := strings.Cut(after, "<TEXT>\n")
		if body, _, _ = strings.Cut(after, "</TEXT>"); found {
			return body, f.Accepted
		}
	}
	return "", at
}

var newYork = func() *time.Location {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		return time.FixedZone("EST", -5*60*60)
	}
	return zone
}()

// entry is the entry of one filer. The name stands in it as it is, which EDGAR escapes.
func (s *Server) entry(f Filing, filer Filer) Entry {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	var items strings.Builder
	for _, item := range f.Items {
		fmt.Fprintf(&items, "\n&lt;br&gt;Item %s", escape.Replace(item))
	}
	accepted := f.Accepted.In(newYork)
	return Entry{
		Accession: f.Accession, Form: f.Form, Updated: f.Accepted,
		Text: fmt.Sprintf("<entry>\n<title>%s - %s (%s) (%s)</title>\n"+
			"<link rel=\"alternate\" type=\"text/html\" href=\"%s/Archives/edgar/data/%s/%s/%s-index.htm\"/>\n"+
			"<summary type=\"html\">\n &lt;b&gt;Filed:&lt;/b&gt; %s &lt;b&gt;AccNo:&lt;/b&gt; %s &lt;b&gt;Size:&lt;/b&gt; %d KB%s\n</summary>\n"+
			"<updated>%s</updated>\n<category scheme=\"https://www.sec.gov/\" label=\"form type\" term=\"%s\"/>\n"+
			"<id>urn:tag:sec.gov,2008:accession-number=%s</id>\n</entry>\n",
			f.Form, escape.Replace(filer.Name), filer.CIK, filer.Role,
			s.URL, strings.TrimLeft(filer.CIK, "0"), strings.ReplaceAll(f.Accession, "-", ""), f.Accession,
			accepted.Format(time.DateOnly), f.Accession, 1+len(f.Submission)/1024, items.String(),
			accepted.Format(time.RFC3339), f.Form, f.Accession),
	}
}

func (s *Server) feed(query url.Values) ([]byte, modified, string) {
	start, _ := strconv.Atoi(query.Get("start"))
	count, _ := strconv.Atoi(query.Get("count"))
	if !slices.Contains([]int{10, 20, 40, 80, 100}, count) {
		count = 40
	}
	var shown []Entry
	for _, e := range s.entries {
		if strings.HasPrefix(e.Form, query.Get("type")) && (s.until.IsZero() || !e.Updated.After(s.until)) && len(shown) < s.Depth {
			shown = append(shown, e)
		}
	}
	if start > 0 && start >= len(shown) {
		return []byte("<!DOCTYPE html><html><body><h1>This page is temporarily unavailable</h1></body></html>"), modified{status: 503}, ""
	}
	var out bytes.Buffer
	out.WriteString("<?xml version=\"1.0\" encoding=\"ISO-8859-1\" ?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n<title>Latest Filings</title>\n" +
		"<link rel=\"alternate\" href=\"/cgi-bin/browse-edgar?action=getcurrent\"/>\n<id>https://www.sec.gov/cgi-bin/browse-edgar?action=getcurrent</id>\n" +
		"<author><name>Webmaster</name></author>\n<updated>2026-01-02T18:03:31-05:00</updated>\n")
	for _, e := range shown[min(start, len(shown)):min(start+count, len(shown))] {
		out.WriteString(e.Text)
	}
	out.WriteString("</feed>\n")
	latin, err := charmap.ISO8859_1.NewEncoder().Bytes(out.Bytes())
	if err != nil {
		latin = out.Bytes()
	}
	return latin, modified{}, "application/atom+xml"
}

func (s *Server) tickers() []byte {
	rows := make([][]any, len(s.companies))
	for i, c := range s.companies {
		rows[i] = []any{c.CIK, c.Name, c.Ticker, "Nasdaq"}
	}
	out, _ := json.Marshal(map[string]any{"fields": []string{"cik", "name", "ticker", "exchange"}, "data": rows})
	return out
}

// of returns the filings of a company that the feed would show, newest first.
func (s *Server) of(cik string) []Filing {
	var found []Filing
	for _, f := range s.filings {
		if slices.ContainsFunc(f.Filers, func(filer Filer) bool { return filer.CIK == cik }) && (s.until.IsZero() || !f.Accepted.After(s.until)) {
			found = append(found, f)
		}
	}
	slices.SortFunc(found, func(a, b Filing) int { return b.Accepted.Compare(a.Accepted) })
	return found
}

func (s *Server) submissions(cik string) ([]byte, modified, string) {
	found := s.of(cik)
	if len(found) == 0 {
		return nil, modified{status: 404}, ""
	}
	columns := map[string][]any{}
	for _, f := range found {
		var items []string
		for _, item := range f.Items {
			number, _, _ := strings.Cut(item, ":")
			items = append(items, number)
		}
		for name, value := range map[string]any{
			"accessionNumber": f.Accession, "form": f.Form, "items": strings.Join(items, ","),
			"filingDate": f.Accepted.In(newYork).Format(time.DateOnly), "reportDate": f.Period,
			"acceptanceDateTime": f.Accepted.UTC().Format("2006-01-02T15:04:05.000Z"),
			"primaryDocument":    "a.htm", "primaryDocDescription": f.Form, "size": len(f.Submission),
		} {
			columns[name] = append(columns[name], value)
		}
	}
	name := ""
	for _, filer := range found[0].Filers {
		if filer.CIK == cik {
			name = filer.Name
		}
	}
	out, _ := json.Marshal(map[string]any{"cik": strings.TrimLeft(cik, "0"), "name": name, "filings": map[string]any{"recent": columns, "files": []any{}}})
	return out, modified{at: found[0].Accepted}, "application/json"
}

func (s *Server) daily(path string) ([]byte, modified, string) {
	days := make(map[string][]Filing)
	latest := ""
	for _, f := range s.filings {
		day := f.Accepted.In(newYork).Format("20060102")
		days[day] = append(days[day], f)
		latest = max(latest, day)
	}
	delete(days, latest) // its index comes at night
	folder, name, _ := strings.Cut(path, "/QTR")
	quarter, name, _ := strings.Cut(name, "/")
	if name == "index.json" {
		var items []map[string]string
		for day := range days {
			if at, err := time.Parse("20060102", day); err == nil && at.Format("2006") == folder && strconv.Itoa((int(at.Month())+2)/3) == quarter {
				items = append(items, map[string]string{"name": "form." + day + ".idx", "type": "file"}, map[string]string{"name": "master." + day + ".idx", "type": "file"})
			}
		}
		out, _ := json.Marshal(map[string]any{"directory": map[string]any{"name": "daily-index/" + folder + "/QTR" + quarter + "/", "item": items}})
		return out, modified{}, "application/json"
	}
	day := strings.TrimSuffix(strings.TrimPrefix(name, "master."), ".idx")
	if len(days[day]) == 0 {
		return []byte("<Error><Code>AccessDenied</Code></Error>"), modified{status: 403}, ""
	}
	var out bytes.Buffer
	out.WriteString("Description:           Daily Index of EDGAR Dissemination Feed by Master\n \nCIK|Company Name|Form Type|Date Filed|File Name\n" + strings.Repeat("-", 80) + "\n")
	for _, f := range days[day] {
		for _, filer := range f.Filers {
			cik := strings.TrimLeft(filer.CIK, "0")
			fmt.Fprintf(&out, "%s|%s|%s|%s|edgar/data/%s/%s.txt\n", cik, filer.Name, f.Form, day, cik, f.Accession)
		}
	}
	latin, err := charmap.ISO8859_1.NewEncoder().Bytes(out.Bytes())
	if err != nil {
		latin = out.Bytes()
	}
	return latin, modified{}, "text/plain"
}
