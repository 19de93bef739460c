package load

import (
	"context"
	"io"
	"time"

	"catalyst/flows"
)

// A sink stands in the place of every sink: what it is given is taken at once.
type sink struct{ run *Run }

func (s *sink) Announce(_ context.Context, batch []*flows.Message) error {
	s.run.alerted(batch)
	return nil
}

func (s *sink) Deliver(_ context.Context, batch []*flows.Message) error {
	s.run.alerted(batch)
	return nil
}

// A stage notes how long the stage within takes for each batch.
type stage struct {
	flows.Stage
	times *Histogram
}

func (s *stage) Process(ctx context.Context, batch []*flows.Message) ([]*flows.Message, error) {
	began := time.Now()
	out, err := s.Stage.Process(ctx, batch)
	s.times.Add(time.Since(began))
	return out, err
}

// Start and Close are the stage's within, where it has them.
func (s *stage) Start(ctx context.Context) error {
	if within, ok := s.Stage.(flows.Starter); ok {
		return within.Start(ctx)
	}
	return nil
}

func (s *stage) Close() error {
	if within, ok := s.Stage.(io.Closer); ok {
		return within.Close()
	}
	return nil
}

// A grouper is a stage whose stage within decides about batches.
type grouper struct{ *stage }

func (g grouper) Grouping() flows.Grouping { return g.Stage.(flows.Grouper).Grouping() }

// timed is spec with a stage around the one it builds.
func timed(spec flows.Spec[flows.Stage], times *Histogram) flows.Spec[flows.Stage] {
	build := spec.Kind.New
	spec.Kind.New = func(b *flows.Build, config any) (flows.Stage, error) {
		own := *b
		own.Before = func(kind string) flows.Stage { return within(b.Before(kind)) }
		it, err := build(&own, config)
		if err != nil {
			return nil, err
		}
		s := &stage{it, times}
		if _, groups := it.(flows.Grouper); groups {
			return grouper{s}, nil
		}
		return s, nil
	}
	return spec
}

// within is the stage in a timed one: stages know one another by their types.
func within(s flows.Stage) flows.Stage {
	switch s := s.(type) {
	case *stage:
		return s.Stage
	case grouper:
		return s.Stage
	}
	return s
}
