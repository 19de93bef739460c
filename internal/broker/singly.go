package broker

import (
	"context"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Awaitable returns m with what it takes to wait for its Ack or Nack.
func Awaitable(m *message.Message) *message.Message {
	n := message.NewMessage(m.UUID, m.Payload)
	if m.Metadata != nil {
		n.Metadata = m.Metadata
	}
	return n
}

// Singly makes of what Receive delivers what Subscribe returns: messages one by one, each
// with a context that ends when it is settled, or when hands does. They must be [Awaitable].
// Once reading has ended, messages that nobody has taken go to untake; the channel is closed
// when batches is, and then work, which runs it all in a goroutine, is done.
func Singly(work *sync.WaitGroup, batches <-chan []Delivery, reading, hands context.Context, untake func([]Delivery)) <-chan *message.Message {
	out := make(chan *message.Message)
	work.Go(func() {
		defer close(out)
		for batch := range batches {
			for len(batch) > 0 {
				m := batch[0].Message()
				ctx, cancel := context.WithCancel(hands)
				m.SetContext(ctx)
				select {
				case out <- m:
					go await(batch[0], m, cancel)
					batch = batch[1:]
				case <-reading.Done():
					cancel()
					untake(batch)
					batch = nil
				}
			}
		}
	})
	return out
}

// await settles d as m is. A broker that waits for d no more says Nack.
func await(d Delivery, m *message.Message, cancel context.CancelFunc) {
	defer cancel()
	select {
	case <-m.Acked():
		d.Settle(true)
	case <-m.Nacked():
		d.Settle(false)
	}
}
