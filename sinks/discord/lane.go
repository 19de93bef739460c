package discord

import (
	"context"
	"sync"
	"time"
)

// A lane sends the requests of one route of one place as their bucket allows. Its
// goroutine lives while there is something to send; what is sent with one
// request is decided only when that request may go.
type lane struct {
	ctx   context.Context // of the sink: ends what waits
	bot   *bot
	name  string // of the bucket
	place string
	edits bool
	work  work

	mu      sync.Mutex
	running bool
	woken   chan struct{}
}

// work is what waits for a lane. Its methods may be called concurrently.
type work interface {
	// waiting reports whether there is something to send.
	waiting() bool
	// send sends what is to go with one request, or has it go with depart; false if
	// nothing waits.
	send(permit) bool
	// depart sends what is still to go: there will be no further permit for now.
	depart()
	// cannot fails all whose time ends before until.
	cannot(until time.Time, err error)
}

func newLane(ctx context.Context, b *bot, route string, p place, limit int, length time.Duration, w work) *lane {
	l := &lane{ctx: ctx, bot: b, name: route + " " + p.name, place: p.name, edits: route == routeEdit, work: w, woken: make(chan struct{}, 1)}
	b.open(l.name, limit, length)
	return l
}

// kick has the lane look at its work again.
func (l *lane) kick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.running {
		l.running = true
		go l.run()
		return
	}
	select {
	case l.woken <- struct{}{}:
	default: // it will look anyway
	}
}

func (l *lane) run() {
	for !l.idle() {
		if err := l.ctx.Err(); err != nil {
			l.work.depart() // which ends it
			l.work.cannot(forever, err)
			continue
		}
		now := time.Now()
		p, wait, changed, err := l.bot.admit(l, now)
		switch {
		case err != nil:
			l.work.depart()
			l.work.cannot(forever, err)
		case wait > 0:
			l.work.depart()
			l.work.cannot(now.Add(wait), &busyError{wait: wait})
			if l.work.waiting() {
				l.sleep(wait, changed)
			}
		case !l.work.send(p):
			l.bot.giveBack(l, p)
		}
	}
}

var forever = time.Unix(1<<60, 0)

// idle ends the goroutine if there is nothing to do for it.
func (l *lane) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.work.waiting() {
		return false
	}
	l.work.depart()
	l.running = false
	l.bot.quiet(l)
	return true
}

func (l *lane) sleep(wait time.Duration, changed <-chan struct{}) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-l.woken:
	case <-l.ctx.Done():
	}
}
