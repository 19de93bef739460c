package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func newClient() *Client {
	return &Client{UserAgent: "test/1 (mail@example.com)", Timeout: 5 * time.Second, MaxSize: 1 << 20}
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestGetAsksOnlyForWhatIsNew(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.UserAgent(); got != "test/1 (mail@example.com)" {
			t.Errorf("User-Agent %q", got)
		}
		if r.Header.Get("If-None-Match") == `"v1"` && r.Header.Get("If-Modified-Since") != "" {
			w.Header().Set("Cache-Control", "max-age=90")
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Last-Modified", "Thu, 20 Nov 2025 16:05:00 GMT")
		w.Header().Set("Content-Type", "text/xml")
		w.Write([]byte("hello"))
	})
	first, err := newClient().Get(t.Context(), url, Validators{})
	if err != nil || string(first.Body) != "hello" || first.ContentType != "text/xml" {
		t.Fatalf("first: %+v, %v", first, err)
	}
	second, err := newClient().Get(t.Context(), url, first.Validators)
	if err != nil || !second.NotModified || second.Validators != first.Validators || second.Wait != 90*time.Second {
		t.Fatalf("second: %+v, %v; want not modified, the same validators, a wait of 90s", second, err)
	}
}

func TestGetSaysWhoAsks(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(r.UserAgent())) })
	got, err := (&Client{Timeout: time.Minute, MaxSize: 100}).Get(t.Context(), url, Validators{})
	if err != nil || string(got.Body) != "catalyst-pipeline/1" {
		t.Errorf("%+v, %v; want the program's name", got, err)
	}
}

func TestGetLeavesValidatorsThatMeanNothing(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"fixed"`)
		w.Header().Set("Expires", "0")
	})
	got, err := newClient().Get(t.Context(), url, Validators{})
	if err != nil || got.Validators != (Validators{}) {
		t.Errorf("%+v, %v; want no validators", got, err)
	}
}

func TestGetReadsNoMoreThanItShould(t *testing.T) {
	var bomb bytes.Buffer
	zip := gzip.NewWriter(&bomb)
	zeros := make([]byte, 1<<20)
	for range 20 {
		zip.Write(zeros)
	}
	zip.Close()
	for name, handler := range map[string]http.HandlerFunc{
		"declared": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "99999999")
			w.Write(zeros)
		},
		"endless": func(w http.ResponseWriter, r *http.Request) {
			for {
				if _, err := w.Write(zeros); err != nil {
					return
				}
			}
		},
		"compressed": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb.Bytes())
		},
	} {
		if got, err := newClient().Get(t.Context(), serve(t, handler), Validators{}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v, %v; want ErrTooLarge", name, got, err)
		}
	}
	exact := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Write(zeros) })
	if got, err := newClient().Get(t.Context(), exact, Validators{}); err != nil || len(got.Body) != len(zeros) {
		t.Errorf("a document of exactly MaxSize: %v", err)
	}
}

func TestGetUndoesCompression(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			t.Errorf("Accept-Encoding %q", r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		zip.Write([]byte("hello"))
		zip.Close()
	})
	if got, err := newClient().Get(t.Context(), url, Validators{}); err != nil || string(got.Body) != "hello" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestGetGivesUpInTime(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush() // headers, then silence
		<-r.Context().Done()
	})
	c := newClient()
	c.Timeout = 50 * time.Millisecond
	if _, err := c.Get(t.Context(), url, Validators{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want the deadline's", err)
	}
}

func TestGetTellsRefusalFromBusy(t *testing.T) {
	for code, busy := range map[int]bool{403: false, 404: false, 429: true, 500: false, 503: true, 204: false} {
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(code)
		})
		_, err := newClient().Get(t.Context(), url, Validators{})
		var status *StatusError
		if !errors.As(err, &status) || status.Code != code || status.Busy() != busy || status.Wait != 7*time.Second {
			t.Errorf("%d: %v (%+v)", code, err, status)
		}
	}
}

func TestErrorsHoldNoAddress(t *testing.T) {
	busy := serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) })
	for _, address := range []string{
		busy + "/feed?token=hush", "http://127.0.0.1:1/?token=hush", "http://user:hush@127.0.0.1:1/",
		"http://[::1/?token=hush", "gopher://x/?token=hush", "http://127.0.0.1:1/\x7fhush",
	} {
		_, err := newClient().Get(t.Context(), address, Validators{})
		if err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: error %q, want one without the token", address, err)
		}
	}
}

func TestAsked(t *testing.T) {
	now := time.Date(2025, 11, 20, 16, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name, headers string
		want          time.Duration
	}{
		{"nothing", "", 0},
		{"seconds", "Retry-After: 120", 2 * time.Minute},
		{"a date", "Retry-After: Thu, 20 Nov 2025 16:10:00 GMT", 10 * time.Minute},
		{"a date gone by", "Retry-After: Thu, 20 Nov 2025 15:00:00 GMT", 0},
		{"nonsense", "Retry-After: soon", 0},
		{"negative", "Retry-After: -5", 0},
		{"huge", "Retry-After: 99999999999999999999", 0},
		{"Retry-After before all else", "Retry-After: 5\nCache-Control: max-age=60", 5 * time.Second},
		{"max-age", `Cache-Control: public, Max-Age="60"`, time.Minute},
		{"max-age of a cached answer", "Cache-Control: max-age=60\nAge: 45", 15 * time.Second},
		{"older than max-age", "Cache-Control: max-age=60\nAge: 90", 0},
		{"no-cache", "Cache-Control: no-cache, max-age=60", 0},
		{"Expires by the server's clock", "Expires: Thu, 20 Nov 2025 12:05:00 GMT\nDate: Thu, 20 Nov 2025 12:00:00 GMT", 5 * time.Minute},
		{"Expires by ours", "Expires: Thu, 20 Nov 2025 16:05:00 GMT", 5 * time.Minute},
	} {
		h := http.Header{}
		for line := range strings.Lines(test.headers) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			h.Set(name, value)
		}
		if got := asked(h, now); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestSchedule(t *testing.T) {
	const every, most = time.Minute, time.Hour
	for asked, want := range map[time.Duration]time.Duration{
		0: every, time.Second: every, 5 * time.Minute: 5 * time.Minute, 24 * time.Hour: most,
	} {
		if got := Next(every, asked, most); got != want {
			t.Errorf("asked to wait %v: %v, want %v", asked, got, want)
		}
	}
	for failures, want := range map[int]time.Duration{0: every, 1: every, 2: 2 * every, 4: 8 * every, 9: most, 1 << 40: most} {
		for range 100 {
			if got := Backoff(failures, every, most); got < want || got > want+want/4+1 {
				t.Errorf("after %d failures: %v, want %v and up to a quarter more", failures, got, want)
			}
		}
	}
	if got := Backoff(3, 2*time.Hour, time.Hour); got < 2*time.Hour {
		t.Errorf("an interval longer than the limit became %v", got)
	}
}

func TestGetTakesTheBeginningIfThatIsWanted(t *testing.T) {
	c := newClient()
	c.Partial = true
	broken := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.Write([]byte("hello"))
	})
	if got, err := c.Get(t.Context(), broken, Validators{}); err != nil || string(got.Body) != "hello" || got.Cut == nil || errors.Is(got.Cut, ErrTooLarge) {
		t.Errorf("broken off: %+v, %v; want hello, and why it ends", got, err)
	}
	long := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, c.MaxSize+1)) })
	if got, err := c.Get(t.Context(), long, Validators{}); err != nil || int64(len(got.Body)) != c.MaxSize || !errors.Is(got.Cut, ErrTooLarge) {
		t.Errorf("too long: %+v, %v; want MaxSize bytes and ErrTooLarge", got, err)
	}
	nothing := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
	})
	if got, err := c.Get(t.Context(), nothing, Validators{}); err == nil {
		t.Errorf("nothing of it: %+v, want an error", got)
	}
}

func TestARefusalComesWithItsPage(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(403)
		w.Write(bytes.Repeat([]byte("x"), 1<<20))
	})
	_, err := newClient().Get(t.Context(), url, Validators{})
	var status *StatusError
	if !errors.As(err, &status) || len(status.Page) != maxPage || bytes.Contains([]byte(err.Error()), []byte("xxx")) {
		t.Errorf("error %v with a page of %d bytes, want the first %d, and none of it in the error", err, len(status.Page), maxPage)
	}
}

// A key goes to the server configured, and not to where that one sends us.
func TestTheHeaderStaysHome(t *testing.T) {
	var leaked atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		leaked.Store(r.Header.Get("X-Key") != "")
	}))
	defer other.Close()
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("X-Key")
		http.Redirect(w, r, other.URL, http.StatusFound)
	}))
	defer server.Close()
	c := &Client{Timeout: time.Minute, MaxSize: 100, Header: http.Header{"X-Key": {"secret"}}}
	_, err := c.Get(t.Context(), server.URL, Validators{})
	var status *StatusError
	if got != "secret" || leaked.Load() || !errors.As(err, &status) || status.Code != http.StatusFound {
		t.Errorf("the server got %q, another one got it: %v; %v", got, leaked.Load(), err)
	}
	if err != nil && strings.Contains(err.Error(), "secret") {
		t.Errorf("the error tells the key: %v", err)
	}
}

// An address may hold a token, which is nobody's business where a server sends us.
func TestARedirectDoesNotTellWhereFrom(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range r.Header {
			if strings.Contains(strings.Join(values, " "), "hush-hush") {
				t.Errorf("%s: %s", name, values)
			}
		}
		w.Write([]byte("here"))
	}))
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer server.Close()
	c := &Client{UserAgent: "test", Timeout: 10 * time.Second, MaxSize: 100}
	if got, err := c.Get(t.Context(), server.URL+"/feed?token=hush-hush", Validators{}); err != nil || string(got.Body) != "here" {
		t.Errorf("%v, %v", got, err)
	}
}
