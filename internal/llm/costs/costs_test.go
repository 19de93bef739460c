package costs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"catalyst/internal/store"
)

// A shelf is a store in memory that can be away, slow, or refuse calls of one source.
type shelf struct {
	store.Costs
	mu       sync.Mutex
	down     bool
	full     bool          // takes nothing, but answers
	delay    time.Duration // of each call; it ends with its context
	refuses  string
	calls    map[string]store.Call
	batches  []int
	forgets  []time.Time
	oldCalls int
}

func (s *shelf) wait(ctx context.Context) error {
	s.mu.Lock()
	delay, down := s.delay, s.down
	s.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return ctx.Err()
	}
	if down {
		return errors.New("connection refused")
	}
	return nil
}

func (s *shelf) Book(ctx context.Context, calls []store.Call) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range calls {
		if s.full || s.refuses != "" && c.Source == s.refuses {
			return errors.New("not taken")
		}
	}
	if s.calls == nil {
		s.calls = map[string]store.Call{}
	}
	for _, c := range calls {
		s.calls[c.ID] = c
	}
	s.batches = append(s.batches, len(calls))
	return nil
}

func (s *shelf) Forget(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := s.wait(ctx); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if before.Equal(time.Unix(0, 0)) {
		return 0, nil
	}
	n := min(limit, s.oldCalls)
	s.oldCalls -= n
	s.forgets = append(s.forgets, before)
	return n, nil
}

func (s *shelf) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// look returns what the shelf holds at the moment.
func (s *shelf) look() *shelf {
	l := new(shelf)
	s.mu.Lock()
	defer s.mu.Unlock()
	l.calls, l.batches, l.forgets, l.oldCalls = maps.Clone(s.calls), slices.Clone(s.batches), slices.Clone(s.forgets), s.oldCalls
	return l
}

func (s *shelf) stored() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

// A diary is a log that may be read while it is written.
type diary struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.Write(p)
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.String()
}

type desk struct {
	*Book
	*shelf
	log  *diary
	lost float64
}

func (d *desk) lostNow() int { return int(testutil.ToFloat64(lostTotal.WithLabelValues()) - d.lost) }

// inTime runs f with a new book in made-up time.
func inTime(t *testing.T, f func(t *testing.T, d *desk)) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{shelf: &shelf{}, log: &diary{}, lost: testutil.ToFloat64(lostTotal.WithLabelValues())}
		d.Book = New(func() (store.Costs, error) { return d.shelf, nil }, 7*24*time.Hour, slog.New(slog.NewTextHandler(d.log, nil)))
		defer d.Close()
		f(t, d)
	})
}

func (d *desk) add(from, to int) {
	for i := from; i < to; i++ {
		d.Add(store.Call{ID: fmt.Sprint(i), Source: "wire"})
	}
}

func TestBatches(t *testing.T) {
	inTime(t, func(t *testing.T, d *desk) {
		d.add(0, 450)
		synctest.Wait()
		if diff := cmp.Diff([]int{200, 200}, d.look().batches); diff != "" {
			t.Errorf("at once: %s", diff)
		}
		time.Sleep(every)
		synctest.Wait()
		if diff := cmp.Diff([]int{200, 200, 50}, d.look().batches); diff != "" {
			t.Errorf("after a second: %s", diff)
		}
		d.add(450, 451)
		if err := errors.Join(d.Close(), d.Close()); err != nil {
			t.Error(err)
		}
		if got := d.stored(); got != 451 {
			t.Errorf("%d calls are stored, want 451", got)
		}
		d.add(451, 453)
		if got := d.lostNow(); got != 2 || d.stored() != 451 {
			t.Errorf("after Close %d calls count as lost, want 2", got)
		}
	})
}

// While the store is away calls wait, as many as fit; the rest is counted, and
// nobody is held up.
func TestStoreAway(t *testing.T) {
	inTime(t, func(t *testing.T, d *desk) {
		d.set(func() { d.down = true })
		d.add(0, together)
		synctest.Wait()
		began := time.Now()
		d.add(together, together+queued+3)
		if took := time.Since(began); took != 0 {
			t.Errorf("adding took %v", took)
		}
		if got := d.lostNow(); got != 3 {
			t.Errorf("%d calls are lost, want 3", got)
		}
		time.Sleep(20 * time.Minute)
		d.set(func() { d.down = false })
		time.Sleep(2 * mostRest)
		synctest.Wait()
		if got := d.stored(); got != together+queued {
			t.Errorf("%d calls are stored, want %d", got, together+queued)
		}
		for _, event := range []string{"cost_store_away", "cost_store_back", "cost_bookings_lost"} {
			if n := strings.Count(d.log.String(), event); n != 1 {
				t.Errorf("%s was logged %d times, want once", event, n)
			}
		}
	})
}

func TestOpensAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, tries := &shelf{}, 0
		b := New(func() (store.Costs, error) {
			if tries++; tries < 4 {
				return nil, errors.New("no such host")
			}
			return s, nil
		}, time.Hour, slog.New(slog.DiscardHandler))
		time.Sleep(forgetEvery / 2)
		if tries != 0 {
			t.Error("the store was opened though there was nothing to store")
		}
		b.Add(store.Call{ID: "1"})
		time.Sleep(time.Minute)
		if err := b.Close(); err != nil || s.stored() != 1 {
			t.Errorf("%d stored (%v), want 1", s.stored(), err)
		}
	})
}

func TestClose(t *testing.T) {
	for _, c := range []struct {
		name    string
		trouble func(*shelf)
		err     string
		lost    int
		longest time.Duration
	}{
		{"all well", func(*shelf) {}, "", 0, 0},
		{"slow", func(s *shelf) { s.delay = time.Second }, "", 0, 3 * time.Second},
		{"away", func(s *shelf) { s.down = true }, "500 calls could not be stored within 5s", 500, closeWithin},
		{"mute", func(s *shelf) { s.delay = time.Hour }, "500 calls could not be stored within 5s", 500, closeWithin},
		{"full", func(s *shelf) { s.full = true }, "500 calls could not be stored within 5s", 500, closeWithin},
	} {
		t.Run(c.name, func(t *testing.T) {
			inTime(t, func(t *testing.T, d *desk) {
				c.trouble(d.shelf)
				d.add(0, 500)
				began := time.Now()
				err := d.Close()
				if took := time.Since(began); took > c.longest {
					t.Errorf("closing took %v, want at most %v", took, c.longest)
				}
				if (err == nil) != (c.err == "") || err != nil && !strings.HasSuffix(err.Error(), c.err) {
					t.Errorf("error %v, want %q", err, c.err)
				}
				if got := d.lostNow(); got != c.lost {
					t.Errorf("%d calls count as lost, want %d", got, c.lost)
				}
			})
		})
	}
}

// Opening a store that does not answer cannot be interrupted; Close does not wait for it.
func TestCloseWhileOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		b := New(func() (store.Costs, error) {
			time.Sleep(time.Minute)
			return s, nil
		}, time.Hour, slog.New(slog.DiscardHandler))
		b.Add(store.Call{ID: "1"})
		time.Sleep(2 * every)
		began := time.Now()
		if err := b.Close(); err == nil || time.Since(began) != closeWithin {
			t.Errorf("closed after %v: %v", time.Since(began), err)
		}
		time.Sleep(2 * time.Minute)
		if s.stored() != 0 {
			t.Error("a closed book went on booking")
		}
	})
}

// A call that the store refuses keeps no other from being booked.
func TestRefused(t *testing.T) {
	inTime(t, func(t *testing.T, d *desk) {
		d.set(func() { d.refuses = "bad" })
		d.add(0, 10)
		d.Add(store.Call{ID: "bad", Source: "bad"})
		d.add(10, 20)
		time.Sleep(time.Minute)
		if got := d.stored(); got != 20 || d.lostNow() != 1 {
			t.Errorf("%d calls are stored and %d lost, want 20 and 1", got, d.lostNow())
		}
		if !strings.Contains(d.log.String(), "refused: not taken") {
			t.Errorf("the log does not say why: %s", d.log.String())
		}
		d.Add(store.Call{ID: "bad", Source: "bad"}) // now with nothing good beside it
		time.Sleep(surely + 5*time.Minute)
		d.add(20, 21)
		time.Sleep(time.Minute)
		if got := d.stored(); got != 21 || d.lostNow() != 2 {
			t.Errorf("%d calls are stored and %d lost, want 21 and 2", got, d.lostNow())
		}
	})
}

// A store that takes nothing for a while, though it answers, is no fault of the calls.
func TestFullDisk(t *testing.T) {
	inTime(t, func(t *testing.T, d *desk) {
		d.set(func() { d.full = true })
		d.add(0, 300)
		time.Sleep(5 * time.Minute)
		d.set(func() { d.full = false })
		time.Sleep(time.Minute)
		if got := d.stored(); got != 300 || d.lostNow() != 0 {
			t.Errorf("%d calls are stored and %d lost, want all and none", got, d.lostNow())
		}
	})
}

func TestForgets(t *testing.T) {
	inTime(t, func(t *testing.T, d *desk) {
		d.set(func() { d.oldCalls = 2*together + 50 })
		d.add(0, 1)
		time.Sleep(2 * time.Second)
		got := d.look()
		if got.oldCalls != 0 || len(got.forgets) != 3 {
			t.Errorf("%d old calls are left after %d batches", got.oldCalls, len(got.forgets))
		}
		if want := time.Now().Add(-7 * 24 * time.Hour); want.Sub(got.forgets[0]) > 2*time.Second {
			t.Errorf("forgot what was before %v, want about %v", got.forgets[0], want)
		}
		d.add(1, 2)
		time.Sleep(10 * time.Minute)
		if got := len(d.look().forgets); got != 3 {
			t.Errorf("forgot again within the hour")
		}
		time.Sleep(2 * time.Hour) // and when nothing is booked
		if got := len(d.look().forgets); got < 4 || got > 5 {
			t.Errorf("forgot %d times, want once an hour", got-3)
		}
	})
}

// What a server lies about can still be added up, and what the caller holds is its own.
func TestClean(t *testing.T) {
	inTime(t, func(t *testing.T, d *desk) {
		tickers := []string{"ACME"}
		d.Add(store.Call{ID: "1", Source: "wi\xffre\x00", Tickers: tickers, TokensIn: math.MaxInt, TokensOut: -1, NanoDollars: math.MaxInt64})
		d.Add(store.Call{ID: "2", NanoDollars: -5, Latency: -1})
		tickers[0] = "CHANGED"
		time.Sleep(2 * every)
		got := d.look().calls["1"]
		if got.TokensIn != math.MaxInt32 || got.TokensOut != 0 || got.NanoDollars != 1e15 {
			t.Errorf("%d tokens in, %d out, %d nano-dollars", got.TokensIn, got.TokensOut, got.NanoDollars)
		}
		if !utf8.ValidString(got.Source) || strings.Contains(got.Source, "\x00") || got.Tickers[0] != "ACME" {
			t.Errorf("source %q, tickers %q", got.Source, got.Tickers)
		}
		if got := d.look().calls["2"]; got.NanoDollars != 0 || got.Latency != 0 {
			t.Errorf("%d nano-dollars in %v", got.NanoDollars, got.Latency)
		}
	})
}

func TestConcurrentAdds(t *testing.T) {
	inTime(t, func(t *testing.T, d *desk) {
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() { d.add(g*1000, g*1000+1000) })
		}
		wg.Go(func() { d.Close() })
		wg.Wait()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if got := d.stored() + d.lostNow(); got != 8000 {
			t.Errorf("%d calls are stored or counted as lost, want 8000", got)
		}
	})
}
