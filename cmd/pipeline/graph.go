package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"catalyst/flows"
)

func (a *app) graphCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "graph", Short: "Draw the pipeline as a Mermaid or DOT graph", Args: noArguments,
		Example: "  pipeline graph\n  pipeline graph --format dot | dot -Tsvg > pipeline.svg",
		RunE: func(*cobra.Command, []string) error {
			plan, _, err := a.load()
			if err != nil {
				return err
			}
			var g graph
			switch format {
			case "mermaid":
				g = mermaid{}
			case "dot":
				g = dot{}
			default:
				return usage("--format %q is neither mermaid nor dot", format)
			}
			_, err = fmt.Fprint(a.out, draw(plan, g))
			return err
		},
	}
	c.Flags().StringVar(&format, "format", "mermaid", "mermaid or dot")
	return c
}

// A graph writes nodes and edges in some language.
type graph interface {
	begin(name string) string
	node(id, label, shape string) string // shapes: source, topic, stage, sink
	edge(from, to, label string) string
	open(id, label string) string // of a segment
	failing(segment, last, to string) string
	close() string
	end() string
}

func draw(plan *flows.Plan, g graph) string {
	var b strings.Builder
	b.WriteString(g.begin(plan.Name))
	ids := 0
	add := func(label, shape string) string {
		ids++
		id := fmt.Sprintf("n%d", ids)
		b.WriteString(g.node(id, label, shape))
		return id
	}
	label := func(name, kind string) string {
		if name != kind {
			return name + " (" + kind + ")"
		}
		return name
	}
	topic := add(plan.Topic, "topic")
	for _, s := range plan.Sources {
		b.WriteString(g.edge(add(label(s.Name, s.Kind.Name), "source"), topic, ""))
	}
	sinks := map[string]string{} // ids by name
	for _, s := range plan.Sinks {
		sinks[s.Name] = add(label(s.Name, s.Kind.Name), "sink")
	}
	poison := add(plan.Poison, "topic")
	for i, segment := range plan.Segments {
		last := topic
		var steps, effects []string // edges, written after the segment they lie in
		if len(segment.Stages) > 0 {
			b.WriteString(g.open(fmt.Sprintf("s%d", i+1), "segment "+segment.Topic))
			for _, s := range segment.Stages {
				id := add(label(s.Name, s.Kind.Name), "stage")
				steps = append(steps, g.edge(last, id, s.Knobs.When.String()))
				last = id
				if r, ok := s.Config.(flows.Referrer); ok {
					for _, ref := range r.Refs() {
						if sink, ok := sinks[ref.Name]; ok && ref.Section == "sinks" {
							effects = append(effects, g.edge(id, sink, "at once"))
						}
					}
				}
			}
			b.WriteString(g.close())
		}
		b.WriteString(strings.Join(append(steps, effects...), ""))
		if len(segment.Stages) > 0 {
			b.WriteString(g.failing(fmt.Sprintf("s%d", i+1), last, poison))
		}
		if segment.Next != "" {
			topic = add(segment.Next, "topic")
			b.WriteString(g.edge(last, topic, ""))
			continue
		}
		for _, s := range plan.Sinks {
			b.WriteString(g.edge(last, sinks[s.Name], s.Knobs.When.String()))
		}
	}
	b.WriteString(g.end())
	return b.String()
}

type mermaid struct{}

func (mermaid) begin(string) string { return "flowchart LR\n" }
func (mermaid) node(id, label, shape string) string {
	brackets := map[string][2]string{"source": {"([", "])"}, "topic": {"[(", ")]"}, "stage": {"[", "]"}, "sink": {"([", "])"}}[shape]
	return fmt.Sprintf("    %s%s\"%s\"%s\n", id, brackets[0], mermaidText(label), brackets[1])
}
func (mermaid) edge(from, to, label string) string {
	if label == "" {
		return fmt.Sprintf("    %s --> %s\n", from, to)
	}
	return fmt.Sprintf("    %s -. \"%s\" .-> %s\n", from, mermaidText(label), to)
}
func (mermaid) open(id, label string) string {
	return fmt.Sprintf("    subgraph %s[\"%s\"]\n", id, mermaidText(label))
}
func (mermaid) close() string { return "    end\n" }
func (mermaid) end() string   { return "" }

// mermaidText keeps quotes in a label from ending it.
func mermaidText(s string) string { return strings.ReplaceAll(s, `"`, "#quot;") }

func (m mermaid) failing(segment, _, to string) string { return m.edge(segment, to, "keeps failing") }

type dot struct{}

func (dot) begin(name string) string {
	return fmt.Sprintf("digraph %q {\n  rankdir=LR;\n  compound=true;\n", name)
}
func (dot) node(id, label, shape string) string {
	shapes := map[string]string{"source": "ellipse", "topic": "cylinder", "stage": "box", "sink": "ellipse"}
	return fmt.Sprintf("  %s [label=%q shape=%s];\n", id, label, shapes[shape])
}
func (dot) edge(from, to, label string) string {
	if label == "" {
		return fmt.Sprintf("  %s -> %s;\n", from, to)
	}
	return fmt.Sprintf("  %s -> %s [label=%q style=dashed];\n", from, to, label)
}
func (dot) open(id, label string) string {
	return fmt.Sprintf("  subgraph cluster_%s {\n  label=%q;\n", id, label)
}
func (dot) failing(segment, last, to string) string { // an edge begins at a node; ltail cuts it at the segment
	return fmt.Sprintf("  %s -> %s [label=\"keeps failing\" style=dashed ltail=cluster_%s];\n", last, to, segment)
}
func (dot) close() string { return "  }\n" }
func (dot) end() string   { return "}\n" }
