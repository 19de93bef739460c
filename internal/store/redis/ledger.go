package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"catalyst/internal/store"

	"github.com/redis/go-redis/v9"
)

const effectKey = ":effect:"

// Effects implements [store.Ledger].
func (s *Store) Effects(ctx context.Context, keys []string) ([]store.Effect, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	found := make([]*redis.SliceCmd, len(keys))
	pipe := s.client.Pipeline()
	for i, key := range keys {
		found[i] = pipe.HMGet(ctx, s.key(effectKey, key), "id", "state", "at")
	}
	_, err := pipe.Exec(ctx)
	if err := failure(found, err); err != nil {
		return nil, fmt.Errorf("look up effects: %w", err)
	}
	effects := make([]store.Effect, len(keys))
	for i, key := range keys {
		if effects[i], err = effect(key, found[i].Val()); err != nil {
			return nil, fmt.Errorf("look up effects: of %.100q: %w", key, err)
		}
	}
	return effects, nil
}

// effect reads the fields of one hash. What is there but not as we wrote it is an
// error: to take it for nothing would be to post again.
func effect(key string, fields []any) (store.Effect, error) {
	var text [3]string
	missing := 0
	for i := range text {
		switch v := fields[i].(type) {
		case string:
			text[i] = v
		default:
			missing++
		}
	}
	if missing == len(text) {
		return store.Effect{}, nil
	}
	ms, err := strconv.ParseInt(text[2], 10, 64)
	if err != nil || missing > 0 {
		return store.Effect{}, fmt.Errorf("the record is damaged: id %.100q, at %.100q", text[0], text[2])
	}
	return store.Effect{Key: key, ID: text[0], State: text[1], At: time.UnixMilli(ms)}, nil
}

// Record implements [store.Ledger]. An effect and its time to live are set in one
// transaction, so that no record outlives its time.
func (s *Store) Record(ctx context.Context, effects []store.Effect, keep time.Duration) error {
	if len(effects) == 0 {
		return nil
	}
	if err := lasting(keep); err != nil {
		return fmt.Errorf("record effects: %w", err)
	}
	now := time.Now().UnixMilli()
	pipe := s.client.TxPipeline()
	for _, e := range effects {
		key := s.key(effectKey, e.Key)
		pipe.HSet(ctx, key, "id", e.ID, "state", e.State, "at", now)
		pipe.PExpire(ctx, key, keep)
	}
	if err := failure(pipe.Exec(ctx)); err != nil {
		return fmt.Errorf("record effects: %w", err)
	}
	return nil
}
