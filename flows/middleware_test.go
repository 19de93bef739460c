package flows

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// tries is a handler that answers with errs in turn, then with nil, and notes when
// it was called.
type tries struct {
	mu    sync.Mutex
	errs  []error
	start time.Time
	at    []time.Duration
}

func (h *tries) handle(*message.Message) ([]*message.Message, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = append(h.at, time.Since(h.start))
	if len(h.errs) == 0 {
		return nil, nil
	}
	err := h.errs[0]
	h.errs = h.errs[1:]
	return nil, err
}

func TestRetry(t *testing.T) {
	boom := errors.New("boom")
	r := Retry{Attempts: 3, Delay: 2 * time.Second, Max: 3 * time.Second}
	tests := []struct {
		name     string
		errs     []error
		wantErr  error
		attempts string
		waits    [][2]time.Duration // least and most
	}{
		{"success", nil, nil, "", nil},
		{"one failure", []error{boom}, nil, "1", [][2]time.Duration{{time.Second, 3 * time.Second}}},
		{"gives up", []error{boom, boom, boom, boom}, boom, "3", [][2]time.Duration{{time.Second, 3 * time.Second}, {1500 * time.Millisecond, 4500 * time.Millisecond}}},
		{"permanent", []error{Permanent(boom)}, boom, "1", nil},
		{"retry after", []error{RetryAfter(boom, time.Minute)}, nil, "1", [][2]time.Duration{{time.Minute, time.Minute}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &tries{errs: tt.errs, start: time.Now()}
				wm := message.NewMessage("id", nil)
				_, err := retry(r, timeOfDay{}, nil, quietLog)(h.handle)(wm)
				if !errors.Is(err, tt.wantErr) {
					t.Errorf("error %v, want %v", err, tt.wantErr)
				}
				if got := wm.Metadata.Get(MetaPoisonAttempts); got != tt.attempts {
					t.Errorf("attempts %q, want %q", got, tt.attempts)
				}
				if len(h.at) != len(tt.waits)+1 {
					t.Fatalf("called at %v, want %d waits", h.at, len(tt.waits))
				}
				for i, w := range tt.waits {
					if got := h.at[i+1] - h.at[i]; got < w[0] || got > w[1] {
						t.Errorf("wait %d was %v, want %v", i, got, w)
					}
				}
			})
		})
	}
	t.Run("stop ends the wait without an attempt", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			stop := make(chan struct{})
			h := &tries{errs: []error{boom}, start: time.Now()}
			go func() { time.Sleep(time.Millisecond); close(stop) }()
			wm := message.NewMessage("id", nil)
			if _, err := retry(r, timeOfDay{}, stop, quietLog)(h.handle)(wm); !errors.Is(err, errInterrupted) {
				t.Errorf("error %v, want interrupted", err)
			}
			if got := time.Since(h.start); got != time.Millisecond {
				t.Errorf("it took %v", got)
			}
		})
	})
}

func TestParkedMessagesProbeOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		var calls atomic.Int32
		down.Store(true)
		var reported atomic.Int32
		g := newGate(quietLog, timeOfDay{})
		stop := make(chan struct{})
		handle := park(g, stop, func(*message.Message, error) { reported.Add(1) })(func(*message.Message) ([]*message.Message, error) {
			calls.Add(1)
			if down.Load() {
				return nil, Unavailable("redis", errors.New("refused"), 0)
			}
			return nil, nil
		})
		var done atomic.Int32
		for i := range 100 {
			go func() {
				if _, err := handle(message.NewMessage(fmt.Sprint(i), nil)); err == nil {
					done.Add(1)
				}
			}()
		}
		synctest.Wait()
		first := calls.Load()
		if o := g.outage(); o == nil || o.Dependency != "redis" {
			t.Fatalf("outage %+v, want redis", o)
		}
		late := make(chan struct{})
		go func() { handle(message.NewMessage("late", nil)); close(late) }()

		time.Sleep(8 * time.Second) // probes after 1, 2, 4 s: at 1, 3 and 7
		synctest.Wait()
		if got := calls.Load() - first; got != 3 {
			t.Errorf("%d probes in eight seconds, want 3", got)
		}
		select {
		case <-late:
			t.Error("a new message was let in during the outage")
		default:
		}
		down.Store(false)
		<-late
		synctest.Wait()
		if done.Load() != 100 || g.outage() != nil {
			t.Errorf("%d of 100 done, outage %v", done.Load(), g.outage())
		}
		if reported.Load() != first {
			t.Errorf("%d reports for %d parked messages", reported.Load(), first)
		}
	})
}

func TestParkHonoursTheWaitAskedForAndTheStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		h := &tries{start: start, errs: []error{Unavailable("models", errors.New("quota"), 10*time.Minute)}}
		stop := make(chan struct{})
		g := newGate(quietLog, timeOfDay{})
		handle := park(g, stop, func(*message.Message, error) {})(h.handle)
		if _, err := handle(message.NewMessage("a", nil)); err != nil {
			t.Error(err)
		}
		if want := []time.Duration{0, 10 * time.Minute}; !slices.Equal(h.at, want) {
			t.Errorf("tried at %v, want %v", h.at, want)
		}
		h.errs = []error{Unavailable("models", errors.New("quota"), 10*time.Minute)}
		time.AfterFunc(time.Second, func() { close(stop) })
		if _, err := handle(message.NewMessage("b", nil)); !errors.Is(err, errInterrupted) {
			t.Errorf("error %v, want interrupted", err)
		}
	})
}

// What is parked aside waits for itself: nobody else does, and it waits for others' outages
// as everybody does.
func TestParkedAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("down")
		reports := 0
		g, stop := newGate(quietLog, timeOfDay{}), make(chan struct{})
		handle := func(errs ...error) *tries {
			h := &tries{start: time.Now(), errs: errs}
			go park(g, stop, func(*message.Message, error) { reports++ })(h.handle)(message.NewMessage("a", nil))
			synctest.Wait()
			return h
		}
		alone := handle(Aside("edgar", down, 0), Aside("edgar", down, 0), Aside("edgar", down, 10*time.Minute))
		if o := g.outage(); o != nil || reports != 1 {
			t.Fatalf("outage %+v, %d reports; want none and one", o, reports)
		}
		if other := handle(); len(other.at) != 1 {
			t.Error("another message was not let in")
		}
		time.Sleep(time.Minute)
		handle(Unavailable("redis", down, time.Hour)) // meanwhile
		time.Sleep(61 * time.Minute)
		synctest.Wait()
		if want := []time.Duration{0, time.Second, 3 * time.Second, 61 * time.Minute}; !slices.Equal(alone.at, want) || reports != 2 {
			t.Errorf("tried at %v with %d reports, want %v with two", alone.at, reports, want)
		}

		// A probe that is parked aside has found the other dependency.
		handle(Unavailable("redis", down, time.Minute), Aside("edgar", down, time.Hour))
		time.Sleep(time.Minute)
		synctest.Wait()
		if o := g.outage(); o != nil {
			t.Errorf("the gate is still closed: %+v", o)
		}
		close(stop) // which nothing outlives
	})
}

func TestAFailureOfTheProbeOtherThanAnOutageOpensTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		h := &tries{start: time.Now(), errs: []error{Unavailable("redis", boom, 0), boom}}
		g := newGate(quietLog, timeOfDay{})
		if _, err := park(g, nil, func(*message.Message, error) {})(h.handle)(message.NewMessage("a", nil)); !errors.Is(err, boom) {
			t.Errorf("error %v, want boom", err)
		}
		if o := g.outage(); o != nil {
			t.Errorf("the gate is still closed: %+v", o)
		}
	})
}

// Waits that a dependency asks for are believed within reason: neither does a
// segment spin, nor does it stand still for a year.
func TestWaitsAskedForAreBounded(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		asked, during time.Duration
		least, most   int // calls
	}{
		{time.Nanosecond, time.Minute, 10, 6100},
		{365 * 24 * time.Hour, 3 * time.Hour, 4, 4},
	}
	for _, tt := range tests {
		gate := newGate(quietLog, timeOfDay{})
		for name, wrap := range map[string]func(message.HandlerFunc) message.HandlerFunc{
			"unavailable": park(gate, nil, func(*message.Message, error) {}),
			"retry after": retry(Retry{Attempts: 1 << 30, Delay: time.Second, Max: time.Second}, timeOfDay{}, nil, quietLog),
		} {
			synctest.Test(t, func(t *testing.T) {
				gate.turn = make(chan struct{}, 1) // of this bubble
				calls, start := 0, time.Now()
				_, _ = wrap(func(*message.Message) ([]*message.Message, error) {
					calls++
					if time.Since(start) >= tt.during {
						return nil, Permanent(boom)
					}
					if name == "retry after" {
						return nil, RetryAfter(boom, tt.asked)
					}
					return nil, Unavailable("models", boom, tt.asked)
				})(message.NewMessage("a", nil))
				if calls < tt.least || calls > tt.most {
					t.Errorf("%s: asked to wait %v: %d calls in %v, want %d to %d", name, tt.asked, calls, tt.during, tt.least, tt.most)
				}
			})
		}
	}
}

// However many are parked, each gets its turn to look, one after the other, and a
// probe that is interrupted leaves the turn to the next.
func TestParkedMessagesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		probes := map[string]int{}
		first := map[string]bool{}
		var mu sync.Mutex
		g := newGate(quietLog, timeOfDay{})
		stop, down := make(chan struct{}), make(chan struct{})
		handle := park(g, stop, func(*message.Message, error) {})(func(wm *message.Message) ([]*message.Message, error) {
			<-down // all are in when it happens
			mu.Lock()
			defer mu.Unlock()
			if !first[wm.UUID] {
				first[wm.UUID] = true
			} else if probes[wm.UUID]++; wm.UUID == "3" {
				return nil, errInterrupted
			}
			return nil, Unavailable("models", errors.New("refused"), time.Second)
		})
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() { _, _ = handle(message.NewMessage(fmt.Sprint(i), nil)) })
		}
		synctest.Wait()
		close(down)
		time.Sleep(19*time.Second + time.Millisecond)
		mu.Lock()
		for i := range 10 {
			least, most := 2, 3
			if i == 3 {
				least, most = 1, 1
			}
			if got := probes[fmt.Sprint(i)]; got < least || got > most {
				t.Errorf("message %d probed %d times, want %d to %d", i, got, least, most)
			}
		}
		mu.Unlock()
		close(stop)
		all.Wait()
	})
}
