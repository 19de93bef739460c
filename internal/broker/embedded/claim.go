package embedded

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"catalyst/internal/sqlite"
)

// maxClaim and maxClaimBytes bound one claim, so that the file is soon free
// for others. How much is in flight altogether is Config's matter.
const (
	maxClaim      = 256
	maxClaimBytes = 8 << 20
)

// An entry is a row of messages in this member's hand.
type entry struct {
	id       int64
	count    int // deliveries, this one included
	uuid     string
	metadata string
	payload  []byte
}

// errBuried says that others took this member for dead.
var errBuried = errors.New("this member has lost its place")

// claim takes up to n messages of a group's topic into the hand of a member:
// first those that were given back, then new ones. due is when the next one that
// was given back may be taken; zero if there is none.
func (s *subscriber) claim(ctx context.Context, sub *subscription, n int) (entries []entry, due time.Time, err error) {
	err = s.db.Write(ctx, func(tx *sqlite.Tx) error {
		c := claim{tx: tx, group: sub.group, topic: sub.topic, member: s.member.Load()}
		if err := c.alive(); err != nil {
			return err
		}
		if err := c.free(time.Now(), s.config.RedeliverAfter, min(n, maxClaim)); err != nil {
			return err
		}
		if err := c.fresh(min(n, maxClaim) - len(c.entries)); err != nil {
			return err
		}
		entries = c.entries
		due, err = c.due()
		return err
	})
	return entries, due, wrap("claim messages of "+sub.topic, err)
}

// A claim is one in the making.
type claim struct {
	tx      *sqlite.Tx
	group   int64
	topic   string
	member  int64
	entries []entry
}

func (c *claim) alive() error {
	var alive bool
	err := c.tx.Get(`SELECT EXISTS (SELECT 1 FROM members WHERE id = ?)`, []any{c.member}, &alive)
	if err == nil && !alive {
		err = errBuried
	}
	return err
}

// free takes messages that were given back and whose time has come. A time
// further away than a nack can set it means that the clock was put back.
func (c *claim) free(now time.Time, after time.Duration, n int) error {
	type row struct {
		id    int64
		count int
	}
	var taken []row
	err := c.tx.Query(func(scan func(...any) error) error {
		var r row
		err := scan(&r.id, &r.count)
		taken = append(taken, r)
		return err
	}, `UPDATE deliveries SET member = ?1, count = count + 1
	    WHERE grp = ?2 AND message IN (
	        SELECT message FROM deliveries
	        WHERE grp = ?2 AND member IS NULL AND (not_before <= ?3 OR not_before > ?4)
	        ORDER BY not_before, message LIMIT ?5)
	    RETURNING message, count`,
		c.member, c.group, now.UnixMilli(), now.Add(after+time.Second).UnixMilli(), n)
	if err != nil {
		return err
	}
	for _, r := range taken {
		e := entry{id: r.id, count: r.count}
		err := c.tx.Get(`SELECT uuid, metadata, payload FROM messages WHERE id = ?`,
			[]any{r.id}, &e.uuid, &e.metadata, &e.payload)
		switch {
		case errors.Is(err, sql.ErrNoRows): // someone has deleted it by hand
			if _, err := c.tx.Exec(`DELETE FROM deliveries WHERE grp = ? AND message = ?`, c.group, r.id); err != nil {
				return err
			}
		case err != nil:
			return err
		default:
			c.entries = append(c.entries, e)
		}
	}
	return nil
}

// fresh takes messages that the group has not had yet.
func (c *claim) fresh(n int) error {
	if n == 0 {
		return nil
	}
	var cursor, last int64
	if err := c.tx.Get(`SELECT cursor FROM groups WHERE id = ?`, []any{c.group}, &cursor); err != nil {
		return err
	}
	size := 0
	err := c.tx.Query(func(scan func(...any) error) error {
		if size > maxClaimBytes {
			return nil
		}
		e := entry{count: 1}
		err := scan(&e.id, &e.uuid, &e.metadata, &e.payload)
		c.entries = append(c.entries, e)
		size += len(e.payload)
		last = e.id
		return err
	}, `SELECT id, uuid, metadata, payload FROM messages WHERE topic = ? AND id > ? ORDER BY id LIMIT ?`,
		c.topic, cursor, n)
	if err != nil || last == 0 {
		return err
	}
	_, err = c.tx.Exec(`
		INSERT INTO deliveries (grp, message, member, count, not_before)
		SELECT ?, id, ?, 1, 0 FROM messages WHERE topic = ? AND id > ? AND id <= ?`,
		c.group, c.member, c.topic, cursor, last)
	if err != nil {
		return err
	}
	_, err = c.tx.Exec(`UPDATE groups SET cursor = ? WHERE id = ?`, last, c.group)
	return err
}

func (c *claim) due() (time.Time, error) {
	var ms sql.NullInt64
	err := c.tx.Get(`SELECT min(not_before) FROM deliveries WHERE grp = ? AND member IS NULL`, []any{c.group}, &ms)
	if err != nil || !ms.Valid {
		return time.Time{}, err
	}
	return time.UnixMilli(ms.Int64), nil
}
