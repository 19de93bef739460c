package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"catalyst/internal/broker"
	"catalyst/internal/sqlite"
)

// A subscriber is a member of a group. For each topic a pump claims messages
// and hands them out; for each message in hand a goroutine waits for what
// becomes of it; one goroutine writes that down and one keeps house.
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

	mu       sync.Mutex
	draining bool
	drained  chan struct{}
	drainErr error
	topics   map[string]int64 // subscribed to, and the group's id there
	inHand   map[held]bool
	outs     []chan *message.Message
}

// held names a message in hand.
type held struct{ group, message int64 }

// A subscription is a topic of a subscriber.
type subscription struct {
	topic string
	group int64
	ctx   context.Context // as given to Subscribe; for its values
	out   chan *message.Message
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
		inHand:  make(map[held]bool),
	}
	s.credits.free = s.config.InFlight
	s.reading, s.stopReading = context.WithCancel(context.Background())
	s.living, s.giveUp = context.WithCancel(context.Background())
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
	group, err := s.group(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	sub := &subscription{topic: topic, group: group, ctx: context.WithoutCancel(ctx), out: make(chan *message.Message)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return nil, fmt.Errorf("subscribe to %s: the subscriber is closed", topic)
	}
	s.topics[topic] = group
	reading, stop := context.WithCancel(ctx)
	unlink := context.AfterFunc(s.reading, stop)
	s.pumps.Go(func() {
		s.pump(reading, sub)
		unlink()
		stop()
		s.finish(sub)
	})
	return sub.out, nil
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
		for i := range entries {
			if !s.hand(ctx, sub, &entries[i]) {
				s.giveBack(sub, entries[i:])
				return
			}
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

// giveBack returns claimed messages that nobody has received, with their places.
func (s *subscriber) giveBack(sub *subscription, entries []entry) {
	if err := s.release(sub.group, entries); err != nil {
		// They stay this member's, until it leaves or its lease runs out.
		s.log.Warn("messages cannot be released", "topic", sub.topic, "error", err)
	}
	s.credits.give(len(entries))
}

// hand gives a message to the reader of the channel; false if ctx ends first.
func (s *subscriber) hand(ctx context.Context, sub *subscription, e *entry) bool {
	place := held{sub.group, e.id}
	if !s.hold(place) {
		s.credits.give(1) // in our hand already: we were taken for dead, and it came back
		return true
	}
	m, reason := e.message()
	if reason == nil && e.count > s.config.MaxDeliveries {
		reason = fmt.Errorf("delivered %d times and never acknowledged", e.count-1)
	}
	living, cancel := context.WithCancel(sub.ctx)
	unlink := context.AfterFunc(s.living, cancel)
	release := func() { unlink(); cancel() }
	m.SetContext(living)
	if reason != nil {
		s.hands.Go(func() {
			defer release()
			s.quarantine(sub, place, m, reason)
		})
		return true
	}
	select {
	case sub.out <- m:
	case <-ctx.Done():
		s.drop(place)
		release()
		return false
	}
	s.hands.Go(func() {
		defer release()
		s.await(place, m)
	})
	return true
}

// await notes what becomes of a message in hand. One that is given up stays
// as it is, for leave.
func (s *subscriber) await(place held, m *message.Message) {
	select {
	case <-m.Acked():
		s.note(place, true)
	case <-m.Nacked():
		s.note(place, false)
	case <-s.living.Done():
		select { // an ack may have come just before
		case <-m.Acked():
			s.note(place, true)
		default:
			s.drop(place)
		}
	}
}

func (s *subscriber) quarantine(sub *subscription, place held, m *message.Message, reason error) {
	if m.UUID == "" {
		m.UUID = uuid.NewString()
	}
	err := s.config.Quarantine(m.Context(), sub.topic, m, reason)
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

func (s *subscriber) hold(place held) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inHand[place] {
		return false
	}
	s.inHand[place] = true
	return true
}

func (s *subscriber) drop(place held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.inHand, place)
}
