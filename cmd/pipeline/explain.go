package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"catalyst/flows"
	"catalyst/internal/news"
	llmrouter "catalyst/stages/llm_router"
)

func (a *app) explainCommand() *cobra.Command {
	c := &cobra.Command{Use: "explain", Short: "Say what would become of an item, and why"}
	c.AddCommand(a.explainRouteCommand(), a.explainPrescaleCommand())
	asGroup(c)
	return c
}

func (a *app) explainRouteCommand() *cobra.Command {
	var item, format string
	c := &cobra.Command{
		Use: "route", Short: "Say which model an item would be sent to, and why not to each other", Args: noArguments,
		Long: "Reads an item as JSON, as a topic or a JSONL file holds it, and prints which provider would take it\n" +
			"now, and why each other would not: by rules, sizes, breakers, limits and budgets as they stand. No\n" +
			"model is asked.",
		Example: "  pipeline explain route --item item.json\n  head -1 examples/sample.jsonl | pipeline explain route --item -",
		RunE: func(c *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return usage("--format %q is none of text, json", format)
			}
			if item == "" {
				return usage("name a file with --item, or - for standard input")
			}
			one, err := a.readItem(item)
			if err != nil {
				return err
			}
			plan, r, err := a.load()
			if err != nil {
				return err
			}
			return a.explainRoute(c.Context(), plan, r, one, format)
		},
	}
	c.Flags().StringVar(&item, "item", "", "file with one item as JSON; - is standard input")
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}

const maxItem = 16 << 20 // bytes

// readItem reads the first item of a file.
func (a *app) readItem(path string) (*news.Item, error) {
	in := a.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, usage("read item: %w", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxItem))
	if err != nil {
		return nil, fmt.Errorf("read item: %w", err)
	}
	var first json.RawMessage // a JSONL file has more
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&first); err != nil {
		return nil, usage("%s holds no item as JSON: %w", path, err)
	}
	item, err := news.Decode(first)
	if err != nil {
		return nil, usage("%s: %w", path, err)
	}
	return item, nil
}

// explainRoute asks each router of the plan.
func (a *app) explainRoute(ctx context.Context, plan *flows.Plan, r *resources, item *news.Item, format string) (err error) {
	defer func() { err = errors.Join(err, r.close()) }()
	if r.log, err = a.logger(); err != nil {
		return err
	}
	found := false
	for _, segment := range plan.Segments {
		for _, spec := range segment.Stages {
			config, ok := spec.Config.(llmrouter.Config)
			if !ok {
				continue
			}
			found = true
			router := llmrouter.New(config, r.router(), r.log)
			if err := router.Look(ctx); err != nil {
				return fmt.Errorf("%s: %w", spec.Name, err)
			}
			x, err := router.Explain(ctx, item)
			if err != nil {
				return fmt.Errorf("%s: %w", spec.Name, err)
			}
			if format == "json" {
				e := json.NewEncoder(a.out)
				e.SetIndent("", "  ")
				if err := e.Encode(x); err != nil {
					return err
				}
				continue
			}
			if err := printRoute(a.out, spec.Name, x); err != nil {
				return err
			}
		}
	}
	if !found {
		return fmt.Errorf("%s has no llm_router", a.file)
	}
	return nil
}

func printRoute(out io.Writer, name string, x *llmrouter.Explanation) error {
	fmt.Fprintf(out, "%s: %d characters, about %d tokens, prompt %s\n", name, x.Facts.Chars, x.Tokens, x.Prompt)
	fmt.Fprintf(out, "jargon %d, gpu_memory %.2f, degraded %v, budget %s\n\n", x.Facts.Jargon, x.Facts.GPUMemory, x.Facts.Degraded, x.Facts.Budget)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, rule := range x.Rules {
		holds := "no"
		if rule.Holds {
			holds = "yes"
		}
		if rule.Error != "" {
			holds = rule.Error
		}
		fmt.Fprintf(w, "rule\t%s\t%s\t%s\n", rule.Use, holds, rule.When)
	}
	if len(x.Rules) > 0 {
		fmt.Fprintln(w)
	}
	for _, t := range x.Tiers {
		mark, cost := "", ""
		if t.Takes {
			mark = "→"
		}
		if t.Worst > 0 {
			cost = fmt.Sprintf("≤ $%.4f", t.Worst)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", mark, t.Provider, t.Model, cost, t.Why)
	}
	return w.Flush()
}
