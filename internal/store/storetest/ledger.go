package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"catalyst/internal/store"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Ledger runs the suite of [store.Ledger].
func Ledger(t *testing.T, open func(tb testing.TB) store.Ledger) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, store.Ledger)
	}{
		{"nothing is recorded under a new key", ledgerUnknown},
		{"effects come in the order asked", ledgerOrder},
		{"the ledger says when", ledgerAt},
		{"a second record replaces the first", ledgerReplace},
		{"recording again prolongs", ledgerProlong},
		{"an empty batch asks nothing", ledgerNothing},
		{"hostile keys and notes are told apart", ledgerHostile},
		{"a large batch", ledgerMany},
		{"many at once", ledgerConcurrent},
		{"what is pending is listed, the oldest first", ledgerPending},
		{"what has expired is not pending", ledgerPendingExpired},
		{"many are pending", ledgerPendingMany},
		{"a cancelled call is an error", ledgerCancelled},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

const keep = time.Hour

func ledgerUnknown(t *testing.T, s store.Ledger) {
	wantEffects(t, s, []string{"a", "b"}, store.Effect{}, store.Effect{})
}

func ledgerOrder(t *testing.T, s store.Ledger) {
	one := store.Effect{Key: "discord/1/a", ID: "100", State: "plain"}
	two := store.Effect{Key: "discord/1/b", ID: "101"}
	record(t, s, keep, one, two)
	wantEffects(t, s, []string{two.Key, "discord/2/a", one.Key, two.Key}, two, store.Effect{}, one, two)
}

// ledgerAt allows for a server whose clock is not ours.
func ledgerAt(t *testing.T, s store.Ledger) {
	long := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	record(t, s, keep, store.Effect{Key: "k", ID: "1", At: long})
	got := effects(t, s, "k")[0].At
	if off := time.Since(got); off < -time.Minute || off > time.Minute {
		t.Errorf("recorded at %v, %v ago, want now", got, off)
	}
}

func ledgerReplace(t *testing.T, s store.Ledger) {
	record(t, s, keep, store.Effect{Key: "k", ID: "1", State: "old"}, store.Effect{Key: "other", ID: "2", State: "kept"})
	record(t, s, keep, store.Effect{Key: "k", ID: "3"})
	wantEffects(t, s, []string{"k", "other"}, store.Effect{Key: "k", ID: "3"}, store.Effect{Key: "other", ID: "2", State: "kept"})

	// In one batch too, the last word holds.
	record(t, s, keep, store.Effect{Key: "k", ID: "4", State: "first"}, store.Effect{Key: "k", ID: "5", State: "last"})
	wantEffects(t, s, []string{"k"}, store.Effect{Key: "k", ID: "5", State: "last"})
}

func ledgerProlong(t *testing.T, s store.Ledger) {
	const short = 200 * time.Millisecond
	effect := store.Effect{Key: "k", ID: "1"}
	record(t, s, short, effect)
	record(t, s, keep, effect)
	start := time.Now()
	eventually(t, "the first record's time is over", func() bool {
		wantEffects(t, s, []string{"k"}, effect)
		return time.Since(start) > 2*short
	})
}

func ledgerNothing(t *testing.T, s store.Ledger) {
	record(t, s, keep)
	wantEffects(t, s, nil)
}

func ledgerHostile(t *testing.T, s store.Ledger) {
	var want []store.Effect
	for i, text := range hostile {
		want = append(want, store.Effect{Key: text, ID: fmt.Sprint(i), State: text})
	}
	record(t, s, keep, want...)
	wantEffects(t, s, hostile, want...)
}

func ledgerMany(t *testing.T, s store.Ledger) {
	want := make([]store.Effect, many)
	keys := make([]string, many)
	for i := range want {
		keys[i] = fmt.Sprint("key", i)
		want[i] = store.Effect{Key: keys[i], ID: fmt.Sprint(i), State: "s"}
	}
	record(t, s, keep, want...)
	wantEffects(t, s, keys, want...)
}

// ledgerConcurrent writes and reads overlapping keys in different orders: what
// is read is one of the records written, never a mixture.
func ledgerConcurrent(t *testing.T, s store.Ledger) {
	const writers, keys = 16, 50
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			id := fmt.Sprint("w", w)
			batch := make([]store.Effect, keys)
			names := make([]string, keys)
			for i := range batch {
				names[i] = fmt.Sprint("key", (i+w)%keys)
				batch[i] = store.Effect{Key: names[i], ID: id, State: id}
			}
			if err := s.Record(t.Context(), batch, keep); err != nil {
				t.Errorf("record: %v", err)
				return
			}
			got, err := s.Effects(t.Context(), names)
			if err != nil || len(got) != keys {
				t.Errorf("effects: %d, error %v", len(got), err)
				return
			}
			for i, e := range got {
				if e.Key != names[i] || e.ID == "" || e.ID != e.State {
					t.Errorf("under %s: %+v, want one writer's record", names[i], e)
				}
			}
		})
	}
	wg.Wait()
}

func ledgerPending(t *testing.T, s store.Ledger) {
	soon := time.Now().Add(time.Hour)
	wantPending(t, s, "", soon, 10)
	record(t, s, keep, store.Effect{Key: "sink/b", ID: "1", Pending: true}, store.Effect{Key: "sink/shown", ID: "2"})
	time.Sleep(5 * time.Millisecond) // the next is recorded later, by the clock of the ledger
	record(t, s, keep, store.Effect{Key: "sink/a", ID: "3", State: "s", Pending: true}, store.Effect{Key: "sin%/x", ID: "4", Pending: true})
	wantPending(t, s, "sink/", soon, 10, "sink/b", "sink/a")
	wantPending(t, s, "sin%", soon, 10, "sin%/x")
	wantPending(t, s, "sink/", soon, 1, "sink/b")
	wantPending(t, s, "", time.Now().Add(-time.Hour), 10)
	wantEffects(t, s, []string{"sink/a"}, store.Effect{Key: "sink/a", ID: "3", State: "s", Pending: true})

	record(t, s, keep, store.Effect{Key: "sink/b", ID: "1", State: "done"})
	wantPending(t, s, "sink/", soon, 10, "sink/a")
	record(t, s, keep, store.Effect{Key: "sink/b", ID: "1", Pending: true}) // and now it is the youngest
	wantPending(t, s, "sink/", soon, 10, "sink/a", "sink/b")
}

func ledgerPendingExpired(t *testing.T, s store.Ledger) {
	record(t, s, 50*time.Millisecond, store.Effect{Key: "k", ID: "1", Pending: true})
	eventually(t, "the record's time is over", func() bool {
		return effects(t, s, "k")[0].At.IsZero()
	})
	for range 2 {
		wantPending(t, s, "", time.Now().Add(time.Hour), 10)
	}
}

// ledgerPendingMany: others' keys do not hide one's own, however many there are.
func ledgerPendingMany(t *testing.T, s store.Ledger) {
	var batch []store.Effect
	for i := range many {
		batch = append(batch, store.Effect{Key: fmt.Sprint("other/", i), ID: "1", Pending: true})
	}
	record(t, s, keep, batch...)
	record(t, s, keep, store.Effect{Key: "own/1", ID: "1", Pending: true})
	wantPending(t, s, "own/", time.Now().Add(time.Hour), 10, "own/1")
}

func wantPending(t *testing.T, s store.Ledger, prefix string, before time.Time, limit int, want ...string) {
	t.Helper()
	got, err := s.Pending(t.Context(), prefix, before, limit)
	if err != nil {
		t.Fatalf("pending: %v", err)
	}
	var keys []string
	for _, e := range got {
		if !e.Pending || e.ID == "" || e.At.IsZero() {
			t.Errorf("pending effect %+v", e)
		}
		keys = append(keys, e.Key)
	}
	if diff := cmp.Diff(want, keys, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("pending of %q (-want +got):\n%s", prefix, diff)
	}
}

func ledgerCancelled(t *testing.T, s store.Ledger) {
	if got, err := s.Effects(cancelled(), []string{"k"}); err == nil {
		t.Errorf("effects: %v and no error", got)
	}
	if got, err := s.Pending(cancelled(), "", time.Now(), 1); err == nil {
		t.Errorf("pending: %v and no error", got)
	}
	if err := s.Record(cancelled(), []store.Effect{{Key: "k", ID: "1"}}, keep); err == nil {
		t.Error("record: no error")
	}
}

func record(t *testing.T, s store.Ledger, keep time.Duration, effects ...store.Effect) {
	t.Helper()
	if err := s.Record(t.Context(), effects, keep); err != nil {
		t.Fatalf("record: %v", err)
	}
}

func effects(t *testing.T, s store.Ledger, keys ...string) []store.Effect {
	t.Helper()
	got, err := s.Effects(t.Context(), keys)
	if err != nil {
		t.Fatalf("effects: %v", err)
	}
	if len(got) != len(keys) {
		t.Fatalf("%d effects for %d keys", len(got), len(keys))
	}
	return got
}

func wantEffects(t *testing.T, s store.Ledger, keys []string, want ...store.Effect) {
	t.Helper()
	got := effects(t, s, keys...)
	for i, e := range got {
		if e.At.IsZero() != (want[i] == store.Effect{}) {
			t.Errorf("under %.20q: recorded at %v", keys[i], e.At)
		}
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(store.Effect{}, "At"), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("effects (-want +got):\n%s", diff)
	}
}
