package brokertest

import (
	"context"
	"fmt"
	"time"
)

func drainWaits(h *harness) {
	b := h.broker()
	topic, group := h.name("topic"), h.name("group")
	s := h.join(b, h.config(group))
	messages := h.subscribe(s, topic)
	h.publish(b, topic, numbered(3)...)
	held := h.receive(messages, 3)

	drained := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		drained <- s.Drain(ctx)
	}()
	ack(held[0])
	select {
	case err := <-drained:
		h.Fatalf("drain returned %v while two messages are in hand", err)
	case <-time.After(silence):
	}
	for _, m := range held[1:] {
		if err := m.Context().Err(); err != nil {
			h.Errorf("drain ended the context of a message in hand: %v", err)
		}
	}
	ack(held[1:]...)
	if err := <-drained; err != nil {
		h.Errorf("drain: %v", err)
	}
	if left := h.lag(b, topic, group); left.Pending != 0 {
		h.Errorf("%d pending after drain, want every ack flushed", left.Pending)
	}
	h.closed(messages)
	// What comes now is for others.
	h.publish(b, topic, numbered(1)...)
	ack(h.receive(h.subscribe(h.join(b, h.config(group)), topic), 1)...)
	h.done(b, topic, group)
}

func drainReleases(h *harness) {
	one, two := h.broker(), h.broker()
	topic, group := h.name("topic"), h.name("group")
	config := h.config(group)
	config.InFlight = 10
	s := h.join(one, config)
	messages := h.subscribe(s, topic)
	h.publish(one, topic, numbered(10)...)
	held := h.receive(messages, 10)
	peer := h.subscribe(h.join(two, config), topic)
	ack(held[:4]...)

	h.drain(s, 50*time.Millisecond)
	got := h.receiveWithin(peer, 6, time.Second)
	released := h.payloads(got)
	for i := 4; i < 10; i++ {
		if !released[fmt.Sprint(i)] {
			h.Errorf("message %d was not released", i)
		}
	}
	ack(held...) // too late, and harmless
	ack(got...)
	h.done(two, topic, group)
}

func drainCountsNothing(h *harness) {
	b := h.broker()
	topic, group := h.name("topic"), h.name("group")
	config := h.config(group)
	config.MaxDeliveries = 1
	h.publish(b, topic, numbered(2)...)
	for range 4 {
		s := h.join(b, config)
		h.receive(h.subscribe(s, topic), 2)
		h.drain(s, time.Millisecond)
	}
	ack(h.receive(h.subscribe(h.join(b, config), topic), 2)...)
	h.done(b, topic, group)
}

func drainTwice(h *harness) {
	b := h.broker()
	topic, group := h.name("topic"), h.name("group")
	s := h.join(b, h.config(group))
	messages := h.subscribe(s, topic)
	h.publish(b, topic, numbered(1)...)
	held := h.receive(messages, 1)

	results := make(chan error, 2)
	for range 2 {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			results <- s.Drain(ctx)
		}()
	}
	select {
	case <-results:
		h.Fatal("a drain returned while a message is in hand")
	case <-time.After(silence):
	}
	ack(held...)
	for range 2 {
		if err := <-results; err != nil {
			h.Errorf("drain: %v", err)
		}
	}
	h.drain(s, patience)
	if err := s.Close(); err != nil {
		h.Errorf("close after drain: %v", err)
	}
	h.done(b, topic, group)
}

func closeGivesUp(h *harness) {
	one, two := h.broker(), h.broker()
	topic, group := h.name("topic"), h.name("group")
	s := h.join(one, h.config(group))
	messages := h.subscribe(s, topic)
	h.publish(one, topic, numbered(5)...)
	held := h.receive(messages, 3) // and two lie in the channel
	if err := s.Close(); err != nil {
		h.Fatalf("close: %v", err)
	}
	if held[0].Context().Err() == nil {
		h.Error("the context of a message outlives its subscriber")
	}
	h.closed(messages)
	if err := s.Close(); err != nil {
		h.Errorf("second close: %v", err)
	}
	got := h.receive(h.subscribe(h.join(two, h.config(group)), topic), 5)
	h.payloads(got)
	ack(got...)
	h.done(two, topic, group)
}
