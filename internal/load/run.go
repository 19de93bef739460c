package load

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"catalyst/flows"
	"catalyst/internal/broker"
	"catalyst/internal/news"
)

// Options say what is published, and how fast.
type Options struct {
	Items int                       // how many
	First int                       // the number of the first one
	Item  func(n int) *news.Item    // the one with a number, from 0; a new one each time
	Rate  float64                   // items a second; 0 is as fast as they are taken
	Told  func(published, done int) // several times a second, from one goroutine; may be nil
	Watch bool                      // note how memory, queue and the rest go over time
}

// A Run is one measurement of a plan.
type Run struct {
	options Options
	last    string // the topic of the segment that delivers

	epoch      time.Time    // that times are counted from
	started    atomic.Int64 // when the first item was about to be published; 0 before
	from       usage
	due        []atomic.Int64 // by number, at full speed
	late       []atomic.Int64 // by number modulo its length, at a rate: how late our own timer was
	shown      marks
	ended      marks
	published  atomic.Int64
	done       atomic.Int64
	all        atomic.Bool // is published
	troubled   atomic.Bool // something failed or was parked: then waits are as long as they are
	hurry      *hurry      // nil at a rate
	finish     sync.Once
	spent      sync.Once
	to         usage
	counted    int64 // items done by then
	took       time.Duration
	publishing time.Duration
	overTime   []Sample

	stages map[[2]string]*Histogram // by segment and stage: times of a batch
	hops   map[string]*pace         // of fates, by topic
	fates  *pace                    // of items
	alerts Histogram
	ends   Histogram
}

// New prepares a run.
func New(o Options) *Run {
	r := &Run{
		options: o, epoch: time.Now(), shown: newMarks(o.Items), ended: newMarks(o.Items),
		stages: map[[2]string]*Histogram{}, hops: map[string]*pace{}, fates: new(pace),
	}
	if o.Rate == 0 {
		r.due = make([]atomic.Int64, o.Items)
		r.hurry = &hurry{left: r.left}
	} else {
		r.late = make([]atomic.Int64, lateKept)
	}
	return r
}

// Do runs plan on b, which must be the run's own, until every item has met its fate or
// ctx ends, and returns what was measured. Sources are left out, and in the place of
// sinks stands what only takes the time. It may be called once.
func (r *Run) Do(ctx context.Context, plan *flows.Plan, b broker.Broker, log *slog.Logger) (*Report, error) {
	e, err := flows.New(r.watched(plan), b, log)
	if err != nil {
		return nil, err
	}
	memory := watchMemory()
	stopTelling, stopWatching := r.tell(), r.watch()
	err = e.Run(ctx)
	stopTelling()
	stopWatching()
	r.end()
	most := memory.stop()
	if r.started.Load() == 0 {
		return nil, errors.Join(err, ctx.Err())
	}
	return r.report(plan, e, most, ctx.Err() != nil), err
}

// watched is plan with the run's source and sinks, and stages that are timed.
func (r *Run) watched(plan *flows.Plan) *flows.Plan {
	own := *plan
	own.Settled = r.settled
	if r.hurry != nil {
		own.Clock = r.hurry
	}
	own.Sources = []flows.Spec[flows.Source]{{Name: "load", Kind: flows.SourceKind{
		Name: "load", New: func(*flows.Build, any) (flows.Source, error) { return r, nil },
	}}}
	own.Sinks = slices.Clone(plan.Sinks)
	for i := range own.Sinks {
		own.Sinks[i].Kind.New = func(*flows.Build, any) (flows.Sink, error) { return &sink{r}, nil }
	}
	own.Segments = slices.Clone(plan.Segments)
	for i, segment := range own.Segments {
		r.hops[segment.Topic] = new(pace)
		own.Segments[i].Stages = slices.Clone(segment.Stages)
		for k, spec := range segment.Stages {
			h := new(Histogram)
			r.stages[[2]string{segment.Topic, spec.Name}] = h
			own.Segments[i].Stages[k] = timed(spec, h)
		}
		r.last = segment.Topic
	}
	return &own
}

// publishBatch is how many items are published together at most.
const publishBatch = 500

// Run implements [flows.Source].
func (r *Run) Run(ctx context.Context, publish flows.Publish) error {
	r.from = readUsage()
	began := r.now()
	r.started.Store(max(1, int64(began))) // clocks may be coarse
	defer func() { r.publishing = r.now() - began }()
	for next := 0; next < r.options.Items; {
		until := min(next+publishBatch, r.options.Items)
		if r.options.Rate > 0 {
			slept, err := r.sleepUntil(ctx, began+r.dueAt(next))
			if err != nil {
				return nil
			}
			now := r.now() - began
			until = min(until, max(next, int(now.Seconds()*r.options.Rate))+1)
			for n := next; n < until; n++ {
				late := time.Duration(0)
				if slept {
					late = now - r.dueAt(n)
				}
				r.late[n%lateKept].Store(int64(late))
			}
		}
		batch := make([]*flows.Message, 0, until-next)
		for n := next; n < until; n++ {
			batch = append(batch, flows.NewMessage(strconv.Itoa(r.options.First+n), r.options.Item(r.options.First+n)))
		}
		if r.options.Rate == 0 { // they are due when they are made
			now := int64(r.now())
			for n := next; n < until; n++ {
				r.due[n].Store(now)
			}
		}
		if err := publish(ctx, batch...); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("publish items %d to %d: %w", next, until-1, err)
		}
		r.published.Add(int64(len(batch)))
		next = until
	}
	r.all.Store(true)
	if r.hurry != nil {
		r.hurry.look()
	}
	return nil
}

// left is how many items have still to meet their fate, once nothing more will come and
// nothing has gone wrong; before, or otherwise, it is negative.
func (r *Run) left() int {
	if !r.all.Load() || r.troubled.Load() {
		return -1
	}
	return r.options.Items - int(r.done.Load())
}

// dueAt is how long after the first one an item is due.
func (r *Run) dueAt(n int) time.Duration {
	if r.options.Rate == 0 {
		return 0
	}
	return time.Duration(float64(n) / r.options.Rate * float64(time.Second))
}

func (r *Run) now() time.Duration { return time.Since(r.epoch) }

// sleepUntil reports whether it had to wait.
func (r *Run) sleepUntil(ctx context.Context, t time.Duration) (slept bool, err error) {
	wait := t - r.now()
	if wait <= 0 {
		return false, ctx.Err()
	}
	select {
	case <-time.After(wait):
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// lateKept is for how many items it is remembered how late the timer was: a millisecond at most, which
// hardly matters to one that takes longer than so many others.
const lateKept = 1 << 14

// number is which item a message, or what it was split into, carries; the first is 0.
func (r *Run) number(m *flows.Message) (int, bool) {
	id, _, _ := strings.Cut(m.ID, ".")
	n, err := strconv.Atoi(id)
	n -= r.options.First
	return n, err == nil && n >= 0 && n < r.options.Items
}

// since is how long it is, at a time, that an item was due. A timer of ours that was late, as
// those of a process with nothing to do are by up to a millisecond, is no delay of what is
// measured; a publisher that was kept waiting is.
func (r *Run) since(n int, now time.Duration) time.Duration {
	if r.options.Rate == 0 {
		return now - time.Duration(r.due[n].Load())
	}
	return now - time.Duration(r.started.Load()) - r.dueAt(n) - time.Duration(r.late[n%lateKept].Load())
}

// alerted notes that an item is shown. Only the first time counts.
func (r *Run) alerted(batch []*flows.Message) {
	now := r.now()
	for _, m := range batch {
		if n, ours := r.number(m); ours && r.shown.set(n) {
			r.alerts.Add(r.since(n, now))
		}
	}
}

// settled implements [flows.Plan.Settled].
func (r *Run) settled(topic string, m *flows.Message, o flows.Outcome) {
	now := r.now()
	r.hops[topic].note(now)
	if o.Fate == flows.Failed || o.Fate == flows.Parked {
		r.troubled.Store(true)
	}
	if o.Fate != flows.Dropped && (o.Fate != flows.Delivered || topic != r.last) {
		return
	}
	if n, ours := r.number(m); ours && r.ended.set(n) {
		r.fates.note(now)
		r.ends.Add(r.since(n, now))
		switch r.done.Add(1) {
		case r.most():
			r.spent.Do(func() { r.to, r.counted = readUsage(), r.most() })
			if r.most() == int64(r.options.Items) {
				r.end()
			}
		case int64(r.options.Items):
			r.end()
		}
		if r.hurry != nil {
			r.hurry.look()
		}
	}
}

// most is the first 99 in a hundred of the items. What they cost counts: the last batch may
// wait for company that does not come, and that would be the cost of those of a short run.
func (r *Run) most() int64 { return int64(r.options.Items - r.options.Items/100) }

// end stops the watch, the first time.
func (r *Run) end() {
	r.finish.Do(func() { r.took = r.now() - time.Duration(r.started.Load()) })
	r.spent.Do(func() { r.to, r.counted = readUsage(), r.done.Load() })
}

const tellEvery = 200 * time.Millisecond

func (r *Run) tell() (stop func()) {
	if r.options.Told == nil {
		return func() {}
	}
	end := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() {
		tick := time.NewTicker(tellEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				r.options.Told(int(r.published.Load()), int(r.done.Load()))
			case <-end:
				return
			}
		}
	})
	return func() { close(end); telling.Wait() }
}
