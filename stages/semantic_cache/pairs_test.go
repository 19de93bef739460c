package semanticcache

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"catalyst/internal/news"
	"catalyst/internal/testenv"
)

func readFile(t *testing.T, path string) []Pair {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	pairs, err := ReadPairs(f)
	if err != nil {
		t.Fatal(err)
	}
	return pairs
}

// The gate: of the labelled pairs none that must not hit does, and of those of one story
// three in five do, as the cache is shipped.
func TestLabelledPairs(t *testing.T) {
	pairs := readFile(t, "testdata/pairs.jsonl")
	if len(pairs) < 500 {
		t.Fatalf("%d pairs, want at least 500", len(pairs))
	}
	x, err := Evaluate(t.Context(), DefaultConfig, pairs)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("at %v: recall %v, false hits %v; %v refused rightly, %v wrongly", x.At.Threshold, x.At.Recall, x.At.False, x.Refused, x.Misplaced)
	for _, w := range x.Wrong {
		t.Errorf("false hit, %.2f similar: %q and %q", w.Similarity, w.A, w.B)
	}
	if x.At.Recall.Value() < 0.6 {
		t.Errorf("recall %v, want at least 0.6", x.At.Recall)
	}
	for _, guard := range []string{"tickers", "numbers", "period", "direction", "progress", "wording"} {
		if x.Refused[guard] == 0 {
			t.Errorf("the pairs do not try the guard %s", guard)
		}
	}
}

// Pairs must be as varied as news: no beginning may be that of more than a few.
func TestLabelledPairsAreVaried(t *testing.T) {
	titles, companies := map[string]bool{}, map[string]bool{}
	for _, p := range readFile(t, "testdata/pairs.jsonl") {
		titles[p.A.Title] = true
		companies[p.A.Tickers[0]] = true
	}
	if len(titles) < 100 || len(companies) < 100 {
		t.Errorf("%d stories of %d companies, want 100", len(titles), len(companies))
	}
}

// The corpus has no tickers and counts as different what adds a fact, so its precision is
// a lower bound of what a scope of one company has.
func TestOnParaphrases(t *testing.T) {
	pairs := readFile(t, filepath.Join(testenv.SharedData(t, "../../../shared/data/eval"), "mrpc_pairs.txt"))
	x, err := Evaluate(t.Context(), DefaultConfig, pairs)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append(x.Curve, x.At) {
		t.Logf("%.2f: precision %v, recall %v", p.Threshold, p.Precision, p.Recall)
	}
	if x.At.Precision.Value() < 0.85 {
		t.Errorf("precision at %v is %v, want at least 0.85", x.At.Threshold, x.At.Precision)
	}
}

func TestReadPairs(t *testing.T) {
	for text, want := range map[string]string{
		"": "no pair",
		`{"same":true,"a":{"title":"x"},"b":{"title":""}}`:     "line 1",
		`{"same":true,"a":{"title":"x"},"b":{"title":"y"}}`:    "",
		"\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\nx": "line 2",
		"Quality\ta\tb\tc\td\n1\t2\t3\tone\tother\n\n":         "",
	} {
		pairs, err := ReadPairs(strings.NewReader(text))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
		if err == nil && len(pairs) != 1 {
			t.Errorf("%q: %d pairs, want 1", text, len(pairs))
		}
	}
}

// What cannot be proven is not proposed.
func TestProposals(t *testing.T) {
	some := func(n int) (pairs []Pair) {
		item := news.Item{Title: "Acme wins contract", Tickers: []string{"ACME"}}
		for range n {
			pairs = append(pairs, Pair{Same: true, A: item, B: item})
		}
		return pairs
	}
	for n, want := range map[int]float64{300: 0, 400: 0.3} {
		x, err := Evaluate(t.Context(), DefaultConfig, some(n))
		if err != nil {
			t.Fatal(err)
		}
		if x.Proposed != want {
			t.Errorf("%d hits and none false: proposed %v, want %v", n, x.Proposed, want)
		}
	}
}

func FuzzReadPairs(f *testing.F) {
	f.Add(`{"same":true,"a":{"title":"x","form":"8-K"},"b":{"title":"y"}}`)
	f.Add("Quality\t\t\t\t\n1\t2\t3\t4\t5")
	f.Fuzz(func(t *testing.T, text string) {
		pairs, err := ReadPairs(strings.NewReader(text))
		if err != nil {
			return
		}
		if _, err := Evaluate(t.Context(), DefaultConfig, pairs); err != nil {
			t.Error(err)
		}
	})
}
