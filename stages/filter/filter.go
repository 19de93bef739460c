// Package filter drops items for which an expression is false:
//
//   - filter: 'form == "8-K"'
//
// It remembers nothing: the same item always comes to the same end.
package filter

import (
	"context"
	"errors"

	"catalyst/flows"
	"catalyst/internal/config"
)

// Config is what pipeline.yaml says about a filter.
type Config struct {
	Keep   flows.Condition `yaml:"keep,short" required:"true" doc:"items for which this expression is true go on"`
	Reason string          `yaml:"reason" doc:"why the others are dropped, in a few words; it labels a metric"`
}

// DefaultConfig drops as "filtered".
var DefaultConfig = Config{Reason: "filtered"}

// Validate wants an expression and a reason short enough for a label.
func (c Config) Validate() error {
	const most = 64
	var faults []error
	if c.Keep.IsZero() {
		faults = append(faults, config.At("keep", `is empty: write what to keep, as in form == "8-K"`))
	}
	if c.Reason == "" || len(c.Reason) > most {
		faults = append(faults, config.At("reason", "has %d bytes, want 1 to %d: it labels a metric", len(c.Reason), most))
	}
	return errors.Join(faults...)
}

// Kind describes the stage.
func Kind() flows.StageKind {
	return flows.NewKind(flows.StageKind{
		Name:    "filter",
		Doc:     "drops items for which an expression is false",
		Example: `- filter: 'form == "8-K"'`,
	}, DefaultConfig, func(_ *flows.Build, c Config) (flows.Stage, error) {
		return stage(c), nil
	})
}

type stage Config

func (s stage) Process(ctx context.Context, batch []*flows.Message) ([]*flows.Message, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	kept := make([]*flows.Message, 0, len(batch))
	for _, m := range batch {
		switch keep, err := s.Keep.Match(m.Item); {
		case err != nil:
			// The item will be no different next time. In poison somebody sees it.
			m.Fail(flows.Permanent(err))
		case keep:
			kept = append(kept, m)
		default:
			m.Drop(s.Reason)
		}
	}
	return kept, nil
}
