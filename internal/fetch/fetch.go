// Package fetch gets documents over HTTP again and again without being a
// burden: it asks only for what has changed, reads no more than it was told
// to, and knows from the answers when to come back.
package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"time"
)

// A Client gets documents. It may be used concurrently.
type Client struct {
	// UserAgent names who asks and whom to write to; empty is the program's own name.
	UserAgent string
	// Timeout is for a whole exchange, to the last byte of the body.
	Timeout time.Duration
	// MaxSize is how long a body may be, in bytes, after decompression.
	MaxSize int64
	// Partial takes what came of a document that is longer than MaxSize, or whose
	// transfer broke off, instead of nothing. Response.Cut then says why it ends.
	Partial bool
	// Header goes with each request, and may hold a key. It goes to the address asked
	// and nowhere else: with it no redirect is followed.
	Header http.Header
}

// Validators tell a server which version of a document is known already. The
// zero value says none.
type Validators struct{ ETag, LastModified string }

// A Response is a document, or the word that there is no newer one.
type Response struct {
	// NotModified says that the version known is still the newest; there is no Body.
	NotModified bool
	// Body is as it was sent, but decompressed.
	Body []byte
	// Cut says why Body is only the beginning of the document; nil if it is whole.
	Cut error
	// ContentType is the header of that name.
	ContentType string
	// Validators are for the next Get, once the document has been dealt with.
	Validators Validators
	// Wait is how long the server asks to be left alone; zero if it does not say.
	Wait time.Duration
}

// ErrTooLarge says that a document is longer than MaxSize.
var ErrTooLarge = errors.New("the document is too large")

// A StatusError is an answer other than the document.
type StatusError struct {
	Code int
	Wait time.Duration // as in Response
	Page []byte        // the beginning of what was sent with it: some servers say only there why
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("the server answers %d %s", e.Code, http.StatusText(e.Code))
}

// Busy reports whether the server asks for patience rather than for a change.
func (e *StatusError) Busy() bool {
	return e.Code == http.StatusTooManyRequests || e.Code == http.StatusServiceUnavailable
}

// client keeps connections open between polls, shared by everything that asks the same host.
var client = &http.Client{Transport: transport(), CheckRedirect: follow}

// faithful is client, but does not go where it is sent.
var faithful = &http.Client{Transport: client.Transport, CheckRedirect: func(*http.Request, []*http.Request) error {
	return http.ErrUseLastResponse
}}

// follow goes where a server sends us, without telling where from: the address may hold a
// token.
func follow(req *http.Request, via []*http.Request) error {
	req.Header.Del("Referer")
	if len(via) >= 10 {
		return errors.New("the server sends us from one address to the next")
	}
	return nil
}

func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxResponseHeaderBytes = 256 << 10
	return t
}

// Get asks for the document at address unless it is the version known. Errors
// never hold the address, which may have a token in it, only its host.
func (c *Client) Get(ctx context.Context, address string, known Validators) (*Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("the address is no URL")
	}
	// No Accept-Encoding: the transport then asks for gzip and undoes it itself.
	req.Header.Set("User-Agent", cmp.Or(c.UserAgent, "catalyst-pipeline/1"))
	if known.ETag != "" {
		req.Header.Set("If-None-Match", known.ETag)
	}
	if known.LastModified != "" {
		req.Header.Set("If-Modified-Since", known.LastModified)
	}
	asks := client
	if len(c.Header) > 0 {
		asks = faithful
		maps.Copy(req.Header, c.Header)
	}
	answer, err := ask(asks, req)
	if err != nil {
		return nil, fmt.Errorf("get from %s: %w", req.URL.Host, withoutAddress(err))
	}
	defer answer.Body.Close()

	wait := asked(answer.Header, time.Now())
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusNotModified:
		return &Response{NotModified: true, Validators: known, Wait: wait}, nil
	default:
		page, _ := io.ReadAll(io.LimitReader(answer.Body, maxPage)) // what came of it will do
		return nil, fmt.Errorf("get from %s: %w", req.URL.Host, &StatusError{answer.StatusCode, wait, page})
	}
	body, err := c.read(answer)
	var cut error
	if c.Partial && len(body) > 0 {
		cut, err = err, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get from %s: %w", req.URL.Host, err)
	}
	return &Response{
		Body:        body,
		Cut:         cut,
		ContentType: answer.Header.Get("Content-Type"),
		Validators:  validators(answer.Header),
		Wait:        wait,
	}, nil
}

// maxPage is how much is read of what comes instead of a document.
const maxPage = 64 << 10

// read returns as much of the body as may be, and an error if that is not all.
func (c *Client) read(answer *http.Response) ([]byte, error) {
	tooLarge := fmt.Errorf("%w: it has more than %d bytes", ErrTooLarge, c.MaxSize)
	if answer.ContentLength > c.MaxSize && !c.Partial {
		return nil, tooLarge
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, c.MaxSize+1))
	switch {
	case int64(len(body)) > c.MaxSize:
		return body[:c.MaxSize], tooLarge
	case err != nil:
		return body, fmt.Errorf("read: %w", err)
	}
	return body, nil
}

// validators returns those of an answer. A server that says Expires: 0 sends
// them without meaning them.
func validators(h http.Header) Validators {
	if h.Get("Expires") == "0" {
		return Validators{}
	}
	return Validators{ETag: h.Get("ETag"), LastModified: h.Get("Last-Modified")}
}

// withoutAddress takes off the layer in which net/http quotes the URL.
func withoutAddress(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
