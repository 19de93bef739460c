package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"catalyst/internal/sqlite"
	"catalyst/internal/store"
)

// Join implements [store.Stories], in one transaction.
func (s *Store) Join(ctx context.Context, arrivals []store.Arrival, keep store.Keep) ([]store.Joined, error) {
	joined := make([]store.Joined, len(arrivals))
	if len(arrivals) == 0 {
		return joined, nil
	}
	err := s.db.Write(ctx, func(tx *sqlite.Tx) error {
		clear(joined)
		// The clock is read with the file locked, so that it cannot be older than
		// another process's claim.
		now := s.now()
		groups, err := s.groups(tx, arrivals, keep, now)
		if err != nil {
			return err
		}
		for i, a := range arrivals {
			if err := s.join(tx, a, groups[a.Group], &joined[i], keep, now); err != nil {
				return err
			}
		}
		for name, g := range groups { // they live on from here
			if !g.joined {
				continue
			}
			if _, err := tx.Exec(`INSERT INTO story_groups (pipeline, grp, expires) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET expires = ?3`,
				s.pipeline, name, micros(now.Add(keep.Story))); err != nil {
				return err
			}
		}
		return purge(tx, now, `
			DELETE FROM claims WHERE (pipeline, key) IN (SELECT pipeline, key FROM claims WHERE expires <= ? LIMIT `+purgeBatch+`)`, `
			DELETE FROM arrivals WHERE seq IN (SELECT a.seq FROM story_groups g JOIN arrivals a USING (pipeline, grp) WHERE g.expires <= ? LIMIT `+purgeBatch+`)`, `
			DELETE FROM story_groups WHERE (pipeline, grp) IN (SELECT pipeline, grp FROM story_groups g WHERE expires <= ?
			    AND NOT EXISTS (SELECT 1 FROM arrivals a WHERE a.pipeline = g.pipeline AND a.grp = g.grp) LIMIT `+purgeBatch+`)`)
	})
	if err != nil {
		return nil, wrap("join stories", err)
	}
	return joined, nil
}

// A group is what stands in one, and whether a place was taken.
type group struct {
	places []store.Arrival
	joined bool
}

// groups reads the groups that are joined, and makes room in them.
func (s *Store) groups(tx *sqlite.Tx, arrivals []store.Arrival, keep store.Keep, now time.Time) (map[string]*group, error) {
	newest := map[string]time.Time{}
	for _, a := range arrivals {
		if a.Group != "" && !a.At.Before(newest[a.Group]) {
			newest[a.Group] = a.At
		}
	}
	groups := make(map[string]*group, len(newest))
	for name, at := range newest {
		if over, err := s.over(tx, name, now); err != nil {
			return nil, err
		} else if over {
			groups[name] = &group{}
			continue
		}
		var places []store.Arrival
		var first []int64 // their numbers
		err := tx.Query(func(scan func(...any) error) error {
			var a store.Arrival
			var seq, ms int64
			if err := scan(&seq, &a.ID, &a.Key, &a.Text, &ms); err != nil {
				return err
			}
			a.At = time.UnixMilli(ms).UTC()
			places, first = append(places, a), append(first, seq)
			return nil
		}, `SELECT seq, id, key, text, at FROM arrivals WHERE pipeline = ? AND grp = ? ORDER BY seq`,
			s.pipeline, name)
		if err != nil {
			return nil, err
		}
		gone := 0
		for len(places)-gone >= store.GroupSize && places[gone].At.UnixMilli() <= at.Add(-keep.Recent).UnixMilli() {
			gone++
		}
		if gone > 0 {
			if _, err := tx.Exec(`DELETE FROM arrivals WHERE pipeline = ? AND grp = ? AND seq <= ?`, s.pipeline, name, first[gone-1]); err != nil {
				return nil, err
			}
		}
		places = places[gone:]
		groups[name] = &group{places: places}
	}
	return groups, nil
}

// over reports whether a group is forgotten, or never was, and leaves nothing of it.
func (s *Store) over(tx *sqlite.Tx, name string, now time.Time) (bool, error) {
	var expires int64
	err := tx.Get(`SELECT expires FROM story_groups WHERE pipeline = ? AND grp = ?`, []any{s.pipeline, name}, &expires)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return true, nil
	case err != nil || expires > micros(now):
		return false, err
	}
	_, err = tx.Exec(`DELETE FROM arrivals WHERE pipeline = ? AND grp = ?`, s.pipeline, name)
	return true, err
}

// join claims an arrival's key and gives it its place.
func (s *Store) join(tx *sqlite.Tx, a store.Arrival, g *group, joined *store.Joined, keep store.Keep, now time.Time) error {
	made, err := s.claim(tx, a, now.Add(keep.Key), now, &joined.Owner)
	if err != nil || g == nil || joined.Owner != a.ID {
		return err
	}
	for i, other := range g.places {
		if other.ID == a.ID {
			joined.Before = g.places[:i:i]
			return nil
		}
	}
	if !made {
		return nil // it was here before, and its place is forgotten
	}
	joined.Before = g.places[:len(g.places):len(g.places)]
	if len(g.places) >= store.GroupSize {
		return nil
	}
	a.At = time.UnixMilli(a.At.UnixMilli()).UTC()
	_, err = tx.Exec(`INSERT INTO arrivals (pipeline, grp, id, key, text, at) VALUES (?, ?, ?, ?, ?, ?)`,
		s.pipeline, a.Group, a.ID, a.Key, a.Text, a.At.UnixMilli())
	a.Group = ""
	g.places, g.joined = append(g.places, a), true
	return err
}

// claim records a claim unless the key is held, and says who holds it now.
func (s *Store) claim(tx *sqlite.Tx, a store.Arrival, expires, now time.Time, owner *string) (made bool, err error) {
	n, err := tx.Exec(`
		INSERT INTO claims (pipeline, key, owner, expires) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT DO UPDATE SET owner = ?3, expires = ?4 WHERE expires <= ?5`,
		s.pipeline, a.Key, a.ID, micros(expires), micros(now))
	if err != nil {
		return false, err
	}
	return n > 0, tx.Get(`SELECT owner FROM claims WHERE pipeline = ? AND key = ?`, []any{s.pipeline, a.Key}, owner)
}

// Yield implements [store.Stories].
func (s *Store) Yield(ctx context.Context, yields []store.Yield, keep store.Keep) error {
	if len(yields) == 0 {
		return nil
	}
	return wrap("yield stories", s.db.Write(ctx, func(tx *sqlite.Tx) error {
		now := s.now()
		for _, y := range yields {
			if err := s.yield(tx, y, micros(now), micros(now.Add(keep.Story))); err != nil {
				return err
			}
		}
		return purge(tx, now, `
			DELETE FROM sightings WHERE (pipeline, id, source) IN (
			    SELECT pipeline, id, source FROM sightings WHERE expires <= ? LIMIT `+purgeBatch+`)`)
	}))
}

func (s *Store) yield(tx *sqlite.Tx, y store.Yield, now, expires int64) error {
	_, err := tx.Exec(`UPDATE claims SET owner = ? WHERE pipeline = ? AND key = ? AND owner = ? AND expires > ?`, y.To, s.pipeline, y.Key, y.ID, now)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM arrivals WHERE pipeline = ? AND grp = ? AND id = ?`, s.pipeline, y.Group, y.ID); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM sightings WHERE pipeline = ? AND id = ? AND expires <= ?`, s.pipeline, y.To, now); err != nil {
		return err
	}
	if _, err := tx.Exec(`
		INSERT INTO sightings (pipeline, id, source, url, title, at, expires)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
		WHERE (SELECT COUNT(*) FROM sightings WHERE pipeline = ?1 AND id = ?2) < ?8
		ON CONFLICT DO NOTHING`,
		s.pipeline, y.To, y.Saw.Source, y.Saw.URL, y.Saw.Title, y.Saw.At.UnixMilli(), expires, store.MaxSightings); err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE sightings SET expires = ? WHERE pipeline = ? AND id = ?`, expires, s.pipeline, y.To)
	return err
}

// Sightings implements [store.Stories].
func (s *Store) Sightings(ctx context.Context, ids []string) ([][]store.Sighting, error) {
	all := make([][]store.Sighting, len(ids))
	if len(ids) == 0 {
		return all, nil
	}
	err := s.db.Snapshot(ctx, func(tx *sql.Tx) error {
		find, err := tx.PrepareContext(ctx, `SELECT source, url, title, at FROM sightings WHERE pipeline = ? AND id = ? AND expires > ?`)
		if err != nil {
			return err
		}
		defer find.Close()
		now := micros(s.now())
		for i, id := range ids {
			rows, err := find.QueryContext(ctx, s.pipeline, id, now)
			if err != nil {
				return err
			}
			for rows.Next() {
				var saw store.Sighting
				var ms int64
				if err := rows.Scan(&saw.Source, &saw.URL, &saw.Title, &ms); err != nil {
					rows.Close()
					return err
				}
				saw.At = time.UnixMilli(ms).UTC()
				all[i] = append(all[i], saw)
			}
			if err := rows.Close(); err != nil {
				return err
			}
			if err := rows.Err(); err != nil {
				return err
			}
			store.SortSightings(all[i])
		}
		return nil
	})
	if err != nil {
		return nil, wrap("look up sightings", err)
	}
	return all, nil
}
