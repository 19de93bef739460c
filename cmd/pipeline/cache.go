package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/news"
	"catalyst/internal/store"
	semanticcache "catalyst/stages/semantic_cache"
)

func (a *app) cacheCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "cache", Short: "Look into the semantic cache, and clear it",
		Example: "  pipeline cache stats\n  pipeline cache show --ticker ACME\n  pipeline cache purge --older 24h --yes",
	}
	c.AddCommand(a.cacheStatsCommand(), a.cacheShowCommand(), a.cachePurgeCommand())
	asGroup(c)
	return c
}

// shelf opens the store of remembered verdicts and hands it to work.
func (a *app) shelf(work func(plan *flows.Plan, r *resources, s store.Shelf) error) error {
	return a.with(func(plan *flows.Plan, r *resources) error {
		answers, err := r.Answers()
		if err != nil {
			return err
		}
		s, ok := answers.(store.Shelf)
		if !ok {
			return fmt.Errorf("the store %T does not show what it holds", answers)
		}
		return work(plan, r, s)
	})
}

// cacheStats is what `pipeline cache stats` says.
type cacheStats struct {
	Rows       int           `json:"rows"`
	Expired    int           `json:"expired"`
	Namespaces []cacheStock  `json:"namespaces"`
	Caches     []cacheRecord `json:"caches"`
}

type cacheStock struct {
	Namespace string    `json:"namespace"`
	Rows      int       `json:"rows"`
	Expired   int       `json:"expired"`
	Oldest    time.Time `json:"oldest"`
	Newest    time.Time `json:"newest"`
}

// A cacheRecord is a stage's own account, where it has kept one.
type cacheRecord struct {
	Name string `json:"name"`
	semanticcache.Book
}

func (a *app) cacheStatsCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "stats", Short: "Count remembered verdicts and say how often they were given", Args: noArguments,
		Long: "Counts the verdicts that the store remembers, by namespace: what kind of news in which language, by\n" +
			"which embedder, and a hash of the prompt and the models. Expired ones are never given and are\n" +
			"deleted by and by. Where a cache has kept account, it says how many lookups were hits, and how its\n" +
			"audits ended.",
		Example: "  pipeline cache stats\n  pipeline cache stats --format json",
		RunE: func(c *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return usage("--format %q is none of text, json", format)
			}
			return a.shelf(func(plan *flows.Plan, r *resources, s store.Shelf) error {
				stats, err := countCache(c.Context(), plan, r, s)
				if err != nil {
					return err
				}
				if format == "json" {
					return printJSON(a.out, stats)
				}
				return stats.print(a.out)
			})
		},
	}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}

func countCache(ctx context.Context, plan *flows.Plan, r *resources, s store.Shelf) (cacheStats, error) {
	stats := cacheStats{Namespaces: []cacheStock{}, Caches: []cacheRecord{}}
	stocks, err := s.Stocks(ctx)
	if err != nil {
		return stats, err
	}
	for _, one := range stocks {
		stats.Rows, stats.Expired = stats.Rows+one.Rows, stats.Expired+one.Expired
		stats.Namespaces = append(stats.Namespaces, cacheStock{one.Namespace, one.Rows, one.Expired, one.Oldest.UTC(), one.Newest.UTC()})
	}
	for _, segment := range plan.Segments {
		for _, spec := range segment.Stages {
			if spec.Kind.Name != "semantic_cache" {
				continue
			}
			book, known, err := bookOf(ctx, r, spec.Name)
			if err != nil {
				return stats, err
			}
			if known {
				stats.Caches = append(stats.Caches, cacheRecord{spec.Name, book})
			}
		}
	}
	return stats, nil
}

func bookOf(ctx context.Context, r *resources, name string) (b semanticcache.Book, known bool, err error) {
	notes, err := r.Notes()
	if err != nil {
		return b, false, err
	}
	found, err := notes.Notes(ctx, []string{semanticcache.NoteOf(name)})
	if err != nil || len(found) != 1 || found[0] == nil {
		return b, false, err
	}
	if err := json.Unmarshal(found[0], &b); err != nil {
		return b, false, fmt.Errorf("read the account of %s: %w", name, err)
	}
	return b, true, nil
}

func (s cacheStats) print(out io.Writer) error {
	if s.Rows == 0 {
		fmt.Fprintln(out, "No verdict is remembered.")
	} else {
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "namespace\tverdicts\texpired\toldest\tnewest")
		for _, n := range s.Namespaces {
			fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\n", n.Namespace, n.Rows, n.Expired, n.Oldest.Format(time.DateTime), n.Newest.Format(time.DateTime))
		}
		fmt.Fprintf(w, "all\t%d\t%d\n", s.Rows, s.Expired)
		if err := w.Flush(); err != nil {
			return err
		}
	}
	for _, c := range s.Caches {
		if c.Asked > 0 {
			fmt.Fprintf(out, "%s: %d of %d lookups were hits (%.1f %%) since %s\n", c.Name, c.Hits, c.Asked,
				100*float64(c.Hits)/float64(c.Asked), c.Since.UTC().Format(time.DateTime))
		}
		if len(c.Audits) > 0 {
			fmt.Fprintf(out, "%s: audits that differ: %v (%s)\n", c.Name, c.Differing(), c.Setting)
		}
		if !c.Broken.IsZero() {
			fmt.Fprintf(out, "%s: serves nothing since %s, as too many audits differed\n", c.Name, c.Broken.UTC().Format(time.DateTime))
		}
	}
	return nil
}

// A keptVerdict is what `pipeline cache show` says of a verdict.
type keptVerdict struct {
	Key       string         `json:"key"`
	Tickers   string         `json:"tickers"`
	Namespace string         `json:"namespace"`
	At        time.Time      `json:"at"`
	Expires   time.Time      `json:"expires"`
	Fault     string         `json:"fault,omitempty"`
	Analysis  *news.Analysis `json:"analysis,omitempty"`
}

func (a *app) cacheShowCommand() *cobra.Command {
	var sel store.Selection
	var format string
	var limit int
	c := &cobra.Command{
		Use: "show", Short: "Show remembered verdicts by ticker or by the item's key", Args: noArguments,
		Example: "  pipeline cache show --ticker ACME\n  pipeline cache show --key acc:0001900801-26-000006 --format json",
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case format != "text" && format != "json":
				return usage("--format %q is none of text, json", format)
			case sel.Ticker == "" && sel.Key == "":
				return usage("name a ticker with --ticker, or an item with --key")
			case limit < 1:
				return usage("--limit is %d, want at least 1", limit)
			}
			return a.shelf(func(_ *flows.Plan, _ *resources, s store.Shelf) error {
				kept, err := s.Kept(c.Context(), sel, limit)
				if err != nil {
					return err
				}
				return a.showKept(kept, format)
			})
		},
	}
	c.Flags().StringVar(&sel.Ticker, "ticker", "", "verdicts on items with this ticker")
	c.Flags().StringVar(&sel.Key, "key", "", "verdicts on the item with this key")
	c.Flags().IntVar(&limit, "limit", 20, "show the newest so many")
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}

func (a *app) showKept(kept []store.Answer, format string) error {
	verdicts := make([]keptVerdict, 0, len(kept))
	for _, k := range kept {
		v := keptVerdict{Key: k.Key, Tickers: k.Tickers, Namespace: k.Namespace, At: k.At.UTC(), Expires: k.Expires.UTC()}
		analysis, err := semanticcache.Read(k.Value)
		if err != nil {
			v.Fault = err.Error()
		}
		v.Analysis = analysis
		verdicts = append(verdicts, v)
	}
	if format == "json" {
		return printJSON(a.out, verdicts)
	}
	if len(verdicts) == 0 {
		fmt.Fprintln(a.out, "No verdict is remembered for that.")
	}
	for _, v := range verdicts {
		fmt.Fprintf(a.out, "%s  %s  %s, until %s\n", oneLine(v.Key), cmp.Or(oneLine(v.Tickers), "no ticker"), v.At.Format(time.DateTime), v.Expires.Format(time.DateTime))
		if v.Analysis == nil {
			fmt.Fprintf(a.out, "  %s\n", oneLine(v.Fault))
			continue
		}
		fmt.Fprintf(a.out, "  %s, score %.2f, confidence %.2f, by %s %s\n  %s\n", v.Analysis.Direction, v.Analysis.Score, v.Analysis.Confidence,
			oneLine(v.Analysis.Provider), oneLine(v.Analysis.Model), oneLine(v.Analysis.Reasoning))
	}
	return nil
}

func (a *app) cachePurgeCommand() *cobra.Command {
	var sel store.Selection
	var older string
	var all, yes bool
	c := &cobra.Command{
		Use: "purge", Short: "Delete remembered verdicts", Args: noArguments,
		Long: "Deletes the verdicts that all flags together select, also those of other pipelines with the same\n" +
			"store. What is deleted is asked of a model again; nothing else is lost.",
		Example: "  pipeline cache purge --ticker ACME --yes\n  pipeline cache purge --older 24h --yes\n  pipeline cache purge --namespace news/en --yes\n  pipeline cache purge --all --yes",
		RunE: func(c *cobra.Command, _ []string) error {
			if older != "" {
				age, err := config.ParseDuration(older)
				if err != nil || age <= 0 {
					return usage("--older %q is no time, like 24h or 7d", older)
				}
				sel.Before = time.Now().Add(-age)
			}
			selects := sel != (store.Selection{})
			switch {
			case all == selects:
				return usage("say what to delete with --older, --ticker, --namespace or --key, or --all alone")
			case !yes:
				return usage("this deletes verdicts for good: add --yes")
			}
			return a.shelf(func(_ *flows.Plan, _ *resources, s store.Shelf) error { return a.purge(c.Context(), s, sel) })
		},
	}
	c.Flags().StringVar(&older, "older", "", "verdicts given longer ago than this, like 24h")
	c.Flags().StringVar(&sel.Ticker, "ticker", "", "verdicts on items with this ticker")
	c.Flags().StringVar(&sel.Namespace, "namespace", "", "verdicts of namespaces that begin with this")
	c.Flags().StringVar(&sel.Key, "key", "", "verdicts on the item with this key")
	c.Flags().BoolVar(&all, "all", false, "all verdicts")
	c.Flags().BoolVar(&yes, "yes", false, "do it")
	return c
}

// purgeBatch is how many rows go at a time, so that nobody who looks up waits for long.
const purgeBatch = 1000

func (a *app) purge(ctx context.Context, s store.Shelf, sel store.Selection) error {
	total := 0
	for {
		n, err := s.Purge(ctx, sel, purgeBatch)
		total += n
		if err != nil {
			return fmt.Errorf("after %d verdicts: %w", total, err)
		}
		if n < purgeBatch {
			fmt.Fprintf(a.out, "%d verdicts deleted\n", total)
			return nil
		}
	}
}

// oneLine is text from outside as a terminal may have it: one line, without what steers it.
func oneLine(s string) string {
	const most = 300
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s[:min(len(s), most)], ""))
	return strings.Join(strings.Fields(s), " ")
}
