package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Clear deletes every key on the server at url that begins with prefix, and what this
// package keeps beside topics whose names do. It is for those who made everything under
// the prefix: nobody may be using it. It returns how many keys there were.
func Clear(ctx context.Context, url, prefix string) (n int64, err error) {
	if prefix == "" || strings.ContainsAny(prefix, `*?[]\`) {
		return 0, fmt.Errorf("clear redis: %q is no prefix of one's own", prefix)
	}
	options, err := parse(url)
	if err != nil {
		return 0, err
	}
	client := redis.NewClient(options)
	defer client.Close()
	for _, pattern := range []string{prefix + "*", membersKey(prefix+"*", "*")} {
		deleted, err2 := clearMatching(ctx, client, pattern)
		n, err = n+deleted, errors.Join(err, err2)
	}
	if err != nil {
		return n, fmt.Errorf("clear redis: %w", err)
	}
	return n, nil
}

func clearMatching(ctx context.Context, client *redis.Client, pattern string) (n int64, err error) {
	for cursor := uint64(0); ; {
		keys, next, err := client.Scan(ctx, cursor, pattern, 1000).Result()
		if err != nil {
			return n, err
		}
		if len(keys) > 0 {
			deleted, err := client.Unlink(ctx, keys...).Result()
			if n += deleted; err != nil {
				return n, err
			}
		}
		if cursor = next; cursor == 0 {
			return n, nil
		}
	}
}
