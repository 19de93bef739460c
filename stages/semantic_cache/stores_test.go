package semanticcache

import (
	"log/slog"
	"strings"
	"testing"

	"catalyst/flows"
	"catalyst/flows/flowstest"
	"catalyst/internal/news"
	"catalyst/internal/store"
	sqlitestore "catalyst/internal/store/sqlite"
	"catalyst/internal/testenv"
)

// On the embedded store: what one process remembers another finds, exact and
// similar, and items of all sorts go through.
func TestOnARealStore(t *testing.T) {
	path := testenv.File(t)
	process := func() *setting {
		s, err := sqlitestore.Open(t.Context(), path, "test")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		x := newSetting(t)
		x.stage.Answers = func() (store.Answers, error) { return s, nil }
		return x
	}
	first := process()
	nobody := story(func(i *news.Item) { i.Tickers = nil })
	first.remember(t, story(), filing(), nobody)

	second := process()
	reworded := story(func(i *news.Item) {
		i.Title = "After priority review, Harbor Biotech wins FDA approval for migraine drug"
	})
	for name, item := range map[string]*news.Item{"story": story(), "reworded": reworded, "filing": filing(), "without tickers": nobody} {
		if second.ask(t, item) == nil {
			t.Errorf("%s: a miss, want a hit", name)
		}
	}
	for name, item := range map[string]*news.Item{
		"another filing":  filing(func(i *news.Item) { i.Accession = "0001193125-25-000002" }),
		"another company": story(func(i *news.Item) { i.Tickers = []string{"ELSE"} }),
	} {
		if got := second.ask(t, item); got != nil {
			t.Errorf("%s: %+v, want a miss", name, got)
		}
	}
	second.log = slog.New(slog.DiscardHandler)
	flowstest.Stage(t, func() flows.Stage { return second.stage }, []*news.Item{story(), reworded, filing(), nobody, {Title: "new"}})
}

// A purge of what a pipeline serves from makes misses and no trouble: items go on, and
// what is remembered afterwards is found.
func TestPurgedWhileServing(t *testing.T) {
	s, err := sqlitestore.Open(t.Context(), testenv.File(t), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	x := newSetting(t)
	x.stage.Answers = func() (store.Answers, error) { return s, nil }
	due, purged := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		var err error
		for range due {
			if _, e := s.Purge(t.Context(), store.Selection{}, 10); e != nil {
				err = e
			}
		}
		purged <- err
	}()
	for range 30 {
		x.remember(t, story(), filing())
		select {
		case due <- struct{}{}:
		default:
		}
		for _, item := range []*news.Item{story(), filing()} {
			if got := x.ask(t, item); got != nil && got.Direction != news.Bullish {
				t.Errorf("served %+v", got)
			}
		}
	}
	close(due)
	if err := <-purged; err != nil {
		t.Fatal(err)
	}
	if said := x.logged.String(); strings.Contains(said, "level=WARN") || strings.Contains(said, "level=ERROR") {
		t.Errorf("trouble:\n%s", said)
	}
	x.remember(t, story())
	if x.ask(t, story()) == nil {
		t.Error("what is remembered after the purge is not found")
	}
}
