package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/stdlib"
)

// The oldest versions this is tested with.
const (
	minServer   = 15
	minPgvector = "0.8"
)

// Check connects and returns everything the database lacks, each with what to do
// about it; nil if it is fit. It changes nothing.
func (s *Store) Check(ctx context.Context) error {
	// Not by the pool: its connections need pgvector to be there already.
	db := stdlib.OpenDB(*s.pool.Config().ConnConfig)
	defer db.Close()
	var server int
	var extension *string
	var migrated bool
	err := db.QueryRowContext(ctx, `
		SELECT current_setting('server_version_num')::int / 10000,
			(SELECT extversion FROM pg_extension WHERE extname = 'vector'),
			to_regclass($1) IS NOT NULL`, versions).Scan(&server, &extension, &migrated)
	if err != nil {
		return fmt.Errorf("check postgres: %w", err)
	}
	if migrated {
		migrated, err = upToDate(ctx, db)
		if err != nil {
			return fmt.Errorf("check postgres: %w", err)
		}
	}
	var lacks []error
	if server < minServer {
		lacks = append(lacks, fmt.Errorf("PostgreSQL is version %d: %d or newer is needed", server, minServer))
	}
	if extension != nil && !atLeast(*extension, minPgvector) {
		lacks = append(lacks, fmt.Errorf("pgvector is version %s: install %s or newer and run ALTER EXTENSION vector UPDATE", *extension, minPgvector))
	}
	if extension == nil || !migrated {
		lacks = append(lacks, errors.New("the database is not set up for this version of the program: run `pipeline migrate`"))
	}
	return errors.Join(lacks...)
}

func upToDate(ctx context.Context, db *sql.DB) (bool, error) {
	provider, err := newProvider(db)
	if err != nil {
		return false, err
	}
	pending, err := provider.HasPending(ctx)
	return !pending, err
}

// atLeast compares versions as numbers joined by dots; what is no number is 0.
func atLeast(version, least string) bool {
	have, want := strings.Split(version, "."), strings.Split(least, ".")
	for i := range want {
		var h int
		if i < len(have) {
			h, _ = strconv.Atoi(have[i])
		}
		if w, _ := strconv.Atoi(want[i]); h != w {
			return h > w
		}
	}
	return true
}
