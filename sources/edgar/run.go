package edgar

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"catalyst/flows"
	"catalyst/internal/edgar/client"
	"catalyst/internal/fetch"
	"catalyst/internal/intake"
	"catalyst/internal/news"
)

// Run reads until ctx ends. Feed, watch list and past days are read beside one another:
// none waits for the outage of another. Only the first look is the feed's, which says
// more of a filing than the others.
func (s *source) Run(ctx context.Context, publish flows.Publish) error {
	wait := s.poll(ctx, s.tasks[0], publish)
	var tasks sync.WaitGroup
	tasks.Go(func() { s.keep(ctx, s.tasks[0], publish, wait) })
	for _, t := range s.tasks[1:] {
		tasks.Go(func() { s.keep(ctx, t, publish, 0) })
	}
	tasks.Wait()
	return nil
}

// allTasks are the feed, and then the others.
func (s *source) allTasks() []*task {
	all := []*task{
		{what: "feed", pace: s.config.Pace, look: s.look},
		{what: "past days", pace: intake.Pace{Every: 15 * time.Minute}, look: s.fill},
	}
	if len(s.config.Watch) > 0 {
		all = append(all, &task{what: "watch", pace: intake.Pace{Every: s.config.WatchEvery}, look: s.watch})
	}
	return all
}

// PollFor implements [intake.Pollable].
func (s *source) PollFor(ctx context.Context, what string, publish flows.Publish) (result string, err error) {
	for _, t := range s.tasks {
		if t.what == what {
			_, result, err = s.once(ctx, t, publish)
			return result, err
		}
	}
	return "off", fmt.Errorf("nothing is looked for by way of %q", what)
}

// A task is one way of looking for filings. Its look returns how long EDGAR asks to be left
// alone, and errUnchanged if all that was asked for is as it was.
type task struct {
	what string
	pace intake.Pace
	look func(context.Context, flows.Publish) (asked time.Duration, err error)

	failures int
	state    string // what the log said last: empty for all is well, or the result of a failed look
}

var errUnchanged = errors.New("nothing has changed")

// longest is the longest pause after failures, but for a refusal.
const longest = time.Hour

// keep polls again and again, for the first time after wait.
func (s *source) keep(ctx context.Context, t *task, publish flows.Publish, wait time.Duration) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = s.poll(ctx, t, publish)
	}
}

// poll looks once and returns how long to wait before the next time.
func (s *source) poll(ctx context.Context, t *task, publish flows.Publish) time.Duration {
	wait, _, _ := s.once(ctx, t, publish)
	return wait
}

// once is poll, and says what came of it.
func (s *source) once(ctx context.Context, t *task, publish flows.Publish) (wait time.Duration, result string, err error) {
	fresh, err := t.look(fetch.Poll(ctx, t.what), publish)
	result, asked := resultOf(err)
	if ctx.Err() != nil {
		return 0, result, err
	}
	intake.Polls.WithLabelValues(s.name, result).Inc()
	if err != nil && !errors.Is(err, errUnchanged) {
		t.failures++
		if result != "not_published" { // which is not EDGAR's fault
			s.Failed(err)
		}
		s.turn(t, result, err)
		return max(fetch.Backoff(t.failures, t.pace.Every, longest), asked), result, err
	}
	t.failures = 0
	s.turn(t, "", nil)
	return t.pace.Next(time.Now(), fresh), result, nil
}

// turn logs a change of state, and nothing while it stays the same.
func (s *source) turn(t *task, state string, err error) {
	switch {
	case state == t.state:
		return
	case err == nil:
		s.log.Info("feed_recovery", "what", t.what)
	default:
		s.log.Warn("feed_outage", "what", t.what, "reason", state, "error", err)
	}
	t.state = state
}

// A publishError is a failure of what comes behind the source.
type publishError struct{ error }

func (e publishError) Unwrap() error { return e.error }

// resultOf returns what came of a look, in a word, and how long EDGAR asks to be
// left alone.
func resultOf(err error) (result string, asked time.Duration) {
	var (
		refused *client.RefusedError
		uncount *client.StoreError
		status  *fetch.StatusError
		failed  publishError
		broken  cutError
	)
	switch {
	case err == nil:
		return "ok", 0
	case errors.Is(err, errUnchanged):
		return "not_modified", 0
	case errors.As(err, &refused):
		return "refused", refused.Wait()
	case errors.As(err, &failed):
		return "not_published", 0
	case errors.As(err, &uncount):
		return "store", 0
	case errors.As(err, &status) && status.Busy():
		return "busy", min(status.Wait, longest)
	case errors.As(err, &status):
		return "refused", min(status.Wait, longest)
	case errors.As(err, &broken):
		return "cut", 0
	case errors.Is(err, errNoFeed), errors.Is(err, errNoIndex), errors.Is(err, errNoCompany):
		return "malformed", 0
	}
	return "network", 0
}

// publish hands items over that were not published yet, the oldest first, and remembers
// those that are durable. Of more than most it takes the newest and returns how many are left.
func (s *source) publish(ctx context.Context, to flows.Publish, items []*news.Item, most int) (left int, err error) {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	defer s.seen.Rotate()
	fresh := s.fresh(items)
	left = max(0, len(fresh)-most)
	for some := range slices.Chunk(fresh[left:], 100) {
		messages := make([]*flows.Message, len(some))
		for i, it := range some {
			messages[i] = flows.NewMessage("", it)
		}
		if err := to(ctx, messages...); err != nil {
			return left, publishError{fmt.Errorf("publish %d filings: %w", len(messages), err)}
		}
		for _, it := range some {
			s.seen.Add(it.Key)
		}
		intake.Items.WithLabelValues(s.name).Add(float64(len(some)))
	}
	return left, nil
}

// fresh returns those of items, in the order of the feed, that were not published yet: with
// their keys, the oldest first.
func (s *source) fresh(items []*news.Item) (fresh []*news.Item) {
	for _, it := range slices.Backward(items) {
		it.Source = s.name
		it.Key = news.KeyOf(it)
		if !s.seen.Has(it.Key) {
			fresh = append(fresh, it)
		}
	}
	intake.OldestFirst(fresh)
	return fresh
}

// patience is how long the store is waited for.
const patience = 5 * time.Second

// recall returns the time noted under a name, which may have been by a process before;
// zero if there is none.
func (s *source) recall(ctx context.Context, name string) (time.Time, error) {
	notes, err := s.notes()
	if err != nil {
		return time.Time{}, &client.StoreError{Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	values, err := notes.Notes(ctx, []string{s.note(name)})
	if err != nil {
		return time.Time{}, &client.StoreError{Err: err}
	}
	at, err := time.Parse(time.RFC3339, string(values[0]))
	if err != nil {
		return time.Time{}, nil // never noted, or by something else
	}
	return at, nil
}

// remember notes a time; zero forgets it. A year is longer than anybody stops for.
func (s *source) remember(ctx context.Context, name string, at time.Time) error {
	notes, err := s.notes()
	if err != nil {
		return &client.StoreError{Err: err}
	}
	var value []byte
	if !at.IsZero() {
		value = []byte(at.UTC().Format(time.RFC3339))
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := notes.Note(ctx, s.note(name), value, 366*24*time.Hour); err != nil {
		return &client.StoreError{Err: err}
	}
	return nil
}

func (s *source) note(name string) string { return "edgar:" + s.name + ":" + name }
