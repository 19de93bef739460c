package redisstore

import (
	"context"
	"errors"
	"fmt"
)

// Describe says which version the server is, for people.
func (s *Store) Describe(ctx context.Context) (string, error) {
	info, err := s.client.InfoMap(ctx, "server").Result()
	if err != nil {
		return "", fmt.Errorf("describe redis: %w", err)
	}
	return "Redis " + info["Server"]["redis_version"], nil
}

// Durable says what of the server's settings would lose what it has acknowledged; nil if
// nothing would. The pipeline works all the same until the server crashes.
func (s *Store) Durable(ctx context.Context) error {
	info, err := s.client.InfoMap(ctx, "persistence").Result()
	if err != nil {
		return fmt.Errorf("check redis: %w", err)
	}
	if info["Persistence"]["aof_enabled"] != "1" {
		return errors.New("appendonly is off: what came since the last snapshot is lost if the server crashes; set appendonly yes")
	}
	return nil
}
