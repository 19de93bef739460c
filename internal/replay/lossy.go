package replay

import (
	"context"
	"fmt"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/internal/broker"
)

// A lossy broker loses its connection when the script says so. While it is lost nothing is
// published, nothing is handed out and nobody can look; what was handed out before can be
// acknowledged: real brokers keep acknowledgements until they can send them.
type lossy struct {
	broker.Broker
	clock  *Clock
	faults *Faults
}

func (l lossy) Publisher() message.Publisher { return lossyPublisher{l.Broker.Publisher(), l.faults} }

type lossyPublisher struct {
	message.Publisher
	faults *Faults
}

func (p lossyPublisher) Publish(topic string, messages ...*message.Message) error {
	if err := p.faults.Lost(Topics); err != nil {
		return fmt.Errorf("publish to %s: %w", topic, err)
	}
	return p.Publisher.Publish(topic, messages...)
}

func (l lossy) Lag(ctx context.Context, topic, group string) (broker.Lag, error) {
	if err := l.faults.Lost(Topics); err != nil {
		return broker.Lag{}, err
	}
	return l.Broker.Lag(ctx, topic, group)
}

func (l lossy) Len(ctx context.Context, topic string) (int64, error) {
	if err := l.faults.Lost(Topics); err != nil {
		return 0, err
	}
	return l.Broker.Len(ctx, topic)
}

func (l lossy) Ping(ctx context.Context) error {
	if err := l.faults.Lost(Topics); err != nil {
		return err
	}
	return l.Broker.Ping(ctx)
}

func (l lossy) Subscriber(c broker.Config) (broker.Subscriber, error) {
	s, err := l.Broker.Subscriber(c)
	if err != nil {
		return nil, err
	}
	return &lossySubscriber{Subscriber: s, clock: l.clock, faults: l.faults, ended: make(chan struct{})}, nil
}

type lossySubscriber struct {
	broker.Subscriber
	clock  *Clock
	faults *Faults

	end   sync.Once
	ended chan struct{} // closed when nothing more is handed out
}

// Subscribe hands on what it is handed, while there is a connection. Each message waits
// for itself, so that whoever turns the clock knows of all that wait; those that waited come
// in any order, as after a connection that was lost they do.
func (s *lossySubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	in, err := s.Subscriber.Subscribe(ctx, topic)
	if err != nil {
		return nil, err
	}
	out := make(chan *message.Message)
	go func() {
		defer close(out)
		over, cancel := context.WithCancel(context.Background())
		defer cancel()
		go func() {
			select {
			case <-s.ended:
				cancel()
			case <-over.Done():
			}
		}()
		var waiting sync.WaitGroup
		defer waiting.Wait()
		hand := func(m *message.Message) {
			select {
			case out <- m:
			case <-over.Done():
				m.Nack()
			}
		}
		for m := range in {
			if s.faults.Lost(Topics) == nil {
				hand(m)
				continue
			}
			waiting.Go(func() {
				if s.faults.wait(over, s.clock, Topics) {
					hand(m)
				} else {
					m.Nack()
				}
			})
		}
	}()
	return out, nil
}

func (s *lossySubscriber) Drain(ctx context.Context) error {
	s.end.Do(func() { close(s.ended) })
	return s.Subscriber.Drain(ctx)
}

func (s *lossySubscriber) Close() error {
	s.end.Do(func() { close(s.ended) })
	return s.Subscriber.Close()
}
