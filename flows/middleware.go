package flows

import (
	"errors"
	"hash/fnv"
	"io"
	"log/slog"
	"math"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// errInterrupted gives a message back to the broker because the process stops.
// It is no failure: no attempt is counted and nothing is poisoned.
var errInterrupted = errors.New("interrupted by shutdown")

// Metadata of a poisoned message, beside what Watermill's poison queue sets
// (reason_poisoned, topic_poisoned, handler_poisoned, subscriber_poisoned).
const (
	MetaPoisonStage    = "stage_poisoned"    // where it failed
	MetaPoisonAttempts = "attempts_poisoned" // how often it was tried; while it is retried, how often so far
	MetaPoisonAt       = "at_poisoned"       // RFC 3339
	MetaPoisonReason   = "reason_poisoned"
	MetaPoisonTopic    = "topic_poisoned" // where it came from and is requeued to
)

// Retry says how often and when a failed message is tried again.
type Retry struct {
	Attempts int           `yaml:"attempts" doc:"tries before a failing message is poisoned"`
	Delay    time.Duration `yaml:"delay" doc:"wait before the second try; it doubles each time, ± 50 %"`
	Max      time.Duration `yaml:"max" doc:"longest wait"`
}

// middleware of a segment, outermost first: poison queue, retry, park, recover.
// Retry must be inside the poison queue, which otherwise would poison first
// failures; park must be inside retry, so that an outage costs no attempt; nothing
// may change the message's context, which the poison queue needs to publish.

// retry calls the handler until it succeeds, a permanent error comes, or attempts
// are used up. A wait is ended by stop.
func retry(r Retry, clock Clock, stop <-chan struct{}, log *slog.Logger) message.HandlerMiddleware {
	return func(next message.HandlerFunc) message.HandlerFunc {
		return func(wm *message.Message) ([]*message.Message, error) {
			for attempt := 1; ; attempt++ {
				_, err := next(wm)
				if err == nil || errors.Is(err, errInterrupted) {
					return nil, err
				}
				wm.Metadata.Set(MetaPoisonAttempts, strconv.Itoa(attempt))
				if attempt >= r.Attempts || IsPermanent(err) {
					wm.Metadata.Set(MetaPoisonAt, clock.Now().UTC().Format(time.RFC3339))
					return nil, err
				}
				wait := max(r.backoff(wm.UUID, attempt), min(retryWait(err), maxAskedWait))
				log.Warn("message_retry", "id", wm.UUID, "attempt", attempt, "of", r.Attempts, "wait", wait.Round(time.Millisecond), "error", err)
				if !passed(clock, wait, stop) {
					return nil, errInterrupted
				}
			}
		}
	}
}

// passed waits for a time on the clock. It returns false if stop closes first.
func passed(clock Clock, wait time.Duration, stop <-chan struct{}) bool {
	over := make(chan struct{})
	forget := clock.AfterFunc(wait, func() { clock.Hold(-1); close(over) })
	clock.Hold(1)
	select {
	case <-over:
		return true
	case <-stop:
		forget()
		return false
	}
}

// backoff returns the wait after the attempt-th try: Delay doubled each time, up
// to Max, times a factor between 0.5 and 1.5 that spreads messages. It is the same each
// time for one message.
func (r Retry) backoff(id string, attempt int) time.Duration {
	wait := min(r.Delay<<min(attempt-1, 20), r.Max)
	h := fnv.New32a()
	io.WriteString(h, id+strconv.Itoa(attempt))
	return time.Duration(float64(wait) * (0.5 + float64(h.Sum32())/math.MaxUint32))
}

// park keeps a message whose dependency is down, and tries it again when the
// gate lets it; one that is parked aside (see [Aside]) when its own wait is over. report
// is told once for each message.
func park(g *gate, stop <-chan struct{}, report func(*message.Message, error)) message.HandlerMiddleware {
	return func(next message.HandlerFunc) message.HandlerFunc {
		return func(wm *message.Message) ([]*message.Message, error) {
			if passOf(wm).first == nil && !g.enter(stop) {
				return nil, errInterrupted
			}
			probe, told := false, false
			aside := 0 // how often it was parked so
			for {
				_, err := next(wm)
				u, down := AsUnavailable(err)
				switch {
				case !probe || down && !u.Aside:
				case errors.Is(err, errInterrupted):
					g.abandon()
				default:
					g.probed()
				}
				if !down {
					return nil, err
				}
				if !u.Aside {
					g.close(u, probe)
				}
				if !told {
					report(wm, err)
					told = true
				}
				var ok bool
				if u.Aside {
					probe, ok = false, passed(g.clock, u.wait(aside), stop) && g.enter(stop)
					aside++
				} else {
					probe, ok = g.wait(stop)
				}
				if !ok {
					return nil, errInterrupted
				}
			}
		}
	}
}
