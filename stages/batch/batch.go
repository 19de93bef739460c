// Package batch gathers messages, so that the stages behind it ask their
// services once for several.
//
// A batch is complete when it has its size, or when its oldest message has waited
// long enough. Urgent messages do not wait: each goes alone, at once, past those
// that do. The engine does the gathering ([flows.Grouper]); nothing is held
// here, so nothing can be lost here.
package batch

import (
	"context"
	"errors"
	"time"

	"catalyst/flows"
	"catalyst/internal/config"
)

// Config is what pipeline.yaml says about batch.
type Config struct {
	Size   int             `yaml:"size" doc:"messages in a batch, at most"`
	Wait   time.Duration   `yaml:"wait" doc:"longest time the oldest message of a batch waits for others"`
	Urgent flows.Condition `yaml:"urgent" doc:"messages for which this is true go alone, at once"`
}

// DefaultConfig suits a local model: five items, two seconds.
var DefaultConfig = Config{Size: 5, Wait: 2 * time.Second}

// Bounds that keep a slip of the finger from stopping the news.
const (
	maxSize = 10_000
	maxWait = 10 * time.Minute
)

// Validate checks the bounds.
func (c Config) Validate() error {
	var faults []error
	if c.Size < 1 || c.Size > maxSize {
		faults = append(faults, config.At("size", "is %d, want 1 to %d", c.Size, maxSize))
	}
	switch {
	case c.Size == 1 && c.Wait == 0: // nobody waits for anybody
	case c.Wait <= 0 || c.Wait > maxWait:
		faults = append(faults, config.At("wait", "is %v, want more than 0s and at most %v", c.Wait, maxWait))
	}
	return errors.Join(faults...)
}

// Window is how many messages must be in hand for a batch to fill.
func (c Config) Window() int { return c.Size }

// Kind describes the stage.
func Kind() flows.StageKind {
	return flows.NewKind(flows.StageKind{
		Name:    "batch",
		Doc:     "gathers messages so that the stages behind it work on several at once",
		Example: `- batch: {size: 5, wait: 2s, urgent: 'form == "8-K"'}`,
	}, DefaultConfig, func(_ *flows.Build, c Config) (flows.Stage, error) {
		return stage(c), nil
	})
}

type stage Config

// Grouping tells the engine how to gather.
func (s stage) Grouping() flows.Grouping {
	g := flows.Grouping{Size: s.Size, Wait: s.Wait}
	if !s.Urgent.IsZero() {
		g.Urgent = s.urgent
	}
	return g
}

// urgent lets a message hurry if the expression cannot tell: going alone harms nobody.
func (s stage) urgent(m *flows.Message) bool {
	urgent, err := s.Urgent.Match(m.Item)
	return urgent || err != nil
}

// Process returns the batch as the engine gathered it.
func (s stage) Process(ctx context.Context, batch []*flows.Message) ([]*flows.Message, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return batch, nil
}
