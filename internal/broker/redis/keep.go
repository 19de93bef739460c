package redis

import (
	"context"
	"fmt"
	"time"
)

const (
	// gather is how long an ack waits for others to travel with.
	gather = 2 * time.Millisecond
	// atOnce is an idle time, in milliseconds, that is longer than anybody's
	// RedeliverAfter: a year.
	atOnce = 365 * 24 * 3600 * 1000
	// leaveTimeout bounds the last requests of a subscription.
	leaveTimeout = 5 * time.Second
	// trimEvery is how many acks, or how much time after one, call for trimming.
	trimEvery    = 5000
	trimInterval = 5 * time.Second
)

// keep sends acks and nacks, renews leases, and trims the stream, until ctx ends.
func (s *subscription) keep(ctx context.Context) {
	beat := time.NewTicker(max(s.s.config.Lease/3, time.Millisecond))
	defer beat.Stop()
	var wait backoff
	acked, trimmed := trimEvery, time.Time{} // what an earlier process has left to trim
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
			if !pause(ctx, gather) {
				return
			}
			var n int
			n, err = s.flush(ctx)
			acked += n
		case <-beat.C:
			err = s.renew(ctx)
		}
		if err == nil && !s.b.opts.KeepAcked && (acked >= trimEvery || acked > 0 && time.Since(trimmed) > trimInterval) {
			acked, trimmed = 0, time.Now()
			if err := s.trim(ctx); err != nil && ctx.Err() == nil {
				s.trouble(&s.trims, err) // acks need not wait for it
			} else {
				s.trims.up()
			}
		}
		if err != nil && ctx.Err() == nil && !isNoGroup(err) { // the reader recreates the group
			s.trouble(&s.keeps, err)
		}
		if err == nil {
			wait.reset()
			s.keeps.up()
			continue
		}
		if !wait.wait(ctx) {
			return
		}
		s.nudge()
	}
}

// flush tells Redis about settled messages. Those that it could not tell wait
// for the next time.
func (s *subscription) flush(ctx context.Context) (acked int, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	s.mu.Lock()
	acks, nacks := s.acks, s.nacks
	s.acks, s.nacks = nil, nil
	s.mu.Unlock()

	for len(acks) > 0 {
		n := min(len(acks), 1000)
		// An ack counts whoever holds the entry by now: the work is done.
		if err = s.b.client.XAck(ctx, s.topic, s.group, ids(acks[:n])...).Err(); err != nil {
			break
		}
		s.forget(acks[:n])
		acked += n
		acks = acks[n:]
	}
	if err == nil && len(nacks) > 0 {
		if err = s.returnEntries(ctx, nacks, 0, 0); err == nil {
			events.WithLabelValues(s.topic, "returned").Add(float64(len(nacks)))
			nacks = nil
		}
	}
	if err != nil {
		s.mu.Lock()
		s.acks, s.nacks = append(acks, s.acks...), append(nacks, s.nacks...)
		s.mu.Unlock()
	}
	return acked, err
}

// returnEntries gives entries to the group and forgets them. What is somebody
// else's by now stays theirs.
func (s *subscription) returnEntries(ctx context.Context, ds []*delivery, idle int64, change int) error {
	for owner, ids := range s.byConsumer(ds) {
		if _, err := s.b.move(ctx, s.topic, s.group, owner, returned, idle, change, ids); err != nil && !isNoGroup(err) {
			return err
		}
	}
	s.forget(ds)
	s.remind(time.Now().Add(s.s.config.RedeliverAfter))
	return nil
}

// remind makes the reader look for returned entries at a time. It looks every now
// and then anyway, so it needs no more than some of these times.
func (s *subscription) remind(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	const step = 10 * time.Millisecond // rounded up, many nacks share a reminder
	at = at.Truncate(step).Add(step)
	n := len(s.due)
	if n < 100 && (n == 0 || at.After(s.due[n-1])) {
		s.due = append(s.due, at)
	}
}

// giveBack returns entries that were not delivered, as if they had never been
// read. If Redis cannot be told now, leave tells it, or their lease runs out.
func (s *subscription) giveBack(ds []*delivery) {
	if len(ds) == 0 || s.abandon.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	if err := s.returnEntries(ctx, ds, atOnce, -1); err != nil {
		s.trouble(&s.keeps, err)
	}
}

// renew renews the lease on our name, and on the entries in hand that have been
// there for a while.
func (s *subscription) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := s.beat(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	name := s.member.name
	var old []string
	for id, d := range s.held {
		if d.consumer == name && !d.lost && time.Since(d.read) > s.s.config.Lease/6 {
			old = append(old, id)
		}
	}
	s.mu.Unlock()
	lost, err := s.b.move(ctx, s.topic, s.group, name, name, 0, 0, old)
	if err != nil {
		return err
	}
	s.lose(lost)
	return nil
}

// beat renews our name's lease. If we were silent for so long that another has
// taken it, what is in hand is theirs, and we go on under another name.
func (s *subscription) beat(ctx context.Context) error {
	s.mu.Lock()
	old := s.member
	s.mu.Unlock()
	ours, err := s.b.lease(ctx, s.topic, s.group, old, "", s.s.config.Lease)
	if ours || err != nil {
		return err
	}
	m, err := s.b.enlist(ctx, s.topic, s.group, s.s.config.Lease)
	if err != nil {
		return err
	}
	tokens.Delete(old.token)
	s.log.Warn("silent for longer than the lease; another member has taken the name", "lost", old.name, "now", m.name)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.member, s.backlog = m, "-"
	for _, d := range s.held {
		d.lost = true
	}
	return nil
}

// lose notes that entries in hand are somebody else's now. An entry settled
// meanwhile is not lost.
func (s *subscription) lose(ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		if d := s.held[id]; d != nil && !d.lost {
			d.lost = true
			events.WithLabelValues(s.topic, "lease_lost").Inc()
		}
	}
}

// trim removes what every group has acknowledged.
func (s *subscription) trim(ctx context.Context) error {
	for {
		bounded, cancel := context.WithTimeout(ctx, requestTimeout)
		n, err := trimScript.Run(bounded, s.b.client, []string{s.topic}).Int64()
		cancel()
		events.WithLabelValues(s.topic, "trimmed").Add(float64(n))
		if err != nil || n == 0 {
			return err
		}
	}
}

// leave sends the last acks, gives back what is still ours, and ends the lease
// on our name. Its error is about acks.
func (s *subscription) leave() error {
	timeout := leaveTimeout
	if s.abandon.Load() {
		timeout = time.Second // stop at once, but what was acked is done
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	var wait backoff
	_, err := s.flush(ctx)
	for err != nil && wait.wait(ctx) {
		_, err = s.flush(ctx)
	}
	if err != nil {
		err = fmt.Errorf("topic %s: %d acks were not sent: %w", s.topic, len(s.acks), err)
		if len(s.acks) == 0 {
			err = nil // nacked ones come back by themselves
		}
	}
	if !s.abandon.Load() {
		if err := s.release(ctx); err != nil && !isNoGroup(err) {
			s.log.Warn("giving messages back fails; their lease has to run out", "error", err.Error())
		}
		if !s.b.opts.KeepAcked {
			_ = s.trim(ctx) // the next member does it otherwise
		}
	}
	if err := s.b.resign(ctx, s.topic, s.group, s.member); err != nil {
		s.log.Warn("leaving the group fails; the lease has to run out", "error", err.Error())
	}
	return err
}

// release gives everything that is pending under our name to the group, as if
// it had never been delivered.
func (s *subscription) release(ctx context.Context) error {
	for {
		pending, err := s.b.pendingOf(ctx, s.topic, s.group, s.member.name)
		if err != nil || len(pending) == 0 {
			return err
		}
		if _, err := s.b.move(ctx, s.topic, s.group, s.member.name, returned, atOnce, -1, pending); err != nil {
			return err
		}
	}
}

func (s *subscription) forget(ds []*delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range ds {
		if s.held[d.ID] != d {
			continue
		}
		delete(s.held, d.ID)
		s.heldBytes -= d.bytes
		if d.suspect {
			s.suspects--
		}
	}
}

func ids(ds []*delivery) []string {
	out := make([]string, len(ds))
	for i, d := range ds {
		out[i] = d.ID
	}
	return out
}

// byConsumer sorts those that are still ours by the name they were read under.
func (s *subscription) byConsumer(ds []*delivery) map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string][]string)
	for _, d := range ds {
		if !d.lost {
			out[d.consumer] = append(out[d.consumer], d.ID)
		}
	}
	return out
}
