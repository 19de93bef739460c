package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/internal/store"
)

// AnswersShelf is what the suite of [store.Shelf] wants: answers, and hands on them.
type AnswersShelf interface {
	store.Answers
	store.Shelf
}

// Shelf runs the suite of [store.Shelf].
func Shelf(t *testing.T, open func(tb testing.TB) AnswersShelf) {
	s := open(t)
	if stocks, err := s.Stocks(t.Context()); err != nil || len(stocks) != 0 {
		t.Errorf("stocks of nothing: %v, error %v", stocks, err)
	}
	now := time.Now().Truncate(time.Second)
	a := answer(store.Scope{Namespace: "news/en/1", Tickers: "AAPL,MSFT"}, "a", direction(1))
	b := answer(store.Scope{Namespace: "news/en/1", Tickers: "MSFT"}, "b", direction(2))
	c := answer(store.Scope{Namespace: "filing/1", Tickers: "SOFT"}, "c", direction(3))
	a.At, b.At, c.At = now, now.Add(-time.Hour), now.Add(-2*time.Hour)
	b.Expires = now.Add(-time.Minute)
	remember(t, s, c, a, b)

	stocks, err := s.Stocks(t.Context())
	if err != nil || len(stocks) != 2 || stocks[0].Namespace != "news/en/1" || stocks[0].Rows != 2 || stocks[0].Expired != 1 ||
		!stocks[0].Oldest.Equal(b.At) || !stocks[0].Newest.Equal(a.At) || stocks[1].Rows != 1 {
		t.Errorf("stocks %+v, error %v", stocks, err)
	}
	hashes := func(sel store.Selection, limit int) string {
		t.Helper()
		kept, err := s.Kept(t.Context(), sel, limit)
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, k := range kept {
			found = append(found, k.Hash)
		}
		return strings.Join(found, " ")
	}
	selections := []struct {
		name string
		sel  store.Selection
		want string
	}{
		{"all", store.Selection{}, "a b c"},
		{"ticker", store.Selection{Ticker: "MSFT"}, "a b"},
		{"part of a ticker", store.Selection{Ticker: "SOF"}, ""},
		{"a hostile ticker", store.Selection{Ticker: "' OR 1=1 --%"}, ""},
		{"namespace", store.Selection{Namespace: "news/"}, "a b"},
		{"namespace in the middle", store.Selection{Namespace: "en"}, ""},
		{"key", store.Selection{Key: "item c"}, "c"},
		{"age", store.Selection{Before: now.Add(-time.Minute)}, "b c"},
		{"all of them", store.Selection{Ticker: "MSFT", Before: now.Add(-time.Minute), Namespace: "news/en/1", Key: "item b"}, "b"},
	}
	for _, x := range selections {
		if got := hashes(x.sel, 10); got != x.want {
			t.Errorf("%s: %q, want %q", x.name, got, x.want)
		}
	}
	if got := hashes(store.Selection{}, 2); got != "a b" {
		t.Errorf("two of all: %q, want the newest", got)
	}
	kept, err := s.Kept(t.Context(), store.Selection{Key: a.Key}, 1)
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept %v, error %v", kept, err)
	}
	kept[0].At, kept[0].Expires, a.At, a.Expires = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	if diff := cmp.Diff(a, kept[0]); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	for _, step := range []struct {
		sel   store.Selection
		limit int
		want  int
		left  string
	}{
		{store.Selection{Ticker: "NONE"}, 10, 0, "a b c"},
		{store.Selection{}, 0, 0, "a b c"},
		{store.Selection{Before: now.Add(-90 * time.Minute)}, 10, 1, "a b"},
		{store.Selection{Ticker: "AAPL"}, 10, 1, "b"},
		{store.Selection{}, 10, 1, ""},
	} {
		if n, err := s.Purge(t.Context(), step.sel, step.limit); err != nil || n != step.want || hashes(store.Selection{}, 10) != step.left {
			t.Errorf("purge %+v: %d, error %v, left %q; want %d and %q", step.sel, n, err, hashes(store.Selection{}, 10), step.want, step.left)
		}
	}
	if _, err := s.Stocks(cancelled()); err == nil {
		t.Error("stocks: no error of a cancelled call")
	}
	t.Run("purged while serving", func(t *testing.T) { purgeWhileServing(t, s) })
}
