package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"catalyst/internal/store"

	"github.com/google/go-cmp/cmp"
)

// Stories runs the suite of [store.Stories]. open returns two stores, as two processes
// have them, of one pipeline of its own.
func Stories(t *testing.T, open func(tb testing.TB) [2]store.Stories) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, [2]store.Stories)
	}{
		{"a new key belongs to who claims it, and a held key says who holds it", claimHeld},
		{"owners come in the order asked", claimOrder},
		{"the first of two equal keys in a batch wins", claimTwiceInBatch},
		{"a claim ends with its time and not later", claimExpires},
		{"a later time to keep changes nothing", claimOtherTime},
		{"hostile keys and owners are told apart", claimHostile},
		{"of many that claim at once one owns each key", claimRace},
		{"a group has one order", joinOrder},
		{"joining again keeps the place", joinAgain},
		{"groups do not see each other", joinGroups},
		{"who has no key has no place", joinHeld},
		{"whose place is forgotten has nothing before it", joinForgotten},
		{"a full group sees, and gives no place", joinFull},
		{"a full group forgets the oldest that are not recent", joinRoom},
		{"a group ends", joinExpires},
		{"processes that join at once agree on the order", joinRace},
		{"who yields is a duplicate from now on", yieldKey},
		{"who yields what it does not hold changes nothing", yieldOther},
		{"sightings are kept by source, the first first", sightings},
		{"sightings of one story are bounded", sightingsBounded},
		{"what was seen at once by many is kept", sightingsRace},
		{"hostile text comes back as it was", storiesHostile},
		{"an empty batch asks nothing", storiesNothing},
		{"a large batch", storiesMany},
		{"a cancelled call is an error", storiesCancelled},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

var (
	remembered = store.Keep{Key: time.Hour, Story: time.Hour, Recent: time.Minute}
	start      = time.Date(2025, 11, 20, 14, 30, 0, 250e6, time.UTC)
)

// arrival is one of the group g, with its own key.
func arrival(id, group string) store.Arrival {
	return store.Arrival{Key: "key " + id, ID: id, Group: group, Text: "text " + id, At: start}
}

func join(t *testing.T, s store.Stories, k store.Keep, arrivals ...store.Arrival) []store.Joined {
	t.Helper()
	joined, err := s.Join(t.Context(), arrivals, k)
	if err != nil {
		t.Fatalf("join: %v", err)
	}
	if len(joined) != len(arrivals) {
		t.Fatalf("%d answers for %d arrivals", len(joined), len(arrivals))
	}
	return joined
}

func yield(t *testing.T, s store.Stories, k store.Keep, yields ...store.Yield) {
	t.Helper()
	if err := s.Yield(t.Context(), yields, k); err != nil {
		t.Fatalf("yield: %v", err)
	}
}

// ids are those of what stood before.
func ids(before []store.Arrival) []string {
	found := []string{}
	for _, a := range before {
		found = append(found, a.ID)
	}
	return found
}

// wantBefore joins one arrival and checks who holds its key and who stands before it.
func wantBefore(t *testing.T, s store.Stories, a store.Arrival, owner string, before ...string) {
	t.Helper()
	j := join(t, s, remembered, a)[0]
	if j.Owner != owner {
		t.Errorf("%s: owner %q, want %q", a.ID, j.Owner, owner)
	}
	if diff := cmp.Diff(append([]string{}, before...), ids(j.Before)); diff != "" {
		t.Errorf("before %s (-want +got):\n%s", a.ID, diff)
	}
}

func joinOrder(t *testing.T, s [2]store.Stories) {
	wantBefore(t, s[0], arrival("a", "g"), "a")
	wantBefore(t, s[1], arrival("b", "g"), "b", "a")
	joined := join(t, s[0], remembered, arrival("c", "g"), arrival("alone", ""), arrival("d", "g"))
	want := []store.Joined{
		{Owner: "c", Before: standing("a", "b")},
		{Owner: "alone"},
		{Owner: "d", Before: standing("a", "b", "c")},
	}
	if diff := cmp.Diff(want, joined); diff != "" {
		t.Errorf("joined (-want +got):\n%s", diff)
	}
}

func standing(ids ...string) (all []store.Arrival) {
	for _, id := range ids {
		a := arrival(id, "")
		all = append(all, a)
	}
	return all
}

func joinAgain(t *testing.T, s [2]store.Stories) {
	wantBefore(t, s[0], arrival("a", "g"), "a")
	wantBefore(t, s[0], arrival("b", "g"), "b", "a")
	wantBefore(t, s[0], arrival("c", "g"), "c", "a", "b")
	wantBefore(t, s[1], arrival("b", "g"), "b", "a")
	wantBefore(t, s[1], arrival("a", "g"), "a")
	joined := join(t, s[1], remembered, arrival("d", "g"), arrival("d", "g"), arrival("c", "g"))
	for i, want := range [][]string{{"a", "b", "c"}, {"a", "b", "c"}, {"a", "b"}} {
		if diff := cmp.Diff(want, ids(joined[i].Before)); diff != "" {
			t.Errorf("before %d (-want +got):\n%s", i, diff)
		}
	}
}

func joinGroups(t *testing.T, s [2]store.Stories) {
	wantBefore(t, s[0], arrival("a", "g"), "a")
	wantBefore(t, s[0], arrival("b", "h"), "b")
	wantBefore(t, s[0], arrival("c", "G"), "c")
	joined := join(t, s[0], remembered, arrival("d", "h"), arrival("e", "g"))
	if diff := cmp.Diff([][]string{{"b"}, {"a"}}, [][]string{ids(joined[0].Before), ids(joined[1].Before)}); diff != "" {
		t.Errorf("before (-want +got):\n%s", diff)
	}
}

func joinHeld(t *testing.T, s [2]store.Stories) {
	wantBefore(t, s[0], arrival("a", "g"), "a")
	again := arrival("b", "g")
	again.Key = "key a"
	wantBefore(t, s[1], again, "a")
	wantBefore(t, s[0], arrival("c", "g"), "c", "a")
}

// joinForgotten: the place was lost, and others have joined since.
func joinForgotten(t *testing.T, s [2]store.Stories) {
	a := arrival("a", "g")
	a.Group = ""
	wantBefore(t, s[0], a, "a")
	wantBefore(t, s[0], arrival("b", "g"), "b")
	wantBefore(t, s[1], arrival("a", "g"), "a")
	wantBefore(t, s[1], arrival("c", "g"), "c", "b") // a has not joined behind it either
}

func joinFull(t *testing.T, s [2]store.Stories) {
	var batch []store.Arrival
	for i := range store.GroupSize + 2 {
		batch = append(batch, arrival(fmt.Sprint(i), "g"))
	}
	joined := join(t, s[0], remembered, batch...)
	for i, j := range joined {
		if len(j.Before) != min(i, store.GroupSize) {
			t.Fatalf("%d before arrival %d", len(j.Before), i)
		}
	}
	last := batch[len(batch)-1]
	wantBefore(t, s[1], last, last.ID) // it has no place, and nothing before it when it comes again
}

func joinRoom(t *testing.T, s [2]store.Stories) {
	var batch []store.Arrival
	for i := range store.GroupSize {
		a := arrival(fmt.Sprint(i), "g")
		a.At = start.Add(time.Duration(i) * time.Second)
		batch = append(batch, a)
	}
	join(t, s[0], remembered, batch...)
	late := arrival("late", "g")
	late.At = start.Add(remembered.Recent + 2*time.Second) // numbers 0, 1 and 2 are not recent, and one is enough
	j := join(t, s[1], remembered, late)[0]
	if len(j.Before) != store.GroupSize-1 || j.Before[0].ID != "1" {
		t.Errorf("%d before it, the first is %q; want %d and 1", len(j.Before), ids(j.Before[:1]), store.GroupSize-1)
	}
	if j := join(t, s[0], remembered, late)[0]; len(j.Before) == 0 || j.Before[len(j.Before)-1].ID != fmt.Sprint(store.GroupSize-1) {
		t.Error("it has lost its place")
	}
}

func joinExpires(t *testing.T, s [2]store.Stories) {
	short := store.Keep{Key: time.Hour, Story: 200 * time.Millisecond, Recent: time.Minute}
	join(t, s[0], short, arrival("a", "g"))
	later := join(t, s[1], short, arrival("b", "g"))[0]
	if len(later.Before) != 1 {
		t.Errorf("%d before the second, want 1", len(later.Before))
	}
	eventually(t, "the place is forgotten", func() bool { // asking again prolongs nothing
		return len(join(t, s[1], short, arrival("b", "g"))[0].Before) == 0
	})
	if got := join(t, s[0], short, arrival("c", "g"))[0].Before; len(got) != 0 {
		t.Errorf("%q stand in a group that has ended", ids(got))
	}
}

func joinRace(t *testing.T, s [2]store.Stories) {
	const joiners, each = 16, 8
	before := make([][]store.Joined, joiners)
	var wg sync.WaitGroup
	for j := range joiners {
		wg.Go(func() {
			for i := range each {
				a := arrival(fmt.Sprint(j, "-", i), "g")
				joined, err := s[j%2].Join(t.Context(), []store.Arrival{a}, remembered)
				if err != nil {
					t.Error(err)
					return
				}
				before[j] = append(before[j], joined...)
			}
		})
	}
	wg.Wait()
	order := make([]string, joiners*each) // by how many stand before
	for j, joined := range before {
		for i, one := range joined {
			order[len(one.Before)] += fmt.Sprint(j, "-", i)
		}
	}
	for j, joined := range before {
		for i, one := range joined {
			if diff := cmp.Diff(append([]string{}, order[:len(one.Before)]...), ids(one.Before)); diff != "" {
				t.Fatalf("what stands before %d-%d is no beginning of the order (-order +got):\n%s", j, i, diff)
			}
		}
	}
}

func yieldKey(t *testing.T, s [2]store.Stories) {
	join(t, s[0], remembered, arrival("a", "g"), arrival("b", "g"), arrival("c", "g"))
	yielded := store.Yield{Key: "key b", ID: "b", Group: "g", To: "a", Saw: store.Sighting{Source: "wire", At: start}}
	for range 2 {
		yield(t, s[0], remembered, yielded)
		wantBefore(t, s[1], arrival("b", "g"), "a")
		wantBefore(t, s[1], arrival("c", "g"), "c", "a")
	}
	third := arrival("d", "g")
	third.Key = "key b"
	wantBefore(t, s[0], third, "a")
}

func yieldOther(t *testing.T, s [2]store.Stories) {
	join(t, s[0], remembered, arrival("a", "g"))
	yield(t, s[1], remembered,
		store.Yield{Key: "key a", ID: "b", Group: "g", To: "c"},
		store.Yield{Key: "nobody's", ID: "b", To: "c"})
	wantBefore(t, s[0], arrival("a", "g"), "a")
	wantBefore(t, s[0], arrival("d", "g"), "d", "a")
	wantBefore(t, s[0], store.Arrival{Key: "nobody's", ID: "e"}, "e")
}

func sightings(t *testing.T, s [2]store.Stories) {
	saw := func(source string, after time.Duration) store.Sighting {
		return store.Sighting{Source: source, URL: "https://" + source, Title: "As " + source + " has it", At: start.Add(after)}
	}
	told := func(to string, what store.Sighting) store.Yield {
		return store.Yield{Key: "k", ID: "x", To: to, Saw: what}
	}
	yield(t, s[0], remembered, told("a", saw("second", 2*time.Second)), told("b", saw("wire", 0)))
	yield(t, s[1], remembered, told("a", saw("first", time.Second)), told("a", saw("second", 3*time.Second)))
	got, err := s[0].Sightings(t.Context(), []string{"none", "a", "b", "a"})
	if err != nil {
		t.Fatal(err)
	}
	a := []store.Sighting{saw("first", time.Second), saw("second", 2*time.Second)}
	if diff := cmp.Diff([][]store.Sighting{nil, a, {saw("wire", 0)}, a}, got); diff != "" {
		t.Errorf("sightings (-want +got):\n%s", diff)
	}
}

func sightingsBounded(t *testing.T, s [2]store.Stories) {
	var yields []store.Yield
	for i := range store.MaxSightings + 5 {
		yields = append(yields, store.Yield{Key: "k", ID: "x", To: "a", Saw: store.Sighting{Source: fmt.Sprint(i), At: start}})
	}
	yield(t, s[0], remembered, yields...)
	yield(t, s[1], remembered, yields...)
	got, err := s[0].Sightings(t.Context(), []string{"a"})
	if err != nil || len(got[0]) != store.MaxSightings {
		t.Errorf("%d sightings, error %v; want %d", len(got[0]), err, store.MaxSightings)
	}
}

func sightingsRace(t *testing.T, s [2]store.Stories) {
	var wg sync.WaitGroup
	for i := range store.MaxSightings {
		wg.Go(func() {
			err := s[i%2].Yield(t.Context(), []store.Yield{{Key: "k", ID: "x", To: "a", Saw: store.Sighting{Source: fmt.Sprint(i), At: start}}}, remembered)
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := s[0].Sightings(t.Context(), []string{"a"})
	if err != nil || len(got[0]) != store.MaxSightings {
		t.Errorf("%d sightings, error %v; want %d", len(got[0]), err, store.MaxSightings)
	}
}

func storiesHostile(t *testing.T, s [2]store.Stories) {
	for i, text := range hostile {
		if text == "" {
			continue
		}
		first := store.Arrival{Key: fmt.Sprint("1:", text), ID: fmt.Sprint(i), Group: text, Text: text, At: start}
		second := store.Arrival{Key: fmt.Sprint("2:", text), ID: fmt.Sprint(i) + " later", Group: text, At: start}
		if i < len(hostile)-2 { // an ID is not of any length
			first.ID += text
			second.ID += text
		}
		join(t, s[0], remembered, first)
		got := join(t, s[1], remembered, second)[0].Before
		first.Group = ""
		if diff := cmp.Diff([]store.Arrival{first}, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
		saw := store.Sighting{Source: text, URL: text, Title: text, At: start}
		yield(t, s[0], remembered, store.Yield{Key: second.Key, ID: second.ID, Group: text, To: first.ID, Saw: saw})
		seen, err := s[1].Sightings(t.Context(), []string{first.ID})
		if diff := cmp.Diff([][]store.Sighting{{saw}}, seen); diff != "" || err != nil {
			t.Errorf("%q: %v, sightings (-want +got):\n%s", text, err, diff)
		}
	}
}

func storiesNothing(t *testing.T, s [2]store.Stories) {
	join(t, s[0], remembered)
	yield(t, s[0], remembered)
	if got, err := s[0].Sightings(t.Context(), nil); len(got) != 0 || err != nil {
		t.Errorf("sightings %v, error %v; want none", got, err)
	}
}

func storiesMany(t *testing.T, s [2]store.Stories) {
	batch := make([]store.Arrival, many/2)
	var yields []store.Yield
	for i := range batch {
		batch[i] = arrival(fmt.Sprint(i), fmt.Sprint("group ", i%500))
		if i >= 500 {
			yields = append(yields, store.Yield{Key: batch[i].Key, ID: batch[i].ID, Group: batch[i].Group, To: fmt.Sprint(i % 500), Saw: store.Sighting{Source: "wire", At: start}})
		}
	}
	for i, j := range join(t, s[0], remembered, batch...) {
		if j.Owner != batch[i].ID || len(j.Before) != i/500 {
			t.Fatalf("arrival %d: owner %q, %d before it; want its own, %d", i, j.Owner, len(j.Before), i/500)
		}
	}
	yield(t, s[1], remembered, yields...)
	for i, j := range join(t, s[0], remembered, batch...) {
		if want := fmt.Sprint(i % 500); j.Owner != want || len(j.Before) != 0 {
			t.Fatalf("arrival %d: owner %q, %d before it; want %q and none", i, j.Owner, len(j.Before), want)
		}
	}
}

func storiesCancelled(t *testing.T, s [2]store.Stories) {
	if _, err := s[0].Join(cancelled(), []store.Arrival{arrival("a", "g")}, remembered); err == nil {
		t.Error("join: no error")
	}
	if err := s[0].Yield(cancelled(), []store.Yield{{Key: "k", ID: "a", To: "b"}}, remembered); err == nil {
		t.Error("yield: no error")
	}
	if _, err := s[0].Sightings(cancelled(), []string{"a"}); err == nil {
		t.Error("sightings: no error")
	}
}
