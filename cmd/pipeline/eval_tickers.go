package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"catalyst/internal/tickers"
	"catalyst/internal/tickers/labelled"
	stage "catalyst/stages/tickers"
)

func (a *app) evalTickersCommand() *cobra.Command {
	dir := stage.Defaults.Dir
	c := a.evaluation(&cobra.Command{
		Use: "tickers FILE", Short: "Measure which tickers are found",
		Long: "Reads items, one JSON object a line, each with \"want\": its tickers, or \"company\": the CIK of the\n" +
			"company it is about (docs/dedupe.md), and prints how many of the tickers found are right and how many\n" +
			"items got a right one, with 95 % intervals, and by where they were found. --least is about the\n" +
			"precision.",
		Example: "  pipeline eval tickers items.jsonl\n  pipeline eval tickers items.jsonl --dir data/edgar --least 0.99",
	}, func(path string) (any, float64, func(io.Writer), error) {
		list := tickers.New(nil, dir)
		if err := list.Load(); err != nil {
			return nil, 0, nil, err
		}
		f, err := os.Open(path)
		if err != nil {
			return nil, 0, nil, err
		}
		defer f.Close()
		r, err := labelled.Measure(f, list)
		if err != nil {
			return nil, 0, nil, fmt.Errorf("%s: %w", path, err)
		}
		return r, r.Precision.Value(), r.Print, nil
	})
	c.Flags().StringVar(&dir, "dir", dir, "folder with the list of companies, as company_tickers_exchange.json")
	return c
}
