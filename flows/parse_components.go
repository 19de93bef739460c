package flows

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"catalyst/internal/config"
)

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
	spec := Spec[T]{Kind: kind, Knobs: kind.Knobs}
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
