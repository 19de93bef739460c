package prescale

import (
	"os"
	"path/filepath"
	"testing"

	"catalyst/internal/news"
	"catalyst/internal/testenv"
	"catalyst/stages/prescale/labelled"
)

// Sentences that people labelled, the half that the lexicon was not tuned on. The bounds keep
// a change of the lexicon from being a change for the worse; docs/prescale.md has the figures.
func TestOnLabelledSentences(t *testing.T) {
	root := testenv.SharedData(t, "../../../shared/data/eval")
	scale := testScorer(t, DefaultConfig).scale
	for _, c := range []struct {
		file                     string
		recall, precision, sign  float64 // at least
		dropped, recallAtSeventy float64 // at least
	}{
		{"financial_phrasebank.csv", 0.60, 0.76, 0.86, 0.63, 0.55},
		{"twitter_financial_news.csv", 0.53, 0.66, 0.88, 0.68, 0.55},
		{"fiqa_headlines.json", 0.38, 0.90, 0.75, 0.55, 0.30},
	} {
		t.Run(c.file, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(root, c.file))
			if err != nil {
				t.Fatal(err)
			}
			sentences, err := labelled.Read(text)
			if err != nil {
				t.Fatal(err)
			}
			r := labelled.Measure(labelled.Half(sentences, true), func(text string) labelled.Opinion {
				v, err := scale.Weigh(&news.Item{Title: text})
				if err != nil {
					t.Fatal(err)
				}
				return labelled.Opinion{Reach: scale.Reach(v), Score: v.Score, Goes: v.Drop == ""}
			})
			for _, v := range []struct {
				name       string
				got, least float64
			}{
				{"recall", r.Own.Recall.Value(), c.recall}, {"precision", r.Own.Precision.Value(), c.precision}, {"right signs", r.Sign.Value(), c.sign},
				{"dropped", r.Own.Dropped.Value(), c.dropped}, {"recall with 70 % dropped", r.RecallAt(0.7), c.recallAtSeventy},
			} {
				if t.Logf("%s: %.3f", v.name, v.got); v.got < v.least {
					t.Errorf("%s: %.3f, want at least %.2f", v.name, v.got, v.least)
				}
			}
		})
	}
}

// What goes on by its score is what goes on by its reach: the curve is about the stage.
func TestReachIsWhatMinDecides(t *testing.T) {
	scale := testScorer(t, DefaultConfig).scale
	for _, factor := range []float64{0.25, 0.5, 1, 2, 4} {
		c := DefaultConfig
		c.Min, c.StrongNegative = c.Min*factor, c.StrongNegative*factor
		moved := testScorer(t, c).scale
		for _, title := range []string{
			"FDA approves drug", "Lakeside files for bankruptcy", "Lakeside prices offering after record revenue", "Lakeside opens a centre",
			"Rosen Law Firm on bankruptcy", "Shares soar", "Shares fall", "Lakeside closes public offering",
		} {
			item := &news.Item{Title: title}
			v, err := scale.Weigh(item)
			if err != nil {
				t.Fatal(err)
			}
			if w, _ := moved.Weigh(item); (w.Drop == "") != (scale.Reach(v) >= c.Min) {
				t.Errorf("%q at min %.2f: %s, though it reaches %v", title, c.Min, w.Why, scale.Reach(v))
			}
		}
	}
}
