// Package work is what every contestant does to an item, whoever carries it: the
// pipeline's own functions where they are open to others, and short ones of the same
// meaning where they are not. It moves nothing and waits for nobody.
package work

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"catalyst/internal/embed"
	"catalyst/internal/likeness"
	"catalyst/internal/llm"
	"catalyst/internal/news"
	"catalyst/internal/store"
	"catalyst/internal/tickers"
	"catalyst/stages/dedupe"
	"catalyst/stages/prescale"
)

// Settings of the default pipeline.yaml.
const (
	Window       = 168 * time.Hour // in which a key is remembered
	StoryWindow  = 30 * time.Minute
	AmendsWindow = 12 * time.Hour
	BatchSize    = 5
	BatchWait    = 50 * time.Millisecond // there 2s, which only the last batch of a run would see
	Similarity   = 0.6
	TTL          = 24 * time.Hour

	maxAge        = 10 * time.Minute
	minConfidence = 0.3
	maxText       = 6000
)

// Tools are what the work is done with. They may be used concurrently.
type Tools struct {
	list    *tickers.List
	scale   *prescale.Scale
	prompts *llm.Prompts
	rule    dedupe.Rule
}

// New returns the tools.
func New() (*Tools, error) {
	scale, err := prescale.NewScale(prescale.DefaultConfig)
	if err != nil {
		return nil, err
	}
	prompts, err := llm.NewPrompts(llm.PromptConfig{})
	if err != nil {
		return nil, err
	}
	return &Tools{
		list: tickers.New(nil, ""), scale: scale, prompts: prompts,
		rule: dedupe.DefaultConfig.Near.Rule(),
	}, nil
}

// Receive completes an item and reports whether it is news still.
func (t *Tools) Receive(item *news.Item) bool {
	if !item.Published.IsZero() && item.Received.Sub(item.Published) > maxAge {
		return false
	}
	t.list.Complete(item)
	item.Key = news.KeyOf(item)
	return item.Key != ""
}

// Worth scores an item and reports whether it is worth an alert.
func (t *Tools) Worth(item *news.Item) (bool, error) {
	v, err := t.scale.Weigh(item)
	item.Score, item.Reasons = v.Score, v.Reasons()
	return v.Drop == "", err
}

// Story is an item's headline, and what it is compared within; an empty group is none.
func (t *Tools) Story(id string, item *news.Item) store.Arrival {
	return store.Arrival{Key: item.Key, ID: id, Group: dedupe.Group(item), Text: item.Title, At: time.Now()}
}

// Told compares a headline with those that came before it, and returns the ID of the
// message that has told its story; or the key of the item that it corrects.
func (t *Tools) Told(a store.Arrival, before []store.Arrival) (by, amends string) {
	if dedupe.Amends(a.Text) {
		best := t.rule.Similarity
		for _, b := range before {
			if s := dedupe.Similarity(b.Text, a.Text); s > best || amends == "" && s >= best {
				best, amends = s, b.Key
			}
		}
		return "", amends
	}
	if len(before) == 0 {
		return "", ""
	}
	headline := dedupe.Read(a)
	for _, b := range before {
		if same, _ := t.rule.Same(dedupe.Read(b), headline); same {
			return b.ID, ""
		}
	}
	return "", ""
}

// A Subject is an item as the semantic cache sees it.
type Subject struct {
	Scope  string // what must be equal
	Hash   string // of all that the item says
	Text   string // title and lead, which are compared
	Vector []float32
}

// Subject makes an item's.
func (t *Tools) Subject(item *news.Item) Subject {
	text := strings.TrimSpace(item.Title + "\n" + cmp.Or(strings.TrimSpace(item.Summary), item.Body))
	text = strings.ToValidUTF8(text[:min(len(text), 1000)], "")
	vectors, _ := embed.Lexical{}.Embed(background, []string{text})
	named := slices.Compact(slices.Sorted(slices.Values(item.Tickers)))
	return Subject{
		Scope: fmt.Sprintf("%s/%s/%s", t.prompts.Of(item).ID, embed.Lexical{}.ID(), strings.Join(named, ",")),
		Hash:  news.ContentHash(item), Text: text, Vector: vectors[0],
	}
}

// Compare orders subjects by what a row of the cache is known by.
func (s Subject) Compare(other Subject) int {
	return cmp.Or(cmp.Compare(s.Scope, other.Scope), cmp.Compare(s.Hash, other.Hash))
}

// Serves reports whether the verdict on another text may be given for s.
func (s Subject) Serves(text string, similarity float64) bool {
	if similarity < Similarity {
		return false
	}
	if text == s.Text {
		return true
	}
	if likeness.Differ(s.Text, text) != "" {
		return false
	}
	a, _, _ := strings.Cut(s.Text, "\n")
	b, _, _ := strings.Cut(text, "\n")
	return !likeness.WordingOf(a).Exchanged(likeness.WordingOf(b))
}

// Remembered reports whether a verdict is worth giving for others.
func Remembered(a *news.Analysis) bool {
	return a.Done() && a.Cached == nil && a.Confidence >= minConfidence
}

// Sighting is what is noted of an item whose news another has told.
func Sighting(item *news.Item) ([]byte, error) {
	return json.Marshal(news.Sighting{Source: item.Source, URL: item.URL, Title: item.Title, At: item.Received})
}

// Seen tells an item where else it was met, each source once. All sources are of one rank,
// so the first one's headline stays.
func Seen(item *news.Item, sightings []string) error {
	for _, line := range sightings {
		var saw news.Sighting
		if err := json.Unmarshal([]byte(line), &saw); err != nil {
			return fmt.Errorf("read sighting: %w", err)
		}
		known := saw.Source == item.Source || slices.ContainsFunc(item.Seen, func(s news.Sighting) bool { return s.Source == saw.Source })
		if !known {
			item.Seen = append(item.Seen, saw)
		}
	}
	return nil
}

// Before reads the lines of a group's headlines that stand before a message's own.
func Before(id string, lines []string) (before []store.Arrival, err error) {
	for _, line := range lines {
		var b store.Arrival
		if err := json.Unmarshal([]byte(line), &b); err != nil {
			return nil, fmt.Errorf("read story: %w", err)
		}
		if b.ID == id {
			break
		}
		before = append(before, b)
	}
	return before, nil
}
