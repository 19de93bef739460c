package discord

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"catalyst/internal/alert"
	"catalyst/internal/store"
)

// tickers limits how many alerts about a ticker are posted in a minute by this
// process; several processes have several times as many. The zero limit is none.
type tickers struct {
	limit int
	mu    sync.Mutex
	seen  map[string][]sighting // by ticker, the oldest first
}

type sighting struct {
	key string
	at  time.Time
}

// allow counts an alert, which is nothing new if it was counted before. It is held back
// only if none of its tickers has room for it: to a ticker that was quiet it is news.
func (t *tickers) allow(key string, symbols []string, now time.Time) bool {
	if t.limit <= 0 || len(symbols) == 0 {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forget(now)
	room := false
	for _, symbol := range symbols {
		if slices.ContainsFunc(t.seen[symbol], func(s sighting) bool { return s.key == key }) {
			return true
		}
		room = room || len(t.seen[symbol]) < t.limit
	}
	if !room {
		return false
	}
	if t.seen == nil {
		t.seen = make(map[string][]sighting)
	}
	for _, symbol := range symbols {
		t.seen[symbol] = append(t.seen[symbol], sighting{key, now})
	}
	return true
}

func (t *tickers) forget(now time.Time) {
	maps.DeleteFunc(t.seen, func(symbol string, seen []sighting) bool {
		seen = slices.DeleteFunc(seen, func(s sighting) bool { return now.Sub(s.at) >= time.Minute })
		t.seen[symbol] = seen
		return len(seen) == 0
	})
}

// A heldBack alert is one that is not posted, as there were too many about its ticker.
type heldBack struct {
	room *room
	task *task
}

// holdBack notes alerts that are not to be posted, all of them at once. The ledger knows
// of each, a counter counts it, and a line in the channel names it.
func (s *Sink) holdBack(ctx context.Context, held []heldBack) {
	if len(held) == 0 {
		return
	}
	var effects []store.Effect
	for _, h := range held {
		effects = append(effects, record{Mark: bareMark(stateSuppressed), Channel: s.elsewhere(h.room)}.effect(h.task.Key, ""))
	}
	err := s.guard.Record(ctx, effects...)
	for _, h := range held {
		s.guard.End(h.task.Job)
		if err != nil {
			h.task.Fail(err)
			continue
		}
		item := h.task.Item
		suppressed.WithLabelValues().Inc()
		s.log.Debug("alert_suppressed", "key", h.task.Key, "ticker", item.Tickers[0], "limit", s.config.PerTicker)
		h.room.late.add(item.Tickers[0], h.task.card.Title)
	}
}

// A summary names in one message what was held back in a room during a minute.
type summary struct {
	room  *room
	mu    sync.Mutex
	lines map[string][]string // headlines by ticker
	timer *time.Timer
}

func (s *summary) add(ticker, headline string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lines == nil {
		s.lines = make(map[string][]string)
		s.timer = time.AfterFunc(time.Minute, func() { s.post() })
	}
	s.lines[ticker] = append(s.lines[ticker], headline)
}

// post posts what there is; it returns nil if there is nothing.
func (s *summary) post() *task {
	s.mu.Lock()
	lines := s.lines
	s.lines = nil
	s.mu.Unlock()
	if len(lines) == 0 {
		return nil
	}
	r := s.room
	p := newSummary(r.name, lines, time.Now())
	t := &task{done: make(chan error, 1)}
	p.summary = func(err error) {
		if err != nil {
			r.sink.log.Warn("summary_not_posted", "error", err)
		}
		t.done <- err
	}
	r.posts.resume(p)
	return t
}

// flush posts what there is, and waits for it.
func (s *summary) flush(within time.Duration) {
	s.mu.Lock()
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	if t := s.post(); t != nil {
		select {
		case <-t.done:
		case <-time.After(within):
		}
	}
}

const (
	summaryGrey  = 0x808080
	summaryTitle = 60 // of the characters of a headline
)

func newSummary(place string, lines map[string][]string, now time.Time) *post {
	var text strings.Builder
	for _, ticker := range slices.Sorted(maps.Keys(lines)) {
		var heads []string
		for _, h := range lines[ticker] {
			heads = append(heads, alert.Cut(h, summaryTitle))
		}
		fmt.Fprintf(&text, "%d more on $%s: %s\n", len(heads), alert.Cut(alert.Clean(ticker), 20), strings.Join(heads, "; "))
	}
	card := alert.Card{Title: "Held back: too many alerts in a minute", Color: summaryGrey, Description: strings.TrimSpace(text.String())}
	return &post{
		nonce:   nonce(place, "summary", now.String()),
		members: []member{{Embed: embed(card)}},
		planned: true,
	}
}
