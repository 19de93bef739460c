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
//
// Discord counts a request at some time between its start and its end, in whatever window
// is open there then, and that window may have begun before this bucket takes the last one
// for over. So a request that is under way, or that ended without telling, is taken to be
// counted in the next window too, until an answer shows that it was not.
type bucket struct {
	limit, left int
	least       time.Duration // of length: as configured
	length      time.Duration
	reset       time.Time // the window is over by then, at the latest
	earliest    time.Time // and not before then; of no meaning if guessed
	guessed     bool      // no answer in this window has told yet
	generation  int       // counts the windows
	inFlight    int       // requests without an answer yet
	strays      int       // that ended, as late as strayed, without telling in which window they counted
	strayed     time.Time
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
		b.begin(b.limit)
		b.reset, b.guessed = now.Add(b.length), true
	}
	if b.left == 0 || b.shared && edits && (b.hungry || b.left <= b.limit/2) {
		return b.reset.Sub(now)
	}
	return 0
}

// begin begins a window with places, as far as nothing that was sent before may be
// counted in it.
func (b *bucket) begin(places int) {
	if !b.guessed && b.strayed.After(b.earliest) {
		places -= b.strays
	}
	b.generation++
	b.left, b.strays = max(0, places-b.inFlight), 0
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
func (b *bucket) learn(p permit, h http.Header, limited bool, now time.Time) {
	b.inFlight = max(0, b.inFlight-1)
	limit, left, after, told := window(h)
	if b.guessed && (limited || !told) { // it may have opened the window as late as now
		b.reset = later(b.reset, now.Add(b.length+slack))
	}
	if !told {
		b.stray(now)
		return
	}
	reset, earliest := now.Add(after+slack), p.sent.Add(after)
	switch {
	case !limited && !b.guessed && earliest.After(b.reset): // the next window has begun
		b.limit = limit
		b.begin(left)
		b.reset, b.earliest = reset, earliest
	case p.generation != b.generation:
		b.stray(now)
		return
	case limited: // it may be about another limit that is over sooner
		b.reset = later(b.reset, reset)
	case b.guessed:
		b.reset, b.earliest, b.guessed = reset, earliest, false
	default:
		if !reset.Before(b.earliest.Add(b.length)) { // it took as long as a window: who knows
			b.stray(now)
		}
		b.reset, b.earliest = sooner(b.reset, reset), later(b.earliest, earliest)
	}
	if !limited && left == limit-1 {
		// The first request of a window sees all of it. A guess that is too long ends
		// with the first answer, one that is too short may break the limit.
		b.length = max(b.least, after)
	}
	b.left = max(0, min(b.left+limit-b.limit, left))
	b.limit = limit
}

// stray notes the end of a request that may be counted in the window after this one.
func (b *bucket) stray(now time.Time) {
	if b.guessed || now.After(b.earliest) {
		b.strays++
		b.strayed = now
	}
}

// window reads what an answer tells of its window; told is false if that is nothing.
func window(h http.Header) (limit, left int, after time.Duration, told bool) {
	limit, err1 := strconv.Atoi(h.Get("X-RateLimit-Limit"))
	left, err2 := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	after, ok := seconds(h.Get("X-RateLimit-Reset-After"))
	return limit, left, after, err1 == nil && err2 == nil && ok && limit >= 1 && left >= 0
}

// merge makes b the bucket of what other counted too.
func (b *bucket) merge(other *bucket) {
	b.shared = true
	b.left = min(b.left, other.left)
	b.reset, b.earliest = later(b.reset, other.reset), sooner(b.earliest, other.earliest)
	b.inFlight += other.inFlight
	b.strays, b.strayed = b.strays+other.strays, later(b.strayed, other.strayed)
	b.stopped.extend(other.stopped.until, other.stopped.cause)
	// Answers to what was sent before say nothing of the two together.
	b.generation = max(b.generation, other.generation) + 1
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func sooner(a, b time.Time) time.Time {
	if a.Before(b) {
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
