// Package operator tells the person who runs the pipeline what only a person can
// mend: a key that was revoked, a model without a price, messages in poison, a feed
// that does not answer.
//
// Each cause is told once, until it has been gone for the cool-down: one that comes
// and goes is one notice. What was told is remembered over restarts, and by all
// processes that share their notes. [Watch] finds causes in the facts that engine,
// sources and breakers give, and sends a heartbeat.
//
// The log always tells. With a [Poster] notices are posted too, in their order, and
// again until that works; a page that was not posted when the process died is posted
// by the next one.
package operator

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"catalyst/internal/metrics"
	"catalyst/internal/store"
)

var pages = metrics.Counter("operator_pages_total", "What the operator was told to mend.")

// A Setup says how the operator is told. The zero value tells the log only, and takes
// what is cleared for over at once.
type Setup struct {
	Poster   Poster
	From     string        // which pipeline and machine, for notices
	CoolDown time.Duration // see [Config]
	Redact   func(string) string
}

// An Alarm is something that the operator has to mend, or should know of until it
// is over.
type Alarm struct {
	// Cause is a path that names it: "llm/gemini/gemini-3.1-flash-lite".
	Cause string
	// Rank rises where it has become so much worse that it is told again.
	Rank              int
	Level             Level
	Title, Text, Todo string
	Since             time.Time // may be zero
}

// An Operator remembers what was told. Its methods wait for nothing and may be
// called concurrently.
type Operator struct {
	setup Setup
	notes notebook
	log   *slog.Logger
	out   *outbox // nil without a poster

	mu     sync.Mutex
	causes map[string]*cause
	closed bool
	work   chan func()
	ended  chan struct{}
}

// A cause is known to be told, or about to be.
type cause struct {
	rank int
	gone *time.Timer // set while it is cleared, and may still come back
}

// unknown is the rank of a cause of which only an earlier process could have told.
const unknown = -1

// New returns an operator who reads the log. Notes are opened when there is
// something to tell.
func New(open func() (store.Notes, error), log *slog.Logger) *Operator {
	return NewWith(Setup{}, open, log)
}

// NewWith returns an operator who is told as s says. With a poster it opens the notes
// at once, in the background: there may be something left to post.
func NewWith(s Setup, open func() (store.Notes, error), log *slog.Logger) *Operator {
	if s.Redact == nil {
		s.Redact = func(text string) string { return text }
	}
	o := &Operator{
		setup: s, notes: notebook{open}, log: log,
		causes: map[string]*cause{}, work: make(chan func(), 1000), ended: make(chan struct{}),
	}
	if s.Poster != nil {
		o.out = newOutbox(s.Poster, log)
		o.work <- o.restore
	}
	go func() {
		defer close(o.ended)
		for do := range o.work {
			do()
		}
	}()
	return o
}

// Page raises an alarm about which no more is known than a text.
func (o *Operator) Page(cause, text string) {
	o.Raise(described(Alarm{Cause: cause, Text: text, Level: Critical}))
}

// Raise tells a, unless its cause was told with this rank and has not been gone since.
func (o *Operator) Raise(a Alarm) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.causes[a.Cause]
	if c == nil {
		c = &cause{rank: unknown}
		o.causes[a.Cause] = c
	}
	c.back()
	if a.Rank <= c.rank {
		return
	}
	was := c.rank
	c.rank = a.Rank
	if !o.do(func() { o.tell(a) }) {
		c.rank = was
	}
}

// Clear says that a cause is gone. When it stays away for the cool-down, that is told
// too, and the next time it is news again.
func (o *Operator) Clear(path string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.causes[path]
	if c == nil {
		c = &cause{rank: unknown} // an earlier process may have told of it
		o.causes[path] = c
	}
	at := time.Now()
	switch {
	case c.gone != nil || o.closed:
	case o.setup.CoolDown == 0:
		o.over(path, at)
	default:
		c.gone = time.AfterFunc(o.setup.CoolDown, func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			if c.gone != nil { // else it came back just now
				o.over(path, at)
			}
		})
	}
}

// over ends a cause that is gone since at. o.mu is held.
func (o *Operator) over(path string, at time.Time) {
	delete(o.causes, path)
	o.do(func() { o.untell(path, at) })
}

// back ends what Clear began.
func (c *cause) back() {
	if c.gone != nil {
		c.gone.Stop()
		c.gone = nil
	}
}

// Open lists the causes that are told and not cleared.
func (o *Operator) Open() (open []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for path, c := range o.causes {
		if c.gone == nil && c.rank != unknown {
			open = append(open, path)
		}
	}
	slices.Sort(open)
	return open
}

// Say posts a notice that needs no remembering, if there is a poster.
func (o *Operator) Say(n Notice) {
	if o.out != nil {
		o.out.add(&entry{Notice: o.signed(n)})
	}
}

// signed returns n as it may be shown.
func (o *Operator) signed(n Notice) Notice {
	n.From = o.setup.From
	for _, text := range []*string{&n.Title, &n.Text, &n.Todo} {
		*text = o.setup.Redact(*text)
	}
	n.Fields = slices.Clone(n.Fields)
	for i, f := range n.Fields {
		n.Fields[i].Value = o.setup.Redact(f.Value)
	}
	return n
}

// do hands work over; if there is too much of it, it is dropped with a warning. o.mu
// is held.
func (o *Operator) do(work func()) bool {
	if o.closed {
		return false
	}
	select {
	case o.work <- work:
		return true
	default:
		o.log.Warn("too much to tell the operator at once")
		return false
	}
}

// later is do for those that do not hold o.mu.
func (o *Operator) later(work func()) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.do(work)
}

// Close tells what is still to be told, and gives posting a few seconds; after that
// nothing is told. A page that is not posted by then is kept for the next process. A
// second call does nothing.
func (o *Operator) Close() error {
	if o.out != nil {
		told := make(chan struct{})
		if o.later(func() { close(told) }) {
			<-told
		}
		o.out.close() // what it has posted is still noted
	}
	o.mu.Lock()
	if !o.closed {
		o.closed = true
		for _, c := range o.causes {
			c.back()
		}
		close(o.work)
	}
	o.mu.Unlock()
	<-o.ended
	return nil
}
