package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"catalyst/internal/edgar/filing/labelled"
)

func (a *app) evalCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "eval", Short: "Measure filings, tickers, duplicates, prescale and cache against labelled data",
		Example: "  pipeline eval items labelled/8-K\n  pipeline eval elements labelled/elements --least 0.95",
	}
	c.AddCommand(a.evalItemsCommand(), a.evalElementsCommand(), a.evalCacheCommand(), a.evalPrescaleCommand(), a.evalDedupeCommand(), a.evalTickersCommand())
	asGroup(c)
	return c
}

// evaluation adds the flags that all evaluations have and checks them before it runs one.
func (a *app) evaluation(c *cobra.Command, run func(dir string) (result any, score float64, print func(io.Writer), err error)) *cobra.Command {
	var format string
	var least float64
	c.Args = arguments(1, 1)
	c.Flags().StringVar(&format, "format", "text", "text or json")
	c.Flags().Float64Var(&least, "least", 0, "fail below this share, like 0.995")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if format != "text" && format != "json" {
			return usage("--format %q is none of text, json", format)
		}
		result, score, print, err := run(args[0])
		if err != nil {
			return usage("read labels: %w", err)
		}
		if format == "text" {
			print(a.out)
		} else if err := printJSON(a.out, result); err != nil {
			return err
		}
		if score < least {
			return fmt.Errorf("%.4f is less than %g", score, least)
		}
		return nil
	}
	return c
}

func (a *app) evalItemsCommand() *cobra.Command {
	return a.evaluation(&cobra.Command{
		Use: "items DIR", Short: "Compare the items found in 8-Ks with labelled sets",
		Long: "Reads the 8-Ks in DIR/raw and says how many have exactly the items that DIR/items labels: one JSON\n" +
			"object for each, with \"filename\" and, for each item, \"item_2.02\": its text (docs/filings.md).",
		Example: "  pipeline eval items labelled/8-K --least 0.995",
	}, func(dir string) (any, float64, func(io.Writer), error) {
		r, err := labelled.ReadItems(dir)
		if err != nil {
			return nil, 0, nil, err
		}
		return r, r.Exactness(), func(out io.Writer) { printItems(out, r) }, nil
	})
}

func printItems(out io.Writer, r *labelled.Items) {
	for _, d := range r.Different {
		fmt.Fprintf(out, "%s: labelled %s; found %s\n", d.File, strings.Join(d.Want, " "), joined(" ", append(d.Got, d.Error)...))
	}
	fmt.Fprintf(out, "exact item sets: %d of %d (%.2f %%)\n", r.Exact, r.Filings, 100*r.Exactness())
}

func (a *app) evalElementsCommand() *cobra.Command {
	return a.evaluation(&cobra.Command{
		Use: "elements DIR", Short: "Compare the elements found in documents with labelled lists",
		Long: "Reads each primary-document.html under DIR and compares its titles, paragraphs and tables with\n" +
			"the list beside it, expected-structure-and-text.json (docs/filings.md).",
		Example: "  pipeline eval elements labelled/elements --least 0.95",
	}, func(dir string) (any, float64, func(io.Writer), error) {
		r, err := labelled.ReadElements(dir)
		if err != nil {
			return nil, 0, nil, err
		}
		return r, r.Least(), func(out io.Writer) { printElements(out, r) }, nil
	})
}

func printElements(out io.Writer, r *labelled.Elements) {
	for _, d := range r.Differences {
		fmt.Fprintln(out, d)
	}
	fmt.Fprintf(out, "%-6s %9s %6s %6s %6s %6s\n", "kind", "labelled", "found", "read", "right", "F1")
	for _, kind := range labelled.Kinds {
		s := r.Scores[kind]
		fmt.Fprintf(out, "%-6s %9d %6d %6d %6d %6.3f\n", kind, s.Labelled, s.LabelledFound, s.Read, s.ReadFound, s.F1())
	}
}
