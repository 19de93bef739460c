// Package dedupe drops news that another message has already brought.
//
// The first message with a key (see [news.KeyOf]) claims it for the window, in a
// store shared by all processes, under its own ID. A message passes if the
// claim on its key is its own.
//
// # Guarantee
//
// Within the window exactly one message ID passes for each key, over all processes.
// That message passes as often as it is delivered: it is never a duplicate of
// itself. So nothing is lost between "seen" and "sent": if the process dies, or a later
// stage fails, the redelivered message finds its own claim and goes on.
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
	"time"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/news"
	"catalyst/internal/store"
)

// Config is what pipeline.yaml says about dedupe.
type Config struct {
	Window time.Duration `yaml:"window" doc:"how long a piece of news is remembered, from its first sight"`
}

// DefaultConfig remembers for a week, longer than any feed repeats itself.
var DefaultConfig = Config{Window: 7 * 24 * time.Hour}

// Validate wants a window that outlasts a redelivery.
func (c Config) Validate() error {
	if c.Window < time.Minute {
		return config.At("window", "%v is too short: a message may be redelivered after a minute, write 168h", c.Window)
	}
	return nil
}

// Kind describes the stage. claims returns the store, the same one each time; it
// is first called at Start.
func Kind(claims func() (store.Claims, error)) flows.StageKind {
	return flows.NewKind(flows.StageKind{
		Name:    "dedupe",
		Doc:     "drops news that another message has already brought",
		Example: "- dedupe: {window: 168h}",
	}, DefaultConfig, func(b *flows.Build, c Config) (flows.Stage, error) {
		return &stage{claims: claims, prefix: b.Pipeline + "/", window: c.Window}, nil
	})
}

type stage struct {
	claims func() (store.Claims, error)
	prefix string // of keys: pipelines that share a store do not share their news
	window time.Duration
}

// Start opens the store, so that a wrong address stops the program at once.
func (s *stage) Start(context.Context) error {
	_, err := s.claims()
	return err
}

func (s *stage) Process(ctx context.Context, batch []*flows.Message) ([]*flows.Message, error) {
	owners, err := s.claim(ctx, batch)
	if err != nil {
		return nil, s.outage(ctx, err)
	}
	fresh := make([]*flows.Message, 0, len(batch))
	for i, m := range batch {
		// Two deliveries of one message in one batch both pass: dropping either would
		// acknowledge the entry while the other is still on its way.
		if owners[i] != m.ID {
			m.Drop("duplicate")
			continue
		}
		fresh = append(fresh, m)
	}
	return fresh, nil
}

// claim sets the key of each item and returns who holds it.
func (s *stage) claim(ctx context.Context, batch []*flows.Message) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	claims := make([]store.Claim, len(batch))
	for i, m := range batch {
		if m.Item.Key = news.KeyOf(m.Item); m.Item.Key == "" {
			m.Item.Key = "msg:" + m.ID // it says nothing that could be compared
		}
		claims[i] = store.Claim{Key: s.prefix + bounded(m.Item.Key), Owner: m.ID}
	}
	held, err := s.claims()
	if err != nil {
		return nil, err
	}
	owners, err := held.Claim(ctx, claims, s.window)
	if err == nil && len(owners) != len(claims) {
		err = fmt.Errorf("%d owners for %d keys", len(owners), len(claims))
	}
	return owners, err
}

// outage tells the store's failure from an interruption of ours. A store that let the
// stage's time run out is down for our purposes.
func (s *stage) outage(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return flows.Unavailable("dedupe store", fmt.Errorf("claim keys: %w", err), 0)
}

// bounded keeps a hostile URL from becoming a megabyte of key.
func bounded(key string) string {
	const most = 256
	if len(key) <= most {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "long:" + hex.EncodeToString(sum[:])
}
