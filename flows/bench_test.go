package flows_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/flows"
	"catalyst/internal/broker"
	"catalyst/internal/broker/embedded"
	"catalyst/internal/broker/redis"
	"catalyst/internal/testenv"
)

// BenchmarkEngine moves b.N messages from a topic through an engine with six
// pass-through stages to the next topic and out of it: two durable hops.
func BenchmarkEngine(b *testing.B) {
	b.Run("redis", func(b *testing.B) {
		br, err := redis.Open(b.Context(), testenv.Redis(b), redis.Options{Name: "bench", Logger: quiet})
		if err != nil {
			b.Fatal(err)
		}
		defer br.Close()
		benchmarkEngine(b, br)
	})
	b.Run("embedded", func(b *testing.B) {
		path := testenv.File(b)
		br, err := embedded.Open(b.Context(), path, embedded.Options{Name: "bench", Logger: quiet})
		if err != nil {
			b.Fatal(err)
		}
		defer br.Close()
		benchmarkEngine(b, br)
	})
}

type counter struct {
	left atomic.Int64
	done chan struct{}
}

func (c *counter) Deliver(_ context.Context, batch []*flows.Message) error {
	if c.left.Add(-int64(len(batch))) == 0 {
		close(c.done)
	}
	return nil
}

func benchmarkEngine(b *testing.B, br broker.Broker) {
	out := &counter{done: make(chan struct{})}
	out.left.Store(int64(b.N))
	var six []flows.Stage
	for range 6 {
		six = append(six, stageFunc(pass))
	}
	p := plan(nil, [][]flows.Stage{six, nil}, out)
	p.Engine.InFlight = 2000
	payload := []byte(`{"title":"Oxbow Semiconductor raises its outlook","url":"https://news.example.com/1","source":"wire","summary":"A summary of the usual length, so that decoding has something to do."}`)
	var batch []*message.Message
	for i := range b.N {
		if batch = append(batch, message.NewMessage(fmt.Sprint("m", i), payload)); len(batch) == 500 || i == b.N-1 {
			if err := br.Publisher().Publish(p.Topic, batch...); err != nil {
				b.Fatal(err)
			}
			batch = nil
		}
	}
	e, err := flows.New(p, br, quiet)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	b.ReportAllocs()
	b.ResetTimer()
	go func() { ended <- e.Run(ctx) }()
	<-out.done
	b.StopTimer()
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}
