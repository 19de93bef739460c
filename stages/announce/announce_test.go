package announce

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"catalyst/flows"
	"catalyst/flows/flowstest"
	"catalyst/internal/news"
)

// board is a sink that shows what it is told, except what it must refuse.
type board struct {
	shown  []string
	refuse string
	down   error
}

func (b *board) Deliver(context.Context, []*flows.Message) error { return nil }

func (b *board) Announce(_ context.Context, batch []*flows.Message) error {
	if b.down != nil {
		return b.down
	}
	for _, m := range batch {
		if m.ID == b.refuse {
			m.Fail(flows.Permanent(errors.New("too long")))
			continue
		}
		b.shown = append(b.shown, m.ID)
	}
	return nil
}

// plain is a sink that cannot announce.
type plain struct{ flows.Sink }

func open(t *testing.T, sinks map[string]flows.Sink, name string) (flows.Stage, error) {
	t.Helper()
	b := &flows.Build{Sink: func(name string) (flows.Sink, error) {
		if s, found := sinks[name]; found {
			return s, nil
		}
		return nil, errors.New("no sink " + name + "; there are: board")
	}}
	return Kind().New(b, Config{Sink: name})
}

func messages(ids ...string) []*flows.Message {
	var batch []*flows.Message
	for _, id := range ids {
		batch = append(batch, flows.NewMessage(id, &news.Item{Key: "k" + id, Title: id}))
	}
	return batch
}

func TestAnnounce(t *testing.T) {
	b := &board{refuse: "b"}
	s, err := open(t, map[string]flows.Sink{"board": b}, "board")
	if err != nil {
		t.Fatal(err)
	}
	batch := messages("a", "b", "c")
	before := *batch[0].Item
	out, err := s.Process(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range out {
		ids = append(ids, m.ID)
	}
	if diff := cmp.Diff([]string{"a", "c"}, ids); diff != "" {
		t.Errorf("what goes on (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a", "c"}, b.shown); diff != "" {
		t.Errorf("what was shown (-want +got):\n%s", diff)
	}
	if o := batch[1].Outcome(); o.Fate != flows.Failed || !flows.IsPermanent(o.Err) {
		t.Errorf("the refused one is %+v, want failed for good", o)
	}
	if diff := cmp.Diff(before, *batch[0].Item); diff != "" || batch[0].Meta != nil {
		t.Errorf("the item changed: %s %v", diff, batch[0].Meta)
	}
}

// wall is a board that anybody may write on at any time and that keeps nothing.
type wall struct{ plain }

func (wall) Announce(ctx context.Context, _ []*flows.Message) error { return ctx.Err() }

func TestStage(t *testing.T) {
	items := []*news.Item{{Key: "a", Title: "a"}, {Key: "b", Title: "b", Tickers: []string{"B"}}}
	flowstest.Stage(t, func() flows.Stage {
		s, err := open(t, map[string]flows.Sink{"wall": wall{}}, "wall")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}, items)
}

func TestOutageIsPassedOn(t *testing.T) {
	b := &board{down: flows.Unavailable("discord", errors.New("connection refused"), 0)}
	s, err := open(t, map[string]flows.Sink{"board": b}, "board")
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Process(t.Context(), messages("a"))
	if down, is := flows.AsUnavailable(err); !is || down.Dependency != "discord" || len(out) != 0 {
		t.Errorf("%v with %d messages, want discord unavailable and none", err, len(out))
	}
}

func TestSinkMustBeAbleTo(t *testing.T) {
	sinks := map[string]flows.Sink{"archive": plain{}}
	if _, err := open(t, sinks, "archive"); err == nil || !strings.Contains(err.Error(), `"archive" cannot announce`) {
		t.Errorf("error %v, want it to say that archive cannot", err)
	}
	if _, err := open(t, sinks, "bord"); err == nil || !strings.Contains(err.Error(), "there are: board") {
		t.Errorf("error %v, want that of the plan, with the names", err)
	}
}
