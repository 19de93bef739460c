package redisstore

import (
	"context"
	"fmt"
	"time"

	"catalyst/internal/store"

	"github.com/redis/go-redis/v9"
)

const claimKey = ":claim:"

// Claim implements [store.Claims]. SET NX GET decides, key by key in the order of
// the batch, and leaves a key that is held with the time it has left.
func (s *Store) Claim(ctx context.Context, claims []store.Claim, window time.Duration) ([]string, error) {
	if len(claims) == 0 {
		return nil, nil
	}
	if err := lasting(window); err != nil {
		return nil, fmt.Errorf("claim keys: %w", err)
	}
	held := make([]*redis.StatusCmd, len(claims))
	pipe := s.client.Pipeline()
	for i, c := range claims {
		held[i] = pipe.SetArgs(ctx, s.key(claimKey, c.Key), c.Owner, redis.SetArgs{Mode: "NX", Get: true, TTL: window})
	}
	_, err := pipe.Exec(ctx)
	if err := failure(held, err); err != nil {
		return nil, fmt.Errorf("claim keys: %w", err)
	}
	owners := make([]string, len(claims))
	for i, c := range claims {
		owners[i] = c.Owner
		if held[i].Err() == nil { // else redis.Nil: nobody held it, and now we do
			owners[i] = held[i].Val()
		}
	}
	return owners, nil
}

// releaseOwned deletes the keys that still have the owner named.
var releaseOwned = redis.NewScript(`
for i, key in ipairs(KEYS) do
	if redis.call('GET', key) == ARGV[i] then redis.call('DEL', key) end
end
return redis.status_reply('OK')`)

// Release implements [store.Claims].
func (s *Store) Release(ctx context.Context, claims []store.Claim) error {
	if len(claims) == 0 {
		return nil
	}
	keys := make([]string, len(claims))
	owners := make([]any, len(claims))
	for i, c := range claims {
		keys[i], owners[i] = s.key(claimKey, c.Key), c.Owner
	}
	if err := releaseOwned.Run(ctx, s.client, keys, owners...).Err(); err != nil {
		return fmt.Errorf("release keys: %w", err)
	}
	return nil
}
