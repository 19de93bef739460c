package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"catalyst/internal/sqlite"
	"catalyst/internal/store"
)

// Effects implements [store.Ledger].
func (s *Store) Effects(ctx context.Context, keys []string) ([]store.Effect, error) {
	effects := make([]store.Effect, len(keys))
	if len(keys) == 0 {
		return effects, nil
	}
	err := s.db.Snapshot(ctx, func(tx *sql.Tx) error {
		find, err := tx.PrepareContext(ctx, `
			SELECT key, id, state, pending, at FROM effects WHERE pipeline = ? AND key = ? AND expires > ?`)
		if err != nil {
			return err
		}
		defer find.Close()
		now := micros(s.now())
		for i, key := range keys {
			var e store.Effect
			var at int64
			err := find.QueryRowContext(ctx, s.pipeline, key, now).Scan(&e.Key, &e.ID, &e.State, &e.Pending, &at)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			e.At = time.UnixMicro(at)
			effects[i] = e
		}
		return nil
	})
	if err != nil {
		return nil, wrap("read the ledger", err)
	}
	return effects, nil
}

// Record implements [store.Ledger].
func (s *Store) Record(ctx context.Context, effects []store.Effect, keep time.Duration) error {
	if len(effects) == 0 {
		return nil
	}
	return wrap("record effects", s.db.Write(ctx, func(tx *sqlite.Tx) error {
		now := s.now()
		for _, e := range effects {
			_, err := tx.Exec(`
				INSERT INTO effects (pipeline, key, id, state, pending, at, expires) VALUES (?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET id = excluded.id, state = excluded.state, pending = excluded.pending,
				    at = excluded.at, expires = excluded.expires`,
				s.pipeline, e.Key, e.ID, e.State, e.Pending, micros(now), micros(now.Add(keep)))
			if err != nil {
				return err
			}
		}
		return purge(tx, now, `
			DELETE FROM effects WHERE (pipeline, key) IN (
			    SELECT pipeline, key FROM effects WHERE expires <= ? LIMIT `+purgeBatch+`)`)
	}))
}

// Pending implements [store.Ledger].
func (s *Store) Pending(ctx context.Context, prefix string, before time.Time, limit int) ([]store.Effect, error) {
	var effects []store.Effect
	err := s.db.Snapshot(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `
			SELECT key, id, state, pending, at FROM effects
			WHERE pipeline = ? AND pending = 1 AND at < ? AND substr(key, 1, length(?)) = ? AND expires > ?
			ORDER BY at LIMIT ?`, s.pipeline, micros(before), prefix, prefix, micros(s.now()), limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var e store.Effect
			var at int64
			if err := rows.Scan(&e.Key, &e.ID, &e.State, &e.Pending, &at); err != nil {
				return err
			}
			e.At = time.UnixMicro(at)
			effects = append(effects, e)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, wrap("list pending effects", err)
	}
	return effects, nil
}
