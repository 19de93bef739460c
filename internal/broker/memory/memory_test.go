package memory_test

import (
	"context"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/internal/broker"
	"catalyst/internal/broker/brokertest"
	"catalyst/internal/broker/memory"
)

func TestConformance(t *testing.T) {
	brokertest.Test(t, func(testing.TB) func() broker.Broker {
		server := memory.NewServer()
		return func() broker.Broker { return server.Broker() }
	})
}

// What is owed is what a replay waits for: it must come to nothing exactly when every
// group has acknowledged everything.
func TestOwedCountsEachGroup(t *testing.T) {
	server := memory.NewServer()
	changes := make(chan struct{}, 100)
	server.Changed = func() { changes <- struct{}{} }
	server.Now = func() time.Time { return time.Unix(1, 0) }
	b := server.Broker()
	defer b.Close()
	var channels []<-chan *message.Message
	for _, group := range []string{"one", "two"} {
		s, err := b.Subscriber(broker.Config{Group: group, Quarantine: none(t)})
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.Subscribe(t.Context(), "topic")
		if err != nil {
			t.Fatal(err)
		}
		channels = append(channels, c)
	}
	if err := b.Publisher().Publish("topic", message.NewMessage("a", nil)); err != nil {
		t.Fatal(err)
	}
	<-changes
	for want := 2; want > 0; want-- {
		n, before := server.Owed()
		if n != want {
			t.Fatalf("owed %d, want %d", n, want)
		}
		(<-channels[want-1]).Ack()
		<-changes
		if _, after := server.Owed(); after == before {
			t.Error("the epoch is the same after an acknowledgement")
		}
	}
	if n, _ := server.Owed(); n != 0 {
		t.Errorf("owed %d after every group has acknowledged, want 0", n)
	}
	lag, err := b.Lag(t.Context(), "topic", "one")
	if err != nil || lag != (broker.Lag{}) {
		t.Errorf("lag %+v, %v; want none", lag, err)
	}
}

func TestMemoryIsGivenBack(t *testing.T) {
	b := memory.NewServer().Broker()
	defer b.Close()
	s, err := b.Subscriber(broker.Config{Group: "g", Quarantine: none(t)})
	if err != nil {
		t.Fatal(err)
	}
	messages, err := s.Subscribe(t.Context(), "topic")
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err := b.Publisher().Publish("topic", message.NewMessage("a", nil)); err != nil {
			t.Fatal(err)
		}
		(<-messages).Ack()
	}
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Len(t.Context(), "topic"); n != 0 || err != nil {
		t.Errorf("the topic keeps %d messages that its only group has acknowledged, %v", n, err)
	}
}

func none(t *testing.T) func(context.Context, string, *message.Message, error) error {
	return func(_ context.Context, topic string, m *message.Message, reason error) error {
		t.Errorf("%s: %s is quarantined: %v", topic, m.UUID, reason)
		return nil
	}
}
