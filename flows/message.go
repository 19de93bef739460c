package flows

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	"catalyst/internal/broker"
	"catalyst/internal/news"
)

// A Message is an item on its way through a segment.
//
// ID is given once, when a source publishes the item, and survives redelivery
// and every topic. Meta holds facts about the message that survive a topic too;
// its keys are short lower-case words.
//
// A Message is worked on by one stage at a time, so its fields need no lock. Item
// must not be nil, and must not be shared between messages that stages may change.
type Message struct {
	ID   string
	Item *news.Item
	Meta map[string]string

	// step has the message in hand, or had it last; returned says that it gave
	// the message back. Only the goroutine of that step touches them.
	step     *step
	work     context.Context // of that step: ends when the process must stop now
	returned bool

	payload []byte // of Item, until that is decoded

	// alone: it goes in batches of its own, because it failed before. What a batch
	// fails of may be one message's doing, and the others must not share its end.
	alone bool

	parent   *Message // it was split or shared from
	tell     func(*Message, Outcome)
	delivery broker.Delivery // nil if a Watermill message stands for it

	mu       sync.Mutex
	outcome  Outcome
	pardon   error      // it failed in a stage whose on_error is pass
	children []*Message // it was split into
	open     int        // of these, not yet settled
	worst    Outcome    // of those settled so far
}

// Fate is what became of a message in a segment. Every message gets exactly one.
type Fate uint8

const (
	// Unsettled is no fate: the message is still on its way.
	Unsettled Fate = iota
	// Dropped on purpose, for a reason.
	Dropped
	// Delivered to the next topic, or to every sink.
	Delivered
	// Parked until a dependency returns; it is then tried again.
	Parked
	// Failed: it is retried, and poisoned if it keeps failing.
	Failed
)

var fateNames = [...]string{"unsettled", "dropped", "delivered", "parked", "failed"}

func (f Fate) String() string { return fateNames[f] }

// An Outcome is a fate and where it came from.
type Outcome struct {
	Fate   Fate
	Stage  string // the stage or sink that decided, by its name in pipeline.yaml
	Reason string // of a drop: a few words with a bounded vocabulary, as it labels a metric
	Err    error  // of a failure or parking
}

// NewMessage returns a message that carries item under id.
func NewMessage(id string, item *news.Item) *Message {
	return &Message{ID: id, Item: item}
}

// Drop settles m as dropped for a reason: a few words out of a small vocabulary
// ("duplicate", "below min"), because it labels a metric. Details belong in
// the item or a log.
func (m *Message) Drop(reason string) { m.settle(Outcome{Fate: Dropped, Reason: reason}) }

// Fail settles m as failed, or as parked if err is [Unavailable]. Without more
// ado err means "try again"; [Permanent] and [RetryAfter] say otherwise.
func (m *Message) Fail(err error) {
	if err == nil {
		err = errors.New("failed without an error")
	}
	if _, down := AsUnavailable(err); down {
		m.settle(Outcome{Fate: Parked, Err: err})
		return
	}
	policy := OnErrorRetry
	if m.step != nil && m.step.knobs.OnError != "" && m.work.Err() == nil {
		policy = m.step.knobs.OnError // which has no say over work that was interrupted
	}
	switch policy {
	case OnErrorDrop:
		m.Drop("failed")
	case OnErrorPass:
		m.mu.Lock()
		m.pardon = err
		m.mu.Unlock()
	case OnErrorPoison:
		m.settle(Outcome{Fate: Failed, Err: Permanent(err)})
	default:
		m.settle(Outcome{Fate: Failed, Err: err})
	}
}

// Outcome returns what became of m; its Fate is Unsettled while m is on its way.
func (m *Message) Outcome() Outcome {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.outcome
}

// Settled reports whether the stage that has m in hand need not think of it any
// more: it was dropped or failed, or split.
func (m *Message) Settled() bool { return !m.inHand() }

// Split makes one message of each item, which take the place of m: the stage
// returns them and not m. Their IDs are m's with a number, the same at every
// redelivery. m is settled when all of them are: failed if one failed, else
// parked if one was parked, else delivered if one was delivered, else dropped.
//
// Splitting into nothing drops m. Splitting twice is a bug and panics, as does
// splitting a settled message.
func (m *Message) Split(items ...*news.Item) []*Message {
	if len(items) == 0 {
		m.Drop("split into nothing")
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.children != nil || m.outcome.Fate != Unsettled {
		panic(fmt.Sprintf("message %s is split after it was split or settled", m.ID))
	}
	m.open, m.children = len(items), make([]*Message, len(items))
	for i, item := range items {
		m.children[i] = &Message{
			ID:     m.ID + "." + strconv.Itoa(i),
			Item:   item,
			Meta:   maps.Clone(m.Meta),
			step:   m.step,
			work:   m.work,
			alone:  m.alone,
			parent: m,
		}
	}
	return slices.Clone(m.children)
}

// share is Split for sinks: every copy has the ID and the item of m.
func (m *Message) share(n int) []*Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open, m.children = n, make([]*Message, n)
	for i := range m.children {
		m.children[i] = &Message{ID: m.ID, Item: m.Item, Meta: m.Meta, parent: m}
	}
	return m.children
}

// SetMeta records a fact under a key.
func (m *Message) SetMeta(key, value string) {
	if m.Meta == nil {
		m.Meta = make(map[string]string)
	}
	m.Meta[key] = value
}

// enter puts m into the hands of a step, whose work ends with ctx at the latest.
func (m *Message) enter(ctx context.Context, s *step) { m.step, m.work, m.returned = s, ctx, false }

// leave takes m, or a child of a message, back from s. It returns false if s
// did not have it, or gave it back before.
func (m *Message) leave(s *step) bool {
	if m.step != s || m.returned || !m.inHand() {
		return false
	}
	m.returned = true
	return true
}

// inHand reports whether the step that has m still owes a decision about it.
func (m *Message) inHand() bool {
	if m.returned {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.outcome.Fate == Unsettled && m.pardon == nil && m.children == nil
}

// forgiven reports, once, whether m failed in a stage that lets failures pass.
func (m *Message) forgiven() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	was := m.pardon != nil && m.outcome.Fate == Unsettled
	m.pardon = nil
	return was
}

// unsplit takes a split back, because the stage that made it failed. What it
// did to the children no longer matters.
func (m *Message) unsplit() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, child := range m.children {
		child.parent = nil
	}
	m.children, m.open, m.worst = nil, 0, Outcome{}
}

// settle gives m its fate. The first one counts.
func (m *Message) settle(o Outcome) {
	m.mu.Lock()
	if m.outcome.Fate != Unsettled {
		m.mu.Unlock()
		return
	}
	if o.Stage == "" && m.step != nil {
		o.Stage = m.step.name
	}
	m.outcome = o
	m.mu.Unlock()

	if m.tell != nil {
		m.tell(m, o)
	}
	if m.parent != nil {
		m.parent.childSettled(o)
	}
}

// childSettled counts a child's outcome towards its parent's.
func (m *Message) childSettled(o Outcome) {
	m.mu.Lock()
	if o.Fate > m.worst.Fate {
		m.worst = o
	}
	m.open--
	last, worst := m.open == 0, m.worst
	m.mu.Unlock()
	if last {
		m.settle(worst)
	}
}
