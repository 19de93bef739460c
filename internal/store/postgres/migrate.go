package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"catalyst/migrations"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// versions is the table that says which migrations were applied; goose's own
// default may already be another program's, in a database that is shared.
const versions = "pipeline_migrations"

// Migrate brings the tables of the database at url to the program's version and
// returns how many steps it took: none where that was done before. Processes that
// migrate at once wait for each other. Its errors say what an administrator has
// to do.
func Migrate(ctx context.Context, url string) (steps int, err error) {
	config, err := parse(url)
	if err != nil {
		return 0, err
	}
	db := stdlib.OpenDB(*config.ConnConfig)
	defer db.Close()
	provider, err := newProvider(db)
	if err != nil {
		return 0, fmt.Errorf("migrate postgres: %w", err)
	}
	done, err := provider.Up(ctx)
	if err != nil {
		return len(done), fmt.Errorf("migrate postgres: %w", advise(ctx, db, err))
	}
	return len(done), nil
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	return goose.NewProvider(goose.DialectPostgres, db, migrations.Postgres,
		goose.WithTableName(versions), goose.WithSessionLocker(oneAtATime{}))
}

// oneAtATime holds an advisory lock of the server while migrations run. It ends
// with the connection, so a process that dies leaves no lock.
type oneAtATime struct{}

const lockID = 0x70697065_6c696e65 // "pipeline"

func (oneAtATime) SessionLock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(lockID))
	return err
}

func (oneAtATime) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", int64(lockID))
	return err
}

// Codes of https://www.postgresql.org/docs/current/errcodes-appendix.html.
const (
	insufficientPrivilege = "42501"
	featureNotSupported   = "0A000"
	undefinedFile         = "58P01"
	undefinedObject       = "42704"
)

// advise adds to an error of a migration what to do about it.
func advise(ctx context.Context, db *sql.DB, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	switch pg.Code {
	case featureNotSupported, undefinedFile:
		return fmt.Errorf("%w\npgvector is not installed on the server: install it "+
			"(Debian: postgresql-<version>-pgvector; Docker: the image pgvector/pgvector) and try again", err)
	case undefinedObject:
		return fmt.Errorf("%w\nthe extension vector is in a schema that is not searched: add its schema to the search_path of the user", err)
	case insufficientPrivilege:
		if hasVector(ctx, db) {
			return fmt.Errorf("%w\nthe user may not make tables: an administrator runs, in this database, "+
				"GRANT CREATE ON SCHEMA public TO <the user>", err)
		}
		return fmt.Errorf("%w\nCREATE EXTENSION vector needs a superuser once: an administrator runs, in this database, "+
			"CREATE EXTENSION vector WITH SCHEMA public", err)
	}
	return err
}

func hasVector(ctx context.Context, db *sql.DB) bool {
	var has bool
	err := db.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector')").Scan(&has)
	return err == nil && has
}
