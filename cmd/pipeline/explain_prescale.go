package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"catalyst/flows"
	"catalyst/stages/prescale"
)

func (a *app) explainPrescaleCommand() *cobra.Command {
	var item, format string
	c := &cobra.Command{
		Use: "prescale", Short: "Say what an item's score is made of, and whether it goes on", Args: noArguments,
		Long: "Reads an item as JSON, as a topic or a JSONL file holds it, and prints every term of the score that\n" +
			"prescale gives it, what was found and does not count, and why the item goes on or is dropped.",
		Example: "  pipeline explain prescale --item item.json\n" +
			"  echo '{\"title\": \"Harbor Biotech prices public offering\"}' | pipeline explain prescale --item -",
		RunE: func(_ *cobra.Command, _ []string) error {
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
			scales, err := a.scales()
			if err != nil {
				return err
			}
			for _, s := range scales {
				v, err := s.Weigh(one)
				if err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
				if format == "json" {
					err = printJSON(a.out, v)
				} else {
					err = printVerdict(a.out, s.name, v)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().StringVar(&item, "item", "", "file with one item as JSON; - is standard input")
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}

// A namedScale is what a prescale stage of the pipeline weighs with.
type namedScale struct {
	name string
	*prescale.Scale
}

// scales returns those of the pipeline's prescale stages, of which there is at least one.
func (a *app) scales() ([]namedScale, error) {
	plan, r, err := a.load()
	if err != nil {
		return nil, err
	}
	scales, err := scalesOf(plan)
	if err == nil && len(scales) == 0 {
		err = fmt.Errorf("%s has no prescale", a.file)
	}
	return scales, errors.Join(err, r.close())
}

func scalesOf(plan *flows.Plan) ([]namedScale, error) {
	var scales []namedScale
	for _, segment := range plan.Segments {
		for _, spec := range segment.Stages {
			config, ok := spec.Config.(prescale.Config)
			if !ok {
				continue
			}
			s, err := prescale.NewScale(config)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", spec.Name, err)
			}
			scales = append(scales, namedScale{spec.Name, s})
		}
	}
	return scales, nil
}

func printVerdict(out io.Writer, name string, v prescale.Verdict) error {
	fate := "goes on"
	if v.Drop != "" {
		fate = "is dropped (" + v.Drop + ")"
	}
	fmt.Fprintf(out, "%s: score %+.2f; the item %s: %s\n\n", name, v.Score, fate, v.Why)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, t := range v.Terms {
		fmt.Fprintf(w, "%+.2f\t%s\t%s\t%s\n", t.Weight, t.Kind, t.Where, t.What)
	}
	if v.Source != "" {
		fmt.Fprintf(w, "×%.2f\tsource\t\t%s\n", v.Factor, v.Source)
	}
	for _, s := range v.Suppressed {
		fmt.Fprintf(w, "(%+.2f)\t%s\t%s\t%s\tdoes not count: %s\n", s.Weight, s.Kind, s.Where, s.What, s.Why)
	}
	return w.Flush()
}
