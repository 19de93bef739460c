package main

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLazyOpensOnceAndAgainAfterAFailure(t *testing.T) {
	var l lazy[int]
	opened, closed := 0, 0
	open := func(context.Context) (int, func() error, error) {
		if opened++; opened == 1 {
			return 0, nil, errors.New("refused")
		}
		return opened, func() error { closed++; return nil }, nil
	}
	if _, err := l.get(open); err == nil {
		t.Error("the failure is gone")
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if v, err := l.get(open); v != 2 || err != nil {
				t.Errorf("got %d, %v, want what the second opening gave", v, err)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(l.close(), l.close()); err != nil || closed != 1 {
		t.Errorf("closed %d times (%v), want once", closed, err)
	}
}

func TestLazyWaitsOnlySoLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lazy[int]
		began := time.Now()
		_, err := l.get(func(ctx context.Context) (int, func() error, error) {
			<-ctx.Done() // an address where nobody answers
			return 0, nil, ctx.Err()
		})
		if took := time.Since(began); err == nil || took != openTimeout {
			t.Errorf("%v after %v, want an error after %v", err, took, openTimeout)
		}
		if err := l.close(); err != nil {
			t.Error(err)
		}
	})
}
