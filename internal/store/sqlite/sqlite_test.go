package sqlitestore_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"catalyst/internal/sqlite"
	"catalyst/internal/store"
	sqlitestore "catalyst/internal/store/sqlite"
	"catalyst/internal/store/storetest"
	"catalyst/internal/testenv"
)

func open(tb testing.TB, path, pipeline string) *sqlitestore.Store {
	tb.Helper()
	s, err := sqlitestore.Open(context.Background(), path, pipeline)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

func TestLedger(t *testing.T) {
	storetest.Ledger(t, func(tb testing.TB) store.Ledger { return open(tb, testenv.File(tb), "p") })
}

func TestEmbeddings(t *testing.T) {
	storetest.Embeddings(t, func(tb testing.TB) store.Embeddings { return open(tb, testenv.File(tb), "p") })
}

func TestAnswers(t *testing.T) {
	storetest.Answers(t, func(tb testing.TB) store.Answers { return open(tb, testenv.File(tb), "p") })
}

func TestShelf(t *testing.T) {
	storetest.Shelf(t, func(tb testing.TB) storetest.AnswersShelf { return open(tb, testenv.File(tb), "p") })
}

func TestMeters(t *testing.T) {
	storetest.Meters(t, func(tb testing.TB) [2]store.Meters {
		stores := processes(tb)
		return [2]store.Meters{stores[0], stores[1]}
	})
}

func TestStories(t *testing.T) {
	storetest.Stories(t, func(tb testing.TB) [2]store.Stories {
		stores := processes(tb)
		return [2]store.Stories{stores[0], stores[1]}
	})
}

func BenchmarkTake(b *testing.B) { storetest.BenchmarkTake(b, open(b, testenv.File(b), "p")) }

func TestNotes(t *testing.T) {
	storetest.Notes(t, func(tb testing.TB) store.Notes { return open(tb, testenv.File(tb), "p") })
}

func TestCosts(t *testing.T) {
	storetest.Costs(t, func(tb testing.TB) (one, other store.Costs) {
		path := testenv.File(tb)
		return open(tb, path, "one"), open(tb, path, "other")
	})
}

// processes opens a file twice, as two processes would. Another way to the same file
// is as good as another process: nothing but the file is shared.
func processes(tb testing.TB) []*sqlitestore.Store {
	tb.Helper()
	if runtime.GOOS == "windows" {
		tb.Skip("links need a privilege")
	}
	path := testenv.File(tb)
	link := filepath.Join(tb.TempDir(), "link")
	if err := os.Symlink(filepath.Dir(path), link); err != nil {
		tb.Fatal(err)
	}
	return []*sqlitestore.Store{open(tb, path, "p"), open(tb, filepath.Join(link, filepath.Base(path)), "p")}
}

// Pipelines in one file do not take one another's items for duplicates.
func TestPipelinesApart(t *testing.T) {
	path := testenv.File(t)
	one, two := open(t, path, "one"), open(t, path, "two")
	for _, s := range []*sqlitestore.Store{one, two} {
		mine := fmt.Sprintf("%p", s)
		joined, err := s.Join(t.Context(), []store.Arrival{{Key: "k", ID: mine, Group: "g"}}, store.Keep{Key: time.Hour, Story: time.Hour})
		if err != nil || joined[0].Owner != mine || len(joined[0].Before) != 0 {
			t.Errorf("joined %+v, error %v, want it to own the key alone", joined, err)
		}
	}
	if err := one.Record(t.Context(), []store.Effect{{Key: "k", ID: "1"}}, time.Hour); err != nil {
		t.Fatal(err)
	}
	if got, err := two.Effects(t.Context(), []string{"k"}); err != nil || got[0].ID != "" {
		t.Errorf("the other pipeline's effect %+v, error %v", got, err)
	}
	if err := one.Note(t.Context(), "k", []byte("v"), time.Hour); err != nil {
		t.Fatal(err)
	}
	if got, err := two.Notes(t.Context(), []string{"k"}); err != nil || got[0] != nil {
		t.Errorf("the other pipeline's note %q, error %v", got, err)
	}
	for _, s := range []*sqlitestore.Store{one, two} {
		taken, err := s.Take(t.Context(), []store.Meter{
			{Counters: []string{"k"}, Amount: 1, Limit: 1, Keep: time.Hour},
			{Counters: []string{"p"}, Amount: 1, Limit: 1, Holder: "m", Keep: time.Hour},
		})
		if err != nil || !taken.OK {
			t.Errorf("taken %+v, error %v", taken, err)
		}
	}
}

// What has expired leaves the file.
func TestPurge(t *testing.T) {
	path := testenv.File(t)
	s := open(t, path, "p")
	ctx := t.Context()
	for i := range 50 {
		key := fmt.Sprint(i)
		past := store.Keep{Key: -time.Second, Story: -time.Second}
		if _, err := s.Join(ctx, []store.Arrival{{Key: key, ID: "m", Group: key}}, past); err != nil {
			t.Fatal(err)
		}
		if err := s.Yield(ctx, []store.Yield{{Key: key, ID: "x", To: key}}, past); err != nil {
			t.Fatal(err)
		}
		if err := s.Record(ctx, []store.Effect{{Key: key, ID: "1"}}, -time.Second); err != nil {
			t.Fatal(err)
		}
		if err := s.Keep(ctx, "space", map[string][]float32{key: {1}}, -time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if got := rows(t, path, "claims", "arrivals", "story_groups", "sightings", "effects", "embeddings"); slices.Max(got) != 0 {
		t.Errorf("%v expired rows of claims, arrivals, groups, sightings, effects and embeddings", got)
	}
}

// A group that has ended, of which nobody has purged anything yet, begins anew: those before
// do not come back with the first of the next.
func TestAGroupBeginsAnew(t *testing.T) {
	s := open(t, testenv.File(t), "p")
	now := time.Unix(1_800_000_000, 0)
	s.SetClock(func() time.Time { return now })
	keep := store.Keep{Key: time.Hour, Story: time.Minute, Recent: time.Minute}
	for i, c := range []struct {
		id     string
		after  time.Duration
		before int
	}{{"a", 0, 0}, {"b", 59 * time.Second, 1}, {"c", 59 * time.Second, 2}, {"d", time.Minute, 0}, {"e", 0, 1}} {
		now = now.Add(c.after)
		joined, err := s.Join(t.Context(), []store.Arrival{{Key: c.id, ID: c.id, Group: "g", At: now}}, keep)
		if err != nil || len(joined[0].Before) != c.before {
			t.Errorf("%d: %d stand before %s, %v; want %d", i, len(joined[0].Before), c.id, err, c.before)
		}
	}
}

// What counted for a short time leaves the file with the next that counts.
func TestPurgeMeters(t *testing.T) {
	path := testenv.File(t)
	s := open(t, path, "p")
	ctx := t.Context()
	var meters []store.Meter
	var names []string
	for i := range 50 {
		names = append(names, fmt.Sprint(i))
		meters = append(meters,
			store.Meter{Counters: names[i:], Amount: 1, Limit: 1, Keep: time.Millisecond},
			store.Meter{Counters: []string{"p"}, Amount: 1, Limit: -1, Holder: names[i], Keep: time.Millisecond})
		if err := s.Note(ctx, names[i], []byte("v"), time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Add(ctx, meters); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		got, err := s.Used(ctx, append(names, "p"))
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("used %v, error %v", got, err)
		}
		if slices.Max(got) == 0 {
			break
		}
	}
	if err := s.Add(ctx, []store.Meter{{Counters: []string{"last"}, Keep: time.Hour}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Note(ctx, "last", []byte("v"), time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := rows(t, path, "meters", "holders", "notes"); !slices.Equal(got, []int{1, 0, 1}) {
		t.Errorf("%v rows of meters, holders and notes, want what has not expired", got)
	}
}

// With a call its tickers leave the file.
func TestForgetTickers(t *testing.T) {
	path := testenv.File(t)
	s := open(t, path, "p")
	for i := range 3 {
		c := store.Call{ID: fmt.Sprint(i), At: time.Unix(int64(i), 0), Tickers: []string{"A", "B"}}
		if err := s.Book(t.Context(), []store.Call{c}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.Forget(t.Context(), time.Unix(2, 0), 10); err != nil || n != 2 {
		t.Errorf("forgot %d, error %v, want 2", n, err)
	}
	if got := rows(t, path, "calls", "call_tickers"); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("%v rows of calls and their tickers, want 1 and 2", got)
	}
}

func rows(t *testing.T, path string, tables ...string) []int {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	counts := make([]int, len(tables))
	for i, table := range tables {
		if err := db.Read().QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&counts[i]); err != nil {
			t.Fatal(err)
		}
	}
	return counts
}

// A vector that is not what the contract says is never a perfect match.
func TestOddVectors(t *testing.T) {
	s := open(t, testenv.File(t), "p")
	scope := store.Scope{Namespace: "n"}
	nan := float32(math.NaN())
	for i, v := range [][]float32{{0, 0}, {nan, 1}, {1}, {}, {1, 2, 3}} {
		a := store.Answer{Scope: scope, Hash: fmt.Sprint(i), Vector: v, Key: "odd", At: time.Now(), Expires: time.Now().Add(time.Hour)}
		if err := s.Remember(t.Context(), []store.Answer{a}); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range [][]float32{{0, 0}, {nan, 1}, {1, 0}, nil} {
		got, err := s.Nearest(t.Context(), []store.Query{{Scope: scope, Hash: "other", Vector: v}})
		if err != nil {
			t.Fatal(err)
		}
		if got[0].Found {
			t.Errorf("%v matches by %v", v, got[0].Similarity)
		}
	}
}

func BenchmarkNearest(b *testing.B) {
	s := open(b, testenv.File(b), "p")
	scope := store.Scope{Namespace: "n", Tickers: "AAPL"}
	var answers []store.Answer
	for i := range 1_000 {
		v := make([]float32, 512)
		v[i%512] = 1
		answers = append(answers, store.Answer{Scope: scope, Hash: fmt.Sprint(i), Vector: v, At: time.Now(), Expires: time.Now().Add(time.Hour)})
	}
	if err := s.Remember(b.Context(), answers); err != nil {
		b.Fatal(err)
	}
	q := []store.Query{{Scope: scope, Hash: "x", Vector: answers[7].Vector}}
	for b.Loop() {
		if _, err := s.Nearest(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
}
