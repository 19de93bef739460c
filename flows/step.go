package flows

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

const defaultTimeout = 30 * time.Second

// A step runs one stage, boundary or sink over batches, with everything the
// engine offers all of them: when, timeout, panic recovery, on_error, the check
// that no message is lost, and counters.
type step struct {
	name    string
	process func(ctx context.Context, batch []*Message) ([]*Message, error)
	knobs   Knobs
	log     *slog.Logger
	stats   *StepStats
	watch   watch
	// deliver: messages that come out unsettled have been delivered.
	deliver bool
	// unrouted: a message that does not meet `when` is dropped for this reason
	// instead of passing by.
	unrouted string
}

// run processes batch and returns what goes on to the next step.
func (s *step) run(ctx context.Context, batch []*Message) []*Message {
	started := time.Now()
	s.stats.in.Add(int64(len(batch)))

	chosen, passing := s.choose(ctx, batch)
	if len(chosen) > 0 {
		for _, m := range chosen {
			m.enter(ctx, s)
		}
		stepCtx, cancel := context.WithTimeout(ctx, s.timeout())
		// A copy: whatever the stage does to its slice, no message is lost from sight.
		out, err := s.safely(stepCtx, slices.Clone(chosen))
		cancel()
		passing = s.sort(chosen, out, passing, err)
	}

	if s.deliver {
		for _, m := range passing {
			m.settle(Outcome{Fate: Delivered, Stage: s.name})
		}
	}
	s.stats.out.Add(int64(len(passing)))
	s.stats.observe(time.Since(started))
	return passing
}

// choose divides batch into messages that meet `when` and those that pass by.
// Without a condition, which is the common case, it allocates nothing.
func (s *step) choose(ctx context.Context, batch []*Message) (chosen, passing []*Message) {
	if s.knobs.When.IsZero() {
		return batch, nil
	}
	for _, m := range batch {
		yes, err := s.knobs.When.Match(m.Item)
		switch {
		case err != nil:
			m.enter(ctx, s)
			m.Fail(Permanent(err))
			passing = s.account(m, passing)
		case yes:
			chosen = append(chosen, m)
		case s.unrouted != "":
			m.enter(ctx, s)
			m.Drop(s.unrouted)
			passing = s.account(m, passing)
		default:
			passing = append(passing, m)
		}
	}
	return chosen, passing
}

func (s *step) timeout() time.Duration { return cmp.Or(s.knobs.Timeout, defaultTimeout) }

// safely calls the stage and makes an error of a panic.
func (s *step) safely(ctx context.Context, batch []*Message) (out []*Message, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("stage_panic", "stage", s.name, "panic", p, "stack", string(debug.Stack()))
			out, err = nil, fmt.Errorf("panic: %v", p)
		}
	}()
	defer s.watch.leave(s.watch.enter())
	return s.process(ctx, batch)
}

var (
	errLeftOut  = errors.New("the stage neither returned nor settled the message: a bug in the stage")
	errIntruder = errors.New("the stage returned a message it was not given, or returned one twice: a bug in the stage")
)

// sort gives every message of chosen its place after the stage ran: on to the
// next step (appended to passing), or settled.
func (s *step) sort(chosen, out, passing []*Message, err error) []*Message {
	if err != nil {
		// An error fails all that has not been settled, including what was returned.
		for _, m := range chosen {
			m.unsplit()
			if m.inHand() {
				m.Fail(err)
			}
		}
		out = nil
	}
	passing = slices.Grow(passing, len(out))
	for _, m := range out {
		if m == nil || !m.leave(s) {
			s.bug(m, errIntruder)
			continue
		}
		passing = append(passing, m)
	}
	for _, m := range chosen {
		passing = s.account(m, passing)
	}
	return passing
}

// account books what became of m in this step and finds messages that the
// stage forgot. Those that go on although they failed it appends to passing.
func (s *step) account(m *Message, passing []*Message) []*Message {
	if m.returned {
		return passing
	}
	if m.inHand() {
		m.Fail(Permanent(errLeftOut))
		s.bug(m, errLeftOut)
	}
	if m.forgiven() {
		s.stats.forgiven.Add(1)
		return append(passing, m)
	}
	m.mu.Lock()
	o, children := m.outcome, m.children
	m.mu.Unlock()
	if children != nil {
		s.stats.added.Add(int64(len(children) - 1)) // they go on in its place
		for _, child := range children {
			passing = s.account(child, passing)
		}
		return passing
	}
	switch o.Fate {
	case Dropped:
		s.stats.drop(o.Reason)
	case Parked:
		s.stats.parked.Add(1)
	case Failed:
		s.stats.failed.Add(1)
	}
	return passing
}

func (s *step) bug(m *Message, err error) {
	s.stats.bugs.Add(1)
	id := "none"
	if m != nil {
		id = m.ID
	}
	s.log.Error("stage_bug", "stage", s.name, "id", id, "error", err)
}

// fan delivers every message to several sinks, each by its own step. A sink
// that fails hinders no other, and the message fails if one of them did.
type fan struct {
	steps []*step
	slots []chan struct{} // limits the workers of each
}

func newFan(steps []*step) *fan {
	f := &fan{steps: steps}
	for _, s := range steps {
		f.slots = append(f.slots, make(chan struct{}, max(1, s.knobs.Workers)))
	}
	return f
}

func (f *fan) run(ctx context.Context, batch []*Message) []*Message {
	shares := make([][]*Message, len(f.steps))
	for _, m := range batch {
		for i, share := range m.share(len(f.steps)) {
			shares[i] = append(shares[i], share)
		}
	}
	var wg sync.WaitGroup
	for i, s := range f.steps {
		wg.Go(func() {
			f.slots[i] <- struct{}{}
			defer func() { <-f.slots[i] }()
			s.run(ctx, shares[i])
		})
	}
	wg.Wait()
	return nil
}
