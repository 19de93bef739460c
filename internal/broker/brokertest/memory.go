package brokertest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/internal/broker"
)

// Memory is a broker for tests in which time is not real: it keeps everything in
// memory, and nothing but what a test tells it to do goes wrong. What it promises
// is what package broker says, for one group.
type Memory struct {
	mu     sync.Mutex
	topics map[string]*memoryTopic

	// What goes wrong, if not nil.
	Publishing  func(topic string, ms []*message.Message) error
	Subscribing func(ctx context.Context, topic string) error
}

type memoryTopic struct {
	stored  []*message.Message
	pending int
	next    int
	more    chan struct{} // closed when something is stored
}

// NewMemory returns an empty one.
func NewMemory() *Memory { return &Memory{topics: map[string]*memoryTopic{}} }

// topic returns a topic; b.mu is held.
func (b *Memory) topic(name string) *memoryTopic {
	t := b.topics[name]
	if t == nil {
		t = &memoryTopic{more: make(chan struct{})}
		b.topics[name] = t
	}
	return t
}

type memoryPublisher struct{ *Memory }

func (memoryPublisher) Close() error { return nil }

func (b memoryPublisher) Publish(topic string, ms ...*message.Message) error {
	if b.Publishing != nil {
		if err := b.Publishing(topic, ms); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topic(topic)
	for _, m := range ms {
		t.stored = append(t.stored, m.Copy())
	}
	close(t.more)
	t.more = make(chan struct{})
	return nil
}

func (b *Memory) Publisher() message.Publisher { return memoryPublisher{b} }

func (b *Memory) Subscriber(c broker.Config) (broker.Subscriber, error) {
	s := &memorySubscriber{b: b, credits: make(chan struct{}, c.InFlight)}
	s.reading, s.stop = context.WithCancel(context.Background())
	return s, nil
}

func (b *Memory) Lag(_ context.Context, topic, _ string) (broker.Lag, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topic(topic)
	return broker.Lag{Waiting: int64(len(t.stored) - t.next), Pending: int64(t.pending)}, nil
}

func (b *Memory) Len(_ context.Context, topic string) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return int64(len(b.topic(topic).stored)), nil
}

func (b *Memory) Browse(_ context.Context, topic, _ string, _ int) (all []broker.Stored, _ error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, m := range b.topic(topic).stored {
		all = append(all, broker.Stored{Position: strconv.Itoa(i), Message: m.Copy()})
	}
	return all, nil
}

func (b *Memory) Delete(context.Context, string, ...string) (int, error) {
	return 0, errors.New("memory: nothing is deleted")
}
func (b *Memory) Ping(context.Context) error { return nil }
func (b *Memory) Close() error               { return nil }

type memorySubscriber struct {
	b       *Memory
	credits chan struct{}
	reading context.Context
	stop    context.CancelFunc
	readers sync.WaitGroup
	hands   sync.WaitGroup
	outs    []chan []broker.Delivery
	once    sync.Once
}

func (s *memorySubscriber) Subscribe(context.Context, string) (<-chan *message.Message, error) {
	return nil, errors.New("memory: the engine asks for batches")
}

func (s *memorySubscriber) Receive(ctx context.Context, topic string) (<-chan []broker.Delivery, error) {
	if s.b.Subscribing != nil {
		if err := s.b.Subscribing(ctx, topic); err != nil {
			return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
		}
	}
	out := make(chan []broker.Delivery)
	s.outs = append(s.outs, out)
	s.readers.Go(func() { s.read(topic, out) })
	return out, nil
}

func (s *memorySubscriber) read(topic string, out chan []broker.Delivery) {
	for s.reading.Err() == nil {
		s.b.mu.Lock()
		t := s.b.topic(topic)
		if t.next == len(t.stored) {
			more := t.more
			s.b.mu.Unlock()
			select {
			case <-more:
			case <-s.reading.Done():
			}
			continue
		}
		m := t.stored[t.next]
		t.next++
		t.pending++
		s.b.mu.Unlock()
		s.hands.Go(func() { s.hand(t, m, out) })
	}
}

// hand delivers m until it is acknowledged, a second after each Nack.
// hand delivers m until it is acknowledged, a second after each time it is given back.
func (s *memorySubscriber) hand(t *memoryTopic, m *message.Message, out chan []broker.Delivery) {
	for {
		select {
		case s.credits <- struct{}{}:
		case <-s.reading.Done():
			return
		}
		d := &memoryDelivery{m.Copy(), make(chan bool, 1)}
		select {
		case out <- []broker.Delivery{d}:
		case <-s.reading.Done():
			return
		}
		acked := <-d.settled
		<-s.credits
		if acked {
			s.b.mu.Lock()
			t.pending--
			s.b.mu.Unlock()
			return
		}
		select {
		case <-time.After(time.Second):
		case <-s.reading.Done():
			return
		}
	}
}

type memoryDelivery struct {
	message *message.Message
	settled chan bool
}

func (d *memoryDelivery) Message() *message.Message { return d.message }

func (d *memoryDelivery) Settle(acked bool) {
	select {
	case d.settled <- acked:
	default: // the first call counts
	}
}

func (s *memorySubscriber) Drain(ctx context.Context) error {
	s.stop()
	s.readers.Wait()
	settled := make(chan struct{})
	go func() { s.hands.Wait(); close(settled) }()
	select {
	case <-settled:
	case <-ctx.Done():
	}
	s.once.Do(func() {
		for _, out := range s.outs {
			close(out)
		}
	})
	return nil
}

func (s *memorySubscriber) Close() error {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	return s.Drain(now)
}
