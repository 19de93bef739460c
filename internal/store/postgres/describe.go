package postgres

import (
	"context"
	"fmt"
)

// Describe says which versions the server and pgvector are, for people.
func (s *Store) Describe(ctx context.Context) (string, error) {
	var server, vector string
	err := s.pool.QueryRow(ctx, `SELECT current_setting('server_version'),
		(SELECT extversion FROM pg_extension WHERE extname = 'vector')`).Scan(&server, &vector)
	if err != nil {
		return "", fmt.Errorf("describe postgres: %w", err)
	}
	return "PostgreSQL " + server + ", pgvector " + vector, nil
}
