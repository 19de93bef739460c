package discord

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"
	"golang.org/x/sync/errgroup"

	"catalyst/flows"
	"catalyst/internal/alert"
	"catalyst/internal/news"
	"catalyst/internal/once"
	"catalyst/internal/store"
)

// atOnce is how many requests one batch has under way at most.
const atOnce = 32

// Sink posts alerts to a channel and edits them.
type Sink struct {
	client  *client
	channel string
	guard   *once.Guard
	log     *slog.Logger
	close   func()

	checkMu   sync.Mutex
	checkedAt time.Time
	checked   error
}

var (
	_ flows.Sink      = (*Sink)(nil)
	_ flows.Announcer = (*Sink)(nil)
	_ flows.Reporter  = (*Sink)(nil)
	_ flows.Starter   = (*Sink)(nil)
	_ flows.Checker   = (*Sink)(nil)
	_ flows.Closer    = (*Sink)(nil)
)

func newSink(b *flows.Build, c Config, ledger func() (store.Ledger, error), limits *limits, transport http.RoundTripper) (*Sink, error) {
	client, err := newClient(c, limits, transport, b.Logger)
	if err != nil {
		return nil, err
	}
	return &Sink{
		client:  client,
		channel: c.Channel,
		guard: &once.Guard{
			Ledger: ledger,
			Key:    func(m *flows.Message) string { return "discord/" + c.Channel + "/" + once.ItemKey(m) },
			Keep:   c.Keep,
		},
		log:   b.Logger,
		close: client.session.Client.CloseIdleConnections,
	}, nil
}

// Start opens the ledger. It does not talk to Discord: an outage of Discord is
// no reason not to start.
func (s *Sink) Start(context.Context) error {
	_, err := s.guard.Open()
	return err
}

// Close closes idle connections.
func (s *Sink) Close() error {
	s.close()
	return nil
}

// Announce posts items that have no message yet, as pending.
func (s *Sink) Announce(ctx context.Context, batch []*flows.Message) error {
	return s.each(ctx, batch, alert.Pending, func(ctx context.Context, t *task) error {
		if t.Effect.ID != "" {
			return nil
		}
		_, err := s.create(ctx, t)
		return err
	})
}

// Deliver shows items with their verdict: in the message they have, or in a new
// one.
func (s *Sink) Deliver(ctx context.Context, batch []*flows.Message) error {
	return s.each(ctx, batch, alert.Complete, func(ctx context.Context, t *task) error {
		if t.Effect.ID == "" {
			if shown, err := s.create(ctx, t); shown || err != nil {
				return err
			}
		}
		return s.edit(ctx, t)
	})
}

// Report says in an item's message that its analysis waits or has failed. An
// item without a message gets none for that.
func (s *Sink) Report(ctx context.Context, m *flows.Message, o flows.Outcome) error {
	if down, ok := flows.AsUnavailable(o.Err); ok && down.Dependency == "discord" {
		return nil // nobody would see it
	}
	ctx, cancel := context.WithTimeout(ctx, s.client.timeout)
	defer cancel()
	job, err := s.guard.Begin(ctx, []*flows.Message{m})
	if err != nil {
		return err
	}
	defer s.guard.End(job...)
	if job[0].Effect.ID == "" {
		return nil
	}
	t, err := newTask(job[0], alert.Report(m.Item, o))
	if err != nil {
		return err
	}
	return s.edit(ctx, t)
}

// A task is one alert to show.
type task struct {
	*once.Job
	state alert.State
	embed *discordgo.MessageEmbed
	mark  string
}

func newTask(job *once.Job, card alert.Card) (*task, error) {
	e := embed(card)
	m, err := mark(card.State, e)
	return &task{job, card.State, e, m}, err
}

// each runs show for every item of batch, new messages first: alerts do not
// wait for edits. Items that fail are settled one by one.
func (s *Sink) each(ctx context.Context, batch []*flows.Message, render func(*news.Item) alert.Card, show func(context.Context, *task) error) error {
	jobs, err := s.guard.Begin(ctx, batch)
	if err != nil {
		return err
	}
	defer s.guard.End(jobs...)
	slices.SortStableFunc(jobs, func(a, b *once.Job) int {
		return min(len(a.Effect.ID), 1) - min(len(b.Effect.ID), 1)
	})
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, job := range jobs {
		t, err := newTask(job, render(job.Item))
		if err != nil {
			job.Fail(flows.Permanent(err))
			continue
		}
		group.Go(func() error {
			defer s.guard.End(job)
			if err := safely(ctx, t, show); err != nil {
				job.Fail(err)
			}
			return nil
		})
	}
	return group.Wait()
}

// safely makes an error of a panic: the engine's own net does not reach here.
func safely(ctx context.Context, t *task, show func(context.Context, *task) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("show alert: panic: %v", p)
		}
	}()
	return show(ctx, t)
}

// create posts the task's message and records it. shown is false if the message
// had been posted before, unknown to the ledger, and says something else: its
// state is then unknown, and the next edit will be made.
func (s *Sink) create(ctx context.Context, t *task) (shown bool, err error) {
	id, shown, err := s.client.create(ctx, nonce(t.Key), t.embed)
	if err != nil {
		return false, err
	}
	t.Effect.ID, t.Effect.State = id, ""
	if shown {
		t.Effect.State = t.mark
	}
	posted.WithLabelValues().Inc()
	s.log.Debug("alert_posted", "id", t.Messages[0].ID, "message", id, "state", t.state)
	return shown, s.guard.Record(ctx, t.Effect)
}

// edit brings the message that the ledger names to what the task shows, unless
// it shows it or something that must stay.
func (s *Sink) edit(ctx context.Context, t *task) error {
	shown := alert.Marked(t.Effect.State)
	if t.Effect.State == t.mark || shown == stateGone || !t.state.Replaces(shown) {
		return nil
	}
	gone, err := s.client.edit(ctx, t.Effect.ID, t.embed)
	if err != nil {
		return err
	}
	t.Effect.State = t.mark
	event := "alert_edited"
	if gone {
		// Somebody deleted it: that is an answer, and no reason to post again.
		t.Effect.State = string(stateGone) + ":"
		event = "alert_gone"
	} else {
		edited.WithLabelValues().Inc()
	}
	s.log.Debug(event, "id", t.Messages[0].ID, "message", t.Effect.ID, "state", t.state)
	return s.guard.Record(ctx, t.Effect)
}

// stateGone marks a message that can no longer be edited.
const stateGone alert.State = "gone"

// nonce names the create of an effect to Discord, which takes 25 characters.
func nonce(key string) string {
	sum := sha256.Sum256([]byte(key))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:15]))
}

const checkEvery = 30 * time.Second

// Check asks Discord for the channel, at most once in half a minute.
func (s *Sink) Check(ctx context.Context) error {
	s.checkMu.Lock()
	defer s.checkMu.Unlock()
	if s.checkedAt.IsZero() || time.Since(s.checkedAt) > checkEvery {
		s.checked = s.client.check(ctx)
		s.checkedAt = time.Now()
	}
	return s.checked
}
