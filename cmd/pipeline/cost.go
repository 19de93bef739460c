package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/llm/prices"
	"catalyst/internal/store"
)

var costKeys = []store.CostKey{store.ByDay, store.BySource, store.ByTicker, store.ByProvider, store.ByModel}

func (a *app) costCommand() *cobra.Command {
	var by, since, format string
	var table bool
	c := &cobra.Command{
		Use: "cost", Short: "Say what the models cost, and by whom or what", Args: noArguments,
		Long: "Adds up the calls to models that the store remembers: how many, how many failed, their tokens and\n" +
			"their cost. A call about several tickers counts for each of them and its cost is shared between\n" +
			"them. Days are those of UTC.\n\n" +
			"With --prices it prints what models are taken to cost, in the form of the file that llm.prices\n" +
			"names, with where and when each price was found.",
		Example: "  pipeline cost\n  pipeline cost --by ticker --since 24h\n  pipeline cost --by model --since 2026-11-01 --format json\n" +
			"  pipeline cost --prices",
		RunE: func(c *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return usage("--format %q is none of text, json", format)
			}
			if table {
				return a.prices(format)
			}
			if !slices.Contains(costKeys, store.CostKey(by)) {
				return usage("--by %q is none of day, source, ticker, provider, model", by)
			}
			now := time.Now().UTC()
			from, err := beginning(since, now)
			if err != nil {
				return err
			}
			return a.cost(c.Context(), bill{By: store.CostKey(by), From: from, To: now}, format)
		},
	}
	c.Flags().StringVar(&by, "by", "day", "day, source, ticker, provider or model")
	c.Flags().StringVar(&since, "since", "7d", "how far to look back: 24h, 7d, or a day like 2026-11-01")
	c.Flags().StringVar(&format, "format", "text", "text or json")
	c.Flags().BoolVar(&table, "prices", false, "print the prices instead")
	return c
}

// beginning reads a day or how long ago.
func beginning(since string, now time.Time) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, since); err == nil {
		if day.After(now) {
			return now, usage("--since %s is in the future", since)
		}
		return day, nil
	}
	ago, err := config.ParseDuration(since)
	if err != nil || ago == 0 {
		return now, usage("--since %q is neither how long ago, like 24h or 7d, nor a day like 2026-11-01", since)
	}
	return now.Add(-ago), nil
}

// A bill is what was spent in some time.
type bill struct {
	By    store.CostKey `json:"by"`
	From  time.Time     `json:"from"`
	To    time.Time     `json:"to"`
	Lines []spending    `json:"lines"`
	Total spending      `json:"total"`
}

type spending struct {
	Name        string `json:"name"`
	Calls       int    `json:"calls"`
	Failed      int    `json:"failed"`
	Unpriced    int    `json:"unpriced"`
	TokensIn    int64  `json:"tokens_in"`
	TokensOut   int64  `json:"tokens_out"`
	NanoDollars int64  `json:"nano_dollars"`
}

func (a *app) cost(ctx context.Context, b bill, format string) error {
	err := a.with(func(_ *flows.Plan, r *resources) error {
		costs, err := r.Costs()
		if err != nil {
			return err
		}
		return b.addUp(ctx, costs)
	})
	if err != nil {
		return err
	}
	if format == "json" {
		return printJSON(a.out, b)
	}
	return b.print(a.out)
}

// addUp asks for the lines and their total. Tickers share calls, so that their total
// is not that of the lines; every call has one provider.
func (b *bill) addUp(ctx context.Context, costs store.Costs) error {
	lines, err := costs.Spent(ctx, b.From, b.To, b.By)
	if err != nil {
		return err
	}
	whole := lines
	if b.By == store.ByTicker {
		if whole, err = costs.Spent(ctx, b.From, b.To, store.ByProvider); err != nil {
			return err
		}
	}
	b.Lines = make([]spending, 0, len(lines)) // [] as JSON, and not null
	for _, s := range lines {
		b.Lines = append(b.Lines, spending(s))
	}
	if b.By == store.ByDay {
		slices.SortFunc(b.Lines, func(x, y spending) int { return cmp.Compare(x.Name, y.Name) })
	}
	b.Total = spending{Name: "total"}
	for _, s := range whole {
		b.Total.Calls += s.Calls
		b.Total.Failed += s.Failed
		b.Total.Unpriced += s.Unpriced
		b.Total.TokensIn += s.TokensIn
		b.Total.TokensOut += s.TokensOut
		b.Total.NanoDollars += s.NanoDollars
	}
	return nil
}

func (b *bill) print(out io.Writer) error {
	if len(b.Lines) == 0 {
		_, err := fmt.Fprintf(out, "No model was called since %s UTC.\n", b.From.Format("2006-01-02 15:04"))
		return err
	}
	rows := [][]string{{strings.ToUpper(string(b.By)), "CALLS", "FAILED", "TOKENS IN", "TOKENS OUT", "COST"}}
	for _, s := range append(slices.Clone(b.Lines), b.Total) {
		name := line(s.Name, 40)
		if name == "" {
			name = "(none)"
		}
		rows = append(rows, []string{name, strconv.Itoa(s.Calls), strconv.Itoa(s.Failed),
			strconv.FormatInt(s.TokensIn, 10), strconv.FormatInt(s.TokensOut, 10), dollars(s.NanoDollars)})
	}
	text := aligned(rows)
	if n := b.Total.Unpriced; n > 0 {
		text += fmt.Sprintf("\nFor %d calls no price was known; they are not in the sum. `pipeline cost --prices` shows the form of\n"+
			"a price file; name yours in pipeline.yaml as llm.prices.\n", n)
	}
	_, err := io.WriteString(out, text)
	return err
}

// dollars rounds to four decimals. Sums are made before.
func dollars(nano int64) string {
	const unit = 100_000 // of nano-dollars, in a hundredth of a cent
	n := nano / unit
	if nano%unit >= unit/2 {
		n++
	}
	return fmt.Sprintf("$%d.%04d", n/10_000, n%10_000)
}

// aligned sets rows in columns: the first to the left, the others to the right.
func aligned(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		fmt.Fprintf(&b, "%-*s", widths[0], row[0])
		for i, cell := range row[1:] {
			fmt.Fprintf(&b, "  %*s", widths[i+1], cell)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// prices prints the table in force today.
func (a *app) prices(format string) error {
	_, r, err := a.load()
	if err != nil {
		return err
	}
	table, err := r.Prices()
	if err != nil {
		return err
	}
	if format == "text" {
		return table.Write(a.out, time.Now())
	}
	return printJSON(a.out, struct {
		Dollars string           `json:"dollars_per"`
		Prices  []prices.Listing `json:"prices"`
	}{"million tokens", table.List(time.Now())})
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
