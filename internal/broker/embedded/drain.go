package embedded

import (
	"context"
	"errors"

	"catalyst/internal/sqlite"
)

// Close gives up at once: it is Drain without patience.
func (s *subscriber) Close() error {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	return s.Drain(now)
}

// Drain stops reading, waits for what is in hand, writes the acks and gives the
// rest back. A later call waits for the first, and ends its patience with its own.
func (s *subscriber) Drain(ctx context.Context) error {
	unlink := context.AfterFunc(ctx, s.giveUp)
	defer unlink()
	s.mu.Lock()
	second := s.draining
	s.draining = true
	s.mu.Unlock()
	if second {
		<-s.drained
		return s.drainErr
	}
	defer close(s.drained)

	s.stopReading()
	s.pumps.Wait()
	s.hands.Wait() // until all are settled, or given up as ctx ends
	s.giveUp()     // for the house
	s.house.Wait()
	s.settled.end()
	<-s.settled.ended
	left := s.leave()
	s.drainErr = errors.Join(s.settled.err, left)
	if left == nil { // else the file cannot be written, and others have to trim it
		if err := s.trimAll(); err != nil {
			s.log.Debug("the last trim is left to others", "error", err)
		}
	}
	for _, out := range s.outs {
		close(out)
	}
	s.singly.Wait()
	s.broker.leave(s)
	return s.drainErr
}

// leave gives everything still in this member's hand back to the group and
// ends the membership. Giving back is no delivery.
func (s *subscriber) leave() error {
	ctx, cancel := context.WithTimeout(context.Background(), lastWrites)
	defer cancel()
	return wrap("leave group "+s.config.Group, s.db.Write(ctx, func(tx *sqlite.Tx) error {
		tx.Announce()
		member := s.member.Load()
		_, err := tx.Exec(`
			UPDATE deliveries SET member = NULL, not_before = 0, count = count - 1 WHERE member = ?`, member)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM members WHERE id = ?`, member)
		return err
	}))
}

// trimAll trims the topics subscribed to.
func (s *subscriber) trimAll() error {
	s.mu.Lock()
	topics := make([]string, 0, len(s.topics))
	for topic := range s.topics {
		topics = append(topics, topic)
	}
	s.mu.Unlock()
	var errs []error
	for _, topic := range topics {
		errs = append(errs, s.trim(topic))
	}
	return errors.Join(errs...)
}
