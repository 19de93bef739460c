// Package terminal shows alerts as text, each state of each once: what the
// console sink does, and what the discord sink does without a token.
package terminal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/mattn/go-isatty"

	"catalyst/flows"
	"catalyst/internal/alert"
	"catalyst/internal/news"
	"catalyst/internal/once"
	"catalyst/internal/store"
)

// A Sink prints the cards of items. It writes, then records in the ledger, so a
// crash between the two prints a card again: at least once, where everything
// else is once.
type Sink struct {
	guard *once.Guard
	out   io.Writer
	color bool

	mu sync.Mutex // held while writing: lines of two cards never mix
}

var (
	_ flows.Sink      = (*Sink)(nil)
	_ flows.Announcer = (*Sink)(nil)
	_ flows.Reporter  = (*Sink)(nil)
	_ flows.Starter   = (*Sink)(nil)
)

// New returns a sink that writes to out and keeps to what guard knows.
func New(guard *once.Guard, out io.Writer, color bool) *Sink {
	return &Sink{guard: guard, out: out, color: color}
}

// Color reports whether out is a terminal whose user has not set NO_COLOR.
func Color(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" &&
		(isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()))
}

// Start opens the ledger.
func (s *Sink) Start(context.Context) error {
	_, err := s.guard.Open()
	return err
}

// Announce prints what is known before the analysis, of items not yet shown.
func (s *Sink) Announce(ctx context.Context, batch []*flows.Message) error {
	return s.show(ctx, batch, alert.Pending)
}

// Deliver prints items with their verdict, unless they were shown just so.
func (s *Sink) Deliver(ctx context.Context, batch []*flows.Message) error {
	return s.show(ctx, batch, alert.Complete)
}

// Report prints that an item which was shown waits or has failed.
func (s *Sink) Report(ctx context.Context, m *flows.Message, o flows.Outcome) error {
	jobs, err := s.guard.Begin(ctx, []*flows.Message{m})
	if err != nil {
		return err
	}
	defer s.guard.End(jobs...)
	if jobs[0].Effect.ID == "" {
		return nil
	}
	return s.print(ctx, jobs, func(item *news.Item) alert.Card { return alert.Report(item, o, time.Now()) })
}

func (s *Sink) show(ctx context.Context, batch []*flows.Message, render func(*news.Item) alert.Card) error {
	jobs, err := s.guard.Begin(ctx, batch)
	if err != nil {
		return err
	}
	defer s.guard.End(jobs...)
	return s.print(ctx, jobs, render)
}

func (s *Sink) print(ctx context.Context, jobs []*once.Job, render func(*news.Item) alert.Card) error {
	var text bytes.Buffer
	var effects []store.Effect
	for _, job := range jobs {
		card := render(job.Item)
		content, err := json.Marshal(card)
		if err != nil {
			return flows.Permanent(fmt.Errorf("render alert: %w", err))
		}
		mark := alert.Mark(card.State, content)
		if job.Effect.State == mark || !card.State.Replaces(alert.Marked(job.Effect.State)) {
			continue
		}
		text.Write(alert.Text(card, s.color))
		effects = append(effects, store.Effect{Key: job.Key, ID: "shown", State: mark})
	}
	if len(effects) == 0 {
		return nil
	}
	if err := s.write(text.Bytes()); err != nil {
		return flows.Unavailable("console", fmt.Errorf("print alert: %w", err), 0)
	}
	return s.guard.Record(ctx, effects...)
}

func (s *Sink) write(text []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.out.Write(text)
	return err
}
