package alpaca

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"catalyst/flows"
	"catalyst/internal/intake"
	"catalyst/internal/news"
)

// article is what stream and history say of one.
type article struct {
	ID        int64    `json:"id"`
	Headline  string   `json:"headline"`
	Summary   string   `json:"summary"`
	Content   string   `json:"content"`
	URL       string   `json:"url"`
	CreatedAt string   `json:"created_at"`
	UpdatedAt string   `json:"updated_at"`
	Symbols   []string `json:"symbols"`
}

// text sums up what makes an article worth showing again.
func (a article) text() uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, news.Text(a.Headline), "\x00", strings.Join(slices.Sorted(slices.Values(a.Symbols)), " "))
	return h.Sum64()
}

// times returns when an article was made and last changed; zero for what cannot be read.
func (a article) times() (created, updated time.Time) {
	created, _ = news.ParseTime(a.CreatedAt)
	updated, _ = news.ParseTime(a.UpdatedAt)
	if updated.Before(created) {
		updated = created
	}
	return created, updated
}

// item returns the item of an article, or of an update to one that was published.
func (s *source) item(a article, update bool) *news.Item {
	created, updated := a.times()
	it := &news.Item{
		Source: s.name, GUID: strconv.FormatInt(a.ID, 10), URL: strings.TrimSpace(a.URL), Published: created,
		Title: news.Text(a.Headline), Summary: news.Text(a.Summary), Body: news.Text(a.Content),
	}
	intake.Symbols(it, a.Symbols)
	if update {
		it.Amends = news.KeyOf(it)
		it.GUID += "/" + updated.Format(time.RFC3339)
		it.Published = updated
	}
	intake.Prepare(it, s.name)
	return it
}

// take publishes what is new in articles, and remembers it once it is durable.
func (s *source) take(ctx context.Context, publish flows.Publish, articles []article) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var messages []*flows.Message
	fresh := map[int64]uint64{}
	for _, a := range articles {
		if a.ID == 0 || strings.TrimSpace(a.Headline) == "" {
			intake.Rejected.WithLabelValues(s.name).Inc()
			continue
		}
		text := a.text()
		before, update := fresh[a.ID]
		if !update {
			before, update = s.known.get(a.ID)
		}
		if update && before == text {
			continue
		}
		fresh[a.ID] = text
		messages = append(messages, flows.NewMessage("", s.item(a, update)))
	}
	if len(messages) > 0 {
		if err := publish(ctx, messages...); err != nil {
			return fmt.Errorf("publish %d articles: %w", len(messages), err)
		}
		intake.Items.WithLabelValues(s.name).Add(float64(len(messages)))
	}
	for id, text := range fresh {
		s.known.put(id, text)
	}
	for _, m := range messages {
		s.Dated(m.Item.Published)
	}
	return nil
}

// reached notes how far the stream has come.
func (s *source) reached(articles []article) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range articles {
		if _, updated := a.times(); updated.After(s.newest) && updated.Before(time.Now().Add(time.Minute)) {
			s.newest = updated
		}
	}
}

// versions keep what the latest articles said, at least 10,000 of them. The zero value
// is empty.
type versions struct{ now, before map[int64]uint64 }

const keep = 10_000

func (v *versions) get(id int64) (text uint64, ok bool) {
	if text, ok = v.now[id]; !ok {
		text, ok = v.before[id]
	}
	return text, ok
}

func (v *versions) put(id int64, text uint64) {
	if len(v.now) >= keep {
		v.now, v.before = nil, v.now
	}
	if v.now == nil {
		v.now = make(map[int64]uint64)
	}
	v.now[id] = text
}
