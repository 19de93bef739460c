package outage

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

var errDown = errors.New("connection refused")

func TestAnOutageIsToldOnceAndNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := Guard{Patience: time.Second, Rest: 5 * time.Second}
		calls, told := 0, 0
		answer := errDown
		ask := func(context.Context) error { calls++; return answer }
		do := func() error {
			began, err := g.Do(t.Context(), ask)
			if began {
				told++
			}
			return err
		}
		for range 11 { // a second apart: at 0, 5 and 10 it is asked
			if err := do(); !errors.Is(err, errDown) {
				t.Errorf("Do: %v, want %v", err, errDown)
			}
			time.Sleep(time.Second)
		}
		if calls != 3 || told != 1 {
			t.Errorf("asked %d times and told %d, want 3 and 1", calls, told)
		}
		time.Sleep(5 * time.Second)
		answer = nil
		if err := do(); err != nil {
			t.Errorf("Do: %v after the outage", err)
		}
		answer = errDown
		do()
		if told != 2 {
			t.Errorf("told %d times of two outages", told)
		}
	})
}

func TestPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := Guard{Patience: time.Second, Rest: time.Second}
		start := time.Now()
		began, err := g.Do(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		if took := time.Since(start); took != time.Second || !began || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Do took %v: began %v, %v; want an outage after 1s", took, began, err)
		}
	})
}

func TestBeingStoppedIsNoOutage(t *testing.T) {
	g := Guard{Patience: time.Minute, Rest: time.Minute}
	ctx, cancel := context.WithCancel(t.Context())
	began, err := g.Do(ctx, func(ctx context.Context) error { cancel(); return errDown })
	if began || !errors.Is(err, context.Canceled) {
		t.Errorf("began %v, %v; want false and context.Canceled", began, err)
	}
	if _, err := g.Do(t.Context(), func(context.Context) error { return nil }); err != nil {
		t.Errorf("the next call: %v, want it to be made", err)
	}
}

// While one call finds out whether the helper has returned, nobody else waits for it.
func TestOneAsksForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := Guard{Patience: 10 * time.Second, Rest: time.Second}
		hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		g.Do(t.Context(), hang)
		time.Sleep(time.Second)
		asked := 0
		for range 3 {
			go g.Do(t.Context(), func(ctx context.Context) error { asked++; return hang(ctx) })
		}
		synctest.Wait()
		if asked != 1 {
			t.Errorf("%d ask at the same time, want one", asked)
		}
		time.Sleep(time.Minute)
		if _, err := g.Do(t.Context(), func(context.Context) error { return nil }); err != nil {
			t.Errorf("Do: %v after the outage", err)
		}
	})
}
