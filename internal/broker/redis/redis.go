// Package redis is the broker on Redis Streams, in the wire format of
// watermill-redisstream: a program built on that library can publish to our
// topics and read from them.
//
// A topic is a stream and a group is a consumer group, which begins at the
// stream's first entry. Everything a crash must not lose lies in Redis:
//
//   - What a member holds is in the group's pending entries under the member's
//     consumer name, <pipeline>-<hostname>-<slot>. The slot is leased in a hash
//     next to the stream (members.go). When the lease ends, or its process is
//     seen to be dead on this host, the others take its entries at once, and
//     whoever gets the slot next starts with them.
//   - What was given back (a Nack, a Drain) is pending under the consumer name
//     "returned", and belongs to whoever claims it first once its time has come.
//     A Nack thus costs no memory here, survives a crash and keeps Redis'
//     delivery count, which MaxDeliveries is compared with.
//   - Every change of ownership is a Lua script that checks the owner first
//     (scripts.go), so that two members never deliver the same entry, and what
//     was acknowledged never comes back.
//
// It needs Redis 6.2 or newer.
package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"catalyst/internal/broker"
	"catalyst/internal/together"
)

// Options are the settings of a Broker.
type Options struct {
	// Name is the pipeline's name, the first part of consumer names. Defaults
	// to "pipeline".
	Name string
	// Logger gets outages, recoveries and recreated groups. Defaults to silence.
	Logger *slog.Logger
	// KeepAcked leaves entries in the streams that every group has acknowledged:
	// for streams that belong to someone else. By default they are trimmed.
	KeepAcked bool
}

// A Broker is a broker.Broker on one Redis server. It has connections of its
// own, which Close releases.
type Broker struct {
	client  *redis.Client
	options redis.Options // as read from the URL, for further clients
	opts    Options
	host    string
	adds    together.Calls[[]any, error]
	health  health

	mu          sync.Mutex
	closed      bool
	subscribers []*Subscriber
}

var _ broker.Broker = (*Broker)(nil)

// requestTimeout bounds every request that has no shorter time of its own.
const requestTimeout = 10 * time.Second

// Open connects to the server at a redis:// or rediss:// (TLS) URL. Its error
// never shows the URL, which may hold a password.
func Open(ctx context.Context, rawURL string, opts Options) (*Broker, error) {
	options, err := parse(rawURL)
	if err != nil {
		return nil, err
	}
	if opts.Name == "" {
		opts.Name = "pipeline"
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	own := *options // the client writes its defaults into what it is given
	b := &Broker{client: redis.NewClient(&own), options: *options, opts: opts, host: host}
	b.adds.Ask, b.adds.Timeout = b.add, requestTimeout
	b.health.log = opts.Logger
	b.health.begin = "redis does not answer; trying again until it does"
	b.health.end = "redis answers again"
	if err := b.Ping(ctx); err != nil {
		b.client.Close()
		return nil, err
	}
	return b, nil
}

// parse reads a URL. What is wrong with a URL is told without quoting it: the
// parser's own errors quote whatever it took for a port or a path, which with a
// badly escaped password is the password.
func parse(rawURL string) (*redis.Options, error) {
	u, err := url.Parse(rawURL)
	if err == nil && u.Scheme != "redis" && u.Scheme != "rediss" && u.Scheme != "unix" {
		err = errors.New("scheme")
	}
	var options *redis.Options
	if err == nil {
		options, err = redis.ParseURL(rawURL)
	}
	if err != nil {
		return nil, errors.New("redis URL: want redis://[user:password@]host[:port][/database], or rediss:// for TLS; " +
			"special characters in the password must be percent-encoded")
	}
	// A retry inside the client could store a message twice without a word, or
	// hide an outage from the loops here, which wait longer between attempts.
	options.MaxRetries = -1
	options.DialerRetries = 1
	options.ContextTimeoutEnabled = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	quiet.Do(func() { redis.SetLogger(silence{}) })
	return options, nil
}

// The client prints to stderr what it also returns as errors. Its logger is one
// for the whole process.
var quiet sync.Once

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

// Publisher implements broker.Broker. Concurrent calls, of all publishers of
// the Broker, travel together.
func (b *Broker) Publisher() message.Publisher { return &publisher{commands: &b.adds} }

// Subscriber implements broker.Broker.
func (b *Broker) Subscriber(config broker.Config) (broker.Subscriber, error) {
	s, err := newSubscriber(b, config)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, errors.New("redis broker: closed")
	}
	b.subscribers = append(b.subscribers, s)
	return s, nil
}

// Ping implements broker.Broker.
func (b *Broker) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := b.client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("redis at %s does not answer: %w; check that it runs and that the URL is right", b.client.Options().Addr, err)
	}
	return nil
}

// Close implements broker.Broker. Subscribers still open are closed, not drained.
func (b *Broker) Close() error {
	b.mu.Lock()
	subscribers, closed := b.subscribers, b.closed
	b.subscribers, b.closed = nil, true
	b.mu.Unlock()
	if closed {
		return nil
	}
	for _, s := range subscribers {
		s.Close()
	}
	return b.client.Close()
}

// connect returns a client with one connection of its own, for a reader that
// blocks: closing it ends the read at once, which a context cannot.
func (b *Broker) connect() *redis.Client {
	options := b.options
	options.PoolSize = 1
	options.MinIdleConns = 0
	return redis.NewClient(&options)
}
