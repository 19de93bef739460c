package intake

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"catalyst/internal/news"
)

func TestPrepareFillsInWhatIsMissing(t *testing.T) {
	it := &news.Item{Title: "Acme (NASDAQ: ACME) raises", URL: "https://www.example.com/a/"}
	Prepare(it, "wire")
	want := &news.Item{
		Title: it.Title, URL: it.URL,
		Source: "wire", Tickers: []string{"ACME"}, Key: "url:https://example.com/a",
	}
	if diff := cmp.Diff(want, it); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPrepareChangesNothingThatWasSaid(t *testing.T) {
	it := &news.Item{Key: "mine", Source: "desk", Title: "Acme (NASDAQ: ACME)", Tickers: []string{"BETA"}}
	want := *it
	for range 2 {
		Prepare(it, "wire")
	}
	if diff := cmp.Diff(&want, it); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
