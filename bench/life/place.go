package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"catalyst/bench/contest"
	redisbroker "catalyst/internal/broker/redis"
	"catalyst/internal/news"
	"catalyst/internal/store/postgres"
)

// A place is the default pipeline under a name of its own, with topics and tables of its
// own, a Discord whose limits nobody meets, and a feed that has nothing new.
type place struct {
	*life
	name, file string
	env        []string
	leave      func() error
}

// enter makes a place. Embedded is one that keeps everything in a file.
func (l *life) enter(ctx context.Context, embedded bool) (*place, error) {
	p := &place{life: l, name: "benchlife" + strings.ToLower(rand.Text())}
	text, err := l.pipeline(p.name)
	if err != nil {
		return nil, err
	}
	p.file = filepath.Join(l.folder, p.name+".yaml")
	if err := os.WriteFile(p.file, text, 0o600); err != nil {
		return nil, err
	}
	broker, store := "sqlite://"+filepath.ToSlash(filepath.Join(l.folder, p.name+".db")), ""
	if p.leave = func() error { return nil }; embedded {
		store = broker
	} else {
		schema, drop, err := postgres.Scratch(ctx, l.databaseURL, p.name)
		if err != nil {
			return nil, err
		}
		broker, store = l.redisURL, schema
		p.leave = func() error {
			_, err := redisbroker.Clear(context.Background(), l.redisURL, p.name)
			return errors.Join(err, drop(context.Background()))
		}
	}
	p.env = []string{
		"REDIS_URL=" + broker, "DATABASE_URL=" + store,
		"DISCORD_TOKEN=token", "DISCORD_CHANNEL=42", "DISCORD_API_URL=" + l.servers.URL,
		"OPENAI_API_URL=" + l.servers.URL + "/v1", "OPENAI_MODEL=stand-in",
		"LLM_LOCAL_ENABLED=0", "GEMINI_API_KEY=", "ANTHROPIC_API_KEY=", "OPENAI_API_KEY=", // nobody else is asked
		"MISTRAL_BATCH_DELAY=0.05", "HTTP_LISTEN=off", "OPERATOR_CHANNEL=", "EDGAR_CONTACT=",
	}
	l.fakes.Reset()
	return p, nil
}

// pipeline is the default file with the names, the feed and the limits of a place.
func (l *life) pipeline(name string) ([]byte, error) {
	return contest.Pipeline(name, map[string]any{"rss": map[string]any{"name": "feed", "url": l.servers.URL + "/feed", "every": "1s"}})
}

// run starts the program.
func (p *place) run(ctx context.Context) (*contest.Process, error) {
	return contest.Start(ctx, "pipeline", p.env, p.program, "run", "--env-file", "none", "--log-level", "error", "-f", p.file)
}

// feed is what the source reads: what it has is of long ago, and the same each time.
const feed = `<?xml version="1.0"?><rss version="2.0"><channel><title>Bench</title>
<item><guid>1</guid><title>Alder Foods Opens Its Doors</title><link>https://news.example.com/1</link><pubDate>Mon, 06 Jan 2020 10:00:00 GMT</pubDate></item>
</channel></rss>`

// ServeHTTP is all that the program talks to.
func (l *life) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/feed" {
		w.Header().Set("Content-Type", "application/rss+xml")
		fmt.Fprint(w, feed)
		return
	}
	l.fakes.ServeHTTP(w, r)
}

func (p *place) topics() []string { return []string{p.name + ".raw", p.name + ".analyse"} }

// put publishes items as any program built on Watermill would.
func (p *place) put(ctx context.Context, n int, item func(n int) *news.Item) error {
	const together = 1000
	for at := 0; at < n; at += together {
		if _, err := p.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for i := at; i < min(at+together, n); i++ {
				it := item(i)
				it.Published = time.Now().UTC()
				payload, err := news.Encode(it)
				if err != nil {
					return err
				}
				pipe.XAdd(ctx, &redis.XAddArgs{Stream: p.name + ".raw", Values: []any{
					"_watermill_message_uuid", fmt.Sprintf("%s-%d", p.name, i), "metadata", "\x80", "payload", payload,
				}})
			}
			return nil
		}); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
	return nil
}

// A left is what a place has still to do.
type left struct {
	waiting  int64 // never delivered
	pending  int64 // in the hands of a process
	returned int64 // given back by one that stopped, for whoever comes first
	analysed int64 // messages that were ever published to the second topic
}

func (l left) nothing() bool { return l.waiting+l.pending+l.returned == 0 }

// left asks Redis. A topic that nobody has read yet counts with all it has.
func (p *place) left(ctx context.Context) (l left, err error) {
	for i, topic := range p.topics() {
		length, err := p.client.XLen(ctx, topic).Result()
		if err != nil {
			return l, err
		}
		groups, err := p.client.XInfoGroups(ctx, topic).Result()
		if err != nil { // there is no such topic, or no group yet
			l.waiting += length
			continue
		}
		for _, g := range groups {
			l.waiting += g.Lag
			pending, err := p.client.XPending(ctx, topic, g.Name).Result()
			if err != nil {
				return l, err
			}
			for consumer, n := range pending.Consumers {
				if consumer == "returned" { // as internal/broker/redis calls nobody: Redis itself knows no way back
					l.returned += n
				} else {
					l.pending += n
				}
			}
		}
		if i == 1 {
			info, err := p.client.XInfoStream(ctx, topic).Result()
			if err != nil {
				return l, err
			}
			l.analysed = info.EntriesAdded
		}
	}
	return l, nil
}
