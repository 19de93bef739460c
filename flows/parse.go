package flows

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
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
	Key, Doc string
	Read     func(r *config.Reader, value *yaml.Node) (names []string)
}

// Header holds the scalars at the top of pipeline.yaml.
type Header struct {
	Name   string       `yaml:"name" doc:"name of the pipeline: lower-case letters, digits and dashes; prefixes what it keeps" required:"true"`
	Broker string       `yaml:"broker" doc:"where topics, claims and the ledger are kept: redis://… or sqlite://FILE"`
	Store  string       `yaml:"store" doc:"where cached answers are kept: postgres://… or sqlite://FILE"`
	Topic  string       `yaml:"topic" doc:"the first topic, which sources publish to"`
	Poison string       `yaml:"poison" doc:"the topic for what keeps failing"`
	Engine EngineConfig `yaml:"engine" doc:"retries, limits and shutdown"`
}

// DefaultHeader holds the defaults.
var DefaultHeader = Header{
	Broker: "sqlite://data/pipeline.db",
	Store:  "sqlite://data/pipeline.db",
	Topic:  "news.raw",
	Poison: "news.poison",
	Engine: DefaultEngineConfig,
}

var pipelineName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Validate checks what a type cannot say.
func (h Header) Validate() error {
	var faults []error
	if h.Name != "" && !pipelineName.MatchString(h.Name) {
		faults = append(faults, config.At("name", "%q has characters other than a-z, 0-9 and -", h.Name))
	}
	scheme := func(field, url string, known ...string) {
		for _, s := range known {
			if rest, ok := strings.CutPrefix(url, s+"://"); ok && rest != "" {
				return
			}
		}
		// The address may hold a password, so it is not shown.
		faults = append(faults, config.At(field, "the address must begin with %s://", strings.Join(known, ":// or ")))
	}
	scheme("broker", h.Broker, "redis", "rediss", "sqlite")
	scheme("store", h.Store, "postgres", "postgresql", "sqlite")
	return errors.Join(faults...)
}

// Validate checks what a type cannot say.
func (c EngineConfig) Validate() error {
	switch {
	case c.Retry.Attempts < 1:
		return config.At("retry.attempts", "must be at least 1")
	case c.Retry.Delay < 0 || c.Retry.Max < c.Retry.Delay:
		return config.At("retry.max", "must not be less than delay")
	case c.InFlight < 1:
		return config.At("in_flight", "must be at least 1")
	case c.Lease < 1e9:
		return config.At("lease", "must be at least 1s")
	case c.MaxDeliveries < 1:
		return config.At("max_deliveries", "must be at least 1")
	case c.MaxBytes < 1:
		return config.At("max_bytes", "must be at least 1")
	}
	return nil
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
	if len(plan.Sinks) == 0 {
		p.Report(cmpNode(values["sinks"], root), "sinks", "add `- console`", "at least one sink must be enabled")
	}
	for _, check := range p.checks {
		check(topics)
	}
	return plan
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
		segment.Stages = append(segment.Stages, spec)
	}
	plan.Segments = append(plan.Segments, segment)
	return topics
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

// ReadList reads a list of components of a [Section]. It returns the disabled ones
// too, without configuration, as others may refer to them.
func ReadList[T any](r *config.Reader, section, what string, list *yaml.Node, kinds []Kind[T]) []Spec[T] {
	p := &parser{Reader: r, names: map[string][]string{}}
	return readSpecs(p, section, what, list, kinds, identityOf)
}

// readList reads a list of components and leaves out those that are disabled.
func readList[T any](p *parser, section, what string, list *yaml.Node, kinds []Kind[T], knobs func(*Knobs) any) []Spec[T] {
	return slices.DeleteFunc(readSpecs(p, section, what, list, kinds, knobs), func(s Spec[T]) bool { return !s.Enabled() })
}

func readSpecs[T any](p *parser, section, what string, list *yaml.Node, kinds []Kind[T], knobs func(*Knobs) any) []Spec[T] {
	var specs []Spec[T]
	seen := newNames(p, section, what)
	for i, element := range p.elements(section, list) {
		path := fmt.Sprintf("%s[%d]", section, i)
		word, value, ok := p.component(path, element)
		if !ok {
			continue
		}
		kind, ok := find(p, element, path, what, word, kinds)
		if !ok {
			continue
		}
		specs = append(specs, readSpec(p, kind, word, element, value, knobs, seen))
	}
	return specs
}

func (p *parser) elements(path string, list *yaml.Node) []*yaml.Node {
	switch {
	case list == nil, list.Kind == yaml.ScalarNode && list.Tag == "!!null":
		return nil
	case list.Kind != yaml.SequenceNode:
		p.Report(list, path, "put a dash before each", "a list is expected")
		return nil
	}
	return list.Content
}

// component takes `- word` or `- word: value` apart.
func (p *parser) component(path string, element *yaml.Node) (word string, value *yaml.Node, ok bool) {
	switch {
	case element.Kind == yaml.ScalarNode && element.Value != "":
		return element.Value, nil, true
	case element.Kind == yaml.MappingNode && len(element.Content) == 2:
		value := element.Content[1]
		if value.Kind == yaml.ScalarNode && value.Tag == "!!null" {
			value = nil
		}
		return element.Content[0].Value, value, true
	case element.Kind == yaml.MappingNode && len(element.Content) > 2:
		p.Report(element, path, "indent its settings below it, or put them in braces",
			"an element of this list is one component, but this has %d keys: %s", len(element.Content)/2, strings.Join(keysOf(element), ", "))
	default:
		p.Report(element, path, "write `- name` or `- name: {…}`", "a component is expected")
	}
	return "", nil, false
}

func keysOf(n *yaml.Node) []string {
	var keys []string
	for key := range config.Pairs(n) {
		keys = append(keys, key.Value)
	}
	return keys
}

func find[T any](p *parser, at *yaml.Node, path, what, word string, kinds []Kind[T], also ...string) (Kind[T], bool) {
	words := also
	for _, k := range kinds {
		if k.Name == word {
			return k, true
		}
		words = append(words, k.Name)
	}
	p.ReportUnknown(at, path, what, word, words)
	return Kind[T]{}, false
}

// knobsOf and identityOf choose what the engine offers a component.
func knobsOf(k *Knobs) any    { return k }
func identityOf(k *Knobs) any { return &k.Identity }

// readSpec reads one component. A disabled one is not looked at any further: what
// it requires need not even be set.
func readSpec[T any](p *parser, kind Kind[T], word string, element, value *yaml.Node, knobs func(*Knobs) any, seen *names) Spec[T] {
	spec := Spec[T]{Kind: kind, Knobs: kind.Knobs, At: fmt.Sprintf("%s:%d:%d", p.Doc.File, element.Line, element.Column)}
	spec.Name = word
	if p.disabled(value, &spec.Knobs.Identity) {
		if spec.Knobs.Name != "" {
			spec.Name = spec.Knobs.Name
		}
		return spec
	}
	settings := reflect.New(reflect.TypeOf(kind.Config))
	settings.Elem().Set(reflect.ValueOf(kind.Config))
	p.Decode(word, element, value, config.Together{knobs(&spec.Knobs), settings.Interface()})
	spec.Config = settings.Elem().Interface()

	if spec.Knobs.Name != "" {
		spec.Name = spec.Knobs.Name
	}
	seen.add(element, word, spec.Name)
	if spec.Knobs.Workers < 0 {
		p.Report(element, word+".workers", "", "must be at least 1")
	}
	p.checks = append(p.checks, func(topics map[string]bool) {
		if r, ok := spec.Config.(Referrer); ok {
			p.refs(word, element, r.Refs())
		}
		if o, ok := spec.Config.(Outward); ok && topics[o.OutwardTopic()] {
			p.Report(element, word, "name another topic", "%q is a topic of this pipeline: messages would go in circles", o.OutwardTopic())
		}
	})
	return spec
}

// disabled reports whether value plainly says `enabled: false`, and if so reads
// its identity. What is wrong with it is reported only if it is not disabled.
func (p *parser) disabled(value *yaml.Node, id *Identity) bool {
	if value == nil || value.Kind != yaml.MappingNode {
		return false
	}
	only := yaml.Node{Kind: yaml.MappingNode}
	for key, v := range config.Pairs(value) {
		if slices.Contains(config.Keys(*id), key.Value) {
			only.Content = append(only.Content, key, v)
		}
	}
	read := Identity{}
	if len(config.Decode(p.Doc, &only, &read)) > 0 || read.Enabled == nil || *read.Enabled {
		return false
	}
	*id = read
	return true
}

// refs reports references to what does not exist.
func (p *parser) refs(word string, element *yaml.Node, refs []Ref) {
	for _, ref := range refs {
		if ref.Name == "" || slices.Contains(p.names[ref.Section], ref.Name) {
			continue
		}
		hint := "there are none enabled"
		if known := p.names[ref.Section]; len(known) > 0 {
			hint = "there are " + strings.Join(known, ", ")
			if s := config.Suggest(ref.Name, known); s != "" {
				hint = fmt.Sprintf("did you mean %q?", s)
			}
		}
		p.Report(element, word+"."+ref.Field, hint, "%s has no enabled %q", ref.Section, ref.Name)
	}
}

// names reports a name given twice in a list.
type names struct {
	p             *parser
	section, what string
	lines         map[string]int
}

func newNames(p *parser, section, what string) *names {
	return &names{p, section, what, map[string]int{}}
}

func (n *names) add(at *yaml.Node, word, name string) {
	if line, twice := n.lines[name]; twice {
		n.p.Report(at, word, "give one of them a name of its own with `name:`", "the %s at line %d is called %q too", n.what, line, name)
		return
	}
	n.lines[name] = at.Line
	n.p.names[n.section] = append(n.p.names[n.section], name)
}
