package embed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"time"

	"catalyst/internal/outage"
	"catalyst/internal/store"
)

// KeepVectors is how long computed vectors are worth keeping.
const KeepVectors = 7 * 24 * time.Hour

// The store may take so long to save a request; when it has failed it is left
// alone for a while.
const (
	storePatience = 2 * time.Second
	storeRest     = 5 * time.Second
)

// Cached returns an embedder that asks e only for texts it has not seen: first
// a small memory of this process, then the store that open returns, shared by
// all, where vectors stay for ttl under the SHA-256 of their text. open returns
// the same store each time; where it is nil, there is only the memory.
//
// A store that fails costs a computation, never an error: it is logged once
// per outage.
func Cached(e Embedder, open func() (store.Embeddings, error), ttl time.Duration, log *slog.Logger) Embedder {
	return &cached{
		Embedder: e,
		open:     open,
		ttl:      ttl,
		log:      log,
		recent:   newMemory(recentVectors),
		outage:   outage.Guard{Patience: storePatience, Rest: storeRest},
	}
}

type cached struct {
	Embedder
	open   func() (store.Embeddings, error)
	ttl    time.Duration
	log    *slog.Logger
	recent *memory
	outage outage.Guard // of the store
}

func (c *cached) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	hashes := make([]string, len(texts))
	vectors := make([][]float32, len(texts))
	for i, text := range texts {
		sum := sha256.Sum256([]byte(text))
		hashes[i] = hex.EncodeToString(sum[:])
		vectors[i] = c.recent.get(hashes[i])
	}
	c.fromStore(ctx, hashes, vectors)
	missing := without(vectors)
	if len(missing) == 0 {
		return vectors, nil
	}
	wanted := make([]string, len(missing))
	for i, t := range missing {
		wanted[i] = texts[t]
	}
	computed, err := c.Embedder.Embed(ctx, wanted)
	if err != nil {
		return nil, err
	}
	fresh := make(map[string][]float32, len(missing))
	for i, t := range missing {
		vectors[t] = computed[i]
		if unit(computed[i]) {
			fresh[hashes[t]] = computed[i]
			c.recent.put(hashes[t], computed[i])
		}
	}
	c.toStore(ctx, fresh)
	return vectors, nil
}

// fromStore fills in what the store knows of the vectors that are nil.
func (c *cached) fromStore(ctx context.Context, hashes []string, vectors [][]float32) {
	missing := without(vectors)
	if len(missing) == 0 || c.open == nil {
		return
	}
	wanted := make([]string, len(missing))
	for i, t := range missing {
		wanted[i] = hashes[t]
	}
	var known [][]float32
	c.try(ctx, "read vectors", func(ctx context.Context, s store.Embeddings) (err error) {
		known, err = s.Vectors(ctx, c.ID(), wanted)
		return err
	})
	if len(known) != len(wanted) {
		return
	}
	for i, t := range missing {
		if unit(known[i]) {
			vectors[t] = known[i]
			c.recent.put(hashes[t], known[i])
		}
	}
}

func (c *cached) toStore(ctx context.Context, fresh map[string][]float32) {
	if len(fresh) == 0 || c.open == nil {
		return
	}
	c.try(ctx, "keep vectors", func(ctx context.Context, s store.Embeddings) error {
		return s.Keep(ctx, c.ID(), fresh, c.ttl)
	})
}

// try asks the store and logs the first failure of an outage.
func (c *cached) try(ctx context.Context, what string, ask func(context.Context, store.Embeddings) error) {
	began, err := c.outage.Do(ctx, func(ctx context.Context) error {
		s, err := c.open()
		if err != nil {
			return err
		}
		return ask(ctx, s)
	})
	if began {
		c.log.WarnContext(ctx, "embedding store does not answer; vectors are computed anew", "attempt", what, "error", err)
	}
}

// without returns the indices of the vectors that are nil.
func without(vectors [][]float32) []int {
	var missing []int
	for i, v := range vectors {
		if v == nil {
			missing = append(missing, i)
		}
	}
	return missing
}

// unit reports whether v is a unit vector, which neither a missing one nor one
// that was damaged on the way is.
func unit(v []float32) bool {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return sum > 0.99 && sum < 1.01
}
