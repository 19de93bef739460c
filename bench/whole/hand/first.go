package hand

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"catalyst/bench/whole/work"
	"catalyst/internal/news"
	"catalyst/internal/store"
)

// Admitted is a batch of the first stream, and what of it is to be posted.
type Admitted struct{ Batch, Fresh []Entry }

// admit looks at batches one by one, so that of two that tell one story the first is it.
func (p *Program) admit(ctx context.Context, batch []Entry, to chan<- Admitted) error {
	if len(batch) == 0 {
		return nil
	}
	fresh, err := p.Admit(ctx, batch)
	if err != nil {
		return err
	}
	select {
	case to <- Admitted{batch, fresh}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Admit returns what of a batch is news, worth an alert, and told for the first time.
func (p *Program) Admit(ctx context.Context, batch []Entry) ([]Entry, error) {
	fresh := keep(batch, func(e Entry) bool { return p.tools.Receive(e.Item) })
	fresh, err := p.claim(ctx, fresh)
	if err != nil {
		return nil, err
	}
	fresh = keep(fresh, func(e Entry) bool {
		worth, err2 := p.tools.Worth(e.Item)
		err = errors.Join(err, err2)
		return worth
	})
	if err != nil {
		return nil, err
	}
	return p.stories(ctx, fresh)
}

// First posts what was admitted, and hands it on to the second stream. Then the whole
// batch is acknowledged.
func (p *Program) First(ctx context.Context, a Admitted) error {
	if err := p.Announce(ctx, a.Fresh); err != nil {
		return err
	}
	_, err := p.redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, e := range a.Fresh {
			payload, err := news.Encode(e.Item)
			if err != nil {
				return err
			}
			pipe.XAdd(ctx, &redis.XAddArgs{Stream: p.config.Analyse, Values: []any{
				"_watermill_message_uuid", e.ID, "metadata", "\x80", "payload", payload,
			}})
		}
		return p.ack(ctx, pipe, p.config.Raw, a.Batch)
	})
	return wrap("hand on", err)
}

func (p *Program) ack(ctx context.Context, pipe redis.Pipeliner, stream string, batch []Entry) error {
	ids := make([]string, len(batch))
	for i, e := range batch {
		ids[i] = e.At
	}
	return pipe.XAck(ctx, stream, Group, ids...).Err()
}

func (p *Program) ledger(key string) string { return p.config.Prefix + ":ledger:" + key }
func (p *Program) seen(id string) string    { return p.config.Prefix + ":seen:" + id }

// claim drops what another message has claimed the key of, and notes for that one where
// its news was met.
func (p *Program) claim(ctx context.Context, batch []Entry) ([]Entry, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	claims := make([]*redis.StatusCmd, len(batch))
	_, err := p.redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, e := range batch {
			claims[i] = pipe.SetArgs(ctx, p.config.Prefix+":claim:"+e.Item.Key, e.ID, redis.SetArgs{Mode: "NX", Get: true, TTL: work.Window})
		}
		return nil
	})
	if err := wrap("claim keys", ignoreNil(err)); err != nil {
		return nil, err
	}
	told := make([]string, len(batch)) // by whom
	for i, e := range batch {
		if owner := claims[i].Val(); owner != e.ID {
			told[i] = owner
		}
	}
	return p.Yield(ctx, batch, told)
}

// Yield drops what another message has told.
func (p *Program) Yield(ctx context.Context, batch []Entry, told []string) (fresh []Entry, err error) {
	pipe := p.redis.Pipeline()
	for i, e := range batch {
		if told[i] == "" {
			fresh = append(fresh, e)
			continue
		}
		sighting, err := work.Sighting(e.Item)
		if err != nil {
			return nil, err
		}
		pipe.RPush(ctx, p.seen(told[i]), sighting)
		pipe.Expire(ctx, p.seen(told[i]), work.AmendsWindow)
	}
	if pipe.Len() > 0 {
		_, err = pipe.Exec(ctx)
	}
	return fresh, wrap("note sightings", err)
}

// stories drops headlines of a story that another has told. Each joins its group, and
// then sees who came before it.
func (p *Program) stories(ctx context.Context, batch []Entry) ([]Entry, error) {
	arrivals := make([]store.Arrival, len(batch))
	rows := make([]*redis.StringSliceCmd, len(batch))
	pipe := p.redis.Pipeline()
	for i, e := range batch {
		a := p.tools.Story(e.ID, e.Item)
		if arrivals[i] = a; a.Group == "" {
			continue
		}
		line, err := json.Marshal(a)
		if err != nil {
			return nil, err
		}
		key := p.config.Prefix + ":story:" + a.Group
		pipe.RPush(ctx, key, line)
		pipe.Expire(ctx, key, work.AmendsWindow)
		rows[i] = pipe.LRange(ctx, key, 0, 127)
	}
	if pipe.Len() == 0 {
		return batch, nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("join stories: %w", err)
	}
	told := make([]string, len(batch))
	for i, a := range arrivals {
		if rows[i] == nil {
			continue
		}
		before, err := work.Before(a.ID, rows[i].Val())
		if err != nil {
			return nil, err
		}
		by, amends := p.tools.Told(a, before)
		if told[i] = by; batch[i].Item.Amends == "" {
			batch[i].Item.Amends = amends
		}
	}
	return p.Yield(ctx, batch, told)
}

// Announce posts a batch, as answers to what they correct where that is known, and notes
// the messages in the ledger.
func (p *Program) Announce(ctx context.Context, batch []Entry) error {
	corrected, err := p.Corrected(ctx, batch)
	if err != nil {
		return err
	}
	var g errgroup.Group
	for i := range batch {
		g.Go(func() error {
			body, err := work.Alert(batch[i].Item, corrected[i])
			if err != nil {
				return err
			}
			answer, err := p.send(ctx, p.discord, http.MethodPost, p.config.Discord+"/api/v10/channels/42/messages", body)
			if err != nil {
				return err
			}
			batch[i].Message, err = work.MessageID(answer)
			return err
		})
	}
	if err := g.Wait(); err != nil || len(batch) == 0 {
		return wrap("post alert", err)
	}
	_, err = p.redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, e := range batch {
			pipe.HSet(ctx, p.ledger(e.Item.Key), "message", e.Message, "state", "pending")
			pipe.Expire(ctx, p.ledger(e.Item.Key), 30*work.TTL)
		}
		return nil
	})
	return wrap("note alerts", err)
}

// Corrected returns the messages of what a batch corrects; empty for most.
func (p *Program) Corrected(ctx context.Context, batch []Entry) ([]string, error) {
	messages := make([]string, len(batch))
	found := make([]*redis.StringCmd, len(batch))
	pipe := p.redis.Pipeline()
	for i, e := range batch {
		if e.Item.Amends != "" {
			found[i] = pipe.HGet(ctx, p.ledger(e.Item.Amends), "message")
		}
	}
	if pipe.Len() == 0 {
		return messages, nil
	}
	if _, err := pipe.Exec(ctx); ignoreNil(err) != nil {
		return nil, fmt.Errorf("look corrected items up: %w", err)
	}
	for i := range batch {
		if found[i] != nil {
			messages[i] = found[i].Val()
		}
	}
	return messages, nil
}

func keep(batch []Entry, wanted func(Entry) bool) []Entry {
	kept := make([]Entry, 0, len(batch))
	for _, e := range batch {
		if wanted(e) {
			kept = append(kept, e)
		}
	}
	return kept
}

func ignoreNil(err error) error {
	if errors.Is(err, redis.Nil) {
		return nil
	}
	return err
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
