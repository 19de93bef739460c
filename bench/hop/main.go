// Hop measures one durable hop, Redis stream to Redis stream, done by several programs in
// turns: a plain go-redis loop (the limit), our broker in a loop, the whole program with a
// pipeline of no stages, stock watermill-redisstream, and Bento. Each is a process of its
// own that finds the stream full; what it does from the first tenth on counts. Then
// messages come at a rate, and how long each takes from stream to stream counts.
//
// It needs REDIS_URL, and is run in the repository's root:
//
//	go run ./bench/hop
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"catalyst/bench/contest"
	redisbroker "catalyst/internal/broker/redis"
	"catalyst/internal/load"
	"catalyst/internal/news"
)

func main() {
	as := flag.String("as", "", "be a contestant: plain, broker or stock")
	from, to := flag.String("from", "", "of a contestant: the stream it reads"), flag.String("to", "", "of a contestant: the stream it writes")
	h := hop{url: os.Getenv("REDIS_URL")}
	flag.IntVar(&h.n, "n", 50_000, "messages in the stream")
	flag.IntVar(&h.rounds, "rounds", 5, "how often each is measured")
	flag.DurationVar(&h.paced, "paced", 3*time.Second, "how long messages come at each rate")
	flag.StringVar(&h.built, "pipeline", "", "programs to measure instead of building one, as old,new: two versions can be compared")
	flag.StringVar(&h.only, "only", "", "contestants to measure, as plain,pipeline; empty is all")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if *as != "" {
		err = compete(ctx, *as, h.url, *from, *to)
	} else {
		err = h.run(ctx)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A hop is the whole contest.
type hop struct {
	url       string
	n, rounds int
	paced     time.Duration
	only      string
	built     string

	client   *redis.Client
	folder   string
	prefix   string
	payloads [][]byte
	results  contest.Results
}

// A contestant is started on two streams.
type contestant struct {
	name  string
	start func(ctx context.Context, from, to string) (*contest.Process, error)
}

// rates of messages a second at which delays are measured.
var rates = []int{100, 1000}

func (h *hop) run(ctx context.Context) (err error) {
	options, err := redis.ParseURL(h.url)
	if err != nil {
		return errors.New("REDIS_URL must be the address of a Redis server: redis://…")
	}
	h.client = redis.NewClient(options)
	defer h.client.Close()
	if h.folder, err = os.MkdirTemp("", "bench-hop-"); err != nil {
		return err
	}
	defer os.RemoveAll(h.folder)
	h.prefix = "benchhop" + strings.ToLower(rand.Text())
	defer func() {
		_, err2 := redisbroker.Clear(context.Background(), h.url, h.prefix)
		err = errors.Join(err, err2)
	}()
	for i := range 1000 {
		payload, err := news.Encode(load.DefaultMix.Item(i))
		if err != nil {
			return err
		}
		h.payloads = append(h.payloads, payload)
	}
	contestants, err := h.contestants(ctx)
	if err != nil {
		return err
	}
	for round := range h.rounds {
		for _, c := range contestants {
			fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", round+1, h.rounds, c.name)
			if err := h.full(ctx, c); err != nil {
				return err
			}
			for _, rate := range rates {
				if err := h.paceOne(ctx, c, rate); err != nil {
					return err
				}
			}
		}
	}
	fmt.Printf("one hop, %d messages of about %d bytes, %d interleaved rounds\n\n", h.n, len(h.payloads[0]), h.rounds)
	return h.results.Print(os.Stdout, contestants[0].name)
}

// contestants builds those that are to compete. Bento is left out where it cannot be
// built.
func (h *hop) contestants(ctx context.Context) (all []contestant, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	chosen := func(name string) bool {
		return h.only == "" || strings.Contains(","+h.only+",", ","+name+",")
	}
	for _, name := range []string{"plain", "broker", "stock"} {
		if chosen(name) {
			all = append(all, contestant{name, func(ctx context.Context, from, to string) (*contest.Process, error) {
				return contest.Start(ctx, name, nil, self, "-as", name, "-from", from, "-to", to)
			}})
		}
	}
	if chosen("pipeline") {
		programs := strings.Split(h.built, ",")
		if h.built == "" {
			if programs[0], err = contest.Build(ctx, h.folder, ".", "./cmd/pipeline", "pipeline"); err != nil {
				return nil, err
			}
		}
		for _, program := range programs {
			name := filepath.Base(program)
			all = append(all, contestant{name, h.configured(program, name, ourFile, "run", "--log-level", "error", "-f")})
		}
	}
	if chosen("bento") || chosen("bento-unbatched") {
		fmt.Fprintln(os.Stderr, "building Bento; the first time takes a minute")
		program, err := contest.Build(ctx, h.folder, filepath.Join("bench", "bento"), ".", "bento")
		if err != nil {
			fmt.Fprintf(os.Stderr, "Bento is left out: %v\n", err)
			return all, nil
		}
		for _, setting := range []struct{ name, batching string }{{"bento", "batching: {count: 500, period: 5ms}"}, {"bento-unbatched", ""}} {
			if chosen(setting.name) {
				text := strings.Replace(bentoFile, "BATCHING", setting.batching, 1)
				all = append(all, contestant{setting.name, h.configured(program, setting.name, text, "-c")})
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("-only %s names no contestant", h.only)
	}
	return all, nil
}

// ourFile is a pipeline of one segment without stages, which ends in a topic.
const ourFile = `
name: PREFIX
broker: URL
store: sqlite://FOLDER/pipeline.db
topic: FROM
poison: PREFIX:poison
sources: []
stages: []
sinks:
  - topic: TO
http: {listen: "off"}
`

// bentoFile reads and writes the same entries.
const bentoFile = `
http: {enabled: false}
logger: {level: ERROR}
input:
  redis_streams:
    url: URL
    streams: [FROM]
    body_key: payload
    consumer_group: bench
    client_id: bench
    limit: 500
    commit_period: 100ms
    start_from_oldest: true
output:
  redis_streams:
    url: URL
    stream: TO
    body_key: payload
    max_in_flight: 64
    BATCHING
`

// configured starts a program with a file that names the streams.
func (h *hop) configured(program, name, text string, args ...string) func(context.Context, string, string) (*contest.Process, error) {
	return func(ctx context.Context, from, to string) (*contest.Process, error) {
		file := filepath.Join(h.folder, name+".yaml")
		filled := strings.NewReplacer("URL", h.url, "FROM", from, "TO", to, "PREFIX", h.prefix, "FOLDER", filepath.ToSlash(h.folder)).Replace(text)
		if err := os.WriteFile(file, []byte(filled), 0o600); err != nil {
			return nil, err
		}
		return contest.Start(ctx, name, nil, program, append(args, file)...)
	}
}

// streams returns two that nobody has used.
func (h *hop) streams() (from, to string) {
	name := h.prefix + ":" + rand.Text()
	return name + ":from", name + ":to"
}

// add publishes a message as Watermill has it.
func (h *hop) add(ctx context.Context, c redis.Cmdable, stream string, n int) *redis.StringCmd {
	return c.XAdd(ctx, &redis.XAddArgs{Stream: stream, Values: []any{
		"_watermill_message_uuid", fmt.Sprint(n), "metadata", "\x80", "payload", h.payloads[n%len(h.payloads)],
	}})
}

// full measures what a contestant does with a full stream.
func (h *hop) full(ctx context.Context, c contestant) error {
	from, to := h.streams()
	defer h.client.Del(context.Background(), from, to)
	for at := 0; at < h.n; at += 1000 {
		if _, err := h.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for n := at; n < min(at+1000, h.n); n++ {
				h.add(ctx, pipe, from, n)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	p, err := c.start(ctx, from, to)
	if err != nil {
		return err
	}
	defer p.Stop()
	var first, last int64
	var began time.Time
	var used time.Duration
	if err := p.Until(2*time.Minute, func() (done bool, err error) {
		if last, err = h.client.XLen(ctx, to).Result(); began.IsZero() && last >= int64(h.n/10) {
			first, began, used = last, time.Now(), p.CPU()
		}
		return last >= int64(h.n), err
	}); err != nil {
		return err
	}
	took, used := time.Since(began), p.CPU()-used
	moved := float64(last - first)
	h.results.Add(c.name, "msg/s", moved/took.Seconds())
	if moved > 0 {
		h.results.Add(c.name, "CPU µs/msg", float64(used.Microseconds())/moved)
	}
	h.results.Add(c.name, "peak MB", p.PeakMB())
	if err := p.Stop(); err != nil {
		return fmt.Errorf("stop %s: %w", c.name, err)
	}
	if n := h.client.XLen(ctx, to).Val(); n < int64(h.n) {
		return fmt.Errorf("%s: %d of %d messages arrived", c.name, n, h.n)
	}
	return nil
}

// paceOne measures how long messages take that come at a rate.
func (h *hop) paceOne(ctx context.Context, c contestant, rate int) error {
	from, to := h.streams()
	defer h.client.Del(context.Background(), from, to)
	const warm = 100 // messages before those that count
	n := warm + int(h.paced.Seconds()*float64(rate))
	sent := make([]time.Time, n)
	if err := h.add(ctx, h.client, from, 0).Err(); err != nil {
		return err
	}
	p, err := c.start(ctx, from, to)
	if err != nil {
		return err
	}
	defer p.Stop()
	if err := p.Until(time.Minute, func() (bool, error) {
		got, err := h.client.XLen(ctx, to).Result()
		return got > 0, err
	}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	delays := make(chan []time.Duration, 1)
	failed := make(chan error, 1)
	go func() {
		var got []time.Duration
		for after := "0"; len(got) < n; {
			found, err := h.client.XRead(ctx, &redis.XReadArgs{Streams: []string{to, after}, Count: 500, Block: time.Second}).Result()
			now := time.Now()
			if errors.Is(err, redis.Nil) {
				continue
			}
			if err != nil {
				failed <- fmt.Errorf("%s at %d a second: %d of %d arrived: %w", c.name, rate, len(got), n, err)
				return
			}
			for _, e := range found[0].Messages {
				i := 0
				fmt.Sscan(fmt.Sprint(e.Values["_watermill_message_uuid"]), &i)
				got, after = append(got, now.Sub(sent[i])), e.ID
			}
		}
		delays <- got
	}()
	began := time.Now()
	for i := 1; i < n; i++ {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		sent[i] = time.Now()
		if err := h.add(ctx, h.client, from, i).Err(); err != nil {
			return err
		}
	}
	select {
	case err := <-failed:
		return err
	case got := <-delays:
		got = got[warm:]
		h.results.Add(c.name, fmt.Sprintf("p50 ms at %d/s", rate), contest.Quantile(got, .5))
		h.results.Add(c.name, fmt.Sprintf("p99 ms at %d/s", rate), contest.Quantile(got, .99))
	}
	return p.Stop()
}
