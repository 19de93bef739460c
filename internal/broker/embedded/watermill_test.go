package embedded_test

import (
	"context"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"

	"catalyst/internal/broker"
)

// Watermill's own suite: what any Router expects of a Pub/Sub.
func TestWatermill(t *testing.T) {
	path := newFile(t)
	pubSub := func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
		// Its tests close the subscriber; the file is closed when all are over.
		b := open(t, path)
		s, err := b.Subscriber(broker.Config{
			Group:          group,
			RedeliverAfter: 10 * time.Millisecond,
			MaxDeliveries:  1_000,
			Quarantine: func(_ context.Context, _ string, m *message.Message, reason error) error {
				t.Errorf("message %s is quarantined: %v", m.UUID, reason)
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		return b.Publisher(), s
	}
	tests.TestPubSub(t, tests.Features{
		ConsumerGroups:      true,
		ExactlyOnceDelivery: false,
		GuaranteedOrder:     false, // many are in flight, and a failing one delays none
		Persistent:          true,
		ForceShort:          true,
	}, func(t *testing.T) (message.Publisher, message.Subscriber) { return pubSub(t, "watermill") }, pubSub)
}
