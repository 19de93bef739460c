package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"catalyst/flows"
	"catalyst/internal/fetch"
	"catalyst/internal/news"
)

// A Document is what a source reads in one look.
type Document struct {
	// Items are those that say anything, oldest first.
	Items []*news.Item
	// Entries is how many the document had, whether or not they say anything.
	Entries int
	// Unchanged says that nothing has changed since the document that was kept.
	Unchanged bool
	// Wait is how long the server asks to be left alone; zero if it does not say.
	Wait time.Duration
	// Fault is why a part is missing; what is there is published all the same.
	Fault error
	// Keep is called when all items are durable, and not before; may be nil. The next
	// look need not bring them again.
	Keep func()
}

// A Pollable is a source that also looks when it is told to: so polls that were recorded
// are replayed. Of several tasks it has, the name given is that of [fetch.Poll]. What came of
// it is in a word, as [Polls] has them, and where that is a failure there is an error too.
// It is not called while Run is under way, and by one goroutine at a time.
type Pollable interface {
	PollFor(ctx context.Context, task string, publish flows.Publish) (result string, err error)
}

// A Poller looks for something new again and again, and publishes it. It is the whole of
// a source that polls: what differs is the look.
//
// An item is published once per process: keys are kept in memory, and count only when their
// items are durable. A look that fails is followed by growing pauses and one line in the log
// when the state changes.
type Poller struct {
	*Pulse
	name string
	pace Pace
	log  *slog.Logger
	look func(context.Context) (*Document, error)

	seen     Seen
	failures int
	state    string // what the log said last: ok, or the result of a failed poll
}

// NewPoller returns the poller of the source with this name.
func NewPoller(name string, pace Pace, pulse *Pulse, log *slog.Logger, look func(context.Context) (*Document, error)) *Poller {
	return &Poller{Pulse: pulse, name: name, pace: pace, log: log, look: look, state: "ok"}
}

// Run polls until ctx ends.
func (p *Poller) Run(ctx context.Context, publish flows.Publish) error {
	for {
		wait := p.Poll(ctx, publish)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// Look implements [flows.Looker].
func (p *Poller) Look(ctx context.Context) error {
	doc, err := p.read(ctx)
	if err != nil {
		p.Failed(err)
		return err
	}
	p.note(doc, len(doc.Items))
	return doc.Fault
}

const notPublished = "not_published"

// longest is the longest pause after failures, however many they are and whatever the
// server asks for.
const longest = time.Hour

// Poll looks once, publishes what is new and returns how long to wait before the next
// time.
func (p *Poller) Poll(ctx context.Context, publish flows.Publish) time.Duration {
	wait, _, _ := p.once(ctx, publish)
	return wait
}

// PollFor implements [Pollable].
func (p *Poller) PollFor(ctx context.Context, _ string, publish flows.Publish) (result string, err error) {
	_, result, err = p.once(ctx, publish)
	return result, err
}

// once is Poll, and says what came of it.
func (p *Poller) once(ctx context.Context, publish flows.Publish) (wait time.Duration, result string, err error) {
	asked, result, err := p.poll(fetch.Poll(ctx, ""), publish)
	if ctx.Err() != nil {
		return 0, result, err
	}
	Polls.WithLabelValues(p.name, result).Inc()
	p.turn(result, err)
	if err == nil {
		p.failures = 0
		return p.pace.Next(time.Now(), asked), result, nil
	}
	p.failures++
	if result != notPublished { // which is not the publisher's fault
		p.Failed(err)
	}
	return max(fetch.Backoff(p.failures, p.pace.Every, longest), min(asked, longest)), result, err
}

// turn logs a change of state, and nothing while it stays the same.
func (p *Poller) turn(result string, err error) {
	if err == nil {
		result = "ok"
	}
	switch {
	case result == p.state:
		return
	case err == nil:
		p.log.Info("feed_recovery")
	default:
		p.log.Warn("feed_outage", "reason", result, "error", err)
	}
	p.state = result
}

// poll returns how long the server asks to be left alone and what came of it, in a word.
func (p *Poller) poll(ctx context.Context, publish flows.Publish) (asked time.Duration, result string, err error) {
	doc, err := p.read(ctx)
	if err != nil {
		result, asked = resultOf(err)
		return asked, result, err
	}
	fresh := p.fresh(doc.Items)
	p.note(doc, len(fresh))
	if doc.Unchanged {
		return doc.Wait, "not_modified", nil
	}
	rest := max(0, len(fresh)-p.pace.MaxItems)
	if err := p.publish(ctx, publish, fresh[rest:]); err != nil {
		return doc.Wait, notPublished, err
	}
	if doc.Fault != nil {
		result, asked = resultOf(doc.Fault)
		return max(asked, doc.Wait), result, doc.Fault
	}
	if rest == 0 && doc.Keep != nil { // else the next look must bring them again
		doc.Keep()
	}
	p.seen.Rotate()
	return doc.Wait, "ok", nil
}

// read looks, and gives every item its key.
func (p *Poller) read(ctx context.Context) (*Document, error) {
	doc, err := p.look(ctx)
	if err != nil {
		return nil, err
	}
	if doc.Entries > 0 && len(doc.Items) == 0 {
		return nil, Malformed(fmt.Errorf("none of the %d entries has a title, a link or a text", doc.Entries))
	}
	for _, it := range doc.Items {
		Prepare(it, p.name)
	}
	Rejected.WithLabelValues(p.name).Add(float64(doc.Entries - len(doc.Items)))
	return doc, nil
}

func (p *Poller) note(doc *Document, fresh int) {
	if doc.Unchanged {
		p.Unchanged()
		return
	}
	p.Read(doc.Entries)
	p.newest(doc.Items, fresh)
}

// fresh returns the items that were not published yet, each key once.
func (p *Poller) fresh(items []*news.Item) []*news.Item {
	var fresh []*news.Item
	met := make(map[string]bool, len(items))
	for _, it := range items {
		if it.Key == "" || met[it.Key] {
			continue
		}
		met[it.Key] = true
		if !p.seen.Has(it.Key) {
			fresh = append(fresh, it)
		}
	}
	return fresh
}

// publish hands items over a hundred at a time, and remembers those that are durable.
func (p *Poller) publish(ctx context.Context, publish flows.Publish, items []*news.Item) error {
	for len(items) > 0 {
		n := min(len(items), 100)
		messages := make([]*flows.Message, n)
		for i, it := range items[:n] {
			messages[i] = flows.NewMessage("", it)
		}
		if err := publish(ctx, messages...); err != nil {
			return fmt.Errorf("publish %d items: %w", n, err)
		}
		for _, it := range items[:n] {
			p.seen.Add(it.Key)
		}
		Items.WithLabelValues(p.name).Add(float64(n))
		items = items[n:]
	}
	return nil
}

// Malformed marks err as the fault of an answer that is not what it should be.
func Malformed(err error) error { return malformed{err} }

type malformed struct{ error }

func (e malformed) Unwrap() error { return e.error }

// resultOf returns what a failed look is in a word, and how long the server asks to be
// left alone.
func resultOf(err error) (result string, asked time.Duration) {
	var status *fetch.StatusError
	var broken malformed
	switch {
	case errors.As(err, &status) && status.Busy():
		return "busy", status.Wait
	case errors.As(err, &status):
		return "refused", status.Wait
	case errors.As(err, &broken):
		return "malformed", 0
	case errors.Is(err, fetch.ErrTooLarge):
		return "too_large", 0
	}
	return "network", 0
}
