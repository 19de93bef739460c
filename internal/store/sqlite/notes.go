package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"catalyst/internal/sqlite"
)

// Notes implements [store.Notes].
func (s *Store) Notes(ctx context.Context, names []string) ([][]byte, error) {
	notes := make([][]byte, len(names))
	if len(names) == 0 {
		return notes, nil
	}
	err := s.db.Snapshot(ctx, func(tx *sql.Tx) error {
		find, err := tx.PrepareContext(ctx, `SELECT value FROM notes WHERE pipeline = ? AND name = ? AND expires > ?`)
		if err != nil {
			return err
		}
		defer find.Close()
		now := micros(s.now())
		for i, name := range names {
			err := find.QueryRowContext(ctx, s.pipeline, name, now).Scan(&notes[i])
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, wrap("read notes", err)
	}
	return notes, nil
}

// Note implements [store.Notes].
func (s *Store) Note(ctx context.Context, name string, value []byte, keep time.Duration) error {
	return wrap("keep note", s.db.Write(ctx, func(tx *sqlite.Tx) error {
		now := s.now()
		var err error
		if len(value) == 0 {
			_, err = tx.Exec(`DELETE FROM notes WHERE pipeline = ? AND name = ?`, s.pipeline, name)
		} else {
			_, err = tx.Exec(`
				INSERT INTO notes (pipeline, name, value, expires) VALUES (?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET value = excluded.value, expires = excluded.expires`,
				s.pipeline, name, value, micros(now.Add(keep)))
		}
		if err != nil {
			return err
		}
		return purge(tx, now, `
			DELETE FROM notes WHERE (pipeline, name) IN (
			    SELECT pipeline, name FROM notes WHERE expires <= ? LIMIT `+purgeBatch+`)`)
	}))
}
