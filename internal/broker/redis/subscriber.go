package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/internal/broker"
)

// A Subscriber is a broker.Subscriber. Its topics share the window; each is a
// subscription with a consumer name of its own.
type Subscriber struct {
	b       *Broker
	config  broker.Config
	credits *credits
	topics  atomic.Int32   // being read
	singly  sync.WaitGroup // those who deliver one by one

	mu            sync.Mutex
	subscriptions []*subscription
	stopping      bool
	drained       chan struct{} // closed when the first Drain or Close is over
	err           error         // of that Drain
}

func newSubscriber(b *Broker, c broker.Config) (*Subscriber, error) {
	var faults []error
	if c.Group == "" {
		faults = append(faults, errors.New("a group is required"))
	}
	if c.Quarantine == nil {
		faults = append(faults, errors.New("a quarantine is required: nothing is thrown away silently"))
	}
	if c.InFlight < 0 || c.Lease < 0 || c.RedeliverAfter < 0 || c.MaxDeliveries < 0 {
		faults = append(faults, errors.New("no setting may be negative"))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("redis subscriber: %w", err)
	}
	if c.InFlight == 0 {
		c.InFlight = 1000
	}
	if c.Lease == 0 {
		c.Lease = 30 * time.Second
	}
	if c.RedeliverAfter == 0 {
		c.RedeliverAfter = time.Second
	}
	if c.MaxDeliveries == 0 {
		c.MaxDeliveries = 20
	}
	return &Subscriber{b: b, config: c, credits: newCredits(c.InFlight), drained: make(chan struct{})}, nil
}

// Subscribe implements message.Subscriber. When ctx ends the topic is read no
// more and the channel is closed; messages in hand keep their contexts and leases
// until they are settled.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	sub, err := s.subscribe(ctx, topic, true)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	return broker.Singly(&s.singly, sub.out, sub.reading, sub.hands, sub.untake), nil
}

// Receive implements broker.Subscriber. What is said of Subscribe holds.
func (s *Subscriber) Receive(ctx context.Context, topic string) (<-chan []broker.Delivery, error) {
	sub, err := s.subscribe(ctx, topic, false)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	return sub.out, nil
}

func (s *Subscriber) subscribe(ctx context.Context, topic string, singly bool) (*subscription, error) {
	if s.isStopping() {
		return nil, errors.New("the subscriber is closed")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.b.createGroup(ctx, topic, s.config.Group); err != nil {
		return nil, err
	}
	member, err := s.b.enlist(ctx, topic, s.config.Group, s.config.Lease)
	if err != nil {
		return nil, err
	}
	sub := newSubscription(ctx, s, topic, member, singly)

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		sub.stop()
		sub.cut()
		_ = s.b.resign(context.WithoutCancel(ctx), topic, s.config.Group, member)
		return nil, errors.New("the subscriber is closed")
	}
	s.subscriptions = slices.DeleteFunc(s.subscriptions, (*subscription).over)
	s.subscriptions = append(s.subscriptions, sub)
	s.topics.Add(1)
	go sub.run()
	return sub, nil
}

// Drain implements broker.Subscriber.
func (s *Subscriber) Drain(ctx context.Context) error { return s.stop(ctx) }

// Close stops at once: contexts end, channels are closed, and what is unsettled
// is left for others to take. Acks that were given are still sent.
func (s *Subscriber) Close() error {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	s.mu.Lock()
	for _, sub := range s.subscriptions {
		sub.abandon.Store(!s.stopping)
		sub.cut() // a Drain under way is over too
	}
	s.mu.Unlock()
	return s.stop(now)
}

func (s *Subscriber) stop(ctx context.Context) error {
	s.mu.Lock()
	first := !s.stopping
	s.stopping = true
	subscriptions := s.subscriptions
	s.mu.Unlock()
	if !first {
		<-s.drained
		return s.err
	}
	defer close(s.drained)
	for _, sub := range subscriptions {
		sub.stop()
	}
	var faults []error
	for _, sub := range subscriptions {
		select {
		case <-sub.done:
		case <-ctx.Done():
			for _, late := range subscriptions {
				late.cut()
			}
			<-sub.done
		}
		faults = append(faults, sub.err)
	}
	s.singly.Wait()
	s.err = errors.Join(faults...)
	return s.err
}

func (s *Subscriber) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}
