package flows

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"catalyst/internal/config"
)

// A Catalog is all that a pipeline.yaml can be made of.
type Catalog struct {
	Sources  []SourceKind
	Stages   []StageKind
	Sinks    []SinkKind
	Sections []Section
}

// A Section is a top-level key of pipeline.yaml that the engine does not know.
// Read is given its value, or nil where the key is missing, and returns the names that
// components may refer to.
type Section struct {
	Key  string
	Read func(r *config.Reader, value *yaml.Node) (names []string)
}

// A Ref is a name in a component's configuration that must exist elsewhere in the file.
type Ref struct {
	Field   string // key of the configuration
	Section string // "sinks", or the key of a Section
	Name    string
}

// A Referrer is a configuration that names other components.
type Referrer interface{ Refs() []Ref }

// A Windowed configuration needs so many messages in hand at once.
type Windowed interface{ Window() int }

// Outward is a configuration that reads or writes a topic which must not be one of
// the pipeline's own, or messages would go in circles.
type Outward interface{ OutwardTopic() string }

// Parse reads a Plan out of doc. It reports every mistake it can find in one
// pass; the plan is nil if there is one.
func (c Catalog) Parse(doc *config.Document) (*Plan, config.Issues) {
	p := parser{Reader: config.NewReader(doc), catalog: c, names: map[string][]string{}}
	plan := p.plan(doc.Root)
	if issues := p.Issues(); len(issues) > 0 {
		return nil, issues
	}
	return plan, nil
}

type parser struct {
	*config.Reader
	catalog Catalog
	names   map[string][]string            // by section
	checks  []func(topics map[string]bool) // of what is named elsewhere, once all is known
}

func (p *parser) plan(root *yaml.Node) *Plan {
	if root.Kind != yaml.MappingNode {
		p.Report(root, "", "begin with name:, sources:, stages: and sinks:", "a pipeline is a mapping of keys")
		return nil
	}
	values := map[string]*yaml.Node{}
	for key, value := range config.Pairs(root) {
		values[key.Value] = value
	}
	sections := []string{"sources", "stages", "sinks"}
	for _, s := range p.catalog.Sections {
		sections = append(sections, s.Key)
	}
	header := DefaultHeader
	p.Decode("", root, root, &header, sections...)

	for _, s := range p.catalog.Sections {
		p.names[s.Key] = s.Read(p.Reader, values[s.Key])
	}
	plan := &Plan{
		Name: header.Name, Broker: header.Broker, Store: header.Store,
		Topic: header.Topic, Poison: header.Poison, Engine: header.Engine,
	}
	plan.Sources = readList(p, "sources", "source", values["sources"], p.catalog.Sources, identityOf)
	plan.Sinks = readList(p, "sinks", "sink", values["sinks"], p.catalog.Sinks, knobsOf)
	topics := p.stages(plan, values["stages"])
	if len(plan.Sinks) == 0 && !p.faulty("sinks") {
		p.Report(cmpNode(values["sinks"], root), "sinks", "add `- console`", "at least one sink must be enabled")
	}
	for _, check := range p.checks {
		check(topics)
	}
	return plan
}

// faulty reports whether an element of a list could not be read, so that nothing can
// be said about what the list lacks.
func (p *parser) faulty(section string) bool {
	return slices.ContainsFunc(p.Issues(), func(i config.Issue) bool { return strings.HasPrefix(i.Path, section) })
}

func cmpNode(a, b *yaml.Node) *yaml.Node {
	if a != nil {
		return a
	}
	return b
}

// stages cuts the list of stages into segments at its topics, and returns all
// topics of the pipeline.
func (p *parser) stages(plan *Plan, list *yaml.Node) map[string]bool {
	segment := SegmentPlan{Topic: plan.Topic}
	topics := map[string]bool{plan.Topic: true, plan.Poison: true}
	seen := newNames(p, "stages", "stage")
	var kinds []string           // enabled, in order
	var placed []placedStage     // the same, with their elements
	disabled := map[string]int{} // kind → line
	for i, element := range p.elements("stages", list) {
		path := fmt.Sprintf("stages[%d]", i)
		word, value, ok := p.component(path, element)
		if !ok {
			continue
		}
		if word == "topic" {
			name := p.topic(path, element, value, topics)
			segment.Next = name
			plan.Segments = append(plan.Segments, segment)
			segment = SegmentPlan{Topic: name}
			continue
		}
		kind, ok := find(p, element, path, "stage", word, p.catalog.Stages, "topic")
		if !ok {
			continue
		}
		spec := readSpec(p, kind, word, element, value, knobsOf, seen)
		if !spec.Enabled() {
			disabled[word] = element.Line
			continue
		}
		for _, needed := range kind.After {
			if slices.Contains(kinds, needed) {
				continue
			}
			hint := "put " + needed + " above it, or remove it"
			if line, off := disabled[needed]; off {
				hint = fmt.Sprintf("%s at line %d is disabled: disable %s too", needed, line, word)
			}
			p.Report(element, word, hint, "it needs %s before it", needed)
		}
		if w, ok := spec.Config.(Windowed); ok && w.Window() > plan.Engine.InFlight {
			p.Report(element, word, "raise engine.in_flight or make it smaller",
				"it gathers %d messages, but only %d may be in flight", w.Window(), plan.Engine.InFlight)
		}
		kinds = append(kinds, word)
		placed = append(placed, placedStage{element, kind})
		segment.Stages = append(segment.Stages, spec)
	}
	plan.Segments = append(plan.Segments, segment)
	p.follows(placed)
	return topics
}

type placedStage struct {
	element *yaml.Node
	kind    StageKind
}

// follows reports the last stage of a kind if what it should follow stands only
// behind it. (Of two routers, one may stand before the cache.)
func (p *parser) follows(stages []placedStage) {
	last := map[string]int{}
	for i, s := range stages {
		last[s.kind.Name] = i
	}
	for i, s := range stages {
		if last[s.kind.Name] != i {
			continue
		}
		for _, leader := range s.kind.Follows {
			first := slices.IndexFunc(stages, func(o placedStage) bool { return o.kind.Name == leader })
			if first > i {
				p.Report(s.element, s.kind.Name, fmt.Sprintf("move %s at line %d above it", leader, stages[first].element.Line),
					"it must stand behind %s", leader)
			}
		}
	}
}

// topic reads `- topic: name`.
func (p *parser) topic(path string, element, value *yaml.Node, taken map[string]bool) string {
	if value == nil || value.Kind != yaml.ScalarNode || value.Value == "" {
		p.Report(element, path, "write `- topic: news.analyse`", "a topic is a name")
		return ""
	}
	if taken[value.Value] {
		p.Report(value, "topic", "give it a name of its own", "%q is already a topic of this pipeline: messages would go in circles", value.Value)
	}
	taken[value.Value] = true
	return value.Value
}
