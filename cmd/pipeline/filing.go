package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"catalyst/internal/edgar/filing"
)

var filingViews = []string{"items", "elements", "chunks", "numbers"}

func (a *app) filingCommand() *cobra.Command {
	var show, format, part, against string
	var max int
	c := &cobra.Command{
		Use: "filing FILE|URL", Short: "Show what a filing says: its items, elements, chunks or key numbers", Args: arguments(1, 1),
		Long: "Reads a filing from a file (- is standard input) or from its address on EDGAR: inline XBRL, old HTML or\n" +
			"plain text, or a full submission, of which it reads the filing itself or the document that --part names.\n" +
			"It prints the cover page and the items of an 8-K or the sections of a 10-K or 10-Q; or, with --show, the\n" +
			"elements that the document is made of, the chunks in which a model reads it, or its key numbers.\n" +
			"With --against it prints what changed in Items 7, 1A and 1 since another 10-K or 10-Q.\n\n" +
			"EDGAR is asked within the limit that all processes of the pipeline share, and with the name and e-mail\n" +
			"address in EDGAR_CONTACT (of the environment or .env), without which the SEC refuses.",
		Example: "  pipeline filing nvda-20260302.htm\n  pipeline filing 0001045810-26-000024.txt --part EX-99.1 --show numbers\n" +
			"  pipeline filing report.htm --show elements --format json\n" +
			"  pipeline filing nvda-20250126.htm --against nvda-20240128.htm\n" +
			"  pipeline filing https://www.sec.gov/Archives/edgar/data/1045810/000104581026000024/0001045810-26-000024-index.htm",
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case format != "text" && format != "json":
				return usage("--format %q is none of text, json", format)
			case !slices.Contains(filingViews, show):
				return usage("--show %q is none of %s", show, strings.Join(filingViews, ", "))
			case max < 1:
				return usage("--max %d: a chunk has at least one character", max)
			case against != "" && (c.Flags().Changed("show") || c.Flags().Changed("part") || c.Flags().Changed("max")):
				return usage("--against prints what changed, and takes none of --show, --part, --max")
			case against == "-" && args[0] == "-":
				return usage("standard input is one filing; name a file for the other")
			}
			var view interface{ print(io.Writer) error }
			var err error
			if against != "" {
				view, err = a.compareFilings(c.Context(), args[0], against)
			} else {
				view, err = a.readFiling(c.Context(), args[0], part, show, max)
			}
			if err != nil {
				return err
			}
			if format == "json" {
				return printJSON(a.out, view)
			}
			return view.print(a.out)
		},
	}
	c.Flags().StringVar(&show, "show", "items", "items (or sections), elements, chunks or numbers")
	c.Flags().StringVar(&format, "format", "text", "text or json")
	c.Flags().StringVar(&part, "part", "", "read this document of a full submission: its type, like EX-99.1, or file name")
	c.Flags().IntVar(&max, "max", filing.MaxChunk, "most characters of a chunk")
	c.Flags().StringVar(&against, "against", "", "print what changed since this filing, a file or an address")
	return c
}

// A filingView is what `pipeline filing` prints.
type filingView struct {
	Cover     filing.Cover     `json:"cover"`
	Documents []filing.Part    `json:"documents,omitempty"` // of a full submission
	Sections  []filing.Section `json:"sections,omitzero"`
	Elements  []filing.Element `json:"elements,omitzero"`
	Chunks    []filing.Chunk   `json:"chunks,omitzero"`
	Numbers   []filingNumber   `json:"numbers,omitzero"`
}

func (a *app) readFiling(ctx context.Context, path, part, show string, max int) (*filingView, error) {
	submission, err := a.readDocument(ctx, path)
	if err != nil {
		return nil, err
	}
	parts, err := filing.Split(submission)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	d, err := filing.Parse(submission)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if part != "" {
		exhibit, err := named(parts, part)
		if err != nil {
			return nil, err
		}
		cover := d.Cover
		if d, err = filing.Parse(exhibit.Body); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, part, err)
		}
		d.Cover.Form = exhibit.Type
		d.Cover.Fill(cover)
	}
	v := &filingView{Cover: d.Cover}
	if parts[0].Type != "" {
		v.Documents = parts
	}
	switch show {
	case "elements":
		v.Elements = d.Elements
	case "chunks":
		v.Chunks = d.Chunks(max)
	case "numbers":
		v.Numbers = numbersOf(d)
	default:
		if v.Sections = d.Items(); len(v.Sections) == 0 {
			v.Sections = d.Sections()
		}
		if v.Sections == nil {
			v.Sections = []filing.Section{}
		}
	}
	return v, nil
}

func named(parts []filing.Part, name string) (*filing.Part, error) {
	var known []string
	for i, p := range parts {
		if strings.EqualFold(p.Type, name) || p.Filename != "" && p.Filename == name {
			return &parts[i], nil
		}
		known = append(known, p.Type)
	}
	return nil, usage("--part %s: the submission has no such document, only %s", name, strings.Join(known, ", "))
}

func (v *filingView) print(out io.Writer) error {
	var b strings.Builder
	c := v.Cover
	for _, field := range [][2]string{{"company", c.Company}, {"cik", c.CIK}, {"form", c.Form}, {"period", c.Period}} {
		if field[1] != "" {
			fmt.Fprintf(&b, "%-9s %s\n", field[0], field[1])
		}
	}
	for _, s := range c.Securities {
		fmt.Fprintf(&b, "%-9s %s\n", "security", joined(" · ", s.Symbol, s.Exchange, s.Title))
	}
	for _, p := range v.Documents {
		fmt.Fprintf(&b, "%-9s %s\n", "document", joined(" · ", p.Type, p.Filename, p.Description))
	}
	for _, s := range v.Sections {
		part := ""
		if s.Part != "" {
			part = "Part " + s.Part + ", "
		}
		fmt.Fprintf(&b, "\n── %sItem %s. %s\n%s\n", part, s.Number, s.Title, s.Text())
	}
	if v.Sections != nil && len(v.Sections) == 0 {
		b.WriteString("\nNo items or sections; --show elements prints all of the text.\n")
	}
	if len(v.Elements) > 0 {
		b.WriteByte('\n')
	}
	for _, e := range v.Elements {
		kind := e.Kind.String()
		if e.Level > 0 {
			kind = fmt.Sprintf("%s %d", kind, e.Level)
		}
		fmt.Fprintf(&b, "%-8s %s\n", kind, strings.ReplaceAll(e.Text, "\n", "\n         "))
	}
	for i, chunk := range v.Chunks {
		fmt.Fprintf(&b, "\n── %d of %d\n%s\n", i+1, len(v.Chunks), chunk)
	}
	if v.Numbers != nil {
		b.WriteByte('\n')
		printNumbers(&b, v.Numbers)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// joined joins the strings that are not empty.
func joined(sep string, all ...string) string {
	return strings.Join(slices.DeleteFunc(all, func(s string) bool { return s == "" }), sep)
}
