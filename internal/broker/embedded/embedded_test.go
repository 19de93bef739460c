package embedded_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"catalyst/internal/broker"
	"catalyst/internal/broker/brokertest"
	"catalyst/internal/broker/embedded"
	"catalyst/internal/sqlite"
)

// newFile returns the path of a fresh database with its tables.
func newFile(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "new folder", "catalyst.db")
	db, err := sqlite.Open(tb.Context(), path)
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	if _, err := sqlite.Migrate(tb.Context(), db); err != nil {
		tb.Fatal(err)
	}
	return path
}

func open(tb testing.TB, path string) *embedded.Broker {
	tb.Helper()
	b, err := embedded.Open(context.Background(), path, embedded.Options{Name: tb.Name()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { b.Close() })
	return b
}

// Brokers of one process share what is open of the file.
func TestConformance(t *testing.T) {
	brokertest.Test(t, func(tb testing.TB) func() broker.Broker {
		path := newFile(tb)
		return func() broker.Broker { return open(tb, path) }
	})
}

// Brokers of two processes share only the file. Another way to the same file is
// as good as another process.
func TestConformanceApart(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege")
	}
	brokertest.Test(t, func(tb testing.TB) func() broker.Broker {
		path := newFile(tb)
		return func() broker.Broker {
			way := filepath.Join(tb.TempDir(), "link")
			if err := os.Symlink(filepath.Dir(path), way); err != nil {
				tb.Fatal(err)
			}
			return open(tb, filepath.Join(way, filepath.Base(path)))
		}
	})
}
