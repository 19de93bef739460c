package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"catalyst/internal/store"

	"github.com/google/go-cmp/cmp"
)

// Joining without a group is claiming a key.

func claimHeld(t *testing.T, s [2]store.Stories) {
	for i, id := range []string{"m1", "m1", "m2", "m3", "m1"} { // a message is never a duplicate of itself
		wantOwners(t, s[i%2], []store.Arrival{{Key: "k", ID: id}}, "m1")
	}
}

func claimOrder(t *testing.T, s [2]store.Stories) {
	wantOwners(t, s[0], []store.Arrival{{Key: "b", ID: "m1"}, {Key: "a", ID: "m2"}}, "m1", "m2")
	wantOwners(t, s[1], []store.Arrival{
		{Key: "c", ID: "m9"}, {Key: "a", ID: "m9"}, {Key: "d", ID: "m8"}, {Key: "b", ID: "m9"},
	}, "m9", "m2", "m8", "m1")
}

func claimTwiceInBatch(t *testing.T, s [2]store.Stories) {
	batch := []store.Arrival{{Key: "k", ID: "m1"}, {Key: "other", ID: "m2"}, {Key: "k", ID: "m3"}, {Key: "k", ID: "m1"}}
	wantOwners(t, s[0], batch, "m1", "m2", "m1", "m1")
	wantOwners(t, s[1], batch[2:3], "m1")
}

// claimExpires asks all the time, as the owner and as another: were a claim
// prolonged by asking, it would never end.
func claimExpires(t *testing.T, s [2]store.Stories) {
	short := store.Keep{Key: 300 * time.Millisecond, Story: time.Hour, Recent: time.Minute}
	start := time.Now()
	if got := owners(t, s[0], short, store.Arrival{Key: "k", ID: "m1"}); got[0] != "m1" {
		t.Fatalf("owner %q, want m1", got[0])
	}
	eventually(t, "the key is free for another", func() bool {
		return owners(t, s[0], short, store.Arrival{Key: "k", ID: "m2"})[0] == "m2" ||
			owners(t, s[1], short, store.Arrival{Key: "k", ID: "m1"})[0] == "m2"
	})
	if held := time.Since(start); held < short.Key {
		t.Errorf("held for %v, want at least %v", held, short.Key)
	}
}

func claimOtherTime(t *testing.T, s [2]store.Stories) {
	short := store.Keep{Key: 300 * time.Millisecond, Story: time.Hour, Recent: time.Minute}
	brief, lasting := store.Arrival{Key: "brief", ID: "m1"}, store.Arrival{Key: "lasting", ID: "m1"}
	owners(t, s[0], short, brief)
	owners(t, s[1], remembered, brief)
	owners(t, s[0], remembered, lasting)
	owners(t, s[1], short, lasting)
	eventually(t, "the short claim has ended", func() bool {
		return owners(t, s[0], remembered, store.Arrival{Key: "brief", ID: "m2"})[0] == "m2"
	})
	wantOwners(t, s[0], []store.Arrival{{Key: "lasting", ID: "m2"}}, "m1")
}

func claimHostile(t *testing.T, s [2]store.Stories) {
	var first, second []store.Arrival
	var want []string
	for i, key := range hostile {
		id := fmt.Sprint("owner ", i)
		if i < len(hostile)-2 { // an ID may be any bytes, but is not of any length
			id += key
		}
		first = append(first, store.Arrival{Key: key, ID: id})
		second = append(second, store.Arrival{Key: key, ID: "another"})
		want = append(want, id)
	}
	wantOwners(t, s[0], first, want...)
	wantOwners(t, s[1], second, want...)
}

// claimRace has everyone claim the same keys, each in another order.
func claimRace(t *testing.T, s [2]store.Stories) {
	const claimants, keys = 64, 100
	seen := make([][]string, claimants) // by claimant, the owner of each key
	var wg sync.WaitGroup
	start := make(chan struct{})
	for c := range claimants {
		seen[c] = make([]string, keys)
		wg.Go(func() {
			batch := make([]store.Arrival, keys)
			for i := range batch {
				batch[i] = store.Arrival{Key: fmt.Sprint("key", (i+c)%keys), ID: fmt.Sprint("m", c)}
			}
			<-start
			joined, err := s[c%2].Join(t.Context(), batch, remembered)
			if err != nil || len(joined) != keys {
				t.Errorf("claimant %d: %d answers, error %v", c, len(joined), err)
				return
			}
			for i, j := range joined {
				seen[c][(i+c)%keys] = j.Owner
			}
		})
	}
	close(start)
	wg.Wait()
	for c := 1; c < claimants; c++ {
		if diff := cmp.Diff(seen[0], seen[c]); diff != "" {
			t.Fatalf("claimants 0 and %d were told different owners (-0 +%d):\n%s", c, c, diff)
		}
	}
	for key, owner := range seen[0] {
		if owner == "" {
			t.Errorf("key%d has no owner", key)
		}
	}
}

// owners are those of the arrivals' keys once they have joined.
func owners(t *testing.T, s store.Stories, keep store.Keep, arrivals ...store.Arrival) []string {
	t.Helper()
	var all []string
	for _, j := range join(t, s, keep, arrivals...) {
		all = append(all, j.Owner)
	}
	return all
}

func wantOwners(t *testing.T, s store.Stories, arrivals []store.Arrival, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, owners(t, s, remembered, arrivals...)); diff != "" {
		t.Fatalf("owners (-want +got):\n%s", diff)
	}
}
