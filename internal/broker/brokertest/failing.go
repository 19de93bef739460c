package brokertest

import (
	"time"
)

func nackDelaysNone(h *harness) {
	b := h.broker()
	topic, group := h.name("topic"), h.name("group")
	config := h.config(group)
	config.InFlight = 1
	config.RedeliverAfter = forever
	messages := h.subscribe(h.join(b, config), topic)
	h.publish(b, topic, numbered(20)...)
	for i := range 20 {
		m := h.receive(messages, 1)[0]
		if i == 0 {
			m.Nack()
		} else {
			m.Ack()
		}
	}
	h.eventually("only the failing one is left", func() bool {
		left := h.lag(b, topic, group)
		return left.Pending == 1 && left.Waiting == 0
	})
	h.silent(messages, silence, "it was nacked, and RedeliverAfter is long")
}

func nackWaits(h *harness) {
	b := h.broker()
	topic, group := h.name("topic"), h.name("group")
	config := h.config(group)
	config.RedeliverAfter = 250 * time.Millisecond
	messages := h.subscribe(h.join(b, config), topic)
	want := numbered(1)[0]
	want.Metadata.Set("colour", "green")
	h.publish(b, topic, want)

	deliveries, over := 0, time.After(2*time.Second)
	var nacked time.Time
	for listening := true; listening; {
		select {
		case m := <-messages:
			// A few milliseconds belong to clocks that count in whole ones.
			if waited := time.Since(nacked); deliveries > 0 && waited < config.RedeliverAfter-5*time.Millisecond {
				h.Errorf("redelivered %v after the nack, want %v", waited, config.RedeliverAfter)
			}
			deliveries++
			sameMessage(h, m, want)
			m.Metadata.Set("colour", "red") // a holder's notes are its own
			nacked = time.Now()
			m.Nack()
		case <-over:
			listening = false
		}
	}
	if deliveries < 2 || deliveries > 9 {
		h.Errorf("%d deliveries in two seconds, want a redelivery each %v", deliveries, config.RedeliverAfter)
	}
	ack(h.receive(messages, 1)...)
	h.done(b, topic, group)
}

func quarantined(h *harness) {
	b := h.broker()
	topic, group := h.name("topic"), h.name("group")
	kept := &quarantine{refuse: 2}
	config := h.config(group)
	config.MaxDeliveries = 3
	config.Lease = 600 * time.Millisecond
	config.Quarantine = kept.take
	messages := h.subscribe(h.join(b, config), topic)
	published := numbered(2)
	bad, good := published[0], published[1]
	h.publish(b, topic, bad, good)

	deliveries := 0
	h.eventually("the failing message is quarantined", func() bool {
		for {
			select {
			case m := <-messages:
				if m.UUID == good.UUID {
					m.Ack()
					continue
				}
				deliveries++
				m.Nack()
			default:
				return len(kept.messages()) > 0
			}
		}
	})
	if deliveries != config.MaxDeliveries {
		h.Errorf("%d deliveries before quarantine, want %d", deliveries, config.MaxDeliveries)
	}
	sameMessage(h, kept.messages()[0], bad)
	if kept.topics[0] != topic {
		h.Errorf("quarantined as of topic %q, want %q", kept.topics[0], topic)
	}
	h.done(b, topic, group)
	h.silent(messages, silence, "it is in quarantine")
	if n := len(kept.messages()); n != 1 {
		h.Errorf("%d messages were quarantined, want 1", n)
	}
}
