package quota

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"catalyst/internal/llm"
)

const counterOfPlaces = "calls:p/m"

func at(limit int) Ask {
	return Ask{Provider: "p", Model: "m", Limits: llm.Limits{Concurrency: limit}}
}

// Quick calls in a row ask the store for one place, and give back one.
func TestPlacesAreLeftToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		q := open(t, unlimited, s)
		before := s.calls.Load()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				r := must(t, q, at(1))
				synctest.Wait() // all the others wait
				r.Settle(Used{})
			})
		}
		wg.Wait()
		if n := s.calls.Load() - before; n != 2 {
			t.Errorf("50 calls asked the store %d times, want 2", n)
		}
		wantUsed(t, s, map[string]int64{counterOfPlaces: 0})
	})
}

// A process that always has the next call does not keep a place for itself.
func TestALeftPlaceIsGivenBackInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		busy, other := open(t, unlimited, s), open(t, unlimited, s)
		var stop atomic.Bool
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for !stop.Load() {
					r := must(t, busy, at(1))
					time.Sleep(time.Millisecond)
					r.Settle(Used{})
				}
			})
		}
		synctest.Wait()
		before := s.calls.Load()
		time.Sleep(time.Second)
		// Of each place's time there are leaveFor and the call that ends after it, and two requests.
		if n := s.calls.Load() - before; n < 150 || n > 220 {
			t.Errorf("%d requests in a second of calls of 1 ms, want about 180", n)
		}
		stop.Store(true)
		must(t, other, at(1)).Settle(Used{})
		wg.Wait()
		wantUsed(t, s, map[string]int64{counterOfPlaces: 0})
	})
}

// Whoever was left a place and cannot use it leaves it to another, or gives it back.
func TestALeftPlaceIsNotWanted(t *testing.T) {
	costly := at(1)
	costly.NanoDollars = 2e9
	large := at(1)
	large.TokensIn, large.Limits.TokensPerMinute = 1000, 10
	for name, unable := range map[string]Ask{"no money": costly, "too large": large} {
		bubble(t, name, func(t *testing.T) {
			s := &server{}
			q := open(t, dollarADay(), s)
			first := must(t, q, at(1))
			var wg sync.WaitGroup
			for i := range 6 {
				a := at(1)
				if i%2 == 1 {
					a = unable
				}
				wg.Go(func() {
					r, refusal := q.Reserve(t.Context(), a)
					if (refusal != nil) != (i%2 == 1) {
						t.Errorf("call %d: refused with %v", i, refusal)
					}
					if r != nil {
						r.Settle(Used{})
					}
				})
				synctest.Wait()
			}
			first.Settle(Used{})
			wg.Wait()
			wantUsed(t, s, map[string]int64{counterOfPlaces: 0})
		})
	}
}

// TestPlacesAreNeitherLostNorTwoCalls has callers of two processes come, give up, be
// refused and make calls of all lengths.
func TestPlacesAreNeitherLostNorTwoCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 3
		s := &server{}
		var under, made atomic.Int64
		var wg sync.WaitGroup
		for p := range 2 {
			q := open(t, dollarADay(), s)
			for g := range 12 {
				rng := rand.New(rand.NewPCG(uint64(p), uint64(g)))
				wg.Go(func() {
					for range 100 {
						ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.Int64N(30e6)))
						a := at(limit)
						if rng.IntN(5) == 0 {
							a.NanoDollars = 2e9
						}
						r, _ := q.Reserve(ctx, a)
						cancel()
						if r == nil {
							continue
						}
						if n := under.Add(1); n > limit {
							t.Errorf("%d calls at once, want at most %d", n, limit)
						}
						made.Add(1)
						time.Sleep(time.Duration(rng.Int64N(5e6)))
						under.Add(-1)
						r.Settle(Used{})
					}
				})
			}
		}
		wg.Wait()
		if made.Load() < 500 {
			t.Errorf("%d calls were made: nothing is shown", made.Load())
		}
		wantUsed(t, s, map[string]int64{counterOfPlaces: 0})
	})
}

// BenchmarkQuickCalls has 25 callers ask for the places of 5, in Redis, for calls that take
// no time.
func BenchmarkQuickCalls(b *testing.B) {
	for name, a := range map[string]Ask{"free": {}, "paid": {NanoDollars: 1}} {
		b.Run(name, func(b *testing.B) {
			q := New(Defaults, inRedis(b, "quota-bench"), nil)
			defer q.Close()
			a.Provider, a.Model, a.Limits = "p", name, llm.Limits{Concurrency: 5, Free: name == "free"}
			var wg sync.WaitGroup
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ReportAllocs()
			b.ResetTimer()
			for range 25 {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						r, refusal := q.Reserve(b.Context(), a)
						if refusal != nil {
							b.Error(refusal)
							return
						}
						r.Settle(Used{NanoDollars: a.NanoDollars})
					}
				})
			}
			wg.Wait()
		})
	}
}
