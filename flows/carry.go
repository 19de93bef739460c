package flows

import (
	streams "github.com/reugn/go-streams"
	"github.com/reugn/go-streams/flow"

	"catalyst/internal/broker"
)

// go-streams carries []*Message between the steps of a segment. Its operators
// know no errors and no contexts, so none of them decides about a message: a
// FlatMap with workers runs a step, and where the stock operator is wrong
// (gathering, below) there is one of our own.

// intakeBatch bounds the batches that an intake makes of waiting messages.
const intakeBatch = broker.MaxBatch

// An intake is the streams.Source of a segment. It joins what comes to batches: small ones
// when the segment is idle, large ones when it is busy, and never later than the next step
// could have taken them.
type intake struct {
	in  chan []*Message
	out chan any
}

var _ streams.Source = (*intake)(nil)

func newIntake() *intake {
	i := &intake{in: make(chan []*Message), out: make(chan any)}
	go i.run()
	return i
}

func (i *intake) run() {
	defer close(i.out)
	for batch := range i.in {
		for batch != nil {
			in := i.in
			if len(batch) >= intakeBatch || batch[0].alone {
				in = nil
			}
			select {
			case i.out <- batch:
				batch = nil
			case more, open := <-in:
				switch {
				case !open:
					i.out <- batch
					return
				case more[0].alone || len(batch)+len(more) > intakeBatch:
					i.out <- batch
					batch = more
				default:
					batch = append(batch, more...)
				}
			}
		}
	}
}

func (i *intake) Out() <-chan any { return i.out }

func (i *intake) Via(f streams.Flow) streams.Flow {
	flow.DoStream(i, f)
	return f
}

// stepFlow makes a go-streams operator of a step.
func stepFlow(run func([]*Message) []*Message, workers int) streams.Flow {
	return flow.NewFlatMap(func(batch []*Message) [][]*Message {
		if out := run(batch); len(out) > 0 {
			return [][]*Message{out}
		}
		return nil
	}, max(1, workers))
}

// A gather is the flow of a [Grouper]: it makes batches of Grouping.Size, or
// smaller ones when the oldest message has waited for Grouping.Wait. (The stock Batch
// starts its interval anew with each element, so a trickle is never flushed.)
//
//	in  -- 1 -- 2 - 3 ---------- 4! -- 5 --|
//	[ ------- size 3, 4 is urgent -------- ]
//	out ----------- 123 -------- 4 ------- 5
type gather struct {
	Grouping
	in, out chan any
	hurry   <-chan struct{} // closed when nothing may wait any more

	clock Clock
	held  []*Message
	due   *due // of the oldest held; nil while nothing is held
	ticks chan *due
}

// A due is the time when a batch has waited long enough.
type due struct {
	stop   func()        // of the clock
	over   chan struct{} // closed when the batch has gone
	heeded chan struct{} // closed when the tick has been received
}

var _ streams.Flow = (*gather)(nil)

func newGather(g Grouping, clock Clock, hurry <-chan struct{}) *gather {
	g.Size = max(1, g.Size)
	f := &gather{Grouping: g, clock: clock, in: make(chan any), out: make(chan any), hurry: hurry, ticks: make(chan *due)}
	go f.run()
	return f
}

func (g *gather) run() {
	defer close(g.out)
	hurry := g.hurry
	for {
		select {
		case element, more := <-g.in:
			if !more {
				g.flush()
				return
			}
			for _, m := range element.([]*Message) {
				if m.alone || g.Urgent != nil && g.Urgent(m) {
					g.out <- []*Message{m}
					continue
				}
				if g.hold(m); len(g.held) == g.Size {
					g.flush()
				}
			}
			if hurry == nil {
				g.flush()
			}
		case d := <-g.ticks:
			var batch []*Message
			if d == g.due {
				batch = g.release()
			}
			close(d.heeded)
			if batch != nil {
				g.out <- batch
			}
		case <-hurry:
			hurry = nil
			g.flush()
		}
	}
}

// hold keeps m, and begins the wait if it is the first.
func (g *gather) hold(m *Message) {
	g.held = append(g.held, m)
	if g.due == nil {
		d := &due{over: make(chan struct{}), heeded: make(chan struct{})}
		g.due = d
		d.stop = g.clock.AfterFunc(g.Wait, func() {
			select {
			case g.ticks <- d:
				<-d.heeded
			case <-d.over:
			}
		})
	}
	g.clock.Hold(1) // after that the clock may be turned
}

func (g *gather) flush() {
	if batch := g.release(); batch != nil {
		g.out <- batch
	}
}

// release returns what is held, which then waits for the clock no longer.
func (g *gather) release() []*Message {
	if g.due == nil {
		return nil
	}
	g.due.stop()
	close(g.due.over)
	batch := g.held
	g.clock.Hold(-len(batch))
	g.held, g.due = nil, nil
	return batch
}

func (g *gather) In() chan<- any  { return g.in }
func (g *gather) Out() <-chan any { return g.out }

func (g *gather) Via(f streams.Flow) streams.Flow {
	flow.DoStream(g, f)
	return f
}

func (g *gather) To(s streams.Sink) {
	flow.DoStream(g, s)
	s.AwaitCompletion()
}

// end is the streams.Sink behind the last step, which leaves nothing over.
type end struct {
	in   chan any
	done chan struct{}
}

func newEnd() *end {
	e := &end{in: make(chan any), done: make(chan struct{})}
	go func() {
		defer close(e.done)
		for range e.in {
		}
	}()
	return e
}

func (e *end) In() chan<- any   { return e.in }
func (e *end) AwaitCompletion() { <-e.done }
