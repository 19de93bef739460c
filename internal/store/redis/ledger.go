package redisstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"catalyst/internal/store"

	"github.com/redis/go-redis/v9"
)

const (
	effectKey = ":effect:"
	// pendingKey is a sorted set of the keys of pending effects, by when they were
	// recorded in milliseconds.
	pendingKey = ":effects_pending"
)

// Effects implements [store.Ledger].
func (s *Store) Effects(ctx context.Context, keys []string) ([]store.Effect, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	found := make([]*redis.SliceCmd, len(keys))
	pipe := s.client.Pipeline()
	for i, key := range keys {
		found[i] = pipe.HMGet(ctx, s.key(effectKey, key), "id", "state", "at", "pending")
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
	for i := range text { // "pending" is not in what earlier versions wrote
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
	return store.Effect{Key: key, ID: text[0], State: text[1], Pending: fields[3] == "1", At: time.UnixMilli(ms)}, nil
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
		pipe.HSet(ctx, key, "id", e.ID, "state", e.State, "at", now, "pending", e.Pending)
		pipe.PExpire(ctx, key, keep)
		if e.Pending {
			pipe.ZAdd(ctx, s.prefix+pendingKey, redis.Z{Score: float64(now), Member: e.Key})
		} else {
			pipe.ZRem(ctx, s.prefix+pendingKey, e.Key)
		}
	}
	if err := failure(pipe.Exec(ctx)); err != nil {
		return fmt.Errorf("record effects: %w", err)
	}
	return nil
}

// pendingPage is how many keys are looked at with one question.
const pendingPage = 500

// Pending implements [store.Ledger]. Keys whose effect has expired it forgets.
func (s *Store) Pending(ctx context.Context, prefix string, before time.Time, limit int) ([]store.Effect, error) {
	var found []store.Effect
	for from := int64(0); len(found) < limit; from += pendingPage {
		keys, err := s.client.ZRangeArgs(ctx, redis.ZRangeArgs{
			Key: s.prefix + pendingKey, ByScore: true, Start: "-inf", Stop: fmt.Sprintf("(%d", before.UnixMilli()),
			Offset: from, Count: pendingPage,
		}).Result()
		if err != nil {
			return nil, fmt.Errorf("list pending effects: %w", err)
		}
		full := len(keys) == pendingPage
		keys = slices.DeleteFunc(keys, func(key string) bool { return !strings.HasPrefix(key, prefix) })
		effects, err := s.Effects(ctx, keys)
		if err != nil {
			return nil, err
		}
		var expired []any
		for i, e := range effects {
			switch {
			case e.At.IsZero():
				expired = append(expired, keys[i])
			case e.Pending && e.At.Before(before) && len(found) < limit:
				found = append(found, e)
			}
		}
		if len(expired) > 0 {
			if err := s.client.ZRem(ctx, s.prefix+pendingKey, expired...).Err(); err != nil {
				return nil, fmt.Errorf("forget pending effects: %w", err)
			}
			from -= int64(len(expired)) // the rest has moved up
		}
		if !full {
			break
		}
	}
	return found, nil
}
