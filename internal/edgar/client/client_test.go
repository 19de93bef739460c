package client

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"catalyst/internal/config"
	"catalyst/internal/edgar/edgartest"
	"catalyst/internal/fetch"
	"catalyst/internal/store"
	redisstore "catalyst/internal/store/redis"
	sqlitestore "catalyst/internal/store/sqlite"
	"catalyst/internal/testenv"
)

const contact = "Example Ltd news@example.com"

// asking returns a client for the server, with limits of its own.
func asking(t *testing.T, s *edgartest.Server, l *Limits) *Client {
	t.Helper()
	c := Config{Contact: contact, BaseURL: s.URL, Dir: t.TempDir()}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return New(c, l, 1<<20)
}

func TestRefusalPagesAreKnownWhateverTheStatus(t *testing.T) {
	pages := map[string]string{"traffic": edgartest.TrafficPage, "undeclared": edgartest.UndeclaredPage}
	for name, file := range map[string]string{"real traffic": "rate-exceeded.html", "real undeclared": "SEC.AutomatedTool.html"} {
		if page, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "shared", "data", "edgar", "reference", file)); err == nil {
			pages[name] = string(page)
		} else {
			t.Logf("no %s to try", file)
		}
	}
	for name, page := range pages {
		for _, status := range []int{200, 403, 404, 429, 503} {
			s := edgartest.NewServer(t)
			asked := 0
			s.Fault(func(w http.ResponseWriter, r *http.Request) bool {
				asked++
				w.WriteHeader(status)
				w.Write([]byte(page))
				return true
			})
			c := asking(t, s, newMemory().limits())
			for range 3 {
				_, err := c.Get(t.Context(), "/cgi-bin/browse-edgar", fetch.Validators{})
				var refused *RefusedError
				if !errors.As(err, &refused) || refused.Wait() < rest-time.Minute || refused.Why == undeclared != strings.HasSuffix(name, "undeclared") {
					t.Errorf("%s with %d: %v, want a refusal for ten minutes", name, status, err)
				}
			}
			if asked != 1 {
				t.Errorf("%s with %d: asked %d times, want once", name, status, asked)
			}
		}
	}
}

func TestOtherAnswersAreNoRefusal(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
	}{
		"a feed with a hostile name":     {200, `<?xml version="1.0"?><feed><entry><title>8-K - Undeclared Automated Tool Inc (0000000001) (Filer)</title></entry></feed>`},
		"a submission with such a title": {200, "<SEC-DOCUMENT>x\n<html><title>Exceeded the SEC's Traffic Limit</title>"},
		"a page that tells of it":        {200, "<html><title>About</title><p>Undeclared Automated Tool</p>"},
		"past the end":                   {503, "<html><h1>Unavailable</h1></html>"},
		"not there":                      {404, "<html><h1>Not found</h1></html>"},
		"nothing":                        {200, ""},
	} {
		s := edgartest.NewServer(t)
		s.Fault(func(w http.ResponseWriter, r *http.Request) bool {
			w.WriteHeader(test.status)
			w.Write([]byte(test.body))
			return true
		})
		_, err := asking(t, s, newMemory().limits()).Get(t.Context(), "/x", fetch.Validators{})
		var refused *RefusedError
		if errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestABare429IsHeeded(t *testing.T) {
	for header, want := range map[string]time.Duration{"": rest, "90": 90 * time.Second, "999999": time.Hour} {
		s := edgartest.NewServer(t)
		s.Fault(func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Retry-After", header)
			w.WriteHeader(429)
			return true
		})
		_, err := asking(t, s, newMemory().limits()).Get(t.Context(), "/x", fetch.Validators{})
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.Wait() < want-time.Minute || refused.Wait() > want*11/10 {
			t.Errorf("Retry-After %q: %v, want a refusal for %v", header, err, want)
		}
	}
}

func TestThreeProcessesKeepToTheLimit(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds of real time")
	}
	for name, open := range map[string]func(*testing.T) func() *Limits{"redis": onRedis, "sqlite": onFile} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// A request may be begun in time and arrive late, on a machine that is busy with
			// something else. It is not so each time.
			var broken []string
			for range 3 {
				if broken = keptTo(t, open(t)); len(broken) == 0 {
					return
				}
				t.Logf("broken: %q", broken)
			}
			t.Errorf("EDGAR's rules were broken each time, at last: %q", broken)
		})
	}
}

// keptTo has three processes ask as much as they may, and returns which of EDGAR's rules
// they broke.
func keptTo(t *testing.T, process func() *Limits) (broken []string) {
	s := edgartest.NewServer(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	began := time.Now()
	for range 3 {
		c := asking(t, s, process())
		for range 4 { // as many components ask at the same time
			wg.Go(func() {
				for range 3 {
					if _, err := c.Get(t.Context(), "/files/company_tickers_exchange.json", fetch.Validators{}); err != nil {
						mu.Lock()
						broken = append(broken, err.Error())
						mu.Unlock()
					}
				}
			})
		}
	}
	wg.Wait()
	t.Logf("%d requests in %v, at most %d in a second", len(s.Requests("/")), time.Since(began).Round(time.Millisecond), s.Busiest())
	return append(broken, s.Violations()...)
}

// onRedis returns the limits of processes that share a Redis server.
func onRedis(t *testing.T) func() *Limits {
	url, name := testenv.Redis(t), "edgar-client-"+uuid.NewString()
	return func() *Limits {
		s, err := redisstore.Open(url, name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return NewLimits(func() (store.Meters, error) { return s, nil }, func() (store.Notes, error) { return s, nil })
	}
}

// onFile returns the limits of processes that share an embedded file.
func onFile(t *testing.T) func() *Limits {
	path := testenv.File(t)
	return func() *Limits {
		s, err := sqlitestore.Open(t.Context(), path, "edgar")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return NewLimits(func() (store.Meters, error) { return s, nil }, func() (store.Notes, error) { return s, nil })
	}
}

func TestQuietSurvivesARestart(t *testing.T) {
	for name, open := range map[string]func(*testing.T) func() *Limits{"redis": onRedis, "sqlite": onFile} {
		t.Run(name, func(t *testing.T) {
			s, process := edgartest.NewServer(t), open(t)
			s.Limit = 0 // refuses at once
			var refused *RefusedError
			for range 3 {
				_, err := asking(t, s, process()).Get(t.Context(), "/x", fetch.Validators{})
				if !errors.As(err, &refused) {
					t.Errorf("error %v, want the refusal", err)
				}
			}
			if n := len(s.Requests("/")); n != 1 {
				t.Errorf("%d requests, want one in ten minutes", n)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	for contact, want := range map[string]string{
		contact:                               "",
		"Example Ltd (news@example.com)":      "",
		"Example Ltd <a.b+c@news.example.co>": "",
		"":                                    "is empty",
		"   ":                                 "is empty",
		"Example Ltd":                         "no e-mail",
		"news@example.com":                    "no name",
		"Example news@localhost":              "no e-mail",
		"Example noreply@example.com":         "nobody reads",
		"Example\r\nX: y news@example.com":    "no HTTP header",
		"Größe GmbH news@example.com":         "no HTTP header",
	} {
		c := Defaults
		c.Contact = contact
		err := c.Validate()
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "news@example.com")) {
			t.Errorf("contact %q: %v, want %q and what to write", contact, err, want)
		}
	}
	for _, address := range []string{"", "sec.gov", "ftp://sec.gov", "https://", "https://sec.gov/path", "https://sec.gov?x=y"} {
		c := Config{Contact: contact, BaseURL: address, Dir: "x"}
		var field *config.FieldError
		if err := c.Validate(); !errors.As(err, &field) || field.Field != "base_url" {
			t.Errorf("base_url %q: %v", address, err)
		}
	}
	c := New(Config{Contact: contact, BaseURL: "https://www.sec.gov/"}, nil, 1)
	if got := c.dataURL("/submissions/x"); got != "https://data.sec.gov/submissions/x" {
		t.Errorf("the submissions API is at %s", got)
	}
}

const submission = `<SEC-DOCUMENT>0001234567-26-000001.txt : 20260105
<SEC-HEADER>0001234567-26-000001.hdr.sgml : 20260105
<ACCEPTANCE-DATETIME>20260105161200
</SEC-HEADER>
<DOCUMENT>
<TYPE>8-K
<TEXT>
the filing
</TEXT>
</DOCUMENT>
<DOCUMENT>
<TYPE>EX-99.1
<TEXT>
the release
</TEXT>
</DOCUMENT>
<DOCUMENT>
<TYPE>GRAPHIC
<TEXT>
begin 644 logo.jpg
</TEXT>
</DOCUMENT>
<DOCUMENT>
<TYPE>EX-101.SCH
<TEXT>
the schema
</TEXT>
</DOCUMENT>
</SEC-DOCUMENT>
`

func TestSubmission(t *testing.T) {
	s := edgartest.NewServer(t)
	filer := edgartest.Filer{Name: "Acme", CIK: "0001234567", Role: "Filer"}
	add := func(accession, text string) Filing {
		s.Add(edgartest.Filing{Accession: accession, Form: "8-K", Filers: []edgartest.Filer{filer}, Accepted: time.Now(), Submission: text})
		return Filing{accession, filer.CIK}
	}
	c := asking(t, s, newMemory().limits())

	got, err := c.Submission(t.Context(), add("0001234567-26-000001", submission))
	for word, want := range map[string]bool{"the filing": true, "the release": true, "<ACCEPTANCE-DATETIME>20260105161200": true, "logo": false, "schema": false} {
		if err != nil || bytes.Contains(got, []byte(word)) != want {
			t.Errorf("%v, %q in the submission: %v, want %v", err, word, !want, want)
		}
	}
	if want := "/Archives/edgar/data/1234567/000123456726000001/0001234567-26-000001.txt"; s.Requests("/Archives")[0] != want {
		t.Errorf("asked for %s, want %s", s.Requests("/Archives")[0], want)
	}

	long := strings.Replace(submission, "the release", strings.Repeat("release ", 200_000), 1)
	got, err = c.Submission(t.Context(), add("0001234567-26-000002", long))
	if err != nil || !bytes.Contains(got, []byte("the filing")) || bytes.Contains(got, []byte("release")) {
		t.Errorf("one that is too long: %v and %d bytes, want the filing alone", err, len(got))
	}
	long = strings.Replace(submission, "the filing", strings.Repeat("filing ", 200_000), 1)
	got, err = c.Submission(t.Context(), add("0001234567-26-000003", long))
	if err != nil || len(got) < 1<<20 || len(got) > 1<<20+100 {
		t.Errorf("a filing that is too long: %v and %d bytes, want its beginning", err, len(got))
	}

	var missing *MissingError
	for _, f := range []Filing{{"0001234567-26-000009", filer.CIK}, {"0001234567-26-000001", ""}, {"0001234567-26-000001", "1/../2"}, {"../../../etc", "1"}} {
		if _, err := c.Submission(t.Context(), f); !errors.As(err, &missing) {
			t.Errorf("%v: %v, want that it is missing", f, err)
		}
	}
	if n := len(s.Requests("/")); n != 4 {
		t.Errorf("%d requests, want none for what is no filing", n)
	}

	f := add("0001234567-26-000004", "<html>We will be back soon</html>")
	if _, err := c.Submission(t.Context(), f); !errors.Is(err, errUnexpected) {
		t.Errorf("a web page: %v", err)
	}
	s.Fault(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Length", "100000")
		w.Write([]byte(submission))
		return true
	})
	if got, err := c.Submission(t.Context(), f); err == nil {
		t.Errorf("one that broke off is taken for whole: %d bytes", len(got))
	}
	if v := s.Violations(); len(v) != 0 {
		t.Errorf("EDGAR's rules were broken: %q", v)
	}
}
