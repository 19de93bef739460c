// Package stream is the source that reads a topic of the broker, ours or one
// that any watermill-redisstream program publishes JSON items to.
//
// A message keeps its ID, and is acknowledged only when it is durable in the
// pipeline's first topic: a crash in between publishes it again under the same
// ID, which the stages know how to take. An entry that holds no item goes to
// quarantine and the topic lives on.
package stream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/flows"
	"catalyst/internal/broker"
	"catalyst/internal/config"
	"catalyst/internal/intake"
	"catalyst/internal/news"
)

// Config is what pipeline.yaml says about the topic.
type Config struct {
	Topic    string `yaml:"topic,short" required:"true" doc:"topic (Redis stream) to read; not one of this pipeline's own"`
	Group    string `yaml:"group" doc:"group that shares the work; defaults to the pipeline's name"`
	InFlight int    `yaml:"in_flight" doc:"messages taken and not yet acknowledged, at most"`
}

// Defaults are the values of what pipeline.yaml leaves out.
var Defaults = Config{InFlight: 1000}

// OutwardTopic is for the plan, which refuses the pipeline's own topics.
func (c Config) OutwardTopic() string { return c.Topic }

// Validate reports every fault at once.
func (c Config) Validate() error {
	var faults []error
	if c.Topic == "" {
		faults = append(faults, config.At("topic", "want the name of a topic"))
	}
	if c.InFlight < 1 {
		faults = append(faults, config.At("in_flight", "%d: want at least 1", c.InFlight))
	}
	return errors.Join(faults...)
}

// A Quarantine takes a message that holds no item. Nil means that it is kept
// somewhere and need not be delivered again.
type Quarantine func(ctx context.Context, topic string, m *message.Message, reason error) error

// Kind is the stream source. open opens the broker, when the source runs and not
// before; the broker's owner closes it.
func Kind(open func() (broker.Broker, error), quarantine Quarantine) flows.SourceKind {
	return flows.NewKind(flows.SourceKind{
		Name:    "stream",
		Doc:     "reads items from a topic of the broker",
		Example: `- stream: {topic: news.incoming}`,
	}, Defaults, func(b *flows.Build, c Config) (flows.Source, error) {
		s := &source{config: c, name: b.Name, log: b.Logger.With("topic", c.Topic), open: open, quarantine: quarantine, mark: rand.Text()}
		if s.config.Group == "" {
			s.config.Group = b.Pipeline
		}
		return s, nil
	})
}

type source struct {
	config     Config
	name       string
	log        *slog.Logger
	open       func() (broker.Broker, error)
	quarantine Quarantine
	mark       string // of messages this process has published from this topic
}

const (
	maxBatch = 100
	linger   = 2 * time.Millisecond
	// metaStream carries the mark.
	metaStream = "stream"
	// stopping is how long the source has to publish what it holds.
	stopping = 10 * time.Second
)

// errLoop is what a topic that the pipeline itself publishes to would cost: every message
// would come round for ever, and the source would take messages from the segment that
// reads the same topic.
var errLoop = errors.New("the topic is one that this pipeline publishes to: read another")

// Run moves messages until ctx ends. It then publishes what it holds, and gives
// the rest back to the group.
func (s *source) Run(ctx context.Context, publish flows.Publish) error {
	b, err := s.open()
	if err != nil {
		return fmt.Errorf("stream %s: %w", s.config.Topic, err)
	}
	sub, err := b.Subscriber(broker.Config{
		Group:    s.config.Group,
		InFlight: s.config.InFlight,
		Quarantine: func(ctx context.Context, topic string, m *message.Message, reason error) error {
			return s.reject(ctx, m, reason)
		},
	})
	if err != nil {
		return fmt.Errorf("stream %s: %w", s.config.Topic, err)
	}
	// The end of ctx must not take away what has been delivered: Drain ends the subscription.
	messages, err := sub.Subscribe(context.WithoutCancel(ctx), s.config.Topic)
	if err != nil {
		return errors.Join(fmt.Errorf("stream %s: %w", s.config.Topic, err), sub.Close())
	}
	if err := s.move(ctx, messages, publish); err != nil {
		return errors.Join(fmt.Errorf("stream %s: %w", s.config.Topic, err), s.stop(ctx, sub, messages, nil))
	}
	return s.stop(ctx, sub, messages, publish)
}

// move publishes until ctx ends. Its error is one that no later message can mend.
func (s *source) move(ctx context.Context, messages <-chan *message.Message, publish flows.Publish) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case m, open := <-messages:
			if !open {
				if ctx.Err() != nil {
					return nil
				}
				return errors.New("the subscription has ended")
			}
			if err := s.pass(ctx, gather(m, messages), publish); err != nil {
				return err
			}
		}
	}
}

// stop drains sub. What comes out meanwhile is published, or given back if publish
// is nil.
func (s *source) stop(ctx context.Context, sub broker.Subscriber, messages <-chan *message.Message, publish flows.Publish) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopping)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- sub.Drain(ctx) }()
	for m := range messages {
		if publish == nil {
			m.Nack()
		} else if err := s.pass(ctx, gather(m, messages), publish); err != nil {
			publish = nil
		}
	}
	if err := <-drained; err != nil {
		return fmt.Errorf("stream %s: drain: %w", s.config.Topic, err)
	}
	return nil
}

// gather returns m and what comes within a moment: the subscriber hands over one
// message after the other, and publishing them one by one would be as slow.
func gather(m *message.Message, messages <-chan *message.Message) []*message.Message {
	batch := []*message.Message{m}
	enough := time.NewTimer(linger)
	defer enough.Stop()
	for len(batch) < maxBatch {
		select {
		case m, open := <-messages:
			if !open {
				return batch
			}
			batch = append(batch, m)
		case <-enough.C:
			return batch
		}
	}
	return batch
}

// pass publishes a batch, and acknowledges each message that has found its place:
// in the first topic, or in quarantine. The others come again.
func (s *source) pass(ctx context.Context, batch []*message.Message, publish flows.Publish) error {
	var taken []*message.Message
	var out []*flows.Message
	var fault error
	for _, m := range batch {
		if m.Metadata.Get(metaStream) == s.mark {
			m.Nack()
			fault = errLoop
			continue
		}
		it, err := news.Decode(m.Payload)
		if err != nil {
			settle(m, s.reject(m.Context(), m, err))
			continue
		}
		intake.Prepare(it, s.name)
		passed := flows.NewMessage(m.UUID, it)
		passed.Meta = maps.Clone(m.Metadata)
		passed.SetMeta(metaStream, s.mark)
		taken, out = append(taken, m), append(out, passed)
	}
	if len(out) == 0 {
		return fault
	}
	err := publish(ctx, out...)
	if err == nil {
		intake.Items.WithLabelValues(s.name).Add(float64(len(out)))
	} else if ctx.Err() == nil {
		s.log.Warn("publish_failed", "messages", len(out), "error", err)
	}
	for _, m := range taken {
		settle(m, err)
	}
	return fault
}

func settle(m *message.Message, err error) {
	if err != nil {
		m.Nack()
		return
	}
	m.Ack()
}

func (s *source) reject(ctx context.Context, m *message.Message, reason error) error {
	if err := s.quarantine(ctx, s.config.Topic, m, reason); err != nil {
		s.log.Error("quarantine_failed", "id", m.UUID, "reason", reason, "error", err)
		return err
	}
	intake.Rejected.WithLabelValues(s.name).Inc()
	return nil
}
