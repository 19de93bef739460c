// Package dedupe drops news that another message has already brought.
//
// The first message with a key (see [news.KeyOf]) claims it for the window, in a
// store shared by all processes, under its own ID. A message passes if the
// claim on its key is its own.
//
// Sources give one story different keys, so headlines are compared, too: within the same
// companies, and for half an hour. Two tell the same story if they share most of their words
// and package likeness finds no fact that differs: "beats by $0.12" is not "beats by $0.21".
// Filings are told apart by their accession numbers alone. What calls itself an update or a
// correction passes, and its Amends names the item it corrects.
//
// # Guarantee
//
// Within the window exactly one message ID passes for each key, over all processes.
// That message passes as often as it is delivered: it is never a duplicate of
// itself. So nothing is lost between "seen" and "sent": if the process dies, or a later
// stage fails, the redelivered message finds its own claim and goes on.
//
// Of headlines that tell one story the first passes, in an order that the store makes and
// that is one for all processes: two that come in the same instant agree who was first.
// Whoever is not hands its key to the first. A message whose place in the order was
// forgotten, after an hour or in a group that is full, passes.
//
// Less formally: dedupe forgets nothing too early and holds nobody back by mistake,
// but it does not make effects happen once. A message may pass twice because it was
// delivered twice; the sinks' ledger answers for that. The same holds for a source that
// publishes one ID twice after an error.
//
// What it does weaken: if the message that holds the claim is itself dropped or
// poisoned later on, the others were dropped as its duplicates all the same.
// `pipeline dlq requeue` brings back the one that counts.
//
// Parts of a split message that have one key are one piece of news to it, and the first
// passes. A stage that cuts an item into parts stands behind dedupe, or gives each
// part a Key of its own.
//
// While the store is down messages are parked: passing them would post things
// twice, dropping them would lose them.
package dedupe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/likeness"
	"catalyst/internal/metrics"
	"catalyst/internal/news"
	"catalyst/internal/store"
)

// Config is what pipeline.yaml says about dedupe.
type Config struct {
	Window time.Duration `yaml:"window" doc:"how long a piece of news is remembered, from its first sight"`
	Near   Near          `yaml:"near" doc:"headlines that tell the same story in other words"`
}

// Near says which headlines tell the same story.
type Near struct {
	Enabled    bool          `yaml:"enabled" doc:"false compares keys alone"`
	Window     time.Duration `yaml:"window" doc:"how long after the first headline another may be the same story"`
	Similarity float64       `yaml:"similarity" doc:"how much two headlines must have in common, above 0 and up to 1: the share of their words that both have"`
	Amends     time.Duration `yaml:"amends" doc:"how long a headline is remembered, so that a correction is linked to it"`
}

// DefaultConfig remembers for a week, longer than any feed repeats itself. Why headlines
// are compared as they are stands in docs/dedupe.md.
var DefaultConfig = Config{
	Window: 7 * 24 * time.Hour,
	Near:   Near{Enabled: true, Window: 30 * time.Minute, Similarity: 0.75, Amends: 12 * time.Hour},
}

// Validate wants windows that outlast a redelivery.
func (c Config) Validate() error {
	var faults []error
	if c.Window < time.Minute {
		faults = append(faults, config.At("window", "%v is too short: a message may be redelivered after a minute, write 168h", c.Window))
	}
	if !c.Near.Enabled {
		return errors.Join(faults...)
	}
	if c.Near.Window < time.Minute || c.Near.Window > 24*time.Hour {
		faults = append(faults, config.At("near.window", "%v: want 1m to 24h, as in 30m", c.Near.Window))
	}
	if !(c.Near.Similarity > 0 && c.Near.Similarity <= 1) {
		faults = append(faults, config.At("near.similarity", "%v: want a share above 0 and up to 1, as in 0.75", c.Near.Similarity))
	}
	if c.Near.Amends < c.Near.Window || c.Near.Amends > 7*24*time.Hour {
		faults = append(faults, config.At("near.amends", "%v: want near.window (%v) or longer, and 168h at most", c.Near.Amends, c.Near.Window))
	}
	return errors.Join(faults...)
}

// Rule is how headlines are compared.
func (n Near) Rule() Rule { return Rule{Similarity: n.Similarity, Window: n.Window} }

// Kind describes the stage. stories returns the store, the same one each time; it
// is first called at Start.
func Kind(stories func() (store.Stories, error)) flows.StageKind {
	return flows.NewKind(flows.StageKind{
		Name:    "dedupe",
		Doc:     "drops news that another message has already brought",
		Example: "- dedupe: {window: 168h, near: {window: 30m}}",
		Follows: []string{"tickers"},
	}, DefaultConfig, func(b *flows.Build, c Config) (flows.Stage, error) {
		keep := store.Keep{Key: c.Window, Story: max(c.Near.Amends, 2*c.Near.Window), Recent: 2 * c.Near.Window}
		return &stage{
			stories: stories,
			now:     b.Now,
			prefix:  prefix(b),
			near:    c.Near,
			keep:    keep,
		}, nil
	})
}

var (
	duplicates = metrics.Counter("duplicates_total", "Messages dropped because another had brought their news: exact (the same key), near (the same story).", "kind")
	guarded    = metrics.Counter("duplicates_guarded_total", "Messages that passed although their headline was like another's, by the guard of package likeness that told them apart.", "guard")
	amendments = metrics.Counter("amendments_total", "Updates and corrections that passed: linked to what they correct, or unlinked.", "to")
)

func init() {
	for _, kind := range []string{exact, near} {
		duplicates.WithLabelValues(kind)
	}
	for _, guard := range append(likeness.Guards(), wording) {
		guarded.WithLabelValues(guard)
	}
}

const (
	exact = "exact"
	near  = "near"
)

// prefix begins all keys of a stage. Each of several in a pipeline has claims of its own: the
// second would take what the first has let pass for what it has seen itself.
func prefix(b *flows.Build) string {
	if b.Name == "" || b.Name == "dedupe" {
		return b.Pipeline + "/"
	}
	return b.Pipeline + "/" + b.Name + "/"
}

type stage struct {
	stories func() (store.Stories, error)
	now     func() time.Time
	prefix  string // of keys: pipelines that share a store do not share their news
	near    Near
	keep    store.Keep
	rows    shelf
}

// Start opens the store, so that a wrong address stops the program at once.
func (s *stage) Start(context.Context) error {
	_, err := s.stories()
	return err
}

func (s *stage) Process(ctx context.Context, batch []*flows.Message) ([]*flows.Message, error) {
	if err := ctx.Err(); err != nil {
		return nil, s.outage(ctx, err)
	}
	arrivals, headlines := make([]store.Arrival, len(batch)), make([]*Headline, len(batch))
	for i, m := range batch {
		headlines[i] = s.arrival(m)
		arrivals[i] = headlines[i].Arrival
	}
	joined, err := s.join(ctx, arrivals)
	if err != nil {
		return nil, s.outage(ctx, err)
	}
	fresh := make([]*flows.Message, 0, len(batch))
	var again []*flows.Message
	var kinds []string
	var yields []store.Yield
	for i, v := range s.judge(headlines, joined) {
		m := batch[i]
		if v.kind == "" {
			if m.Item.Amends == "" {
				m.Item.Amends = v.amends
			}
			fresh = append(fresh, m)
			continue
		}
		a := arrivals[i]
		again, kinds = append(again, m), append(kinds, v.kind)
		yields = append(yields, store.Yield{Key: a.Key, ID: a.ID, Group: a.Group, To: v.to, Saw: sighting(m.Item, a.At)})
	}
	s.drop(ctx, again, kinds, yields)
	return fresh, nil
}

// arrival sets the key of a message's item and says what is asked about it.
func (s *stage) arrival(m *flows.Message) *Headline {
	it := m.Item
	if it.Key = news.KeyOf(it); it.Key == "" {
		it.Key = "msg:" + m.ID // it says nothing that could be compared
	}
	// When it was received, a second delivery knows too.
	at := s.now()
	if received := it.Received; !received.IsZero() && received.Before(at) {
		at = received
	}
	h := Read(store.Arrival{Key: s.prefix + bounded(it.Key), ID: m.ID, At: at})
	if filing := it.Accession != "" || it.Form != "" || strings.HasPrefix(it.Key, "acc:"); filing || !s.near.Enabled {
		return h
	}
	h.Text = headline(it)
	if h.Group = group(it, h); h.Group != "" {
		h.Group = s.prefix + bounded(h.Group)
	}
	return h
}

// join asks the store, once.
func (s *stage) join(ctx context.Context, arrivals []store.Arrival) ([]store.Joined, error) {
	stories, err := s.stories()
	if err != nil {
		return nil, err
	}
	joined, err := stories.Join(ctx, arrivals, s.keep)
	if err == nil && len(joined) != len(arrivals) {
		err = fmt.Errorf("%d answers for %d arrivals", len(joined), len(arrivals))
	}
	return joined, err
}

// A verdict says what a message is: a duplicate of some kind, of what the message named
// has told; or else news, which may amend the item named.
type verdict struct{ kind, to, amends string }

// judge comes to a verdict on each arrival.
func (s *stage) judge(arrivals []*Headline, joined []store.Joined) []verdict {
	verdicts := make([]verdict, len(arrivals))
	rows := map[string]row{}
	for i, a := range arrivals {
		// Two deliveries of one message in one batch both pass: dropping either would
		// acknowledge the entry while the other is still on its way.
		if joined[i].Owner != a.ID {
			verdicts[i] = verdict{kind: exact, to: joined[i].Owner}
			continue
		}
		if a.Group == "" {
			continue
		}
		r, taken := rows[a.Group]
		if !taken {
			r = s.rows.take(a.Group)
		}
		r.extend(joined[i].Before)
		rows[a.Group] = r
		verdicts[i] = s.compare(r, a, len(joined[i].Before))
	}
	for group, r := range rows {
		s.rows.put(group, r)
	}
	return verdicts
}

// compare comes to a verdict on a headline with n others before it.
func (s *stage) compare(r row, h *Headline, n int) (v verdict) {
	if Amends(h.Text) {
		to := "unlinked"
		if told := r.amended(s.near.Rule(), h, n); told != nil && !strings.HasPrefix(told.Key, s.prefix+hashed) {
			v.amends, to = strings.TrimPrefix(told.Key, s.prefix), "linked"
		}
		amendments.WithLabelValues(to).Inc()
		return v
	}
	told, guards := r.judge(s.near.Rule(), h, n)
	if told != nil {
		return verdict{kind: near, to: told.ID}
	}
	for _, guard := range guards {
		guarded.WithLabelValues(guard).Inc()
	}
	return v
}

// drop drops duplicates, once it is recorded who told their story and what they saw. What
// cannot be recorded comes again; it must not hold up the others of the batch.
func (s *stage) drop(ctx context.Context, again []*flows.Message, kinds []string, yields []store.Yield) {
	if len(again) == 0 {
		return
	}
	stories, err := s.stories()
	if err == nil {
		err = stories.Yield(ctx, yields, s.keep)
	}
	for i, m := range again {
		if err != nil {
			m.Fail(s.outage(ctx, err))
			continue
		}
		duplicates.WithLabelValues(kinds[i]).Inc()
		m.Drop("duplicate")
	}
}

// sighting is what an item's source had.
func sighting(it *news.Item, at time.Time) store.Sighting {
	saw := store.Sighting{Source: it.Source, URL: it.URL, Title: headline(it), At: at}
	if len(saw.URL) > 2048 {
		saw.URL = ""
	}
	return saw
}

// outage tells the store's failure from an interruption of ours. A store that let the
// stage's time run out is down for our purposes.
func (s *stage) outage(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return flows.Unavailable("dedupe store", fmt.Errorf("claim keys: %w", err), 0)
}

// hashed is how a key begins that says nothing but that it is equal to another.
const hashed = "long:"

// bounded keeps a hostile URL from becoming a megabyte of key.
func bounded(key string) string {
	const most = 256
	if len(key) <= most {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return hashed + hex.EncodeToString(sum[:])
}
