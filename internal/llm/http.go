package llm

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	maxBody   = 8 << 20                // bytes of a response; an answer has a few thousand
	drainBody = 4 << 10                // bytes read at Close so that a connection can be used again
	drainWait = 100 * time.Millisecond // and the longest time for them
)

// NewHTTPClient returns the client that all providers of a process share: at
// most 30 connections a host, 100 idle ones altogether, kept for 60 seconds.
// It follows no redirects, as they would carry a key to a host nobody named,
// and reads at most 8 MiB of a response. Limits of time belong to each call.
func NewHTTPClient() *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{Transport: tidyTransport{&http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        100,
		MaxIdleConnsPerHost: 30,
		MaxConnsPerHost:     30,
		IdleConnTimeout:     60 * time.Second,
		TLSHandshakeTimeout: 5 * time.Second,
	}}}
}

// tidyTransport bounds every body and leaves its connection fit for reuse.
type tidyTransport struct{ next *http.Transport }

func (t tidyTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 && response.StatusCode < 400 {
		response.Body.Close()
		return nil, &Error{Class: ModelMissing, Status: response.StatusCode, Err: errRedirect}
	}
	response.Body = &tidyBody{ctx: r.Context(), body: response.Body, left: maxBody}
	return response, nil
}

func (t tidyTransport) CloseIdleConnections() { t.next.CloseIdleConnections() }

var (
	errTooLarge = errors.New("response is larger than 8 MiB")
	errRedirect = errors.New("the server sends us elsewhere: set base_url to its real address")
)

type tidyBody struct {
	ctx  context.Context
	body io.ReadCloser
	left int
	end  bool
}

func (b *tidyBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.body.Read(p[:min(len(p), b.left)])
	b.left -= n
	b.end = b.end || err != nil
	return n, err
}

// Close reads the last few bytes of a stream that its reader found complete: a
// connection whose body was not read to its end is thrown away.
func (b *tidyBody) Close() error {
	if !b.end && b.ctx.Err() == nil {
		b.end = true
		timer := time.AfterFunc(drainWait, func() { b.body.Close() })
		io.CopyN(io.Discard, b.body, drainBody)
		timer.Stop()
	}
	return b.body.Close()
}
