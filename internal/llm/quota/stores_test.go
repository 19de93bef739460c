package quota

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"catalyst/internal/llm"
	"catalyst/internal/store"
	"catalyst/internal/store/redis"
	"catalyst/internal/store/sqlite"
	"catalyst/internal/store/storetest"
	"catalyst/internal/testenv"
)

func inRedis(tb testing.TB, pipeline string) store.Meters {
	tb.Helper()
	s, err := redisstore.Open(testenv.Redis(tb), pipeline)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

func inFile(tb testing.TB, path string) *LocalMeters {
	tb.Helper()
	s, err := sqlitestore.Open(context.Background(), path, "p")
	if err != nil {
		tb.Fatal(err)
	}
	l := Local(s, nil)
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Error(err)
		}
		s.Close()
	})
	return l
}

func TestLocalMeters(t *testing.T) {
	storetest.Meters(t, func(tb testing.TB) [2]store.Meters {
		l := inFile(tb, testenv.File(tb)) // exact within a process
		return [2]store.Meters{l, l}
	})
}

// TestShelteredMeters runs what a Quota itself asks when its store is a server.
func TestShelteredMeters(t *testing.T) {
	pipeline := "quota-test-" + rand.Text()
	var n atomic.Int64
	storetest.Meters(t, func(tb testing.TB) [2]store.Meters {
		name := fmt.Sprint(pipeline, n.Add(1))
		return [2]store.Meters{strict{newShelter(inRedis(tb, name), nil)}, strict{newShelter(inRedis(tb, name), nil)}}
	})
}

// TestSharedLimits has two processes ask one Redis for more than there is, for as long as
// several minutes (of two seconds) last.
func TestSharedLimits(t *testing.T) {
	for name, limits := range map[string]llm.Limits{
		"requests": {Concurrency: 3, RequestsPerMinute: 25, RequestsPerDay: 80},
		"tokens":   {Concurrency: 3, TokensPerMinute: 2500, RequestsPerDay: 80},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log, text := logged()
			a := Ask{Provider: "gemini", Model: "m", TokensIn: 80, TokensOut: 20, Limits: limits}
			calls, classes := sharedCalls(t, a, log, 8*time.Second)
			if strings.Contains(text(), "llm_quota_alone") {
				t.Fatalf("Redis did not answer within %v: nothing is shown\n%s", patience, text())
			}
			// Each was counted between before and after. There were certainly more than the limit
			// within a span if there were by the longest that they may have taken.
			slices.SortFunc(calls, func(a, b shared) int { return a.before.Compare(b.before) })
			for i := 25; i < len(calls); i++ {
				if took := calls[i].after.Sub(calls[i-25].before); took < sharedSpan {
					t.Errorf("26 calls within %v", took)
				}
			}
			if len(calls) != 80 {
				t.Errorf("%d calls, want the day's 80", len(calls))
			}
			if classes[llm.RateMinute] == 0 || classes[llm.QuotaDay] == 0 {
				t.Errorf("refusals %v: one of the limits was not reached", classes)
			}
		})
	}
}

const sharedSpan = 2 * time.Second

type shared struct{ before, after time.Time } // of the Reserve

// sharedCalls has two processes make calls for a time, 8 each at once.
func sharedCalls(t *testing.T, a Ask, log *slog.Logger, lasts time.Duration) (calls []shared, classes map[llm.Class]int) {
	var mu sync.Mutex
	var under, most atomic.Int64
	classes = map[llm.Class]int{}
	pipeline := "quota-test-" + rand.Text()
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	wait := func(d time.Duration) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
	}
	one := func(q *Quota) time.Duration {
		before := time.Now()
		r, refusal := q.Reserve(ctx, a)
		after := time.Now()
		mu.Lock()
		defer mu.Unlock()
		if refusal != nil {
			classes[refusal.Class]++
			return min(refusal.RetryAfter, 20*time.Millisecond)
		}
		calls = append(calls, shared{before, after})
		mu.Unlock()
		now := under.Add(1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		wait(2 * time.Millisecond)
		under.Add(-1)
		r.Settle(Used{TokensIn: a.TokensIn, TokensOut: a.TokensOut})
		mu.Lock()
		return 0
	}
	var wg sync.WaitGroup
	for range 2 {
		q := New(unlimited, inRedis(t, pipeline), log)
		q.span = sharedSpan
		t.Cleanup(func() { q.Close() })
		for range 8 {
			wg.Go(func() {
				for ctx.Err() == nil {
					wait(one(q))
				}
			})
		}
	}
	wg.Wait()
	if got := most.Load(); got != int64(a.Limits.Concurrency) {
		t.Errorf("%d calls at the same time, want %d", got, a.Limits.Concurrency)
	}
	return calls, classes
}

// TestSharedBudget has two processes spend from one budget as fast as they can.
func TestSharedBudget(t *testing.T) {
	log, text := logged()
	pipeline := "quota-test-" + rand.Text()
	c := dollarADay()
	c.Sources = map[string]Dollars{"rss": dollar / 2}
	var spent, fromRSS atomic.Int64
	var wg sync.WaitGroup
	for p := range 2 {
		q := New(c, inRedis(t, pipeline), log)
		t.Cleanup(func() { q.Close() })
		for g := range 8 {
			wg.Go(func() {
				a := Ask{Provider: "gemini", Model: "m", Source: []string{"rss", "edgar"}[g%2], NanoDollars: 2e6}
				for i := range int64(1000) {
					r, refusal := q.Reserve(t.Context(), a)
					if refusal != nil {
						if refusal.Class != llm.Budget {
							t.Error(refusal)
						}
						return
					}
					used := 1e6 + (int64(p)+i)%3*5e5
					spent.Add(used)
					if a.Source == "rss" {
						fromRSS.Add(used)
					}
					r.Settle(Used{NanoDollars: used})
				}
			})
		}
	}
	wg.Wait()
	if strings.Contains(text(), "llm_quota_alone") {
		t.Fatalf("Redis did not answer within %v: nothing is shown\n%s", patience, text())
	}
	// Whoever is refused stops although others' calls under way may cost less than set aside.
	if got := spent.Load(); got > 1e9 || got < 1e9-16*2e6 {
		t.Errorf("spent %v, want 1 and not more", Dollars(got))
	}
	if got := fromRSS.Load(); got > 5e8 {
		t.Errorf("spent %v on one source, want at most 0.5", Dollars(got))
	}
}

// TestRestart uses half a day's limits, ends without a word, and begins again.
func TestRestart(t *testing.T) {
	pipeline, path := "quota-test-"+rand.Text(), testenv.File(t)
	for name, open := range map[string]func(t *testing.T) store.Meters{
		"redis":  func(t *testing.T) store.Meters { return inRedis(t, pipeline) },
		"sqlite": func(t *testing.T) store.Meters { return inFile(t, path) },
	} {
		t.Run(name, func(t *testing.T) {
			a := cents(7)
			a.Limits = llm.Limits{RequestsPerDay: 10}
			t.Run("before", func(t *testing.T) { // in which all is closed at the end
				q := New(dollarADay(), open(t), nil)
				defer q.Close()
				for range 9 {
					spend(t, q, a)
				}
			})
			q := New(dollarADay(), open(t), nil)
			defer q.Close()
			if err := q.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := q.Level(); got != Warning {
				t.Errorf("level %v, want warning", got)
			}
			refused(t, q, a, llm.Budget)
			cheap := cents(0.1)
			cheap.Limits = a.Limits
			spend(t, q, cheap)
			refused(t, q, cheap, llm.QuotaDay)
		})
	}
}

const crashFile = "QUOTA_TEST_CRASH_FILE"

// TestKilled has another process count in a file, kills it, and finds what it counted.
func TestKilled(t *testing.T) {
	a := cents(1)
	a.Limits = llm.Limits{RequestsPerDay: 1000}
	const calls = 37
	if path := os.Getenv(crashFile); path != "" { // the other process
		s, err := sqlitestore.Open(context.Background(), path, "p")
		if err != nil {
			t.Fatal(err)
		}
		q := New(Defaults, Local(s, nil), nil)
		for range calls {
			spend(t, q, a)
		}
		fmt.Println("\ncounted")
		select {}
	}
	path := testenv.File(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), crashFile+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	for lines := bufio.NewScanner(out); lines.Text() != "counted"; {
		if !lines.Scan() {
			t.Fatal("the other process ended")
		}
	}
	counted := time.Now()
	day := date(time.Now().UTC())
	watching, err := sqlitestore.Open(t.Context(), path, "p")
	if err != nil {
		t.Fatal(err)
	}
	defer watching.Close()
	for used(t, watching, "requests:"+day+":gemini/m")[0] < calls {
		if time.Since(counted) > 10*time.Second {
			t.Fatal("not written at once")
		}
	}
	t.Logf("written at most %v after it was counted", time.Since(counted))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()

	after := inFile(t, path)
	wantUsed(t, after, map[string]int64{
		"requests:" + day + ":gemini/m": calls, "usd:" + day + ":day": calls * 1e7, "usd:" + day + ":spent": calls * 1e7,
	})
}

// TestTwoOnOneFile has two processes' worth of meters on one file see each other.
func TestTwoOnOneFile(t *testing.T) {
	path := testenv.File(t)
	meters := inFile(t, path)
	one, other := New(unlimited, inFile(t, path), nil), New(unlimited, meters, nil)
	defer one.Close()
	defer other.Close()
	a := Ask{Provider: "gemini", Model: "m", Limits: llm.Limits{RequestsPerDay: 10}}
	must(t, other, a)
	for range 9 {
		must(t, one, a)
	}
	start := time.Now()
	look := store.Meter{Counters: []string{"requests:" + date(start.UTC()) + ":gemini/m"}, Limit: 9, Keep: time.Hour}
	for {
		taken, err := meters.Take(t.Context(), []store.Meter{look})
		if err != nil {
			t.Fatal(err)
		}
		if !taken.OK {
			break
		}
		if time.Since(start) > 4*time.Second { // before anything but a call has looked
			t.Fatal("the other does not see it")
		}
	}
	t.Logf("seen after %v", time.Since(start))
	refused(t, other, a, llm.QuotaDay)
}

// TestLocalOutlivesItsStore counts on while the store fails, and writes later.
func TestLocalOutlivesItsStore(t *testing.T) {
	s := &server{}
	log, text := logged()
	l := Local(s, log)
	q := New(dollarADay(), l, log)
	spend(t, q, cents(30))
	eventually(t, "written", func() bool { return len(l.debts()) == 0 })
	s.down.Store(true)
	spend(t, q, cents(20))
	for range 100 {
		spend(t, q, cents(0.1))
	}
	eventually(t, "warned", func() bool { return strings.Contains(text(), "llm_quota_unwritten") })
	refused(t, q, cents(50), llm.Budget)
	s.down.Store(false)
	day := date(time.Now().UTC())
	eventually(t, "written in the end", func() bool { return used(t, s, "usd:"+day+":day")[0] == 6e8 })
	s.down.Store(true)
	spend(t, q, cents(0.1))
	q.Close()
	if err := l.Close(); err == nil {
		t.Error("closed without an error, and without having written all")
	}
}

// TestReadWhileOwing reads a file that has not been told everything.
func TestReadWhileOwing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		l := Local(unwritable{s}, nil)
		q := New(dollarADay(), l, nil)
		spend(t, q, cents(59))
		for range 5 {
			time.Sleep(fresh)
			spend(t, q, cents(0.5))
		}
		refused(t, q, cents(2), llm.Budget)
		q.Close()
		l.Close()
	})
}

// unwritable can only be read.
type unwritable struct{ *server }

func (unwritable) Add(context.Context, []store.Meter) error { return errDown }

// TestCountWhileWriting counts on while a write is under way.
func TestCountWhileWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		l := Local(slowly{s}, nil)
		q := New(unlimited, l, nil)
		a := Ask{Provider: "p", Model: "m", Limits: llm.Limits{RequestsPerDay: 1000}}
		for range 100 {
			must(t, q, a).Settle(Used{})
			time.Sleep(7 * time.Millisecond)
		}
		q.Close()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		wantUsed(t, s, map[string]int64{"requests:" + date(time.Now().UTC()) + ":p/m": 100})
	})
}

// slowly adds a while after it was asked.
type slowly struct{ *server }

func (s slowly) Add(ctx context.Context, meters []store.Meter) error {
	time.Sleep(50 * time.Millisecond)
	return s.server.Add(ctx, meters)
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never %s", what)
		}
	}
}

// strict is a shelter whose outages are errors, as the suite of stores wants them.
type strict struct{ *shelter }

func (s strict) Take(ctx context.Context, meters []store.Meter) (store.Taken, error) {
	if err := sound(ctx, meters); err != nil {
		return store.Taken{}, err
	}
	return s.shelter.Take(ctx, meters)
}

func (s strict) Add(ctx context.Context, meters []store.Meter) error {
	if err := sound(ctx, meters); err != nil {
		return err
	}
	return s.shelter.Add(ctx, meters)
}

func BenchmarkReserve(b *testing.B) {
	c := Defaults
	c.Day, c.Providers = None, map[string]Dollars{"gemini": math.MaxInt64 / 4}
	c.Sources = map[string]Dollars{"rss": math.MaxInt64 / 4}
	a := cents(0.1)
	a.TokensIn, a.TokensOut = 1000, 300
	a.Limits = llm.Limits{Concurrency: 1000, RequestsPerMinute: math.MaxInt, TokensPerMinute: math.MaxInt, RequestsPerDay: math.MaxInt}
	run := func(b *testing.B, m store.Meters) {
		q := New(c, m, nil)
		defer q.Close()
		one := func() {
			r, refusal := q.Reserve(b.Context(), a)
			if refusal != nil {
				b.Fatal(refusal)
			}
			r.Settle(Used{TokensIn: 900, TokensOut: 200, NanoDollars: 8e5})
		}
		b.Run("alone", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				one()
			}
		})
		b.Run("50 at once", func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(25)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					one()
				}
			})
		})
	}
	b.Run("local", func(b *testing.B) { run(b, inFile(b, testenv.File(b))) })
	b.Run("redis", func(b *testing.B) { run(b, inRedis(b, "quota-test-"+rand.Text())) })
}
