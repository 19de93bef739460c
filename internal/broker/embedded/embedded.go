// Package embedded is a [broker.Broker] in one SQLite file: durable, many
// messages in flight, no service to install. Processes on one machine may share
// the file; for several machines there is Redis.
//
// A message is a row of messages. A group is a cursor over them, and a row of
// deliveries for each message before the cursor that is not yet acknowledged:
//
//	published ──▶ waiting ──claim──▶ in hand ──ack──▶ gone
//	                                 │     ▲
//	              nack, drain, death ▼     │ claim
//	                                free ──┘   (nack: not before RedeliverAfter)
//
// A row is deleted once every group of its topic has acknowledged it. A topic
// that has no group keeps everything, as a poison topic must.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"catalyst/internal/broker"
	"catalyst/internal/sqlite"
)

// Options are what a Broker may be told. The zero Options will do.
type Options struct {
	// Name is how the members table calls this process; for people only.
	Name string
	// Logger defaults to [slog.Default].
	Logger *slog.Logger
}

// A Broker keeps topics in an SQLite file.
type Broker struct {
	db      *sqlite.DB
	options Options

	mu      sync.Mutex
	closed  bool
	members map[*subscriber]bool
}

var _ broker.Broker = (*Broker)(nil)

var errClosed = errors.New("the broker is closed")

// Open opens the broker in the file at path. The file's tables must be those
// of this program: see [sqlite.Migrate].
func Open(ctx context.Context, path string, options Options) (*Broker, error) {
	db, err := sqlite.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	if err := sqlite.Check(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	return &Broker{db: db, options: options, members: make(map[*subscriber]bool)}, nil
}

// Ping reports whether the file can be read.
func (b *Broker) Ping(ctx context.Context) error { return b.db.Ping(ctx) }

// Close closes the file. Subscribers that are still open are closed first: what
// they hold goes to others.
func (b *Broker) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	left := slices.Collect(maps.Keys(b.members))
	b.mu.Unlock()

	var errs []error
	for _, s := range left {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, b.db.Close())...)
}

func (b *Broker) open() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return errClosed
	}
	return nil
}

// enter notes an open subscriber.
func (b *Broker) enter(s *subscriber) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return errClosed
	}
	b.members[s] = true
	return nil
}

func (b *Broker) leave(s *subscriber) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.members, s)
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
