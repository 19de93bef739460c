package flows

import (
	"context"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
)

// publish is the [Publish] that sources get.
func (e *Engine) publish(ctx context.Context, messages ...*Message) error {
	now := e.clock().Now().UTC()
	wms := make([]*message.Message, 0, len(messages))
	for _, m := range messages {
		if m.ID == "" {
			id, err := uuid.NewV7()
			if err != nil {
				return err
			}
			m.ID = id.String()
		}
		if m.Item.Received.IsZero() {
			m.Item.Received = now
		}
		wm, err := encode(m)
		if err != nil {
			return err
		}
		wms = append(wms, wm)
	}
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := e.publishOnce(ctx, e.plan.Topic, wms)
		if err == nil {
			return nil
		}
		e.log.Warn("publish_waits", "topic", e.plan.Topic, "messages", len(wms), "wait", wait, "error", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}

// publishOnce does not wait for a broker that does not answer when ctx has ended: what is
// published then is published again, if at all, which does no harm.
func (e *Engine) publishOnce(ctx context.Context, topic string, wms []*message.Message) error {
	published := make(chan error, 1)
	go func() { published <- e.broker.Publisher().Publish(topic, wms...) }()
	select {
	case err := <-published:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-published:
		return err
	case <-time.After(e.grace / 2):
		return ctx.Err()
	}
}

// awaitIdle returns when no topic of the pipeline has anything waiting or
// pending, or when ctx ends. Messages only move downstream, so one look along the stream is enough.
func (e *Engine) awaitIdle(ctx context.Context) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if e.quiet(ctx) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (e *Engine) quiet(ctx context.Context) bool {
	for _, s := range e.segments {
		lag, err := e.broker.Lag(ctx, s.topic, e.plan.Name)
		if err != nil || lag.Waiting > 0 || lag.Pending > 0 {
			return false
		}
	}
	return true
}
