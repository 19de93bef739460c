// Package operator tells the person who runs the pipeline what only a person can
// mend: a key that was revoked, an account without credit, a model without a price.
// Each cause is told once, until it is gone.
package operator

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"catalyst/internal/metrics"
	"catalyst/internal/store"
)

var pages = metrics.Counter("operator_pages_total", "What the operator was told to mend.")

// An Operator remembers what was told, over restarts and in all processes that share
// their notes. Its methods wait for nothing and may be called concurrently.
type Operator struct {
	open   func() (store.Notes, error)
	log    *slog.Logger
	mu     sync.Mutex
	known  map[string]bool // causes that were told, or are about to be
	closed bool
	work   chan func()
	ended  chan struct{}
}

// New returns an operator whose notes are opened when there is something to tell.
func New(open func() (store.Notes, error), log *slog.Logger) *Operator {
	o := &Operator{open: open, log: log, known: map[string]bool{}, work: make(chan func(), 1000), ended: make(chan struct{})}
	go func() {
		defer close(o.ended)
		for do := range o.work {
			do()
		}
	}()
	return o
}

// remembered is how long a cause that never clears counts as told.
const remembered = 30 * 24 * time.Hour

const noteTime = 5 * time.Second

// Page tells text, unless cause was told and has not been cleared since. cause is a
// path: "llm/gemini/gemini-3.1-flash-lite".
func (o *Operator) Page(cause, text string) {
	if !o.mark(cause, true) {
		return
	}
	o.do(func() {
		notes, err := o.open()
		ctx, cancel := context.WithTimeout(context.Background(), noteTime)
		defer cancel()
		if err == nil {
			var told [][]byte
			if told, err = notes.Notes(ctx, []string{note(cause)}); err == nil && told[0] != nil {
				return // by an earlier process, or another one
			}
		}
		if err == nil {
			err = notes.Note(ctx, note(cause), []byte(text), remembered)
		}
		pages.WithLabelValues().Inc()
		o.log.Error("operator_page", "cause", cause, "text", text)
		if err != nil {
			o.log.Warn("what was told is not remembered over a restart", "cause", cause, "error", err)
		}
	})
}

// Clear says that cause is gone; the next time it is news again.
func (o *Operator) Clear(cause string) {
	was := o.mark(cause, false)
	o.do(func() {
		notes, err := o.open()
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), noteTime)
		defer cancel()
		told, err := notes.Notes(ctx, []string{note(cause)})
		if err == nil && (told[0] != nil || was) {
			o.log.Info("operator_clear", "cause", cause)
			err = notes.Note(ctx, note(cause), nil, 0)
		}
		if err != nil {
			o.log.Warn("that a cause is gone is not remembered", "cause", cause, "error", err)
		}
	})
}

// mark sets whether cause is known and reports whether that is new.
func (o *Operator) mark(cause string, known bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known[cause] == known {
		return false
	}
	o.known[cause] = known
	return true
}

func note(cause string) string { return "operator/" + cause }

// do hands work over; if there is too much of it, it is dropped with a warning.
func (o *Operator) do(work func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	select {
	case o.work <- work:
	default:
		o.log.Warn("too much to tell the operator at once")
	}
}

// Close tells what is still to be told; after that nothing is. A second call does
// nothing.
func (o *Operator) Close() error {
	o.mu.Lock()
	if !o.closed {
		o.closed = true
		close(o.work)
	}
	o.mu.Unlock()
	<-o.ended
	return nil
}
