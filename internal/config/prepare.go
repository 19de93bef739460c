package config

import (
	"iter"
	"strings"

	"go.yaml.in/yaml/v3"
)

// bounded reports whether the tree, with every alias written out, is finite and
// of a size to work with. A few nested aliases can stand for billions of nodes.
func (r *Reader) bounded(root *yaml.Node) bool {
	const unknown, open = 0, -1
	sizes := make(map[*yaml.Node]int)
	var size func(n *yaml.Node) int
	size = func(n *yaml.Node) int {
		switch sizes[n] {
		case unknown:
		case open:
			r.Report(n, "", "", "%s holds itself", quote("*"+n.Anchor))
			return maxNodes + 1
		default:
			return sizes[n]
		}
		sizes[n] = open
		total := 1
		for _, child := range n.Content {
			total = min(total+size(child), maxNodes+1)
		}
		if n.Alias != nil {
			total = min(total+size(n.Alias), maxNodes+1)
		}
		sizes[n] = total
		return total
	}
	if size(root) <= maxNodes {
		return true
	}
	if len(r.issues) == 0 {
		r.Report(root, "", "", "the file is too large: more than %d values with its aliases written out", maxNodes)
	}
	return false
}

// A preparation turns the parser's tree into a Document's.
type preparation struct {
	reader *Reader
	env    func(string) (string, bool)
	done   map[*yaml.Node]*yaml.Node // nodes can be reached twice, by aliases
}

func (p *preparation) prepare(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return p.prepare(n.Alias)
	}
	if prepared, ok := p.done[n]; ok {
		return prepared
	}
	p.done[n] = n
	if n.Style&yaml.TaggedStyle != 0 && !knownTags[n.ShortTag()] {
		p.reader.Report(n, "", "remove it", "the tag %s has no meaning here", quote(n.Tag))
		p.reader.Doc.origin(n).failed = true
	}
	switch n.Kind {
	case yaml.ScalarNode:
		p.substitute(n)
	case yaml.SequenceNode:
		for i, child := range n.Content {
			n.Content[i] = p.prepare(child)
		}
	case yaml.MappingNode:
		p.mapping(n)
	}
	return n
}

var knownTags = map[string]bool{
	"!!str": true, "!!int": true, "!!float": true, "!!bool": true, "!!null": true,
	"!!timestamp": true, "!!seq": true, "!!map": true, "!!merge": true,
}

// mapping resolves n's merge keys and drops what it gives twice.
func (p *preparation) mapping(n *yaml.Node) {
	first := make(map[string]*yaml.Node)
	var content, merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		switch {
		case key.Kind != yaml.ScalarNode:
			p.reader.Report(key, "", "quote the value if it begins with { or [", "a key must be a word, not %s", p.reader.Doc.Show(key))
			continue
		case key.Tag == "!!merge" && key.Style == 0:
			merges = append(merges, p.prepare(value))
			continue
		}
		if earlier, ok := first[key.Value]; ok {
			p.reader.Report(key, "", "", "the key %s is given twice; the first is on line %d", quote(key.Value), earlier.Line)
			p.prepare(value) // for its issues
			continue
		}
		first[key.Value] = key
		content = append(content, key, p.prepare(value))
	}
	for _, merge := range merges {
		for key, value := range p.merged(merge) {
			if first[key.Value] == nil {
				first[key.Value] = key
				content = append(content, key, value)
			}
		}
	}
	n.Content = content
}

// merged yields the pairs that `<<: value` brings in.
func (p *preparation) merged(value *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	sources := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		sources = value.Content
	}
	return func(yield func(k, v *yaml.Node) bool) {
		for _, source := range sources {
			if source.Kind != yaml.MappingNode {
				p.reader.Report(source, "", "write <<: *name, with the anchor &name on a mapping", "<< takes a mapping or a list of mappings, not %s", p.reader.Doc.Show(source))
				continue
			}
			for k, v := range Pairs(source) {
				if !yield(k, v) {
					return
				}
			}
		}
	}
}

// substitute replaces the variables in a scalar. What had no quotes gets the type
// its new text has, so that ${SIZE:-5} is a number.
func (p *preparation) substitute(n *yaml.Node) {
	doc := p.reader.Doc
	e := expand(n.Value, p.env)
	for _, v := range e.taken {
		if secretName(v.name) {
			doc.keepSecret(v.value)
		}
	}
	switch {
	case e.fault != "":
		p.reader.Report(n, "", e.hint, "%s", e.fault)
		doc.origin(n).failed = true
		return
	case len(e.unset) > 0:
		doc.origin(n).unset = e.unset
		return
	}
	n.Value = e.text
	if e.mentions {
		o := doc.origin(n)
		o.mentions, o.taken = true, e.taken
		if n.Style == 0 {
			n.Value = strings.TrimSpace(n.Value) // as text without quotes always is
			n.Tag = ""
			n.Tag = n.ShortTag()
			if n.Tag == "!!null" && n.Value != "" || n.Tag == "!!merge" {
				n.Tag = "!!str"
			}
		}
	}
	for _, secret := range urlSecrets(n.Value) {
		doc.keepSecret(secret)
	}
}
