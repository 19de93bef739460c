package brokertest

import (
	"context"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/internal/broker"
)

func (h *harness) slices(s broker.Subscriber, topic string) <-chan []broker.Delivery {
	h.Helper()
	slices, err := s.Receive(context.Background(), topic)
	if err != nil {
		h.Fatalf("receive: %v", err)
	}
	return slices
}

// take takes slices until it has n deliveries, and leaves them unsettled.
func (h *harness) take(slices <-chan []broker.Delivery, n int) (got []broker.Delivery) {
	h.Helper()
	deadline := time.After(patience)
	for len(got) < n {
		select {
		case slice, open := <-slices:
			if !open || len(slice) == 0 || len(slice) > broker.MaxBatch {
				h.Fatalf("a slice of %d (channel open: %v), want 1 to %d", len(slice), open, broker.MaxBatch)
			}
			got = append(got, slice...)
		case <-deadline:
			h.Fatalf("%d deliveries, want %d", len(got), n)
		}
	}
	return got
}

func messagesOf(deliveries []broker.Delivery) []*message.Message {
	messages := make([]*message.Message, len(deliveries))
	for i, d := range deliveries {
		messages[i] = d.Message()
	}
	return messages
}

func slicesArrive(h *harness) {
	b := h.broker()
	topic, group := h.name("topic"), h.name("group")
	want := numbered(3*broker.MaxBatch + 1)
	h.publish(b, topic, want...)
	got := h.take(h.slices(h.join(b, h.config(group)), topic), len(want))
	h.payloads(messagesOf(got))
	byID := make(map[string]*message.Message)
	for _, m := range want {
		byID[m.UUID] = m
	}
	for _, d := range got {
		sameMessage(h, d.Message(), byID[d.Message().UUID])
		d.Settle(true)
	}
	h.done(b, topic, group)
}

func slicesSettleSingly(h *harness) {
	b := h.broker()
	topic, group := h.name("topic"), h.name("group")
	h.publish(b, topic, numbered(10)...)
	slices := h.slices(h.join(b, h.config(group)), topic)
	failed := make(map[string]bool)
	for i, d := range h.take(slices, 10) {
		d.Message().Metadata.Set("note", "a holder's own")
		d.Settle(i%2 == 0)
		d.Settle(i%2 != 0) // the first call counts
		if i%2 != 0 {
			failed[d.Message().UUID] = true
		}
	}
	again := h.take(slices, 5)
	h.payloads(messagesOf(again))
	for _, d := range again {
		if m := d.Message(); !failed[m.UUID] || m.Metadata.Get("note") != "" {
			h.Errorf("message %s came back with %v", m.UUID, m.Metadata)
		}
		d.Settle(true)
	}
	h.done(b, topic, group)
}

// Slices that nobody takes, and deliveries that nobody settles, go back uncounted.
func slicesGoBack(h *harness) {
	b := h.broker()
	topic, group := h.name("topic"), h.name("group")
	config := h.config(group)
	config.MaxDeliveries = 1
	const n = 5 * broker.MaxBatch
	h.publish(b, topic, numbered(n)...)
	s := h.join(b, config)
	slices := h.slices(s, topic)
	first := h.take(slices, 1)
	first[0].Settle(true)
	h.drain(s, 50*time.Millisecond)
	for _, d := range first[1:] {
		d.Settle(false) // too late, and harmless
	}
	if _, open := <-slices; open {
		h.Error("a slice is delivered after drain")
	}
	rest := h.take(h.slices(h.join(b, config), topic), n-1)
	h.payloads(messagesOf(rest))
	for _, d := range rest {
		d.Settle(true)
	}
	h.done(b, topic, group)
}

// Acknowledged and then closed: what was said counts.
func slicesClosed(h *harness) {
	b := h.broker()
	topic, group := h.name("topic"), h.name("group")
	h.publish(b, topic, numbered(4)...)
	s := h.join(b, h.config(group))
	got := h.take(h.slices(s, topic), 4)
	got[0].Settle(true)
	got[1].Settle(true)
	s.Close()
	got[2].Settle(true) // none counts once it is closed
	var rest []broker.Delivery
	slices := h.slices(h.join(b, h.config(group)), topic)
	h.eventually("two are still to be done", func() bool {
		lag := h.lag(b, topic, group)
		return lag.Waiting+lag.Pending == 2
	})
	rest = h.take(slices, 2)
	for _, d := range rest {
		d.Settle(true)
	}
	h.done(b, topic, group)
}
