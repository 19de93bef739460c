package brokertest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/internal/broker"
)

const (
	// patience bounds every wait for something that must happen.
	patience = 20 * time.Second
	// silence is how long nothing may happen before nothing is believed to.
	silence = 300 * time.Millisecond
	// forever is a time that no case outlives.
	forever = time.Hour
)

type harness struct {
	*testing.T
	opener func() broker.Broker
}

// broker opens one more process, closed at the end of the case.
func (h *harness) broker() broker.Broker {
	h.Helper()
	b := h.opener()
	h.Cleanup(func() { b.Close() })
	return b
}

// name returns a name that nobody has used.
func (h *harness) name(kind string) string { return kind + "-" + rand.Text() }

// config fits a case in which nothing is expected to go wrong.
func (h *harness) config(group string) broker.Config {
	return broker.Config{
		Group:          group,
		Lease:          30 * time.Second,
		RedeliverAfter: 20 * time.Millisecond,
		Quarantine: func(_ context.Context, topic string, m *message.Message, reason error) error {
			h.Errorf("%s: message %q is quarantined: %v", topic, m.UUID, reason)
			return nil
		},
	}
}

// join returns a member of a group, which leaves at the end of the case.
func (h *harness) join(b broker.Broker, c broker.Config) broker.Subscriber {
	h.Helper()
	s, err := b.Subscriber(c)
	if err != nil {
		h.Fatalf("subscriber: %v", err)
	}
	h.Cleanup(func() { s.Close() })
	return s
}

func (h *harness) subscribe(s broker.Subscriber, topic string) <-chan *message.Message {
	h.Helper()
	messages, err := s.Subscribe(context.Background(), topic)
	if err != nil {
		h.Fatalf("subscribe: %v", err)
	}
	return messages
}

func (h *harness) publish(b broker.Broker, topic string, messages ...*message.Message) {
	h.Helper()
	if err := b.Publisher().Publish(topic, messages...); err != nil {
		h.Fatalf("publish: %v", err)
	}
}

// numbered makes n messages whose payloads count from 0.
func numbered(n int) []*message.Message {
	messages := make([]*message.Message, n)
	for i := range messages {
		messages[i] = message.NewMessage(rand.Text(), fmt.Append(nil, i))
		messages[i].Metadata.Set("number", fmt.Sprint(i))
	}
	return messages
}

// receive takes n messages and leaves them unsettled.
func (h *harness) receive(messages <-chan *message.Message, n int) []*message.Message {
	h.Helper()
	return h.receiveWithin(messages, n, patience)
}

func (h *harness) receiveWithin(messages <-chan *message.Message, n int, within time.Duration) []*message.Message {
	h.Helper()
	deadline := time.After(within)
	got := make([]*message.Message, 0, n)
	for len(got) < n {
		select {
		case m, open := <-messages:
			if !open {
				h.Fatalf("the channel was closed after %d messages, want %d", len(got), n)
			}
			got = append(got, m)
		case <-deadline:
			h.Fatalf("received %d messages within %v, want %d", len(got), within, n)
		}
	}
	return got
}

// silent fails if one more message comes.
func (h *harness) silent(messages <-chan *message.Message, during time.Duration, why string) {
	h.Helper()
	select {
	case m, open := <-messages:
		if open {
			h.Fatalf("message %s arrived: %s", m.UUID, why)
		}
	case <-time.After(during):
	}
}

// closed waits for the channel to be closed, and takes no message.
func (h *harness) closed(messages <-chan *message.Message) {
	h.Helper()
	select {
	case m, open := <-messages:
		if open {
			h.Fatalf("message %s arrived, want a closed channel", m.UUID)
		}
	case <-time.After(patience):
		h.Fatal("the channel is still open")
	}
}

func ack(messages ...*message.Message) {
	for _, m := range messages {
		m.Ack()
	}
}

// eventually polls until done is true.
func (h *harness) eventually(what string, done func() bool) {
	h.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(patience)
	for !done() {
		select {
		case <-poll.C:
		case <-deadline:
			h.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func (h *harness) lag(b broker.Broker, topic, group string) broker.Lag {
	h.Helper()
	lag, err := b.Lag(context.Background(), topic, group)
	if err != nil {
		h.Fatalf("lag: %v", err)
	}
	return lag
}

// done waits until a group has nothing left to do.
func (h *harness) done(b broker.Broker, topic, group string) {
	h.Helper()
	var last broker.Lag
	h.eventually("no lag", func() bool {
		last = h.lag(b, topic, group)
		return last == broker.Lag{}
	})
}

// pending waits until a group has exactly n messages in hand.
func (h *harness) pending(b broker.Broker, topic, group string, n int64) {
	h.Helper()
	h.eventually(fmt.Sprintf("%d pending", n), func() bool { return h.lag(b, topic, group).Pending == n })
}

func (h *harness) drain(s broker.Subscriber, within time.Duration) {
	h.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := s.Drain(ctx); err != nil {
		h.Fatalf("drain: %v", err)
	}
}

// payloads returns the payloads as a set, and fails on one that comes twice.
func (h *harness) payloads(messages []*message.Message) map[string]bool {
	h.Helper()
	set := make(map[string]bool, len(messages))
	for _, m := range messages {
		if set[string(m.Payload)] {
			h.Errorf("message %s was delivered twice", m.Payload)
		}
		set[string(m.Payload)] = true
	}
	return set
}

// A quarantine keeps what it is given.
type quarantine struct {
	mu     sync.Mutex
	refuse int // the first so many times
	calls  int
	kept   []*message.Message
	topics []string
}

func (q *quarantine) take(_ context.Context, topic string, m *message.Message, reason error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.calls++; q.calls <= q.refuse {
		return errors.New("no room yet")
	}
	if reason == nil {
		return errors.New("quarantined without a reason")
	}
	q.kept = append(q.kept, m)
	q.topics = append(q.topics, topic)
	return nil
}

func (q *quarantine) messages() []*message.Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]*message.Message(nil), q.kept...)
}
