package costs_test

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"catalyst/internal/llm/costs"
	"catalyst/internal/sqlite"
	"catalyst/internal/store"
	sqlitestore "catalyst/internal/store/sqlite"
)

func embedded(tb testing.TB) store.Costs {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "costs.db")
	db, err := sqlite.Open(tb.Context(), path)
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	if _, err := sqlite.Migrate(tb.Context(), db); err != nil {
		tb.Fatal(err)
	}
	s, err := sqlitestore.Open(tb.Context(), path, "costs")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

func call(i int) store.Call {
	return store.Call{ID: uuid.NewString(), At: time.Now(), Source: fmt.Sprintf("wire-%d", i%2), Tickers: []string{"ACME", "BOLT"},
		Provider: "anthropic", Model: "claude-haiku-5-5", Status: "ok", TokensIn: 500, TokensOut: 300, NanoDollars: 200_000}
}

// What was added, some of it twice, is in a real store when the book is closed.
func TestEmbeddedStore(t *testing.T) {
	s := embedded(t)
	book := costs.New(func() (store.Costs, error) { return s, nil }, 7*24*time.Hour, slog.New(slog.DiscardHandler))
	for i := range 1000 {
		c := call(i)
		book.Add(c)
		if i%10 == 0 {
			book.Add(c)
		}
	}
	if err := book.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := s.Spent(t.Context(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour), store.BySource)
	if err != nil {
		t.Fatal(err)
	}
	each := store.Spending{Calls: 500, TokensIn: 500 * 500, TokensOut: 500 * 300, NanoDollars: 500 * 200_000}
	one, two := each, each
	one.Name, two.Name = "wire-0", "wire-1"
	if diff := cmp.Diff([]store.Spending{one, two}, got); diff != "" {
		t.Error(diff)
	}
}

// What a message pays for being booked.
func BenchmarkAdd(b *testing.B) {
	s := embedded(b)
	book := costs.New(func() (store.Costs, error) { return s, nil }, time.Hour, slog.New(slog.DiscardHandler))
	c := call(0)
	b.ReportAllocs()
	for b.Loop() {
		book.Add(c)
	}
	b.StopTimer()
	book.Close()
}
