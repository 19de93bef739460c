package operator

import (
	"context"
	"slices"
	"strings"
	"time"
)

// A Watch looks at a pipeline now and then, raises alarms, and sends heartbeats.
type Watch struct {
	Operator *Operator
	Config   Config
	// Look reads the facts. It may wait for servers, within the time of its context.
	Look func(context.Context) Facts
	// Spent reads Budget.Spent, for heartbeats only: it costs more than the rest.
	Spent func(context.Context) int64

	started time.Time
	first   Facts                // at the start
	latest  Facts                // at the last heartbeat
	begun   map[string]time.Time // when a cause was first seen, and at every look since
	gone    map[string]bool      // causes that were cleared and have not come back
}

const (
	lookEvery = 30 * time.Second
	lookTime  = 20 * time.Second
	// late is how long a message may wait where nothing is down.
	late = 10 * time.Minute
	// retries is how often a feed must fail in a row: one poll may always fail.
	retries = 3
)

// Run looks until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	w.started = time.Now()
	w.begun, w.gone = map[string]time.Time{}, map[string]bool{}
	w.first = w.look(ctx)
	w.latest = w.first
	looks := time.NewTicker(lookEvery)
	defer looks.Stop()
	var beats <-chan time.Time
	if w.Config.Every > 0 {
		ticker := time.NewTicker(w.Config.Every)
		defer ticker.Stop()
		beats = ticker.C
	}
	for {
		select {
		case <-looks.C:
			if f := w.look(ctx); ctx.Err() == nil {
				w.judge(f, time.Now())
			}
		case <-beats:
			f := w.look(ctx)
			if f.Budget.Level != "" {
				f.Budget.Spent = w.Spent(ctx)
			}
			if ctx.Err() == nil {
				w.beat(f, time.Now())
			}
		case <-ctx.Done():
			return
		}
	}
}

func (w *Watch) look(ctx context.Context) Facts {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	return w.Look(ctx)
}

// judge raises what has lasted long enough, and clears what is over. What facts say
// nothing about stays as it was.
func (w *Watch) judge(f Facts, now time.Time) {
	for _, c := range w.conditions(f, now) {
		if !c.holds {
			delete(w.begun, c.Cause)
			if !w.gone[c.Cause] {
				w.gone[c.Cause] = true
				w.Operator.Clear(c.Cause)
			}
			continue
		}
		if _, seen := w.begun[c.Cause]; !seen {
			w.begun[c.Cause] = now
		}
		since := c.Since
		if since.IsZero() {
			since = w.begun[c.Cause]
		}
		w.gone[c.Cause] = false
		if now.Sub(since) >= c.patience {
			w.Operator.Raise(c.Alarm)
		}
	}
}

// A condition is an alarm that may be due.
type condition struct {
	Alarm
	holds    bool
	patience time.Duration
}

// conditions lists those that the facts decide, whichever way.
func (w *Watch) conditions(f Facts, now time.Time) (all []condition) {
	if f.Poison != Unknown {
		all = append(all, condition{poisoned(f.Poison), f.Poison > 0, 0})
	}
	open := w.Operator.Open()
	for _, s := range f.Segments {
		if s.Paused != nil && slices.ContainsFunc(open, func(cause string) bool { return strings.HasPrefix(cause, s.Paused.Dependency+"/") }) {
			continue // whoever met it has told what is the matter with it
		}
		all = append(all, condition{paused(s), s.Paused != nil, w.Config.Patience})
		if s.Paused == nil && s.Oldest != Unknown { // else that is told already, or nobody knows
			all = append(all, condition{behind(s), s.Oldest > late, w.Config.Patience})
		}
	}
	for _, m := range f.Models {
		all = append(all, condition{away(m), m.Away, w.Config.Patience})
	}
	for _, s := range f.Sources {
		switch {
		case s.Fault != nil && s.Failures < retries, s.Fault == nil && s.Answered.IsZero():
			// Nobody knows yet.
		case s.Fault != nil:
			all = append(all, condition{unanswered(s), true, w.Config.Patience})
		default:
			newest := s.Newest
			if newest.IsZero() {
				newest = w.started
			}
			all = append(all,
				condition{unanswered(s), false, 0},
				condition{empty(s), !s.EmptySince.IsZero() && now.Sub(s.EmptySince) > w.Config.EmptyAfter, 0},
				condition{quiet(s, newest), now.Sub(newest) > w.Config.QuietAfter, 0})
		}
	}
	return all
}
