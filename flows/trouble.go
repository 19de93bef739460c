package flows

import (
	"context"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/internal/broker"
)

// A trouble is the way of a segment for messages that need more than one pass of the flow: those that
// failed or were parked in their first, and those that come while the gate is closed. It is
// the subscriber of a Watermill handler, whose middlewares retry, park and poison, and
// that handler. A message costs it several goroutines and contexts, which is why those
// that nothing is the matter with do not come here: `go run ./bench/hop` with all of them
// on this way had half of the throughput and three times the CPU.
type trouble struct {
	s        *segment
	messages chan *message.Message
	over     chan struct{} // closed when the handler takes no more
	end      func()        // closes over
}

func newTrouble(s *segment) *trouble {
	over := make(chan struct{})
	return &trouble{s: s, messages: make(chan *message.Message), over: over, end: sync.OnceFunc(func() { close(over) })}
}

// A passKey is the key of a troubled message's pass in its context.
type passKey struct{}

// A pass is what became of a message in its first pass of the flow; nil if it has had none.
type pass struct{ first *Outcome }

// passOf returns the pass of wm; none for a message that no trouble has handled.
func passOf(wm *message.Message) *pass {
	if p, ok := wm.Context().Value(passKey{}).(*pass); ok {
		return p
	}
	return new(pass)
}

// handle gives d to the handler, after its first pass of the flow or instead of it, and settles it
// as the handler does. It waits for nobody.
func (t *trouble) handle(d broker.Delivery, first *Outcome) {
	wm := broker.Awaitable(d.Message())
	wm.SetContext(context.WithValue(context.Background(), passKey{}, &pass{first}))
	select {
	case t.messages <- wm: // a Watermill handler takes it at once
	case <-t.over:
		d.Settle(false)
		return
	}
	go func() {
		select {
		case <-wm.Acked():
			d.Settle(true)
		case <-wm.Nacked():
			d.Settle(false)
		}
	}()
}

// process is the Watermill handler: nil acknowledges.
func (t *trouble) process(wm *message.Message) ([]*message.Message, error) {
	p := passOf(wm)
	if o := p.first; o != nil { // which was booked then
		p.first = nil
		wm.Metadata.Set(MetaPoisonStage, o.Stage)
		return nil, o.Err
	}
	m := newDelivered(wm)
	settled := make(chan Outcome, 1)
	m.tell = func(_ *Message, o Outcome) { settled <- o }
	t.s.stats.in.Add(1)
	if err := t.s.decode(m); err != nil {
		m.settle(undecodable(err))
	} else {
		t.s.put([]*Message{m})
	}
	o := <-settled
	wm.Metadata.Set(MetaPoisonStage, o.Stage)
	return nil, t.s.book(m, o)
}

// Subscribe implements [message.Subscriber].
func (t *trouble) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	context.AfterFunc(ctx, t.end)
	out := make(chan *message.Message)
	go func() {
		defer close(out)
		for {
			select {
			case wm := <-t.messages:
				out <- wm
			case <-t.over:
				return
			}
		}
	}()
	return out, nil
}

// Close implements [message.Subscriber].
func (t *trouble) Close() error {
	t.end()
	return nil
}
