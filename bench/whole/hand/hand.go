// Package hand is the default pipeline written by hand against go-redis, pgx and net/http,
// as one does who needs it once: the limit that the real one is held against.
//
// It has the pipeline's fast path and nothing else. It renews no leases, takes over from
// nobody, retries nothing, parks nothing and has no poison: the first error ends it, and
// what was under way is found in the streams. A second delivery may post twice. It knows
// no limits, budgets, prices or providers, keeps no book of costs, has no metrics and no
// log, and does not wait for an answer that is on its way to an item like this one.
package hand

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	pgxvector "github.com/pgvector/pgvector-go/pgx"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"catalyst/bench/whole/work"
	"catalyst/internal/news"
)

// Config is where everything is.
type Config struct {
	Redis, Database string // URLs; the database has a schema for this alone
	Model, Discord  string // addresses, without a path
	Prefix          string // of keys
	Raw, Analyse    string // streams
	Posting         int    // batches under way that are posted, behind the one that is looked at
	Asking          int    // batches under way behind Analyse
	Sending         int    // requests to Discord at the same time
	Concurrency     int    // questions to the model at the same time
}

// Tuned is what was fastest on two cores.
var Tuned = Config{Posting: 4, Asking: 16, Sending: 64, Concurrency: 5}

// Group reads the streams.
const Group = "hand"

// Tools are what p does the work with.
func (p *Program) Tools() *work.Tools { return p.tools }

// A Program is both segments and their connections.
type Program struct {
	config  Config
	tools   *work.Tools
	redis   *redis.Client
	db      *pgxpool.Pool
	http    *http.Client
	discord chan struct{} // places for requests
	model   chan struct{}
}

// An Entry is an item on its way.
type Entry struct {
	ID   string // of the message
	At   string // in the stream
	Item *news.Item

	Message string // its number at Discord
	Subject work.Subject
}

// Open connects. Close ends it.
func Open(ctx context.Context, c Config) (*Program, error) {
	tools, err := work.New()
	if err != nil {
		return nil, err
	}
	options, err := redis.ParseURL(c.Redis)
	if err != nil {
		return nil, errors.New("REDIS_URL must be the address of a Redis server")
	}
	pool, err := pgxpool.ParseConfig(c.Database)
	if err != nil {
		return nil, errors.New("DATABASE_URL must be the address of a PostgreSQL server")
	}
	pool.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error { return pgxvector.RegisterTypes(ctx, conn) }
	db, err := pgxpool.NewWithConfig(ctx, pool)
	if err != nil {
		return nil, err
	}
	if _, err := db.Exec(ctx, schema); err != nil {
		db.Close()
		return nil, fmt.Errorf("create table: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 256
	return &Program{
		config: c, tools: tools, redis: redis.NewClient(options), db: db,
		http:    &http.Client{Transport: transport, Timeout: 10 * time.Second},
		discord: make(chan struct{}, c.Sending), model: make(chan struct{}, c.Concurrency),
	}, nil
}

// Close ends the connections.
func (p *Program) Close() {
	p.redis.Close()
	p.db.Close()
	p.http.CloseIdleConnections()
}

// Run does the work until ctx ends.
func (p *Program) Run(ctx context.Context) error {
	for _, stream := range []string{p.config.Raw, p.config.Analyse} {
		if err := p.redis.XGroupCreateMkStream(ctx, stream, Group, "0").Err(); err != nil {
			return fmt.Errorf("create group of %s: %w", stream, err)
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	admitted := make(chan Admitted)
	g.Go(func() error {
		defer close(admitted)
		return p.read(ctx, p.config.Raw, func(batch []Entry) error { return p.admit(ctx, batch, admitted) })
	})
	each(g, p.config.Posting, admitted, func(a Admitted) error { return p.First(ctx, a) })
	batches := make(chan []Entry)
	g.Go(func() error {
		defer close(batches)
		return p.gather(ctx, batches)
	})
	each(g, p.config.Asking, batches, func(batch []Entry) error { return p.Second(ctx, batch) })
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// each has workers work on what comes, until that ends.
func each[T any](g *errgroup.Group, workers int, from <-chan T, do func(T) error) {
	for range workers {
		g.Go(func() error {
			for v := range from {
				if err := do(v); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// read hands batches of a stream to each, until ctx ends.
func (p *Program) read(ctx context.Context, stream string, each func([]Entry) error) error {
	for {
		found, err := p.redis.XReadGroup(ctx, &redis.XReadGroupArgs{
			Group: Group, Consumer: "one", Streams: []string{stream, ">"}, Count: 500, Block: work.BatchWait,
		}).Result()
		var batch []Entry
		switch {
		case errors.Is(err, redis.Nil):
		case err != nil:
			return fmt.Errorf("read %s: %w", stream, err)
		default:
			for _, m := range found[0].Messages {
				id, _ := m.Values["_watermill_message_uuid"].(string)
				payload, _ := m.Values["payload"].(string)
				item, err := news.Decode([]byte(payload))
				if err != nil {
					return fmt.Errorf("decode %s: %w", m.ID, err)
				}
				batch = append(batch, Entry{ID: id, At: m.ID, Item: item})
			}
		}
		if err := each(batch); err != nil {
			return err
		}
	}
}

// gather makes the batches of the second segment. One that does not fill goes as it is
// when the stream has had nothing for a while.
func (p *Program) gather(ctx context.Context, batches chan<- []Entry) error {
	var rest []Entry
	return p.read(ctx, p.config.Analyse, func(read []Entry) error {
		rest = append(rest, read...)
		for len(rest) >= work.BatchSize || len(rest) > 0 && len(read) == 0 {
			n := min(len(rest), work.BatchSize)
			select {
			case batches <- rest[:n:n]:
			case <-ctx.Done():
				return ctx.Err()
			}
			rest = rest[n:]
		}
		return nil
	})
}

// send makes a request when there is a place for it, and returns the answer's body.
func (p *Program) send(ctx context.Context, places chan struct{}, method, url string, body []byte) ([]byte, error) {
	places <- struct{}{}
	defer func() { <-places }()
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bot token")
	response, err := p.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s", method, r.URL.Path, response.Status)
	}
	return answer, err
}
