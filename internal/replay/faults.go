package replay

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"catalyst/flows"
	"catalyst/internal/llm"
)

// Faults are a script laid over a history: each fault has its time. Nil are none.
type Faults struct {
	script *Script
	spans  []span // of the script's faults
	now    func() time.Time

	mu    sync.Mutex
	calls map[call]int // that faults have answered
}

type call struct {
	fault    int
	provider string
}

// A span is from one time on and up to another.
type span struct{ from, to time.Time }

func (s span) has(t time.Time) bool { return !t.Before(s.from) && t.Before(s.to) }

// start is the time of a Start in a history, which is sorted and not empty.
func (s Start) start(h *History) (time.Time, error) {
	if s.Item > len(h.Events) {
		return time.Time{}, fmt.Errorf("begins with item %d, and the history has %d", s.Item, len(h.Events))
	}
	if s.Item > 0 {
		return h.Events[s.Item-1].At, nil
	}
	first, _ := h.Span()
	return first.Add(s.At), nil
}

// afterwards is how long a fault without an end lasts after the last item. It ends, because
// what is parked waits for that.
const afterwards = 24 * time.Hour

// span is the time of a Span in a history.
func (s Span) span(h *History) (span, error) {
	from, err := s.start(h)
	_, last := h.Span()
	to := last.Add(afterwards)
	if s.For > 0 {
		to = from.Add(s.For)
	}
	return span{from, to}, err
}

// Over lays a script over a history, which must be sorted and not empty. It returns the
// history with what the script adds to it; h stays as it is.
func (s *Script) Over(h *History) (*History, *Faults, error) {
	more, err := s.madeUp(h)
	if err != nil {
		return nil, nil, err
	}
	// Spans without an end count from the last item, made up or not.
	first, last := more.Span()
	_, given := h.Span()
	f := &Faults{script: s, calls: map[call]int{}, now: func() time.Time { return first }}
	for i, fault := range s.Faults {
		var when span
		var err error
		// Items and times count in the history as it was given.
		switch {
		case fault.Outage != nil:
			when, err = fault.Outage.span(h)
		case fault.Slow != nil:
			when, err = fault.Slow.span(h)
		case fault.Stall != nil:
			when, err = fault.Stall.span(h)
		case fault.Malformed != nil:
			when, err = fault.Malformed.span(h)
		case fault.Sinks != nil:
			when, err = fault.Sinks.span(h)
		case fault.Loss != nil:
			when, err = fault.Loss.span(h)
		case fault.Discord != nil:
			when.from, err = fault.Discord.start(h)
		case fault.Clock != nil:
			when.from, err = fault.Clock.start(h)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("fault %d: %w", i+1, err)
		}
		if when.to.Equal(given.Add(afterwards)) {
			when.to = last.Add(afterwards)
		}
		f.spans = append(f.spans, when)
	}
	return more, f, nil
}

// each calls do with every fault that is there now, until it returns false.
func (f *Faults) each(do func(i int, fault Fault) bool) {
	now := f.now()
	for i, fault := range f.script.Faults {
		if f.spans[i].has(now) && !do(i, fault) {
			return
		}
	}
}

// count counts a call, and reports whether it is still one of the first so many.
func (f *Faults) count(fault int, provider string, most int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := call{fault, provider}
	if most > 0 && f.calls[key] >= most {
		return false
	}
	f.calls[key]++
	return true
}

func concerns(names []string, name string) bool {
	return len(names) == 0 || slices.Contains(names, name)
}

// A Reply answers for a provider.
type Reply func(name string, q llm.Request) (llm.Response, error)

// cutOff is the beginning of a verdict.
const cutOff = `{"reasoning": "The company announc`

// Models returns next with what is wrong with models. Of several faults of one provider
// the first of the script counts.
func (f *Faults) Models(next Reply) Reply {
	if f == nil {
		return next
	}
	return func(name string, q llm.Request) (r llm.Response, err error) {
		answered := false
		f.each(func(i int, fault Fault) bool {
			switch {
			case fault.Outage != nil && concerns(fault.Outage.Providers, name) && f.count(i, name, fault.Outage.Calls):
				r, err = fault.Outage.reply()
			case fault.Stall != nil && concerns(fault.Stall.Providers, name):
				r, err = silence(q)
			case fault.Malformed != nil && concerns(fault.Malformed.Providers, name) && f.count(i, name, fault.Malformed.Calls):
				if r, err = next(name, q); err == nil {
					r.Text = cmp.Or(fault.Malformed.Answer, cutOff)
				}
			case fault.Slow != nil && concerns(fault.Slow.Providers, name):
				if r, err = next(name, q); err == nil {
					r.Latency = fault.Slow.latency(name, q)
					r.FirstToken = r.Latency / 3
				}
			default:
				return true
			}
			answered = true
			return false
		})
		if answered {
			return r, err
		}
		return next(name, q)
	}
}

func (o *ProviderOutage) reply() (llm.Response, error) {
	fault := llm.Errorf(llm.Class(o.Class), "as the script says")
	fault.RetryAfter = o.RetryAfter
	return llm.Response{Latency: o.Latency}, fault
}

// silence is what the caller makes of it.
func silence(q llm.Request) (llm.Response, error) {
	if q.FirstToken > 0 {
		return llm.Response{Latency: q.FirstToken}, llm.Errorf(llm.FirstToken, "nothing came in time (%v)", q.FirstToken)
	}
	return llm.Response{Latency: q.Timeout}, llm.Errorf(llm.Timeout, "no answer in time (%v)", q.Timeout)
}

// latency is the same for a prompt and a provider each time.
func (s *SlowAnswers) latency(name string, q llm.Request) time.Duration {
	h := sha256.New()
	io.WriteString(h, name+"\x00"+PromptHash(q))
	n := binary.BigEndian.Uint64(h.Sum(nil)) % uint64(s.Most-s.Least+1)
	return (s.Least + time.Duration(n)).Round(time.Millisecond)
}

var errScript = errors.New("as the script says")

// sink returns what a sink answers; nil if all is well with it.
func (f *Faults) sink(name string) (err error) {
	if f == nil {
		return nil
	}
	f.each(func(_ int, fault Fault) bool {
		if fault.Sinks == nil || !concerns(fault.Sinks.Names, name) {
			return true
		}
		switch fault.Sinks.Error {
		case "down":
			err = flows.Unavailable(name, errScript, 0)
		case "refused":
			err = flows.Permanent(errScript)
		default:
			err = errScript
		}
		return false
	})
	return err
}

// Lost returns the error of a connection that is lost: to Topics, Beside or Stored. Nil if
// it is not.
func (f *Faults) Lost(what string) error {
	if !f.back(what).IsZero() {
		return fmt.Errorf("no connection: %w", errScript)
	}
	return nil
}

// back returns when a lost connection is there again; zero if it is not lost.
func (f *Faults) back(what string) (back time.Time) {
	if f == nil {
		return back
	}
	f.each(func(i int, fault Fault) bool {
		if fault.Loss != nil && slices.Contains(fault.Loss.Of, what) && f.spans[i].to.After(back) {
			back = f.spans[i].to
		}
		return true
	})
	return back
}

// jumps has a clock that stands at the beginning of the history set.
func (f *Faults) jumps(c *Clock) {
	if f == nil {
		return
	}
	for i, fault := range f.script.Faults {
		if jump := fault.Clock; jump != nil {
			c.AfterFunc(f.spans[i].from.Sub(c.Steady()), func() { c.Jump(time.Duration(jump.Jump)) })
		}
	}
}

// wait waits until a connection is there again, by the clock. It returns false if ctx ends
// first.
func (f *Faults) wait(ctx context.Context, c *Clock, what string) bool {
	for {
		back := f.back(what)
		if back.IsZero() {
			return ctx.Err() == nil
		}
		over := make(chan struct{})
		forget := c.AfterFunc(back.Sub(c.Steady()), func() { c.Hold(-1); close(over) })
		c.Hold(1)
		select {
		case <-over:
		case <-ctx.Done():
			forget()
			return false
		}
	}
}
