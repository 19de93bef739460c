package quota

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"catalyst/internal/llm"
)

// TestStoreAway goes on with the last known sums while the store is away, refuses what
// they refuse, tells the store when it is back, and says each thing once.
func TestStoreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		log, text := logged()
		q := New(dollarADay(), s, log)
		defer q.Close()
		if err := q.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		other := open(t, dollarADay(), s)
		a := cents(10)
		a.Limits = llm.Limits{RequestsPerDay: 8, Concurrency: 2}
		spend(t, other, a)
		spend(t, other, a)
		spend(t, q, a)
		under := must(t, q, a)
		time.Sleep(lease) // the sums of others are read

		s.down.Store(true)
		spend(t, q, a)
		under.Settle(Used{NanoDollars: 2e7})
		spend(t, q, a) // 3 before the outage, 1 settled to 0.02, 2 in it: 0.52
		spend(t, q, cents(9))
		refused(t, q, cents(40), llm.Budget) // 0.61 is beyond the warning
		r := must(t, q, cents(0.5))
		time.Sleep(time.Hour)
		if n := strings.Count(text(), "llm_quota_alone"); n != 1 {
			t.Errorf("%d warnings in\n%s", n, text())
		}

		s.down.Store(false)
		time.Sleep(lease)
		synctest.Wait()
		if n := strings.Count(text(), "llm_quota_together"); n != 1 {
			t.Errorf("%d times back in\n%s", n, text())
		}
		r.Settle(Used{NanoDollars: 1e6})
		today := date(time.Now().UTC())
		// The first calls of the outage may have reached the store: they may count twice,
		// and what they were to give back stays taken.
		if got := used(t, s, "usd:"+today+":day")[0]; got < 611e6 || got > 611e6+8e7 {
			t.Errorf("the store has %v dollars, want 0.611, and 0.08 more at most", Dollars(got))
		}
		if got := used(t, s, "requests:"+today+":gemini/m")[0]; got < 6 {
			t.Errorf("the store has %d requests", got)
		}
		spend(t, q, cents(0.5))
	})
}

// TestOutageAtOnce knows what this process spent itself, though it never read it.
func TestOutageAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		q := open(t, dollarADay(), s)
		spend(t, q, cents(59))
		s.down.Store(true)
		spend(t, q, cents(2))
		refused(t, q, cents(2), llm.Budget)
	})
}

// TestAnswerIsLost has the store do what it is asked and not say so: nothing that
// was taken may be missing, of money above all.
func TestAnswerIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		q := open(t, dollarADay(), s)
		first, second := must(t, q, cents(10)), must(t, q, cents(10))
		s.lossy.Store(true)
		first.Settle(Used{NanoDollars: 1e7}) // whose -0.09 was done
		second.Settle(Used{NanoDollars: 1e7})
		third := must(t, q, cents(5))
		third.Settle(Used{NanoDollars: 5e7})
		time.Sleep(time.Minute)
		s.lossy.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := used(t, s, "usd:"+date(time.Now().UTC())+":day")[0]; got < 7e7 {
			t.Errorf("the store has %v dollars of the 0.07 spent", Dollars(got))
		}
	})
}

// TestPlacesAfterAnOutage: calls that are under way when the store comes back have their
// places again, though it has lost them.
func TestPlacesAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		q := open(t, unlimited, s)
		a := Ask{Provider: "p", Model: "m", Limits: llm.Limits{Concurrency: 2}}
		must(t, q, a).Settle(Used{}) // which is not to come back
		before := must(t, q, a)
		s.down.Store(true)
		during := must(t, q, a)
		time.Sleep(time.Hour)
		s.down.Store(false)
		time.Sleep(lease)
		synctest.Wait()
		wantUsed(t, s, map[string]int64{"calls:p/m": 2})
		before.Settle(Used{})
		during.Settle(Used{})
		wantUsed(t, s, map[string]int64{"calls:p/m": 0})
	})
}

// TestStoreHangs asks a store that never answers: one call is slow, the others are not.
func TestStoreHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, unlimited, hanging{})
		start := time.Now()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				for range 20 {
					must(t, q, Ask{Provider: "p", Model: "m", Limits: llm.Limits{RequestsPerDay: 1e6}}).Settle(Used{})
				}
			})
		}
		wg.Wait()
		if took := time.Since(start); took > 2*patience {
			t.Errorf("took %v", took)
		}
	})
}
