package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"catalyst/internal/embed"
	"catalyst/internal/store"
	semanticcache "catalyst/stages/semantic_cache"
)

// caches holds what each semantic_cache is configured to embed with against what answers, and
// against what the store holds: verdicts of another embedder or dimension are never found.
func (k *checks) caches(ctx context.Context) {
	for _, segment := range k.plan.Segments {
		for _, spec := range segment.Stages {
			c, is := spec.Config.(semanticcache.Config)
			if !is {
				continue
			}
			if c.Mode == semanticcache.Off {
				k.done = append(k.done, finding{"cache", spec.Name, "off", "mode is off"})
				continue
			}
			ctx, cancel := context.WithTimeout(ctx, checkTime)
			id, err := measured(ctx, c.Embedder)
			var held map[string]int
			if err == nil {
				held, err = k.held(ctx)
			}
			cancel()
			if err != nil {
				k.add("cache", spec.Name, id, err)
				continue
			}
			k.add("cache", spec.Name, fmt.Sprintf("%s, %d verdicts by it", id, held[id]), nil)
			delete(held, id)
			if len(held) > 0 {
				k.warn("cache", spec.Name, fmt.Errorf("the store holds verdicts by %s, which %s never finds; they expire by themselves",
					strings.Join(slices.Sorted(maps.Keys(held)), ", "), id))
			}
		}
	}
}

// measured returns the embedder's ID after it has embedded a word: it refuses vectors of
// another length than configured.
func measured(ctx context.Context, c embed.Config) (id string, err error) {
	embedder, err := embed.New(c)
	if err != nil {
		return "", err
	}
	_, err = embedder.Embed(ctx, []string{"news"})
	return embedder.ID(), err
}

// held counts the live verdicts in the store by their embedder.
func (k *checks) held(ctx context.Context) (map[string]int, error) {
	answers, err := k.r.Answers()
	if err != nil {
		return nil, err
	}
	held := map[string]int{}
	shelf, shows := answers.(store.Shelf)
	if !shows {
		return held, nil
	}
	stocks, err := shelf.Stocks(ctx)
	for _, s := range stocks {
		if embedder := semanticcache.EmbedderOf(s.Namespace); embedder != "" && s.Rows > s.Expired {
			held[embedder] += s.Rows - s.Expired
		}
	}
	return held, err
}
