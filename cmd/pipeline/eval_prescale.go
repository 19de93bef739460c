package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"catalyst/internal/news"
	"catalyst/stages/prescale"
	"catalyst/stages/prescale/labelled"
)

const maxLabels = 256 << 20 // bytes

func (a *app) evalPrescaleCommand() *cobra.Command {
	half := ""
	c := a.evaluation(&cobra.Command{
		Use: "prescale FILE", Short: "Measure how well prescale tells news from the rest",
		Long: "Reads sentences that people labelled as good, bad or no news (docs/prescale.md describes the forms of\n" +
			"the file) and prints, for the prescale of the pipeline as it is set and for a row of thresholds, how many\n" +
			"are dropped, how many of the good and bad ones go on, and how many of those that go on are good or\n" +
			"bad, with 95 % intervals; then the recall at fixed shares dropped. --least is about the recall\n" +
			"where 70 % are dropped.",
		Example: "  pipeline eval prescale labelled.csv\n  pipeline eval prescale labelled.csv --half odd --least 0.5",
	}, func(path string) (any, float64, func(io.Writer), error) {
		sentences, err := readSentences(path, half)
		if err != nil {
			return nil, 0, nil, err
		}
		scales, err := a.scales()
		if err != nil {
			return nil, 0, nil, err
		}
		r := labelled.Measure(sentences, opinionOf(scales[0].Scale))
		return r, r.RecallAt(0.7), r.Print, nil
	})
	c.Flags().StringVar(&half, "half", "", "even or odd: only the sentences whose hash is so; tune on one, report on the other")
	return c
}

func readSentences(path, half string) ([]labelled.Sentence, error) {
	if half != "" && half != "even" && half != "odd" {
		return nil, fmt.Errorf("--half %q is none of even, odd", half)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxLabels))
	if err != nil {
		return nil, err
	}
	sentences, err := labelled.Read(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if half != "" {
		sentences = labelled.Half(sentences, half == "odd")
	}
	return sentences, nil
}

// opinionOf asks a scale about sentences as if they were titles.
func opinionOf(s *prescale.Scale) func(string) labelled.Opinion {
	return func(text string) labelled.Opinion {
		v, err := s.Weigh(&news.Item{Title: text})
		return labelled.Opinion{Reach: s.Reach(v), Score: v.Score, Goes: err == nil && v.Drop == ""}
	}
}
