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

// A segment runs the stages between two topics: a Watermill handler puts each
// message into a go-streams flow and returns when its fate is known.
type segment struct {
	topic    string
	maxBytes int
	log      *slog.Logger

	sub   broker.Subscriber
	steps []*step
	stats segmentStats
	gate  *gate

	clock   Clock
	settled func(topic string, m *Message, o Outcome) // nil is nobody

	flow     streams.Flow
	received chan *Message // not yet decoded
	decoders sync.WaitGroup
	intake   *intake
	finished chan struct{} // closed when the flow has ended
	stop     <-chan struct{}
	work     context.Context // of the stages
}

// start wires the flow. Work in it ends when ctx does; closing stop makes it
// hurry. The last operators, made by tail, leave no message over.
func (s *segment) start(ctx context.Context, stages []Stage, tail streams.Flow) {
	s.intake, s.finished, s.work = newIntake(), make(chan struct{}), ctx
	s.received = make(chan *Message)
	for range runtime.GOMAXPROCS(0) {
		s.decoders.Go(s.decodeAll)
	}
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
	close(s.received)
	s.decoders.Wait()
	close(s.intake.in)
	if within(grace, s.finished) {
		return nil
	}
	return fmt.Errorf("segment %s: a stage ignores the end of its context", s.topic)
}

// handle is the Watermill handler: nil acknowledges.
func (s *segment) handle(wm *message.Message) ([]*message.Message, error) {
	select {
	case <-s.stop:
		return nil, errInterrupted
	default:
	}
	m := receive(wm)
	settled := make(chan Outcome, 1)
	m.tell = func(o Outcome) { settled <- o }

	s.stats.in.Add(1)
	select {
	case s.received <- m:
	case <-s.stop:
		s.stats.interrupted.Add(1)
		return nil, errInterrupted
	}
	o := <-settled
	if o.Err != nil && (s.work.Err() != nil || errors.Is(o.Err, errInterrupted)) {
		// Its work was cut short because the process ends, whatever the error says.
		s.stats.interrupted.Add(1)
		return nil, errInterrupted
	}
	s.stats.count(o)
	if s.settled != nil && m.Item != nil {
		s.settled(s.topic, m, o)
	}
	wm.Metadata.Set(MetaPoisonStage, o.Stage)
	return nil, o.Err
}

// receive makes a Message, without its item, of what the broker delivered. Metadata that
// an earlier poisoning left behind does not go on.
func receive(wm *message.Message) *Message {
	m := &Message{ID: wm.UUID, payload: wm.Payload, alone: wm.Metadata.Get(MetaPoisonAttempts) != ""}
	if len(wm.Metadata) > 0 {
		m.Meta = maps.Clone(map[string]string(wm.Metadata))
		for _, key := range poisonMeta {
			delete(m.Meta, key)
		}
	}
	return m
}

// decodeAll decodes what was received and puts it into the flow, until there is no more to
// come. The goroutines that do it live as long as the segment: the one of a handler is
// new, and growing its stack for the decoder costs as much as the decoding (`go run
// ./bench/hop` with and without: 5 % of the CPU of a hop, with GOGC=400 20 %).
func (s *segment) decodeAll() {
	for m := range s.received {
		if err := s.decode(m); err != nil {
			m.settle(Outcome{Fate: Failed, Stage: "decode", Err: Permanent(err)})
			continue
		}
		select {
		case s.intake.in <- m:
		case <-s.stop:
			m.settle(Outcome{Fate: Failed, Err: errInterrupted})
		}
	}
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

// encode is the reverse of receive and decode.
func encode(m *Message) (*message.Message, error) {
	payload, err := news.Encode(m.Item)
	if err != nil {
		return nil, Permanent(fmt.Errorf("encode item: %w", err))
	}
	wm := message.NewMessage(m.ID, payload)
	maps.Copy(wm.Metadata, m.Meta)
	return wm, nil
}

// forward returns what publishes messages to a topic, as the process of a step.
func forward(pub message.Publisher, topic string) func(context.Context, []*Message) ([]*Message, error) {
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
		if err := pub.Publish(topic, wms...); err != nil {
			return nil, Unavailable("broker", fmt.Errorf("publish to %s: %w", topic, err), 0)
		}
		return sent, nil
	}
}
