package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"catalyst/internal/store"

	"github.com/google/go-cmp/cmp"
)

// Notes runs the suite of [store.Notes].
func Notes(t *testing.T, open func(tb testing.TB) store.Notes) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, store.Notes)
	}{
		{"a note comes back", noteBack},
		{"notes come in the order asked", noteOrder},
		{"a second note takes the place of the first", noteReplaces},
		{"an empty value removes", noteRemoves},
		{"a note expires", noteExpires},
		{"a later keep counts", noteKeptLonger},
		{"hostile names and values are told apart", noteHostile},
		{"what is stored is a copy", noteCopy},
		{"an empty batch asks nothing", noteNothing},
		{"many at once", noteRace},
		{"a cancelled call is an error", noteCancelled},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

func noteBack(t *testing.T, s store.Notes) {
	note(t, s, "breaker", "open", time.Hour)
	wantNotes(t, s, []string{"breaker"}, "open")
	wantNotes(t, s, []string{"Breaker"}, "")
}

func noteOrder(t *testing.T, s store.Notes) {
	for _, name := range []string{"a", "b", "c"} {
		note(t, s, name, "note "+name, time.Hour)
	}
	wantNotes(t, s, []string{"c", "none", "a", "c", "b"}, "note c", "", "note a", "note c", "note b")
}

func noteReplaces(t *testing.T, s store.Notes) {
	note(t, s, "k", "a long first value", time.Hour)
	note(t, s, "k", "2", time.Hour)
	note(t, s, "k", "2", time.Hour)
	wantNotes(t, s, []string{"k"}, "2")
}

func noteRemoves(t *testing.T, s store.Notes) {
	note(t, s, "k", "v", time.Hour)
	note(t, s, "other", "v", time.Hour)
	note(t, s, "k", "", 0)
	note(t, s, "never", "", time.Hour)
	wantNotes(t, s, []string{"k", "other", "never"}, "", "v", "")
}

func noteExpires(t *testing.T, s store.Notes) {
	const short = 200 * time.Millisecond
	start := time.Now()
	note(t, s, "brief", "v", short)
	note(t, s, "long", "v", time.Hour)
	eventually(t, "the note is gone", func() bool { return notes(t, s, "brief")[0] == nil })
	if kept := time.Since(start); kept < short {
		t.Errorf("kept for %v, want at least %v", kept, short)
	}
	wantNotes(t, s, []string{"brief", "long"}, "", "v")
}

func noteKeptLonger(t *testing.T, s store.Notes) {
	const short = 100 * time.Millisecond
	note(t, s, "k", "1", short)
	note(t, s, "k", "2", time.Hour)
	note(t, s, "mark", "v", short)
	eventually(t, "what was as short is gone", func() bool { return notes(t, s, "mark")[0] == nil })
	wantNotes(t, s, []string{"k"}, "2")
}

func noteHostile(t *testing.T, s store.Notes) {
	var values []string
	for i, name := range hostile {
		value := fmt.Sprint(i, name)
		values = append(values, value)
		note(t, s, name, value, time.Hour)
	}
	wantNotes(t, s, hostile, values...)
}

func noteCopy(t *testing.T, s store.Notes) {
	value := []byte("value")
	if err := s.Note(t.Context(), "k", value, time.Hour); err != nil {
		t.Fatal(err)
	}
	clear(value)
	clear(notes(t, s, "k")[0])
	wantNotes(t, s, []string{"k"}, "value")
}

func noteNothing(t *testing.T, s store.Notes) {
	if got := notes(t, s); len(got) != 0 {
		t.Errorf("notes %q, want none", got)
	}
}

// noteRace leaves one of the values written, whole.
func noteRace(t *testing.T, s store.Notes) {
	const writers = 16
	written := map[string]bool{}
	var wg sync.WaitGroup
	for w := range writers {
		value := fmt.Sprintf("%01000d", w)
		written[value] = true
		wg.Go(func() {
			for range 10 {
				if err := s.Note(t.Context(), "k", []byte(value), time.Hour); err != nil {
					t.Error(err)
				}
				if got, err := s.Notes(t.Context(), []string{"k"}); err != nil || len(got[0]) != len(value) {
					t.Errorf("notes %.20q, error %v", got, err)
				}
			}
		})
	}
	wg.Wait()
	if got := string(notes(t, s, "k")[0]); !written[got] {
		t.Errorf("%.20q, which nobody wrote", got)
	}
}

func noteCancelled(t *testing.T, s store.Notes) {
	if err := s.Note(cancelled(), "k", []byte("v"), time.Hour); err == nil {
		t.Error("note: no error")
	}
	if got, err := s.Notes(cancelled(), []string{"k"}); err == nil {
		t.Errorf("notes: %q and no error", got)
	}
}

func note(t *testing.T, s store.Notes, name, value string, keep time.Duration) {
	t.Helper()
	if err := s.Note(t.Context(), name, []byte(value), keep); err != nil {
		t.Fatalf("note: %v", err)
	}
}

func notes(t *testing.T, s store.Notes, names ...string) [][]byte {
	t.Helper()
	got, err := s.Notes(t.Context(), names)
	if err != nil {
		t.Fatalf("notes: %v", err)
	}
	if len(got) != len(names) {
		t.Fatalf("%d notes for %d names", len(got), len(names))
	}
	return got
}

// wantNotes takes "" for no note.
func wantNotes(t *testing.T, s store.Notes, names []string, want ...string) {
	t.Helper()
	var got []string
	for i, note := range notes(t, s, names...) {
		if note != nil && len(note) == 0 {
			t.Errorf("an empty note %q, want nil", names[i])
		}
		got = append(got, string(note))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("notes (-want +got):\n%s", diff)
	}
}
