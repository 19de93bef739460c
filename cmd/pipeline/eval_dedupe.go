package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"catalyst/stages/dedupe"
	"catalyst/stages/dedupe/labelled"
)

func (a *app) evalDedupeCommand() *cobra.Command {
	near := dedupe.DefaultConfig.Near
	c := a.evaluation(&cobra.Command{
		Use: "dedupe FILE", Short: "Measure which headlines are taken for the same story",
		Long: "Reads pairs of texts, or headlines with their stories and times (docs/dedupe.md describes both), and\n" +
			"prints for the setting and for a row of others how many of those taken for one story are one, how\n" +
			"many stories are found, and what the guards kept apart, with 95 % intervals. --least is about the\n" +
			"lowest precision at the setting.",
		Example: "  pipeline eval dedupe headlines.csv\n  pipeline eval dedupe pairs.txt --similarity 0.7 --least 0.95",
	}, func(path string) (any, float64, func(io.Writer), error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, 0, nil, err
		}
		defer f.Close()
		text, err := io.ReadAll(io.LimitReader(f, maxLabels))
		if err != nil {
			return nil, 0, nil, err
		}
		set, err := labelled.Read(string(text))
		if err != nil {
			return nil, 0, nil, fmt.Errorf("%s: %w", path, err)
		}
		curves := labelled.Measure(set, near.Rule())
		lowest := 1.0
		for _, c := range curves {
			lowest = min(lowest, c.Chosen.Precision.Value())
		}
		return curves, lowest, func(out io.Writer) { labelled.Print(out, curves) }, nil
	})
	c.Flags().Float64Var(&near.Similarity, "similarity", near.Similarity, "near.similarity of the stage")
	c.Flags().DurationVar(&near.Window, "window", near.Window, "near.window of the stage")
	return c
}
