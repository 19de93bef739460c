package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"catalyst/internal/store"

	"github.com/google/go-cmp/cmp"
)

// Claims runs the suite of [store.Claims].
func Claims(t *testing.T, open func(tb testing.TB) store.Claims) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, store.Claims)
	}{
		{"a new key belongs to who claims it", claimNew},
		{"owners come in the order asked", claimOrder},
		{"the first of two equal keys in a batch wins", claimTwiceInBatch},
		{"a message is never a duplicate of itself", claimAgain},
		{"a held key says who holds it", claimHeld},
		{"a claim ends with its window and not later", claimExpires},
		{"a later window changes nothing", claimOtherWindow},
		{"a released key is free", claimRelease},
		{"only the owner releases", claimReleaseOther},
		{"releasing twice, and what nobody holds, is fine", claimReleaseUnknown},
		{"an empty batch asks nothing", claimNothing},
		{"hostile keys and owners are told apart", claimHostile},
		{"a large batch", claimMany},
		{"of many that claim at once one owns each key", claimRace},
		{"a cancelled call is an error", claimCancelled},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

const window = time.Hour

func claimNew(t *testing.T, s store.Claims) {
	wantOwners(t, s, []store.Claim{{Key: "k", Owner: "m1"}}, "m1")
}

func claimOrder(t *testing.T, s store.Claims) {
	wantOwners(t, s, []store.Claim{{Key: "b", Owner: "m1"}, {Key: "a", Owner: "m2"}}, "m1", "m2")
	wantOwners(t, s, []store.Claim{
		{Key: "c", Owner: "m9"}, {Key: "a", Owner: "m9"}, {Key: "d", Owner: "m8"}, {Key: "b", Owner: "m9"},
	}, "m9", "m2", "m8", "m1")
}

func claimTwiceInBatch(t *testing.T, s store.Claims) {
	batch := []store.Claim{{Key: "k", Owner: "m1"}, {Key: "other", Owner: "m2"}, {Key: "k", Owner: "m3"}, {Key: "k", Owner: "m1"}}
	wantOwners(t, s, batch, "m1", "m2", "m1", "m1")
	wantOwners(t, s, batch[2:3], "m1")
}

func claimAgain(t *testing.T, s store.Claims) {
	for range 3 {
		wantOwners(t, s, []store.Claim{{Key: "k", Owner: "m1"}}, "m1")
	}
	wantOwners(t, s, []store.Claim{{Key: "k", Owner: "m2"}, {Key: "k", Owner: "m1"}}, "m1", "m1")
}

func claimHeld(t *testing.T, s store.Claims) {
	wantOwners(t, s, []store.Claim{{Key: "k", Owner: "m1"}}, "m1")
	wantOwners(t, s, []store.Claim{{Key: "k", Owner: "m2"}}, "m1")
	wantOwners(t, s, []store.Claim{{Key: "k", Owner: "m3"}}, "m1")
}

// claimExpires asks all the time, as the owner and as another: were a claim
// prolonged by asking, it would never end.
func claimExpires(t *testing.T, s store.Claims) {
	const short = 300 * time.Millisecond
	start := time.Now()
	if got := claim(t, s, short, store.Claim{Key: "k", Owner: "m1"}); got[0] != "m1" {
		t.Fatalf("owner %q, want m1", got[0])
	}
	eventually(t, "the key is free for another", func() bool {
		return claim(t, s, short, store.Claim{Key: "k", Owner: "m2"})[0] == "m2" ||
			claim(t, s, short, store.Claim{Key: "k", Owner: "m1"})[0] == "m2"
	})
	if held := time.Since(start); held < short {
		t.Errorf("held for %v, want at least %v", held, short)
	}
}

func claimOtherWindow(t *testing.T, s store.Claims) {
	const short = 300 * time.Millisecond
	claim(t, s, short, store.Claim{Key: "short", Owner: "m1"})
	claim(t, s, time.Hour, store.Claim{Key: "short", Owner: "m1"})
	claim(t, s, time.Hour, store.Claim{Key: "long", Owner: "m1"})
	claim(t, s, short, store.Claim{Key: "long", Owner: "m1"})
	eventually(t, "the short claim has ended", func() bool {
		return claim(t, s, time.Hour, store.Claim{Key: "short", Owner: "m2"})[0] == "m2"
	})
	wantOwners(t, s, []store.Claim{{Key: "long", Owner: "m2"}}, "m1")
}

func claimRelease(t *testing.T, s store.Claims) {
	held := []store.Claim{{Key: "a", Owner: "m1"}, {Key: "b", Owner: "m2"}, {Key: "c", Owner: "m3"}}
	wantOwners(t, s, held, "m1", "m2", "m3")
	release(t, s, held[0], held[2])
	wantOwners(t, s, []store.Claim{{Key: "a", Owner: "m9"}, {Key: "b", Owner: "m9"}, {Key: "c", Owner: "m9"}}, "m9", "m2", "m9")
}

func claimReleaseOther(t *testing.T, s store.Claims) {
	wantOwners(t, s, []store.Claim{{Key: "k", Owner: "m1"}}, "m1")
	release(t, s, store.Claim{Key: "k", Owner: "m2"}, store.Claim{Key: "k", Owner: ""})
	wantOwners(t, s, []store.Claim{{Key: "k", Owner: "m2"}}, "m1")

	// A late release by a former owner must not free what a new owner holds.
	release(t, s, store.Claim{Key: "k", Owner: "m1"})
	wantOwners(t, s, []store.Claim{{Key: "k", Owner: "m2"}}, "m2")
	release(t, s, store.Claim{Key: "k", Owner: "m1"})
	wantOwners(t, s, []store.Claim{{Key: "k", Owner: "m3"}}, "m2")
}

func claimReleaseUnknown(t *testing.T, s store.Claims) {
	release(t, s)
	release(t, s, store.Claim{Key: "never", Owner: "m1"})
	wantOwners(t, s, []store.Claim{{Key: "k", Owner: "m1"}}, "m1")
	release(t, s, store.Claim{Key: "k", Owner: "m1"}, store.Claim{Key: "k", Owner: "m1"})
	release(t, s, store.Claim{Key: "k", Owner: "m1"})
	wantOwners(t, s, []store.Claim{{Key: "k", Owner: "m2"}}, "m2")
}

func claimNothing(t *testing.T, s store.Claims) {
	if got := claim(t, s, window); len(got) != 0 {
		t.Errorf("owners %q, want none", got)
	}
}

func claimHostile(t *testing.T, s store.Claims) {
	var first, second []store.Claim
	var owners []string
	for i, key := range hostile {
		owner := fmt.Sprint("owner ", i)
		if i < len(hostile)-2 { // an owner is a message ID: any bytes, but not of any length
			owner += key
		}
		first = append(first, store.Claim{Key: key, Owner: owner})
		second = append(second, store.Claim{Key: key, Owner: "another"})
		owners = append(owners, owner)
	}
	wantOwners(t, s, first, owners...)
	wantOwners(t, s, second, owners...)
	release(t, s, first...)
	for i := range owners {
		owners[i] = "another"
	}
	wantOwners(t, s, second, owners...)
}

func claimMany(t *testing.T, s store.Claims) {
	batch := make([]store.Claim, many)
	again := make([]store.Claim, many)
	owners := make([]string, many)
	for i := range batch {
		owners[i] = fmt.Sprint("m", i)
		batch[i] = store.Claim{Key: fmt.Sprint("key", i), Owner: owners[i]}
		again[i] = store.Claim{Key: batch[i].Key, Owner: "late"}
	}
	wantOwners(t, s, batch, owners...)
	wantOwners(t, s, again, owners...)
	release(t, s, batch...)
	wantOwners(t, s, again[:2], "late", "late")
}

// claimRace has everyone claim the same keys, each in another order.
func claimRace(t *testing.T, s store.Claims) {
	const claimants, keys = 64, 100
	seen := make([][]string, claimants) // by claimant, the owner of each key
	var wg sync.WaitGroup
	start := make(chan struct{})
	for c := range claimants {
		seen[c] = make([]string, keys)
		wg.Go(func() {
			batch := make([]store.Claim, keys)
			for i := range batch {
				batch[i] = store.Claim{Key: fmt.Sprint("key", (i+c)%keys), Owner: fmt.Sprint("m", c)}
			}
			<-start
			owners, err := s.Claim(t.Context(), batch, window)
			if err != nil || len(owners) != keys {
				t.Errorf("claimant %d: %d owners, error %v", c, len(owners), err)
				return
			}
			for i, owner := range owners {
				seen[c][(i+c)%keys] = owner
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

func claimCancelled(t *testing.T, s store.Claims) {
	batch := []store.Claim{{Key: "k", Owner: "m1"}}
	if owners, err := s.Claim(cancelled(), batch, window); err == nil {
		t.Errorf("claim: owners %q and no error", owners)
	}
	if err := s.Release(cancelled(), batch); err == nil {
		t.Error("release: no error")
	}
}

func claim(t *testing.T, s store.Claims, window time.Duration, claims ...store.Claim) []string {
	t.Helper()
	owners, err := s.Claim(t.Context(), claims, window)
	if err != nil {
		t.Fatalf("claim: %v", err)
	}
	if len(owners) != len(claims) {
		t.Fatalf("%d owners for %d claims", len(owners), len(claims))
	}
	return owners
}

func wantOwners(t *testing.T, s store.Claims, claims []store.Claim, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, claim(t, s, window, claims...)); diff != "" {
		t.Fatalf("owners (-want +got):\n%s", diff)
	}
}

func release(t *testing.T, s store.Claims, claims ...store.Claim) {
	t.Helper()
	if err := s.Release(context.Background(), claims); err != nil {
		t.Fatalf("release: %v", err)
	}
}
