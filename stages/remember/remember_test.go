package remember

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"catalyst/flows"
	"catalyst/flows/flowstest"
	"catalyst/internal/news"
)

// notebook is a cache that notes which messages it was to remember.
type notebook struct {
	flows.Stage
	ids []string
	err error
}

func (n *notebook) Remember(_ context.Context, batch []*flows.Message) error {
	for _, m := range batch {
		n.ids = append(n.ids, m.ID)
	}
	return n.err
}

// forgetful is a cache that remembers nothing, from any number of callers.
type forgetful struct{ flows.Stage }

func (forgetful) Remember(ctx context.Context, _ []*flows.Message) error { return ctx.Err() }

func build(tb testing.TB, before flows.Stage) flows.Stage {
	tb.Helper()
	s, err := Kind().New(&flows.Build{Before: func(kind string) flows.Stage {
		if kind != "semantic_cache" {
			tb.Errorf("remember asks for %s, want semantic_cache", kind)
		}
		return before
	}}, Config{})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestStageContract(t *testing.T) {
	flowstest.Stage(t, func() flows.Stage { return build(t, forgetful{}) },
		[]*news.Item{{Title: "one"}, {Title: "two", Analysis: &news.Analysis{Direction: news.Neutral}}})
}

func TestEveryMessagePasses(t *testing.T) {
	for _, err := range []error{nil, errors.New("disk full")} {
		cache := &notebook{err: err}
		batch := flowstest.Messages(&news.Item{Title: "one"}, &news.Item{Title: "two"})
		out, got := build(t, cache).Process(t.Context(), batch)
		if got != nil || len(out) != 2 {
			t.Errorf("cache's error %v: %d messages and %v, want both and no error", err, len(out), got)
		}
		if diff := cmp.Diff([]string{"m0", "m1"}, cache.ids); diff != "" {
			t.Errorf("remembered (−want +got):\n%s", diff)
		}
	}
}

func TestItNeedsACache(t *testing.T) {
	for _, before := range []flows.Stage{nil, struct{ flows.Stage }{}} {
		_, err := Kind().New(&flows.Build{Before: func(string) flows.Stage { return before }}, Config{})
		if err == nil {
			t.Errorf("built behind %T", before)
		}
	}
}
