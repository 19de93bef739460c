package redis

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"

	"catalyst/internal/together"
)

// A publisher sends what is published while one pipeline is on its way in the next one.
type publisher struct {
	commands *together.Calls[[]any, error] // that add an entry each, and what became of them
	closed   atomic.Bool
}

// Publish implements message.Publisher; see broker.Broker for what it promises.
func (p *publisher) Publish(topic string, messages ...*message.Message) error {
	if p.closed.Load() {
		return errors.New("publish: the publisher is closed")
	}
	if len(messages) == 0 {
		return nil
	}
	commands := make([][]any, len(messages))
	for i, m := range messages {
		command, err := adding(topic, m)
		if err != nil {
			return fmt.Errorf("publish to %s: %w", topic, err)
		}
		commands[i] = command
	}
	faults, _ := p.commands.Do(commands)
	for _, err := range faults {
		if err != nil {
			return fmt.Errorf("publish to %s: %w", topic, err)
		}
	}
	return nil
}

// Close implements message.Publisher. It closes nothing that others use.
func (p *publisher) Close() error {
	p.closed.Store(true)
	return nil
}

// add sends commands in one pipeline, and tells of each what went wrong. It never fails as a
// whole: what may have been stored is not sent again by itself.
func (b *Broker) add(ctx context.Context, commands [][]any) ([]error, error) {
	pipe := b.client.Pipeline()
	for _, command := range commands {
		_ = pipe.Process(ctx, redis.NewStringCmd(ctx, command...)) // queued
	}
	results, err := pipe.Exec(ctx)
	faults := make([]error, len(commands))
	for i := range faults {
		if i < len(results) {
			faults[i] = results[i].Err()
		} else {
			faults[i] = errors.Join(err, errors.New("no reply"))
		}
	}
	return faults, nil
}
