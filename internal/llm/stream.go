package llm

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/http"
)

// An Event is one event of a stream.
type Event struct {
	Name string // empty where the API names none
	Data []byte // JSON
}

// Stream makes a stream of a response whose server answered all at once though it
// was asked to stream, as some proxies and servers do: events are what it would
// have sent for the whole answer. A page of HTML is an error: it comes from
// something that is no model. Other responses are left as they are.
func Stream(r *http.Response, events func(whole []byte) ([]Event, error)) error {
	if r.StatusCode != http.StatusOK {
		return nil
	}
	switch kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind {
	case "text/html":
		r.Body.Close()
		return Errorf(Network, "a page of HTML came instead of an answer: is base_url the API's address?")
	case "application/json":
	default:
		return nil
	}
	whole, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err != nil {
		return err
	}
	list, err := events(whole)
	if err != nil {
		return Errorf(Network, "the answer is no JSON")
	}
	var body bytes.Buffer
	for _, e := range list {
		if e.Name != "" {
			fmt.Fprintf(&body, "event: %s\n", e.Name)
		}
		data := bytes.ReplaceAll(e.Data, []byte("\n"), nil) // JSON has them only between tokens
		fmt.Fprintf(&body, "data: %s\n\n", bytes.ReplaceAll(data, []byte("\r"), nil))
	}
	r.Header.Set("Content-Type", "text/event-stream")
	r.Header.Del("Content-Length")
	r.ContentLength = int64(body.Len())
	r.Body = io.NopCloser(&body)
	return nil
}
