package intake

import (
	"time"

	"catalyst/internal/config"
	"catalyst/internal/fetch"
)

// A Pace says how often a source looks, and how much it takes in at once. It is inlined
// in the configurations of sources.
type Pace struct {
	Every    time.Duration `yaml:"every" doc:"time between polls; at least 10s unless the server is this machine"`
	Schedule Schedule      `yaml:"schedule" doc:"other times between polls while the exchanges in New York are not in their main session"`
	MaxEvery time.Duration `yaml:"max_every" doc:"how far the server's own ttl and caching headers may stretch the time between polls; one that refuses with Retry-After is always heeded"`
	MaxItems int           `yaml:"max_items" doc:"most items published in one poll; of more, the newest go first and the others with the next polls"`
}

// A Schedule slows polling down while little happens.
type Schedule struct {
	Extended time.Duration `yaml:"extended" doc:"from 4:00 to 9:30 and from 16:00 to 20:00; 0s is every"`
	Closed   time.Duration `yaml:"closed" doc:"at night, on weekends and on holidays; 0s is every"`
}

// DefaultPace is a poll a minute at any time.
var DefaultPace = Pace{Every: time.Minute, MaxEvery: 5 * time.Minute, MaxItems: 100}

// Check returns every fault. A server on this machine may be polled as often as one likes.
func (p Pace) Check(local bool) (faults []error) {
	tooOften := func(every time.Duration) bool { return every <= 0 || every < 10*time.Second && !local }
	if tooOften(p.Every) {
		faults = append(faults, config.At("every", "%v is too often: publishers block who asks more than every 10s", p.Every))
	}
	if p.Schedule.Extended != 0 && tooOften(p.Schedule.Extended) {
		faults = append(faults, config.At("schedule.extended", "%v is too often: want 10s or more, or 0s", p.Schedule.Extended))
	}
	if p.Schedule.Closed != 0 && tooOften(p.Schedule.Closed) {
		faults = append(faults, config.At("schedule.closed", "%v is too often: want 10s or more, or 0s", p.Schedule.Closed))
	}
	if p.MaxEvery < 0 {
		faults = append(faults, config.At("max_every", "%v: want 0s or more", p.MaxEvery))
	}
	if p.MaxItems <= 0 {
		faults = append(faults, config.At("max_items", "%d: want at least 1", p.MaxItems))
	}
	return faults
}

// in returns the time between polls in a session.
func (p Pace) in(s Session) time.Duration {
	switch {
	case s == Extended && p.Schedule.Extended > 0:
		return p.Schedule.Extended
	case s == Closed && p.Schedule.Closed > 0:
		return p.Schedule.Closed
	}
	return p.Every
}

// Next returns how long to wait after an answer by which the server asked to be left
// alone for some time. A session that is polled more often does not begin unseen.
func (p Pace) Next(now time.Time, asked time.Duration) time.Duration {
	session, until := SessionAt(now)
	wait := fetch.Next(p.in(session), asked, p.MaxEvery)
	then, _ := SessionAt(until)
	if soon := max(p.in(then), until.Sub(now)); p.in(then) < p.in(session) {
		wait = min(wait, soon)
	}
	return wait
}
