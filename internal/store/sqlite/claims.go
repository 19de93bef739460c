package sqlitestore

import (
	"context"
	"time"

	"catalyst/internal/sqlite"
	"catalyst/internal/store"
)

// Claim implements [store.Claims].
func (s *Store) Claim(ctx context.Context, claims []store.Claim, window time.Duration) ([]string, error) {
	owners := make([]string, len(claims))
	if len(claims) == 0 {
		return owners, nil
	}
	err := s.db.Write(ctx, func(tx *sqlite.Tx) error {
		// The clock is read with the file locked, so that it cannot be older than
		// another process's claim.
		now := s.now()
		for i, c := range claims {
			if _, err := s.claim(tx, c, window, now, &owners[i]); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`
			DELETE FROM claims WHERE (pipeline, key) IN (
			    SELECT pipeline, key FROM claims WHERE expires <= ? LIMIT ?)`, micros(now), purgeBatch)
		return err
	})
	if err != nil {
		return nil, wrap("claim keys", err)
	}
	return owners, nil
}

// claim records a claim unless the key is held, and says who holds it now.
func (s *Store) claim(tx *sqlite.Tx, c store.Claim, window time.Duration, now time.Time, owner *string) (made bool, err error) {
	n, err := tx.Exec(`
		INSERT INTO claims (pipeline, key, owner, expires) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT DO UPDATE SET owner = ?3, expires = ?4 WHERE expires <= ?5`,
		s.pipeline, c.Key, c.Owner, micros(now.Add(window)), micros(now))
	if err != nil {
		return false, err
	}
	return n > 0, tx.Get(`SELECT owner FROM claims WHERE pipeline = ? AND key = ?`, []any{s.pipeline, c.Key}, owner)
}

// Release implements [store.Claims].
func (s *Store) Release(ctx context.Context, claims []store.Claim) error {
	if len(claims) == 0 {
		return nil
	}
	return wrap("release keys", s.db.Write(ctx, func(tx *sqlite.Tx) error {
		for _, c := range claims {
			_, err := tx.Exec(`DELETE FROM claims WHERE pipeline = ? AND key = ? AND owner = ?`, s.pipeline, c.Key, c.Owner)
			if err != nil {
				return err
			}
		}
		return nil
	}))
}
