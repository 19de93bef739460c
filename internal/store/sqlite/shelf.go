package sqlitestore

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"catalyst/internal/sqlite"
	"catalyst/internal/store"
)

// Stocks implements [store.Shelf].
func (s *Store) Stocks(ctx context.Context) (stocks []store.Stock, err error) {
	err = s.db.Snapshot(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `
			SELECT namespace, count(*), sum(expires <= ?), min(at), max(at) FROM answers
			GROUP BY namespace ORDER BY count(*) DESC, namespace`, micros(s.now()))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var one store.Stock
			var oldest, newest int64
			if err := rows.Scan(&one.Namespace, &one.Rows, &one.Expired, &oldest, &newest); err != nil {
				return err
			}
			one.Oldest, one.Newest = time.UnixMicro(oldest), time.UnixMicro(newest)
			stocks = append(stocks, one)
		}
		return rows.Err()
	})
	return stocks, wrap("count answers", err)
}

// Kept implements [store.Shelf].
func (s *Store) Kept(ctx context.Context, sel store.Selection, limit int) (kept []store.Answer, err error) {
	where, args := selected(sel)
	err = s.db.Snapshot(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `
			SELECT namespace, tickers, hash, vector, key, value, at, expires FROM answers WHERE `+where+`
			ORDER BY at DESC, id DESC LIMIT ?`, append(args, max(limit, 0))...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var a store.Answer
			var vector []byte
			var at, expires int64
			if err := rows.Scan(&a.Namespace, &a.Tickers, &a.Hash, &vector, &a.Key, &a.Value, &at, &expires); err != nil {
				return err
			}
			a.Vector, a.At, a.Expires = decodeVector(vector), time.UnixMicro(at), time.UnixMicro(expires)
			kept = append(kept, a)
		}
		return rows.Err()
	})
	return kept, wrap("show answers", err)
}

// Purge implements [store.Shelf].
func (s *Store) Purge(ctx context.Context, sel store.Selection, limit int) (n int, err error) {
	where, args := selected(sel)
	err = s.db.Write(ctx, func(tx *sqlite.Tx) (err error) {
		n, err = tx.Exec(`DELETE FROM answers WHERE id IN (SELECT id FROM answers WHERE `+where+` LIMIT ?)`, append(args, max(limit, 0))...)
		return err
	})
	return n, wrap("purge answers", err)
}

// selected is sel as a condition and its arguments.
func selected(sel store.Selection) (where string, args []any) {
	conditions := []string{"TRUE"}
	is := func(condition string, arg any) {
		conditions, args = append(conditions, condition), append(args, arg)
	}
	if sel.Namespace != "" {
		is("instr(namespace, ?) = 1", sel.Namespace)
	}
	if sel.Ticker != "" {
		is("instr(',' || tickers || ',', ',' || ? || ',') > 0", sel.Ticker)
	}
	if sel.Key != "" {
		is("key = ?", sel.Key)
	}
	if !sel.Before.IsZero() {
		is("at < ?", micros(sel.Before))
	}
	return strings.Join(conditions, " AND "), args
}
