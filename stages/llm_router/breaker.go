package llmrouter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"catalyst/internal/llm"
)

// BreakerConfig says when a failing provider is left alone.
type BreakerConfig struct {
	Failures  int           `yaml:"failures" doc:"failures in a row after which a provider is left alone"`
	Open      time.Duration `yaml:"open" doc:"for how long"`
	Successes int           `yaml:"successes" doc:"successes after that until it counts as well again"`
}

// A breaker keeps calls from a provider that cannot answer them. Whether an error
// counts, or opens it at once, is the policy of its class.
//
//	         Failures in a row, or a class that opens at once
//	closed ────────────────────────────────────────────────────▶ open
//	  ▲                                                         ▲   │ time is over
//	  └──────────── Successes ────────────── half-open ─ failure ┘◀─┘
//
// Half open, one call goes ahead; after its success all may follow. At first one goes
// ahead too, and the others wait for it: a key that is no good is found out by one call.
type breaker struct {
	config  BreakerConfig
	changed func(breakerChange)
	now     func() time.Time

	mu        sync.Mutex
	phase     phase
	term      int // counts the changes of phase: a call counts only in the one it began in
	failures  int
	successes int
	answered  bool          // it has answered anything at all
	probe     chan struct{} // of the one call that goes ahead, closed when it has ended; nil if there is none
	until     time.Time
	class     llm.Class // that opened it
}

type phase int

const (
	closed phase = iota
	halfOpen
	open
)

var phaseNames = [...]string{"closed", "half_open", "open"}

func (p phase) String() string { return phaseNames[p] }

// breakerChange is one change of phase.
type breakerChange struct {
	to    phase
	class llm.Class // of the failure; empty if it was none
	until time.Time // it is open
	wait  time.Duration
	fault error
}

func newBreaker(c BreakerConfig, changed func(breakerChange)) *breaker {
	return &breaker{config: c, changed: changed, now: time.Now}
}

// state returns for how long calls are refused, and the class of error that led to it.
func (b *breaker) state() (time.Duration, llm.Class) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.phase != open {
		return 0, ""
	}
	return max(0, b.until.Sub(b.now())), b.class
}

// resume makes a new breaker go on where one of an earlier process was.
func (b *breaker) resume(until time.Time, class llm.Class) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.phase, b.until, b.class = open, until, class
}

var errLeftAlone = errors.New("left alone after failures")

const probeWait = time.Second // to come back in, while another call finds out

// enter asks for a call. It returns what leave needs, or a refusal whose
// RetryAfter says when to come back.
func (b *breaker) enter(ctx context.Context) (term int, refusal *llm.Error) {
	for {
		b.mu.Lock()
		term, probe, refusal := b.tryEnter()
		b.mu.Unlock()
		if probe == nil {
			return term, refusal
		}
		select {
		case <-probe:
		case <-ctx.Done():
			return 0, &llm.Error{Class: llm.Canceled, Err: ctx.Err()}
		}
	}
}

// tryEnter is enter with b.mu held; it returns a probe to wait for if there is one.
func (b *breaker) tryEnter() (term int, probe <-chan struct{}, refusal *llm.Error) {
	if b.phase == open {
		if wait := b.until.Sub(b.now()); wait > 0 {
			return 0, nil, b.refuse(wait)
		}
		b.turn(breakerChange{to: halfOpen})
	}
	switch {
	case b.phase == halfOpen && b.successes > 0, b.phase == closed && b.answered:
	case b.probe == nil:
		b.probe = make(chan struct{})
	case b.phase == halfOpen:
		return 0, nil, b.refuse(probeWait)
	default:
		return 0, b.probe, nil
	}
	return b.term, nil, nil
}

func (b *breaker) refuse(wait time.Duration) *llm.Error {
	return &llm.Error{
		Class:      b.class,
		RetryAfter: wait,
		Err:        fmt.Errorf("%w, for %v", errLeftAlone, wait.Round(time.Second)),
	}
}

// leave reports how a call ended; nil is a success.
func (b *breaker) leave(term int, fault *llm.Error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if term != b.term {
		return // it began before the last change and tells nothing about now
	}
	b.endProbe()
	if fault == nil {
		b.failures, b.answered = 0, true
		b.successes++
		if b.phase == halfOpen && b.successes >= b.config.Successes {
			b.turn(breakerChange{to: closed})
		}
		return
	}
	policy := fault.Class.Policy()
	switch {
	case fault.Class == llm.Canceled:
		return
	case policy.Open > 0:
		wait := policy.Open
		if fault.RetryAfter > 0 {
			wait = fault.RetryAfter
		}
		b.trip(fault, wait)
	case !policy.Counts:
		b.failures = 0 // it did answer
	default:
		b.failures++
		if b.phase == halfOpen || b.failures >= b.config.Failures {
			b.trip(fault, max(b.config.Open, fault.RetryAfter))
		}
	}
	b.answered = true
}

func (b *breaker) endProbe() {
	if b.probe != nil {
		close(b.probe)
		b.probe = nil
	}
}

func (b *breaker) trip(fault *llm.Error, wait time.Duration) {
	b.until, b.class = b.now().Add(wait), fault.Class
	b.turn(breakerChange{to: open, class: fault.Class, until: b.until, wait: wait, fault: fault})
}

// turn changes the phase. b.mu is held: changed must be quick and not call back.
func (b *breaker) turn(c breakerChange) {
	b.phase = c.to
	b.term++
	b.failures, b.successes = 0, 0
	b.endProbe()
	b.changed(c)
}
