package gemini

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"

	"catalyst/internal/llm"
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
	if err != nil {
		return nil, err
	}
	if seen, ok := r.Context().Value(exchangeKey{}).(*exchange); ok {
		seen.status, seen.header = response.StatusCode, response.Header
		if err := llm.Stream(response, events); err != nil {
			return nil, err
		}
		if response.StatusCode == http.StatusOK {
			response.Body = quietBody{response.Body, seen}
		}
	}
	return response, nil
}

// events makes of a whole answer, or of a list of chunks, what a stream could have
// been: an event each.
func events(whole []byte) ([]llm.Event, error) {
	var chunks []json.RawMessage
	if !bytes.HasPrefix(bytes.TrimSpace(whole), []byte("[")) {
		whole = slices.Concat([]byte("["), whole, []byte("]"))
	}
	if err := json.Unmarshal(whole, &chunks); err != nil {
		return nil, err
	}
	list := make([]llm.Event, len(chunks))
	for i, c := range chunks {
		list[i].Data = c
	}
	return list, nil
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
