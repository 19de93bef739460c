package embedded

import (
	"context"
	"sync"
	"time"

	"catalyst/internal/sqlite"
)

// A settlement is what a holder said of a message.
type settlement struct {
	group   int64
	message int64
	acked   bool
	at      time.Time // of a nack
}

// settlements are those not yet written. Whatever comes while one write is
// under way goes into the next, so there is no timer to wait for.
type settlements struct {
	mu     sync.Mutex
	queue  []settlement
	some   chan struct{}   // holds a token when queue is not empty
	adding context.Context // ends when nothing more will be added
	end    context.CancelFunc
	err    error // of the last write, once ended
	ended  chan struct{}
}

func newSettlements() *settlements {
	q := &settlements{some: make(chan struct{}, 1), ended: make(chan struct{})}
	q.adding, q.end = context.WithCancel(context.Background())
	return q
}

func (q *settlements) add(s settlement) {
	q.mu.Lock()
	q.queue = append(q.queue, s)
	q.mu.Unlock()
	select {
	case q.some <- struct{}{}:
	default:
	}
}

func (q *settlements) take() []settlement {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.queue
	q.queue = nil
	return taken
}

// lastWrites is how long a subscriber that is stopping tries to write its acks, and
// then to give back what is left.
const lastWrites = 5 * time.Second

// flush writes settlements until there will be no more. A file that cannot be
// written now, as on a full disk, is tried again: the acks are not forgotten.
func (s *subscriber) flush() {
	defer close(s.settled.ended)
	for {
		select {
		case <-s.settled.some:
			s.write(s.settled.adding, s.settled.take())
		case <-s.settled.adding.Done():
			if rest := s.settled.take(); len(rest) > 0 {
				ctx, cancel := context.WithTimeout(context.Background(), lastWrites)
				defer cancel()
				s.settled.err = s.write(ctx, rest)
			}
			return
		}
	}
}

// write writes until it succeeds or ctx ends; then what is left goes back into the
// queue.
func (s *subscriber) write(ctx context.Context, batch []settlement) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		err := s.settle(ctx, batch)
		if err == nil {
			return nil
		}
		if wait == 50*time.Millisecond && ctx.Err() == nil {
			s.log.Warn("acks cannot be written, trying on", "messages", len(batch), "error", err)
		}
		select {
		case <-ctx.Done():
			s.settled.mu.Lock()
			s.settled.queue = append(batch, s.settled.queue...)
			s.settled.mu.Unlock()
			return err
		case <-time.After(wait):
		}
	}
}

// settle makes one transaction of what holders said. An ack counts even if the
// message was given to another meanwhile: its work is done. A nack does not.
func (s *subscriber) settle(ctx context.Context, batch []settlement) error {
	return wrap("settle messages", s.db.Write(ctx, func(tx *sqlite.Tx) error {
		member := s.member.Load()
		for _, one := range batch {
			var err error
			if one.acked {
				_, err = tx.Exec(`DELETE FROM deliveries WHERE grp = ? AND message = ?`, one.group, one.message)
			} else {
				tx.Announce() // when it is due has to be looked up anew
				_, err = tx.Exec(`
					UPDATE deliveries SET member = NULL, not_before = ? WHERE grp = ? AND message = ? AND member = ?`,
					one.at.Add(s.config.RedeliverAfter).UnixMilli()+1, one.group, one.message, member)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

// release gives messages that were claimed back to the group, as if they had not
// been.
func (s *subscriber) release(group int64, entries []entry) error {
	return wrap("release messages", s.db.Write(context.Background(), func(tx *sqlite.Tx) error {
		tx.Announce()
		for _, e := range entries {
			_, err := tx.Exec(`
				UPDATE deliveries SET member = NULL, not_before = 0, count = count - 1
				WHERE grp = ? AND message = ? AND member = ?`, group, e.id, s.member.Load())
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

// trimBatch bounds one transaction of trim.
const trimBatch = 500

// trim deletes what every group of the topic has acknowledged.
func (s *subscriber) trim(topic string) error {
	for {
		var deleted int
		err := s.db.Write(context.Background(), func(tx *sqlite.Tx) (err error) {
			deleted, err = tx.Exec(`
				DELETE FROM messages WHERE id IN (
				    SELECT id FROM messages m
				    WHERE topic = ?1 AND id <= (SELECT min(cursor) FROM groups WHERE topic = ?1)
				      AND NOT EXISTS (
				          SELECT 1 FROM groups g JOIN deliveries d ON d.grp = g.id
				          WHERE g.topic = ?1 AND d.message = m.id)
				    ORDER BY id LIMIT ?2)`, topic, trimBatch)
			return err
		})
		if err != nil || deleted < trimBatch {
			return wrap("trim "+topic, err)
		}
	}
}
