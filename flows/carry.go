package flows

import (
	"time"

	streams "github.com/reugn/go-streams"
	"github.com/reugn/go-streams/flow"
)

// go-streams carries []*Message between the steps of a segment. Its operators
// know no errors and no contexts, so none of them decides about a message: a
// FlatMap with workers runs a step, and where the stock operator is wrong
// (gathering, below) there is one of our own.

// intakeBatch bounds the batches that an intake makes of waiting messages.
const intakeBatch = 100

// An intake is the streams.Source of a segment. It turns single messages into
// batches of whatever is waiting: one when the segment is idle, many when it is
// busy, and never later than the next step could have taken them.
type intake struct {
	in  chan *Message
	out chan any
}

var _ streams.Source = (*intake)(nil)

func newIntake() *intake {
	i := &intake{in: make(chan *Message), out: make(chan any)}
	go i.run()
	return i
}

func (i *intake) run() {
	defer close(i.out)
	for m := range i.in {
		batch := []*Message{m}
		for sent := false; !sent; {
			in := i.in
			if len(batch) == intakeBatch || batch[0].alone {
				in = nil
			}
			select {
			case i.out <- batch:
				sent = true
			case m, more := <-in:
				if !more {
					i.out <- batch
					return
				}
				if m.alone {
					i.out <- batch
					batch = nil
				}
				batch = append(batch, m)
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
}

var _ streams.Flow = (*gather)(nil)

func newGather(g Grouping, hurry <-chan struct{}) *gather {
	g.Size = max(1, g.Size)
	f := &gather{Grouping: g, in: make(chan any), out: make(chan any), hurry: hurry}
	go f.run()
	return f
}

func (g *gather) run() {
	defer close(g.out)
	var held []*Message
	var due <-chan time.Time // when the oldest held has waited long enough
	hurry := g.hurry

	flush := func() {
		if len(held) > 0 {
			g.out <- held
		}
		held, due = nil, nil
	}
	for {
		select {
		case element, more := <-g.in:
			if !more {
				flush()
				return
			}
			for _, m := range element.([]*Message) {
				if m.alone || g.Urgent != nil && g.Urgent(m) {
					g.out <- []*Message{m}
					continue
				}
				if len(held) == 0 {
					due = time.After(g.Wait)
				}
				if held = append(held, m); len(held) == g.Size {
					flush()
				}
			}
			if hurry == nil {
				flush()
			}
		case <-due:
			flush()
		case <-hurry:
			hurry = nil
			flush()
		}
	}
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
