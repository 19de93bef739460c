package flows

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"

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

	mu        sync.Mutex
	outcome   Outcome
	stage     string   // that has it in hand, for the record
	parent    *Message // it was split from
	open      int      // children not yet settled
	worst     Outcome  // of the children settled so far
	onSettled func(Outcome)
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
	m.settle(Outcome{Fate: Failed, Err: err})
}

// Outcome returns what became of m; its Fate is Unsettled while m is on its way.
func (m *Message) Outcome() Outcome {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.outcome
}

// Settled reports whether m has its fate.
func (m *Message) Settled() bool { return m.Outcome().Fate != Unsettled }

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
	if m.open != 0 || m.outcome.Fate != Unsettled {
		panic(fmt.Sprintf("message %s is split after it was split or settled", m.ID))
	}
	m.open = len(items)
	children := make([]*Message, len(items))
	for i, item := range items {
		children[i] = &Message{
			ID:     m.ID + "." + strconv.Itoa(i),
			Item:   item,
			Meta:   maps.Clone(m.Meta),
			stage:  m.stage,
			parent: m,
		}
	}
	return children
}

// share is Split for sinks: every copy has the ID and the item of m.
func (m *Message) share(n int) []*Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open = n
	children := make([]*Message, n)
	for i := range children {
		children[i] = &Message{ID: m.ID, Item: m.Item, Meta: m.Meta, parent: m}
	}
	return children
}

// SetMeta records a fact under a key.
func (m *Message) SetMeta(key, value string) {
	if m.Meta == nil {
		m.Meta = make(map[string]string)
	}
	m.Meta[key] = value
}

// settle gives m its fate. The first one counts: a stage that settles a
// message and also returns it is caught by the engine.
func (m *Message) settle(o Outcome) {
	m.mu.Lock()
	if m.outcome.Fate != Unsettled {
		m.mu.Unlock()
		return
	}
	if o.Stage == "" {
		o.Stage = m.stage
	}
	m.outcome = o
	tell, parent := m.onSettled, m.parent
	m.mu.Unlock()

	if tell != nil {
		tell(o)
	}
	if parent != nil {
		parent.childSettled(o)
	}
}

// childSettled counts a child's outcome towards its parent's.
func (m *Message) childSettled(o Outcome) {
	m.mu.Lock()
	if o.Fate > m.worst.Fate {
		m.worst = o
	}
	m.open--
	last := m.open == 0
	worst := m.worst
	m.mu.Unlock()
	if last {
		m.settle(worst)
	}
}
