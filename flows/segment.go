package flows

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	streams "github.com/reugn/go-streams"

	"catalyst/internal/broker"
	"catalyst/internal/news"
)

// A segment runs the stages between two topics: what the broker delivers goes, in
// batches, into a go-streams flow, and is settled when its fate is known. What fails or is
// parked, and everything while the gate is closed, goes message by message through a
// Watermill handler with its middlewares (trouble.go).
type segment struct {
	topic    string
	maxBytes int
	log      *slog.Logger

	sub     broker.Subscriber
	steps   []*step
	stats   segmentStats
	gate    *gate
	trouble *trouble

	clock  Clock
	notify func(topic string, m *Message, o Outcome) // nil is nobody

	flow      streams.Flow
	receivers sync.WaitGroup
	intake    *intake
	finished  chan struct{} // closed when the flow has ended
	stop      <-chan struct{}
	work      context.Context // of the stages
}

// start wires the flow. Work in it ends when ctx does; closing stop makes it
// hurry. The last operators, made by tail, leave no message over.
func (s *segment) start(ctx context.Context, stages []Stage, tail streams.Flow) {
	s.intake, s.finished, s.work = newIntake(), make(chan struct{}), ctx
	last := streams.Source(s.intake)
	via := func(f streams.Flow) {
		s.flow = last.Via(f)
		last = s.flow
	}
	for i, stage := range stages {
		step := s.steps[i]
		if g, ok := stage.(Grouper); ok {
			via(newGather(g.Grouping(), s.clock, s.stop))
		}
		via(stepFlow(func(batch []*Message) []*Message { return step.run(ctx, batch) }, step.knobs.Workers))
	}
	via(tail)
	go func() {
		defer close(s.finished)
		s.flow.To(newEnd())
	}()
}

// end closes the flow and waits for its goroutines. A stage that does not return
// although its context has ended is reported, and not waited for longer than grace.
func (s *segment) end(grace time.Duration) error {
	s.receivers.Wait()
	close(s.intake.in)
	if within(grace, s.finished) {
		return nil
	}
	return fmt.Errorf("segment %s: a stage ignores the end of its context", s.topic)
}

// receive takes what is delivered until there is no more to come; it returns a channel that is
// closed then.
func (s *segment) receive(deliveries <-chan []broker.Delivery) (ended <-chan struct{}) {
	for range runtime.GOMAXPROCS(0) { // decoding is work
		s.receivers.Go(func() {
			for batch := range deliveries {
				s.take(batch)
			}
		})
	}
	over := make(chan struct{})
	go func() { s.receivers.Wait(); close(over) }()
	return over
}

// take puts what is delivered into the flow, or hands it to trouble.
func (s *segment) take(batch []broker.Delivery) {
	open := s.gate.outage() == nil
	ms := make([]*Message, 0, len(batch))
	for _, d := range batch {
		m := newDelivered(d.Message())
		if m.alone || !open {
			s.trouble.handle(d, nil)
			continue
		}
		m.delivery, m.tell = d, s.settled
		s.stats.in.Add(1)
		if err := s.decode(m); err != nil {
			m.settle(undecodable(err))
			continue
		}
		ms = append(ms, m)
	}
	s.put(ms)
}

// put puts messages into the flow, unless the process stops.
func (s *segment) put(ms []*Message) {
	if len(ms) == 0 {
		return
	}
	select {
	case <-s.stop:
	default:
		select {
		case s.intake.in <- ms:
			return
		case <-s.stop:
		}
	}
	for _, m := range ms {
		m.settle(Outcome{Fate: Failed, Err: errInterrupted})
	}
}

func undecodable(err error) Outcome {
	return Outcome{Fate: Failed, Stage: "decode", Err: Permanent(err)}
}

// settled books the first try of m. That is the end of it, if it went well.
func (s *segment) settled(m *Message, o Outcome) {
	switch err := s.book(m, o); {
	case err == nil:
		m.delivery.Settle(true)
	case errors.Is(err, errInterrupted):
		m.delivery.Settle(false)
	default:
		s.trouble.handle(m.delivery, &o)
	}
}

// book counts one try of m and returns its error. To be interrupted is no fate.
func (s *segment) book(m *Message, o Outcome) error {
	if o.Err != nil && (s.work.Err() != nil || errors.Is(o.Err, errInterrupted)) {
		// Its work was cut short because the process ends, whatever the error says.
		s.stats.interrupted.Add(1)
		return errInterrupted
	}
	s.stats.count(o)
	if s.notify != nil && m.Item != nil {
		s.notify(s.topic, m, o)
	}
	return o.Err
}

// newDelivered makes a Message, without its item, of what the broker delivered. Metadata that
// an earlier poisoning left behind does not go on.
func newDelivered(wm *message.Message) *Message {
	m := &Message{ID: wm.UUID, payload: wm.Payload, alone: wm.Metadata.Get(MetaPoisonAttempts) != ""}
	if len(wm.Metadata) > 0 {
		m.Meta = maps.Clone(map[string]string(wm.Metadata))
		for _, key := range poisonMeta {
			delete(m.Meta, key)
		}
	}
	return m
}

// decode makes m's item of its payload. These are foreign bytes: whatever they do to the
// decoder must cost one message, not the process.
func (s *segment) decode(m *Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("payload is no item: %v", p)
		}
	}()
	if len(m.payload) > s.maxBytes {
		return fmt.Errorf("payload has %d bytes, more than max_bytes %d", len(m.payload), s.maxBytes)
	}
	if m.Item, err = news.Decode(m.payload); err != nil {
		return fmt.Errorf("payload is no item: %w", err)
	}
	m.payload = nil
	return nil
}

// encode is the reverse of newDelivered and decode. Publishers only read what it returns.
func encode(m *Message) (*message.Message, error) {
	payload, err := news.Encode(m.Item)
	if err != nil {
		return nil, Permanent(fmt.Errorf("encode item: %w", err))
	}
	return &message.Message{UUID: m.ID, Metadata: m.Meta, Payload: payload}, nil
}

// forward returns what publishes messages to a topic, as the process of a step.
func (e *Engine) forward(topic string) func(context.Context, []*Message) ([]*Message, error) {
	return func(ctx context.Context, batch []*Message) ([]*Message, error) {
		if err := ctx.Err(); err != nil {
			return nil, err // the message was given back already
		}
		wms := make([]*message.Message, 0, len(batch))
		sent := make([]*Message, 0, len(batch))
		for _, m := range batch {
			wm, err := encode(m)
			if err != nil {
				m.Fail(err)
				continue
			}
			wms, sent = append(wms, wm), append(sent, m)
		}
		if err := e.publishOnce(ctx, topic, wms); err != nil {
			return nil, Unavailable("broker", fmt.Errorf("publish to %s: %w", topic, err), 0)
		}
		return sent, nil
	}
}
