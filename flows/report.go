package flows

import (
	"context"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// A reporter tells sinks that know how ([Reporter]) what became of parked and
// poisoned messages. It is a courtesy and never keeps a message waiting: one
// goroutine tells, and what it cannot keep up with is not told.
type reporter struct {
	sinks []named[Reporter]
	log   *slog.Logger
	queue chan report
	stop  chan struct{} // closed when what is queued is all there will be
	done  chan struct{}
}

type report struct {
	message *Message
	outcome Outcome
}

const (
	reportQueue   = 1000
	reportTimeout = 30 * time.Second
	lastReports   = 5 * time.Second // for what is queued when the engine stops
)

func newReporter(sinks []named[Sink], log *slog.Logger) *reporter {
	r := &reporter{log: log, queue: make(chan report, reportQueue), stop: make(chan struct{}), done: make(chan struct{})}
	for _, s := range sinks {
		if it, ok := s.it.(Reporter); ok {
			r.sinks = append(r.sinks, named[Reporter]{s.Name, it})
		}
	}
	return r
}

// tell queues a report about a message that s had in hand.
func (r *reporter) tell(s *segment, wm *message.Message, o Outcome) {
	if len(r.sinks) == 0 {
		return
	}
	m := newDelivered(wm)
	if err := s.decode(m); err != nil {
		return // there is nothing to show
	}
	select {
	case r.queue <- report{m, o}:
	default:
		r.log.Debug("report_skipped", "id", m.ID, "fate", o.Fate.String())
	}
}

// run tells until end is called, and then what is queued; nothing once ctx has ended.
func (r *reporter) run(ctx context.Context) {
	defer close(r.done)
	for {
		select {
		case rep := <-r.queue:
			r.report(ctx, rep)
		case <-r.stop:
			for {
				select {
				case rep := <-r.queue:
					r.report(ctx, rep)
				default:
					return
				}
			}
		}
	}
}

func (r *reporter) report(ctx context.Context, rep report) {
	for _, sink := range r.sinks {
		if ctx.Err() != nil {
			return
		}
		within, cancel := context.WithTimeout(ctx, reportTimeout)
		err := sink.it.Report(within, rep.message, rep.outcome)
		cancel()
		if err != nil {
			r.log.Warn("report_failed", "sink", sink.Name, "id", rep.message.ID, "error", err)
		}
	}
}

// end waits a moment for what is queued, and then calls abort, which ends the
// context of run. The process waits no longer for a courtesy.
func (r *reporter) end(abort func()) {
	close(r.stop)
	select {
	case <-r.done:
	case <-time.After(lastReports):
		abort()
	}
}
