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
	done  chan struct{}
}

type report struct {
	message *Message
	outcome Outcome
}

const (
	reportQueue   = 1000
	reportTimeout = 30 * time.Second
)

func newReporter(sinks []named[Sink], log *slog.Logger) *reporter {
	r := &reporter{log: log, queue: make(chan report, reportQueue), done: make(chan struct{})}
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
	m, err := s.decode(wm)
	if err != nil {
		return // there is nothing to show
	}
	select {
	case r.queue <- report{m, o}:
	default:
		r.log.Debug("report_skipped", "id", m.ID, "fate", o.Fate.String())
	}
}

// run tells until the queue is closed or ctx ends.
func (r *reporter) run(ctx context.Context) {
	defer close(r.done)
	for rep := range r.queue {
		for _, sink := range r.sinks {
			if ctx.Err() != nil {
				break
			}
			ctx, cancel := context.WithTimeout(ctx, reportTimeout)
			if err := sink.it.Report(ctx, rep.message, rep.outcome); err != nil {
				r.log.Warn("report_failed", "sink", sink.Name, "id", rep.message.ID, "error", err)
			}
			cancel()
		}
	}
}

// end waits for what is queued.
func (r *reporter) end() {
	close(r.queue)
	<-r.done
}
