package discord

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A bot is what is known about the limits of one bot, or of all webhooks: each of
// its channels and routes has a [bucket], and all of them have limits together.
type bot struct {
	mu      sync.Mutex
	buckets map[string]*bucket // by route and place
	named   map[string]*bucket // by Discord's name for it and place
	// Discord counts a request in some second between its start and its end, so a request
	// has its place from the one until a second after the other.
	perSecond int
	inFlight  int
	ended     []time.Time // of the last second, the oldest first
	invalid   invalid
	stopped   stop
	changed   chan struct{} // closed when a wait may have changed
}

// newBot returns a bot that may make so many requests in a second.
func newBot(perSecond int) *bot {
	return &bot{
		buckets:   make(map[string]*bucket),
		named:     make(map[string]*bucket),
		perSecond: perSecond,
		changed:   make(chan struct{}),
	}
}

// registry gives sinks that post as the same bot the same limits: Discord
// counts per bot and channel, not per line in pipeline.yaml.
type registry struct {
	mu   sync.Mutex
	bots map[string]*bot
}

func (r *registry) bot(c Config) *bot {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bots == nil {
		r.bots = make(map[string]*bot)
	}
	name := c.BaseURL + " " + c.Token.Reveal() // webhooks have none: their address is what counts
	r.bots[name] = cmp.Or(r.bots[name], newBot(c.PerSecond))
	return r.bots[name]
}

// open makes a bucket for a route of a place, if it has none.
func (b *bot) open(name string, limit int, length time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buckets[name] == nil {
		b.buckets[name] = &bucket{limit: limit, least: length, length: length}
	}
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

// A permit is for one request. left is how many the window admits, this one included.
type permit struct {
	generation, left int
	sent             time.Time // not before then
}

// admit gives a permit, if a request may be sent now; else it says how long there
// will be none, and what to wait for beside. With a *busyError it says that waiting
// is of no use.
func (b *bot) admit(l *lane, now time.Time) (p permit, wait time.Duration, changed <-chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.buckets[l.name]
	if wait, err = b.wait(k, l.edits, now); err != nil || wait > 0 {
		k.hungry = k.hungry || !l.edits
		return permit{}, wait, b.changed, err
	}
	k.hungry = k.hungry && l.edits
	b.inFlight++
	left := k.left
	return permit{k.take(), left, now}, 0, nil, nil
}

func (b *bot) wait(k *bucket, edits bool, now time.Time) (time.Duration, error) {
	var wait time.Duration
	for _, s := range []stop{b.stopped, k.stopped} {
		rest := s.rest(now)
		if rest > 0 && s.cause != nil {
			return 0, &busyError{rest, s.cause}
		}
		wait = max(wait, rest)
	}
	if rest := b.invalid.wait(now); rest > 0 {
		return 0, &busyError{rest, errTooManyInvalid}
	}
	if wait > 0 {
		return wait, nil
	}
	return max(b.waitGlobally(edits, now), k.wait(now, edits)), nil
}

// waitGlobally keeps a fifth of all requests free for creates.
func (b *bot) waitGlobally(edits bool, now time.Time) time.Duration {
	const second = time.Second + slack
	past, _ := slices.BinarySearchFunc(b.ended, now.Add(-second), time.Time.Compare)
	b.ended = b.ended[past:]
	places := b.perSecond
	if edits {
		places -= b.perSecond / 5
	}
	switch over := b.inFlight + len(b.ended) - places; {
	case over < 0:
		return 0
	case over < len(b.ended):
		return b.ended[over].Add(second).Sub(now)
	}
	return second // or until one ends
}

// quiet says that no creates wait on l any more.
func (b *bot) quiet(l *lane) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !l.edits {
		b.buckets[l.name].hungry = false
	}
}

// giveBack is for a permit that was not used.
func (b *bot) giveBack(l *lane, p permit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inFlight--
	b.buckets[l.name].giveBack(p.generation)
	b.tell()
}

// learn takes in the end of a request.
func (b *bot) learn(l *lane, p permit, r *reply) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.inFlight--
	b.ended = append(b.ended, now)
	k := b.buckets[l.name]
	k.learn(p, r.header, r.status == http.StatusTooManyRequests, now)
	if name := r.header.Get("X-RateLimit-Bucket"); name != "" {
		name += " " + l.place
		if same := b.named[name]; same == nil {
			b.named[name] = k
		} else if same != k {
			same.merge(k)
			b.buckets[l.name] = same
		}
	}
	if r.invalid() {
		b.invalid.count(now)
	}
	b.tell()
}

// stop keeps l, or with global everything of the bot, from sending for a while. A
// cause makes those in line give up.
func (b *bot) stop(l *lane, wait time.Duration, global bool, cause error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &b.buckets[l.name].stopped
	if global {
		s = &b.stopped
	}
	s.extend(time.Now().Add(wait), cause)
	b.tell()
}

func (b *bot) tell() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// invalid counts requests that Discord refused, by minute: who sends 10,000 of them
// in ten minutes is banned.
type invalid struct {
	minutes [11]struct {
		minute int64
		n      int
	}
}

// tooManyInvalid leaves room for other processes with the same address.
const tooManyInvalid = 1000

var errTooManyInvalid = errors.New("so many requests were refused that Discord would soon ban this address: nothing is sent for some minutes")

func (c *invalid) count(now time.Time) {
	minute := now.Unix() / 60
	m := &c.minutes[minute%int64(len(c.minutes))]
	if m.minute != minute {
		m.minute, m.n = minute, 0
	}
	m.n++
}

// wait returns how long it takes until there are fewer than too many.
func (c *invalid) wait(now time.Time) time.Duration {
	this := now.Unix() / 60
	sum := 0
	for minute := this; minute > this-int64(len(c.minutes)); minute-- { // from now backwards
		m := c.minutes[minute%int64(len(c.minutes))]
		if m.minute != minute {
			continue
		}
		if sum += m.n; sum >= tooManyInvalid {
			return time.Unix((minute+int64(len(c.minutes)))*60, 0).Sub(now)
		}
	}
	return 0
}

// invalid reports whether Discord counts r towards a ban.
func (r *reply) invalid() bool {
	switch r.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return true
	case http.StatusTooManyRequests:
		return r.header.Get("X-RateLimit-Scope") != "shared"
	}
	return false
}
