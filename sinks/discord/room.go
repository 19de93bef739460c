package discord

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"catalyst/flows"
)

const (
	tries        = 3                // of a request that meets trouble, before it counts as an outage
	patience     = 30 * time.Second // a longer rate limit is an outage
	operatorWait = 5 * time.Minute  // before looking whether somebody has acted
)

// A room is a place with what waits to be posted and edited there.
type room struct {
	sink *Sink
	place
	creates, edits *lane
	posts          outbox
	changes        desk
	late           summary
}

func newRoom(s *Sink, p place) *room {
	r := &room{sink: s, place: p}
	r.posts = outbox{room: r, newest: s.config.Backlog == newest, flying: make(map[string]*post)}
	r.changes = desk{room: r, open: make(map[string]*sheet), busy: make(map[string]bool)}
	r.late = summary{room: r}
	// Webhooks have limits of their own, which Discord tells as well.
	r.creates = newLane(s.ctx, s.bot, routeCreate, p, s.config.Creates, s.config.Window, &r.posts)
	r.edits = newLane(s.ctx, s.bot, routeEdit, p, s.config.Edits, s.config.Window, &r.changes)
	return r
}

// An attempt is a request that was made, and what is to become of it.
type attempt struct {
	*reply
	err   error // it is over, with this error
	retry bool  // when the lane allows
}

// try sends a request with a permit and learns from the answer. It is the n-th try. An
// attempt with neither err nor retry was accepted, or is to be given up.
func (r *room) try(l *lane, p permit, n int, method, url string, body any) attempt {
	route := routeCreate
	if l.edits {
		route = routeEdit
	}
	ctx := r.sink.ctx
	a := attempt{reply: r.sink.client.send(ctx, route, method, url, body)}
	r.sink.bot.learn(l, p, a.reply)
	next := a.decide()
	if next == accept {
		r.sink.health.good(r.name)
		return a
	}
	problem := a.problem(route+" message", r.sink.client.secrets)
	switch next {
	case giveUp:
		r.sink.health.good(r.name)
		if !l.edits {
			a.err = flows.Permanent(problem)
		}
	case refuse:
		r.sink.health.good(r.name)
		a.err = flows.Permanent(problem)
	case fixBot, fixRoom, gone:
		a.err = r.stop(a.reply, problem)
	case slowDown:
		wait, global := a.slow()
		r.sink.bot.stop(l, wait+slack, global, nil)
		if a.retry = wait <= patience && n <= tries; !a.retry {
			r.sink.health.bad("rate limited", slog.LevelWarn, "discord_rate_limited", "wait", wait, "global", global)
			a.err = flows.Unavailable("discord", problem, wait)
		}
	case again:
		if a.retry = n < tries && pause(ctx, n) == nil; a.retry {
			break
		}
		if a.err = ctx.Err(); a.err == nil {
			r.sink.health.bad("unreachable", slog.LevelWarn, "discord_unreachable", "error", problem)
			a.err = flows.Unavailable("discord", problem, 0)
		}
	}
	return a
}

// pause waits before the next try, longer each time and never twice the same.
func pause(ctx context.Context, try int) error {
	d := 200 * time.Millisecond << (2 * (try - 1))
	timer := time.NewTimer(d/2 + rand.N(d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop keeps requests from being sent that can only be refused: Discord bans
// who sends too many of them. A person is told.
func (r *room) stop(a *reply, problem error) error {
	err := fmt.Errorf("%s (%w)", a.advice(), problem)
	wait := operatorWait
	if a.decide() == gone {
		wait = 100 * 365 * 24 * time.Hour // until the program is started with another one
	}
	global := a.decide() == fixBot
	r.sink.bot.stop(r.creates, wait, global, err)
	r.sink.bot.stop(r.edits, wait, global, err)
	r.sink.health.bad(a.advice(), slog.LevelError, "discord_refused", "todo", a.advice(), "error", problem, "retry_in", operatorWait)
	r.sink.health.page(r.name, a.advice())
	return flows.Unavailable("discord", err, operatorWait)
}

// notSent is the end of what found no permit. Waiting in vain is nobody's failure:
// the message is parked, except when the work was interrupted.
func (r *room) notSent(what string, err error) error {
	err = fmt.Errorf("%s: %w", what, err)
	if errors.Is(err, context.Canceled) {
		return err
	}
	var wait time.Duration
	if busy, ok := errors.AsType[*busyError](err); ok {
		wait = busy.wait
	}
	if errors.Is(err, errTooManyInvalid) {
		r.sink.health.bad("nearly banned", slog.LevelError, "discord_nearly_banned", "error", err)
		r.sink.health.page(r.name, errTooManyInvalid.Error())
	}
	return flows.Unavailable("discord", err, wait)
}
