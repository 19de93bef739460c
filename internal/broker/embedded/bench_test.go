package embedded_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/internal/broker"
)

// BenchmarkBroker measures a message's whole way: published, delivered and
// acknowledged, each durable. Publishers publish one at a time, or by the hundred
// as sources with much to tell do. One in flight is what the usual subscriber
// of an SQL database does.
func BenchmarkBroker(b *testing.B) {
	for _, c := range []struct{ publishers, batch, inFlight int }{
		{1, 1, 1}, {1, 1, 1000}, {32, 1, 1000}, {1, 100, 1000}, {4, 100, 1000},
	} {
		b.Run(fmt.Sprintf("publishers=%d/batch=%d/in_flight=%d", c.publishers, c.batch, c.inFlight), func(b *testing.B) {
			hop(b, c.publishers, c.batch, c.inFlight)
		})
	}
}

func hop(b *testing.B, publishers, batch, inFlight int) {
	br := open(b, newFile(b))
	s, err := br.Subscriber(broker.Config{
		Group: "g", InFlight: inFlight,
		Quarantine: func(_ context.Context, _ string, _ *message.Message, reason error) error {
			b.Errorf("quarantined: %v", reason)
			return nil
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	messages, err := s.Subscribe(context.Background(), "news.raw")
	if err != nil {
		b.Fatal(err)
	}
	payload := make([]byte, 1_000)
	rand.Read(payload)

	b.ResetTimer()
	for i := range publishers {
		share := b.N / publishers
		if i == 0 {
			share += b.N % publishers
		}
		go func() {
			for share > 0 {
				send := make([]*message.Message, min(batch, share))
				for i := range send {
					send[i] = message.NewMessage(rand.Text(), payload)
					send[i].Metadata.Set("source", "bench")
				}
				if err := br.Publisher().Publish("news.raw", send...); err != nil {
					b.Errorf("publish: %v", err)
				}
				share -= len(send)
			}
		}()
	}
	for range b.N {
		m := <-messages
		m.Ack()
	}
	if err := s.Drain(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}
