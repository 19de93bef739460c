package redis_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/google/go-cmp/cmp"

	"catalyst/internal/broker"
	"catalyst/internal/broker/redis"
)

// TestWatermill runs the suite that Watermill has for every Pub/Sub. Delivery is
// at least once and concurrent, so it promises neither order nor once.
func TestWatermill(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	inGroup := func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
		b := open(t, redis.Options{})
		s, err := b.Subscriber(broker.Config{
			Group:          group,
			RedeliverAfter: 10 * time.Millisecond,
			MaxDeliveries:  1000, // its TestContinueAfterErrors nacks hundreds of times
			Quarantine:     refuse(t),
		})
		if err != nil {
			t.Fatal(err)
		}
		return b.Publisher(), s
	}
	tests.TestPubSub(t,
		tests.Features{ConsumerGroups: true, Persistent: true},
		func(t *testing.T) (message.Publisher, message.Subscriber) { return inGroup(t, "suite") },
		inGroup,
	)
}

// TestStockPublisher: what a watermill-redisstream program publishes arrives here.
func TestStockPublisher(t *testing.T) {
	publisher, err := redisstream.NewPublisher(redisstream.PublisherConfig{Client: dial(t)}, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	defer publisher.Close()
	g := newGroup(t)
	published := sample()
	if err := publisher.Publish(g.topic, published...); err != nil {
		t.Fatal(err)
	}

	messages := g.subscribe(g.join(open(t, redis.Options{}), broker.Config{}))
	for _, want := range published {
		got := g.receive(messages)
		same(t, got, want)
		got.Ack()
	}
	g.settled()
}

// TestStockSubscriber: what we publish arrives in a watermill-redisstream
// program, which may be in the same group as we are.
func TestStockSubscriber(t *testing.T) {
	b, g := open(t, redis.Options{}), newGroup(t)
	published := sample()
	if err := b.Publisher().Publish(g.topic, published...); err != nil {
		t.Fatal(err)
	}
	subscriber, err := redisstream.NewSubscriber(redisstream.SubscriberConfig{
		Client: dial(t), ConsumerGroup: g.name,
	}, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	defer subscriber.Close()
	messages, err := subscriber.Subscribe(context.Background(), g.topic)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range published {
		got := g.receive(messages)
		same(t, got, want)
		got.Ack()
	}
	g.settled()
}

// TestStockMember: in a mixed group everything arrives once, and what a dead
// member of the other kind held is taken over when its lease has run out.
func TestStockMember(t *testing.T) {
	b, g := open(t, redis.Options{}), newGroup(t)
	if err := b.Publisher().Publish(g.topic, sample()...); err != nil {
		t.Fatal(err)
	}
	stock := dial(t)
	subscriber, err := redisstream.NewSubscriber(redisstream.SubscriberConfig{
		Client: stock, ConsumerGroup: g.name,
	}, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	messages, err := subscriber.Subscribe(context.Background(), g.topic)
	if err != nil {
		t.Fatal(err)
	}
	g.receive(messages) // held, and never settled
	subscriber.Close()

	ours := g.subscribe(g.join(b, broker.Config{Lease: 600 * time.Millisecond}))
	seen := make(map[string]int)
	for range sample() {
		m := g.receive(ours)
		seen[string(m.Payload)]++
		m.Ack()
	}
	g.settled()
	for payload, n := range seen {
		if n != 1 {
			t.Errorf("%q was delivered %d times", payload, n)
		}
	}
}

func sample() []*message.Message {
	plain := message.NewMessage(rand.Text(), []byte(`{"title":"Contoso names a new chair"}`))
	empty := message.NewMessage(rand.Text(), nil)
	rich := message.NewMessage(rand.Text(), []byte("\x00\xff binary"))
	rich.Metadata = message.Metadata{"trace": "00-ab-01", "": "empty", "ключ": "\xffvalue"}
	return []*message.Message{plain, empty, rich}
}

func same(t *testing.T, got, want *message.Message) {
	t.Helper()
	if got.UUID != want.UUID || string(got.Payload) != string(want.Payload) {
		t.Errorf("got %s %q, want %s %q", got.UUID, got.Payload, want.UUID, want.Payload)
	}
	if diff := cmp.Diff(want.Metadata, got.Metadata); diff != "" {
		t.Errorf("metadata of %s (-published +delivered):\n%s", want.UUID, diff)
	}
}
