package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"catalyst/internal/sqlite"
	"catalyst/internal/store"
)

// errFull undoes a Take; it does not leave this file.
var errFull = errors.New("full")

// Take implements [store.Meters]. Meters are taken one after the other, and what was
// taken is undone with the first that is full.
func (s *Store) Take(ctx context.Context, meters []store.Meter) (store.Taken, error) {
	if len(meters) == 0 {
		return store.Taken{OK: true}, nil
	}
	for _, m := range meters {
		if err := m.Check(); err != nil {
			return store.Taken{}, wrap("take of meters", err)
		}
	}
	var taken store.Taken
	err := s.db.Write(ctx, func(tx *sqlite.Tx) error {
		m := metering{tx, s.pipeline, s.now()} // with the file locked: no other process's time is later
		for i, meter := range meters {
			if meter.Holder != "" {
				meter.Amount = 1
			}
			used, full, err := m.full(meter)
			if err != nil {
				return err
			}
			if full {
				taken = store.Taken{Full: i, Used: used}
				return errFull
			}
			if err := m.add(meter); err != nil {
				return err
			}
		}
		taken.OK = true
		return m.purge()
	})
	if err != nil && !errors.Is(err, errFull) {
		return store.Taken{}, wrap("take of meters", err)
	}
	return taken, nil
}

// Add implements [store.Meters].
func (s *Store) Add(ctx context.Context, meters []store.Meter) error {
	if len(meters) == 0 {
		return nil
	}
	for _, m := range meters {
		if err := m.Check(); err != nil {
			return wrap("add to meters", err)
		}
	}
	return wrap("add to meters", s.db.Write(ctx, func(tx *sqlite.Tx) error {
		m := metering{tx, s.pipeline, s.now()}
		for _, meter := range meters {
			if err := m.add(meter); err != nil {
				return err
			}
		}
		return m.purge()
	}))
}

// metering is the work on meters within a transaction.
type metering struct {
	tx       *sqlite.Tx
	pipeline string
	now      time.Time
}

func (m metering) full(meter store.Meter) (used []int64, full bool, err error) {
	switch {
	case meter.Limit < 0:
		return nil, false, nil
	case meter.Holder != "":
		return m.crowded(meter)
	}
	used = make([]int64, len(meter.Counters))
	over := store.Plus(meter.Amount, -meter.Limit)
	for i, counter := range meter.Counters {
		err := m.tx.Get(`SELECT used FROM meters WHERE pipeline = ? AND counter = ? AND expires > ?`,
			[]any{m.pipeline, counter, micros(m.now)}, &used[i])
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, false, err
		}
		over = store.Plus(over, used[i])
	}
	return used, over > 0, nil
}

// crowded reports whether all places are taken by others.
func (m metering) crowded(meter store.Meter) (used []int64, full bool, err error) {
	var holders int64
	var holds bool
	err = m.tx.Get(`
		SELECT count(*), count(*) FILTER (WHERE holder = ?4) FROM holders
		WHERE pipeline = ?1 AND counter = ?2 AND expires > ?3`,
		[]any{m.pipeline, meter.Counters[0], micros(m.now), meter.Holder}, &holders, &holds)
	return []int64{holders}, !holds && holders >= meter.Limit, err
}

func (m metering) add(meter store.Meter) (err error) {
	counter, now, expires := meter.Counters[0], micros(m.now), micros(m.now.Add(meter.Keep))
	switch {
	case meter.Holder == "":
		_, err = m.tx.Exec(`
			INSERT INTO meters (pipeline, counter, used, expires) VALUES (?1, ?2, ?3, ?4)
			ON CONFLICT DO UPDATE SET used = iif(expires > ?5, used, 0) + ?3, expires = ?4`,
			m.pipeline, counter, meter.Amount, expires, now)
	case meter.Amount < 0:
		_, err = m.tx.Exec(`DELETE FROM holders WHERE pipeline = ? AND counter = ? AND holder = ?`,
			m.pipeline, counter, meter.Holder)
	case meter.Amount == 0: // a place that was lost is not renewed: it may be somebody else's by now
		_, err = m.tx.Exec(`
			UPDATE holders SET expires = ?4 WHERE pipeline = ?1 AND counter = ?2 AND holder = ?3 AND expires > ?5`,
			m.pipeline, counter, meter.Holder, expires, now)
	default:
		_, err = m.tx.Exec(`
			INSERT INTO holders (pipeline, counter, holder, expires) VALUES (?1, ?2, ?3, ?4)
			ON CONFLICT DO UPDATE SET expires = ?4`,
			m.pipeline, counter, meter.Holder, expires)
	}
	return err
}

func (m metering) purge() error {
	return purge(m.tx, m.now, `
		DELETE FROM meters WHERE (pipeline, counter) IN (
		    SELECT pipeline, counter FROM meters WHERE expires <= ? LIMIT `+purgeBatch+`)`, `
		DELETE FROM holders WHERE (pipeline, counter, holder) IN (
		    SELECT pipeline, counter, holder FROM holders WHERE expires <= ? LIMIT `+purgeBatch+`)`)
}

// Used implements [store.Meters].
func (s *Store) Used(ctx context.Context, counters []string) ([]int64, error) {
	used := make([]int64, len(counters))
	if len(counters) == 0 {
		return used, nil
	}
	err := s.db.Snapshot(ctx, func(tx *sql.Tx) error {
		find, err := tx.PrepareContext(ctx, `
			SELECT coalesce((SELECT used FROM meters WHERE pipeline = ?1 AND counter = ?2 AND expires > ?3), 0)
			    + (SELECT count(*) FROM holders WHERE pipeline = ?1 AND counter = ?2 AND expires > ?3)`)
		if err != nil {
			return err
		}
		defer find.Close()
		now := micros(s.now())
		for i, counter := range counters {
			if err := find.QueryRowContext(ctx, s.pipeline, counter, now).Scan(&used[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, wrap("read meters", err)
	}
	return used, nil
}
