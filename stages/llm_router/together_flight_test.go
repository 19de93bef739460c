package llmrouter

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"catalyst/flows"
	"catalyst/internal/llm"
)

// asking notes what f is asked, as the number of items of each call.
func asking(f *standIn) func() []int {
	var mu sync.Mutex
	var calls []int
	f.answer = func(r llm.Request) string {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, max(1, strings.Count(r.Prompt, "<item number=")))
		return whole(r)
	}
	return func() []int {
		mu.Lock()
		defer mu.Unlock()
		return calls
	}
}

// batchesAtOnce has batches processed, each by a worker of its own.
func batchesAtOnce(t *testing.T, r *Router, batches ...[]*flows.Message) {
	var wg sync.WaitGroup
	for _, batch := range batches {
		wg.Go(func() { process(t, r, batch...) })
		synctest.Wait() // the first asks, the others come later
	}
	wg.Wait()
}

func wantJudged(t *testing.T, batches ...[]*flows.Message) {
	t.Helper()
	for b, batch := range batches {
		for i, m := range batch {
			if !m.Item.Analysis.Done() {
				t.Errorf("batch %d, item %d: %+v", b, i, m.Outcome())
			}
		}
	}
}

// Equal items are one item of a call for several, whichever batches they are in.
func TestEqualItemsOfSeveralAreOneOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := free("free")
		f.takes = time.Second
		calls := asking(f)
		r := five(t, newPlace(t, nil, nil), f)
		before := testutil.ToFloat64(shared.WithLabelValues())
		first := append(several(3), equals(2)...) // four stories
		second := append(several(5), equals(3)...)
		batchesAtOnce(t, r, first, second)
		wantJudged(t, first, second)
		// The first batch asks about 0, 1, 2 and the equal ones; the second about 3 and 4.
		got := calls()
		if len(got) != 2 || got[0]+got[1] != 6 {
			t.Errorf("calls about %v items, want 4 and 2", got)
		}
		if n := testutil.ToFloat64(shared.WithLabelValues()) - before; n != 7 {
			t.Errorf("%v had another one's answer, want 7", n)
		}
	})
}

func TestAGroupOfSeveralIsOneOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := free("free")
		f.takes = time.Second
		calls := asking(f)
		r := five(t, newPlace(t, nil, nil), f)
		like := alike(6)
		first, second := append(like[:3:3], several(2)...), like[3:]
		batchesAtOnce(t, r, first, second)
		wantJudged(t, first, second)
		if got := calls(); len(got) != 1 || got[0] != 3 {
			t.Errorf("calls about %v items, want one about 3", got)
		}
		for i, m := range like[1:] {
			if c := m.Item.Analysis.Cached; c == nil || c.Key != "0" || c.Similarity != 0.9 {
				t.Errorf("item %d is cached from %+v", i+1, c)
			}
		}
	})
}

// Whoever waited for a call about several that brought nothing waits for what becomes
// of its own, or asks.
func TestACallForSeveralFailsThoseThatWait(t *testing.T) {
	for name, failure := range map[string]func(){
		"refused": nil,
		"panics":  func() { panic("boom") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := free("free")
				f.takes = time.Second
				calls := asking(f)
				f.fail = func(n int) error {
					if n > 1 {
						return nil
					}
					if failure != nil {
						failure()
					}
					return fail(llm.ContentFilter)
				}
				r := five(t, newPlace(t, nil, nil), f)
				first, second := several(5), several(5)
				batchesAtOnce(t, r, first, second)
				wantJudged(t, second)
				if failure == nil {
					wantJudged(t, first)
				}
				if got := calls(); len(got) != 5 {
					t.Errorf("answers about %v items, want each of five stories asked about alone, once", got)
				}
				if n := len(r.flights.under); n != 0 {
					t.Errorf("%d flights are still under way", n)
				}
			})
		})
	}
}
