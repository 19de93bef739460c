package redisstore

import (
	"context"
	"fmt"
	"time"
)

const noteKey = ":note:"

// Notes implements [store.Notes].
func (s *Store) Notes(ctx context.Context, names []string) ([][]byte, error) {
	if len(names) == 0 {
		return nil, nil
	}
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = s.key(noteKey, name)
	}
	values, err := s.client.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("read notes: %w", err)
	}
	notes := make([][]byte, len(names))
	for i, value := range values {
		if text, ok := value.(string); ok {
			notes[i] = []byte(text)
		}
	}
	return notes, nil
}

// Note implements [store.Notes].
func (s *Store) Note(ctx context.Context, name string, value []byte, keep time.Duration) error {
	key := s.key(noteKey, name)
	if len(value) == 0 {
		if err := s.client.Del(ctx, key).Err(); err != nil {
			return fmt.Errorf("remove note: %w", err)
		}
		return nil
	}
	if err := lasting(keep); err != nil {
		return fmt.Errorf("keep note: %w", err)
	}
	if err := s.client.Set(ctx, key, value, keep).Err(); err != nil {
		return fmt.Errorf("keep note: %w", err)
	}
	return nil
}
