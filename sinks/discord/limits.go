package discord

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	// slack is added to what Discord says about time: a request that arrives
	// a moment too early is an invalid one.
	slack = 50 * time.Millisecond
	// No wait that anybody names is believed beyond this.
	maxWait = time.Hour
)

// limits holds what is known about the rate limits of one bot.
type limits struct {
	mu      sync.Mutex // guards the windows too
	windows map[string]*window
	stopped stop // over all channels
}

// A stop forbids requests for a time.
type stop struct {
	until time.Time
	cause error // not nil: somebody has to act, waiting in line is of no use
}

func (s *stop) extend(until time.Time, cause error) {
	if until.After(s.until) {
		s.until, s.cause = until, cause
	}
}

func newLimits() *limits { return &limits{windows: make(map[string]*window)} }

// A window is Discord's rate limit for one route of one channel: so many
// requests from the first one until a reset, then as many again.
//
//	requests   ×××××        ×××××       ×
//	left       43210 (wait) 43210 (wait)4
//	           └── window ──┘└── window ──┘
//
// It begins with the configured size and learns from each answer. Waiting
// requests go first come, first served.
type window struct {
	bot  *limits
	turn chan struct{} // held by the first in line

	limit, left int
	length      time.Duration
	reset       time.Time
	guessed     bool // reset: no answer in this window has told yet
	generation  int  // counts the windows
	stopped     stop
	changed     chan struct{} // closed when there may be more left
}

// window returns the window of a route of a channel, of the size given if
// nothing is known about it.
func (l *limits) window(route, channel string, limit int, length time.Duration) *window {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := route + " " + channel
	w, known := l.windows[key]
	if !known {
		w = &window{bot: l, turn: make(chan struct{}, 1), limit: limit, length: length, changed: make(chan struct{})}
		l.windows[key] = w
	}
	return w
}

// A busyError says that no request may be sent in time.
type busyError struct {
	wait  time.Duration
	cause error
}

func (e *busyError) Error() string {
	if e.cause != nil {
		return e.cause.Error()
	}
	return fmt.Sprintf("rate limit: the next request is possible in %s", e.wait.Round(time.Millisecond))
}

func (e *busyError) Unwrap() error { return e.cause }

// take waits until a request may be sent, and counts it. It returns the
// generation for [window.learn]; a *busyError if ctx ends before its turn can
// come; or ctx's error.
func (w *window) take(ctx context.Context) (generation int, err error) {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	for {
		wait, generation, changed, err := w.reserve(time.Now())
		if err != nil {
			return 0, err
		}
		if wait <= 0 {
			return generation, ctx.Err()
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
			return 0, &busyError{wait: wait}
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-changed:
		case <-ctx.Done():
			timer.Stop()
			return 0, ctx.Err()
		}
		timer.Stop()
	}
}

// reserve counts a request if one may be sent at now, and else says how long
// to wait.
func (w *window) reserve(now time.Time) (wait time.Duration, generation int, changed <-chan struct{}, err error) {
	w.bot.mu.Lock()
	defer w.bot.mu.Unlock()
	for _, s := range []stop{w.bot.stopped, w.stopped} {
		if rest := s.until.Sub(now); rest > 0 {
			if s.cause != nil {
				return 0, 0, nil, &busyError{wait: rest, cause: s.cause}
			}
			wait = max(wait, rest)
		}
	}
	if wait > 0 {
		return wait, 0, w.changed, nil
	}
	if !now.Before(w.reset) {
		w.generation++
		w.left, w.reset, w.guessed = w.limit, now.Add(w.length), true
	}
	if w.left == 0 {
		return w.reset.Sub(now), 0, w.changed, nil
	}
	w.left--
	return 0, w.generation, nil, nil
}

// learn takes in what an answer to a request of that generation says about the
// window. Answers come in any order and other processes use the window too, so
// within a window the lowest number left counts, and the earliest reset: none
// is told too early.
func (w *window) learn(generation int, h http.Header, now time.Time) {
	limit, err1 := strconv.Atoi(h.Get("X-RateLimit-Limit"))
	left, err2 := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	after, ok := seconds(h.Get("X-RateLimit-Reset-After"))
	if err1 != nil || err2 != nil || !ok || limit < 1 || left < 0 {
		return
	}
	w.bot.mu.Lock()
	defer w.bot.mu.Unlock()
	if generation != w.generation {
		return
	}
	if left == limit-1 && after > 0 {
		w.length = after // the first request of a window sees all of it
	}
	w.left = max(0, min(w.left+limit-w.limit, left))
	w.limit = limit
	if reset := now.Add(after + slack); w.guessed || reset.Before(w.reset) {
		w.reset, w.guessed = reset, false
	}
	close(w.changed)
	w.changed = make(chan struct{})
}

// slowDown takes in a 429: nothing is sent on this window, or by this bot at
// all, until wait is over.
func (w *window) slowDown(wait time.Duration, global bool) {
	w.stop(wait+slack, global, nil)
}

// stop forbids requests for a while; a cause makes those in line give up.
func (w *window) stop(wait time.Duration, global bool, cause error) {
	w.bot.mu.Lock()
	defer w.bot.mu.Unlock()
	until := time.Now().Add(wait)
	if global {
		w.bot.stopped.extend(until, cause)
	} else {
		w.stopped.extend(until, cause)
	}
	close(w.changed)
	w.changed = make(chan struct{})
}

// seconds reads a number of seconds as headers and bodies have it. ok is false
// for what is none.
func seconds(s string) (d time.Duration, ok bool) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || f < 0 {
		return 0, false
	}
	return time.Duration(min(f, maxWait.Seconds()) * float64(time.Second)), true
}
