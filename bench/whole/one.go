package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"catalyst/bench/whole/fakes"
)

// wait is the longest that anything may take.
const wait = 3 * time.Minute

// one measures one run of one contestant.
func (w *whole) one(ctx context.Context, c contestant) (err error) {
	s, leave, err := w.enter(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	if err := put(ctx, w.client, s.raw(), w.input.first); err != nil {
		return err
	}
	p, err := c.start(ctx, s)
	if err != nil {
		return err
	}
	defer p.Stop()
	group := cmp.Or(c.group, s.prefix)
	done := func(alerts int) func() (bool, error) {
		return func() (bool, error) {
			time.Sleep(10 * time.Millisecond) // a question costs those asked, too
			if ok, err := w.idle(ctx, group, s.raw(), s.analyse()); !ok || err != nil {
				return false, err
			}
			got, err := w.counts(ctx)
			return got.Judged >= alerts && got.Judged == got.Posts, err
		}
	}
	if err := p.Until(wait, done(1)); err != nil {
		return fmt.Errorf("the first item: %w", err)
	}
	began, used := time.Now(), p.CPU()
	if err := put(ctx, w.client, s.raw(), w.input.items...); err != nil {
		return err
	}
	if err := p.Until(wait, done(1+len(w.input.alerts))); err != nil {
		got, err2 := w.counts(ctx)
		return errors.Join(err, err2, w.wrong(got))
	}
	took, used := time.Since(began), p.CPU()-used
	peak := p.PeakMB()
	if err := p.Stop(); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	got, err := w.counts(ctx)
	if err != nil {
		return err
	}
	if err := w.wrong(got); err != nil {
		return err
	}
	rows, err := w.remembered(ctx, s.prefix)
	if err != nil {
		return err
	}
	n := float64(w.n)
	for _, figure := range []struct {
		name  string
		value float64
	}{
		{"items/s", n / took.Seconds()},
		{"CPU µs/item", float64(used.Microseconds()) / n},
		{"peak MB", peak},
		{"alerts", float64(got.Posts)}, {"edits", float64(got.Edits)},
		{"questions", float64(got.Questions)}, {"remembered", float64(rows)},
	} {
		w.results.Add(c.name, figure.name, figure.value)
	}
	return nil
}

// wrong says which items are missing or doubled, or are none.
func (w *whole) wrong(got fakes.Counts) error {
	missing, doubled, none := 0, 0, 0
	for url := range w.input.alerts {
		switch n := got.Alerts[url]; {
		case n == 0:
			missing++
		case n > 1:
			doubled++
		}
	}
	for url := range got.Alerts {
		if !w.input.alerts[url] && !w.input.either[url] && url != w.input.first.URL {
			none++
		}
	}
	if missing+doubled+none > 0 || got.Posts != len(got.Alerts) || got.Judged != got.Posts {
		return fmt.Errorf("%d alerts are missing, %d doubled, %d should not be; %d messages, %d of them with a verdict",
			missing, doubled, none, got.Posts, got.Judged)
	}
	return nil
}

// idle reports whether a group has read and acknowledged all of the streams.
func (w *whole) idle(ctx context.Context, group string, streams ...string) (bool, error) {
	for _, stream := range streams {
		groups, err := w.client.XInfoGroups(ctx, stream).Result()
		if err != nil || len(groups) == 0 {
			return false, nil // not there yet
		}
		info, err := w.client.XInfoStream(ctx, stream).Result()
		if err != nil {
			return false, err
		}
		for _, g := range groups {
			if g.Name == group && (g.Pending > 0 || g.LastDeliveredID != info.LastGeneratedID) {
				return false, nil
			}
		}
	}
	return true, nil
}

// counts are what Discord and the model were asked.
func (w *whole) counts(ctx context.Context) (c fakes.Counts, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.fakes+"/counts", nil)
	if err != nil {
		return c, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return c, err
	}
	defer answer.Body.Close()
	return c, json.NewDecoder(answer.Body).Decode(&c)
}

// enter makes a place for one run; leave removes it.
func (w *whole) enter(ctx context.Context) (s stand, leave func() error, err error) {
	s = newStand()
	s.redis, s.fakes = w.redis, w.fakes
	address, err := url.Parse(w.database)
	if err != nil {
		return s, nil, errors.New("DATABASE_URL is no URL")
	}
	q := address.Query()
	q.Set("search_path", s.prefix+",public")
	address.RawQuery = q.Encode()
	s.database = address.String()
	if _, err := w.db.Exec(ctx, "CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public"); err != nil {
		return s, nil, err
	}
	if _, err := w.db.Exec(ctx, "CREATE SCHEMA "+s.prefix); err != nil {
		return s, nil, err
	}
	r, err := http.Post(w.fakes+"/reset", "", nil)
	if err != nil {
		return s, nil, err
	}
	r.Body.Close()
	return s, func() error {
		ctx := context.Background() // also after an interrupt
		_, err := w.db.Exec(ctx, "DROP SCHEMA "+s.prefix+" CASCADE")
		return errors.Join(err, w.clear(ctx, s.prefix))
	}, nil
}

// clear removes every key with the prefix in it.
func (w *whole) clear(ctx context.Context, prefix string) error {
	var batch []string
	keys := w.client.Scan(ctx, 0, "*"+prefix+"*", 1000).Iterator()
	for keys.Next(ctx) {
		if batch = append(batch, keys.Val()); len(batch) == 1000 {
			w.client.Unlink(ctx, batch...)
			batch = batch[:0]
		}
	}
	if len(batch) > 0 {
		w.client.Unlink(ctx, batch...)
	}
	return keys.Err()
}

// remembered counts the rows of the cache.
func (w *whole) remembered(ctx context.Context, schema string) (n int, err error) {
	table := "answers"
	if err := w.db.QueryRow(ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema = $1 AND table_name IN ('answers', 'pipeline_answers')", schema).Scan(&table); err != nil {
		return 0, fmt.Errorf("find the cache: %w", err)
	}
	return n, w.db.QueryRow(ctx, "SELECT count(*) FROM "+schema+"."+table).Scan(&n)
}
