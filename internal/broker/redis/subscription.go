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
	drop    context.CancelFunc
	inHand  sync.WaitGroup // deliveries that are not settled

	reads, keeps, trims, quarantines health

	mu                      sync.Mutex
	member                  membership
	held                    map[string]*delivery // every entry in hand, and settled ones until Redis knows
	suspects                int                  // of those, entries whose last holder died
	heldBytes, typicalBytes int                  // of those, and of a recent large one
	acks                    []*delivery
	nacks                   []*delivery
	backlog                 string        // where to go on in our own pending entries; "" when they are all in hand
	due                     []time.Time   // when entries that we returned may be delivered again
	wake                    chan struct{} // there are acks or nacks
}

// A delivery is an entry in hand.
type delivery struct {
	entry
	consumer string // under which it was read
	read     time.Time
	bytes    int
	lost     bool             // somebody else has it now
	message  *message.Message // nil in quarantine
	dropped  atomic.Bool      // taken out of hand before it was settled
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
	sub.reads = health{log: sub.log, begin: "reading fails; trying again until it does not", end: "reading works again"}
	sub.keeps = health{log: sub.log, begin: "acks and leases fail; trying again until they do not", end: "acks and leases work again"}
	sub.trims = health{log: sub.log, begin: "trimming fails; trying again until it does not", end: "trimming works again"}
	sub.quarantines = health{log: sub.log, begin: "quarantine refuses a message; trying again until it does not", end: "quarantine takes messages again"}
	sub.reading, sub.stop = context.WithCancel(ctx)
	sub.hands, sub.drop = context.WithCancel(context.WithoutCancel(ctx))
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
		s.weigh(d)
		if d.suspect {
			s.suspects++
		}
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
	s.inHand.Add(1)
	if err != nil {
		m.SetContext(ctx)
		go s.quarantine(ctx, cancel, d, m, err)
		return true
	}
	m.SetContext(&hand{ctx, d})
	s.mu.Lock()
	d.message = m
	s.mu.Unlock()
	select {
	case s.out <- m:
	case <-s.reading.Done():
		s.inHand.Done()
		cancel()
		return false
	}
	go s.await(d, m.Acked(), m.Nacked(), cancel)
	if s.hands.Err() != nil {
		d.drop()
	}
	return true
}

// A hand is the context of a message, which lives until it is settled, and tells
// what delivery it is.
type hand struct {
	context.Context
	d *delivery
}

// takeBack empties the channel of what the consumer has not taken.
func (s *subscription) takeBack() {
	var back []*delivery
	for {
		select {
		case m := <-s.out:
			d := m.Context().(*hand).d
			d.drop()
			back = append(back, d)
		default:
			s.s.credits.put(len(back))
			s.giveBack(back)
			return
		}
	}
}

// cut ends the contexts of all messages in hand and waits for them no more.
func (s *subscription) cut() {
	s.drop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.held {
		if d.message != nil {
			d.drop()
		}
	}
}

// drop takes the message out of its consumer's hand: unless it is settled
// already, it stays pending, neither acknowledged nor returned. The Nack is for
// the goroutine that waits for one: with the message's own two channels it costs
// half of what it would cost with a third that says when to give up.
func (d *delivery) drop() {
	d.dropped.Store(true)
	d.message.Nack()
}

// await waits for a message to be settled.
func (s *subscription) await(d *delivery, acked, nacked <-chan struct{}, cancel context.CancelFunc) {
	defer s.inHand.Done()
	defer cancel()
	select {
	case <-acked:
		s.settle(d, true)
	case <-nacked:
		if !d.dropped.Load() {
			s.settle(d, false)
		}
	}
}

// quarantine hands m to Config.Quarantine, whose answer settles it.
func (s *subscription) quarantine(ctx context.Context, cancel context.CancelFunc, d *delivery, m *message.Message, reason error) {
	defer s.inHand.Done()
	defer cancel()
	err := s.s.config.Quarantine(ctx, s.topic, m, reason)
	switch {
	case err == nil:
		s.quarantines.up()
		events.WithLabelValues(s.topic, "quarantined").Inc()
		s.settle(d, true)
	case ctx.Err() != nil:
	default:
		s.quarantines.down(fmt.Errorf("entry %s (%w): %w", d.ID, reason, err))
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

// trouble notes an error of a loop that goes on: an outage for all loops at once,
// what the server says about this topic for the loop itself.
func (s *subscription) trouble(loop *health, err error) {
	if isOutage(err) {
		s.b.health.down(err)
		return
	}
	loop.down(err)
}

// well notes that a loop has got through.
func (s *subscription) well(loop *health) {
	s.b.health.up()
	loop.up()
}
