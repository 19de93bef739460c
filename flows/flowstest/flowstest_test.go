package flowstest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"catalyst/flows"
	"catalyst/internal/news"
)

type stageFunc func(ctx context.Context, batch []*flows.Message) ([]*flows.Message, error)

func (f stageFunc) Process(ctx context.Context, batch []*flows.Message) ([]*flows.Message, error) {
	return f(ctx, batch)
}

var sample = []*news.Item{{Title: "one"}, {Title: "two"}, {Title: "three"}}

// A stage that drops one message, splits another and passes the rest.
func TestStageAcceptsAGoodStage(t *testing.T) {
	Stage(t, func() flows.Stage {
		return stageFunc(func(ctx context.Context, batch []*flows.Message) (out []*flows.Message, err error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			for _, m := range batch {
				switch m.Item.Title {
				case "one":
					m.Drop("first")
				case "two":
					out = append(out, m.Split(&news.Item{Title: "a"}, &news.Item{Title: "b"})...)
				default:
					out = append(out, m)
				}
			}
			return out, nil
		})
	}, sample)
}

// Each of these stages breaks the contract in one way, and the check of that
// way must see it.
func TestWaysOutSeesFaults(t *testing.T) {
	stranger := flows.NewMessage("stranger", &news.Item{})
	for _, c := range []struct {
		name  string
		stage stageFunc
		want  string
	}{
		{"forgets", func(_ context.Context, b []*flows.Message) ([]*flows.Message, error) { return b[1:], nil },
			"neither returned nor settled"},
		{"drops and returns", func(_ context.Context, b []*flows.Message) ([]*flows.Message, error) {
			b[0].Drop("x")
			return slices.Clone(b), nil
		}, "returned and settled"},
		{"returns twice", func(_ context.Context, b []*flows.Message) ([]*flows.Message, error) {
			return append(slices.Clone(b), b[0]), nil
		}, "returned twice"},
		{"returns another's message", func(_ context.Context, b []*flows.Message) ([]*flows.Message, error) {
			return append(slices.Clone(b), stranger), nil
		}, "of this batch"},
		{"loses a part", func(_ context.Context, b []*flows.Message) ([]*flows.Message, error) {
			parts := b[0].Split(&news.Item{}, &news.Item{})
			return append(slices.Clone(b[1:]), parts[0]), nil
		}, "still unsettled"},
		{"filters in place", func(_ context.Context, b []*flows.Message) ([]*flows.Message, error) {
			b[0].Drop("x")
			return append(b[:0], b[1:]...), nil
		}, "changed the slice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := waysOut(t.Context(), c.stage, Messages(sample...))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("waysOut: %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestMessagesAreCopies(t *testing.T) {
	first, second := Messages(sample...), Messages(sample...)
	first[0].Item.Title = "changed"
	if got := second[0].Item.Title; got != "one" || sample[0].Title != "one" {
		t.Errorf("title of another delivery is %q, want %q", got, "one")
	}
	if first[2].ID != "m2" || second[2].ID != first[2].ID {
		t.Errorf("IDs %s and %s, want m2 twice", first[2].ID, second[2].ID)
	}
}

// A stage that remembers what it saw, wrongly: by item, not by message.
func TestSecondDeliverySeesALossyDedupe(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]bool{}
	lossy := stageFunc(func(_ context.Context, batch []*flows.Message) (out []*flows.Message, err error) {
		mu.Lock()
		defer mu.Unlock()
		for _, m := range batch {
			if seen[m.Item.Title] {
				m.Drop("duplicate")
				continue
			}
			seen[m.Item.Title] = true
			out = append(out, m)
		}
		return out, nil
	})
	first := process(t, lossy, Messages(sample...))
	second := process(t, lossy, Messages(sample...))
	if first["m0"] != "on" || second["m0"] != "dropped duplicate" {
		t.Errorf("ways out %v then %v: the suite could not tell them apart", first, second)
	}
}
