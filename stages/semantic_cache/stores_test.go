package semanticcache

import (
	"log/slog"
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
