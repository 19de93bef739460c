package memory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
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
	inHand   map[*held]struct{}
	pumps    sync.WaitGroup
	hands    sync.WaitGroup
	singly   sync.WaitGroup // those who deliver one by one
	drained  chan struct{}
}

// A held is a delivery in hand. It implements broker.Delivery.
type held struct {
	*delivery
	s       *subscriber
	message *message.Message
	over    atomic.Bool
}

func (h *held) Message() *message.Message { return h.message }

func (h *held) Settle(acked bool) {
	if !h.over.CompareAndSwap(false, true) {
		return
	}
	if acked {
		h.s.server.settle(h.delivery)
	} else {
		time.AfterFunc(h.s.config.RedeliverAfter, func() { h.s.server.again(h.delivery) })
	}
	h.s.release(h)
}

// drop gives h back, unless it is settled or its message acknowledged (see
// broker.Singly).
func (h *held) drop() {
	if !h.over.CompareAndSwap(false, true) { // first: who awaits the message settles h at its Nack
		return
	}
	if acked := !h.message.Nack(); acked {
		h.s.server.settle(h.delivery)
	} else {
		h.s.server.giveBack(h.group, h.delivery)
	}
	h.s.release(h)
}

// release frees the place that h had in the window.
func (s *subscriber) release(h *held) {
	s.mu.Lock()
	delete(s.inHand, h)
	s.mu.Unlock()
	<-s.credits
	s.hands.Done()
}

// dropAll drops everything in hand.
func (s *subscriber) dropAll() {
	s.mu.Lock()
	all := slices.Collect(maps.Keys(s.inHand))
	s.mu.Unlock()
	for _, h := range all {
		h.drop()
	}
}

func newSubscriber(b *Broker, c broker.Config) *subscriber {
	c.InFlight = cmp.Or(c.InFlight, 1000)
	c.RedeliverAfter = cmp.Or(c.RedeliverAfter, time.Second)
	c.MaxDeliveries = cmp.Or(c.MaxDeliveries, 20)
	s := &subscriber{
		broker: b, server: b.server, config: c,
		credits: make(chan struct{}, c.InFlight), drained: make(chan struct{}), inHand: make(map[*held]struct{}),
	}
	s.reading, s.stop = context.WithCancel(context.Background())
	s.holding, s.giveUp = context.WithCancel(context.Background())
	context.AfterFunc(s.holding, s.dropAll)
	return s
}

var errDrained = errors.New("the subscriber is closed")

// Subscribe implements [message.Subscriber].
func (s *subscriber) Subscribe(ctx context.Context, name string) (<-chan *message.Message, error) {
	out, reading, err := s.receive(ctx, name, true)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", name, err)
	}
	return broker.Singly(&s.singly, out, reading, s.holding, func(batch []broker.Delivery) {
		for _, h := range slices.Backward(batch) {
			h.(*held).drop()
		}
	}), nil
}

// Receive implements [broker.Subscriber].
func (s *subscriber) Receive(ctx context.Context, name string) (<-chan []broker.Delivery, error) {
	out, _, err := s.receive(ctx, name, false)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", name, err)
	}
	return out, nil
}

func (s *subscriber) receive(ctx context.Context, name string, singly bool) (<-chan []broker.Delivery, context.Context, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return nil, nil, errDrained
	}
	g := s.server.join(name, s.config.Group)
	out := make(chan []broker.Delivery)
	reading, cancel := context.WithCancel(ctx)
	s.pumps.Go(func() {
		defer cancel()
		defer context.AfterFunc(s.reading, cancel)()
		defer close(out)
		s.pump(reading, name, g, singly, out)
	})
	return out, reading, nil
}

// pump delivers until reading ends. It takes a credit only when there is something to
// deliver, because topics share them.
func (s *subscriber) pump(reading context.Context, name string, g *group, singly bool, out chan<- []broker.Delivery) {
	for reading.Err() == nil {
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
		batch := s.fill(name, g, singly)
		if len(batch) == 0 {
			continue
		}
		select {
		case out <- batch:
			if s.holding.Err() != nil {
				s.dropAll()
			}
		case <-reading.Done():
			for _, h := range slices.Backward(batch) { // each comes before what is ready
				h.(*held).drop()
			}
		}
	}
}

// fill takes what is ready into hand, as much as there are credits. The first credit is
// taken already.
func (s *subscriber) fill(name string, g *group, singly bool) (batch []broker.Delivery) {
	for have := true; have; {
		d, _ := s.server.take(g)
		switch {
		case d == nil:
			<-s.credits
			return batch
		case d.count > s.config.MaxDeliveries:
			s.quarantine(name, d)
			continue
		}
		batch = append(batch, s.hold(d, singly))
		if len(batch) == broker.MaxBatch {
			return batch
		}
		select {
		case s.credits <- struct{}{}:
		default:
			have = false
		}
	}
	return batch
}

func (s *subscriber) hold(d *delivery, singly bool) *held {
	h := &held{delivery: d, s: s, message: &message.Message{
		UUID: d.message.UUID, Metadata: maps.Clone(d.message.Metadata), Payload: slices.Clone(d.message.Payload),
	}}
	if singly {
		h.message = broker.Awaitable(h.message)
	}
	s.mu.Lock()
	s.inHand[h] = struct{}{}
	s.mu.Unlock()
	s.hands.Add(1)
	return h
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
	s.singly.Wait()
	s.giveUp()
	s.broker.leave(s)
	return nil
}
