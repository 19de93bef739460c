package postgres

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"catalyst/internal/store"
	"catalyst/internal/store/storetest"
	"catalyst/internal/testenv"
	"catalyst/migrations"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

func TestAnswers(t *testing.T) {
	storetest.Answers(t, func(tb testing.TB) store.Answers { return open(tb) })
}

func TestShelf(t *testing.T) {
	storetest.Shelf(t, func(tb testing.TB) storetest.AnswersShelf { return open(tb) })
}

func TestCosts(t *testing.T) {
	storetest.Costs(t, func(tb testing.TB) (one, other store.Costs) {
		db := migrated(tb)
		return openAs(tb, db, "one"), openAs(tb, db, "other")
	})
}

// Several programs that start at once, on a database that has seen none.
func TestMigrateAtOnce(t *testing.T) {
	db := schema(t)
	var mu sync.Mutex
	var total int
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			steps, err := Migrate(t.Context(), db)
			if err != nil {
				t.Errorf("migrate: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			total += steps
		})
	}
	wg.Wait()
	if files, err := fs.Glob(migrations.Postgres, "*.sql"); err != nil || total != len(files) {
		t.Errorf("%d steps by all together, want each of %q once", total, files)
	}
	if steps, err := Migrate(t.Context(), db); steps != 0 || err != nil {
		t.Errorf("migrate again: %d steps, error %v, want nothing to do", steps, err)
	}
}

// What an administrator must do is in the error, one thing after the other.
func TestMigrateWithoutPrivilege(t *testing.T) {
	const password = "correct-horse"
	admin := connect(t, testenv.Postgres(t))
	var super bool
	if err := admin.QueryRow(t.Context(), `SELECT rolsuper FROM pg_roles WHERE rolname = current_user`).Scan(&super); err != nil || !super {
		t.Skipf("DATABASE_URL names no superuser, who alone can make users and databases (error %v)", err)
	}
	name := unique()
	exec(t, admin, fmt.Sprintf(`CREATE ROLE %s LOGIN PASSWORD '%s'`, name, password))
	t.Cleanup(func() { exec(t, admin, `DROP ROLE `+name) })
	exec(t, admin, `CREATE DATABASE `+name)
	t.Cleanup(func() { exec(t, admin, `DROP DATABASE `+name+` WITH (FORCE)`) })

	inside := edit(t, func(u *url.URL) { u.Path = "/" + name })
	mine := edit(t, func(u *url.URL) {
		u.Path, u.User = "/"+name, url.UserPassword(name, password)
	})
	for _, next := range []string{"CREATE EXTENSION vector WITH SCHEMA public", "GRANT CREATE ON SCHEMA public TO "} {
		_, err := Migrate(t.Context(), mine)
		if err == nil || !strings.Contains(err.Error(), next) || strings.Contains(err.Error(), password) {
			// A user who may make tables in public, as before PostgreSQL 15, gets further.
			t.Fatalf("migrate: error %v, want the advice %q and no password", err, next)
		}
		exec(t, connect(t, inside), strings.Replace(next+name, "public"+name, "public", 1))
	}
	if _, err := Migrate(t.Context(), mine); err != nil {
		t.Fatalf("migrate: %v, after all that was advised", err)
	}
	a := openAt(t, mine)
	if err := a.Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
	if err := a.Remember(t.Context(), []store.Answer{sample("h", []float32{1})}); err != nil {
		t.Error(err)
	}
}

func TestNotMigrated(t *testing.T) {
	db := schema(t)
	a := openAt(t, db)
	for i := range 2 {
		err := a.Check(t.Context())
		if i == 0 && (err == nil || !strings.Contains(err.Error(), "pipeline migrate")) {
			t.Errorf("check: %v, want to be told to migrate", err)
		}
		if i == 1 && err != nil {
			t.Errorf("check: %v, after migrating", err)
		}
		if _, err := Migrate(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestErrorsHoldNoPassword(t *testing.T) {
	const password = "correct-horse"
	for _, bad := range []string{
		"postgres://user:correct-horse@host:port/db",
		"postgres://user:correct-horse@host:5432/db?sslmode=perhaps",
		"postgres://user:correct-horse@host:5432/db?pool_max_conns=many",
		"postgres://user:correct-horse%zz@host/db",
		"postgres://user:/correct-horse@host/db",
		"postgres://user:1?correct-horse@host/db",
		"postgres://user:1#correct-horse@host/db",
		"postgres://user:correct-horse @ho st/db",
		"postgress://user:correct-horse@host/db",
		"user=me password=correct-horse host='",
		"postgres://user:correct-horse@127.0.0.1:1/db?connect_timeout=1", // nobody listens
	} {
		a, err := Open(t.Context(), bad, "test")
		if err == nil {
			err = a.Ping(t.Context())
			a.Close()
		}
		if err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("open %q: error %v, want one without the password", bad, err)
		}
		if _, err = Migrate(t.Context(), bad); err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("migrate %q: error %v, want one without the password", bad, err)
		}
	}
}

// A vector without a direction is refused by name, and nothing of its batch kept.
func TestVectorsWithoutDirection(t *testing.T) {
	a := open(t)
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, v := range [][]float32{nil, {}, {0, 0}, {nan, 1}, {inf, 1}, make([]float32, 16001), make([]float32, 70000)} {
		err := a.Remember(t.Context(), []store.Answer{sample("good", []float32{1}), sample("bad", v)})
		if err == nil || !strings.Contains(err.Error(), "bad") {
			t.Errorf("remember %d dimensions: error %v, want the item named", len(v), err)
		}
		if _, err := a.Nearest(t.Context(), []store.Query{{Vector: v}}); err == nil {
			t.Errorf("nearest of %d dimensions: no error", len(v))
		}
	}
	if got, err := a.Nearest(t.Context(), []store.Query{{Hash: "good", Vector: []float32{1}}}); err != nil || got[0].Found {
		t.Errorf("nearest: %+v, error %v, want nothing", got, err)
	}
}

// An embedder that changes its dimension without changing its name finds nothing,
// and breaks nobody's lookup.
func TestDimensionsNeverMeet(t *testing.T) {
	a := open(t)
	if err := a.Remember(t.Context(), []store.Answer{sample("3", []float32{1, 0, 0}), sample("2", []float32{0, 1})}); err != nil {
		t.Fatal(err)
	}
	got, err := a.Nearest(t.Context(), []store.Query{{Vector: []float32{1, 0}}, {Vector: []float32{1, 0, 0}}, {Vector: []float32{1}}})
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Key != "2" || got[1].Key != "3" || got[2].Found {
		t.Errorf("found %+v, want each by its own dimension", got)
	}
}

// While somebody locks the table a call ends with its context, not later, and the
// store serves again afterwards.
func TestLockedTable(t *testing.T) {
	db := migrated(t)
	a := openAt(t, db)
	locker := connect(t, db)
	exec(t, locker, `BEGIN`)
	exec(t, locker, `LOCK TABLE pipeline_answers`)

	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := a.Nearest(short, []store.Query{{Vector: []float32{1}}}); err == nil || short.Err() == nil {
		t.Errorf("nearest: error %v, context %v, want it to end with its context", err, short.Err())
	}
	exec(t, locker, `COMMIT`)
	if _, err := a.Nearest(t.Context(), []store.Query{{Vector: []float32{1}}}); err != nil {
		t.Errorf("nearest: %v, after the lock is gone", err)
	}
}

// A server that ends every connection, as one that restarts does, costs at most
// the calls under way.
func TestServerEndsConnections(t *testing.T) {
	db := migrated(t)
	name := unique()
	a := openAt(t, db+"&application_name="+name)
	if err := a.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	admin := connect(t, db)
	var ended int
	err := admin.QueryRow(t.Context(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1`, name).Scan(&ended)
	if err != nil || ended != 1 {
		t.Fatalf("ended %d connections, error %v, want 1", ended, err)
	}
	for attempt := range 3 {
		if _, err = a.Nearest(t.Context(), []store.Query{{Vector: []float32{1}}}); err == nil {
			return
		}
		t.Logf("attempt %d: %v", attempt, err)
	}
	t.Errorf("nearest: %v, with a server that is back", err)
}

func TestAtLeast(t *testing.T) {
	for _, c := range []struct {
		version string
		want    bool
	}{{"0.8.0", true}, {"0.8", true}, {"0.10.1", true}, {"1.0", true}, {"0.7.4", false}, {"0", false}, {"", false}} {
		if got := atLeast(c.version, "0.8"); got != c.want {
			t.Errorf("atLeast(%q, 0.8) is %v", c.version, got)
		}
	}
}

// --- helpers

func sample(key string, v []float32) store.Answer {
	return store.Answer{Hash: key, Key: key, Vector: v, Value: []byte("{}"), At: time.Now(), Expires: time.Now().Add(time.Hour)}
}

func open(tb testing.TB) *Store { return openAt(tb, migrated(tb)) }

func openAt(tb testing.TB, url string) *Store { return openAs(tb, url, "test") }

func openAs(tb testing.TB, url, pipeline string) *Store {
	tb.Helper()
	a, err := Open(context.Background(), url, pipeline)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(a.Close)
	return a
}

func migrated(tb testing.TB) string {
	tb.Helper()
	db := schema(tb)
	if _, err := Migrate(tb.Context(), db); err != nil {
		tb.Fatal(err)
	}
	return db
}

// schema returns a URL whose tables are the test's own.
func schema(tb testing.TB) string {
	tb.Helper()
	admin, name := connect(tb, testenv.Postgres(tb)), unique()
	exec(tb, admin, `CREATE SCHEMA `+name)
	tb.Cleanup(func() { exec(tb, admin, `DROP SCHEMA `+name+` CASCADE`) })
	return edit(tb, func(u *url.URL) {
		q := u.Query()
		q.Set("search_path", name+",public")
		u.RawQuery = q.Encode()
	})
}

// edit changes the URL of the test server.
func edit(tb testing.TB, change func(*url.URL)) string {
	tb.Helper()
	u, err := url.Parse(testenv.Postgres(tb))
	if err != nil {
		tb.Fatal("DATABASE_URL is no URL") // and may hold a password
	}
	change(u)
	return u.String()
}

func connect(tb testing.TB, url string) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec(tb testing.TB, conn *pgx.Conn, sql string) {
	tb.Helper()
	if _, err := conn.Exec(context.Background(), sql); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
}

func unique() string { return "test_" + strings.ReplaceAll(uuid.NewString(), "-", "") }
