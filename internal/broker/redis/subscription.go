package redis

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// A subscription is a Subscriber on one topic. Two goroutines serve it: the
// reader (read.go) gets entries and delivers them; the keeper (keep.go) sends
// acks and renews leases. A small one for each message in hand waits for its
// Ack or Nack.
type subscription struct {
	s       *Subscriber
	b       *Broker
	log     *slog.Logger
	topic   string
	group   string
	out     chan *message.Message
	done    chan struct{} // everything has ended
	err     error         // acks that could not be sent; read it after done
	abandon atomic.Bool   // leave what is unsettled to be taken over

	reading context.Context // ends when no more is to be read
	stop    context.CancelFunc
	hands   context.Context // parent of all messages' contexts
	cut     context.CancelFunc
	inHand  sync.WaitGroup // deliveries that are not settled

	quarantineFails atomic.Bool

	mu      sync.Mutex
	member  membership
	held    map[string]*delivery // every entry in hand, and settled ones until Redis knows
	acks    []*delivery
	nacks   []*delivery
	backlog string        // where to go on in our own pending entries; "" when they are all in hand
	due     []time.Time   // when entries that we returned may be delivered again
	wake    chan struct{} // there are acks or nacks
}

// A delivery is an entry in hand.
type delivery struct {
	entry
	consumer string // under which it was read
	read     time.Time
	lost     bool // somebody else has it now
}

func newSubscription(ctx context.Context, s *Subscriber, topic string, m membership) *subscription {
	sub := &subscription{
		s: s, b: s.b, topic: topic, group: s.config.Group,
		log:     s.b.opts.Logger.With("topic", topic, "group", s.config.Group),
		out:     make(chan *message.Message, min(s.config.InFlight, readSize)),
		done:    make(chan struct{}),
		member:  m,
		held:    make(map[string]*delivery),
		backlog: "-",
		wake:    make(chan struct{}, 1),
	}
	sub.reading, sub.stop = context.WithCancel(ctx)
	sub.hands, sub.cut = context.WithCancel(context.WithoutCancel(ctx))
	return sub
}

// run reads until told to stop, waits for what is in hand, and leaves.
func (s *subscription) run() {
	defer close(s.done)
	keeper, dismiss := context.WithCancel(context.Background())
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		s.keep(keeper)
	}()

	s.read()
	s.takeBack()
	s.s.topics.Add(-1)
	// A subscription that ends with its own context closes its channel at once. In
	// a Drain the channel stays open to the end: a Watermill Router takes closed
	// channels as its cue to close everything, messages in hand included.
	early := !s.s.isStopping()
	if early {
		close(s.out)
	}
	s.inHand.Wait()
	dismiss()
	<-kept
	s.err = s.leave()
	s.cut()
	s.stop()
	if !early {
		close(s.out)
	}
}

// over reports whether run has returned.
func (s *subscription) over() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// hold takes entries into hand and returns those that were not yet: after a
// group was recreated, entries come that we still have.
func (s *subscription) hold(entries []entry) []*delivery {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := make([]*delivery, 0, len(entries))
	for _, e := range entries {
		if _, have := s.held[e.ID]; have {
			continue
		}
		d := &delivery{entry: e, consumer: s.member.name, read: now}
		s.held[e.ID] = d
		fresh = append(fresh, d)
	}
	return fresh
}

// deliver hands d over, to the consumer or to quarantine. It returns false when
// reading has ended and the consumer has not taken it.
func (s *subscription) deliver(d *delivery) bool {
	m, err := decode(d.Values)
	switch {
	case err != nil:
		m = salvage(d.Values)
	case d.deliveries > int64(s.s.config.MaxDeliveries):
		err = fmt.Errorf("delivered %d times and never acknowledged", d.deliveries-1)
	}
	d.Values = nil
	ctx, cancel := context.WithCancel(s.hands)
	m.SetContext(&hand{ctx, cancel, d})
	if err != nil {
		s.inHand.Go(func() {
			defer cancel()
			s.quarantine(ctx, d, m, err)
		})
		return true
	}
	select {
	case s.out <- m:
	case <-s.reading.Done():
		cancel()
		return false
	}
	s.inHand.Go(func() {
		defer cancel()
		s.await(ctx, d, m)
	})
	return true
}

// A hand is the context of a message, which lives until it is settled, and tells
// what delivery it is.
type hand struct {
	context.Context
	drop context.CancelFunc
	d    *delivery
}

// takeBack empties the channel of what the consumer has not taken.
func (s *subscription) takeBack() {
	var back []*delivery
	for {
		select {
		case m := <-s.out:
			h := m.Context().(*hand)
			h.drop()
			back = append(back, h.d)
		default:
			s.s.credits.put(len(back))
			s.giveBack(back)
			return
		}
	}
}

// await waits for m to be settled. When its context ends first, it stays pending.
func (s *subscription) await(ctx context.Context, d *delivery, m *message.Message) {
	acked, nacked := m.Acked(), m.Nacked() // the message is its handler's: its context may be replaced
	select {
	case <-acked:
		s.settle(d, true)
	case <-nacked:
		s.settle(d, false)
	case <-ctx.Done():
		select {
		case <-acked:
			s.settle(d, true)
		default:
		}
	}
}

// quarantine hands m to Config.Quarantine, whose answer settles it.
func (s *subscription) quarantine(ctx context.Context, d *delivery, m *message.Message, reason error) {
	err := s.s.config.Quarantine(ctx, s.topic, m, reason)
	switch {
	case err == nil:
		s.quarantineFails.Store(false)
		events.WithLabelValues(s.topic, "quarantined").Inc()
		s.settle(d, true)
	case ctx.Err() != nil:
	default:
		if !s.quarantineFails.Swap(true) {
			s.log.Error("quarantine refuses a message; trying again until it does not", "id", d.ID, "reason", reason.Error(), "error", err.Error())
		}
		s.settle(d, false)
	}
}

// settle notes what became of d for the keeper, and frees its place in the window.
func (s *subscription) settle(d *delivery, acked bool) {
	s.mu.Lock()
	if acked {
		s.acks = append(s.acks, d)
	} else {
		s.nacks = append(s.nacks, d)
	}
	s.mu.Unlock()
	s.s.credits.put(1)
	s.nudge()
}

func (s *subscription) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// createGroup makes a consumer group that starts with the first entry, and the
// stream if it is not there. A group that exists is left as it is.
func (b *Broker) createGroup(ctx context.Context, topic, group string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err := b.client.XGroupCreateMkStream(ctx, topic, group, "0").Err()
	if err != nil && !strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return fmt.Errorf("create group %s: %w", group, err)
	}
	return nil
}

// trouble reports an error of a loop that goes on: an outage once for all
// loops, and what the server says about this topic on the spot.
func (s *subscription) trouble(what string, err error) {
	if isOutage(err) {
		s.b.health.down(err)
		return
	}
	s.log.Error(what, "error", err.Error())
}
