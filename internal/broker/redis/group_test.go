package redis_test

import (
	"context"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	goredis "github.com/redis/go-redis/v9"

	"catalyst/internal/broker"
)

// A group is a consumer group of a test on a topic of its own, seen from outside.
type group struct {
	testing.TB
	topic, name string
	redis       *goredis.Client
}

func newGroup(tb testing.TB) *group {
	g := &group{TB: tb, topic: "topic-" + rand.Text(), name: "group", redis: dial(tb)}
	tb.Cleanup(func() {
		g.redis.Del(context.Background(), g.topic, "members:{"+g.topic+"}:"+g.name)
		g.redis.Close()
	})
	return g
}

// join returns a member, closed at the end of the test. A Config without
// Quarantine expects nothing there.
func (g *group) join(b broker.Broker, c broker.Config) broker.Subscriber {
	g.Helper()
	if c.Group == "" {
		c.Group = g.name
	}
	if c.Quarantine == nil {
		c.Quarantine = refuse(g)
	}
	s, err := b.Subscriber(c)
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() { s.Close() })
	return s
}

func (g *group) subscribe(s broker.Subscriber) <-chan *message.Message {
	g.Helper()
	messages, err := s.Subscribe(context.Background(), g.topic)
	if err != nil {
		g.Fatal(err)
	}
	return messages
}

func (g *group) publish(b broker.Broker, payloads ...string) {
	g.Helper()
	var messages []*message.Message
	for _, p := range payloads {
		messages = append(messages, message.NewMessage(rand.Text(), []byte(p)))
	}
	if err := b.Publisher().Publish(g.topic, messages...); err != nil {
		g.Fatal(err)
	}
}

const patience = 20 * time.Second

func (g *group) receive(messages <-chan *message.Message) *message.Message {
	g.Helper()
	select {
	case m, open := <-messages:
		if !open {
			g.Fatal("the channel is closed, want a message")
		}
		return m
	case <-time.After(patience):
		g.Fatal("no message came")
	}
	return nil
}

func (g *group) silent(messages <-chan *message.Message, during time.Duration, why string) {
	g.Helper()
	select {
	case m := <-messages:
		g.Fatalf("message %q came: %s", m.Payload, why)
	case <-time.After(during):
	}
}

func (g *group) eventually(what string, done func() bool) {
	g.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(patience)
	for !done() {
		select {
		case <-poll.C:
		case <-deadline:
			g.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// pending returns the entries that Redis has as pending.
func (g *group) pending() []goredis.XPendingExt {
	g.Helper()
	pending, err := g.redis.XPendingExt(context.Background(), &goredis.XPendingExtArgs{
		Stream: g.topic, Group: g.name, Start: "-", End: "+", Count: 100_000,
	}).Result()
	if err != nil {
		g.Fatal(err)
	}
	return pending
}

func (g *group) settled() {
	g.Helper()
	g.eventually("nothing is pending", func() bool { return len(g.pending()) == 0 })
}

// A jar is a quarantine that keeps what it gets.
type jar struct {
	mu       sync.Mutex
	messages []*message.Message
	reasons  []string
}

func (j *jar) put(_ context.Context, _ string, m *message.Message, reason error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.messages = append(j.messages, m)
	j.reasons = append(j.reasons, reason.Error())
	return nil
}

func (j *jar) len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.messages)
}
