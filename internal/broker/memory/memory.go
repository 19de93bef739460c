// Package memory is a broker that keeps its topics in the memory of the process: for
// replays and measurements, where durability would only cost time. It passes
// brokertest, and promises what package broker says for as long as the process lives.
package memory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/internal/broker"
)

// A Server holds topics. Its Brokers share them, as processes share a Redis.
type Server struct {
	// Now says when a message was published, and Changed is called after everything
	// that was published or settled, without a lock held. Set them before the first use;
	// nil is the time of day, and nobody.
	Now     func() time.Time
	Changed func()

	mu     sync.Mutex
	topics map[string]*topic
	owed   int    // deliveries that groups have not acknowledged
	epoch  uint64 // counts what was published and settled
}

// NewServer returns one without topics.
func NewServer() *Server { return &Server{topics: make(map[string]*topic)} }

// Owed returns how many messages groups have not acknowledged, each group's counted,
// and a number that is another after every change of that.
func (s *Server) Owed() (n int, epoch uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.owed, s.epoch
}

// Owing is Owed, with no more than most of each group's counted: as many as a group that
// has one member with so much room can have in hand.
func (s *Server) Owing(most int) (n int, epoch uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.topics {
		for _, g := range t.groups {
			n += min(g.owed.Len(), most)
		}
	}
	return n, s.epoch
}

// Oldest is when the oldest of what is owed was published; zero if nothing is.
func (s *Server) Oldest() (oldest time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.topics {
		for _, g := range t.groups {
			if e := g.owed.Front(); e != nil {
				if at := e.Value.(*delivery).at; oldest.IsZero() || at.Before(oldest) {
					oldest = at
				}
			}
		}
	}
	return oldest
}

// Broker returns a broker on the server, as one more process would have.
func (s *Server) Broker() *Broker { return &Broker{server: s} }

func (s *Server) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

func (s *Server) changed() {
	if s.Changed != nil {
		s.Changed()
	}
}

// A Broker is a member's way to a [Server].
type Broker struct {
	server *Server

	mu     sync.Mutex
	closed bool
	subs   map[*subscriber]bool
}

var _ broker.Broker = (*Broker)(nil)

var errClosed = errors.New("the broker is closed")

// Publisher implements [broker.Broker].
func (b *Broker) Publisher() message.Publisher { return publisher{b} }

type publisher struct{ *Broker }

func (publisher) Close() error { return nil }

func (p publisher) Publish(name string, messages ...*message.Message) error {
	if err := p.Ping(context.Background()); err != nil {
		return fmt.Errorf("publish to %s: %w", name, err)
	}
	if len(messages) > 0 {
		p.server.publish(name, messages)
	}
	return nil
}

// Subscriber implements [broker.Broker].
func (b *Broker) Subscriber(c broker.Config) (broker.Subscriber, error) {
	if c.Group == "" || c.Quarantine == nil {
		return nil, errors.New("a subscriber needs Group and Quarantine")
	}
	s := newSubscriber(b, c)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, errClosed
	}
	if b.subs == nil {
		b.subs = make(map[*subscriber]bool)
	}
	b.subs[s] = true
	return s, nil
}

func (b *Broker) leave(s *subscriber) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.subs, s)
}

// Lag implements [broker.Broker].
func (b *Broker) Lag(_ context.Context, name, group string) (broker.Lag, error) {
	return b.server.lag(name, group), b.Ping(context.Background())
}

// Len implements [broker.Broker].
func (b *Broker) Len(_ context.Context, name string) (int64, error) {
	return b.server.length(name), b.Ping(context.Background())
}

// Browse implements [broker.Broker].
func (b *Broker) Browse(_ context.Context, name, after string, limit int) ([]broker.Stored, error) {
	if err := b.Ping(context.Background()); err != nil {
		return nil, err
	}
	return b.server.browse(name, after, limit)
}

// Delete implements [broker.Broker].
func (b *Broker) Delete(_ context.Context, name string, positions ...string) (int, error) {
	if err := b.Ping(context.Background()); err != nil {
		return 0, err
	}
	return b.server.delete(name, positions)
}

// Ping implements [broker.Broker]: only a closed one does not answer.
func (b *Broker) Ping(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return errClosed
	}
	return nil
}

// Close implements [broker.Broker]. What its subscribers still hold goes back to their
// groups at once: nobody else can be waiting for a process that is this one.
func (b *Broker) Close() error {
	b.mu.Lock()
	b.closed = true
	subs := b.subs
	b.subs = nil
	b.mu.Unlock()
	var faults []error
	for s := range subs {
		faults = append(faults, s.Close())
	}
	return errors.Join(faults...)
}
