// Package testenv finds the services that tests need. `make test` starts them
// and sets the variables; without them a test skips on a developer's machine
// and fails in CI, where nothing may pass by skipping.
package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"catalyst/internal/sqlite"
)

// Redis returns the URL of a Redis server, from REDIS_URL. Tests share it, so
// everything they create has a name of its own.
func Redis(tb testing.TB) string { return need(tb, "REDIS_URL") }

// Postgres returns the URL of a PostgreSQL server with pgvector, from
// DATABASE_URL. Tests share it, so each makes a schema of its own.
func Postgres(tb testing.TB) string { return need(tb, "DATABASE_URL") }

// File returns the path of an embedded database of the test's own, up to date. It is a copy of one
// that each process brings up to date once: most tests would take longer for that than for
// anything else.
func File(tb testing.TB) string {
	tb.Helper()
	database, err := upToDate()
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), "test.db")
	if err := os.WriteFile(path, database, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// upToDate returns the content of an empty embedded database.
var upToDate = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "pipeline-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "template.db")
	db, err := sqlite.Open(context.Background(), path)
	if err != nil {
		return nil, err
	}
	_, err = sqlite.Migrate(context.Background(), db)
	if err = errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	if _, err := os.Stat(path + "-wal"); err == nil {
		return nil, fmt.Errorf("%s is not all of the database: there is a log beside it", path)
	}
	return os.ReadFile(path)
})

// SharedData returns the folder of evaluation data beside the project, and
// skips the test where it is absent: it is not part of the project.
func SharedData(tb testing.TB, root string) string {
	tb.Helper()
	if _, err := os.Stat(root); err != nil {
		tb.Skipf("no evaluation data at %s", root)
	}
	return root
}

func need(tb testing.TB, variable string) string {
	tb.Helper()
	url := os.Getenv(variable)
	switch {
	case url != "":
		return url
	case os.Getenv("CI") != "":
		tb.Fatalf("%s is not set: in CI this test needs the service", variable)
	default:
		tb.Skipf("%s is not set: `make test` starts the service", variable)
	}
	return ""
}
