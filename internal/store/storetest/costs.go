package storetest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"catalyst/internal/store"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
)

// Costs runs the suite of [store.Costs]. Open returns the stores of two pipelines in
// one database.
func Costs(t *testing.T, open func(tb testing.TB) (one, other store.Costs)) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, store.Costs)
	}{
		{"nothing was spent where nothing is booked", costNothing},
		{"calls are summed up by what is asked for", costSums},
		{"a call counts towards each of its tickers with its share", costShares},
		{"shares add up to the whole", costSharesExact},
		{"a call is booked once", costTwice},
		{"a range has its beginning and not its end", costRange},
		{"days are those of UTC", costDays},
		{"the dearest come first", costOrder},
		{"sums are exact to 64 bits", costExact},
		{"hostile text is booked", costHostile},
		{"by what nobody knows is an error", costUnknownKey},
		{"calls are forgotten in batches, the oldest first", costForget},
		{"an empty batch asks nothing", costEmpty},
		{"a large batch", costMany},
		{"many that book the same book it once", costRace},
		{"a cancelled call is an error", costCancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := open(t)
			c.run(t, s)
		})
	}
	t.Run("pipelines are apart", func(t *testing.T) {
		one, other := open(t)
		costApart(t, one, other)
	})
}

// noon is when the calls of this suite are made.
var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func call(nano int64, tickers ...string) store.Call {
	return store.Call{
		ID: uuid.NewString(), At: noon, Key: "item", Source: "wire", Tickers: tickers, Provider: "cloud", Model: "small-1",
		Prompt: "news/3", Status: "ok", TokensIn: 1000, TokensCached: 200, TokensWritten: 10, TokensOut: 50,
		NanoDollars: nano, Latency: 1500 * time.Millisecond,
	}
}

func costNothing(t *testing.T, s store.Costs) {
	for _, by := range []store.CostKey{store.BySource, store.ByTicker, store.ByProvider, store.ByModel, store.ByDay} {
		wantSpent(t, s, by)
	}
}

func costSums(t *testing.T, s store.Costs) {
	a, b, c, d := call(100), call(30), call(5), call(0)
	b.Source, b.Model, b.TokensIn, b.TokensOut = "filings", "large-1", 7, 3
	c.Provider, c.Status, c.At = "local", "timeout", noon.Add(24*time.Hour)
	d.Source, d.Unpriced, d.Estimated = "", true, true
	book(t, s, a, b)
	book(t, s, c, d)
	wantSpent(t, s, store.BySource,
		store.Spending{Name: "wire", Calls: 2, Failed: 1, TokensIn: 2000, TokensOut: 100, NanoDollars: 105},
		store.Spending{Name: "filings", Calls: 1, TokensIn: 7, TokensOut: 3, NanoDollars: 30},
		store.Spending{Name: "", Calls: 1, Unpriced: 1, TokensIn: 1000, TokensOut: 50})
	wantSpent(t, s, store.ByProvider,
		store.Spending{Name: "cloud", Calls: 3, Unpriced: 1, TokensIn: 2007, TokensOut: 103, NanoDollars: 130},
		store.Spending{Name: "local", Calls: 1, Failed: 1, TokensIn: 1000, TokensOut: 50, NanoDollars: 5})
	wantSpent(t, s, store.ByModel,
		store.Spending{Name: "small-1", Calls: 3, Failed: 1, Unpriced: 1, TokensIn: 3000, TokensOut: 150, NanoDollars: 105},
		store.Spending{Name: "large-1", Calls: 1, TokensIn: 7, TokensOut: 3, NanoDollars: 30})
	wantSpent(t, s, store.ByDay,
		store.Spending{Name: "2026-03-14", Calls: 3, Unpriced: 1, TokensIn: 2007, TokensOut: 103, NanoDollars: 130},
		store.Spending{Name: "2026-03-15", Calls: 1, Failed: 1, TokensIn: 1000, TokensOut: 50, NanoDollars: 5})
}

func costShares(t *testing.T, s store.Costs) {
	book(t, s, call(11, "B", "A", "C"), call(100, "A"), call(1, "C", "C", "C"), call(7))
	share := func(name string, calls int, nano int64) store.Spending {
		return store.Spending{Name: name, Calls: calls, TokensIn: int64(1000 * calls), TokensOut: int64(50 * calls), NanoDollars: nano}
	}
	wantSpent(t, s, store.ByTicker, share("A", 2, 103), share("", 1, 7), share("B", 1, 5), share("C", 2, 4))
}

func costSharesExact(t *testing.T, s store.Costs) {
	var calls []store.Call
	var whole int64
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var tickers []string
		for range random.IntN(8) {
			tickers = append(tickers, fmt.Sprint("T", random.IntN(20)))
		}
		c := call(random.Int64N(1_000_000), tickers...)
		whole += c.NanoDollars
		calls = append(calls, c)
	}
	book(t, s, calls...)
	for _, by := range []store.CostKey{store.ByTicker, store.BySource, store.ByDay} {
		var sum int64
		for _, x := range spentAll(t, s, by) {
			sum += x.NanoDollars
		}
		if sum != whole {
			t.Errorf("by %s %d nano-dollars, want %d", by, sum, whole)
		}
	}
}

func costTwice(t *testing.T, s store.Costs) {
	a, b := call(10, "A", "B"), call(5, "B")
	book(t, s, a, a, b)
	book(t, s, b, a)
	changed := a
	changed.NanoDollars, changed.Tickers = 1000, []string{"C"}
	book(t, s, changed)
	wantSpent(t, s, store.ByTicker,
		store.Spending{Name: "B", Calls: 2, TokensIn: 2000, TokensOut: 100, NanoDollars: 10},
		store.Spending{Name: "A", Calls: 1, TokensIn: 1000, TokensOut: 50, NanoDollars: 5})
}

func costRange(t *testing.T, s store.Costs) {
	for i := range 5 {
		c := call(1 << i)
		c.At = noon.Add(time.Duration(i) * time.Microsecond)
		book(t, s, c)
	}
	late := call(1 << 5) // an end is not passed by rounding either
	late.At = noon.Add(5*time.Microsecond - time.Nanosecond)
	book(t, s, late)
	for _, c := range []struct {
		from, to int
		want     int64
	}{{0, 5, 63}, {1, 3, 6}, {2, 3, 4}, {2, 2, 0}, {3, 1, 0}, {4, 5, 48}, {5, 9, 0}, {-9, 1, 1}} {
		for _, by := range []store.CostKey{store.BySource, store.ByTicker} {
			from, to := noon.Add(time.Duration(c.from)*time.Microsecond), noon.Add(time.Duration(c.to)*time.Microsecond)
			var sum int64
			for _, x := range spentIn(t, s, from, to, by) {
				sum += x.NanoDollars
			}
			if sum != c.want {
				t.Errorf("by %s from %dµs to %dµs: %d, want %d", by, c.from, c.to, sum, c.want)
			}
		}
	}
}

func costDays(t *testing.T, s store.Costs) {
	east := time.FixedZone("east", 9*3600)
	for i, at := range []time.Time{
		time.Date(2026, 3, 15, 8, 59, 59, 999_999_999, east),
		time.Date(2026, 3, 15, 9, 0, 0, 0, east),
		time.Date(2026, 3, 15, 23, 59, 59, 999_999_999, time.UTC),
	} {
		c := call(int64(i + 1))
		c.At = at
		book(t, s, c)
	}
	got := map[string]int64{}
	for _, x := range spentAll(t, s, store.ByDay) {
		got[x.Name] = x.NanoDollars
	}
	if diff := cmp.Diff(map[string]int64{"2026-03-14": 1, "2026-03-15": 5}, got); diff != "" {
		t.Errorf("by day (-want +got):\n%s", diff)
	}
}

func costOrder(t *testing.T, s store.Costs) {
	for source, nano := range map[string]int64{"b": 5, "a": 5, "B": 5, "é": 5, "cheap": 0, "dear": 1000, "odd": -3} {
		c := call(nano)
		c.Source = source
		book(t, s, c)
	}
	var got []string
	for _, x := range spentAll(t, s, store.BySource) {
		got = append(got, x.Name)
	}
	if diff := cmp.Diff([]string{"dear", "B", "a", "b", "é", "cheap", "odd"}, got); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
}

func costExact(t *testing.T, s store.Costs) {
	const big = 1<<60 + 1
	a, b := call(big, "A", "B", "C"), call(2, "A")
	a.TokensIn = big
	book(t, s, a, b)
	got := spentAll(t, s, store.BySource)[0]
	if got.NanoDollars != big+2 || got.TokensIn != big+1000 {
		t.Errorf("spent %+v, want %d nano-dollars", got, big+2)
	}
	got = spentAll(t, s, store.ByTicker)[0]
	if want := int64(big/3 + big%3 + 2); got.Name != "A" || got.NanoDollars != want {
		t.Errorf("spent %+v, want %d on A", got, want)
	}
}

// costHostile books whatever feeds send. What is text comes back as it was; bytes
// that are none come back as �.
func costHostile(t *testing.T, s store.Costs) {
	shown := func(text string) string {
		return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
	}
	want := map[string]int64{}
	for i, text := range hostile {
		c := call(int64(i+1), text)
		c.Key, c.Source, c.Provider, c.Model, c.Prompt, c.Status = text, text, text, text, text, text
		book(t, s, c)
		want[shown(text)] += c.NanoDollars
	}
	for _, by := range []store.CostKey{store.BySource, store.ByTicker, store.ByProvider, store.ByModel} {
		got := map[string]int64{}
		for _, x := range spentAll(t, s, by) {
			got[x.Name] = x.NanoDollars
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("by %s (-want +got):\n%s", by, diff)
		}
	}
	odd := call(1, hostile...)
	odd.At = noon.Add(time.Hour)
	book(t, s, odd)
	if got := spentIn(t, s, odd.At, odd.At.Add(1), store.ByTicker); len(got) != 0 {
		t.Errorf("an empty range holds %+v", got)
	}
	if got := spentIn(t, s, odd.At, odd.At.Add(time.Hour), store.ByTicker); len(got) != len(want) {
		t.Errorf("%d tickers, want %d", len(got), len(want))
	}
}

func costUnknownKey(t *testing.T, s store.Costs) {
	for _, by := range []store.CostKey{"", "id", "source; --"} {
		if got, err := s.Spent(t.Context(), noon, noon, by); err == nil {
			t.Errorf("by %q: %+v and no error", by, got)
		}
	}
}

func costForget(t *testing.T, s store.Costs) {
	for i := range 10 {
		c := call(1<<i, "A", "B")
		c.At = noon.Add(time.Duration(9-i) * time.Hour) // the dearest are the oldest
		book(t, s, c)
	}
	before := noon.Add(5 * time.Hour) // the sixth of ten is not before
	for _, c := range []struct {
		limit, want int
		left        int64
	}{{0, 0, 1023}, {-1, 0, 1023}, {2, 2, 255}, {2, 2, 63}, {100, 1, 31}, {100, 0, 31}} {
		n, err := s.Forget(t.Context(), before, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		if n != c.want {
			t.Errorf("forgot %d of at most %d, want %d", n, c.limit, c.want)
		}
		var left int64
		for _, x := range spentAll(t, s, store.ByTicker) {
			left += x.NanoDollars
		}
		if left != c.left {
			t.Errorf("%d is left, want %d", left, c.left)
		}
	}
}

func costEmpty(t *testing.T, s store.Costs) {
	book(t, s)
	wantSpent(t, s, store.BySource)
}

func costMany(t *testing.T, s store.Costs) {
	calls := make([]store.Call, many)
	for i := range calls {
		calls[i] = call(1, "A", fmt.Sprint("T", i%7))
		calls[i].Source = fmt.Sprint("source ", i%3)
	}
	book(t, s, calls...)
	var n int
	for _, x := range spentAll(t, s, store.BySource) {
		n += x.Calls
	}
	if n != many {
		t.Errorf("%d calls, want %d", n, many)
	}
	if forgot, err := s.Forget(t.Context(), noon.Add(time.Hour), many-1); err != nil || forgot != many-1 {
		t.Errorf("forgot %d, error %v, want %d", forgot, err, many-1)
	}
}

func costRace(t *testing.T, s store.Costs) {
	calls := make([]store.Call, 50)
	for i := range calls {
		calls[i] = call(2, "A", "B")
	}
	var wg sync.WaitGroup
	for range 16 {
		batch := append([]store.Call(nil), calls...)
		rand.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
		wg.Go(func() {
			if err := s.Book(t.Context(), batch); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	wantSpent(t, s, store.ByTicker,
		store.Spending{Name: "A", Calls: 50, TokensIn: 50_000, TokensOut: 2500, NanoDollars: 50},
		store.Spending{Name: "B", Calls: 50, TokensIn: 50_000, TokensOut: 2500, NanoDollars: 50})
}

func costCancelled(t *testing.T, s store.Costs) {
	if err := s.Book(cancelled(), []store.Call{call(1)}); err == nil {
		t.Error("book: no error")
	}
	if got, err := s.Spent(cancelled(), noon, noon.Add(1), store.BySource); err == nil {
		t.Errorf("spent: %+v and no error", got)
	}
	if n, err := s.Forget(cancelled(), noon, 1); err == nil {
		t.Errorf("forgot %d and no error", n)
	}
}

func costApart(t *testing.T, one, other store.Costs) {
	c := call(10, "A")
	book(t, one, c)
	wantSpent(t, other, store.BySource)
	c.NanoDollars = 7 // the same call by its ID, but another pipeline's
	book(t, other, c)
	if n, err := other.Forget(t.Context(), noon.Add(time.Hour), 100); err != nil || n != 1 {
		t.Errorf("forgot %d, error %v, want 1", n, err)
	}
	for _, by := range []store.CostKey{store.BySource, store.ByTicker} {
		if got := spentAll(t, one, by); len(got) != 1 || got[0].NanoDollars != 10 {
			t.Errorf("by %s %+v, want 10", by, got)
		}
		wantSpent(t, other, by)
	}
}

func book(t *testing.T, s store.Costs, calls ...store.Call) {
	t.Helper()
	if err := s.Book(t.Context(), calls); err != nil {
		t.Fatalf("book: %v", err)
	}
}

func spentIn(t *testing.T, s store.Costs, from, to time.Time, by store.CostKey) []store.Spending {
	t.Helper()
	got, err := s.Spent(t.Context(), from, to, by)
	if err != nil {
		t.Fatalf("spent by %s: %v", by, err)
	}
	return got
}

func spentAll(t *testing.T, s store.Costs, by store.CostKey) []store.Spending {
	t.Helper()
	return spentIn(t, s, time.Time{}, noon.AddDate(1, 0, 0), by)
}

func wantSpent(t *testing.T, s store.Costs, by store.CostKey, want ...store.Spending) {
	t.Helper()
	if diff := cmp.Diff(want, spentAll(t, s, by), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("by %s (-want +got):\n%s", by, diff)
	}
}
