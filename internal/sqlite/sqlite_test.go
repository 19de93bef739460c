package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"catalyst/internal/sqlite"
	"catalyst/migrations"
)

func open(tb testing.TB, path string) *sqlite.DB {
	tb.Helper()
	db, err := sqlite.Open(context.Background(), path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	return db
}

// apart returns another way to the file at path. Opened that way nothing is
// shared but the file, as between two processes.
func apart(tb testing.TB, path string) string {
	tb.Helper()
	if runtime.GOOS == "windows" {
		tb.Skip("links need a privilege")
	}
	link := filepath.Join(tb.TempDir(), "link")
	if err := os.Symlink(filepath.Dir(path), link); err != nil {
		tb.Fatal(err)
	}
	return filepath.Join(link, filepath.Base(path))
}

func exec(tb testing.TB, db *sqlite.DB, query string, args ...any) {
	tb.Helper()
	err := db.Write(context.Background(), func(tx *sqlite.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
	if err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
}

func count(tb testing.TB, db *sqlite.DB, query string) (n int) {
	tb.Helper()
	if err := db.Read().QueryRow(query).Scan(&n); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	return n
}

// A user's folder may be called anything; in a URL most of it means something.
func TestOpenAnyPath(t *testing.T) {
	names := []string{"plain", "with space", "50% off #1 & more", "ключ 🗝", "a+b;c=d"}
	if runtime.GOOS != "windows" {
		names = append(names, "what?mode=memory", `back\slash`, "quote'\"")
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name, "deep", name+".db")
			db := open(t, path)
			exec(t, db, `CREATE TABLE t (x)`)
			if err := db.Ping(t.Context()); err != nil {
				t.Error(err)
			}
			if db.Path() != path {
				t.Errorf("path %s, want %s", db.Path(), path)
			}
			if _, err := os.Stat(path); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOpenIsShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.db")
	one, two := open(t, path), open(t, filepath.Dir(path)+"/./f.db")
	if one != two {
		t.Error("the same file is opened twice")
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	exec(t, two, `CREATE TABLE t (x)`) // one user is left
	if err := two.Close(); err != nil {
		t.Fatal(err)
	}
	err := two.Write(t.Context(), func(*sqlite.Tx) error { return nil })
	if !errors.Is(err, sqlite.ErrClosed) {
		t.Errorf("write to a closed database: %v, want ErrClosed", err)
	}
	if again := open(t, path); count(t, again, `SELECT count(*) FROM t`) != 0 {
		t.Error("the reopened file has rows")
	}
}

func TestOpenWhatIsNoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(path, []byte(strings.Repeat("shopping list\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), path)
	if err == nil {
		db.Close()
		t.Fatal("a text file is opened as a database")
	}
	if !strings.Contains(err.Error(), path) {
		t.Errorf("error %q does not name the file", err)
	}
}

// Callers share a transaction, but not one another's failures.
func TestWriteFailsAlone(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "f.db"))
	exec(t, db, `CREATE TABLE t (x INTEGER PRIMARY KEY)`)
	refusal := errors.New("refused")
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() {
			err := db.Write(t.Context(), func(tx *sqlite.Tx) error {
				if _, err := tx.Exec(`INSERT INTO t VALUES (?)`, i); err != nil {
					return err
				}
				switch i % 3 {
				case 1:
					return refusal
				case 2:
					panic("a bug")
				}
				return nil
			})
			switch {
			case i%3 == 0 && err != nil, i%3 == 1 && !errors.Is(err, refusal), i%3 == 2 && err == nil:
				t.Errorf("write %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if n := count(t, db, `SELECT count(*) FROM t`); n != 100 {
		t.Errorf("%d rows, want the 100 of those who succeeded", n)
	}
	if n := count(t, db, `SELECT count(*) FROM t WHERE x % 3 <> 0`); n != 0 {
		t.Errorf("%d rows of those who failed", n)
	}
}

func TestWriteCancelled(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "f.db"))
	ctx, cancel := context.WithCancel(t.Context())
	started, release := make(chan struct{}), make(chan struct{})
	blocked := make(chan error, 1)
	go func() {
		blocked <- db.Write(t.Context(), func(*sqlite.Tx) error {
			close(started)
			<-release
			cancel() // the next may begin now, but is no longer wanted
			return nil
		})
	}()
	<-started
	waiting := make(chan error, 1)
	go func() {
		waiting <- db.Write(ctx, func(*sqlite.Tx) error { return nil })
	}()
	close(release)
	if err := <-blocked; err != nil {
		t.Error(err)
	}
	if err := <-waiting; err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled write: %v", err)
	}
	err := db.Write(ctx, func(*sqlite.Tx) error {
		t.Error("run although its context had ended")
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("write with an ended context: %v", err)
	}
}

// What SQLite itself gives up, as on a full disk, is an error for all who shared
// the transaction, and the database works on.
func TestFullDisk(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "f.db"))
	exec(t, db, `CREATE TABLE t (x)`)
	exec(t, db, fmt.Sprintf(`PRAGMA max_page_count = %d`, count(t, db, `PRAGMA page_count`)+3))
	failed, stored := 0, 0
	for range 20 {
		err := db.Write(t.Context(), func(tx *sqlite.Tx) error {
			_, err := tx.Exec(`INSERT INTO t VALUES (zeroblob(3000))`)
			return err
		})
		if err == nil {
			stored++
		} else {
			failed++
		}
	}
	if failed == 0 || stored == 0 {
		t.Errorf("%d stored and %d failed, want some of both", stored, failed)
	}
	if n := count(t, db, `SELECT count(*) FROM t`); n != stored {
		t.Errorf("%d rows, want the %d that were acknowledged", n, stored)
	}
	exec(t, db, `PRAGMA max_page_count = 1000000`)
	exec(t, db, `INSERT INTO t VALUES (zeroblob(3000))`)
}

func TestNews(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.db")
	db := open(t, path)
	exec(t, db, `CREATE TABLE t (x)`)
	heard := func(what string, write func()) {
		t.Helper()
		news := db.News()
		write()
		select {
		case <-news:
		case <-time.After(10 * time.Second):
			t.Errorf("%s is not heard of", what)
		}
	}
	heard("an announcement", func() {
		err := db.Write(t.Context(), func(tx *sqlite.Tx) error { tx.Announce(); return nil })
		if err != nil {
			t.Error(err)
		}
	})
	other := open(t, apart(t, path))
	heard("another process", func() { exec(t, other, `INSERT INTO t VALUES (1)`) })

	news := db.News()
	exec(t, db, `INSERT INTO t VALUES (2)`)
	db.Write(t.Context(), func(tx *sqlite.Tx) error { tx.Announce(); return errors.New("changed my mind") })
	select {
	case <-news:
		t.Error("a write that announced nothing is news")
	case <-time.After(100 * time.Millisecond):
	}
}

// Two busy processes get on with one another.
func TestTwoWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.db")
	one, two := open(t, path), open(t, apart(t, path))
	exec(t, one, `CREATE TABLE t (x)`)
	var wg sync.WaitGroup
	for _, db := range []*sqlite.DB{one, two} {
		for range 8 {
			wg.Go(func() {
				for range 25 {
					exec(t, db, `INSERT INTO t VALUES (1)`)
				}
			})
		}
	}
	wg.Wait()
	if n := count(t, one, `SELECT count(*) FROM t`); n != 400 {
		t.Errorf("%d rows, want 400", n)
	}
}

// Processes that start at once on a new file migrate it once.
func TestMigrateAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "f.db")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	const processes = 6
	paths := []string{path}
	for range processes - 1 {
		paths = append(paths, apart(t, path))
	}
	var mu sync.Mutex
	total := 0
	var wg sync.WaitGroup
	for _, p := range paths {
		wg.Go(func() {
			db, err := sqlite.Open(t.Context(), p)
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			steps, err := sqlite.Migrate(t.Context(), db)
			if err != nil {
				t.Error(err)
			}
			if err := sqlite.Check(t.Context(), db); err != nil {
				t.Error(err)
			}
			mu.Lock()
			total += steps
			mu.Unlock()
		})
	}
	wg.Wait()
	db := open(t, path)
	if n := count(t, db, `SELECT count(*) FROM goose_db_version WHERE version_id > 0`); n != total || total == 0 {
		t.Errorf("%d steps taken and %d recorded, want as many", total, n)
	}
	if steps, err := sqlite.Migrate(t.Context(), db); steps != 0 || err != nil {
		t.Errorf("migrate again: %d steps, error %v", steps, err)
	}
}

// What a file holds from before a group had a lifetime of its own lives on.
func TestMigrateGroups(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "f.db"))
	old, err := sql.Open("sqlite", db.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	provider, err := goose.NewProvider(goose.DialectSQLite3, old, migrations.SQLite, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	exec(t, db, `INSERT INTO arrivals (pipeline, grp, id, key, text, at, expires) VALUES
		('p', 'a', '1', 'k1', 'Acme rises', 10, 100), ('p', 'a', '2', 'k2', 'Acme falls', 20, 300), ('p', 'b', '3', 'k3', 'Beta rises', 30, 200)`)
	if steps, err := sqlite.Migrate(t.Context(), db); err != nil || steps == 0 {
		t.Fatalf("%d steps, %v", steps, err)
	}
	if n := count(t, db, `SELECT count(*) FROM arrivals a JOIN story_groups g USING (pipeline, grp)
		WHERE (a.grp, a.text, g.expires) IN (VALUES ('a', 'Acme rises', 300), ('a', 'Acme falls', 300), ('b', 'Beta rises', 200))`); n != 3 {
		t.Errorf("%d of 3 arrivals are there and expire with the last of their group", n)
	}
	if _, err := provider.DownTo(t.Context(), 5); err != nil {
		t.Error(err)
	}
	if n := count(t, db, `SELECT count(*) FROM arrivals WHERE (grp, expires) IN (VALUES ('a', 300), ('b', 200))`); n != 3 {
		t.Errorf("%d of 3 arrivals are there after the way back", n)
	}
}

func TestCheckNew(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "f.db"))
	err := sqlite.Check(t.Context(), db)
	if err == nil || !strings.Contains(err.Error(), "pipeline migrate") {
		t.Errorf("check a new file: %v, want what to do", err)
	}
}

// A file that stays locked keeps nobody waiting for longer than it must: neither do
// callers wait for one another's time to run out, nor beyond their own contexts.
func TestLockedFile(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for ten seconds")
	}
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f.db")
	one, two := open(t, path), open(t, apart(t, path))
	exec(t, one, `CREATE TABLE t (x)`)
	locked, release := make(chan struct{}), make(chan struct{})
	var locker sync.WaitGroup
	locker.Go(func() {
		_ = two.Write(t.Context(), func(*sqlite.Tx) error { close(locked); <-release; return nil })
	})
	<-locked
	insert := func(tx *sqlite.Tx) error { _, err := tx.Exec(`INSERT INTO t VALUES (1)`); return err }

	var callers sync.WaitGroup
	at := time.Now()
	callers.Go(func() {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := one.Write(ctx, insert); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a time limit: %v", err)
		}
		if took := time.Since(at); took > 2*time.Second {
			t.Errorf("with a time limit of 100ms it took %v", took)
		}
	})
	for range 20 {
		callers.Go(func() {
			if err := one.Write(t.Context(), insert); err == nil {
				t.Error("a locked file was written to")
			}
			if took := time.Since(at); took > 25*time.Second {
				t.Errorf("a caller waited %v", took)
			}
		})
	}
	callers.Wait()
	close(release)
	locker.Wait()
	exec(t, one, `INSERT INTO t VALUES (2)`)
	if n := count(t, one, `SELECT count(*) FROM t`); n != 1 {
		t.Errorf("%d rows: what was refused was written all the same", n)
	}
}
