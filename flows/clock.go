package flows

import "time"

// A Clock is a time for a pipeline to live in, when that is not the time of day: a
// replay turns one from item to item.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f, once, when d has passed on the clock, unless stop is called
	// before. Whoever turns the clock goes on only when f has returned. stop does not wait
	// for f; a second call of it does nothing.
	AfterFunc(d time.Duration, f func()) (stop func())
	// Hold is told that n more messages wait for the clock, or so many fewer: whoever
	// turns it then knows that nothing will happen until it does.
	Hold(n int)
}

// clock is the plan's clock, or the time of day.
func (e *Engine) clock() Clock {
	if e.plan.Clock == nil {
		return timeOfDay{}
	}
	return e.plan.Clock
}

type timeOfDay struct{}

func (timeOfDay) Now() time.Time { return time.Now() }
func (timeOfDay) Hold(int)       {}

func (timeOfDay) AfterFunc(d time.Duration, f func()) (stop func()) {
	t := time.AfterFunc(d, f)
	return func() { t.Stop() }
}
