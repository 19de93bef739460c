package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"catalyst/flows"
	"catalyst/internal/broker"
	"catalyst/internal/broker/memory"
	"catalyst/internal/intake"
	"catalyst/internal/news"
)

// Options say how history is replayed.
type Options struct {
	// Speed is how many seconds of history pass in one of the time of day; 0 is as fast
	// as can be.
	Speed float64
	// RealSink says which sinks do what they do, and may change their configuration; what
	// the others are given is taken. Nil is none.
	RealSink func(*flows.Spec[flows.Sink]) bool
	// Faults are what goes wrong; nil is nothing. They are of one run.
	Faults *Faults
	// RealModels says that models are asked: their answers take the time of day.
	RealModels bool
	// Desk says which stages ask models whose answers are made up or recorded, and what they can do
	// at a time. Nil is none: then such answers take no time.
	Desk func(flows.Spec[flows.Stage]) (Desk, bool)
	// Shown, if not nil, is told of each message that a sink was given, from several
	// goroutines.
	Shown func(sink string, announced bool, m *flows.Message)
	// Redact takes secrets out of addresses, as it did when they were recorded; nil takes
	// none.
	Redact func(string) string
	// Progress, if not nil, is told after every item how far the replay is.
	Progress func(Progress)
}

// Progress is how far a replay is.
type Progress struct {
	Done, Total int           // items and polls of the history
	At          time.Time     // where the clock stands
	Lag         time.Duration // behind the speed that was asked for
	Took        time.Duration
	Left        time.Duration // as far as can be told; negative if it cannot
}

// Patience is how long the clock stands still for a pipeline that does not come to rest and
// gets nothing done.
const Patience = 2 * time.Second

// A Run is one replay of a plan.
type Run struct {
	Clock   *Clock
	Server  *memory.Server
	options Options
	history *History
	tracker *Tracker
	player  *player
	wake    chan struct{} // something may have come to rest
	over    chan struct{} // closed when nobody turns the clock any more

	inFlight    int // of one segment
	done        int // of the history
	published   int
	back        time.Time // when the connection to the broker was last there again
	series      *series
	load        []Load
	began       time.Time
	took        time.Duration
	interrupted bool
	segments    []flows.SegmentCount
	steps       []flows.StepCount
}

// New prepares a replay of history, which must be sorted.
func New(h *History, o Options) *Run {
	r := &Run{options: o, history: h, wake: make(chan struct{}, 1), over: make(chan struct{}), Server: memory.NewServer()}
	first, last := h.Span()
	r.player = newPlayer(h, o.Redact)
	r.Clock = NewClock(first, r.rouse)
	r.series = newSeries(first, last)
	r.Server.Now, r.Server.Changed = r.Clock.Steady, r.rouse
	r.tracker = &Tracker{clock: r.Clock}
	if o.Faults != nil {
		o.Faults.now = r.Clock.Steady
		o.Faults.jumps(r.Clock)
	}
	return r
}

func (r *Run) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Do runs plan, whose stores must be the replay's own, on the history until its end or
// that of ctx. It may be called once.
func (r *Run) Do(ctx context.Context, plan *flows.Plan, log *slog.Logger) (err error) {
	own := *plan
	own.Clock, own.Settled = r.Clock, r.tracker.settled
	own.Sources = []flows.Spec[flows.Source]{{Name: "replay", Kind: flows.SourceKind{
		Name: "replay", New: func(b *flows.Build, _ any) (flows.Source, error) { return r, r.player.build(b, plan.Sources) },
	}}}
	own.Sinks = slices.Clone(plan.Sinks)
	for i, spec := range own.Sinks {
		own.Sinks[i] = r.options.watch(r.tracker, spec)
	}
	r.inFlight = cmp.Or(own.Engine.InFlight, flows.DefaultEngineConfig.InFlight)
	own.Segments = r.desks(own.Segments)
	r.tracker.final = own.Segments[len(own.Segments)-1].Topic
	b := r.Server.Broker()
	defer func() { err = errors.Join(err, r.player.close(), b.Close()) }()
	e, err := flows.New(&own, r.Broker(b), log)
	if err != nil {
		return err
	}
	r.began = time.Now()
	stop := r.meter()
	err = e.Run(ctx)
	stop()
	r.took = time.Since(r.began)
	r.interrupted = ctx.Err() != nil
	r.segments, r.steps = e.Stats()
	return errors.Join(err, r.readPoison(b, own.Poison))
}

// desks puts desks in the place of stages.
func (r *Run) desks(segments []flows.SegmentPlan) []flows.SegmentPlan {
	if r.options.Desk == nil {
		return segments
	}
	segments = slices.Clone(segments)
	for i, s := range segments {
		segments[i].Stages = slices.Clone(s.Stages)
		for k, spec := range s.Stages {
			if d, ok := r.options.Desk(spec); ok {
				segments[i].Stages[k] = r.at(spec, d)
			}
		}
	}
	return segments
}

// Began reports whether anything was published.
func (r *Run) Began() bool { return r.published > 0 }

// Broker returns b, which loses its connection if the script says so.
func (r *Run) Broker(b broker.Broker) broker.Broker {
	if r.options.Faults == nil {
		return b
	}
	return lossy{b, r.Clock, r.options.Faults}
}

// readPoison books what was poisoned.
func (r *Run) readPoison(b *memory.Broker, topic string) error {
	const page = 1000
	for after := ""; ; {
		stored, err := b.Browse(context.Background(), topic, after, page)
		if err != nil {
			return fmt.Errorf("read poison: %w", err)
		}
		for _, s := range stored {
			m := s.Message
			r.tracker.poisoned(m.UUID, m.Metadata.Get(flows.MetaPoisonStage), m.Metadata.Get(flows.MetaPoisonReason))
			after = s.Position
		}
		if len(stored) < page {
			return nil
		}
	}
}

// Run implements [flows.Source]: it publishes the history, item by item, and what one poll
// brought at once.
func (r *Run) Run(ctx context.Context, publish flows.Publish) error {
	defer close(r.over)
	began, first := time.Now(), r.Clock.Steady()
	looks := r.history.Looks
	for rest := r.history.Events; len(rest)+len(looks) > 0; {
		var poll []Event
		var look *Look
		var at time.Time
		if len(looks) > 0 && (len(rest) == 0 || looks[0].At.Before(rest[0].At)) {
			look, looks = looks[0], looks[1:]
			at = look.At
		} else {
			poll, rest = nextPoll(rest)
			at = poll[0].At
		}
		if err := r.turn(ctx, at, began, first); err != nil {
			return err
		}
		lag, err := r.pace(ctx, at, began, first)
		if err != nil {
			return err
		}
		r.count(at)
		r.Clock.Turn(at)
		if err := r.reconnect(ctx, began, first); err != nil {
			return err
		}
		if look != nil {
			err = r.look(ctx, look, publish)
		} else {
			err = r.publish(ctx, poll, publish)
		}
		if err != nil {
			return err
		}
		r.done += max(1, len(poll))
		if err := r.rest(ctx); err != nil {
			return err
		}
		r.progress(began, first, lag)
	}
	return r.turn(ctx, time.Time{}, began, first)
}

// count books what there is to do just before a time.
func (r *Run) count(at time.Time) {
	owed, _ := r.Server.Owed()
	r.series.queue(at, owed, r.Server.Oldest())
}

// nextPoll divides events into what comes at once and the rest.
func nextPoll(events []Event) (poll, rest []Event) {
	n := 1
	for events[0].poll != 0 && n < len(events) && events[n].poll == events[0].poll {
		n++
	}
	return events[:n], events[n:]
}

// reconnect waits until there is a connection to the broker, as a source does.
func (r *Run) reconnect(ctx context.Context, began, first time.Time) error {
	for {
		back := r.options.Faults.back(Topics)
		if back.IsZero() {
			return nil
		}
		if err := r.turn(ctx, back, began, first); err != nil {
			return err
		}
		if _, err := r.pace(ctx, back, began, first); err != nil {
			return err
		}
		r.Clock.Turn(back)
		r.back = back
	}
}

// turn lets everything go on that waits for a time before to, and where to is zero,
// everything that waits.
func (r *Run) turn(ctx context.Context, to, began, first time.Time) error {
	for {
		next, waits := r.Clock.Next()
		if !waits || !to.IsZero() && next.After(to) || to.IsZero() && r.Clock.Held() == 0 {
			return ctx.Err()
		}
		if _, err := r.pace(ctx, next, began, first); err != nil {
			return err
		}
		r.count(next)
		r.Clock.Fire()
		if err := r.rest(ctx); err != nil {
			return err
		}
	}
}

// pace waits for the time of day at which it is due, and returns by how much that is
// late.
func (r *Run) pace(ctx context.Context, at, began, first time.Time) (time.Duration, error) {
	if r.options.Speed <= 0 {
		return 0, ctx.Err()
	}
	due := began.Add(time.Duration(float64(at.Sub(first)) / r.options.Speed))
	wait := time.Until(due)
	if wait <= 0 {
		return -wait, ctx.Err()
	}
	select {
	case <-time.After(wait):
		return 0, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// publishAtOnce is how many items sources publish at once.
const publishAtOnce = 100

func (r *Run) publish(ctx context.Context, events []Event, publish flows.Publish) error {
	ahead := r.Clock.Now().Sub(r.Clock.Steady())
	for chunk := range slices.Chunk(events, publishAtOnce) {
		var messages []*flows.Message
		for _, e := range chunk {
			item, err := e.Item()
			if err != nil {
				return fmt.Errorf("item %d: %w", r.published, err) // it was one when it was read
			}
			item.Received = e.At.Add(ahead)
			intake.Prepare(item, "replay")
			messages = append(messages, flows.NewMessage(r.begin(item, e.At), item))
		}
		if err := publish(ctx, messages...); err != nil {
			return err
		}
	}
	return nil
}

// begin returns the ID under which an item is published that came at a time.
func (r *Run) begin(item *news.Item, at time.Time) string {
	arrived := r.Clock.Steady()
	if at.Before(r.back) { // it had to wait for the broker
		arrived = at
	}
	r.published++
	return r.tracker.begin(item, at, arrived)
}

// look has a source do a recorded poll again. What it finds is received now.
func (r *Run) look(ctx context.Context, l *Look, publish flows.Publish) error {
	return r.player.play(ctx, l, func(ctx context.Context, messages ...*flows.Message) error {
		for _, m := range messages {
			m.Item.Received = r.Clock.Now()
			m.ID = r.begin(m.Item, l.At)
		}
		return publish(ctx, messages...)
	})
}

// rest waits until the pipeline has nothing to do that does not wait for the clock.
func (r *Run) rest(ctx context.Context) error {
	patience := Patience
	if r.options.RealModels {
		patience = 0
	}
	began := time.Now()
	moved := began.Add(patience)
	var was [2]uint64 // what was done, and what waited for the clock, when last seen
	for {
		// What lies in a topic behind as much as the engine takes in hand waits for that.
		owing, before := r.Server.Owing(r.inFlight)
		held := r.Clock.Held()
		if owed, after := r.Server.Owed(); owing == held && before == after {
			r.series.queue(r.Clock.Steady(), owed, r.Server.Oldest())
			return ctx.Err()
		}
		if r.options.RealModels { // it may be long until the pipeline comes to rest
			r.count(r.Clock.Steady())
		}
		if is := [2]uint64{before, uint64(held)}; is != was && patience > 0 { // a slow machine is no wait
			was, moved = is, time.Now().Add(patience)
		}
		select {
		case <-r.wake:
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
			if now := time.Now(); now.After(moved) {
				r.Clock.Turn(r.Clock.Steady().Add(now.Sub(moved)))
				moved = now
			}
		}
	}
}

func (r *Run) progress(began, first time.Time, lag time.Duration) {
	if r.options.Progress == nil {
		return
	}
	p := Progress{Done: r.done, Total: len(r.history.Events) + len(r.history.Looks), At: r.Clock.Steady(), Lag: lag, Took: time.Since(began), Left: -1}
	if r.options.Speed > 0 {
		_, last := r.history.Span()
		p.Left = max(0, time.Duration(float64(last.Sub(first))/r.options.Speed)-p.Took+lag)
	} else if p.Done > 0 {
		p.Left = time.Duration(float64(p.Took) / float64(p.Done) * float64(p.Total-p.Done))
	}
	r.options.Progress(p)
}
