package redis_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	goredis "github.com/redis/go-redis/v9"

	"catalyst/internal/broker"
	"catalyst/internal/broker/redis"
	"catalyst/internal/testenv"
)

// BenchmarkHop measures one durable hop: read a message, publish it to a second
// topic, acknowledge it. It compares this package with the subscriber of
// watermill-redisstream (one subscription, as a Router handler has) and with a
// loop written for nothing else: XREADGROUP COUNT 100, a pipeline of XADDs, one
// XACK. "router" is ours behind a Watermill Router that publishes each message by
// itself. They take turns, five times; medians are reported:
//
//	go test -run '^$' -bench Hop ./internal/broker/redis
func BenchmarkHop(b *testing.B) {
	contestants := []struct {
		name     string
		messages int
		hop      func(testing.TB, string, string, int) time.Duration
	}{
		{"ours", 20_000, hopOurs},
		{"router", 20_000, hopRouter},
		{"stock", 4_000, hopStock},
		{"plain", 20_000, hopPlain},
	}
	const rounds = 5
	rates := make(map[string][]float64)
	for b.Loop() {
		clear(rates)
		for range rounds {
			for _, c := range contestants {
				from, to := "bench-"+rand.Text(), "bench-"+rand.Text()
				fill(b, from, c.messages)
				took := c.hop(b, from, to, c.messages)
				if n := client(b).XLen(context.Background(), to).Val(); n < int64(c.messages) {
					b.Fatalf("%s: %d messages arrived, want %d", c.name, n, c.messages)
				}
				rates[c.name] = append(rates[c.name], float64(c.messages)/took.Seconds())
				client(b).Del(context.Background(), from, to)
			}
		}
	}
	median := func(name string) float64 {
		slices.Sort(rates[name])
		return rates[name][rounds/2]
	}
	b.ReportMetric(0, "ns/op")
	for _, c := range contestants {
		b.ReportMetric(median(c.name), c.name+"/s")
	}
	b.ReportMetric(median("ours")/median("stock"), "×stock")
	b.ReportMetric(100*median("ours")/median("plain"), "%plain")
}

func hopOurs(tb testing.TB, from, to string, n int) time.Duration {
	b, err := redis.Open(context.Background(), testenv.Redis(tb), redis.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	defer b.Close()
	s, err := b.Subscriber(broker.Config{Group: "bench", Quarantine: refuse(tb)})
	if err != nil {
		tb.Fatal(err)
	}
	start := time.Now()
	messages, err := s.Subscribe(context.Background(), from)
	if err != nil {
		tb.Fatal(err)
	}
	publisher := b.Publisher()
	done := make(chan int)
	for range 4 {
		go func() {
			for batch := range gather(messages, 100) {
				if err := publisher.Publish(to, batch...); err != nil {
					tb.Error(err)
				}
				for _, m := range batch {
					m.Ack()
				}
				done <- len(batch)
			}
		}()
	}
	for got := 0; got < n; {
		got += <-done
	}
	if err := s.Drain(context.Background()); err != nil {
		tb.Error(err)
	}
	return time.Since(start)
}

// gather yields batches of what is there, up to limit.
func gather(messages <-chan *message.Message, limit int) func(yield func([]*message.Message) bool) {
	return func(yield func([]*message.Message) bool) {
		for m := range messages {
			batch := append(make([]*message.Message, 0, limit), m)
			for more := true; more && len(batch) < limit; {
				select {
				case m, open := <-messages:
					if more = open; open {
						batch = append(batch, m)
					}
				default:
					more = false
				}
			}
			if !yield(batch) {
				return
			}
		}
	}
}

func hopRouter(tb testing.TB, from, to string, n int) time.Duration {
	b, err := redis.Open(context.Background(), testenv.Redis(tb), redis.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	defer b.Close()
	s, err := b.Subscriber(broker.Config{Group: "bench", Quarantine: refuse(tb)})
	if err != nil {
		tb.Fatal(err)
	}
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		tb.Fatal(err)
	}
	var left atomic.Int64
	left.Store(int64(n))
	done := make(chan struct{})
	publisher := b.Publisher()
	router.AddConsumerHandler("hop", from, s, func(m *message.Message) error {
		if err := publisher.Publish(to, m); err != nil {
			return err
		}
		if left.Add(-1) == 0 {
			close(done)
		}
		return nil
	})
	start := time.Now()
	go router.Run(context.Background())
	<-done
	if err := s.Drain(context.Background()); err != nil {
		tb.Error(err)
	}
	took := time.Since(start)
	router.Close()
	return took
}

func hopStock(tb testing.TB, from, to string, n int) time.Duration {
	subscriber, err := redisstream.NewSubscriber(redisstream.SubscriberConfig{
		Client: dial(tb), ConsumerGroup: "bench",
	}, watermill.NopLogger{})
	if err != nil {
		tb.Fatal(err)
	}
	defer subscriber.Close()
	publisher, err := redisstream.NewPublisher(redisstream.PublisherConfig{Client: dial(tb)}, watermill.NopLogger{})
	if err != nil {
		tb.Fatal(err)
	}
	defer publisher.Close()
	start := time.Now()
	messages, err := subscriber.Subscribe(context.Background(), from)
	if err != nil {
		tb.Fatal(err)
	}
	for range n {
		m := <-messages
		if err := publisher.Publish(to, m); err != nil {
			tb.Fatal(err)
		}
		m.Ack()
	}
	return time.Since(start)
}

func hopPlain(tb testing.TB, from, to string, n int) time.Duration {
	ctx, c := context.Background(), dial(tb)
	defer c.Close()
	start := time.Now()
	if err := c.XGroupCreateMkStream(ctx, from, "bench", "0").Err(); err != nil {
		tb.Fatal(err)
	}
	for got := 0; got < n; {
		streams, err := c.XReadGroup(ctx, &goredis.XReadGroupArgs{
			Group: "bench", Consumer: "me", Streams: []string{from, ">"}, Count: 100,
		}).Result()
		if err != nil {
			tb.Fatal(err)
		}
		var ids []string
		if _, err := c.Pipelined(ctx, func(pipe goredis.Pipeliner) error {
			for _, e := range streams[0].Messages {
				ids = append(ids, e.ID)
				pipe.XAdd(ctx, &goredis.XAddArgs{Stream: to, Values: e.Values})
			}
			return nil
		}); err != nil {
			tb.Fatal(err)
		}
		if err := c.XAck(ctx, from, "bench", ids...).Err(); err != nil {
			tb.Fatal(err)
		}
		got += len(ids)
	}
	return time.Since(start)
}

// BenchmarkPublish measures messages published one by one from many goroutines,
// which travel together.
func BenchmarkPublish(b *testing.B) {
	topic := "bench-" + rand.Text()
	publisher := open(b, redis.Options{}).Publisher()
	payload := item(1)
	b.SetParallelism(50)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := publisher.Publish(topic, message.NewMessage(rand.Text(), payload)); err != nil {
				b.Error(err)
			}
		}
	})
	b.StopTimer()
	client(b).Del(context.Background(), topic)
}

// fill publishes n messages the size of a news item.
func fill(tb testing.TB, topic string, n int) {
	b, err := redis.Open(context.Background(), testenv.Redis(tb), redis.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	defer b.Close()
	all := make([]*message.Message, n)
	for i := range all {
		all[i] = message.NewMessage(rand.Text(), item(i))
		all[i].Metadata.Set("trace", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	}
	for batch := range slices.Chunk(all, 1000) {
		if err := b.Publisher().Publish(topic, batch...); err != nil {
			tb.Fatal(err)
		}
	}
}

func item(i int) []byte {
	return fmt.Appendf(nil, `{"key":"item-%d","source":"bench","title":"Northwind Instruments raises its outlook","summary":%q,"tickers":["NWND"]}`,
		i, strings.Repeat("Orders rose in every region. ", 8))
}

func refuse(tb testing.TB) func(context.Context, string, *message.Message, error) error {
	return func(_ context.Context, topic string, m *message.Message, reason error) error {
		tb.Errorf("%s: %s quarantined: %v", topic, m.UUID, reason)
		return nil
	}
}

var shared *goredis.Client

// client returns a plain client that lives as long as the test binary.
func client(tb testing.TB) *goredis.Client {
	if shared == nil {
		shared = dial(tb)
	}
	return shared
}

func dial(tb testing.TB) *goredis.Client {
	tb.Helper()
	options, err := goredis.ParseURL(testenv.Redis(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return goredis.NewClient(options)
}
