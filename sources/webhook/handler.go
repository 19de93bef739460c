package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"

	"catalyst/flows"
	"catalyst/internal/intake"
	"catalyst/internal/metrics"
	"catalyst/internal/news"
)

var requests = metrics.Counter("webhook_requests_total", "Requests to the webhook source, by the status of the answer.", "source", "code")

const (
	maxItems    = 1000 // of one request
	maxRequests = 32   // at the same time; each may hold max_size
)

type handler struct {
	*source
	publish flows.Publish
	token   [sha256.Size]byte
	room    chan struct{}
}

func newHandler(s *source, publish flows.Publish) *handler {
	return &handler{s, publish, sha256.Sum256([]byte(s.config.Token.Reveal())), make(chan struct{}, maxRequests)}
}

// A refusal is an answer other than 202.
type refusal struct {
	code   int
	reason string
}

func (r *refusal) Error() string { return r.reason }

func refuse(code int, format string, args ...any) error {
	return &refusal{code, fmt.Sprintf(format, args...)}
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ids, err := h.accept(w, r)
	code, answer := http.StatusAccepted, any(map[string][]string{"ids": ids})
	if err != nil {
		code = http.StatusInternalServerError
		var no *refusal
		if errors.As(err, &no) {
			code = no.code
		}
		answer = map[string]string{"error": err.Error()}
	}
	switch code {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	case http.StatusBadRequest:
		intake.Rejected.WithLabelValues(h.name).Inc()
	}
	requests.WithLabelValues(h.name, strconv.Itoa(code)).Inc()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(answer)
}

// accept publishes what r holds and returns the IDs of the messages.
func (h *handler) accept(w http.ResponseWriter, r *http.Request) ([]string, error) {
	if err := h.admit(r); err != nil {
		return nil, err
	}
	select {
	case h.room <- struct{}{}:
		defer func() { <-h.room }()
	default:
		return nil, refuse(http.StatusServiceUnavailable, "too many requests at the same time: send it again")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(h.config.MaxSize)))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, refuse(http.StatusRequestEntityTooLarge, "the body is longer than %v: send fewer items at once", h.config.MaxSize)
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "the body did not arrive: %v", err)
	}
	messages, err := h.messages(body)
	if err != nil {
		return nil, err
	}
	// Neither a caller who hangs up nor the end of the program takes back what was read.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), h.config.Timeout)
	defer cancel()
	if err := h.publish(ctx, messages...); err != nil {
		h.log.Warn("webhook_not_published", "items", len(messages), "error", err)
		return nil, refuse(http.StatusServiceUnavailable, "the items could not be stored: send them again")
	}
	intake.Items.WithLabelValues(h.name).Add(float64(len(messages)))
	ids := make([]string, len(messages))
	for i, m := range messages {
		ids[i] = m.ID
	}
	return ids, nil
}

// admit checks all but the body.
func (h *handler) admit(r *http.Request) error {
	switch {
	case r.URL.Path != h.config.Path:
		return refuse(http.StatusNotFound, "items are posted to %s", h.config.Path)
	case !h.trusts(r):
		return refuse(http.StatusUnauthorized, "the token is missing or wrong: send it as Authorization: Bearer or X-Token")
	case r.Method != http.MethodPost:
		return refuse(http.StatusMethodNotAllowed, "items are sent with POST")
	case !isJSON(r.Header.Get("Content-Type")):
		return refuse(http.StatusUnsupportedMediaType, "send Content-Type: application/json or application/x-ndjson")
	case r.Header.Get("Content-Encoding") != "" && r.Header.Get("Content-Encoding") != "identity":
		return refuse(http.StatusUnsupportedMediaType, "send the body without Content-Encoding")
	}
	return nil
}

// trusts reports whether the caller has the token. Where none is set only this
// machine can call, but so can any page in its browser: a page cannot send JSON
// without asking first, which is refused, unless its own name has been made to point
// here. Hence the look at the name that was called.
func (h *handler) trusts(r *http.Request) bool {
	if h.config.Token == "" {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		return loopback(host)
	}
	sent, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer {
		sent = r.Header.Get("X-Token")
	}
	sum := sha256.Sum256([]byte(sent)) // of one length, whatever was sent
	return subtle.ConstantTimeCompare(sum[:], h.token[:]) == 1
}

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch media {
	case "application/json", "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines":
		return true
	}
	return strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
}

// messages reads a body: one item, an array of them, or one after the other.
func (h *handler) messages(body []byte) ([]*flows.Message, error) {
	values, err := values(body)
	switch {
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "%v", err)
	case len(values) == 0:
		return nil, refuse(http.StatusBadRequest, "the body holds no item")
	case len(values) > maxItems:
		return nil, refuse(http.StatusBadRequest, "%d items in one request: send at most %d", len(values), maxItems)
	}
	messages := make([]*flows.Message, len(values))
	for i, v := range values {
		it, err := news.Decode(v)
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "item %d of %d: %v", i+1, len(values), err)
		}
		intake.Prepare(it, h.name)
		messages[i] = flows.NewMessage("", it)
	}
	return messages, nil
}

func values(body []byte) ([]json.RawMessage, error) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	var all []json.RawMessage
	if bytes.HasPrefix(body, []byte("[")) {
		if err := json.Unmarshal(body, &all); err != nil {
			return nil, fmt.Errorf("the body is no JSON array: %w", err)
		}
		return all, nil
	}
	for d := json.NewDecoder(bytes.NewReader(body)); ; {
		var v json.RawMessage
		err := d.Decode(&v)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("item %d: no JSON: %w", len(all)+1, err)
		}
		all = append(all, v)
	}
}
