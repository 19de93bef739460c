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
// minute: what a crash or an operator took out of the pipeline would stay so for ever.
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
	for _, e := range pending {
		if !s.guard.Held(e.Key) {
			s.expire(e)
		}
	}
}

// expire says in a message that its analysis did not come. Should it come after all, it
// is shown.
func (s *Sink) expire(e store.Effect) {
	rec := read(e)
	r := s.room(rec.Channel)
	if r.changes.has(e.Key, e.ID) {
		return
	}
	c := &change{key: e.Key, id: e.ID, state: alert.StateTimeout, embed: expired(rec.Embed)}
	if c.embed == nil {
		return
	}
	c.ended = func(err error) {
		if err == nil {
			s.log.Info("alert_expired", "message", e.ID, "pending_limit", s.config.PendingLimit)
		}
	}
	r.changes.add(c)
	r.edits.kick()
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
