package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	semanticcache "catalyst/stages/semantic_cache"
)

func (a *app) evalCacheCommand() *cobra.Command {
	var embedder string
	c := &cobra.Command{
		Use: "cache FILE", Short: "Measure which headlines the semantic cache takes for one story, and propose a threshold",
		Long: "Reads labelled pairs, one JSON object to a line: {\"same\": true, \"kind\": \"reworded\", \"a\": {\"title\": …,\n" +
			"\"tickers\": […]}, \"b\": {…}}, where a and b are items; or the tab-separated file of the Microsoft\n" +
			"Research Paraphrase Corpus. Prints what the guards refuse, and for each threshold how many hits\n" +
			"there are, how many of them are right, and how many of the pairs of one story they are, with their\n" +
			"95 % intervals. It proposes the lowest threshold of whose hits surely fewer than 1 % are false, or\n" +
			"says that the pairs do not prove one. --least is about the recall at the cache's threshold.",
		Example: "  pipeline eval cache stages/semantic_cache/testdata/pairs.jsonl --least 0.6\n  pipeline eval cache mrpc_pairs.txt\n" +
			"  pipeline eval cache pairs.jsonl --embedder pipeline",
	}
	a.evaluation(c, func(path string) (any, float64, func(io.Writer), error) {
		config := semanticcache.DefaultConfig
		switch embedder {
		case "lexical":
		case "pipeline":
			var err error
			if config, err = a.cacheConfig(); err != nil {
				return nil, 0, nil, err
			}
		default:
			return nil, 0, nil, fmt.Errorf("--embedder %q is none of lexical, pipeline", embedder)
		}
		f, err := os.Open(path)
		if err != nil {
			return nil, 0, nil, err
		}
		defer f.Close()
		pairs, err := semanticcache.ReadPairs(f)
		if err != nil {
			return nil, 0, nil, fmt.Errorf("%s: %w", path, err)
		}
		x, err := semanticcache.Evaluate(context.Background(), config, pairs)
		return x, x.At.Recall.Value(), func(out io.Writer) { printCacheEvaluation(out, x) }, err
	})
	c.Flags().StringVar(&embedder, "embedder", "lexical", "lexical, or pipeline: the one of semantic_cache in pipeline.yaml, with its thresholds")
	return c
}

// cacheConfig is what pipeline.yaml says of its semantic cache.
func (a *app) cacheConfig() (semanticcache.Config, error) {
	plan, _, err := a.load()
	if err != nil {
		return semanticcache.Config{}, err
	}
	for _, segment := range plan.Segments {
		for _, spec := range segment.Stages {
			if c, ok := spec.Config.(semanticcache.Config); ok {
				return c, nil
			}
		}
	}
	return semanticcache.Config{}, errors.New("pipeline.yaml has no semantic_cache")
}

func printCacheEvaluation(out io.Writer, x semanticcache.Evaluation) {
	fmt.Fprintf(out, "%d pairs, %d of one story; embedder %s\n", x.Pairs, x.Same, x.Embedder)
	fmt.Fprintf(out, "refused by guards: of two stories %s; of one story %s\n\n", counted(x.Refused), counted(x.Misplaced))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "threshold\tprecision\trecall\tfalse hits at most")
	for _, p := range append(slices.Clone(x.Curve), x.At) {
		_, most := p.False.Bounds()
		mark := ""
		if p == x.At {
			mark = "  ← in use"
		}
		fmt.Fprintf(w, "%.2f\t%v\t%v\t%.1f %%%s\n", p.Threshold, p.Precision, p.Recall, 100*most, mark)
	}
	w.Flush()
	const shown = 20
	for i, wrong := range x.Wrong {
		if i == shown {
			fmt.Fprintf(out, "and %d more; --format json has all\n", len(x.Wrong)-shown)
			break
		}
		fmt.Fprintf(out, "false hit, %.2f similar:\n  %s\n  %s\n", wrong.Similarity, oneLine(wrong.A), oneLine(wrong.B))
	}
	if x.Proposed > 0 {
		fmt.Fprintf(out, "\nproposed: similarity: %.2f, the lowest threshold of whose hits surely fewer than %g %% are false\n", x.Proposed, 100*x.Limit)
		return
	}
	best := x.Steadiest()
	_, most := best.False.Bounds()
	fmt.Fprintf(out, "\nunproven: these pairs do not show fewer than %g %% false hits at any threshold; at %.2f it is fewer than %.1f %%,\n"+
		"with %d hits and %d false ones. Some 400 hits without a false one would prove it.\n", 100*x.Limit, best.Threshold, 100*most, best.False.Of, best.False.Hits)
}

// counted is "2 numbers, 1 period"; "none" of nothing.
func counted(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[name], name))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
