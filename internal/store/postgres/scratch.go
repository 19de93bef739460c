package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
)

// Scratch makes a schema in the database at rawURL and returns the URL of a database
// that consists of it: what is kept there touches nothing else. drop removes it with all
// that is in it. name must be one's own.
func Scratch(ctx context.Context, rawURL, name string) (scratch string, drop func(context.Context) error, err error) {
	config, err := parse(rawURL)
	if err != nil {
		return "", nil, err
	}
	own, err := url.Parse(rawURL)
	if err != nil {
		return "", nil, errors.New("make a schema: the address of PostgreSQL must be a URL, postgres://…")
	}
	schema := pgx.Identifier{name}.Sanitize()
	run := func(ctx context.Context, statement string) error {
		conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, statement)
		return err
	}
	if err := run(ctx, "CREATE SCHEMA "+schema); err != nil {
		return "", nil, fmt.Errorf("make a schema: %w", err)
	}
	q := own.Query()
	q.Set("search_path", schema+",public")
	own.RawQuery = q.Encode()
	return own.String(), func(ctx context.Context) error {
		if err := run(ctx, "DROP SCHEMA IF EXISTS "+schema+" CASCADE"); err != nil {
			return fmt.Errorf("drop the schema %s: %w", name, err)
		}
		return nil
	}, nil
}
