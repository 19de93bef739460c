package brokertest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func arrivesIntact(h *harness) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	published := []*message.Message{
		message.NewMessage("plain", []byte(`{"title":"Acme beats"}`)),
		message.NewMessage("nothing", nil),
		message.NewMessage("binary", every),
		message.NewMessage("ключ 🗝 \x00\n'\"; DROP TABLE messages", []byte("odd name")),
	}
	published[0].Metadata = message.Metadata{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	published[2].Metadata = message.Metadata{
		"":               "no key",
		"no value":       "",
		"binary":         string(every),
		"\xff\xfe":       "no UTF-8 in the key",
		"日本語 🚀":          "значение",
		"UUID":           "an impostor",
		"_watermill_id":  "another",
		"long":           strings.Repeat("x", 1<<16),
		"payload":        "{}",
		"quote ' \" \\ ": "\r\n\x00",
	}

	b := h.broker()
	topic, group := h.name("topic"), h.name("group")
	messages := h.subscribe(h.join(b, h.config(group)), topic)
	h.publish(b, topic, published...)
	got := h.receive(messages, len(published))
	for i, want := range published {
		sameMessage(h, got[i], want)
	}
	ack(got...)
	h.done(b, topic, group)
}

func sameMessage(h *harness, got, want *message.Message) {
	h.Helper()
	if got.UUID != want.UUID {
		h.Errorf("UUID %q, want %q", got.UUID, want.UUID)
	}
	if !bytes.Equal(got.Payload, want.Payload) {
		h.Errorf("%s: payload of %d bytes is not the %d bytes published", want.UUID, len(got.Payload), len(want.Payload))
	}
	if diff := cmp.Diff(want.Metadata, got.Metadata, cmpopts.EquateEmpty()); diff != "" {
		h.Errorf("%s: metadata (-published +delivered):\n%s", want.UUID, diff)
	}
}

func largeArrives(h *harness) {
	payload := make([]byte, 1<<20)
	rand.Read(payload)
	want := message.NewMessage(rand.Text(), payload)

	b := h.broker()
	topic, group := h.name("topic"), h.name("group")
	h.publish(b, topic, want)
	got := h.receive(h.subscribe(h.join(b, h.config(group)), topic), 1)
	sameMessage(h, got[0], want)
	ack(got...)
	h.done(b, topic, group)
}

func lateGroup(h *harness) {
	b := h.broker()
	topic, group := h.name("topic"), h.name("group")
	h.publish(b, topic, numbered(3)...)
	messages := h.subscribe(h.join(b, h.config(group)), topic)
	h.publish(b, topic, numbered(1)...)
	for i, m := range h.receive(messages, 4) {
		if want := fmt.Sprint(i % 3); string(m.Payload) != want {
			h.Errorf("message %d is %s, want %s: a fresh group starts at the beginning, in order", i, m.Payload, want)
		}
		m.Ack()
	}
	h.done(b, topic, group)
}

func windowFilled(h *harness) {
	b := h.broker()
	topic, group := h.name("topic"), h.name("group")
	config := h.config(group)
	config.InFlight = 5
	messages := h.subscribe(h.join(b, config), topic)
	h.publish(b, topic, numbered(8)...)

	held := h.receive(messages, 5)
	h.silent(messages, silence, "five are in flight already, and no more are allowed")
	ack(held[3])
	held = append(held, h.receive(messages, 1)...)
	h.silent(messages, silence, "one ack makes room for one message")
	ack(held...)
	ack(h.receive(messages, 2)...)
	h.done(b, topic, group)
}

func windowShared(h *harness) {
	b := h.broker()
	one, two, group := h.name("topic"), h.name("topic"), h.name("group")
	config := h.config(group)
	config.InFlight = 4
	s := h.join(b, config)
	h.publish(b, one, numbered(10)...)
	h.publish(b, two, numbered(10)...)
	messages := merge(h, h.subscribe(s, one), h.subscribe(s, two))

	held := h.receive(messages, 4)
	h.silent(messages, silence, "four are in flight over both topics")
	ack(held...)
	for range 16 {
		ack(h.receive(messages, 1)...)
	}
	h.done(b, one, group)
	h.done(b, two, group)
}

// merge forwards what the channels bring until they are closed.
func merge(h *harness, channels ...<-chan *message.Message) <-chan *message.Message {
	merged := make(chan *message.Message)
	over := make(chan struct{})
	h.Cleanup(func() { close(over) })
	for _, c := range channels {
		go func() {
			for m := range c {
				select {
				case merged <- m:
				case <-over:
					return
				}
			}
		}()
	}
	return merged
}

func anyOrder(h *harness) {
	b := h.broker()
	topic, group := h.name("topic"), h.name("group")
	s := h.join(b, h.config(group))
	messages := h.subscribe(s, topic)
	h.publish(b, topic, numbered(10)...)
	held := h.receive(messages, 10)
	for i := len(held) - 1; i > 0; i-- {
		held[i].Ack()
	}
	h.pending(b, topic, group, 1)
	h.drain(s, time.Millisecond)

	again := h.receive(h.subscribe(h.join(b, h.config(group)), topic), 1)
	if string(again[0].Payload) != "0" {
		h.Errorf("message %s came back, want the one that was not acked, 0", again[0].Payload)
	}
	ack(again...)
	h.done(b, topic, group)
}

func contexts(h *harness) {
	b := h.broker()
	topic, group := h.name("topic"), h.name("group")
	ended, cancel := context.WithCancel(context.Background())
	published := numbered(3)
	for _, m := range published {
		m.SetContext(ended)
	}
	cancel()
	config := h.config(group)
	config.RedeliverAfter = forever
	s := h.join(b, config)
	messages := h.subscribe(s, topic)
	h.publish(b, topic, published...)

	held := h.receive(messages, 3)
	acked, nacked, kept := held[0], held[1], held[2]
	for _, m := range held {
		if err := m.Context().Err(); err != nil {
			h.Fatalf("the context of an unsettled message has ended: %v", err)
		}
	}
	acked.Ack()
	nacked.Nack()
	for _, m := range []*message.Message{acked, nacked} {
		select {
		case <-m.Context().Done():
		case <-time.After(patience):
			h.Fatal("the context of a settled message lives on")
		}
	}
	if err := kept.Context().Err(); err != nil {
		h.Errorf("the context of an unsettled message has ended: %v", err)
	}
	h.drain(s, time.Millisecond)
	if kept.Context().Err() == nil {
		h.Error("the context of an unsettled message outlives its subscriber")
	}
}

func subscriptionEnds(h *harness) {
	b := h.broker()
	topic, other, group := h.name("topic"), h.name("topic"), h.name("group")
	s := h.join(b, h.config(group))
	ctx, cancel := context.WithCancel(context.Background())
	messages, err := s.Subscribe(ctx, topic)
	if err != nil {
		h.Fatal(err)
	}
	others := h.subscribe(s, other)
	h.publish(b, topic, numbered(1)...)
	held := h.receive(messages, 1)

	cancel()
	h.closed(messages)
	if err := held[0].Context().Err(); err != nil {
		h.Errorf("the end of a subscription ended a message in hand: %v", err)
	}
	ack(held...)
	h.done(b, topic, group)

	h.publish(b, other, numbered(1)...)
	ack(h.receive(others, 1)...)
	h.done(b, other, group)
}

func tenThousand(h *harness) {
	if raceDetector {
		consumeAll(h, 1_000)
		return
	}
	consumeAll(h, 10_000)
}

// consumeAll publishes n messages by the hundred and acks them from several
// goroutines; each must come exactly once.
func consumeAll(h *harness, n int) {
	b := h.broker()
	topic, group := h.name("topic"), h.name("group")
	messages := h.subscribe(h.join(b, h.config(group)), topic)
	all := numbered(n)
	go func() {
		for batch := range len(all) / 100 {
			if err := b.Publisher().Publish(topic, all[batch*100:(batch+1)*100]...); err != nil {
				h.Errorf("publish: %v", err)
			}
		}
	}()

	got := make(chan *message.Message, n)
	var ackers sync.WaitGroup
	for range 8 {
		ackers.Go(func() {
			for m := range messages {
				got <- m
				m.Ack()
			}
		})
	}
	deadline := time.After(4 * patience)
	seen := make([]*message.Message, 0, n)
	for len(seen) < n {
		select {
		case m := <-got:
			seen = append(seen, m)
		case <-deadline:
			h.Fatalf("received %d messages, want %d", len(seen), n)
		}
	}
	h.payloads(seen)
	h.done(b, topic, group)
	select {
	case m := <-got:
		h.Errorf("message %s was delivered twice", m.Payload)
	default:
	}
}

func concurrentPublish(h *harness) {
	const publishers, calls = 16, 10
	b, peer := h.broker(), h.broker()
	topic, group := h.name("topic"), h.name("group")
	messages := h.subscribe(h.join(b, h.config(group)), topic)
	shared := b.Publisher()
	var wg sync.WaitGroup
	for i := range publishers {
		publisher := shared
		if i%2 == 1 {
			publisher = peer.Publisher()
		}
		wg.Go(func() {
			for j := range calls {
				m := message.NewMessage(rand.Text(), fmt.Appendf(nil, "%d/%d", i, j))
				if err := publisher.Publish(topic, m); err != nil {
					h.Errorf("publish: %v", err)
				}
			}
		})
	}
	got := h.receive(messages, publishers*calls)
	wg.Wait()
	if n := len(h.payloads(got)); n != publishers*calls {
		h.Errorf("%d different messages arrived, want %d", n, publishers*calls)
	}
	ack(got...)
	h.done(b, topic, group)
}
