package discordtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Start serves s on a local port until the test ends, and returns its URL.
func (s *Server) Start(tb testing.TB) (url string) {
	server := httptest.NewServer(s)
	tb.Cleanup(server.Close)
	return server.URL
}

// Transport calls s without a network, for tests whose time is synctest's.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ server *Server }

type inProcess struct{} // key of a context

type result struct {
	response *http.Response
	err      error
}

func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	done := make(chan result, 1)
	go func() { done <- t.serve(req) }()
	select {
	case r := <-done:
		return r.response, r.err
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

// serve is the connection: an abort closes it, with what was written until then.
func (t transport) serve(req *http.Request) (r result) {
	w := httptest.NewRecorder()
	defer func() {
		if p := recover(); p != nil {
			if err, _ := p.(error); !errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			r = result{err: fmt.Errorf("read answer: %w", syscall.ECONNRESET)}
			if w.Body.Len() > 0 {
				half := bytes.Clone(w.Body.Bytes())
				r = result{response: response(w, req)}
				r.response.Body = io.NopCloser(io.MultiReader(bytes.NewReader(half), broken{}))
			}
		}
	}()
	seen := req.WithContext(context.WithValue(req.Context(), inProcess{}, true))
	if seen.Body == nil {
		seen.Body = http.NoBody
	}
	defer seen.Body.Close()
	t.server.ServeHTTP(w, seen)
	return result{response: response(w, req)}
}

func response(w *httptest.ResponseRecorder, req *http.Request) *http.Response {
	r := w.Result()
	r.Request = req
	r.Status = strings.TrimSpace(fmt.Sprint(r.StatusCode, " ", http.StatusText(r.StatusCode)))
	return r
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// pause waits and reports whether the client is still there.
func pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
