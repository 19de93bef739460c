package brokertest

import (
	"context"
	"testing"
	"time"

	"catalyst/internal/broker"
)

func lag(h *harness) {
	b := h.broker()
	topic, group := h.name("topic"), h.name("group")
	if got := h.lag(b, topic, group); got != (broker.Lag{}) {
		h.Errorf("lag %+v of a topic that is not there", got)
	}
	before := time.Now().Add(-time.Second)
	h.publish(b, topic, numbered(5)...)
	if got := h.lag(b, topic, group); got.Waiting != 5 || got.Pending != 0 || got.Oldest.Before(before) {
		h.Errorf("lag %+v of a group that is not there, want all", got)
	}

	config := h.config(group)
	config.InFlight = 2
	config.RedeliverAfter = time.Second
	messages := h.subscribe(h.join(b, config), topic)
	held := h.receive(messages, 2)
	got := h.lag(b, topic, group)
	if got.Waiting != 3 || got.Pending != 2 {
		h.Errorf("lag %d waiting, %d pending; want 3, 2", got.Waiting, got.Pending)
	}
	if got.Oldest.Before(before) || got.Oldest.After(time.Now().Add(time.Second)) {
		h.Errorf("the oldest is of %v, want about now", got.Oldest)
	}
	held[0].Nack()
	held[1].Ack()
	ack(h.receive(messages, 1)...)
	ack(h.receive(messages, 1)...)
	ack(h.receive(messages, 1)...)
	h.pending(b, topic, group, 1) // a nacked message is not settled
	ack(h.receive(messages, 1)...)
	h.done(b, topic, group)
}

func browseDelete(h *harness) {
	ctx := context.Background()
	b := h.broker()
	topic, group := h.name("topic"), h.name("group")
	browse := func(after string, limit int) []broker.Stored {
		h.Helper()
		stored, err := b.Browse(ctx, topic, after, limit)
		if err != nil {
			h.Fatalf("browse: %v", err)
		}
		return stored
	}
	if got := browse("", 10); len(got) != 0 {
		h.Errorf("%d messages in a topic that is not there", len(got))
	}
	published := numbered(5)
	h.publish(b, topic, published...)

	first := browse("", 2)
	if len(first) != 2 {
		h.Fatalf("browsed %d messages, want 2", len(first))
	}
	all := append(first, browse(first[1].Position, 10)...)
	if len(all) != 5 {
		h.Fatalf("browsed %d messages, want 5", len(all))
	}
	for i, s := range all {
		sameMessage(h, s.Message, published[i])
		if age := time.Since(s.At); age < -time.Minute || age > time.Minute {
			h.Errorf("published at %v, want about now", s.At)
		}
	}
	if got := browse(all[4].Position, 10); len(got) != 0 {
		h.Errorf("%d messages after the last", len(got))
	}

	remove := func(want int, positions ...string) {
		h.Helper()
		got, err := b.Delete(ctx, topic, positions...)
		if err != nil || got != want {
			h.Errorf("deleted %d, %v; want %d", got, err, want)
		}
	}
	length := func(want int64) {
		h.Helper()
		if got, err := b.Len(ctx, topic); err != nil || got != want {
			h.Errorf("the topic holds %d, %v; want %d", got, err, want)
		}
	}
	length(5)
	remove(2, all[1].Position, all[3].Position)
	remove(0, all[1].Position, all[3].Position)
	remove(0)
	length(3)

	got := h.receive(h.subscribe(h.join(b, h.config(group)), topic), 3)
	if left := h.payloads(got); left["1"] || left["3"] {
		h.Errorf("a deleted message was delivered: %v", left)
	}
	ack(got...)
	h.done(b, topic, group)
}

func refused(h *harness) {
	b := h.broker()
	if err := b.Ping(context.Background()); err != nil {
		h.Errorf("ping: %v", err)
	}
	whole := h.config(h.name("group"))
	nameless, careless := whole, whole
	nameless.Group, careless.Quarantine = "", nil
	for name, config := range map[string]broker.Config{"no group": nameless, "no quarantine": careless} {
		h.Run(name, func(t *testing.T) {
			if _, err := b.Subscriber(config); err == nil {
				t.Error("accepted")
			}
		})
	}

	topic := h.name("topic")
	publisher := b.Publisher()
	if err := publisher.Publish(topic); err != nil {
		h.Errorf("publish nothing: %v", err)
	}
	if err := publisher.Close(); err != nil {
		h.Errorf("close a publisher: %v", err)
	}
	h.publish(b, topic, numbered(1)...)

	s := h.join(b, whole)
	ack(h.receive(h.subscribe(s, topic), 1)...)
	h.drain(s, patience)
	if _, err := s.Subscribe(context.Background(), topic); err == nil {
		h.Error("a drained subscriber accepts subscriptions")
	}
	if err := b.Close(); err != nil {
		h.Errorf("close: %v", err)
	}
	if err := b.Close(); err != nil {
		h.Errorf("close again: %v", err)
	}
	if err := b.Publisher().Publish(topic, numbered(1)...); err == nil {
		h.Error("a closed broker accepts messages: nobody would ever know they are lost")
	}
}
