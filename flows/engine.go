package flows

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	streams "github.com/reugn/go-streams"
	"golang.org/x/sync/errgroup"

	"catalyst/internal/broker"
)

// An Engine runs a Plan.
type Engine struct {
	plan   *Plan
	broker broker.Broker
	log    *slog.Logger

	sources  []named[Source]
	stages   [][]named[Stage] // by segment
	sinks    []named[Sink]
	segments []*segment
	reporter *reporter
	closers  []func() error

	stop chan struct{} // closed when nothing new may begin
}

type named[T any] struct {
	Name string
	it   T
}

// New builds the components of plan. Nothing is started; if it fails, what was
// built is closed.
func New(plan *Plan, b broker.Broker, log *slog.Logger) (*Engine, error) {
	e := &Engine{plan: plan, broker: b, log: log, stop: make(chan struct{})}
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
		it, err := spec.Kind.New(&Build{
			Pipeline: e.plan.Name,
			Name:     spec.Name,
			Logger:   e.log.With("component", spec.Name),
			Sink:     e.sink,
			Before:   before,
		}, spec.Config)
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
	}
	s.gate = newGate(s.log)
	for i, stage := range stages {
		s.steps = append(s.steps, &step{
			name: stage.Name, process: stage.it.Process, knobs: p.Stages[i].Knobs, log: s.log, stats: new(StepStats),
		})
	}
	if p.Next != "" {
		s.steps = append(s.steps, &step{
			name: "topic " + p.Next, process: forward(e.broker.Publisher(), p.Next),
			knobs: Knobs{Workers: 4}, log: s.log, stats: new(StepStats), deliver: true,
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

// Run starts everything and runs until ctx ends, or until every source has ended
// and everything published has met its fate; both return nil. It stops in
// order: sources, then intake, then what is under way, for up to Engine.Drain; then
// it gives the rest back to the broker. It may be called once. It closes the
// components, not the broker.
func (e *Engine) Run(ctx context.Context) (err error) {
	work, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	defer func() { err = errors.Join(err, e.close()) }()

	if err := e.startComponents(ctx); err != nil {
		return err
	}
	router, handlers, err := e.router(work)
	if err != nil {
		return err
	}
	go e.reporter.run(work)
	routed := make(chan error, 1)
	go func() { routed <- router.Run(work) }()
	select {
	case <-router.Running():
	case err := <-routed:
		return fmt.Errorf("subscribe: %w", err)
	}
	died := make(chan string, len(handlers))
	for i, h := range handlers {
		go func() { <-h.Stopped(); died <- e.segments[i].topic }()
	}
	e.log.Info("pipeline_started", "pipeline", e.plan.Name, "segments", len(e.segments), "sources", len(e.sources))

	sourcing, endSources := context.WithCancel(ctx)
	defer endSources()
	sourced := make(chan error, 1)
	go func() { sourced <- e.runSources(sourcing) }()

	var failure error
	select {
	case <-ctx.Done():
	case failure = <-sourced:
		sourced <- nil
	case topic := <-died: // Watermill itself goes on with the others, or returns nil
		failure = fmt.Errorf("the subscription of %s has ended by itself", topic)
	}

	e.log.Info("pipeline_stopping", "drain", e.plan.Engine.Drain)
	endSources()
	<-sourced
	close(e.stop)
	failure = errors.Join(failure, e.drain(abort), router.Close(), <-routed)
	for _, s := range e.segments {
		failure = errors.Join(failure, s.end())
	}
	e.reporter.end()
	e.log.Info("pipeline_stopped")
	return failure
}

func (e *Engine) startComponents(ctx context.Context) error {
	start := func(name string, it any) error {
		if s, ok := it.(Starter); ok {
			if err := s.Start(ctx); err != nil {
				return fmt.Errorf("start %s: %w", name, err)
			}
		}
		return nil
	}
	for _, s := range e.sinks {
		if err := start(s.Name, s.it); err != nil {
			return err
		}
	}
	for _, stages := range e.stages {
		for _, s := range stages {
			if err := start(s.Name, s.it); err != nil {
				return err
			}
		}
	}
	for _, s := range e.sources {
		if err := start(s.Name, s.it); err != nil {
			return err
		}
	}
	return nil
}

// router makes a handler of each segment. Watermill logs nothing: what matters is
// logged where the fate of a message is known, and each message would cost it a
// dozen allocations. work is the context of stages and
// outlives Run's; it ends when draining has taken too long.
func (e *Engine) router(work context.Context) (_ *message.Router, handlers []*message.Handler, _ error) {
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: e.plan.Engine.Drain + time.Second}, watermill.NopLogger{})
	if err != nil {
		return nil, nil, err
	}
	pub := e.broker.Publisher()
	quarantine := Quarantine(pub, e.plan.Poison, e.log)
	for i, s := range e.segments {
		s.sub, err = e.broker.Subscriber(broker.Config{
			Group: e.plan.Name, InFlight: e.plan.Engine.InFlight, Lease: e.plan.Engine.Lease,
			MaxDeliveries: e.plan.Engine.MaxDeliveries,
			Quarantine: func(ctx context.Context, topic string, m *message.Message, reason error) error {
				if err := quarantine(ctx, topic, m, reason); err != nil {
					return err
				}
				s.stats.quarantined.Add(1)
				return nil
			},
		})
		if err != nil {
			return nil, nil, fmt.Errorf("join %s: %w", s.topic, err)
		}
		poison, err := middleware.PoisonQueueWithFilter(
			poisonPublisher{pub, s.log, func(wm *message.Message) {
				s.stats.poisoned.Add(1)
				e.reporter.tell(s, wm, Outcome{Fate: Failed, Stage: wm.Metadata.Get(MetaPoisonStage), Err: errors.New(wm.Metadata.Get(MetaPoisonReason))})
			}},
			e.plan.Poison,
			func(err error) bool { return !errors.Is(err, errInterrupted) },
		)
		if err != nil {
			return nil, nil, err
		}
		parked := func(wm *message.Message, err error) {
			s.log.Debug("message_parked", "id", wm.UUID, "error", err)
			e.reporter.tell(s, wm, Outcome{Fate: Parked, Stage: wm.Metadata.Get(MetaPoisonStage), Err: err})
		}
		handler := router.AddHandler(s.topic, s.topic, s.sub, "", nowhere{}, s.handle)
		handler.AddMiddleware(
			poison,
			retry(e.plan.Engine.Retry, e.stop, s.log),
			park(s.gate, e.stop, parked),
			middleware.Recoverer,
		)
		handlers = append(handlers, handler)
		stages := make([]Stage, len(e.stages[i]))
		for k, st := range e.stages[i] {
			stages[k] = st.it
		}
		s.start(work, stages, s.tail(work, len(stages)))
	}
	return router, handlers, nil
}

// nowhere is the publisher of handlers that publish by themselves.
type nowhere struct{}

func (nowhere) Publish(string, ...*message.Message) error {
	return errors.New("handlers return no messages")
}
func (nowhere) Close() error { return nil }

// drain lets what is under way finish. When time is up it aborts the work and
// gives the messages back.
func (e *Engine) drain(abort func()) error {
	ctx, cancel := context.WithTimeout(context.Background(), e.plan.Engine.Drain)
	defer cancel()
	late := context.AfterFunc(ctx, abort)
	defer late()
	var g errgroup.Group
	for _, s := range e.segments {
		g.Go(func() error { return s.sub.Drain(ctx) })
	}
	return g.Wait()
}

// runSources runs every source. When all have ended by themselves it waits until
// everything published has met its fate. A pipeline without sources, which works on
// what others publish, never ends by itself.
func (e *Engine) runSources(ctx context.Context) error {
	g, together := errgroup.WithContext(ctx)
	for _, s := range e.sources {
		g.Go(func() error {
			err := s.it.Run(together, e.publish)
			if err != nil && together.Err() == nil {
				return fmt.Errorf("source %s: %w", s.Name, err)
			}
			if together.Err() == nil {
				e.log.Info("source_ended", "source", s.Name)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if len(e.sources) > 0 {
		e.awaitIdle(ctx)
	} else {
		<-ctx.Done()
	}
	return nil
}
