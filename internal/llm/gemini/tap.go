package gemini

import (
	"context"
	"io"
	"net/http"
)

// An exchange is what the transport saw of a call, because the client hides it:
// it keeps neither status nor headers of an error, and writes the error of a
// broken stream to the standard log before it passes it on.
type exchange struct {
	status int
	header http.Header
	broken error
}

type exchangeKey struct{}

func watch(ctx context.Context) (context.Context, *exchange) {
	seen := &exchange{}
	return context.WithValue(ctx, exchangeKey{}, seen), seen
}

type tap struct{ next http.RoundTripper }

func (t tap) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(r)
	if seen, ok := r.Context().Value(exchangeKey{}).(*exchange); ok && err == nil {
		seen.status, seen.header = response.StatusCode, response.Header
		if response.StatusCode == http.StatusOK {
			response.Body = quietBody{response.Body, seen}
		}
	}
	return response, err
}

// quietBody ends where reading fails, and keeps the error.
type quietBody struct {
	io.ReadCloser
	seen *exchange
}

func (b quietBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.seen.broken = err
		err = io.EOF
	}
	return n, err
}
