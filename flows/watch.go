package flows

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// A watch finds calls that do not return, at the price of two additions a call.
// Each call is counted in the young one of two generations. When the old one is
// empty they change places: what is left in it then has been running since.
type watch struct {
	young  atomic.Uint32
	calls  [2]atomic.Int64
	turned time.Time    // when they last changed places; only look touches it
	late   atomic.Int64 // how long a call has been running that should have returned, else 0
}

func (w *watch) enter() (generation uint32) {
	generation = w.young.Load()
	w.calls[generation].Add(1)
	return generation
}

func (w *watch) leave(generation uint32) { w.calls[generation].Add(-1) }

// look returns how long the oldest call has been running, at least.
func (w *watch) look(now time.Time) time.Duration {
	old := 1 - w.young.Load()
	if w.calls[old].Load() == 0 {
		w.young.Store(old)
		w.turned = now
		return 0
	}
	return now.Sub(w.turned)
}

const watchEvery = 5 * time.Second

// watch looks after the steps until ctx ends. A stage that does not return, against
// its contract, holds up everything behind it, and nothing else would tell.
func (e *Engine) watch(ctx context.Context) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			for _, s := range e.segments {
				for _, step := range s.steps {
					step.look(now, e.grace)
				}
			}
		case <-ctx.Done():
			return
		}
	}
}

func (s *step) look(now time.Time, grace time.Duration) {
	late := s.watch.look(now)
	if late < s.timeout()+grace {
		late = 0
	}
	switch was := s.watch.late.Swap(int64(late)); {
	case late > 0 && was == 0:
		s.log.Error("stage_stuck", "stage", s.name, "for", late, "timeout", s.timeout())
	case late == 0 && was > 0:
		s.log.Info("stage_returned", "stage", s.name)
	}
}

// Check says whether a call of the stage should have returned long ago.
func (s *step) Check(context.Context) error {
	if late := time.Duration(s.watch.late.Load()); late > 0 {
		return fmt.Errorf("has not returned for more than %v, though its timeout is %v: a bug in the stage", late, s.timeout())
	}
	return nil
}
