// Package topic is the sink that publishes items to a topic of the broker, for other
// pipelines and for any watermill-redisstream program.
//
// A message keeps its ID. Delivered again, after a crash between publishing and
// its acknowledgement, it is published again under that ID: who reads the topic must
// expect that, as the stages of this program do.
package topic

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/flows"
	"catalyst/internal/broker"
	"catalyst/internal/config"
	"catalyst/internal/news"
)

// Config is what pipeline.yaml says about the topic.
type Config struct {
	Topic string `yaml:"topic,short" required:"true" doc:"topic (Redis stream) to publish to; not one of this pipeline's own"`
}

// OutwardTopic is for the plan, which refuses the pipeline's own topics.
func (c Config) OutwardTopic() string { return c.Topic }

// Validate reports an empty name.
func (c Config) Validate() error {
	if c.Topic == "" {
		return config.At("topic", "want the name of a topic")
	}
	return nil
}

// Kind is the topic sink. open opens the broker, when the sink starts and not
// before; the broker's owner closes it.
func Kind(open func() (broker.Broker, error)) flows.SinkKind {
	return flows.NewKind(flows.SinkKind{
		Name:    "topic",
		Doc:     "publishes items to a topic of the broker",
		Example: `- topic: {topic: news.done}`,
	}, Config{}, func(_ *flows.Build, c Config) (flows.Sink, error) {
		return &sink{topic: c.Topic, open: open}, nil
	})
}

type sink struct {
	topic  string
	open   func() (broker.Broker, error)
	broker broker.Broker
}

// Start opens the broker.
func (s *sink) Start(context.Context) (err error) {
	if s.broker, err = s.open(); err != nil {
		return fmt.Errorf("topic %s: %w", s.topic, err)
	}
	return nil
}

// Check reports whether the broker answers.
func (s *sink) Check(ctx context.Context) error {
	if s.broker == nil {
		return errors.New("topic: not started")
	}
	return s.broker.Ping(ctx)
}

// Deliver publishes the whole batch at once.
func (s *sink) Deliver(_ context.Context, batch []*flows.Message) error {
	if s.broker == nil {
		return errors.New("topic: Deliver before Start")
	}
	out := make([]*message.Message, 0, len(batch))
	for _, m := range batch {
		payload, err := news.Encode(m.Item)
		if err != nil {
			m.Fail(flows.Permanent(err))
			continue
		}
		wm := message.NewMessage(m.ID, payload)
		maps.Copy(wm.Metadata, m.Meta)
		out = append(out, wm)
	}
	if len(out) == 0 {
		return nil
	}
	if err := s.broker.Publisher().Publish(s.topic, out...); err != nil {
		return flows.Unavailable("broker", fmt.Errorf("publish to %s: %w", s.topic, err), 0)
	}
	return nil
}
