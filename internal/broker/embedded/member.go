package embedded

import (
	"context"
	"errors"
	"os"
	"time"

	"catalyst/internal/sqlite"
)

// look is how often a member looks after the others.
const look = 250 * time.Millisecond

// join makes s a member. A member that was taken for dead, because the machine
// slept, joins again; what it had in hand is with others then.
func (s *subscriber) join(ctx context.Context) error {
	return wrap("join group "+s.config.Group, s.db.Write(ctx, func(tx *sqlite.Tx) error {
		var id int64
		err := tx.Get(`
			INSERT INTO members (name, host, pid, process, lease) VALUES (?, ?, ?, ?, ?) RETURNING id`,
			[]any{s.name, hostID(), os.Getpid(), processID, s.config.Lease.Milliseconds()}, &id)
		s.member.Store(id)
		return err
	}))
}

// keepHouse renews the lease, buries the dead and trims, until ctx ends.
func (s *subscriber) keepHouse(ctx context.Context) {
	seen := make(map[int64]sighting)
	beat := s.config.Lease / 3
	ticker := time.NewTicker(min(beat, look))
	defer ticker.Stop()
	var beaten, trimmed time.Time
	for {
		var errs []error
		due := time.Since(beaten) >= beat
		if due {
			beaten = time.Now()
			err := s.beat(ctx)
			if err != nil || time.Since(beaten) > beat {
				// Nobody else could give a sign of life either, while the disk was full or
				// someone kept the file locked: the silence until now says nothing.
				clear(seen)
			}
			errs = append(errs, err)
		}
		errs = append(errs, s.buryDead(ctx, seen))
		if time.Since(trimmed) >= time.Second && s.acked.Swap(false) {
			trimmed = time.Now()
			errs = append(errs, s.trimAll())
		}
		// Only a beat is sure to write, and so to show that all is well again.
		if err := errors.Join(errs...); ctx.Err() == nil && (err != nil || due) {
			s.keeping.note(s.log, "keeping the broker's file in order", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *subscriber) beat(ctx context.Context) error {
	var alive int
	err := s.db.Write(ctx, func(tx *sqlite.Tx) (err error) {
		alive, err = tx.Exec(`UPDATE members SET beat = beat + 1 WHERE id = ?`, s.member.Load())
		return err
	})
	if err == nil && alive == 0 {
		s.log.Warn("this process was taken for dead, its messages went to others", "lease", s.config.Lease)
		return s.join(ctx)
	}
	return wrap("renew lease", err)
}

// A sighting is when a member's beat was first seen as it is. Leases are
// measured by the watcher's own monotonic clock, so it does no harm when
// clocks are set or the machine sleeps.
type sighting struct {
	beat int64
	at   time.Time
}

// buryDead gives the messages of dead members back to their groups: at once if
// the process is gone, else after a lease without a sign of life.
func (s *subscriber) buryDead(ctx context.Context, seen map[int64]sighting) error {
	rows, err := s.db.Read().QueryContext(ctx,
		`SELECT id, name, host, pid, process, lease, beat FROM members WHERE id <> ?`, s.member.Load())
	if err != nil {
		return wrap("look after members", err)
	}
	defer rows.Close()
	type corpse struct {
		id, beat int64
		name     string
	}
	var corpses []corpse
	alive := make(map[int64]bool)
	for rows.Next() {
		var c corpse
		var host, process string
		var pid int
		var lease int64
		if err := rows.Scan(&c.id, &c.name, &host, &pid, &process, &lease, &c.beat); err != nil {
			return wrap("look after members", err)
		}
		if last, ok := seen[c.id]; !ok || last.beat != c.beat {
			seen[c.id] = sighting{c.beat, time.Now()}
		}
		silent := time.Since(seen[c.id].at) >= time.Duration(lease)*time.Millisecond
		if silent || dead(host, pid, process) {
			corpses = append(corpses, c)
		} else {
			alive[c.id] = true
		}
	}
	if err := rows.Err(); err != nil {
		return wrap("look after members", err)
	}
	for id := range seen {
		if !alive[id] {
			delete(seen, id)
		}
	}
	for _, c := range corpses {
		if err := s.bury(ctx, c.id, c.beat, c.name); err != nil {
			return err
		}
	}
	return nil
}

func (s *subscriber) bury(ctx context.Context, id, beat int64, name string) error {
	var taken int
	err := s.db.Write(ctx, func(tx *sqlite.Tx) error {
		// With a beat it has not had before it is not dead, or buried already.
		buried, err := tx.Exec(`DELETE FROM members WHERE id = ? AND beat = ?`, id, beat)
		if err != nil || buried == 0 {
			return err
		}
		tx.Announce()
		taken, err = tx.Exec(`UPDATE deliveries SET member = NULL, not_before = 0 WHERE member = ?`, id)
		return err
	})
	if err == nil && taken > 0 {
		s.log.Info("took over the messages of a dead member", "member", name, "messages", taken)
	}
	return wrap("take over from a dead member", err)
}
