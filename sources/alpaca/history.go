package alpaca

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"catalyst/flows"
	"catalyst/internal/fetch"
	"catalyst/internal/intake"
)

const (
	perPage = 50
	// overlap is how much later than others an article may come that was changed before.
	overlap   = 2 * time.Minute
	noteEvery = 10 * time.Second
	patience  = 5 * time.Second // how long the store is waited for
)

// begin notes that the stream is open: what came since it was last is missing.
func (s *source) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gap.IsZero() {
		s.gap = s.newest
	}
	if s.newest.IsZero() { // the first start: nothing is missing before
		s.newest = time.Now().UTC()
	}
}

// catchUp asks the history for what is missing until it has it.
func (s *source) catchUp(ctx context.Context, publish flows.Publish) error {
	s.mu.Lock()
	since := s.gap
	s.mu.Unlock()
	if since.IsZero() {
		return nil
	}
	since = since.Add(-overlap)
	if first := time.Now().Add(-s.config.CatchUp); since.Before(first) {
		since = first
	}
	for failures := 1; ; failures++ {
		err := s.missed(ctx, publish, since)
		if err == nil {
			s.mu.Lock()
			s.gap = time.Time{}
			s.mu.Unlock()
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if failures == 1 {
			s.log.Warn("catch_up_waits", "since", since, "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(fetch.Backoff(failures, s.pause, longest)):
		}
	}
}

// missed publishes what was changed since a time, the newest page first.
func (s *source) missed(ctx context.Context, publish flows.Publish, since time.Time) error {
	token := ""
	for n := 0; n < s.config.MaxItems; n += perPage {
		page, err := s.page(ctx, since, min(perPage, s.config.MaxItems-n), token)
		if err != nil {
			return err
		}
		slices.Reverse(page.News) // within a page the oldest first
		if err := s.take(ctx, publish, page.News); err != nil {
			return err
		}
		s.reached(page.News)
		if token = page.Next; token == "" {
			return nil
		}
	}
	s.log.Warn("catch_up_ends", "items", s.config.MaxItems, "since", since, "effect", "what is older was not asked for: see max_items")
	return nil
}

// A page is one of the history's.
type page struct {
	News []article `json:"news"`
	Next string    `json:"next_page_token"`
}

// page asks for articles changed since a time, the newest first.
func (s *source) page(ctx context.Context, since time.Time, limit int, token string) (*page, error) {
	asked := url.Values{"limit": {strconv.Itoa(limit)}, "sort": {"desc"}, "include_content": {"true"}}
	if !since.IsZero() {
		asked.Set("start", since.UTC().Format(time.RFC3339))
	}
	if !slices.Contains(s.config.Symbols, "*") {
		asked.Set("symbols", strings.Join(s.config.Symbols, ","))
	}
	if token != "" {
		asked.Set("page_token", token)
	}
	response, err := s.client.Get(ctx, strings.TrimSuffix(s.config.BaseURL, "/")+"/v1beta1/news?"+asked.Encode(), fetch.Validators{})
	if err != nil {
		return nil, intake.Refused(err, "check ALPACA_KEY and ALPACA_SECRET", func(page []byte) string {
			var a struct {
				Message string `json:"message"`
			}
			_ = json.Unmarshal(page, &a) // else it says nothing
			return a.Message
		})
	}
	var p page
	return &p, intake.Decode(response, &p)
}

// Look implements [flows.Looker]: it asks the history, which needs the same key, so that
// a pipeline that runs keeps its connection.
func (s *source) Look(ctx context.Context) error {
	p, err := s.page(ctx, time.Time{}, perPage, "")
	if err != nil {
		s.Failed(err)
		return err
	}
	s.Read(len(p.News))
	for _, a := range p.News {
		_, updated := a.times()
		s.Dated(updated)
	}
	return nil
}

func (s *source) noteName() string { return "alpaca:" + s.name + ":position" }

// recall reads how far the process before has come. Without it what was missed since
// is not asked for.
func (s *source) recall(ctx context.Context) {
	var values [][]byte
	notes, err := s.notes()
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		values, err = notes.Notes(ctx, []string{s.noteName()})
	}
	if err != nil {
		s.log.Warn("position_unknown", "error", err, "effect", "what was missed before the start is not asked for")
		return
	}
	if at, err := time.Parse(time.RFC3339, string(values[0])); err == nil {
		s.newest = at
	}
}

// note keeps how far the source has come, unless that was done less than every ago.
func (s *source) note(ctx context.Context, every time.Duration) {
	s.mu.Lock()
	at := s.newest
	if !s.gap.IsZero() {
		at = s.gap
	}
	due := !at.IsZero() && time.Since(s.noted) >= every
	if due {
		s.noted = time.Now()
	}
	s.mu.Unlock()
	if !due {
		return
	}
	notes, err := s.notes()
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		err = notes.Note(ctx, s.noteName(), []byte(at.UTC().Format(time.RFC3339)), 366*24*time.Hour)
	}
	if err != nil {
		s.log.Debug("position_not_noted", "error", err) // the next one will do
	}
}

var _ interface {
	flows.Source
	flows.Witness
	flows.Looker
} = (*source)(nil)
