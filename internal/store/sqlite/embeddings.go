package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"catalyst/internal/sqlite"
)

// Vectors implements [store.Embeddings].
func (s *Store) Vectors(ctx context.Context, space string, hashes []string) ([][]float32, error) {
	vectors := make([][]float32, len(hashes))
	if len(hashes) == 0 {
		return vectors, nil
	}
	err := s.db.Snapshot(ctx, func(tx *sql.Tx) error {
		find, err := tx.PrepareContext(ctx, `SELECT vector FROM embeddings WHERE space = ? AND hash = ? AND expires > ?`)
		if err != nil {
			return err
		}
		defer find.Close()
		now := micros(s.now())
		for i, hash := range hashes {
			var vector []byte
			err := find.QueryRowContext(ctx, space, hash, now).Scan(&vector)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			vectors[i] = decodeVector(vector)
		}
		return nil
	})
	if err != nil {
		return nil, wrap("read embeddings", err)
	}
	return vectors, nil
}

// Keep implements [store.Embeddings].
func (s *Store) Keep(ctx context.Context, space string, vectors map[string][]float32, ttl time.Duration) error {
	if len(vectors) == 0 {
		return nil
	}
	encoded := make(map[string][]byte, len(vectors))
	for hash, v := range vectors {
		encoded[hash] = encodeVector(v)
	}
	return wrap("keep embeddings", s.db.Write(ctx, func(tx *sqlite.Tx) error {
		now := s.now()
		for hash, vector := range encoded {
			_, err := tx.Exec(`
				INSERT INTO embeddings (space, hash, vector, expires) VALUES (?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET vector = excluded.vector, expires = excluded.expires`,
				space, hash, vector, micros(now.Add(ttl)))
			if err != nil {
				return err
			}
		}
		return purge(tx, now, `
			DELETE FROM embeddings WHERE rowid IN (SELECT rowid FROM embeddings WHERE expires <= ? LIMIT `+purgeBatch+`)`)
	}))
}
