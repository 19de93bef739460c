package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"catalyst/internal/sqlite"
	"catalyst/internal/store"
)

// Book implements [store.Costs].
func (s *Store) Book(ctx context.Context, calls []store.Call) error {
	if len(calls) == 0 {
		return nil
	}
	return wrap("book calls", s.db.Write(ctx, func(tx *sqlite.Tx) error {
		for _, c := range calls {
			if err := s.book(tx, c.Clean()); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (s *Store) book(tx *sqlite.Tx, c store.Call) error {
	added, err := tx.Exec(`
		INSERT INTO calls (pipeline, uuid, at, key, source, tickers, provider, model, prompt, status,
		    tokens_in, tokens_cached, tokens_written, tokens_out, nano_dollars, unpriced, estimated, latency)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO NOTHING`,
		s.pipeline, c.ID, micros(c.At), c.Key, c.Source, len(c.Tickers), c.Provider, c.Model, c.Prompt, c.Status,
		c.TokensIn, c.TokensCached, c.TokensWritten, c.TokensOut, c.NanoDollars, c.Unpriced, c.Estimated, c.Latency.Microseconds())
	if err != nil || added == 0 {
		return err
	}
	for n, ticker := range c.Tickers {
		_, err := tx.Exec(`
			INSERT INTO call_tickers (call, n, ticker)
			SELECT id, ?, ? FROM calls WHERE pipeline = ? AND uuid = ?`, n, ticker, s.pipeline, c.ID)
		if err != nil {
			return err
		}
	}
	return nil
}

// The calls of some time, by what they are summed up by. Where that is the ticker, a
// call is several lines, whose shares add up to what it cost.
const (
	whole = `
	SELECT %s AS name, nano_dollars AS share, calls.*
	FROM calls
	WHERE pipeline = ? AND at >= ? AND at < ?`

	shared = `
	SELECT coalesce(t.ticker, '') AS name,
	    nano_dollars / max(c.tickers, 1) + iif(coalesce(t.n, 0) = 0, nano_dollars % max(c.tickers, 1), 0) AS share, c.*
	FROM calls c LEFT JOIN call_tickers t ON t.call = c.id
	WHERE pipeline = ? AND at >= ? AND at < ?`

	sums = `
SELECT name, count(*), count(*) FILTER (WHERE status <> 'ok'), count(*) FILTER (WHERE unpriced),
    sum(tokens_in), sum(tokens_out), sum(share) AS total
FROM (%s) AS line
GROUP BY name ORDER BY total DESC, name`
)

var spent = map[store.CostKey]string{
	store.BySource:   fmt.Sprintf(sums, fmt.Sprintf(whole, "source")),
	store.ByProvider: fmt.Sprintf(sums, fmt.Sprintf(whole, "provider")),
	store.ByModel:    fmt.Sprintf(sums, fmt.Sprintf(whole, "model")),
	store.ByDay:      fmt.Sprintf(sums, fmt.Sprintf(whole, "date(at / 1000000, 'unixepoch')")),
	store.ByTicker:   fmt.Sprintf(sums, shared),
}

// Spent implements [store.Costs].
func (s *Store) Spent(ctx context.Context, from, to time.Time, by store.CostKey) ([]store.Spending, error) {
	query, ok := spent[by]
	if !ok {
		return nil, fmt.Errorf("sum up costs: by %q: it can be source, ticker, provider, model or day", by)
	}
	var spendings []store.Spending
	err := s.db.Snapshot(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, query, s.pipeline, micros(from), micros(to))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var x store.Spending
			err := rows.Scan(&x.Name, &x.Calls, &x.Failed, &x.Unpriced, &x.TokensIn, &x.TokensOut, &x.NanoDollars)
			if err != nil {
				return err
			}
			spendings = append(spendings, x)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, wrap("sum up costs", err)
	}
	return spendings, nil
}

// Forget implements [store.Costs].
func (s *Store) Forget(ctx context.Context, before time.Time, limit int) (deleted int, err error) {
	err = s.db.Write(ctx, func(tx *sqlite.Tx) error {
		deleted, err = tx.Exec(`
			DELETE FROM calls WHERE id IN (
			    SELECT id FROM calls WHERE pipeline = ? AND at < ? ORDER BY at LIMIT ?)`,
			s.pipeline, micros(before), max(limit, 0))
		return err
	})
	if err != nil {
		return 0, wrap("forget calls", err)
	}
	return deleted, nil
}
