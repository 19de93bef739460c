package brokertest

import (
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

func everyGroup(h *harness) {
	b := h.broker()
	topic, fast, slow := h.name("topic"), h.name("group"), h.name("group")
	quick := h.subscribe(h.join(b, h.config(fast)), topic)
	away := h.join(b, h.config(slow))
	h.subscribe(away, topic)
	h.drain(away, patience)

	h.publish(b, topic, numbered(50)...)
	got := h.receive(quick, 50)
	h.payloads(got)
	ack(got...)
	h.done(b, topic, fast)

	// What one group has settled the other, which was away, still gets.
	got = h.receive(h.subscribe(h.join(b, h.config(slow)), topic), 50)
	h.payloads(got)
	ack(got...)
	h.done(b, topic, slow)
}

func membersShare(h *harness) {
	const window, total = 10, 200
	one, two := h.broker(), h.broker()
	topic, group := h.name("topic"), h.name("group")
	config := h.config(group)
	config.InFlight = window
	left := h.subscribe(h.join(one, config), topic)
	right := h.subscribe(h.join(two, config), topic)

	all := numbered(total)
	h.publish(one, topic, all[:2*window]...)
	got := append(h.receive(left, window), h.receive(right, window)...)
	ack(got...)

	var mu sync.Mutex
	for _, messages := range []<-chan *message.Message{left, right} {
		go func() {
			for m := range messages {
				mu.Lock()
				got = append(got, m)
				mu.Unlock()
				m.Ack()
			}
		}()
	}
	h.publish(two, topic, all[2*window:]...)
	h.eventually("all have arrived", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) >= total
	})
	h.done(one, topic, group)
	mu.Lock()
	defer mu.Unlock()
	if n := len(h.payloads(got)); n != total {
		h.Errorf("%d different messages arrived, want %d", n, total)
	}
}

func heldLong(h *harness) {
	one, two := h.broker(), h.broker()
	topic, group := h.name("topic"), h.name("group")
	config := h.config(group)
	config.Lease = 600 * time.Millisecond
	messages := h.subscribe(h.join(one, config), topic)
	h.publish(one, topic, numbered(3)...)
	held := h.receive(messages, 3)

	others := h.subscribe(h.join(two, config), topic)
	h.silent(others, 4*config.Lease, "its holder is alive and has not settled it")
	h.silent(messages, silence, "it is in this member's own hand")
	ack(held...)
	h.done(one, topic, group)
}

func crash(h *harness) {
	one, two := h.broker(), h.broker()
	topic, group := h.name("topic"), h.name("group")
	config := h.config(group)
	config.Lease = time.Second
	config.InFlight = 10
	s, err := one.Subscriber(config)
	if err != nil {
		h.Fatal(err)
	}
	messages := h.subscribe(s, topic)
	published := numbered(12)
	h.publish(one, topic, published...)
	held := h.receive(messages, 10)
	ack(held[1], held[4], held[5], held[8])
	h.receive(messages, 2)
	h.pending(two, topic, group, 8)
	one.Close() // and neither Drain nor Close of the subscriber

	got := h.receive(h.subscribe(h.join(two, config), topic), 8)
	back := h.payloads(got)
	for _, settled := range []string{"1", "4", "5", "8"} {
		if back[settled] {
			h.Errorf("message %s came back though it was acked", settled)
		}
	}
	for _, m := range got {
		if m.Metadata.Get("number") != string(m.Payload) {
			h.Errorf("message %s came back with metadata %v", m.Payload, m.Metadata)
		}
	}
	ack(got...)
	h.done(two, topic, group)
}
