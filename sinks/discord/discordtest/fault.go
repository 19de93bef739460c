package discordtest

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Fault is how a request fails.
type Fault struct {
	// After lets the request take effect first: what fails is its answer.
	After bool
	// Stall waits for so long, or until the client is gone. With a Status the answer
	// then comes; without one the connection closes.
	Stall time.Duration
	// Status, Header and Body are the answer. Status 0 closes the connection
	// without one.
	Status int
	Header http.Header
	Body   string
}

// Status is a failure with an error of Discord's: code is 0 for none.
func Status(status, code int, message string) *Fault {
	return &Fault{
		Status: status,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   fmt.Sprintf(`{"message": %q, "code": %d}`, message, code),
	}
}

// RateLimited is a 429 in Discord's form; scope is user, shared or global.
func RateLimited(scope string, wait time.Duration) *Fault {
	f := Status(http.StatusTooManyRequests, 0, "")
	f.Header.Set("X-RateLimit-Scope", scope)
	f.Header.Set("Retry-After", wholeSeconds(wait))
	if scope == "global" {
		f.Header.Set("X-RateLimit-Global", "true")
	}
	f.Body = fmt.Sprintf(`{"message": "You are being rate limited.", "retry_after": %.3f, "global": %t}`,
		wait.Seconds(), scope == "global")
	return f
}

// Blocked is a 429 of the network in front of Discord: HTML, whatever was asked.
func Blocked(wait time.Duration) *Fault {
	return &Fault{
		Status: http.StatusTooManyRequests,
		Header: http.Header{"Content-Type": {"text/html"}, "Retry-After": {wholeSeconds(wait)}},
		Body:   "<!doctype html><title>Access denied | error code: 1015</title><p>You are being rate limited.",
	}
}

func wholeSeconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

// BadGateway is a 502 in HTML.
func BadGateway() *Fault {
	return &Fault{Status: http.StatusBadGateway, Body: "<html><h1>502 Bad Gateway</h1></html>"}
}

// Reset closes the connection without an answer.
func Reset() *Fault { return &Fault{} }

// Hang answers nothing until the client gives up.
func Hang() *Fault { return &Fault{Stall: 24 * time.Hour} }

// Done returns f for after the request has taken effect.
func (f *Fault) Done() *Fault {
	after := *f
	after.After = true
	return &after
}

// happen fails the request and returns the status that was sent.
func (f *Fault) happen(w http.ResponseWriter, r *http.Request) int {
	if f.Stall > 0 && !pause(r, f.Stall) {
		return 0
	}
	if f.Status == 0 {
		panic(http.ErrAbortHandler) // closes the connection
	}
	for name, values := range f.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(f.Status)
	fmt.Fprint(w, f.Body)
	return f.Status
}

// pause waits and reports whether the client is still there.
func pause(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// Start serves s on a local port until the test ends, and returns its URL.
func (s *Server) Start(tb testing.TB) (url string) {
	server := httptest.NewServer(s)
	tb.Cleanup(server.Close)
	return server.URL
}

// Transport calls s without a network, for tests whose time is synctest's.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ server *Server }

func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	type result struct {
		response *http.Response
		err      error
	}
	done := make(chan result, 1)
	go func() {
		defer func() {
			switch p := recover(); {
			case p == nil:
			case errors.Is(asError(p), http.ErrAbortHandler):
				done <- result{err: fmt.Errorf("read answer: %w", syscall.ECONNRESET)}
			default:
				panic(p)
			}
		}()
		if req.Body == nil {
			req.Body = http.NoBody
		}
		w := httptest.NewRecorder()
		t.server.ServeHTTP(w, req)
		response := w.Result()
		response.Request = req
		response.Status = strings.TrimSpace(fmt.Sprint(response.StatusCode, " ", http.StatusText(response.StatusCode)))
		done <- result{response: response}
	}()
	select {
	case r := <-done:
		return r.response, r.err
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

func asError(p any) error {
	err, _ := p.(error)
	return err
}
