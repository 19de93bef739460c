package discord

import (
	"time"

	"github.com/bwmarrin/discordgo"

	"catalyst/internal/alert"
	"catalyst/internal/news"
	"catalyst/internal/store"
)

const (
	sweepEvery = time.Minute
	sweepBatch = 100
)

// sweep looks for alerts that have been pending for too long, at once and then every
// minute: what an operator took out of the pipeline, or a topic's limit, would stay so for
// ever. What is still in the pipeline is not given up.
func (s *Sink) sweep() {
	every := time.NewTicker(sweepEvery)
	defer every.Stop()
	for {
		s.sweepOnce()
		select {
		case <-every.C:
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *Sink) sweepOnce() {
	ledger, err := s.guard.Open()
	if err != nil {
		return // whoever has something to post will tell
	}
	pending, err := ledger.Pending(s.ctx, s.prefix(), time.Now().Add(-s.config.PendingLimit), sweepBatch)
	if err != nil {
		if s.ctx.Err() == nil {
			s.log.Warn("sweep_failed", "error", err)
		}
		return
	}
	if len(pending) == 0 {
		return
	}
	oldest, err := s.oldestUnderWay()
	if err != nil {
		if s.ctx.Err() == nil {
			s.log.Warn("sweep_failed", "error", err)
		}
		return
	}
	rooms := make(map[*room]bool)
	for _, e := range pending {
		if !s.guard.Held(e.Key) && s.hopeless(e, oldest) {
			rooms[s.expire(e)] = true
		}
	}
	for r := range rooms {
		r.edits.kick() // only now: the alerts of a message share an edit
	}
}

// oldestUnderWay returns when the oldest message was published that is still in the
// pipeline; the far future if there is none.
func (s *Sink) oldestUnderWay() (time.Time, error) {
	if s.oldest == nil {
		return forever, nil
	}
	oldest, err := s.oldest(s.ctx)
	if oldest.IsZero() {
		oldest = forever
	}
	return oldest, err
}

// hopeless reports whether the analysis of an alert will not be shown: its item is no
// more in the pipeline, or the message is soon too old to be edited. An item whose
// analysis is parked, or has a long queue before it, is in a topic that it came to about
// when it was posted; to a second one it may come later.
func (s *Sink) hopeless(e store.Effect, oldest time.Time) bool {
	age := read(e).age(e.ID)
	return time.Since(oldest) < age-s.config.PendingLimit/2 || age > s.config.EditLimit-s.config.EditLimit/10
}

// expire has a message say, in the room it returns, that its analysis did not come. Should
// it come after all, it is shown.
func (s *Sink) expire(e store.Effect) *room {
	rec := read(e)
	r := s.room(rec.Channel)
	if r.changes.has(e.Key, e.ID) {
		return r
	}
	c := &change{key: e.Key, id: e.ID, state: alert.StateTimeout, embed: expired(rec.Embed.embed())}
	if c.embed == nil {
		return r
	}
	c.ended = func(err error) {
		if err == nil {
			s.log.Info("alert_expired", "message", e.ID, "pending_limit", s.config.PendingLimit)
		}
	}
	r.changes.add(c)
	return r
}

// expired is an embed with its verdict replaced: nil if there is none.
func expired(shown *discordgo.MessageEmbed) *discordgo.MessageEmbed {
	if shown == nil {
		return nil
	}
	now := embed(alert.Timeout(&news.Item{}))
	e := *shown
	e.Color, e.Footer = now.Color, now.Footer
	e.Fields = nil
	verdict := now.Fields[len(now.Fields)-1]
	for _, f := range shown.Fields {
		if f.Name == verdict.Name {
			f = verdict
		}
		e.Fields = append(e.Fields, f)
	}
	return &e
}
