package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/operator"
)

// A part is one kind of component, as list, describe and schema show it.
type part struct {
	Section string         `json:"section"` // its list in pipeline.yaml
	Name    string         `json:"name"`
	Doc     string         `json:"doc"`
	Example string         `json:"example,omitempty"`
	After   []string       `json:"after,omitempty"`
	Follows []string       `json:"follows,omitempty"`
	Fields  []config.Field `json:"fields"`

	config, knobs any
}

func partsOf(c flows.Catalog) []part {
	var parts []part
	parts = appendParts(parts, "sources", c.Sources, flows.Identity{})
	parts = appendParts(parts, "stages", c.Stages, flows.Knobs{})
	parts = append(parts, part{
		Section: "stages", Name: "topic", config: topicConfig{},
		Doc:     "stores messages durably and ends the segment: what follows may run in any process",
		Example: "- topic: news.analyse", Fields: config.Describe(topicConfig{}),
	})
	parts = appendParts(parts, "sinks", c.Sinks, flows.Knobs{})
	return appendParts(parts, "providers", providerKinds(nil), flows.Identity{})
}

// topicConfig describes the one element of stages that is not a component.
type topicConfig struct {
	Topic string `yaml:"topic,short" doc:"name of the topic, unlike any other of the pipeline" required:"true"`
}

func appendParts[T any](parts []part, section string, kinds []flows.Kind[T], knobs any) []part {
	for _, k := range kinds {
		p := part{Section: section, Name: k.Name, Doc: k.Doc, Example: k.Example, After: k.After, Follows: k.Follows,
			Fields: config.Describe(k.Config), config: k.Config, knobs: knobs}
		if _, stage := knobs.(flows.Knobs); stage {
			p.knobs = k.Knobs.OrDefault()
		}
		parts = append(parts, p)
	}
	return parts
}

func (a *app) listCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List every source, stage, sink and provider", Args: noArguments,
		Example: "  pipeline list",
		RunE: func(*cobra.Command, []string) error {
			w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
			section := ""
			for _, p := range partsOf(catalog(&resources{app: a})) {
				if p.Section != section {
					section = p.Section
					fmt.Fprintf(w, "%s\n", section)
				}
				fmt.Fprintf(w, "  %s\t%s\n", p.Name, p.Doc)
			}
			return w.Flush()
		},
	}
}

func (a *app) describeCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "describe NAME", Short: "Explain a component and its settings",
		Example: "  pipeline describe dedupe\n  pipeline describe llm_router --json",
		Args:    arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			var found []part
			names := map[string]bool{}
			for _, p := range partsOf(catalog(&resources{app: a})) {
				names[p.Name] = true
				if p.Name == args[0] {
					found = append(found, p) // a name can be a source and a sink
				}
			}
			if len(found) == 0 {
				known := slices.Sorted(maps.Keys(names))
				if near := config.Suggest(args[0], known); near != "" {
					return usage("there is no %q; did you mean %q?", args[0], near)
				}
				return usage("there is no %q; there are %s", args[0], strings.Join(known, ", "))
			}
			if asJSON {
				e := json.NewEncoder(a.out)
				e.SetIndent("", "  ")
				return e.Encode(found)
			}
			for i, p := range found {
				if i > 0 {
					fmt.Fprintln(a.out)
				}
				describe(a.out, p)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}

func describe(w io.Writer, p part) {
	fmt.Fprintf(w, "%s (in %s): %s\n", p.Name, p.Section, p.Doc)
	if len(p.After) > 0 {
		fmt.Fprintf(w, "It needs %s before it.\n", strings.Join(p.After, " and "))
	}
	if len(p.Follows) > 0 {
		fmt.Fprintf(w, "It stands behind %s, if that is there.\n", strings.Join(p.Follows, " and "))
	}
	if p.Example != "" {
		fmt.Fprintf(w, "\n%s\n", indent(p.Example, "    "))
	}
	if len(p.Fields) > 0 {
		fmt.Fprintf(w, "\nSettings\n")
		fields(w, p.Fields)
	}
	switch p.knobs.(type) {
	case flows.Knobs:
		fmt.Fprintf(w, "\nSettings of every stage and sink\n")
		fields(w, config.Describe(p.knobs))
	case flows.Identity:
		fmt.Fprintf(w, "\nSettings of every component\n")
		fields(w, config.Describe(p.knobs))
	}
}

// fields prints a table of settings, with nested ones below theirs.
func fields(w io.Writer, fs []config.Field) {
	type row struct{ key, kind, value, doc string }
	var rows []row
	var list func(fs []config.Field, margin string)
	list = func(fs []config.Field, margin string) {
		for _, f := range fs {
			value := shorten(f.Default, 28)
			if f.Required {
				value = "required"
			}
			doc := f.Doc
			if len(f.Enum) > 0 {
				doc += " (" + strings.Join(f.Enum, ", ") + ")"
			}
			rows = append(rows, row{margin + f.Key, f.Type, value, doc})
			list(f.Fields, margin+"  ")
		}
	}
	list(fs, "")
	var key, kind, value int
	for _, r := range rows {
		key, kind, value = max(key, len([]rune(r.key))), max(kind, len([]rune(r.kind))), max(value, len([]rune(r.value)))
	}
	for _, r := range rows {
		lines := wrap(r.doc, max(40, width-8-key-kind-value))
		fmt.Fprintf(w, "  %-*s  %-*s  %-*s  %s\n", key, r.key, kind, r.kind, value, r.value, lines[0])
		for _, more := range lines[1:] {
			fmt.Fprintf(w, "%*s%s\n", 8+key+kind+value, "", more)
		}
	}
}

const width = 110 // of what describe prints

// wrap cuts text into lines of at most n characters, at spaces. There is at least one line.
func wrap(text string, n int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case len([]rune(*last))+1+len([]rune(word)) <= n:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

func shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

func indent(s, by string) string {
	return by + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n"+by)
}

// schemaOf returns the JSON Schema of a pipeline.yaml.
func schemaOf(c flows.Catalog) ([]byte, error) {
	root := config.Schema(flows.DefaultHeader)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "pipeline.yaml"
	properties := root["properties"].(map[string]any)
	elements := map[string][]any{}
	for _, p := range partsOf(c) {
		settings := []any{p.config}
		if p.knobs != nil {
			settings = append(settings, p.knobs)
		}
		value := config.Schema(settings...)
		if p.Section == "stages" && p.Name == "topic" {
			value = map[string]any{"type": "string"}
		}
		elements[p.Section] = append(elements[p.Section],
			map[string]any{"const": p.Name, "description": p.Doc},
			map[string]any{
				"type": "object", "description": p.Doc, "additionalProperties": false, "required": []string{p.Name},
				"properties": map[string]any{p.Name: map[string]any{"anyOf": []any{value, map[string]any{"type": []string{"null", "string", "number", "boolean", "array"}}}}},
			})
	}
	for section, of := range elements {
		properties[section] = map[string]any{"type": []string{"array", "null"}, "items": map[string]any{"anyOf": of}}
	}
	properties["llm"] = config.Schema(llmConfig{})
	properties["operator"] = config.Schema(operator.Defaults)
	properties["http"] = map[string]any{"anyOf": []any{config.Schema(httpConfig{}), map[string]any{"type": "string"}}}
	text, err := json.MarshalIndent(root, "", "  ")
	return append(text, '\n'), err
}
