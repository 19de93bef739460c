package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
)

// publisher hands messages to the Broker's committer.
type publisher struct {
	commit *committer
	closed atomic.Bool
}

// Publish implements message.Publisher; see broker.Broker for what it promises.
func (p *publisher) Publish(topic string, messages ...*message.Message) error {
	if p.closed.Load() {
		return errors.New("publish: the publisher is closed")
	}
	if len(messages) == 0 {
		return nil
	}
	c := &call{commands: make([][]any, len(messages)), wake: make(chan bool, 1)}
	for i, m := range messages {
		command, err := adding(topic, m)
		if err != nil {
			return fmt.Errorf("publish to %s: %w", topic, err)
		}
		c.commands[i] = command
	}
	if err := p.commit.do(c); err != nil {
		return fmt.Errorf("publish to %s: %w", topic, err)
	}
	return nil
}

// Close implements message.Publisher. It closes nothing that others use.
func (p *publisher) Close() error {
	p.closed.Store(true)
	return nil
}

// A committer sends the calls that arrive while one pipeline is on its way in
// the next one. It has no goroutine: the first caller sends, and passes the duty
// on to one of those who came meanwhile.
type committer struct {
	client *redis.Client

	mu      sync.Mutex
	sending bool
	waiting []*call
}

// A call is one Publish.
type call struct {
	commands [][]any // that add an entry each
	err      error
	wake     chan bool // true: it is your turn to send; false: you have been sent
}

// pipelineSize is how many entries go in one pipeline at most, unless a single
// call has more.
const pipelineSize = 1000

func (c *committer) do(mine *call) error {
	c.mu.Lock()
	c.waiting = append(c.waiting, mine)
	if c.sending {
		c.mu.Unlock()
		if lead := <-mine.wake; !lead {
			return mine.err
		}
		c.mu.Lock()
	}
	c.sending = true
	batch := c.take()
	c.mu.Unlock()

	c.send(batch)

	c.mu.Lock()
	if c.sending = len(c.waiting) > 0; c.sending {
		c.waiting[0].wake <- true
	}
	c.mu.Unlock()
	for _, other := range batch {
		if other != mine {
			other.wake <- false
		}
	}
	return mine.err
}

// take removes the calls of the next pipeline from the queue. The caller's own is
// the first of them.
func (c *committer) take() []*call {
	n, size := 0, 0
	for n < len(c.waiting) && (n == 0 || size+len(c.waiting[n].commands) <= pipelineSize) {
		size += len(c.waiting[n].commands)
		n++
	}
	batch := c.waiting[:n:n]
	c.waiting = c.waiting[n:]
	if len(c.waiting) == 0 {
		c.waiting = nil
	}
	return batch
}

// send stores the entries of every call and sets its error.
func (c *committer) send(batch []*call) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	pipe := c.client.Pipeline()
	for _, call := range batch {
		for _, command := range call.commands {
			_ = pipe.Process(ctx, redis.NewStringCmd(ctx, command...)) // queued
		}
	}
	results, err := pipe.Exec(ctx)
	for _, call := range batch {
		for range call.commands {
			if len(results) == 0 {
				call.err = errors.Join(err, errors.New("no reply"))
				break
			}
			if failed := results[0].Err(); failed != nil && call.err == nil {
				call.err = failed
			}
			results = results[1:]
		}
	}
}
