package alsoseen

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/flows"
	"catalyst/flows/flowstest"
	"catalyst/internal/config"
	"catalyst/internal/news"
	"catalyst/internal/store"
)

// seenBy is what a store has of each message; its errors are those of a store.
type seenBy struct {
	store.Stories
	of    map[string][]store.Sighting
	err   error
	hangs bool
}

func (s seenBy) Sightings(ctx context.Context, ids []string) ([][]store.Sighting, error) {
	if s.hangs {
		<-ctx.Done()
	}
	if err := errors.Join(ctx.Err(), s.err); err != nil {
		return nil, err
	}
	all := make([][]store.Sighting, len(ids))
	for i, id := range ids {
		all[i] = s.of[id]
	}
	return all, nil
}

func build(t *testing.T, s seenBy, sources ...string) flows.Stage {
	t.Helper()
	stage, err := Kind(func() (store.Stories, error) { return s, nil }).New(&flows.Build{}, Config{Sources: sources})
	if err != nil {
		t.Fatal(err)
	}
	return stage
}

var noon = time.Date(2025, 11, 20, 17, 0, 0, 0, time.UTC)

func saw(source string, minutes int) store.Sighting {
	return store.Sighting{Source: source, URL: "https://" + source + ".example/", Title: "By " + source, At: noon.Add(time.Duration(minutes) * time.Minute)}
}

func item() *news.Item {
	return &news.Item{Key: "k", Source: "blog", URL: "https://blog.example/", Title: "By blog", Received: noon}
}

func TestStageContract(t *testing.T) {
	of := map[string][]store.Sighting{"m0": {saw("wire", 1)}, "late0": {saw("wire", 1)}}
	flowstest.Stage(t, func() flows.Stage { return build(t, seenBy{of: of}, "wire") }, []*news.Item{item(), item(), {Title: "Alone"}})
}

func TestSeen(t *testing.T) {
	for _, c := range []struct {
		name    string
		sources []string
		found   []store.Sighting
		title   string
		seen    []string
	}{
		{"nobody else", nil, nil, "By blog", nil},
		{"the source itself", nil, []store.Sighting{saw("blog", 1)}, "By blog", nil},
		{"others, and none is better", nil, []store.Sighting{saw("wire", 2), saw("agency", 1)}, "By blog", []string{"agency", "wire"}},
		{"a better one", []string{"wire"}, []store.Sighting{saw("agency", 1), saw("wire", 2)}, "By wire", []string{"blog", "agency"}},
		{"the best of two", []string{"wire", "agency"}, []store.Sighting{saw("agency", 1), saw("wire", 2)}, "By wire", []string{"blog", "agency"}},
		{"it is the best itself", []string{"blog", "wire"}, []store.Sighting{saw("wire", 1)}, "By blog", []string{"wire"}},
		{"a better one without a headline", []string{"wire"}, []store.Sighting{{Source: "wire", At: noon}}, "By blog", []string{"wire"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := build(t, seenBy{of: map[string][]store.Sighting{"m": c.found}}, c.sources...)
			m := flows.NewMessage("m", item())
			for delivery := range 2 { // the second one with the item as it was left
				if out, err := s.Process(t.Context(), []*flows.Message{m}); err != nil || len(out) != 1 {
					t.Fatalf("%d went on, error %v", len(out), err)
				}
				var seen []string
				for _, other := range m.Item.Seen {
					seen = append(seen, other.Source)
				}
				if diff := cmp.Diff(c.seen, seen); diff != "" || m.Item.Title != c.title || m.Item.Key != "k" {
					t.Errorf("delivery %d: title %q, key %q, seen (-want +got):\n%s", delivery+1, m.Item.Title, m.Item.Key, diff)
				}
			}
		})
	}
}

func TestTheWholeHeadlineChanges(t *testing.T) {
	s := build(t, seenBy{of: map[string][]store.Sighting{"m": {saw("wire", 1)}}}, "wire")
	m := flows.NewMessage("m", item())
	if _, err := s.Process(t.Context(), []*flows.Message{m}); err != nil {
		t.Fatal(err)
	}
	want := &news.Item{
		Key: "k", Source: "wire", URL: "https://wire.example/", Title: "By wire", Received: noon,
		Seen: []news.Sighting{{Source: "blog", URL: "https://blog.example/", Title: "By blog", At: noon}},
	}
	if diff := cmp.Diff(want, m.Item); diff != "" {
		t.Errorf("item (-want +got):\n%s", diff)
	}
}

func TestAnAlertDoesNotWaitForTheStore(t *testing.T) {
	for name, s := range map[string]flows.Stage{
		"it refuses": build(t, seenBy{err: errors.New("connection refused")}),
	} {
		m := flows.NewMessage("m", item())
		if out, err := s.Process(t.Context(), []*flows.Message{m}); err != nil || len(out) != 1 || m.Item.Seen != nil {
			t.Errorf("%s: %d went on, error %v, seen %v", name, len(out), err, m.Item.Seen)
		}
	}
	late, stop := context.WithTimeout(t.Context(), 0)
	defer stop()
	if out, err := build(t, seenBy{}).Process(late, []*flows.Message{flows.NewMessage("m", item())}); err != nil || len(out) != 1 {
		t.Errorf("it takes too long: %d went on, error %v", len(out), err)
	}
}

// A store that hangs costs the first verdict two seconds, and the next ones nothing.
func TestAStoreThatHangsIsWaitedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, start := build(t, seenBy{hangs: true}), time.Now()
		for range 5 {
			if out, err := s.Process(t.Context(), []*flows.Message{flows.NewMessage("m", item())}); err != nil || len(out) != 1 {
				t.Errorf("%d went on, error %v", len(out), err)
			}
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("five verdicts waited %v, want 2s", took)
		}
	})
}

func TestConfig(t *testing.T) {
	if err := (Config{Sources: []string{"a", "b", "a"}}).Validate(); err == nil {
		t.Error("a source that is there twice is accepted")
	}
	if err := config.CheckStruct(Config{}); err != nil {
		t.Error(err)
	}
}
