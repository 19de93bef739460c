package discord

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

const (
	// slack is added to what Discord says about time: a request that arrives
	// a moment too early is an invalid one.
	slack = 50 * time.Millisecond
	// No wait that anybody names is believed beyond this.
	maxWait = time.Hour
)

// A bucket is one of Discord's rate limits: so many requests from the first one
// until a reset, then as many again.
//
//	requests   ×××××        ×××××       ×
//	left       43210 (wait) 43210 (wait)4
//	           └── window ──┘└── window ──┘
//
// It begins with the configured size and learns from each answer. It is guarded by
// its [bot].
type bucket struct {
	limit, left int
	length      time.Duration
	reset       time.Time
	guessed     bool // reset: no answer in this window has told yet
	generation  int  // counts the windows
	inFlight    int  // requests without an answer yet
	shared      bool // by creates and edits
	hungry      bool // creates wait for it
	stopped     stop
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

func (s stop) rest(now time.Time) time.Duration { return max(0, s.until.Sub(now)) }

// wait returns how long there is no place in b; zero if there is one now. Edits leave
// half of a bucket that they share to creates.
func (b *bucket) wait(now time.Time, edits bool) time.Duration {
	if !now.Before(b.reset) {
		b.generation++
		// What is still under way may be counted in the new window.
		b.left, b.reset, b.guessed = max(0, b.limit-b.inFlight), now.Add(b.length), true
	}
	if b.left == 0 || b.shared && edits && (b.hungry || b.left <= b.limit/2) {
		return b.reset.Sub(now)
	}
	return 0
}

// take counts a request, for which [bucket.wait] has found a place.
func (b *bucket) take() (generation int) {
	b.left--
	b.inFlight++
	return b.generation
}

// giveBack is for a request that was not sent.
func (b *bucket) giveBack(generation int) {
	b.inFlight = max(0, b.inFlight-1)
	if generation == b.generation {
		b.left++
	}
}

// learn takes in the end of a request and what its answer says about the window.
// Answers come in any order and other processes use the window too, so within a
// window the lowest number left counts, and the earliest reset: none is told too
// early. limited says that the answer is a 429.
func (b *bucket) learn(generation int, h http.Header, limited bool, now time.Time) {
	b.inFlight = max(0, b.inFlight-1)
	if generation != b.generation {
		return
	}
	limit, err1 := strconv.Atoi(h.Get("X-RateLimit-Limit"))
	left, err2 := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	after, ok := seconds(h.Get("X-RateLimit-Reset-After"))
	if err1 != nil || err2 != nil || !ok || limit < 1 || left < 0 {
		if b.guessed {
			// It may have opened the window as late as now.
			b.reset = later(b.reset, now.Add(b.length+slack))
		}
		return
	}
	if left == limit-1 && after > 0 {
		b.length = after // the first request of a window sees all of it
	}
	b.left = max(0, min(b.left+limit-b.limit, left))
	b.limit = limit
	reset := now.Add(after + slack)
	switch {
	case limited: // it may be about another limit that is over sooner
		b.reset = later(b.reset, reset)
	case b.guessed || reset.Before(b.reset):
		b.reset, b.guessed = reset, false
	}
}

// merge makes b the bucket of what other counted too.
func (b *bucket) merge(other *bucket) {
	b.shared = true
	b.left = min(b.left, other.left)
	b.reset = later(b.reset, other.reset)
	b.inFlight += other.inFlight
	b.stopped.extend(other.stopped.until, other.stopped.cause)
	b.generation++ // answers to what was sent before say nothing of the two together
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
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
