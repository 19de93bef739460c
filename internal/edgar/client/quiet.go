package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"regexp"
	"time"

	"catalyst/internal/fetch"
	"catalyst/internal/store"
)

// rest is how long EDGAR is left alone after it refused. It counts its ten minutes
// from the last request, so asking sooner would make them longer.
const rest = 10 * time.Minute

// Why EDGAR refuses.
const (
	traffic    = "too many requests came from this address" // from this program or from another
	undeclared = "it does not accept the contact"
)

// A RefusedError says that EDGAR refuses requests, so that none may be made.
type RefusedError struct {
	Why   string
	Until time.Time // when it may be asked again; zero in a replay, which asks nobody
}

func (e *RefusedError) Error() string {
	text := "EDGAR refuses requests: " + e.Why
	if !e.Until.IsZero() {
		text += "; it is asked again at " + e.Until.UTC().Format("15:04:05 UTC")
	}
	if e.Why == undeclared {
		text += "; set contact to a name and an e-mail address that exist, as in \"Example Ltd news@example.com\""
	}
	return text
}

// Wait is how long it is until EDGAR may be asked again.
func (e *RefusedError) Wait() time.Duration { return max(0, time.Until(e.Until)) }

// quiet is a refusal, as it is noted.
type quiet struct {
	Why   string    `json:"why"`
	Until time.Time `json:"until"`
}

// webPage begins what is meant for people. EDGAR's refusals are web pages, and neither its
// feeds nor its submissions are, where a company may be called whatever it likes.
var webPage = regexp.MustCompile(`(?i)^<(?:!doctype\s+html|html)\b`)

// headline matches what the pages of EDGAR's refusals are called. It is looked for in
// title and heading only: a document may say such a thing in its text.
var headline = regexp.MustCompile(`(?is)<(?:title|h1)\b[^>]*>[^<]*?(?:(exceeded the SEC.{1,8}s traffic limit|request rate threshold exceeded)|undeclared automated tool)`)

// refusal says why EDGAR refused, if it did, and how long it asks to be left alone. It
// sends its page with any status.
func refusal(answer *fetch.Response, err error) (why string, asked time.Duration) {
	var status *fetch.StatusError
	page := []byte(nil)
	switch {
	case errors.As(err, &status):
		page, asked = status.Page, status.Wait
	case err == nil:
		page, asked = answer.Body, answer.Wait
	}
	page = bytes.TrimLeft(page[:min(len(page), 16<<10)], "\xef\xbb\xbf \t\r\n")
	if webPage.Match(page) {
		if m := headline.FindSubmatch(page); m != nil {
			if len(m[1]) > 0 {
				return traffic, max(rest, asked)
			}
			return undeclared, max(rest, asked)
		}
	}
	if status != nil && status.Code == http.StatusTooManyRequests {
		if asked > 0 {
			return traffic, asked
		}
		return traffic, rest
	}
	return "", 0
}

const quietNote = "edgar:quiet"

// refused notes that EDGAR refused, for all processes, and returns the error to say so.
// A few seconds more keep them from coming back all at once.
func (l *Limits) refused(ctx context.Context, why string, asked time.Duration) error {
	requests.WithLabelValues("refused").Inc()
	if fetch.Answered(ctx) { // it refused another, at another time
		return &RefusedError{Why: why}
	}
	asked = min(asked, time.Hour)
	q := quiet{Why: why, Until: time.Now().Add(asked + rand.N(asked/20+1)).UTC()}
	l.mu.Lock()
	if q.Until.After(l.quiet.Until) {
		l.quiet, l.unnoted = q, true
	}
	l.mu.Unlock()
	quietly.WithLabelValues().Set(float64(q.Until.Unix()))
	l.tell(context.WithoutCancel(ctx)) // it may end because the program does, and the next one must know
	return &RefusedError{q.Why, q.Until}
}

// tell notes the latest refusal for the other processes. Where that fails, this
// process keeps quiet, and tells them later.
func (l *Limits) tell(ctx context.Context) {
	l.mu.Lock()
	q, unnoted := l.quiet, l.unnoted
	l.mu.Unlock()
	if !unnoted {
		return
	}
	notes, err := l.notes()
	if err != nil {
		return
	}
	value, err := json.Marshal(q)
	if err != nil {
		return
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if notes.Note(limited, quietNote, value, time.Until(q.Until)+time.Minute) != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.quiet == q {
		l.unnoted = false
	}
}

// resting returns the refusal that this process knows of and that still holds.
func (l *Limits) resting(ctx context.Context) error {
	l.mu.Lock()
	q := l.quiet
	l.mu.Unlock()
	if !time.Now().Before(q.Until) {
		return nil
	}
	l.tell(ctx)
	return &RefusedError{q.Why, q.Until}
}

// heed looks up what other processes, or this one before a restart, noted.
func (l *Limits) heed(ctx context.Context) error {
	notes, err := l.notes()
	if err != nil {
		return &StoreError{err}
	}
	value, err := readNote(ctx, notes, quietNote)
	if err != nil {
		return err
	}
	var q quiet
	if len(value) == 0 || json.Unmarshal(value, &q) != nil || !time.Now().Before(q.Until) {
		quietly.WithLabelValues().Set(0)
		return nil
	}
	// Nobody notes more than an hour; a clock that is wrong must not silence us for good.
	q.Until = earlier(q.Until, time.Now().Add(2*time.Hour))
	l.mu.Lock()
	if q.Until.After(l.quiet.Until) {
		l.quiet, l.unnoted = q, false
	}
	l.mu.Unlock()
	quietly.WithLabelValues().Set(float64(q.Until.Unix()))
	return &RefusedError{q.Why, q.Until}
}

func readNote(ctx context.Context, notes store.Notes, name string) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	values, err := notes.Notes(limited, []string{name})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, &StoreError{err}
	}
	return values[0], nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
