package flows

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
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

	stop    chan struct{} // closed when nothing new may begin
	grace   time.Duration
	running sync.Map    // names of sources
	started atomic.Bool // all components have
}

type named[T any] struct {
	Name string
	it   T
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
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return nil // it was told to stop: nothing has failed
		}
		return err
	}
	e.started.Store(true)
	router, err := e.router(work)
	if err != nil {
		return err
	}
	go e.reporter.run(work)
	go e.watch(work)
	routed := make(chan error, 1)
	go func() { routed <- router.Run(work) }()
	died := make(chan string, len(e.segments))
	joined := make(chan error, 1)
	go func() { joined <- e.join(work, router, died) }()
	select {
	case err := <-joined:
		if err != nil {
			return errors.Join(err, e.giveUp(abort))
		}
	case <-ctx.Done():
		abort()
		<-joined
		return e.giveUp(abort)
	}
	e.log.Info("pipeline_started", "pipeline", e.plan.Name, "segments", len(e.segments), "sources", len(e.sources))

	sourcing, endSources := context.WithCancel(ctx)
	defer endSources()
	sourced, ended := make(chan error, 1), make(chan struct{})
	go func() { sourced <- e.runSources(sourcing, ended) }()

	var failure error
	select {
	case <-ctx.Done():
	case failure = <-sourced:
	case topic := <-died:
		failure = fmt.Errorf("the subscription of %s has ended by itself", topic)
	}

	e.log.Info("pipeline_stopping", "drain", e.plan.Engine.Drain)
	endSources()
	late := !within(e.grace, ended)
	close(e.stop)
	failure = errors.Join(failure, e.drain(abort), router.Close(), <-routed)
	for _, s := range e.segments {
		failure = errors.Join(failure, s.end(e.grace))
	}
	e.reporter.end(abort)
	if late {
		e.running.Range(func(name, _ any) bool {
			failure = errors.Join(failure, fmt.Errorf("source %s ignores the end of its context", name))
			return true
		})
	}
	e.log.Info("pipeline_stopped")
	return failure
}

// defaultGrace is how long the engine waits for what has been told to end.
const defaultGrace = 5 * time.Second

// within reports whether something comes within a time.
func within[T any](d time.Duration, c <-chan T) bool {
	select {
	case <-c:
		return true
	case <-time.After(d):
		return false
	}
}

// join begins to receive, when there is a handler for what goes wrong. It sends to died the
// topic of a segment that nothing is delivered to any more.
func (e *Engine) join(work context.Context, router *message.Router, died chan<- string) error {
	select {
	case <-router.Running():
	case <-work.Done():
		return work.Err()
	}
	for _, s := range e.segments {
		deliveries, err := s.sub.Receive(work, s.topic)
		if err != nil {
			return fmt.Errorf("subscribe: %w", err)
		}
		over := s.receive(deliveries)
		go func() { <-over; died <- s.topic }()
	}
	return nil
}

// giveUp ends what was started when not all of it could be.
func (e *Engine) giveUp(abort func()) error {
	abort()
	close(e.stop)
	var faults []error
	for _, s := range e.segments {
		faults = append(faults, s.sub.Close(), s.end(e.grace))
	}
	e.reporter.end(abort)
	return errors.Join(faults...)
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

// router starts the segments, with a handler of each for its trouble. Watermill logs nothing:
// what matters is logged where the fate of a message is known. work is the context of
// stages and outlives Run's; it ends when draining has taken too long.
func (e *Engine) router(work context.Context) (*message.Router, error) {
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: e.grace}, watermill.NopLogger{})
	if err != nil {
		return nil, err
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
			return nil, fmt.Errorf("join %s: %w", s.topic, err)
		}
		poison, err := middleware.PoisonQueueWithFilter(
			poisonPublisher{pub, e.stop, s.log, func(wm *message.Message) {
				s.stats.poisoned.Add(1)
				e.reporter.tell(s, wm, Outcome{Fate: Failed, Stage: wm.Metadata.Get(MetaPoisonStage), Err: errors.New(wm.Metadata.Get(MetaPoisonReason))})
			}},
			e.plan.Poison,
			func(err error) bool { return !errors.Is(err, errInterrupted) },
		)
		if err != nil {
			return nil, err
		}
		parked := func(wm *message.Message, err error) {
			s.log.Debug("message_parked", "id", wm.UUID, "error", err)
			e.reporter.tell(s, wm, Outcome{Fate: Parked, Stage: wm.Metadata.Get(MetaPoisonStage), Err: err})
		}
		handler := router.AddHandler(s.topic, s.topic, s.trouble, "", nowhere{}, s.trouble.process)
		handler.AddMiddleware(
			poison,
			retry(e.plan.Engine.Retry, s.clock, e.stop, s.log),
			park(s.gate, e.stop, parked),
			middleware.Recoverer,
		)
		stages := make([]Stage, len(e.stages[i]))
		for k, st := range e.stages[i] {
			stages[k] = st.it
		}
		s.start(work, stages, s.tail(work, len(stages)))
	}
	return router, nil
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
	err := g.Wait()
	if ctx.Err() != nil {
		abort() // who waits may hear of the end, and stop late, before late has begun
	}
	return err
}

// runSources runs every source, and closes ended when all have returned. The first
// failure it returns at once. When all have ended by themselves it waits until
// everything published has met its fate. A pipeline without sources, which works on
// what others publish, never ends by itself.
func (e *Engine) runSources(ctx context.Context, ended chan<- struct{}) error {
	failed := make(chan error, len(e.sources))
	var all sync.WaitGroup
	for _, s := range e.sources {
		all.Go(func() {
			err := e.runSource(ctx, s)
			switch {
			case ctx.Err() != nil: // they are all to end
			case err != nil:
				failed <- fmt.Errorf("source %s: %w", s.Name, err)
			default:
				e.log.Info("source_ended", "source", s.Name)
			}
		})
	}
	go func() { all.Wait(); close(failed); close(ended) }()
	// The first failure counts: others may take their time to end.
	if err := <-failed; err != nil {
		return err
	}
	if len(e.sources) > 0 {
		e.awaitIdle(ctx)
	} else {
		<-ctx.Done()
	}
	return nil
}

// runSource runs s and makes an error of a panic, so that the rest can stop in order.
func (e *Engine) runSource(ctx context.Context, s named[Source]) (err error) {
	e.running.Store(s.Name, nil)
	defer e.running.Delete(s.Name)
	defer func() {
		if p := recover(); p != nil {
			e.log.Error("source_panic", "source", s.Name, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return s.it.Run(ctx, e.publish)
}
