// Package postgres keeps the semantic cache and the book of costs in PostgreSQL 15 or
// newer with pgvector 0.8 or newer. Its searches are exact.
//
// [Migrate] makes the tables, once for each new version of the program; [Open]
// connects when it is first used; [Store.Check] says what a database lacks.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"catalyst/internal/store"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	pgxvector "github.com/pgvector/pgvector-go/pgx"
)

const (
	// maxConns is enough for every stage that looks something up, and leaves a
	// server of 100 connections room for ten of us. pool_max_conns in the URL
	// overrides it.
	maxConns = 8

	// connectTimeout bounds one attempt to connect, unless the URL has connect_timeout.
	connectTimeout = 5 * time.Second

	// statementTimeout ends, on the server, a statement whose caller is long gone,
	// unless the URL has statement_timeout.
	statementTimeout = 30 * time.Second
)

// Store is what a pipeline keeps in one database, and a pool of connections to it.
// Answers, which are named by all they depend on, it shares with other pipelines;
// its costs are its own. It is safe for concurrent use.
type Store struct {
	pool     *pgxpool.Pool
	pipeline string
}

var (
	_ store.Answers = (*Store)(nil)
	_ store.Costs   = (*Store)(nil)
)

// Open returns the store of a pipeline in the database at url, such as
// "postgres://user:password@host:5432/database". It does not connect yet: whether
// the server is there and fit shows at the first use, or by [Store.Check].
func Open(ctx context.Context, url, pipeline string) (*Store, error) {
	config, err := parse(url)
	if err != nil {
		return nil, err
	}
	config.AfterConnect = prepare
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open postgres: %w", err)
	}
	return &Store{pool: pool, pipeline: pipeline}, nil
}

// Close ends the connections, once the calls that use them have returned.
func (s *Store) Close() { s.pool.Close() }

// Ping asks the server whether it is there.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.pool.Ping(ctx); err != nil {
		return fmt.Errorf("ping postgres: %w", err)
	}
	return nil
}

// parse never passes on what the parser says: it may quote a malformed URL, and
// with it the password.
func parse(url string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil || torn(url) {
		return nil, errors.New("the PostgreSQL URL cannot be read: write postgres://user:password@host:5432/database, " +
			"and %-encode what is neither letter nor digit in the password")
	}
	if given := config.ConnConfig.RuntimeParams; given["application_name"] == "" {
		given["application_name"] = "pipeline"
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = maxConns
	}
	return config, nil
}

// torn tells of a URL whose password has a / ? or # in it, as it is: the parser
// takes what follows for the database, and later errors would show it.
func torn(url string) bool {
	_, rest, ok := strings.Cut(url, "://")
	end := strings.IndexAny(rest, "/?#")
	return ok && end >= 0 && !strings.Contains(rest[:end], "@") && strings.Contains(rest[end:], "@")
}

// prepare readies a new connection: vectors travel in binary, and no statement
// runs for ever. The timeout is not a startup parameter, which poolers refuse.
func prepare(ctx context.Context, conn *pgx.Conn) error {
	if conn.Config().RuntimeParams["statement_timeout"] == "" {
		if _, err := conn.Exec(ctx, fmt.Sprintf("SET statement_timeout = %d", statementTimeout.Milliseconds())); err != nil {
			return fmt.Errorf("set statement_timeout: %w", err)
		}
	}
	if err := pgxvector.RegisterTypes(ctx, conn); err != nil {
		return fmt.Errorf("%w: run `pipeline migrate` to set the database up", err)
	}
	return nil
}
