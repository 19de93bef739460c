package quota

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"catalyst/internal/llm"
	"catalyst/internal/store"
)

// server is a store of meters that several Quotas share as processes would, and that can
// be out of reach.
type server struct {
	memory
	down  atomic.Bool // refuses everything
	lossy atomic.Bool // does what it is asked and does not answer
	calls atomic.Int64
}

var errDown = errors.New("connection refused")

func (s *server) ask(do func()) error {
	s.calls.Add(1)
	if s.down.Load() {
		return errDown
	}
	do()
	if s.lossy.Load() {
		return errDown
	}
	return nil
}

func (s *server) Take(_ context.Context, meters []store.Meter) (taken store.Taken, err error) {
	err = s.ask(func() { taken = s.take(meters, time.Now(), false) })
	return taken, err
}

func (s *server) Add(_ context.Context, meters []store.Meter) error {
	return s.ask(func() { s.add(meters, time.Now(), nothing) })
}

func (s *server) Used(_ context.Context, counters []string) (used []int64, err error) {
	err = s.ask(func() { used = s.used(counters, time.Now()) })
	return used, err
}

// bubble runs a test in a bubble of time.
func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

func open(t *testing.T, c Config, m store.Meters) *Quota {
	t.Helper()
	q := New(c, m, nil)
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	return q
}

// unlimited is a configuration without budgets.
var unlimited = Config{Day: None, EachSource: None, EachTicker: None}

func must(t *testing.T, q *Quota, a Ask) *Reservation {
	t.Helper()
	r, refusal := q.Reserve(t.Context(), a)
	if refusal != nil {
		t.Fatalf("refused: %v", refusal)
	}
	return r
}

// refused checks what Check and Reserve say, and returns it.
func refused(t *testing.T, q *Quota, a Ask, class llm.Class) *llm.Error {
	t.Helper()
	check := q.Check(t.Context(), a)
	r, refusal := q.Reserve(t.Context(), a)
	if r != nil || refusal == nil || refusal.Class != class {
		t.Fatalf("reserved %v, refused with %v; want class %s", r != nil, refusal, class)
	}
	if check == nil || check.Class != class || (check.RetryAfter-refusal.RetryAfter).Abs() > time.Second {
		t.Errorf("Check says %v, Reserve %v", check, refusal)
	}
	if refusal.Provider != a.Provider || refusal.Model != a.Model {
		t.Errorf("the refusal is of %s/%s", refusal.Provider, refusal.Model)
	}
	return refusal
}

func used(t *testing.T, m store.Meters, counters ...string) []int64 {
	t.Helper()
	got, err := m.Used(t.Context(), counters)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func wantUsed(t *testing.T, m store.Meters, want map[string]int64) {
	t.Helper()
	got := map[string]int64{}
	for counter := range want {
		got[counter] = used(t, m, counter)[0]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("used (-want +got):\n%s", diff)
	}
}

// TestMinute asks as fast as it may for a while: no minute has more than its limit, and
// RetryAfter is when there is room, not before.
func TestMinute(t *testing.T) {
	bubble(t, "requests", func(t *testing.T) {
		q := open(t, unlimited, &server{})
		a := Ask{Provider: "gemini", Model: "flash", Limits: llm.Limits{RequestsPerMinute: 7}}
		wantSpaced(t, q, a, 7, 60)
	})
	bubble(t, "tokens", func(t *testing.T) {
		q := open(t, unlimited, &server{})
		a := Ask{Provider: "gemini", Model: "flash", TokensIn: 250, TokensOut: 50, Limits: llm.Limits{TokensPerMinute: 1000}}
		wantSpaced(t, q, a, 3, 30)
	})
	bubble(t, "requests one by one", func(t *testing.T) {
		q := open(t, unlimited, &server{})
		a := Ask{Provider: "gemini", Model: "flash", Limits: llm.Limits{RequestsPerMinute: 10}}
		var made []time.Time
		for range 600 { // every 1.7 s, at all places within a counter
			if r, _ := q.Reserve(t.Context(), a); r != nil {
				made = append(made, time.Now())
				r.Settle(Used{})
			}
			time.Sleep(1700 * time.Millisecond)
		}
		wantNoMinute(t, made, 10)
		if minutes := 600 * 17 / 670; len(made) < 10*minutes {
			t.Errorf("%d requests, want %d", len(made), 10*minutes)
		}
	})
}

func wantSpaced(t *testing.T, q *Quota, a Ask, perMinute, total int) {
	t.Helper()
	var made []time.Time
	for len(made) < total {
		r, refusal := q.Reserve(t.Context(), a)
		if refusal != nil {
			if refusal.Class != llm.RateMinute || refusal.RetryAfter <= 0 || refusal.RetryAfter > 67*time.Second {
				t.Fatalf("refused: %v, retry after %v", refusal, refusal.RetryAfter)
			}
			time.Sleep(refusal.RetryAfter - time.Millisecond)
			refused(t, q, a, llm.RateMinute)
			time.Sleep(time.Millisecond)
			if r, refusal = q.Reserve(t.Context(), a); refusal != nil {
				t.Fatalf("refused after the wait: %v", refusal)
			}
		}
		made = append(made, time.Now())
		r.Settle(Used{TokensIn: a.TokensIn, TokensOut: a.TokensOut})
		time.Sleep(311 * time.Millisecond)
	}
	wantNoMinute(t, made, perMinute)
	rounds := (total + perMinute - 1) / perMinute
	if took := made[total-1].Sub(made[0]); took > time.Duration(rounds-1)*70*time.Second {
		t.Errorf("%d took %v", total, took)
	}
}

func wantNoMinute(t *testing.T, made []time.Time, limit int) {
	t.Helper()
	for i := limit; i < len(made); i++ {
		if span := made[i].Sub(made[i-limit]); span < time.Minute {
			t.Errorf("%d within %v", limit+1, span)
		}
	}
}

func TestTokensAreSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, unlimited, &server{})
		a := Ask{Provider: "gemini", Model: "flash", TokensIn: 500, TokensOut: 500, Limits: llm.Limits{TokensPerMinute: 1000, RequestsPerMinute: 3}}
		r := must(t, q, a)
		refused(t, q, a, llm.RateMinute)
		r.Settle(Used{TokensIn: 100, TokensOut: 100})
		a.TokensIn, a.TokensOut = 700, 100
		r = must(t, q, a)
		r.Settle(Used{})             // a failure that was charged nothing …
		must(t, q, a).Settle(Used{}) // … gives tokens back, and stays a request
		if got := refused(t, q, a, llm.RateMinute); !strings.Contains(got.Error(), "requests") {
			t.Errorf("refused with %v", got)
		}

		a.TokensIn = 901
		refused(t, q, a, llm.Context) // which no minute would have room for
	})
	bubble(t, "worse than the worst", func(t *testing.T) {
		q := open(t, unlimited, &server{})
		a := Ask{Provider: "gemini", Model: "flash", TokensIn: 100, Limits: llm.Limits{TokensPerMinute: 1000}}
		must(t, q, a).Settle(Used{TokensIn: 950})
		refused(t, q, a, llm.RateMinute)
	})
	bubble(t, "after the minute", func(t *testing.T) {
		q := open(t, unlimited, &server{})
		a := Ask{Provider: "gemini", Model: "flash", TokensIn: 1000, Limits: llm.Limits{TokensPerMinute: 1000}}
		late := must(t, q, a)
		time.Sleep(3 * time.Minute)
		r := must(t, q, a)
		late.Settle(Used{}) // gives nothing to a minute it was not in
		refused(t, q, a, llm.RateMinute)
		r.Settle(Used{})
		must(t, q, a)
	})
}

func TestDay(t *testing.T) {
	losAngeles, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name       string
		start, end string // local midnights
		lasts      time.Duration
	}{
		{"24 hours", "2027-01-10", "2027-01-11", 24 * time.Hour},
		{"23 hours", "2027-03-14", "2027-03-15", 23 * time.Hour},
		{"25 hours", "2027-11-07", "2027-11-08", 25 * time.Hour},
	} {
		bubble(t, c.name, func(t *testing.T) {
			start, _ := time.ParseInLocation(time.DateOnly, c.start, losAngeles)
			end, _ := time.ParseInLocation(time.DateOnly, c.end, losAngeles)
			if got := end.Sub(start); got != c.lasts {
				t.Fatalf("the day has %v", got)
			}
			time.Sleep(time.Until(start))
			q := open(t, unlimited, &server{})
			a := Ask{Provider: "gemini", Model: "flash", Limits: llm.Limits{RequestsPerDay: 5, Reserve: 2, ResetZone: losAngeles}}
			for range 3 {
				must(t, q, a).Settle(Used{})
				time.Sleep(7 * time.Hour)
			}
			if got := refused(t, q, a, llm.QuotaDay).RetryAfter; got != time.Until(end) {
				t.Errorf("retry after %v, want %v", got, time.Until(end))
			}
			time.Sleep(time.Until(end) - time.Nanosecond)
			refused(t, q, a, llm.QuotaDay)
			time.Sleep(time.Nanosecond)
			must(t, q, a).Settle(Used{})
		})
	}
}

// TestNextDay goes through years of zones with odd days: each day ends at the first instant
// of the next date.
func TestNextDay(t *testing.T) {
	for _, name := range []string{"UTC", "America/Los_Angeles", "America/Havana", "America/Sao_Paulo", "Africa/Cairo", "Asia/Beirut", "Australia/Lord_Howe"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2010, 1, 1, 12, 0, 0, 0, zone)
		for range 12 * 365 {
			end := nextDay(at)
			if date(end) == date(at) || date(end.Add(-1)) != date(at) || !end.After(at) || end.Sub(at) > 25*time.Hour {
				t.Fatalf("%s: the day of %v ends at %v", name, at, end)
			}
			at = end.Add(11*time.Hour + 13*time.Minute)
		}
	}
}

func TestConcurrency(t *testing.T) {
	limits := llm.Limits{Concurrency: 5}
	bubble(t, "first come first served", func(t *testing.T) {
		q := open(t, unlimited, &server{})
		a := Ask{Provider: "ollama", Model: "m", Limits: llm.Limits{Concurrency: 1}}
		before := testutil.ToFloat64(queueDepth)
		first := must(t, q, a)
		var order []int
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				r := must(t, q, a)
				order = append(order, i)
				time.Sleep(time.Second)
				r.Settle(Used{})
			})
			synctest.Wait()
		}
		if got := testutil.ToFloat64(queueDepth) - before; got != 20 {
			t.Errorf("%v wait, want 20", got)
		}
		start := time.Now()
		first.Settle(Used{})
		wg.Wait()
		for i := range order {
			if order[i] != i {
				t.Fatalf("served %v", order)
			}
		}
		if took := time.Since(start); took != 20*time.Second {
			t.Errorf("took %v, want 20s", took)
		}
		if got := testutil.ToFloat64(queueDepth); got != before {
			t.Errorf("%v wait after all", got-before)
		}
	})
	bubble(t, "100 items at 5", func(t *testing.T) {
		q := open(t, unlimited, &server{})
		if took := serve(t, []*Quota{q}, Ask{Provider: "ollama", Model: "m", Limits: limits}, 100); took != 20*time.Second {
			t.Errorf("took %v, want 20s", took)
		}
	})
	bubble(t, "two processes at 5", func(t *testing.T) {
		s := &server{}
		processes := []*Quota{open(t, unlimited, s), open(t, unlimited, s)}
		if took := serve(t, processes, Ask{Provider: "ollama", Model: "m", Limits: limits}, 100); took > 22*time.Second {
			t.Errorf("took %v, want at most 22s", took)
		}
	})
	bubble(t, "models do not share places", func(t *testing.T) {
		q := open(t, unlimited, &server{})
		for _, model := range []string{"a", "b", "c"} {
			must(t, q, Ask{Provider: "ollama", Model: model, Limits: llm.Limits{Concurrency: 1}})
		}
	})
}

// serve has n calls of a second made by several processes, and returns how long all took.
func serve(t *testing.T, processes []*Quota, a Ask, n int) time.Duration {
	var under, most atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for i := range n {
		wg.Go(func() {
			r := must(t, processes[i%len(processes)], a)
			now := under.Add(1)
			for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
			}
			time.Sleep(time.Second)
			under.Add(-1)
			r.Settle(Used{})
		})
	}
	wg.Wait()
	if got := most.Load(); got != int64(a.Limits.Concurrency) {
		t.Errorf("%d at the same time, want %d", got, a.Limits.Concurrency)
	}
	return time.Since(start)
}

// TestOrderAgainstOthers waits for places that another process has, which gives them back
// at all times: whoever came first has the first one.
func TestOrderAgainstOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		q, other := open(t, unlimited, slow{s}), open(t, unlimited, s)
		a := Ask{Provider: "p", Model: "m", Limits: llm.Limits{Concurrency: 2}}
		for round := range 100 {
			elsewhere := []*Reservation{must(t, other, a), must(t, other, a)}
			var served []int
			var wg sync.WaitGroup
			for i := range 2 {
				wg.Go(func() {
					r := must(t, q, a)
					served = append(served, i)
					time.Sleep(time.Second)
					r.Settle(Used{})
				})
				synctest.Wait()
			}
			time.Sleep(200*time.Millisecond + time.Duration(round)*time.Millisecond)
			elsewhere[0].Settle(Used{})
			wg.Wait()
			elsewhere[1].Settle(Used{})
			if served[0] != 0 {
				t.Fatalf("round %d: served %v", round, served)
			}
		}
	})
}

// slow answers some time after it has done what it was asked.
type slow struct{ store.Meters }

func (s slow) Take(ctx context.Context, meters []store.Meter) (store.Taken, error) {
	defer time.Sleep(30 * time.Millisecond)
	return s.Meters.Take(ctx, meters)
}

// TestKilledProcess kills a process by no longer running anything of it.
func TestKilledProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		a := Ask{Provider: "ollama", Model: "m", Limits: llm.Limits{Concurrency: 1}}
		killed := open(t, unlimited, s)
		must(t, killed, a)
		alive := open(t, unlimited, s)
		time.Sleep(time.Hour) // renewed all the time
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if r, refusal := alive.Reserve(ctx, a); r != nil || refusal.Class != llm.Canceled {
			t.Fatalf("got a place that is in use; %v", refusal)
		}
		killed.Close()
		start := time.Now()
		must(t, alive, a)
		if waited := time.Since(start); waited > lease+lookMax {
			t.Errorf("waited %v for the place of a dead process", waited)
		}
	})
}

// TestWaitIsCancelled cancels the first of those who wait, those in the middle and the last.
func TestWaitIsCancelled(t *testing.T) {
	for _, elsewhere := range []bool{false, true} { // the place is another process's
		bubble(t, fmt.Sprint("elsewhere ", elsewhere), func(t *testing.T) {
			s := &server{}
			q := open(t, Config{Day: 1e9, EachSource: None, EachTicker: None, Warning: Step{1, None}, Critical: Step{1, None}}, s)
			a := Ask{Provider: "gemini", Model: "m", NanoDollars: 1e8, TokensIn: 10, Limits: llm.Limits{
				Concurrency: 1, RequestsPerMinute: 100, TokensPerMinute: 1000, RequestsPerDay: 1000,
			}}
			holder := q
			if elsewhere {
				holder = open(t, unlimited, s)
			}
			first := must(t, holder, a)
			var cancels []func()
			var served []int
			var wg sync.WaitGroup
			for i := range 6 {
				ctx, cancel := context.WithCancel(t.Context())
				cancels = append(cancels, cancel)
				wg.Go(func() {
					r, refusal := q.Reserve(ctx, a)
					if refusal != nil {
						if refusal.Class != llm.Canceled || !errors.Is(refusal, context.Canceled) {
							t.Errorf("refused: %v", refusal)
						}
						return
					}
					served = append(served, i)
					r.Settle(Used{})
				})
				synctest.Wait()
			}
			time.Sleep(time.Second)
			for _, i := range []int{0, 2, 3, 5} {
				cancels[i]()
				synctest.Wait()
			}
			first.Settle(Used{})
			wg.Wait()
			if diff := cmp.Diff([]int{1, 4}, served); diff != "" {
				t.Errorf("served (-want +got):\n%s", diff)
			}
			today := date(time.Now().UTC())
			wantUsed(t, s, map[string]int64{
				"usd:" + today + ":day": 0, "calls:gemini/m": 0, "requests:" + today + ":gemini/m": 3,
			})
			for _, cancel := range cancels {
				cancel()
			}
		})
	}
}

func TestSettleIsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		q := open(t, Defaults, s)
		a := Ask{Provider: "gemini", Model: "m", NanoDollars: 5e6, Limits: llm.Limits{Concurrency: 1}}
		r := must(t, q, a)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { r.Settle(Used{NanoDollars: 2e6}) })
		}
		wg.Wait()
		second := must(t, q, a)
		r.Settle(Used{}) // late: the place is another's
		today := date(time.Now().UTC())
		wantUsed(t, s, map[string]int64{"usd:" + today + ":day": 7e6, "usd:" + today + ":spent": 2e6, "calls:gemini/m": 1})
		second.Settle(Used{NanoDollars: 5e6})
		wantUsed(t, s, map[string]int64{"usd:" + today + ":day": 7e6, "usd:" + today + ":spent": 7e6, "calls:gemini/m": 0})
	})
}

// TestPanic has the store panic in the middle of a Reserve, and a caller after one.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		q := open(t, Defaults, s)
		a := Ask{Provider: "gemini", Model: "m", NanoDollars: 1e6, Limits: llm.Limits{Concurrency: 1}}
		rescue := func(f func()) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		}
		sound := q.meters
		q.meters = panicking{}
		rescue(func() { q.Reserve(t.Context(), a) })
		q.meters = sound
		rescue(func() {
			r := must(t, q, a)
			defer r.Settle(Used{})
			panic("the caller's")
		})
		must(t, q, a).Settle(Used{})
		wantUsed(t, s, map[string]int64{"calls:gemini/m": 0, "usd:" + date(time.Now().UTC()) + ":day": 0})
	})
}

type panicking struct{ store.Meters }

func (panicking) Take(context.Context, []store.Meter) (store.Taken, error) { panic("the store's") }

func TestAllOrNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		c := Defaults
		c.Sources = map[string]Dollars{"dear": 1}
		q := open(t, c, s)
		a := Ask{Provider: "gemini", Model: "m", Source: "dear", NanoDollars: 2, TokensIn: 10, Limits: llm.Limits{
			Concurrency: 1, RequestsPerMinute: 100, TokensPerMinute: 1000, RequestsPerDay: 1000,
		}}
		refused(t, q, a, llm.Budget)
		for counter := range s.tallies {
			if got := used(t, s, counter)[0]; got != 0 {
				t.Errorf("%s is %d after a refusal", counter, got)
			}
		}
	})
}

func TestOneRequestToTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		c := Defaults
		c.EachSource, c.EachTicker, c.Providers = 1e9, 1e9, map[string]Dollars{"gemini": 1e9}
		q := open(t, c, s)
		before := s.calls.Load()
		r := must(t, q, Ask{
			Provider: "gemini", Model: "m", Source: "rss", Tickers: []string{"A", "B"}, NanoDollars: 2, TokensIn: 10,
			Limits: llm.Limits{Concurrency: 1, RequestsPerMinute: 100, TokensPerMinute: 1000, RequestsPerDay: 1000},
		})
		if got := s.calls.Load() - before; got != 1 {
			t.Errorf("Reserve asked %d times", got)
		}
		r.Settle(Used{NanoDollars: 1})
		if got := s.calls.Load() - before; got != 2 {
			t.Errorf("Reserve and Settle asked %d times", got)
		}
	})
}

func TestNoLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		q := New(unlimited, s, nil)
		for range 100 {
			must(t, q, Ask{Provider: "p", Model: "m", NanoDollars: 1 << 62, TokensIn: 1 << 40, Limits: llm.Limits{
				Concurrency: -1, RequestsPerMinute: -1, TokensPerMinute: -1, RequestsPerDay: -1,
			}})
		}
		if err := errors.Join(q.Close(), q.Close()); err != nil {
			t.Error(err)
		}
		if err := New(unlimited, s, nil).Close(); err != nil { // that never began
			t.Error(err)
		}
	})
}

func TestLearn(t *testing.T) {
	limits := llm.Limits{RequestsPerMinute: 10, TokensPerMinute: 1000, RequestsPerDay: 100, Reserve: 10}
	a := Ask{Provider: "p", Model: "m", TokensIn: 100, Limits: limits}
	bubble(t, "nothing left until a time", func(t *testing.T) {
		q := open(t, unlimited, &server{})
		q.Learn("p", []llm.Rate{{Kind: llm.RequestsMinute, Limit: 10, Remaining: 0, Reset: time.Now().Add(20 * time.Second)}})
		if got := refused(t, q, a, llm.RateMinute).RetryAfter; got != 20*time.Second {
			t.Errorf("retry after %v", got)
		}
		other := a
		other.Provider = "other"
		must(t, q, other)
		time.Sleep(20 * time.Second)
		must(t, q, a)
	})
	bubble(t, "some left", func(t *testing.T) {
		q := open(t, unlimited, &server{})
		q.Learn("p", []llm.Rate{{Kind: llm.RequestsDay, Limit: -1, Remaining: 12, Reset: time.Now().Add(3 * time.Hour)}})
		must(t, q, a)
		must(t, q, a)
		if got := refused(t, q, a, llm.QuotaDay).RetryAfter; got != 3*time.Hour { // 10 are reserved
			t.Errorf("retry after %v", got)
		}
	})
	bubble(t, "tokens left", func(t *testing.T) {
		q := open(t, unlimited, &server{})
		q.Learn("p", []llm.Rate{{Kind: llm.TokensMinute, Limit: -1, Remaining: 150}})
		must(t, q, a)
		if got := refused(t, q, a, llm.RateMinute).RetryAfter; got != time.Minute { // it did not say
			t.Errorf("retry after %v", got)
		}
	})
	bubble(t, "what is refused elsewhere is not counted", func(t *testing.T) {
		q := open(t, unlimited, &server{})
		q.Learn("p", []llm.Rate{{Kind: llm.RequestsMinute, Limit: -1, Remaining: 2, Reset: time.Now().Add(50 * time.Second)}})
		one := a
		one.Model, one.Limits = "one", llm.Limits{RequestsPerDay: 1}
		must(t, q, one)
		for range 5 {
			refused(t, q, one, llm.QuotaDay)
		}
		must(t, q, a)
		refused(t, q, a, llm.RateMinute)
	})
	bubble(t, "a lower limit", func(t *testing.T) {
		q := open(t, unlimited, &server{})
		q.Learn("p", []llm.Rate{{Kind: llm.RequestsMinute, Limit: 3, Remaining: 3, Reset: time.Now()}})
		for range 3 {
			must(t, q, a)
		}
		refused(t, q, a, llm.RateMinute)
		time.Sleep(keepLearned)
		for range 10 { // not heard of for an hour
			must(t, q, a)
		}
		refused(t, q, a, llm.RateMinute)
	})
	bubble(t, "a limit where none is configured", func(t *testing.T) {
		q := open(t, unlimited, &server{})
		a := Ask{Provider: "p", Model: "m"}
		q.Learn("p", []llm.Rate{{Kind: llm.RequestsDay, Limit: 2, Remaining: 2}})
		must(t, q, a)
		must(t, q, a)
		refused(t, q, a, llm.QuotaDay)
	})
	bubble(t, "never looser", func(t *testing.T) {
		q := open(t, unlimited, &server{})
		q.Learn("p", []llm.Rate{
			{Kind: llm.RequestsMinute, Limit: 1 << 30, Remaining: 1 << 30, Reset: time.Now().Add(time.Minute)},
			{Kind: "bananas", Limit: 0, Remaining: 0},
		})
		a := Ask{Provider: "p", Model: "m", Limits: limits}
		for range 10 {
			must(t, q, a)
		}
		refused(t, q, a, llm.RateMinute)
	})
	bubble(t, "a server that lies", func(t *testing.T) {
		q := open(t, unlimited, &server{})
		q.Learn("p", []llm.Rate{{Kind: llm.RequestsMinute, Limit: -1, Remaining: -5, Reset: time.Now().AddDate(90, 0, 0)}})
		if got := refused(t, q, a, llm.RateMinute).RetryAfter; got != time.Minute {
			t.Errorf("retry after %v", got)
		}
		q.Learn("p", []llm.Rate{{Kind: llm.RequestsMinute, Limit: -1, Remaining: 0, Reset: time.Now().AddDate(-90, 0, 0)}})
		must(t, q, a)
	})
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Defaults
		c.Day, c.Providers = 10e9, map[string]Dollars{"metered": 2e9}
		q := open(t, c, &server{})
		a := Ask{Provider: "metered", Model: "m", TokensIn: 100, NanoDollars: 5e8, Limits: llm.Limits{RequestsPerMinute: 10, RequestsPerDay: 50, Reserve: 5}}
		must(t, q, a).Settle(Used{NanoDollars: 25e7})
		time.Sleep(lease / 3)
		synctest.Wait()
		for what, got := range map[string][2]float64{
			"requests of the minute": {9, testutil.ToFloat64(quotaRemaining.WithLabelValues("metered", "requests_minute"))},
			"requests of the day":    {44, testutil.ToFloat64(quotaRemaining.WithLabelValues("metered", "requests_day"))},
			"the day's dollars":      {9.75, testutil.ToFloat64(budgetRemaining.WithLabelValues("day"))},
			"the provider's dollars": {1.75, testutil.ToFloat64(budgetRemaining.WithLabelValues("metered"))},
			"the level":              {0, testutil.ToFloat64(budgetLevel)},
		} {
			if got[0] != got[1] {
				t.Errorf("%s: %v, want %v", what, got[1], got[0])
			}
		}
	})
}

// logged returns a log and what was written to it.
func logged() (*slog.Logger, func() string) {
	var mu sync.Mutex
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(writer(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return text.Write(p)
	}), nil))
	return log, func() string {
		mu.Lock()
		defer mu.Unlock()
		return text.String()
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// hanging never answers.
type hanging struct{}

func (hanging) Take(ctx context.Context, _ []store.Meter) (store.Taken, error) {
	<-ctx.Done()
	return store.Taken{}, ctx.Err()
}

func (hanging) Add(ctx context.Context, _ []store.Meter) error {
	<-ctx.Done()
	return ctx.Err()
}

func (hanging) Used(ctx context.Context, _ []string) ([]int64, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
