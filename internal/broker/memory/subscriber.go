package memory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/internal/broker"
)

// A subscriber is one member of a group.
type subscriber struct {
	broker *Broker
	server *Server
	config broker.Config

	credits chan struct{} // holds one for each message in hand
	reading context.Context
	stop    context.CancelFunc // of reading
	holding context.Context    // of messages in hand
	giveUp  context.CancelFunc

	mu       sync.Mutex
	draining bool
	pumps    sync.WaitGroup
	hands    sync.WaitGroup
	drained  chan struct{}
}

func newSubscriber(b *Broker, c broker.Config) *subscriber {
	c.InFlight = cmp.Or(c.InFlight, 1000)
	c.RedeliverAfter = cmp.Or(c.RedeliverAfter, time.Second)
	c.MaxDeliveries = cmp.Or(c.MaxDeliveries, 20)
	s := &subscriber{
		broker: b, server: b.server, config: c,
		credits: make(chan struct{}, c.InFlight), drained: make(chan struct{}),
	}
	s.reading, s.stop = context.WithCancel(context.Background())
	s.holding, s.giveUp = context.WithCancel(context.Background())
	return s
}

var errDrained = errors.New("the subscriber is closed")

// Subscribe implements [message.Subscriber].
func (s *subscriber) Subscribe(ctx context.Context, name string) (<-chan *message.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return nil, fmt.Errorf("subscribe to %s: %w", name, errDrained)
	}
	g := s.server.join(name, s.config.Group)
	out := make(chan *message.Message)
	s.pumps.Go(func() {
		reading, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(s.reading, cancel)()
		defer close(out)
		s.pump(reading, name, g, out)
	})
	return out, nil
}

// pump delivers until reading ends. It takes a credit only when there is something to
// deliver, because topics share them.
func (s *subscriber) pump(reading context.Context, name string, g *group, out chan<- *message.Message) {
	for {
		if more := s.server.anyReady(g); more != nil {
			select {
			case <-more:
				continue
			case <-reading.Done():
				return
			}
		}
		select {
		case s.credits <- struct{}{}:
		case <-reading.Done():
			return
		}
		d, _ := s.server.take(g)
		if d == nil || !s.deliver(reading, name, d, out) {
			<-s.credits
		}
		if reading.Err() != nil {
			return
		}
	}
}

// deliver reports whether d is in somebody's hand.
func (s *subscriber) deliver(reading context.Context, name string, d *delivery, out chan<- *message.Message) bool {
	if d.count > s.config.MaxDeliveries {
		s.quarantine(name, d)
		return false
	}
	m := d.message.Copy()
	ctx, cancel := context.WithCancel(s.holding)
	m.SetContext(ctx)
	select {
	case out <- m:
	case <-reading.Done():
		cancel()
		s.server.giveBack(d.group, d)
		return false
	}
	s.hands.Go(func() {
		defer func() { <-s.credits }()
		defer cancel()
		s.hold(d, m)
	})
	return true
}

// hold waits for what becomes of m.
func (s *subscriber) hold(d *delivery, m *message.Message) {
	select {
	case <-m.Acked():
		s.server.settle(d)
	case <-m.Nacked():
		time.AfterFunc(s.config.RedeliverAfter, func() { s.server.again(d) })
	case <-s.holding.Done():
		select {
		case <-m.Acked(): // both at once
			s.server.settle(d)
		default:
			s.server.giveBack(d.group, d)
		}
	}
}

func (s *subscriber) quarantine(name string, d *delivery) {
	reason := fmt.Errorf("delivered %d times and never acknowledged", d.count-1)
	if err := s.config.Quarantine(s.holding, name, d.message.Copy(), reason); err != nil {
		time.AfterFunc(s.config.RedeliverAfter, func() { s.server.again(d) })
		return
	}
	s.server.settle(d)
}

// Close gives up at once: it is Drain without patience.
func (s *subscriber) Close() error {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	return s.Drain(now)
}

// Drain implements [broker.Subscriber]. It never fails.
func (s *subscriber) Drain(ctx context.Context) error {
	defer context.AfterFunc(ctx, s.giveUp)()
	s.mu.Lock()
	second := s.draining
	s.draining = true
	s.mu.Unlock()
	if second {
		<-s.drained
		return nil
	}
	defer close(s.drained)
	s.stop()
	s.pumps.Wait()
	s.hands.Wait()
	s.giveUp()
	s.broker.leave(s)
	return nil
}
