package postgres

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"catalyst/internal/store"

	"github.com/jackc/pgx/v5"
	"github.com/pgvector/pgvector-go"
)

// nearest looks at every live answer of each query's scope. Distances are only
// taken of rows that the WHERE clause has let through, and a scope has one
// dimension, so vectors of different dimensions never meet.
const nearest = `
SELECT q.n, a.equal, a.distance, a.key, a.value, a.at
FROM unnest($1::bytea[], $2::text[], $3::vector[]) WITH ORDINALITY AS q (scope, hash, vector, n)
CROSS JOIN LATERAL (
	SELECT a.hash = q.hash AS equal, a.vector <=> q.vector AS distance, a.key, a.value, a.at
	FROM pipeline_answers a
	WHERE a.scope = q.scope AND a.expires_at > now()
	ORDER BY equal DESC, distance
	LIMIT 1
) a`

// Nearest implements [store.Answers]. What is live is decided by the server's clock.
func (s *Store) Nearest(ctx context.Context, queries []store.Query) ([]store.Match, error) {
	matches := make([]store.Match, len(queries))
	if len(queries) == 0 {
		return matches, nil
	}
	scopes := make([][]byte, len(queries))
	hashes := make([]string, len(queries))
	vectors := make([]pgvector.Vector, len(queries))
	for i, q := range queries {
		if err := direction(q.Vector); err != nil {
			return nil, fmt.Errorf("nearest answers: query %d: %w", i, err)
		}
		scopes[i], hashes[i], vectors[i] = digest(q.Scope, len(q.Vector)), q.Hash, pgvector.NewVector(q.Vector)
	}
	rows, err := s.pool.Query(ctx, nearest, scopes, hashes, vectors)
	if err != nil {
		return nil, fmt.Errorf("nearest answers: %w", err)
	}
	var (
		n        int
		equal    bool
		distance float64
		m        = store.Match{Found: true}
		key      []byte
	)
	_, err = pgx.ForEachRow(rows, []any{&n, &equal, &distance, &key, &m.Value, &m.At}, func() error {
		m.Key, m.Similarity = string(key), similarity(equal, distance)
		matches[n-1] = m
		m.Value = nil // so that the next row gets bytes of its own
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("nearest answers: %w", err)
	}
	return matches, nil
}

// similarity stays within its bounds whatever rounding does.
func similarity(equal bool, distance float64) float64 {
	if equal {
		return 1
	}
	return max(-1, min(1, 1-distance))
}

const remember = `
INSERT INTO pipeline_answers (scope, hash, vector, key, value, at, expires_at, namespace, tickers)
SELECT * FROM unnest($1::bytea[], $2::text[], $3::vector[], $4::bytea[], $5::bytea[],
	$6::timestamptz[], $7::timestamptz[], $8::text[], $9::text[])
ON CONFLICT (scope, hash) DO UPDATE SET
	vector = excluded.vector, key = excluded.key, value = excluded.value,
	at = excluded.at, expires_at = excluded.expires_at`

// Remember implements [store.Answers].
func (s *Store) Remember(ctx context.Context, answers []store.Answer) error {
	if len(answers) == 0 {
		return nil
	}
	for _, answer := range answers {
		if err := direction(answer.Vector); err != nil {
			return fmt.Errorf("remember answers: item %q: %w", clip(answer.Key), err)
		}
	}
	lines := distinct(answers)
	n := len(lines)
	scopes, keys, values := make([][]byte, n), make([][]byte, n), make([][]byte, n)
	hashes, namespaces, tickers := make([]string, n), make([]string, n), make([]string, n)
	vectors := make([]pgvector.Vector, n)
	ats, expiries := make([]time.Time, n), make([]time.Time, n)
	for i, l := range lines {
		scopes[i], hashes[i], vectors[i] = l.scope, l.Hash, pgvector.NewVector(l.Vector)
		keys[i], values[i] = []byte(l.Key), append([]byte{}, l.Value...) // not nil: that would be NULL
		ats[i], expiries[i] = l.At, l.Expires
		namespaces[i], tickers[i] = clip(l.Namespace), clip(l.Tickers)
	}
	_, err := s.pool.Exec(ctx, remember, scopes, hashes, vectors, keys, values, ats, expiries, namespaces, tickers)
	if err != nil {
		return fmt.Errorf("remember answers: %w", err)
	}
	return nil
}

// A line is an answer as a row of the table.
type line struct {
	store.Answer
	scope []byte
}

// distinct keeps the last answer of each scope and hash, for one statement may
// touch a row once, in the order of the key, so that two processes that write the
// same rows do not wait for each other.
func distinct(answers []store.Answer) []line {
	lines := make([]line, 0, len(answers))
	for _, a := range slices.Backward(answers) {
		lines = append(lines, line{a, digest(a.Scope, len(a.Vector))})
	}
	same := func(a, b line) int {
		return cmp.Or(slices.Compare(a.scope, b.scope), cmp.Compare(a.Hash, b.Hash))
	}
	slices.SortStableFunc(lines, same)
	return slices.CompactFunc(lines, func(a, b line) bool { return same(a, b) == 0 })
}

// expire leaves alone what another process deletes or replaces at this moment. What is
// deleted is chosen once: a subquery may be run for each row, and skips other rows
// each time.
const expire = `
WITH old AS MATERIALIZED (
	SELECT scope, hash FROM pipeline_answers WHERE expires_at <= now()
	ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
DELETE FROM pipeline_answers a USING old WHERE a.scope = old.scope AND a.hash = old.hash`

// Expire implements [store.Answers].
func (s *Store) Expire(ctx context.Context, limit int) (int, error) {
	tag, err := s.pool.Exec(ctx, expire, max(limit, 0))
	if err != nil {
		return 0, fmt.Errorf("expire answers: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// digest is what the table knows a scope by: of one size however many tickers
// there are, and never equal for vectors that cannot be compared.
func digest(s store.Scope, dims int) []byte {
	b := make([]byte, 0, 64+len(s.Namespace)+len(s.Tickers))
	b = binary.AppendUvarint(b, uint64(dims))
	b = binary.AppendUvarint(b, uint64(len(s.Namespace))) // a length, so that "a"+"bc" is not "ab"+"c"
	b = append(b, s.Namespace...)
	b = append(b, s.Tickers...)
	sum := sha256.Sum256(b)
	return sum[:]
}

// direction says why a vector has no place among others. Here one bad vector is
// named; the server would only refuse the batch.
func direction(v []float32) error {
	if len(v) == 0 || len(v) > 16000 {
		return fmt.Errorf("vector of %d dimensions: pgvector takes 1 to 16000", len(v))
	}
	var square float64
	for _, x := range v {
		square += float64(x) * float64(x)
	}
	if !(square > 0) || math.IsInf(square, 1) {
		return fmt.Errorf("vector of length %v: it has no direction", math.Sqrt(square))
	}
	return nil
}

// clip returns as much of s as people need to see and a text column takes.
func clip(s string) string {
	s = s[:min(len(s), 500)]
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
}
