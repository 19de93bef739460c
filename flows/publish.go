package flows

import (
	"context"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
)

// publish is the [Publish] that sources get.
func (e *Engine) publish(ctx context.Context, messages ...*Message) error {
	now := time.Now().UTC()
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
	pub := e.broker.Publisher()
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := pub.Publish(e.plan.Topic, wms...)
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

// Stats reads all counters, in the order of the plan.
func (e *Engine) Stats() (segments []SegmentCount, steps []StepCount) {
	for i, s := range e.segments {
		segments = append(segments, s.stats.read(s.topic))
		for k, st := range s.steps {
			c := st.stats.read()
			c.Segment, c.Stage = s.topic, st.name
			c.Kind = "sink"
			switch stages := e.plan.Segments[i].Stages; {
			case k < len(stages):
				c.Kind = stages[k].Kind.Name
			case e.plan.Segments[i].Next != "":
				c.Kind = "topic"
			}
			steps = append(steps, c)
		}
	}
	return segments, steps
}

// Outages returns the outages because of which segments take in nothing, by
// topic; empty when all is well.
func (e *Engine) Outages() map[string]Outage {
	outages := map[string]Outage{}
	for _, s := range e.segments {
		if o := s.gate.outage(); o != nil {
			outages[s.topic] = *o
		}
	}
	return outages
}

// Check asks the broker and every component that can tell whether what it depends
// on answers, and returns the errors by component name.
func (e *Engine) Check(ctx context.Context) map[string]error {
	faults := map[string]error{}
	check := func(name string, it any) {
		if c, ok := it.(Checker); ok {
			if err := c.Check(ctx); err != nil {
				faults[name] = err
			}
		}
	}
	if err := e.broker.Ping(ctx); err != nil {
		faults["broker"] = err
	}
	for _, s := range e.sources {
		check(s.Name, s.it)
	}
	for _, stages := range e.stages {
		for _, s := range stages {
			check(s.Name, s.it)
		}
	}
	for _, s := range e.sinks {
		check(s.Name, s.it)
	}
	return faults
}
