package embedded

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/internal/broker"
	"catalyst/internal/sqlite"
)

// Lag counts in one look, so that its numbers fit together.
func (b *Broker) Lag(ctx context.Context, topic, group string) (broker.Lag, error) {
	var lag broker.Lag
	var oldest sql.NullInt64
	err := b.db.Read().QueryRowContext(ctx, `
		WITH known AS (SELECT id, topic, cursor FROM groups WHERE topic = ?1 AND name = ?2),
		     g AS (SELECT * FROM known UNION ALL SELECT NULL, ?1, 0 WHERE NOT EXISTS (SELECT * FROM known))
		SELECT (SELECT count(*) FROM messages m JOIN g ON m.topic = g.topic AND m.id > g.cursor),
		       (SELECT count(*) FROM deliveries d JOIN g ON d.grp = g.id),
		       (SELECT m.at FROM messages m WHERE m.id = min(
		            ifnull((SELECT min(d.message) FROM deliveries d JOIN g ON d.grp = g.id), 9223372036854775807),
		            ifnull((SELECT min(m.id) FROM messages m JOIN g ON m.topic = g.topic AND m.id > g.cursor), 9223372036854775807)))`,
		topic, group).Scan(&lag.Waiting, &lag.Pending, &oldest)
	if oldest.Valid {
		lag.Oldest = time.UnixMicro(oldest.Int64)
	}
	return lag, wrap("lag of "+topic, err)
}

// Len counts what a topic holds.
func (b *Broker) Len(ctx context.Context, topic string) (int64, error) {
	var n int64
	err := b.db.Read().QueryRowContext(ctx, `SELECT count(*) FROM messages WHERE topic = ?`, topic).Scan(&n)
	return n, wrap("length of "+topic, err)
}

// Browse reads messages. A position is a message's id.
func (b *Broker) Browse(ctx context.Context, topic, after string, limit int) ([]broker.Stored, error) {
	var last int64
	if after != "" {
		var err error
		if last, err = position(after); err != nil {
			return nil, err
		}
	}
	rows, err := b.db.Read().QueryContext(ctx, `
		SELECT id, at, uuid, metadata, payload FROM messages WHERE topic = ? AND id > ? ORDER BY id LIMIT ?`,
		topic, last, max(limit, 0))
	if err != nil {
		return nil, wrap("browse "+topic, err)
	}
	defer rows.Close()
	var all []broker.Stored
	for rows.Next() {
		var e entry
		var at int64
		if err := rows.Scan(&e.id, &at, &e.uuid, &e.metadata, &e.payload); err != nil {
			return nil, wrap("browse "+topic, err)
		}
		m, err := e.message()
		if err != nil {
			m = message.NewMessage("", e.payload)
		}
		all = append(all, broker.Stored{Position: strconv.FormatInt(e.id, 10), At: time.UnixMicro(at), Message: m})
	}
	return all, wrap("browse "+topic, rows.Err())
}

// Delete removes messages, also from the groups that have them in hand.
func (b *Broker) Delete(ctx context.Context, topic string, positions ...string) (int, error) {
	ids := make([]int64, len(positions))
	for i, p := range positions {
		var err error
		if ids[i], err = position(p); err != nil {
			return 0, err
		}
	}
	var deleted int
	err := b.db.Write(ctx, func(tx *sqlite.Tx) error {
		deleted = 0
		for _, id := range ids {
			n, err := tx.Exec(`DELETE FROM messages WHERE id = ? AND topic = ?`, id, topic)
			if err != nil {
				return err
			}
			deleted += n
			_, err = tx.Exec(`
				DELETE FROM deliveries WHERE message = ? AND grp IN (SELECT id FROM groups WHERE topic = ?)`, id, topic)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, wrap("delete from "+topic, err)
	}
	return deleted, nil
}

func position(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no position of a message; those are numbers, as `pipeline dlq ls` shows them", text)
	}
	return id, nil
}

// message decodes e. With an error it returns what could be read.
func (e *entry) message() (*message.Message, error) {
	m := message.NewMessage(e.uuid, e.payload)
	var err error
	m.Metadata, err = decodeMetadata(e.metadata)
	if e.uuid == "" {
		err = errNoUUID
	}
	return m, err
}
