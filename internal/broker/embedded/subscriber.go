package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"catalyst/internal/broker"
	"catalyst/internal/sqlite"
)

// A subscriber is a member of a group. For each topic a pump claims messages
// and hands them out; one goroutine writes down what becomes of them and one keeps house.
type subscriber struct {
	broker *Broker
	db     *sqlite.DB
	config broker.Config
	name   string
	log    *slog.Logger

	member  atomic.Int64
	acked   atomic.Bool // since the last trim
	credits credits
	settled *settlements

	claiming, keeping trouble

	reading     context.Context // ends when Drain begins
	stopReading context.CancelFunc
	living      context.Context // ends when messages in hand are given up
	giveUp      context.CancelFunc
	pumps       sync.WaitGroup
	hands       sync.WaitGroup
	house       sync.WaitGroup
	singly      sync.WaitGroup // those who deliver one by one

	mu       sync.Mutex
	draining bool
	drained  chan struct{}
	drainErr error
	topics   map[string]int64 // subscribed to, and the group's id there
	inHand   map[held]*delivery
	outs     []chan []broker.Delivery
}

// held names a message in hand.
type held struct{ group, message int64 }

// A subscription is a topic of a subscriber.
type subscription struct {
	topic  string
	group  int64
	ctx    context.Context // as given to Subscribe, for its values; ends when what is in hand is given up
	singly bool            // messages are awaited one by one
	out    chan []broker.Delivery
}

// A delivery is a message in hand. It implements broker.Delivery.
type delivery struct {
	s       *subscriber
	place   held
	message *message.Message
	over    atomic.Bool
}

func (d *delivery) Message() *message.Message { return d.message }

func (d *delivery) Settle(acked bool) {
	if d.over.CompareAndSwap(false, true) {
		d.s.note(d.place, acked)
		d.s.hands.Done()
	}
}

// drop takes d out of its holder's hand, unless it is settled, or its message
// acknowledged (see broker.Singly). It stays this member's, for leave.
func (d *delivery) drop() {
	if d.over.CompareAndSwap(false, true) { // first: who awaits the message settles d at its Nack
		if acked := !d.message.Nack(); acked {
			d.s.note(d.place, true)
		} else {
			d.s.drop(d.place)
		}
		d.s.hands.Done()
	}
}

// Subscriber joins a group, and takes over what dead members have left.
func (b *Broker) Subscriber(c broker.Config) (broker.Subscriber, error) {
	if c.Group == "" {
		return nil, errors.New("subscriber: no group is given")
	}
	if c.Quarantine == nil {
		return nil, fmt.Errorf("subscriber of group %s: no quarantine is given", c.Group)
	}
	s := &subscriber{
		broker:  b,
		db:      b.db,
		config:  withDefaults(c),
		name:    b.options.Name,
		log:     b.options.Logger.With("group", c.Group),
		settled: newSettlements(),
		drained: make(chan struct{}),
		topics:  make(map[string]int64),
		inHand:  make(map[held]*delivery),
	}
	s.credits.free = s.config.InFlight
	s.reading, s.stopReading = context.WithCancel(context.Background())
	s.living, s.giveUp = context.WithCancel(context.Background())
	context.AfterFunc(s.living, s.dropAll)
	if err := b.enter(s); err != nil {
		return nil, fmt.Errorf("subscriber of group %s: %w", c.Group, err)
	}
	if err := s.join(context.Background()); err != nil {
		b.leave(s)
		return nil, err
	}
	go s.flush()
	s.house.Go(func() { s.keepHouse(s.living) })
	return s, nil
}

func withDefaults(c broker.Config) broker.Config {
	if c.InFlight <= 0 {
		c.InFlight = 1_000
	}
	if c.Lease <= 0 {
		c.Lease = 30 * time.Second
	}
	if c.RedeliverAfter <= 0 {
		c.RedeliverAfter = time.Second
	}
	if c.MaxDeliveries <= 0 {
		c.MaxDeliveries = 20
	}
	return c
}

// Subscribe delivers the messages of a topic until ctx ends. A group that is
// new begins with the oldest message there is.
func (s *subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	sub, reading, err := s.subscribe(ctx, topic, true)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	return broker.Singly(&s.singly, sub.out, reading, sub.ctx, func(batch []broker.Delivery) { s.untake(sub, batch) }), nil
}

// Receive implements broker.Subscriber. What is said of Subscribe holds.
func (s *subscriber) Receive(ctx context.Context, topic string) (<-chan []broker.Delivery, error) {
	sub, _, err := s.subscribe(ctx, topic, false)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	return sub.out, nil
}

func (s *subscriber) subscribe(ctx context.Context, topic string, singly bool) (*subscription, context.Context, error) {
	group, err := s.group(ctx, topic)
	if err != nil {
		return nil, nil, err
	}
	sub := &subscription{topic: topic, group: group, singly: singly, out: make(chan []broker.Delivery)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return nil, nil, errors.New("the subscriber is closed")
	}
	s.topics[topic] = group
	var end func()
	sub.ctx, end = context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(s.living, end)
	reading, stop := context.WithCancel(ctx)
	unlink := context.AfterFunc(s.reading, stop)
	s.pumps.Go(func() {
		s.pump(reading, sub)
		unlink()
		stop()
		s.finish(sub)
	})
	return sub, reading, nil
}

// finish closes the channel of a subscription that has ended: at once if it
// ended by itself, else when everything in hand is settled.
func (s *subscriber) finish(sub *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		s.outs = append(s.outs, sub.out)
		return
	}
	close(sub.out)
}

// group returns the id of the group at a topic, and makes it if it is new.
func (s *subscriber) group(ctx context.Context, topic string) (id int64, err error) {
	err = s.db.Write(ctx, func(tx *sqlite.Tx) error {
		_, err := tx.Exec(`INSERT INTO groups (topic, name) VALUES (?, ?) ON CONFLICT DO NOTHING`, topic, s.config.Group)
		if err != nil {
			return err
		}
		return tx.Get(`SELECT id FROM groups WHERE topic = ? AND name = ?`, []any{topic, s.config.Group}, &id)
	})
	return id, err
}

// pump claims as many messages as there are free places and hands them out.
func (s *subscriber) pump(ctx context.Context, sub *subscription) {
	for {
		free, err := s.credits.take(ctx, maxClaim)
		if err != nil {
			return
		}
		news := s.db.News() // before looking, so that nothing is missed
		entries, due, err := s.claim(ctx, sub, free)
		if err != nil {
			s.credits.give(free)
			if !s.recoverFrom(ctx, err) {
				return
			}
			continue
		}
		s.claiming.note(s.log, "claiming messages", nil)
		s.credits.give(free - len(entries))
		for chunk := range slices.Chunk(entries, broker.MaxBatch) {
			s.hand(ctx, sub, chunk)
		}
		if len(entries) == 0 && !wait(ctx, news, due) {
			return
		}
	}
}

// recoverFrom waits a little after a claim has failed; false if it is over.
func (s *subscriber) recoverFrom(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	if errors.Is(err, errBuried) {
		err = s.beat(ctx) // which joins again
	}
	if err != nil {
		s.claiming.note(s.log, "claiming messages", err)
	}
	return wait(ctx, nil, time.Now().Add(time.Second))
}

// wait waits for news, or until due unless that is zero; false if ctx ends.
func wait(ctx context.Context, news <-chan struct{}, due time.Time) bool {
	var alarm <-chan time.Time
	if !due.IsZero() {
		timer := time.NewTimer(time.Until(due))
		defer timer.Stop()
		alarm = timer.C
	}
	select {
	case <-news:
	case <-alarm:
	case <-ctx.Done():
		return false
	}
	return true
}

// hand gives messages to the reader of the channel, or back to the group if ctx ends first.
func (s *subscriber) hand(ctx context.Context, sub *subscription, entries []entry) {
	batch := make([]broker.Delivery, 0, len(entries))
	for i := range entries {
		e := &entries[i]
		m, reason := e.message()
		if reason == nil && e.count > s.config.MaxDeliveries {
			reason = fmt.Errorf("delivered %d times and never acknowledged", e.count-1)
		}
		d := &delivery{s: s, place: held{sub.group, e.id}, message: m}
		if !s.hold(d) {
			s.credits.give(1) // in our hand already: we were taken for dead, and it came back
			continue
		}
		if reason != nil {
			d.over.Store(true)
			go s.quarantine(sub, d.place, m, reason)
			continue
		}
		if sub.singly {
			d.message = broker.Awaitable(m)
		}
		batch = append(batch, d)
	}
	if len(batch) == 0 {
		return
	}
	select {
	case sub.out <- batch:
		if s.living.Err() != nil {
			s.dropAll()
		}
	case <-ctx.Done():
		s.untake(sub, batch)
	}
}

// untake gives back messages that were handed out and that nobody has taken, with their
// places.
func (s *subscriber) untake(sub *subscription, batch []broker.Delivery) {
	entries := make([]entry, len(batch))
	for i, d := range batch {
		d := d.(*delivery)
		d.drop()
		entries[i].id = d.place.message
	}
	if err := s.release(sub.group, entries); err != nil {
		// They stay this member's, until it leaves or its lease runs out.
		s.log.Warn("messages cannot be released", "topic", sub.topic, "error", err)
	}
	s.credits.give(len(entries))
}

func (s *subscriber) quarantine(sub *subscription, place held, m *message.Message, reason error) {
	defer s.hands.Done()
	if m.UUID == "" {
		m.UUID = uuid.NewString()
	}
	ctx, cancel := context.WithCancel(sub.ctx)
	defer cancel()
	m.SetContext(ctx)
	err := s.config.Quarantine(ctx, sub.topic, m, reason)
	if err != nil {
		s.log.Warn("a message cannot be put into quarantine, trying later", "topic", sub.topic, "id", m.UUID, "error", err)
	}
	s.note(place, err == nil)
}

// note settles a message and frees its place.
func (s *subscriber) note(place held, acked bool) {
	s.settled.add(settlement{place.group, place.message, acked, time.Now()})
	if acked {
		s.acked.Store(true)
	}
	s.drop(place)
	s.credits.give(1)
}

// hold takes d into hand; false if its message is there already.
func (s *subscriber) hold(d *delivery) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, have := s.inHand[d.place]; have {
		return false
	}
	s.inHand[d.place] = d
	s.hands.Add(1)
	return true
}

func (s *subscriber) drop(place held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.inHand, place)
}

// dropAll drops everything in hand.
func (s *subscriber) dropAll() {
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.inHand))
	s.mu.Unlock()
	for _, d := range all {
		d.drop()
	}
}
