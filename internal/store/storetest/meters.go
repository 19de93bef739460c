package storetest

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"catalyst/internal/store"

	"github.com/google/go-cmp/cmp"
)

// Meters runs the suite of [store.Meters]. Open returns the same store by two
// connections, as two processes would have it.
func Meters(t *testing.T, open func(tb testing.TB) [2]store.Meters) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, store.Meters)
	}{
		{"a limit can be reached and not passed", meterLimit},
		{"all amounts are taken or none", meterAllOrNothing},
		{"the first meter that is full is named", meterFirstFull},
		{"a window is the sum of its counters", meterWindow},
		{"a negative limit counts and is never full", meterUnlimited},
		{"what is settled makes room, or takes more than there is", meterSettle},
		{"numbers are exact to 64 bits", meterExact},
		{"a counter that two meters share counts for both", meterShared},
		{"a counter expires after it was last added to", meterExpires},
		{"so many holders have a place", holderLimit},
		{"a second take by a holder keeps its one place", holderAgain},
		{"a place is given back", holderGivesBack},
		{"a place ends unless it is renewed", holderExpires},
		{"a place that was lost cannot be renewed", holderLost},
		{"a place is added whatever the limit", holderAdded},
		{"places are taken with everything else or not at all", holderAllOrNothing},
		{"answers come in the order asked", meterOrder},
		{"hostile names are told apart", meterHostile},
		{"an empty batch asks nothing", meterNothing},
		{"what cannot be a meter is an error", meterUnsound},
		{"a large batch", meterMany},
		{"a cancelled call is an error", meterCancelled},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)[0]) })
	}
	for _, c := range []struct {
		name string
		run  func(*testing.T, [2]store.Meters)
	}{
		{"many at once never take more than there is", meterRace},
		{"many at once never have more places than there are", holderRace},
		{"many at once settle exactly", settleRace},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// BenchmarkTake takes of 6 meters at once, as the router does for one call: requests
// and tokens of a sliding minute, requests and money of a day, a source's money and a
// place.
func BenchmarkTake(b *testing.B, s store.Meters) {
	minute := func(name string) (counters []string) {
		for i := range 13 {
			counters = append(counters, fmt.Sprint(name, " ", i))
		}
		return counters
	}
	meters := []store.Meter{
		{Counters: minute("requests"), Amount: 1, Limit: math.MaxInt64, Keep: time.Hour},
		{Counters: minute("tokens"), Amount: 1200, Limit: math.MaxInt64, Keep: time.Hour},
		{Counters: []string{"day"}, Amount: 1, Limit: math.MaxInt64, Keep: time.Hour},
		{Counters: []string{"money"}, Amount: 1_000_000, Limit: math.MaxInt64, Keep: time.Hour},
		{Counters: []string{"source"}, Amount: 1_000_000, Limit: math.MaxInt64, Keep: time.Hour},
		{Counters: []string{"places"}, Amount: 1, Limit: 5, Holder: "me", Keep: time.Hour},
	}
	b.Run("alone", func(b *testing.B) {
		for b.Loop() {
			if taken, err := s.Take(b.Context(), meters); err != nil || !taken.OK {
				b.Fatal(taken, err)
			}
		}
	})
	b.Run("50 at once", func(b *testing.B) {
		b.SetParallelism(50)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if taken, err := s.Take(b.Context(), meters); err != nil || !taken.OK {
					b.Error(taken, err)
					return
				}
			}
		})
	})
}

func meterLimit(t *testing.T, s store.Meters) {
	wantTaken(t, s, true, meter("a", 3, 10))
	wantTaken(t, s, true, meter("a", 7, 10))
	wantUsed(t, s, "a", 10)
	wantTaken(t, s, false, meter("a", 1, 10))
	wantTaken(t, s, true, meter("a", 0, 10))
	wantTaken(t, s, true, meter("a", 1, 11)) // limits may change
	wantTaken(t, s, false, meter("a", 0, 10))
	wantTaken(t, s, false, meter("b", 11, 10))
	wantTaken(t, s, false, meter("c", 1, 0))
	wantUsed(t, s, "a", 11)
	wantUsed(t, s, "b", 0)
}

func meterAllOrNothing(t *testing.T, s store.Meters) {
	add(t, s, meter("full", 10, 10))
	for i := range 4 {
		batch := []store.Meter{meter("a", 1, 10), meter("b", 1, 10), meter("c", 1, 10), place("d", "me", 10)}
		batch = append(batch[:i:i], append([]store.Meter{meter("full", 1, 10)}, batch[i:]...)...)
		wantFull(t, s, i, []int64{10}, batch...)
	}
	if diff := cmp.Diff([]int64{0, 0, 0, 0, 10}, used(t, s, "a", "b", "c", "d", "full")); diff != "" {
		t.Errorf("used (-want +got):\n%s", diff)
	}
}

func meterFirstFull(t *testing.T, s store.Meters) {
	add(t, s, meter("x", 5, 0), meter("y", 6, 0), placed("z", "somebody"))
	wantFull(t, s, 1, []int64{5}, meter("a", 1, 10), meter("x", 1, 5), meter("y", 1, 6))
	wantFull(t, s, 0, []int64{6}, meter("y", 1, 6), meter("x", 1, 5))
	wantFull(t, s, 2, []int64{1}, meter("a", 1, 10), meter("x", 1, 6), place("z", "me", 1), meter("y", 1, 6))
}

func meterWindow(t *testing.T, s store.Meters) {
	second := func(newest, amount int) store.Meter {
		m := store.Meter{Amount: int64(amount), Limit: 10, Keep: time.Hour}
		for i := range 3 {
			m.Counters = append(m.Counters, fmt.Sprint("second ", newest-i))
		}
		return m
	}
	wantTaken(t, s, true, second(5, 4))
	wantTaken(t, s, true, second(6, 4))
	wantTaken(t, s, true, second(7, 2))
	wantFull(t, s, 0, []int64{2, 4, 4}, second(7, 1))
	wantFull(t, s, 0, []int64{0, 2, 4}, second(8, 5)) // of 5 nothing counts any more
	wantTaken(t, s, true, second(8, 4))
	wantTaken(t, s, true, second(20, 10))
	wantUsed(t, s, "second 7", 2)
}

func meterUnlimited(t *testing.T, s store.Meters) {
	for range 3 {
		wantTaken(t, s, true, meter("a", math.MaxInt64/4, -1), meter("b", 7, math.MinInt64))
	}
	wantUsed(t, s, "a", math.MaxInt64/4*3)
	wantUsed(t, s, "b", 21)
	for _, holder := range []string{"m1", "m2", "m3"} {
		wantTaken(t, s, true, place("c", holder, -1))
	}
	wantUsed(t, s, "c", 3)
}

func meterSettle(t *testing.T, s store.Meters) {
	wantTaken(t, s, true, meter("a", 10, 10), meter("b", 10, 10))
	add(t, s, meter("a", -4, 0), meter("b", 5, 0))
	wantUsed(t, s, "a", 6)
	wantUsed(t, s, "b", 15)
	wantTaken(t, s, false, meter("a", 5, 10))
	wantTaken(t, s, true, meter("a", 4, 10))
	wantTaken(t, s, false, meter("b", 0, 10))
	add(t, s, meter("c", -5, 0))
	wantUsed(t, s, "c", -5)
	wantTaken(t, s, true, meter("c", 15, 10))
	wantTaken(t, s, true, meter("c", -3, 10))
	wantUsed(t, s, "c", 7)
}

// meterExact counts where numbers with a point would not.
func meterExact(t *testing.T, s store.Meters) {
	const big = 1<<53 + 1
	wantTaken(t, s, true, meter("a", big, big+2))
	wantUsed(t, s, "a", big)
	wantTaken(t, s, false, meter("a", 3, big+2))
	wantTaken(t, s, true, meter("a", 1, big+2))
	wantTaken(t, s, true, meter("a", 1, big+2))
	wantFull(t, s, 0, []int64{big + 2}, meter("a", 1, big+2))

	add(t, s, meter("b", math.MaxInt64-1, 0), meter("c", math.MinInt64+1, 0))
	wantTaken(t, s, true, meter("b", 1, math.MaxInt64))
	wantTaken(t, s, false, meter("b", 1, math.MaxInt64))
	wantTaken(t, s, true, meter("c", math.MaxInt64, 0))
	wantTaken(t, s, false, meter("c", 1, 0))
	wantUsed(t, s, "b", math.MaxInt64)

	add(t, s, meter("d", 999_999_999, 0), meter("e", -1, 0), meter("f", 1_000_000_001, 0))
	m := store.Meter{Counters: []string{"d", "e", "f"}, Limit: 2_000_000_000, Keep: time.Hour}
	for _, c := range []struct {
		amount int64
		want   bool
	}{{2, false}, {1, true}, {1, false}, {0, true}, {-2_000_000_000, true}, {2_000_000_001, false}} {
		m.Amount = c.amount
		wantTaken(t, s, c.want, m)
	}
}

func meterShared(t *testing.T, s store.Meters) {
	wantTaken(t, s, false, meter("a", 6, 10), meter("a", 6, 10))
	wantUsed(t, s, "a", 0)
	wantTaken(t, s, true, meter("a", 5, 10), meter("a", 5, 10))
	wantUsed(t, s, "a", 10)
	wantTaken(t, s, false, place("p", "m1", 1), place("p", "m2", 1))
	wantUsed(t, s, "p", 0)
	wantTaken(t, s, true, place("p", "m1", 1), place("p", "m1", 1))
	wantUsed(t, s, "p", 1)
}

func meterExpires(t *testing.T, s store.Meters) {
	const short = 300 * time.Millisecond
	start := time.Now()
	brief := store.Meter{Counters: []string{"brief"}, Amount: 5, Limit: 5, Keep: short}
	wantTaken(t, s, true, brief, meter("long", 5, 5))
	eventually(t, "the brief counter has room again", func() bool {
		taken, err := s.Take(t.Context(), []store.Meter{brief})
		if err != nil {
			t.Fatal(err)
		}
		return taken.OK
	})
	if kept := time.Since(start); kept < short {
		t.Errorf("kept for %v, want at least %v", kept, short)
	}
	wantUsed(t, s, "long", 5)

	add(t, s, store.Meter{Counters: []string{"brief"}, Amount: -1, Keep: time.Hour}) // a later keep counts
	wantUsed(t, s, "brief", 4)
	add(t, s, store.Meter{Counters: []string{"long"}, Amount: 1, Keep: short})
	eventually(t, "the long counter has expired", func() bool { return used(t, s, "long")[0] == 0 })
	wantUsed(t, s, "brief", 4)
}

func holderLimit(t *testing.T, s store.Meters) {
	wantTaken(t, s, true, place("p", "m1", 2))
	wantTaken(t, s, true, place("p", "m2", 2))
	wantFull(t, s, 0, []int64{2}, place("p", "m3", 2))
	wantUsed(t, s, "p", 2)
	wantTaken(t, s, true, place("p", "m3", 3))
	wantTaken(t, s, false, place("q", "m1", 0))
}

func holderAgain(t *testing.T, s store.Meters) {
	for range 3 {
		wantTaken(t, s, true, place("p", "m1", 1))
	}
	wantUsed(t, s, "p", 1)
	wantTaken(t, s, true, place("p", "m1", 0)) // even if there are fewer places now
	wantTaken(t, s, false, place("p", "m2", 1))
}

func holderGivesBack(t *testing.T, s store.Meters) {
	wantTaken(t, s, true, place("p", "m1", 1))
	back(t, s, "p", "m2") // who has none
	wantTaken(t, s, false, place("p", "m2", 1))
	back(t, s, "p", "m1")
	back(t, s, "p", "m1")
	back(t, s, "nobody asked", "m1")
	wantUsed(t, s, "p", 0)
	wantTaken(t, s, true, place("p", "m2", 1))
	back(t, s, "p", "m1") // late
	wantTaken(t, s, false, place("p", "m3", 1))
}

// holderExpires renews one place all the time while another one ends.
func holderExpires(t *testing.T, s store.Meters) {
	const short = 500 * time.Millisecond
	brief := func(holder string, amount int64) store.Meter {
		return store.Meter{Counters: []string{"p"}, Holder: holder, Amount: amount, Limit: 2, Keep: short}
	}
	start := time.Now()
	wantTaken(t, s, true, brief("renewed", 1), brief("left", 1))
	eventually(t, "a place is free", func() bool {
		add(t, s, brief("renewed", 0))
		taken, err := s.Take(t.Context(), []store.Meter{brief("m3", 1)})
		if err != nil {
			t.Fatal(err)
		}
		return taken.OK
	})
	if held := time.Since(start); held < short {
		t.Errorf("held for %v, want at least %v", held, short)
	}
	add(t, s, brief("renewed", 0))
	wantTaken(t, s, false, brief("m4", 1))
	wantUsed(t, s, "p", 2)
	eventually(t, "all places are free", func() bool { return used(t, s, "p")[0] == 0 })
}

// holderLost shows that a renewal that comes late, or after the place was given back,
// takes nobody's place.
func holderLost(t *testing.T, s store.Meters) {
	renew := store.Meter{Counters: []string{"p"}, Holder: "m1", Keep: time.Hour}
	add(t, s, renew)
	wantUsed(t, s, "p", 0)

	wantTaken(t, s, true, place("p", "m1", 1))
	back(t, s, "p", "m1")
	add(t, s, renew)
	wantUsed(t, s, "p", 0)

	brief := place("p", "m1", 1)
	brief.Keep = 50 * time.Millisecond
	wantTaken(t, s, true, brief)
	eventually(t, "the place is lost", func() bool { return used(t, s, "p")[0] == 0 })
	add(t, s, renew)
	wantUsed(t, s, "p", 0)
	wantTaken(t, s, true, place("p", "m2", 1))
}

func holderAdded(t *testing.T, s store.Meters) {
	wantTaken(t, s, true, place("p", "m1", 1))
	add(t, s, placed("p", "m2"), placed("p", "m1"))
	wantUsed(t, s, "p", 2)
	back(t, s, "p", "m1")
	wantTaken(t, s, false, place("p", "m3", 1))
}

func holderAllOrNothing(t *testing.T, s store.Meters) {
	wantTaken(t, s, true, place("p", "m1", 1))
	wantFull(t, s, 2, []int64{1}, meter("a", 1, 9), place("q", "m2", 9), place("p", "m2", 1), meter("b", 1, 9))
	if diff := cmp.Diff([]int64{0, 0, 1, 0}, used(t, s, "a", "q", "p", "b")); diff != "" {
		t.Errorf("used (-want +got):\n%s", diff)
	}
}

func meterOrder(t *testing.T, s store.Meters) {
	add(t, s, meter("a", 1, 0), meter("b", 2, 0), meter("c", 3, 0), placed("d", "m1"))
	if diff := cmp.Diff([]int64{3, 0, 1, 1, 3, 2}, used(t, s, "c", "none", "a", "d", "c", "b")); diff != "" {
		t.Errorf("used (-want +got):\n%s", diff)
	}
}

func meterHostile(t *testing.T, s store.Meters) {
	var amounts, places []store.Meter
	var want []int64
	for i, name := range hostile {
		amounts = append(amounts, meter(name, int64(i+1), int64(i+1)))
		want = append(want, int64(i+1))
		if name != "" { // which is no holder
			places = append(places, place("places", name, int64(len(hostile))))
		}
	}
	wantTaken(t, s, true, amounts...)
	if diff := cmp.Diff(want, used(t, s, hostile...)); diff != "" {
		t.Errorf("used (-want +got):\n%s", diff)
	}
	wantTaken(t, s, true, places...)
	wantUsed(t, s, "places", int64(len(hostile)-1))
	for _, p := range places {
		back(t, s, "places", p.Holder)
	}
	wantUsed(t, s, "places", 0)
}

func meterNothing(t *testing.T, s store.Meters) {
	wantTaken(t, s, true)
	add(t, s)
	if got := used(t, s); len(got) != 0 {
		t.Errorf("used %v, want nothing", got)
	}
}

func meterUnsound(t *testing.T, s store.Meters) {
	for what, m := range map[string]store.Meter{
		"no counter":             {Amount: 1, Limit: 1, Keep: time.Hour},
		"a place in two":         {Counters: []string{"a", "b"}, Amount: 1, Limit: 1, Holder: "me", Keep: time.Hour},
		"not kept":               {Counters: []string{"a"}, Amount: 1, Limit: 1},
		"kept for less than 1ms": {Counters: []string{"a"}, Amount: 1, Limit: 1, Keep: time.Microsecond},
	} {
		if taken, err := s.Take(t.Context(), []store.Meter{meter("good", 1, 1), m}); err == nil {
			t.Errorf("take, %s: %+v and no error", what, taken)
		}
		if err := s.Add(t.Context(), []store.Meter{meter("good", 1, 1), m}); err == nil {
			t.Errorf("add, %s: no error", what)
		}
	}
	wantUsed(t, s, "good", 0)
}

func meterMany(t *testing.T, s store.Meters) {
	batch := make([]store.Meter, many)
	names := make([]string, many)
	want := make([]int64, many)
	for i := range batch {
		names[i], want[i] = fmt.Sprint("counter ", i), int64(2*i)
		batch[i] = meter(names[i], int64(i), int64(2*i))
	}
	wantTaken(t, s, true, batch...)
	add(t, s, batch...)
	if diff := cmp.Diff(want, used(t, s, names...)); diff != "" {
		t.Errorf("used (-want +got):\n%s", diff)
	}
}

func meterCancelled(t *testing.T, s store.Meters) {
	batch := []store.Meter{meter("a", 1, 1)}
	if taken, err := s.Take(cancelled(), batch); err == nil {
		t.Errorf("take: %+v and no error", taken)
	}
	if err := s.Add(cancelled(), batch); err == nil {
		t.Error("add: no error")
	}
	if used, err := s.Used(cancelled(), []string{"a"}); err == nil {
		t.Errorf("used: %v and no error", used)
	}
}

const takers, rounds = 16, 25

// race runs takers, every other one by the other connection.
func race(stores [2]store.Meters, run func(taker int, s store.Meters)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for taker := range takers {
		wg.Go(func() {
			<-start
			run(taker, stores[taker%2])
		})
	}
	close(start)
	wg.Wait()
}

// meterRace has everyone take of two limits, in different orders; who gets the
// one of the moment and not the other must leave no trace.
func meterRace(t *testing.T, stores [2]store.Meters) {
	const limit = takers * rounds / 2
	var took atomic.Int64
	race(stores, func(taker int, s store.Meters) {
		batch := []store.Meter{
			meter(fmt.Sprint("part ", taker%3), 2, -1),
			meter("all", 2, 2*limit),
			meter(fmt.Sprint("own ", taker), 2, 2*(rounds-1)),
		}
		if taker%4 > 1 {
			batch[1], batch[2] = batch[2], batch[1]
		}
		for range rounds {
			taken, err := s.Take(t.Context(), batch)
			if err != nil {
				t.Error(err)
				return
			}
			if taken.OK {
				took.Add(1)
			}
		}
	})
	if took.Load() != limit {
		t.Errorf("taken %d times, want %d", took.Load(), limit)
	}
	wantUsed(t, stores[0], "all", 2*limit)
	var own, parts int64
	for taker := range takers {
		own += used(t, stores[1], fmt.Sprint("own ", taker))[0]
	}
	for part := range 3 {
		parts += used(t, stores[1], fmt.Sprint("part ", part))[0]
	}
	if own != 2*limit || parts != 2*limit {
		t.Errorf("%d by taker and %d by part, want %d", own, parts, 2*limit)
	}
}

func holderRace(t *testing.T, stores [2]store.Meters) {
	const places = 3
	var inside, most, took atomic.Int64
	race(stores, func(taker int, s store.Meters) {
		holder := fmt.Sprint("m", taker)
		for range rounds {
			taken, err := s.Take(t.Context(), []store.Meter{place("p", holder, places), meter("calls", 1, -1)})
			if err != nil {
				t.Error(err)
				return
			}
			if !taken.OK {
				continue
			}
			took.Add(1)
			now := inside.Add(1)
			for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
			}
			if err := s.Add(t.Context(), []store.Meter{{Counters: []string{"p"}, Holder: holder, Keep: time.Hour}}); err != nil {
				t.Error(err)
			}
			inside.Add(-1)
			if err := s.Add(t.Context(), []store.Meter{{Counters: []string{"p"}, Holder: holder, Amount: -1, Keep: time.Hour}}); err != nil {
				t.Error(err)
			}
		}
	})
	if most.Load() > places || took.Load() < places {
		t.Errorf("%d places taken, at most %d at once, want at most %d", took.Load(), most.Load(), places)
	}
	wantUsed(t, stores[1], "p", 0)
	wantUsed(t, stores[1], "calls", took.Load())
}

// settleRace takes the worst and settles for less, as the router does with money.
func settleRace(t *testing.T, stores [2]store.Meters) {
	const worst, limit = 10, 40
	var spent atomic.Int64
	race(stores, func(taker int, s store.Meters) {
		for i := 0; spent.Load() <= limit-worst && i < 1000*rounds; i++ {
			taken, err := s.Take(t.Context(), []store.Meter{meter("money", worst, limit)})
			if err != nil {
				t.Error(err)
				return
			}
			if !taken.OK {
				continue
			}
			cost := int64((taker + i) % 3)
			spent.Add(cost)
			if err := s.Add(t.Context(), []store.Meter{meter("money", cost-worst, 0)}); err != nil {
				t.Error(err)
			}
		}
	})
	if spent.Load() > limit || spent.Load() <= limit-worst {
		t.Errorf("spent %d, want up to %d and no less than leaves no room", spent.Load(), limit)
	}
	wantUsed(t, stores[1], "money", spent.Load())
}

// --- helpers

func meter(counter string, amount, limit int64) store.Meter {
	return store.Meter{Counters: []string{counter}, Amount: amount, Limit: limit, Keep: time.Hour}
}

func place(counter, holder string, limit int64) store.Meter {
	return store.Meter{Counters: []string{counter}, Amount: 1, Limit: limit, Holder: holder, Keep: time.Hour}
}

// placed is a place that is added, whatever the limit.
func placed(counter, holder string) store.Meter { return place(counter, holder, 0) }

func back(t *testing.T, s store.Meters, counter, holder string) {
	t.Helper()
	add(t, s, store.Meter{Counters: []string{counter}, Amount: -1, Holder: holder, Keep: time.Hour})
}

func add(t *testing.T, s store.Meters, meters ...store.Meter) {
	t.Helper()
	if err := s.Add(t.Context(), meters); err != nil {
		t.Fatalf("add: %v", err)
	}
}

func used(t *testing.T, s store.Meters, counters ...string) []int64 {
	t.Helper()
	got, err := s.Used(t.Context(), counters)
	if err != nil {
		t.Fatalf("used: %v", err)
	}
	if len(got) != len(counters) {
		t.Fatalf("%d answers for %d counters", len(got), len(counters))
	}
	return got
}

func wantUsed(t *testing.T, s store.Meters, counter string, want int64) {
	t.Helper()
	if got := used(t, s, counter)[0]; got != want {
		t.Errorf("%q stands at %d, want %d", counter, got, want)
	}
}

func wantTaken(t *testing.T, s store.Meters, want bool, meters ...store.Meter) {
	t.Helper()
	taken, err := s.Take(t.Context(), meters)
	if err != nil {
		t.Fatalf("take: %v", err)
	}
	if taken.OK != want {
		t.Fatalf("taken: %+v, want OK to be %t", taken, want)
	}
}

func wantFull(t *testing.T, s store.Meters, full int, used []int64, meters ...store.Meter) {
	t.Helper()
	taken, err := s.Take(t.Context(), meters)
	if err != nil {
		t.Fatalf("take: %v", err)
	}
	if diff := cmp.Diff(store.Taken{Full: full, Used: used}, taken); diff != "" {
		t.Fatalf("taken (-want +got):\n%s", diff)
	}
}
