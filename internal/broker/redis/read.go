package redis

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// readSize is the most entries that one request asks for.
	readSize = 500
	// survey is how often a reader looks for entries that nobody holds: what was
	// given back, and what dead members left. It also bounds a blocking read, so
	// that what a peer releases is found in half of the second that is promised.
	survey = 250 * time.Millisecond
)

// A reader gets entries into the window: first what is pending and in nobody's
// hand, then what is new.
type reader struct {
	*subscription
	client  *redis.Client // of its own, because it blocks
	sources []source      // with pending entries for the taking
	next    time.Time     // of the next survey
	stale   time.Time     // of the next look for entries whose lease has run out
	newOnly bool          // this round: the last one took what was pending
	waiting bool          // suspects are to be taken when those in hand are settled
}

// A source is pending entries that may be claimed.
type source struct {
	owner  string        // "": anybody
	record string        // of the owner's membership, which must not change meanwhile; may be ""
	idle   time.Duration // that entries must have been idle
}

// read delivers until reading ends.
func (s *subscription) read() {
	r := &reader{subscription: s, client: s.b.connect()}
	// Closing the connection is what ends a blocked read at once. What Redis had
	// just sent us is pending under our name, where leave or a peer finds it.
	closed := make(chan struct{})
	context.AfterFunc(s.reading, func() {
		r.client.Close()
		close(closed)
	})
	defer func() { <-closed }()

	var wait backoff
	for s.reading.Err() == nil {
		err := r.round()
		switch {
		case s.reading.Err() != nil:
			return
		case err == nil:
			wait.reset()
			s.well(&s.reads)
			continue
		case isNoGroup(err):
			// The stream was deleted or the server has lost it: begin again with
			// whatever is there, for none of it is known to be done.
			if err = s.b.createGroup(s.reading, s.topic, s.group); err == nil {
				s.log.Warn("the consumer group was gone; recreated at the beginning of the stream")
			}
		}
		if err != nil {
			s.trouble(&s.reads, err)
		}
		// A reply that was lost on the way has left entries pending under our name.
		s.beginBacklog()
		wait.wait(s.reading)
	}
}

// round fills the window as far as it can at once, or waits a moment for
// something new.
func (r *reader) round() error {
	credits := r.s.credits
	room := r.room(r.reading)
	if room == 0 {
		return nil
	}
	n := credits.take(r.reading, min(room, readSize))
	defer func() { credits.put(n) }()
	if n == 0 {
		return nil
	}

	if from := r.backlogFrom(); from != "" {
		took, err := r.readBacklog(from, n)
		n -= took
		if err != nil || took > 0 || !r.waiting {
			return err
		}
	}
	// What is pending elsewhere gets half of the window at most: messages that
	// fail again and again must not keep new ones out.
	took := 0
	if r.newOnly {
		r.newOnly = false
	} else {
		var err error
		took, err = r.reclaim(max(1, n/2))
		n -= took
		r.newOnly = took > 0
		if err != nil {
			return err
		}
	}
	if n == 0 || r.reading.Err() != nil {
		return nil
	}

	block := time.Duration(-1)
	alone := r.s.topics.Load() <= 1
	if alone && took == 0 {
		block = r.patience()
	}
	entries, err := r.readNew(n, block)
	n -= r.take(entries)
	if alone || took > 0 || len(entries) > 0 || err != nil {
		return err
	}

	// Other topics need the credits while this one waits. It waits for a single
	// entry without any, and delivers it when it has got one.
	credits.put(n)
	n = 0
	if entries, err = r.readNew(1, r.patience()); len(entries) > 0 {
		if n = credits.take(r.reading, 1); n == 0 {
			r.giveBack(r.hold(entries))
			return nil
		}
		n -= r.take(entries)
	}
	return err
}

// patience is how long a read may block.
func (r *reader) patience() time.Duration {
	if r.waiting {
		return 5 * time.Millisecond
	}
	return max(time.Until(r.nextSurvey()), time.Millisecond)
}

func (r *reader) nextSurvey() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.due) > 0 && r.due[0].Before(r.next) {
		return r.due[0]
	}
	return r.next
}

// readNew reads entries that the group was not given yet. A negative block does
// not wait.
func (r *reader) readNew(n int, block time.Duration) ([]entry, error) {
	ctx, cancel := context.WithTimeout(r.reading, max(block, 0)+requestTimeout)
	defer cancel()
	streams, err := r.client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: r.group, Consumer: r.consumer(), Streams: []string{r.topic, ">"},
		Count: int64(n), Block: block,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil || len(streams) == 0 {
		return nil, err
	}
	entries := make([]entry, len(streams[0].Messages))
	for i, m := range streams[0].Messages {
		entries[i] = entry{XMessage: m, deliveries: 1}
	}
	return entries, nil
}

// take delivers entries and returns how many credits they used. What the
// consumer does not take before reading ends is given back.
func (r *reader) take(entries []entry) int {
	taken, left := r.deliver(r.hold(entries))
	r.giveBack(left)
	return taken
}

// readBacklog delivers up to limit entries that are pending under our own name and
// not in hand: those of the process that had the name before us.
func (r *reader) readBacklog(from string, limit int) (took int, err error) {
	ctx, cancel := context.WithTimeout(r.reading, requestTimeout)
	defer cancel()
	took, last, err := r.claimFrom(ctx, source{owner: r.consumer()}, from, limit)
	if err == nil {
		r.setBacklog(from, last)
	}
	return took, err
}

// reclaim delivers up to limit pending entries that are in nobody's hand, if it is time
// to look for some.
func (r *reader) reclaim(limit int) (took int, err error) {
	ctx, cancel := context.WithTimeout(r.reading, requestTimeout)
	defer cancel()
	if now := time.Now(); !now.Before(r.nextSurvey()) {
		if err := r.look(ctx, now); err != nil {
			return 0, err
		}
	}
	for len(r.sources) > 0 && took < limit {
		n, last, err := r.claimFrom(ctx, r.sources[0], "-", limit-took)
		took += n
		if err != nil {
			return took, err
		}
		if last != "" {
			break // there is more; this source goes on next time
		}
		r.sources = r.sources[1:]
	}
	return took, nil
}

// look makes the list of sources.
func (r *reader) look(ctx context.Context, now time.Time) error {
	r.mu.Lock()
	r.next = now.Add(survey)
	for len(r.due) > 0 && !r.due[0].After(now) {
		r.due = r.due[1:]
	}
	r.mu.Unlock()
	consumers, err := r.b.client.XInfoConsumers(ctx, r.topic, r.group).Result()
	if err != nil {
		return err
	}
	r.sources = r.sources[:0]
	var roll roll
	for _, c := range consumers {
		switch {
		case c.Pending == 0 || c.Name == r.consumer():
		case c.Name == returned:
			r.sources = append(r.sources, source{owner: returned, idle: r.s.config.RedeliverAfter})
		default:
			if roll.records == nil {
				if roll, err = r.b.roll(ctx, r.topic, r.group); err != nil {
					return err
				}
			}
			if record, dead := roll.dead(c.Name, r.b.where()); dead {
				r.sources = append(r.sources, source{owner: c.Name, record: record})
			}
		}
	}
	if !now.Before(r.stale) {
		r.stale = now.Add(r.s.config.Lease / 3)
		r.sources = append(r.sources, source{idle: r.s.config.Lease})
	}
	return nil
}

// claimFrom delivers up to limit entries of a source, from a position on. last
// is the position to go on after, "" if there was no more.
func (r *reader) claimFrom(ctx context.Context, from source, start string, limit int) (took int, last string, err error) {
	// Asked over the reader's own connection: else a round without new entries could
	// get through, and tell that all is well, while that connection does not.
	pending, err := r.client.XPendingExt(ctx, &redis.XPendingExtArgs{
		Stream: r.topic, Group: r.group, Idle: from.idle,
		Start: start, End: "+", Count: int64(limit), Consumer: from.owner,
	}).Result()
	if err != nil {
		return 0, "", err
	}
	ids, coming := make(map[string][]string), 0 // by owner
	r.waiting = false
	for _, p := range pending {
		switch {
		case r.have(p.ID):
			continue
		case from.owner == returned:
		case p.Consumer == returned: // its time has not come
			continue
		case !r.admits(p.RetryCount, coming):
			r.waiting, last = true, p.ID
		}
		if r.waiting {
			break
		}
		ids[p.Consumer] = append(ids[p.Consumer], p.ID)
		coming++
	}
	for owner, ids := range ids {
		entries, err := r.b.claim(ctx, r.topic, r.group, r.consumer(), source{owner, from.record, from.idle}, ids)
		if err != nil {
			return took, "", err
		}
		if owner != returned {
			for i := range entries {
				entries[i].suspect = true
			}
			if owner != r.consumer() {
				events.WithLabelValues(r.topic, "taken_over").Add(float64(len(entries)))
			}
		}
		took += r.take(entries)
	}
	if last == "" && len(pending) == limit && (took > 0 || from.owner == r.consumer()) {
		last = "(" + pending[limit-1].ID
	}
	return took, last, nil
}

// admits reports whether an entry whose holder died may be taken, with so many
// others of the kind on their way. With each further death half as many may be
// in hand at the same time, until they come one by one: then only the message
// that brings its process down is still counted towards MaxDeliveries, and not the
// whole window that happens to be in hand each time.
func (s *subscription) admits(deliveries int64, coming int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	halvings := min(max(deliveries-1, 0), 62)
	return s.suspects+coming < max(1, s.s.config.InFlight>>halvings)
}

// have reports whether an entry is in hand.
func (s *subscription) have(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, have := s.held[id]
	return have
}

func (s *subscription) consumer() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.member.name
}

// beginBacklog makes the reader look through what is pending under our name.
func (s *subscription) beginBacklog() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backlog = "-"
}

func (s *subscription) backlogFrom() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.backlog
}

// setBacklog moves the position on, unless the backlog was begun anew meanwhile.
func (s *subscription) setBacklog(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.backlog == from {
		s.backlog = to
	}
}
