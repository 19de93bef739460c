package prescale

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"

	"catalyst/internal/news"
	"catalyst/internal/testenv"
)

// Sentences that people labelled: what share of the ones with a direction goes
// on, and what share of the neutral ones is dropped. The bounds keep a change of
// the lexicon from being a change for the worse.
func TestOnLabelledSentences(t *testing.T) {
	root := testenv.SharedData(t, "../../../shared/data/eval")
	for _, c := range []struct {
		file, text, neutral      string
		polarKept, neutralDroped float64 // at least
	}{
		{"financial_phrasebank.csv", "text", "neutral", 0.60, 0.85},
		{"twitter_financial_news.csv", "text", "2", 0.55, 0.80},
	} {
		t.Run(c.file, func(t *testing.T) {
			s := testScorer(t, DefaultConfig)
			var polar, polarKept, neutral, neutralDropped, wrongSign float64
			for _, row := range readCSV(t, filepath.Join(root, c.file)) {
				item := &news.Item{Title: row[c.text]}
				reason, err := s.judge(item)
				if err != nil {
					t.Fatal(err)
				}
				if row["label"] == c.neutral {
					neutral++
					if reason != "" {
						neutralDropped++
					}
					continue
				}
				polar++
				if reason == "" {
					polarKept++
					bad := row["label"] == "negative" || row["label"] == "0"
					if bad != (item.Score < 0) {
						wrongSign++
					}
				}
			}
			t.Logf("polar %.0f: kept %.3f, of these with the wrong sign %.3f; neutral %.0f: dropped %.3f; all: dropped %.3f",
				polar, polarKept/polar, wrongSign/polarKept, neutral, neutralDropped/neutral, (neutralDropped+polar-polarKept)/(neutral+polar))
			if got := polarKept / polar; got < c.polarKept {
				t.Errorf("%.3f of the polar sentences are kept, want at least %.2f", got, c.polarKept)
			}
			if got := neutralDropped / neutral; got < c.neutralDroped {
				t.Errorf("%.3f of the neutral sentences are dropped, want at least %.2f", got, c.neutralDroped)
			}
		})
	}
}

// readCSV returns the rows of a file by the names in its first.
func readCSV(tb testing.TB, path string) []map[string]string {
	tb.Helper()
	file, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	var rows []map[string]string
	for _, record := range records[1:] {
		row := map[string]string{}
		for i, name := range records[0] {
			row[name] = record[i]
		}
		rows = append(rows, row)
	}
	return rows
}
