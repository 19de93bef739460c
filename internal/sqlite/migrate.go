package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"catalyst/migrations"
)

// Migrate brings the tables up to date and returns how many steps it took: none
// if that was done before. Processes that migrate at once wait for each other.
func Migrate(ctx context.Context, db *DB) (steps int, err error) {
	steps, err = migrate(ctx, db)
	if err != nil {
		return steps, fmt.Errorf("migrate database %s: %w", db.path, err)
	}
	return steps, nil
}

func migrate(ctx context.Context, db *DB) (steps int, err error) {
	unlock, err := lock(ctx, db.path+"-migrate")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	conns, err := connect(db.path, "FULL", 1, busyTimeout)
	if err != nil {
		return 0, err
	}
	defer conns.Close()
	provider, err := goose.NewProvider(goose.DialectSQLite3, conns, migrations.SQLite,
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return 0, err
	}
	done, err := provider.Up(ctx)
	return len(done), err
}

// Check returns an error that says what to do if tables are missing or older
// than this program.
func Check(ctx context.Context, db *DB) error {
	provider, err := goose.NewProvider(goose.DialectSQLite3, db.reading, migrations.SQLite,
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("check database %s: %w", db.path, err)
	}
	sources := provider.ListSources()
	want := sources[len(sources)-1].Version
	store, err := database.NewStore(goose.DialectSQLite3, goose.DefaultTablename)
	if err != nil {
		return fmt.Errorf("check database %s: %w", db.path, err)
	}
	have, err := store.GetLatestVersion(ctx, db.reading)
	if err != nil || have < want {
		// Without the table of versions there is none.
		return fmt.Errorf("database %s has tables of version %d, this program needs %d: run `pipeline migrate`",
			db.path, max(have, 0), want)
	}
	return nil
}

// lock waits for the lock that a file stands for. It is SQLite's own, on a
// database in which nothing is ever stored, so it works on every system and ends
// with the process.
func lock(ctx context.Context, path string) (unlock func() error, err error) {
	db, err := sql.Open("sqlite", source(path)+"?_pragma=busy_timeout(0)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	for {
		_, err := db.ExecContext(ctx, `BEGIN EXCLUSIVE`)
		if err == nil {
			return db.Close, nil
		}
		if !busy(err) {
			return nil, errors.Join(err, db.Close())
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
}
