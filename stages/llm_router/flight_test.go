package llmrouter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"catalyst/flows"
	"catalyst/internal/likeness"
	"catalyst/internal/llm"
	"catalyst/internal/news"
)

// equals are n messages with the same news from different sources.
func equals(n int) (all []*flows.Message) {
	for i := range n {
		all = append(all, flows.NewMessage(fmt.Sprint("m", i), &news.Item{
			Key: fmt.Sprint(i), Source: fmt.Sprint("feed", i), URL: fmt.Sprint("https://example.com/", i),
			Title: "Acme wins contract", Tickers: []string{"ACME"}, Published: time.Unix(int64(i), 0),
		}))
	}
	return all
}

// atOnce has each message processed by itself, all at the same time.
func atOnce(t *testing.T, r *Router, all []*flows.Message) {
	var wg sync.WaitGroup
	for _, m := range all {
		wg.Go(func() { process(t, r, m) })
	}
	wg.Wait()
}

func TestEqualItemsAreOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, nil, steady(100))
		costs := paid("costs")
		costs.takes = time.Second
		r := routerOf(t, p, nil, costs)
		before := testutil.ToFloat64(shared.WithLabelValues())
		all := equals(20)
		atOnce(t, r, all)
		if n := costs.calls.Load(); n != 1 {
			t.Errorf("%d calls for 20 equal items", n)
		}
		var money int64
		for i, m := range all {
			a := m.Item.Analysis
			if !a.Done() || a.Direction != news.Bullish || a.Provider != "costs" {
				t.Fatalf("item %d: %+v, %+v", i, a, m.Outcome())
			}
			money += a.NanoDollars
			a.Catalysts = nil // which must not be another one's
			for _, other := range all[:i] {
				if other.Item.Analysis == a {
					t.Error("two items share an analysis")
				}
			}
		}
		if money != cent {
			t.Errorf("the items together paid %d nano-dollars for a call of a cent", money)
		}
		if n := testutil.ToFloat64(shared.WithLabelValues()) - before; n != 19 {
			t.Errorf("the metric counts %v, want 19", n)
		}
		if s := p.spent(t)["costs"]; s.Calls != 1 || s.NanoDollars != cent {
			t.Errorf("booked %+v", s)
		}
	})
}

// What is asked about later, or could be answered otherwise, is asked about by itself.
func TestDifferentItemsAreNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := free("free")
		f.takes = time.Second
		f.limits.Concurrency = -1
		r := routerOf(t, newPlace(t, nil, nil), nil, f)
		all := equals(6)
		all[1].Item.Title += "!"
		all[2].Item.Tickers = []string{"ACME", "X"}
		all[3].Item.Form = "8-K"
		all[4].Item.Summary = "And more."
		all[5].Item.Title, all[5].Item.Summary = "Acme wins", " contract" // the same text in other fields
		atOnce(t, r, all)
		if n := f.calls.Load(); n != 6 {
			t.Errorf("%d calls for 6 different items", n)
		}
		atOnce(t, r, equals(1))
		if n := f.calls.Load(); n != 7 {
			t.Error("an answer was kept for later: that is for the cache to decide")
		}
	})
}

// If the one that asks fails, one of those that waited asks.
func TestTheLeaderFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := free("free")
		f.takes = time.Second
		f.fail = func(n int) error {
			if n == 1 {
				return fail(llm.ContentFilter)
			}
			return nil
		}
		r := routerOf(t, newPlace(t, nil, nil), nil, f)
		all := equals(10)
		atOnce(t, r, all)
		judged := 0
		for _, m := range all {
			if m.Item.Analysis.Done() {
				judged++
			}
		}
		if n := f.calls.Load(); n != 2 || judged != 9 {
			t.Errorf("%d calls and %d of 10 judged, want 2 calls, and all but the first one judged", n, judged)
		}
	})
}

// Who asks and is stopped takes nobody along.
func TestTheLeaderIsCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := free("free")
		f.takes = time.Second
		r := routerOf(t, newPlace(t, nil, nil), nil, f)
		all := equals(5)
		ctx, cancel := context.WithCancel(t.Context())
		go r.Process(ctx, all[:1])
		synctest.Wait()
		go func() {
			time.Sleep(500 * time.Millisecond)
			cancel()
		}()
		start := time.Now()
		atOnce(t, r, all[1:])
		if d := time.Since(start); d != 1500*time.Millisecond {
			t.Errorf("the others had their answer after %v, want 1.5 s", d)
		}
		for i, m := range all[1:] {
			if !m.Item.Analysis.Done() {
				t.Errorf("item %d: %+v", i+1, m.Outcome())
			}
		}
		if o := all[0].Outcome(); o.Fate != flows.Failed || !errors.Is(o.Err, context.Canceled) {
			t.Errorf("the first: %+v", o)
		}
	})
}

// Who waits and is stopped waits no longer; the one that asks goes on.
func TestAFollowerIsCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := free("free")
		f.takes = time.Second
		r := routerOf(t, newPlace(t, nil, nil), nil, f)
		all := equals(2)
		done := make(chan struct{})
		go func() { process(t, r, all[0]); close(done) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		r.Process(ctx, all[1:])
		if o := all[1].Outcome(); time.Since(start) != 100*time.Millisecond || !errors.Is(o.Err, context.DeadlineExceeded) {
			t.Errorf("after %v: %+v", time.Since(start), o)
		}
		<-done
		if !all[0].Item.Analysis.Done() {
			t.Error("the one that asked has no answer")
		}
	})
}

// A panic fails the item that had it, and the others go on.
func TestTheLeaderPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := free("free")
		f.takes = time.Second
		f.fail = func(n int) error {
			if n == 1 {
				panic("boom")
			}
			return nil
		}
		r := routerOf(t, newPlace(t, nil, nil), nil, f)
		all := equals(5)
		atOnce(t, r, all)
		failed := 0
		for _, m := range all {
			if !m.Item.Analysis.Done() {
				failed++
			}
		}
		if n := f.calls.Load(); n != 2 || failed != 1 {
			t.Errorf("%d calls and %d failed, want 2 and 1", n, failed)
		}
	})
}

// alike are n messages with n wordings of one story, as semantic_cache marks them.
func alike(n int) []*flows.Message {
	all := equals(n)
	for i, m := range all {
		m.Item.Title = fmt.Sprint("Acme wins contract, says report ", i)
		similarity := 0.9
		if i == 0 {
			similarity = 1
		}
		likeness.Mark(m.SetMeta, "group", similarity)
	}
	return all
}

// A group is asked about once, also for those of it that come a little later, and who
// did not ask says whose answer it has.
func TestAGroupIsOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := free("free")
		f.takes = time.Second
		r := routerOf(t, newPlace(t, nil, nil), nil, f)
		all := alike(10)
		process(t, r, all[0])
		atOnce(t, r, all[1:])
		if n := f.calls.Load(); n != 1 {
			t.Errorf("%d calls for a group, want 1", n)
		}
		for i, m := range all {
			a := m.Item.Analysis
			if !a.Done() {
				t.Fatalf("item %d has no verdict: %+v", i, m.Outcome())
			}
			if i == 0 && a.Cached != nil || i > 0 && (a.Cached == nil || a.Cached.Key != "0" || a.Cached.Similarity != 0.9) {
				t.Errorf("item %d is cached from %+v", i, a.Cached)
			}
		}
		time.Sleep(keepLanded + time.Second)
		other := alike(1)[0]
		likeness.Mark(other.SetMeta, "another group", 1)
		process(t, r, other) // which lets go of what is old
		process(t, r, alike(1)[0])
		if n := f.calls.Load(); n != 3 {
			t.Errorf("%d calls, want 3: an answer is kept for a while only", n)
		}
		if n := len(r.flights.under); n > 2 {
			t.Errorf("%d answers are kept", n)
		}
	})
}

func TestTheLeaderOfAGroupFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := free("free")
		f.takes = time.Second
		f.fail = func(n int) error {
			if n == 1 {
				return fail(llm.ContentFilter)
			}
			return nil
		}
		r := routerOf(t, newPlace(t, nil, nil), nil, f)
		all := alike(10)
		atOnce(t, r, all)
		judged := 0
		for _, m := range all {
			if m.Item.Analysis.Done() {
				judged++
			}
		}
		if judged != 9 || f.calls.Load() != 2 {
			t.Errorf("%d verdicts by %d calls, want 9 by 2: one fails, one asks, eight wait", judged, f.calls.Load())
		}
	})
}

// What landed for groups is forgotten after a while, and the oldest sooner if there are many.
func TestLandedGroupsAreBounded(t *testing.T) {
	at := time.Unix(0, 0)
	f := flights{now: func() time.Time { return at }}
	print := func(i int) fingerprint { return fingerprint{byte(i), byte(i >> 8), byte(i >> 16)} }
	land := func(i int) {
		own, leads := f.join(print(i))
		if !leads {
			t.Fatalf("flight %d is under way before it began", i)
		}
		own.group = true
		f.land(print(i), own, &news.Analysis{})
	}
	for i := range 2 * mostLanded {
		land(i)
	}
	if len(f.landed) != mostLanded || len(f.under) != mostLanded {
		t.Errorf("%d answers of groups are kept under %d prints, want %d", len(f.landed), len(f.under), mostLanded)
	}
	if own, leads := f.join(print(2*mostLanded - 1)); leads || own.answer == nil {
		t.Error("the last one is not kept")
	}
	at = at.Add(keepLanded + time.Second)
	land(2 * mostLanded)
	if len(f.landed) != 1 || len(f.under) != 1 {
		t.Errorf("%d answers are kept after %v, want the new one", len(f.landed), keepLanded)
	}
}
