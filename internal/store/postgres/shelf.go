package postgres

import (
	"context"
	"fmt"
	"time"

	"catalyst/internal/store"

	"github.com/jackc/pgx/v5"
	"github.com/pgvector/pgvector-go"
)

// Stocks implements [store.Shelf].
func (s *Store) Stocks(ctx context.Context) ([]store.Stock, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT namespace, count(*), count(*) FILTER (WHERE expires_at <= now()), min(at), max(at)
		FROM pipeline_answers GROUP BY namespace ORDER BY count(*) DESC, namespace`)
	if err != nil {
		return nil, fmt.Errorf("count answers: %w", err)
	}
	stocks, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (one store.Stock, err error) {
		return one, row.Scan(&one.Namespace, &one.Rows, &one.Expired, &one.Oldest, &one.Newest)
	})
	if err != nil {
		return nil, fmt.Errorf("count answers: %w", err)
	}
	return stocks, nil
}

// selected is the condition for a [store.Selection] in the arguments of [arguments].
// Namespaces and tickers are kept as far as they are text, and clipped.
const selected = `
	($1 = '' OR starts_with(namespace, $1)) AND ($2 = '' OR $2 = ANY(string_to_array(tickers, ',')))
	AND (length($3::bytea) = 0 OR key = $3) AND ($4::timestamptz IS NULL OR at < $4)`

func arguments(sel store.Selection, limit int) []any {
	var before *time.Time
	if !sel.Before.IsZero() {
		before = &sel.Before
	}
	return []any{clip(sel.Namespace), clip(sel.Ticker), []byte(sel.Key), before, max(limit, 0)}
}

// Kept implements [store.Shelf].
func (s *Store) Kept(ctx context.Context, sel store.Selection, limit int) ([]store.Answer, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT namespace, tickers, hash, vector, key, value, at, expires_at FROM pipeline_answers
		WHERE `+selected+` ORDER BY at DESC, scope, hash LIMIT $5`, arguments(sel, limit)...)
	if err != nil {
		return nil, fmt.Errorf("show answers: %w", err)
	}
	kept, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a store.Answer, err error) {
		var vector pgvector.Vector
		var key []byte
		err = row.Scan(&a.Namespace, &a.Tickers, &a.Hash, &vector, &key, &a.Value, &a.At, &a.Expires)
		a.Vector, a.Key = vector.Slice(), string(key)
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("show answers: %w", err)
	}
	return kept, nil
}

// Purge implements [store.Shelf].
func (s *Store) Purge(ctx context.Context, sel store.Selection, limit int) (int, error) {
	tag, err := s.pool.Exec(ctx, `
		WITH old AS MATERIALIZED (SELECT scope, hash FROM pipeline_answers WHERE `+selected+` LIMIT $5 FOR UPDATE SKIP LOCKED)
		DELETE FROM pipeline_answers a USING old WHERE a.scope = old.scope AND a.hash = old.hash`, arguments(sel, limit)...)
	if err != nil {
		return 0, fmt.Errorf("purge answers: %w", err)
	}
	return int(tag.RowsAffected()), nil
}
