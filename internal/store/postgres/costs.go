package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"catalyst/internal/store"

	"github.com/jackc/pgx/v5"
)

// book reads calls as JSON, in the names that [store.Call] has: arrays of arrays,
// such as the tickers of several calls, have no other form as a parameter. The order
// lets two processes that book the same calls not wait for each other.
const book = `
INSERT INTO pipeline_costs (pipeline, id, at, key, source, tickers, provider, model, prompt, status,
	tokens_in, tokens_cached, tokens_written, tokens_out, nano_dollars, unpriced, estimated, latency)
SELECT $1, c."ID", c."At", c."Key", c."Source", c."Tickers", c."Provider", c."Model", c."Prompt", c."Status",
	c."TokensIn", c."TokensCached", c."TokensWritten", c."TokensOut", c."NanoDollars", c."Unpriced", c."Estimated", c."Latency" / 1000
FROM jsonb_to_recordset($2::jsonb) AS c ("ID" uuid, "At" timestamptz, "Key" text, "Source" text, "Tickers" text[],
	"Provider" text, "Model" text, "Prompt" text, "Status" text,
	"TokensIn" bigint, "TokensCached" bigint, "TokensWritten" bigint, "TokensOut" bigint,
	"NanoDollars" bigint, "Unpriced" boolean, "Estimated" boolean, "Latency" bigint)
ORDER BY c."ID"
ON CONFLICT DO NOTHING`

// Book implements [store.Costs].
func (s *Store) Book(ctx context.Context, calls []store.Call) error {
	if len(calls) == 0 {
		return nil
	}
	clean := make([]store.Call, len(calls))
	for i, c := range calls {
		clean[i] = c.Clean()
	}
	lines, err := json.Marshal(clean)
	if err != nil {
		return fmt.Errorf("book calls: %w", err)
	}
	if _, err := s.pool.Exec(ctx, book, s.pipeline, lines); err != nil {
		return fmt.Errorf("book calls: %w", err)
	}
	return nil
}

// The calls of some time, by what they are summed up by. Where that is the ticker, a
// call is several lines, whose shares add up to what it cost.
const (
	whole = `
	SELECT %s AS name, nano_dollars AS share, c.*
	FROM pipeline_costs c
	WHERE pipeline = $1 AND at >= $2 AND at < $3`

	shared = `
	SELECT coalesce(t.ticker, '') AS name,
		nano_dollars / greatest(cardinality(tickers), 1)
			+ CASE WHEN coalesce(t.n, 1) = 1 THEN nano_dollars % greatest(cardinality(tickers), 1) ELSE 0 END AS share, c.*
	FROM pipeline_costs c LEFT JOIN LATERAL unnest(tickers) WITH ORDINALITY AS t (ticker, n) ON true
	WHERE pipeline = $1 AND at >= $2 AND at < $3`

	sums = `
SELECT name, count(*), count(*) FILTER (WHERE status <> 'ok'), count(*) FILTER (WHERE unpriced),
	sum(tokens_in)::bigint, sum(tokens_out)::bigint, sum(share)::bigint AS total
FROM (%s) AS line
GROUP BY name ORDER BY total DESC, name COLLATE "C"`
)

var spent = map[store.CostKey]string{
	store.BySource:   fmt.Sprintf(sums, fmt.Sprintf(whole, "source")),
	store.ByProvider: fmt.Sprintf(sums, fmt.Sprintf(whole, "provider")),
	store.ByModel:    fmt.Sprintf(sums, fmt.Sprintf(whole, "model")),
	store.ByDay:      fmt.Sprintf(sums, fmt.Sprintf(whole, "to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD')")),
	store.ByTicker:   fmt.Sprintf(sums, shared),
}

// Spent implements [store.Costs].
func (s *Store) Spent(ctx context.Context, from, to time.Time, by store.CostKey) ([]store.Spending, error) {
	query, ok := spent[by]
	if !ok {
		return nil, fmt.Errorf("sum up costs: by %q: it can be source, ticker, provider, model or day", by)
	}
	rows, err := s.pool.Query(ctx, query, s.pipeline, from, to)
	if err != nil {
		return nil, fmt.Errorf("sum up costs: %w", err)
	}
	spendings, err := pgx.CollectRows(rows, pgx.RowToStructByPos[store.Spending])
	if err != nil {
		return nil, fmt.Errorf("sum up costs: %w", err)
	}
	return spendings, nil
}

// forget leaves alone what another process deletes at this moment. What is deleted is
// chosen once: a subquery may be run for each row, and skips other rows each time.
const forget = `
WITH old AS MATERIALIZED (
	SELECT id FROM pipeline_costs WHERE pipeline = $1 AND at < $2
	ORDER BY at LIMIT $3 FOR UPDATE SKIP LOCKED)
DELETE FROM pipeline_costs c USING old WHERE c.pipeline = $1 AND c.id = old.id`

// Forget implements [store.Costs].
func (s *Store) Forget(ctx context.Context, before time.Time, limit int) (int, error) {
	tag, err := s.pool.Exec(ctx, forget, s.pipeline, before, max(limit, 0))
	if err != nil {
		return 0, fmt.Errorf("forget calls: %w", err)
	}
	return int(tag.RowsAffected()), nil
}
