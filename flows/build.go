package flows

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	streams "github.com/reugn/go-streams"

	"catalyst/internal/broker"
)

// New builds the components of plan. Nothing is started; if it fails, what was
// built is closed.
func New(plan *Plan, b broker.Broker, log *slog.Logger) (*Engine, error) {
	e := &Engine{plan: plan, broker: b, log: log, stop: make(chan struct{}), grace: defaultGrace}
	if err := e.build(); err != nil {
		return nil, errors.Join(err, e.close())
	}
	for i, p := range plan.Segments {
		e.segments = append(e.segments, e.newSegment(p, e.stages[i]))
	}
	e.reporter = newReporter(e.sinks, log)
	return e, nil
}

// build makes sinks first, because stages may ask for them.
func (e *Engine) build() error {
	var err error
	if e.sinks, err = buildAll(e, e.plan.Sinks, nil); err != nil {
		return err
	}
	var before []named[Stage] // in the order of the file
	var kinds []string
	for _, segment := range e.plan.Segments {
		find := func(kind string) Stage {
			for i := len(before) - 1; i >= 0; i-- {
				if kinds[i] == kind {
					return before[i].it
				}
			}
			return nil
		}
		var stages []named[Stage]
		for _, spec := range segment.Stages {
			built, err := buildAll(e, []Spec[Stage]{spec}, find)
			if err != nil {
				return err
			}
			stages = append(stages, built...)
			before, kinds = append(before, built...), append(kinds, spec.Kind.Name)
		}
		e.stages = append(e.stages, stages)
	}
	e.sources, err = buildAll(e, e.plan.Sources, nil)
	return err
}

func buildAll[T any](e *Engine, specs []Spec[T], before func(string) Stage) ([]named[T], error) {
	var built []named[T]
	for _, spec := range specs {
		b := &Build{
			Pipeline: e.plan.Name,
			Name:     spec.Name,
			Logger:   e.log.With("component", spec.Name),
			Sink:     e.sink,
			Before:   before,
			Oldest:   e.oldest,
		}
		if e.plan.Clock != nil {
			b.Clock = e.plan.Clock.Now
		}
		it, err := spec.Kind.New(b, spec.Config)
		if err != nil {
			return nil, fmt.Errorf("build %s: %w", spec.Name, err)
		}
		if c, ok := any(it).(Closer); ok {
			e.closers = append(e.closers, c.Close)
		}
		built = append(built, named[T]{spec.Name, it})
	}
	return built, nil
}

func (e *Engine) sink(name string) (Sink, error) {
	var names []string
	for _, s := range e.sinks {
		if s.Name == name {
			return s.it, nil
		}
		names = append(names, s.Name)
	}
	return nil, fmt.Errorf("there is no sink %q; sinks are %v", name, names)
}

func (e *Engine) close() error {
	var errs []error
	for _, c := range slices.Backward(e.closers) {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

func (e *Engine) newSegment(p SegmentPlan, stages []named[Stage]) *segment {
	s := &segment{
		topic: p.Topic, maxBytes: e.plan.Engine.MaxBytes, stop: e.stop, log: e.log.With("segment", p.Topic),
		clock: e.clock(), notify: e.plan.Settled,
	}
	s.gate, s.trouble = newGate(s.log, s.clock), newTrouble(s)
	for i, stage := range stages {
		s.steps = append(s.steps, &step{
			name: stage.Name, process: stage.it.Process, knobs: p.Stages[i].Knobs, log: s.log, stats: new(StepStats),
		})
	}
	if p.Next != "" {
		s.steps = append(s.steps, &step{
			name: "topic " + p.Next, process: e.forward(p.Next),
			// Many wait at once, so that the broker sends them together.
			knobs: Knobs{Workers: 16}, log: s.log, stats: new(StepStats), deliver: true,
		})
		return s
	}
	for i, sink := range e.sinks {
		knobs := e.plan.Sinks[i].Knobs
		knobs.Workers = max(knobs.Workers, 1)
		s.steps = append(s.steps, &step{
			name: sink.Name, process: deliver(sink.it), knobs: knobs, log: s.log, stats: new(StepStats),
			deliver: true, unrouted: "not for " + sink.Name,
		})
	}
	return s
}

// deliver makes the process of a step from a sink.
func deliver(sink Sink) func(context.Context, []*Message) ([]*Message, error) {
	return func(ctx context.Context, batch []*Message) ([]*Message, error) {
		if err := sink.Deliver(ctx, batch); err != nil {
			return nil, err
		}
		return slices.DeleteFunc(slices.Clone(batch), (*Message).Settled), nil
	}
}

// tail returns the last operator of a segment: it delivers.
func (s *segment) tail(ctx context.Context, stages int) streams.Flow {
	last := s.steps[stages:]
	if len(last) == 1 {
		only := last[0]
		return stepFlow(func(b []*Message) []*Message { only.run(ctx, b); return nil }, only.knobs.Workers)
	}
	f, workers := newFan(last), 1
	for _, st := range last {
		workers = max(workers, st.knobs.Workers)
	}
	return stepFlow(func(b []*Message) []*Message { return f.run(ctx, b) }, workers)
}
