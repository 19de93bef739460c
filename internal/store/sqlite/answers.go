package sqlitestore

import (
	"context"
	"database/sql"
	"math"
	"time"

	"catalyst/internal/sqlite"
	"catalyst/internal/store"
)

// Nearest implements [store.Answers]. It compares each query with every live
// answer of its scope, which are few: a scope is one set of tickers.
func (s *Store) Nearest(ctx context.Context, queries []store.Query) ([]store.Match, error) {
	matches := make([]store.Match, len(queries))
	if len(queries) == 0 {
		return matches, nil
	}
	err := s.db.Snapshot(ctx, func(tx *sql.Tx) error {
		now := s.now()
		for i, q := range queries {
			var err error
			if matches[i], err = nearest(ctx, tx, q, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, wrap("find answers", err)
	}
	return matches, nil
}

func nearest(ctx context.Context, tx *sql.Tx, q store.Query, now time.Time) (store.Match, error) {
	id, similarity, err := best(ctx, tx, q, now)
	if err != nil || id == 0 {
		return store.Match{}, err
	}
	m := store.Match{Found: true, Similarity: similarity}
	var at int64
	err = tx.QueryRowContext(ctx, `SELECT key, value, at FROM answers WHERE id = ?`, id).Scan(&m.Key, &m.Value, &at)
	m.At = time.UnixMicro(at)
	return m, err
}

// best returns the id of the answer most similar to q; 0 if there is none.
func best(ctx context.Context, tx *sql.Tx, q store.Query, now time.Time) (id int64, similarity float64, err error) {
	rows, err := tx.QueryContext(ctx, `
		SELECT id, hash = ?, vector FROM answers WHERE namespace = ? AND tickers = ? AND expires > ?`,
		q.Hash, q.Namespace, q.Tickers, micros(now))
	if err != nil {
		return 0, 0, err
	}
	defer rows.Close()
	similarity = math.Inf(-1)
	length := norm(q.Vector)
	for rows.Next() {
		var this int64
		var equal bool
		var vector sql.RawBytes
		if err := rows.Scan(&this, &equal, &vector); err != nil {
			return 0, 0, err
		}
		if equal {
			return this, 1, nil
		}
		// Anything that is no number is not greater, and is never found.
		if c := cosine(q.Vector, length, vector); c > similarity {
			id, similarity = this, c
		}
	}
	return id, similarity, rows.Err()
}

// cosine compares v, of the length given, with an encoded vector. It is not a
// number if their dimensions differ or one of them is zero. The vectors should
// be of length 1, but one that is not must not look more alike than it is.
func cosine(v []float32, length float64, encoded []byte) float64 {
	if len(encoded) != 4*len(v) {
		return math.NaN()
	}
	var dot, square float64
	for i, a := range v {
		b := float64(float32At(encoded, i))
		dot += float64(a) * b
		square += b * b
	}
	return max(-1, min(1, dot/(length*math.Sqrt(square))))
}

func norm(v []float32) float64 {
	var square float64
	for _, x := range v {
		square += float64(x) * float64(x)
	}
	return math.Sqrt(square)
}

// Remember implements [store.Answers].
func (s *Store) Remember(ctx context.Context, answers []store.Answer) error {
	if len(answers) == 0 {
		return nil
	}
	return wrap("remember answers", s.db.Write(ctx, func(tx *sqlite.Tx) error {
		for _, a := range answers {
			_, err := tx.Exec(`
				INSERT INTO answers (namespace, tickers, hash, vector, key, value, at, expires)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT (namespace, tickers, hash) DO UPDATE SET vector = excluded.vector, key = excluded.key,
				    value = excluded.value, at = excluded.at, expires = excluded.expires`,
				a.Namespace, a.Tickers, a.Hash, encodeVector(a.Vector), a.Key, append([]byte{}, a.Value...),
				micros(a.At), micros(a.Expires))
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

// Expire implements [store.Answers].
func (s *Store) Expire(ctx context.Context, limit int) (n int, err error) {
	err = s.db.Write(ctx, func(tx *sqlite.Tx) (err error) {
		n, err = tx.Exec(`DELETE FROM answers WHERE id IN (SELECT id FROM answers WHERE expires <= ? LIMIT ?)`,
			micros(s.now()), max(limit, 0))
		return err
	})
	return n, wrap("expire answers", err)
}
