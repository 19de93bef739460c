package redis

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/internal/broker"
)

// A subscription is a Subscriber on one topic. Two goroutines serve it: the
// reader (read.go) gets entries and delivers them; the keeper (keep.go) sends
// acks and renews leases.
type subscription struct {
	s       *Subscriber
	b       *Broker
	log     *slog.Logger
	topic   string
	group   string
	singly  bool // messages are awaited one by one
	out     chan []broker.Delivery
	done    chan struct{} // everything has ended
	err     error         // acks that could not be sent; read it after done
	abandon atomic.Bool   // leave what is unsettled to be taken over

	reading context.Context // ends when no more is to be read
	stop    context.CancelFunc
	hands   context.Context // ends when what is in hand is waited for no more
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

// A delivery is an entry in hand. It implements broker.Delivery.
type delivery struct {
	entry
	sub      *subscription
	consumer string // under which it was read
	read     time.Time
	bytes    int
	lost     bool             // somebody else has it now
	message  *message.Message // nil in quarantine
	over     atomic.Bool      // settled, or taken out of hand
}

func (d *delivery) Message() *message.Message { return d.message }

func (d *delivery) Settle(acked bool) {
	if d.over.CompareAndSwap(false, true) {
		d.sub.settle(d, acked)
		d.sub.inHand.Done()
	}
}

// drop takes d out of its holder's hand: unless it is settled already, or its message
// acknowledged (see broker.Singly), it stays pending, neither acknowledged nor returned.
func (d *delivery) drop() {
	if d.over.CompareAndSwap(false, true) { // first: who awaits the message settles d at its Nack
		if acked := !d.message.Nack(); acked {
			d.sub.settle(d, true)
		}
		d.sub.inHand.Done()
	}
}

func newSubscription(ctx context.Context, s *Subscriber, topic string, m membership, singly bool) *subscription {
	sub := &subscription{
		s: s, b: s.b, topic: topic, group: s.config.Group, singly: singly,
		log:     s.b.opts.Logger.With("topic", topic, "group", s.config.Group),
		out:     make(chan []broker.Delivery, readSize/broker.MaxBatch),
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
		d := &delivery{entry: e, sub: s, consumer: s.member.name, read: now}
		s.held[e.ID] = d
		s.weigh(d)
		if d.suspect {
			s.suspects++
		}
		fresh = append(fresh, d)
	}
	return fresh
}

// deliver hands entries over, each to the consumer or to quarantine. It returns how many
// it did; fewer than all when reading has ended and the consumer has not taken the others,
// which are then for giveBack.
func (s *subscription) deliver(ds []*delivery) (taken int, left []*delivery) {
	for chunk := range slices.Chunk(ds, broker.MaxBatch) {
		batch := s.prepare(chunk)
		taken += len(chunk) - len(batch)
		if len(batch) == 0 {
			continue
		}
		select {
		case s.out <- batch:
			taken += len(batch)
		case <-s.reading.Done():
			for _, d := range batch {
				d.(*delivery).drop()
				left = append(left, d.(*delivery))
			}
			return taken, append(left, ds[taken+len(left):]...)
		}
		if s.hands.Err() != nil {
			s.cut()
		}
	}
	return taken, nil
}

// prepare takes entries into hand and makes messages of them. What is no message, or was
// delivered too often, goes to quarantine.
func (s *subscription) prepare(ds []*delivery) []broker.Delivery {
	batch := make([]broker.Delivery, 0, len(ds))
	for _, d := range ds {
		m, err := decode(d.Values)
		switch {
		case err != nil:
			m = salvage(d.Values)
		case d.deliveries > int64(s.s.config.MaxDeliveries):
			err = fmt.Errorf("delivered %d times and never acknowledged", d.deliveries-1)
		}
		d.Values = nil
		s.inHand.Add(1)
		if err != nil {
			go s.quarantine(d, m, err)
			continue
		}
		if s.singly {
			m = broker.Awaitable(m)
		}
		s.mu.Lock()
		d.message = m
		s.mu.Unlock()
		batch = append(batch, d)
	}
	return batch
}

// takeBack empties the channel of what the consumer has not taken.
func (s *subscription) takeBack() {
	for {
		select {
		case batch := <-s.out:
			s.untake(batch)
		default:
			return
		}
	}
}

// untake gives back what was delivered and not taken, with its places in the window.
func (s *subscription) untake(batch []broker.Delivery) {
	back := make([]*delivery, len(batch))
	for i, d := range batch {
		back[i] = d.(*delivery)
		back[i].drop()
	}
	s.s.credits.put(len(back))
	s.giveBack(back)
}

// cut waits for what is in hand no more.
func (s *subscription) cut() {
	s.drop()
	s.mu.Lock()
	var inHand []*delivery
	for _, d := range s.held {
		if d.message != nil {
			inHand = append(inHand, d)
		}
	}
	s.mu.Unlock()
	for _, d := range inHand {
		d.drop()
	}
}

// quarantine hands m to Config.Quarantine, whose answer settles it.
func (s *subscription) quarantine(d *delivery, m *message.Message, reason error) {
	defer s.inHand.Done()
	ctx, cancel := context.WithCancel(s.hands)
	defer cancel()
	m.SetContext(ctx)
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
