package flows

import (
	"context"
	"log/slog"
	"time"
	"unicode/utf8"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
)

var poisonMeta = []string{
	MetaPoisonStage, MetaPoisonAttempts, MetaPoisonAt,
	middleware.ReasonForPoisonedKey, middleware.PoisonedTopicKey, middleware.PoisonedHandlerKey, middleware.PoisonedSubscriberKey,
}

// Requeueable returns m as it was before it was poisoned, and the topic it came from.
func Requeueable(m *message.Message) (topic string, clean *message.Message) {
	topic = m.Metadata.Get(MetaPoisonTopic)
	clean = m.Copy()
	for _, key := range poisonMeta {
		delete(clean.Metadata, key)
	}
	return topic, clean
}

const (
	maxReason       = 2000 // bytes of an error kept with a poisoned message
	firstPoisonWait = 100 * time.Millisecond
	maxPoisonWait   = 30 * time.Second
)

// poisonPublisher is what Watermill's poison queue publishes through. While the
// topic takes nothing it waits, until stop is closed: given back, the message would
// run through all its attempts again. It books what was poisoned once it is durable.
type poisonPublisher struct {
	message.Publisher
	stop   <-chan struct{}
	log    *slog.Logger
	booked func(*message.Message)
}

func (p poisonPublisher) Publish(topic string, messages ...*message.Message) error {
	for _, m := range messages {
		m.Metadata.Set(MetaPoisonReason, clip(m.Metadata.Get(MetaPoisonReason), maxReason))
	}
	for wait := firstPoisonWait; ; wait = min(2*wait, maxPoisonWait) {
		err := p.Publisher.Publish(topic, messages...)
		if err == nil {
			break
		}
		if wait == firstPoisonWait {
			p.log.Error("poison_waits", "topic", topic, "id", messages[0].UUID, "error", err)
		}
		select {
		case <-time.After(wait):
		case <-p.stop:
			return err
		}
	}
	for _, m := range messages {
		p.log.Error("message_poisoned", "id", m.UUID, "stage", m.Metadata.Get(MetaPoisonStage),
			"attempts", m.Metadata.Get(MetaPoisonAttempts), "reason", m.Metadata.Get(MetaPoisonReason))
		p.booked(m)
	}
	return nil
}

// Quarantine returns the function that brings an entry which is no message, or is
// no item, to the poison topic. Doing it again with the same entry may store
// it twice.
func Quarantine(pub message.Publisher, poison string, log *slog.Logger) func(context.Context, string, *message.Message, error) error {
	return func(_ context.Context, topic string, m *message.Message, reason error) error {
		q := m.Copy()
		if q.UUID == "" {
			q.UUID = watermill.NewUUID()
		}
		q.Metadata.Set(MetaPoisonReason, clip(reason.Error(), maxReason))
		q.Metadata.Set(MetaPoisonTopic, topic)
		q.Metadata.Set(MetaPoisonStage, "quarantine")
		q.Metadata.Set(MetaPoisonAt, time.Now().UTC().Format(time.RFC3339))
		if err := pub.Publish(poison, q); err != nil {
			return err
		}
		log.Error("entry_quarantined", "topic", topic, "id", q.UUID, "reason", reason)
		return nil
	}
}

// clip cuts s to at most n bytes, between characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
