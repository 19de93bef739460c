package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"catalyst/internal/edgar/filing"
)

var filingViews = []string{"items", "elements", "chunks"}

func (a *app) filingCommand() *cobra.Command {
	var show, format, part string
	var max int
	c := &cobra.Command{
		Use: "filing FILE", Short: "Show what a filing says: its items, elements or chunks", Args: arguments(1, 1),
		Long: "Reads a filing from a file (- is standard input): inline XBRL, old HTML or plain text, or a full\n" +
			"submission, of which it reads the filing itself or the document that --part names. It prints the cover\n" +
			"page and the items of an 8-K or the sections of a 10-K or 10-Q; or, with --show, the elements that the\n" +
			"document is made of, or the chunks in which a model reads it.",
		Example: "  pipeline filing nvda-20260302.htm\n  pipeline filing 0001045810-26-000024.txt --part EX-99.1 --show chunks\n" +
			"  pipeline filing report.htm --show elements --format json",
		RunE: func(_ *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return usage("--format %q is none of text, json", format)
			}
			if !slices.Contains(filingViews, show) {
				return usage("--show %q is none of %s", show, strings.Join(filingViews, ", "))
			}
			if max < 1 {
				return usage("--max %d: a chunk has at least one character", max)
			}
			v, err := a.readFiling(args[0], part, show, max)
			if err != nil {
				return err
			}
			if format == "json" {
				return printJSON(a.out, v)
			}
			return v.print(a.out)
		},
	}
	c.Flags().StringVar(&show, "show", "items", "items (or sections), elements or chunks")
	c.Flags().StringVar(&format, "format", "text", "text or json")
	c.Flags().StringVar(&part, "part", "", "read this document of a full submission: its type, like EX-99.1, or file name")
	c.Flags().IntVar(&max, "max", filing.MaxChunk, "most characters of a chunk")
	return c
}

// A filingView is what `pipeline filing` prints.
type filingView struct {
	Cover     filing.Cover     `json:"cover"`
	Documents []filing.Part    `json:"documents,omitempty"` // of a full submission
	Sections  []filing.Section `json:"sections,omitzero"`
	Elements  []filing.Element `json:"elements,omitzero"`
	Chunks    []filing.Chunk   `json:"chunks,omitzero"`
}

func (a *app) readFiling(path, part, show string, max int) (*filingView, error) {
	submission, err := a.readFile(path)
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

// readFile reads a file, or standard input for "-".
func (a *app) readFile(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(a.in)
	}
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("read filing: %w", err)
	}
	return body, nil
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
	_, err := io.WriteString(out, b.String())
	return err
}

// joined joins the strings that are not empty.
func joined(sep string, all ...string) string {
	return strings.Join(slices.DeleteFunc(all, func(s string) bool { return s == "" }), sep)
}
