// Package remember stores the verdicts of models where semantic_cache will find
// them. It stands behind the stage that asks the models; every message passes.
//
// It is bookkeeping: what could not be stored fails no message, and semantic_cache
// warns of it once per outage and counts it. Storing twice is storing once.
package remember

import (
	"context"
	"errors"

	"catalyst/flows"
)

// A Memory stores the verdicts of a batch that are worth it, and logs and counts
// what it could not store. The semantic_cache stage is one.
type Memory interface {
	Remember(ctx context.Context, batch []*flows.Message) error
}

// Config is empty: the cache's settings are semantic_cache's.
type Config struct{}

// Kind describes the stage.
func Kind() flows.StageKind {
	return flows.NewKind(flows.StageKind{
		Name:    "remember",
		Doc:     "stores verdicts for semantic_cache",
		Example: "- remember",
		Knobs:   flows.Knobs{OnError: flows.OnErrorPass},
		After:   []string{"semantic_cache"},
		Follows: []string{"llm_router"},
	}, Config{}, func(b *flows.Build, _ Config) (flows.Stage, error) {
		memory, ok := b.Before("semantic_cache").(Memory)
		if !ok {
			return nil, errors.New("remember: there is no semantic_cache before it to remember for")
		}
		return &stage{memory}, nil
	})
}

type stage struct{ memory Memory }

func (s *stage) Process(ctx context.Context, batch []*flows.Message) ([]*flows.Message, error) {
	_ = s.memory.Remember(ctx, batch) // it has told of its error, and no item pays for it
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return batch, nil
}
