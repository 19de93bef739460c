package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Limits of a file. They are far above any configuration, and keep one made to do
// harm from taking the process with it.
const (
	maxBytes = 1 << 20
	maxNodes = 100_000 // with aliases written out
)

// A Document is a file of configuration: its nodes, with variables replaced,
// aliases and merge keys resolved, and each key of a mapping there once.
type Document struct {
	File string
	// Root is the file's content: most often a mapping; a null scalar if it is empty.
	Root *yaml.Node

	origins map[*yaml.Node]*origin
	secrets map[string]bool
}

// An origin is what is known of a scalar that mentions a variable or holds a secret.
type origin struct {
	mentions bool       // variables, set or not
	taken    []variable // those that were set
	literal  string     // a secret written in the file
	unset    []string   // those with neither value nor default
	failed   bool       // an issue was reported; to say more would only repeat it
}

// Load parses a file and replaces variables. env looks up a variable; nil means that
// none is set. The document is nil only where text is no YAML at all, so that
// whoever reads on can report the rest of the mistakes in the same pass. Variables
// that are not set are reported by [Decode], where they are needed: what is left
// out of the pipeline needs none.
func Load(file string, text []byte, env func(string) (string, bool)) (*Document, Issues) {
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	doc := &Document{File: file, origins: make(map[*yaml.Node]*origin), secrets: make(map[string]bool)}
	r := NewReader(doc)
	root, issues := parse(file, text)
	if issues != nil {
		return nil, issues
	}
	doc.Root = root
	if !r.bounded(root) {
		return nil, r.Issues()
	}
	p := preparation{reader: r, env: env, done: make(map[*yaml.Node]*yaml.Node)}
	doc.Root = p.prepare(root)
	return doc, r.Issues()
}

// parse reads the one YAML document of text.
func parse(file string, text []byte) (root *yaml.Node, issues Issues) {
	refuse := func(line, col int, message, hint string) (*yaml.Node, Issues) {
		return nil, Issues{{File: file, Line: line, Col: col, Message: message, Hint: hint}}
	}
	if len(text) > maxBytes {
		return refuse(0, 0, fmt.Sprintf("the file has %d bytes; at most %d are read", len(text), maxBytes), "")
	}
	if bytes.HasPrefix(text, []byte{0xff, 0xfe}) || bytes.HasPrefix(text, []byte{0xfe, 0xff}) {
		return refuse(1, 1, "the file is UTF-16", "save it as UTF-8")
	}
	if i := firstInvalidUTF8(text); i >= 0 {
		line, col := lineCol(text, i)
		return refuse(line, col, "the text is not UTF-8", "save the file as UTF-8")
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	first, err := nextDocument(decoder)
	if errors.Is(err, io.EOF) {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: 1, Column: 1}, nil
	}
	if err == nil {
		var second *yaml.Node
		second, err = nextDocument(decoder)
		if err == nil {
			return refuse(second.Line, second.Column, "a second document begins here", `a file holds one pipeline; remove the "---"`)
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, explainSyntax(file, text, err)
	}
	return first.Content[0], nil
}

// nextDocument guards against what the parser itself calls internal errors,
// which are panics.
func nextDocument(d *yaml.Decoder) (doc *yaml.Node, err error) {
	defer func() {
		if v := recover(); v != nil {
			doc, err = nil, fmt.Errorf("yaml: %v", v)
		}
	}()
	doc = new(yaml.Node)
	if err := d.Decode(doc); err != nil {
		return nil, err
	}
	return doc, nil
}

func firstInvalidUTF8(text []byte) int {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

func lineCol(text []byte, offset int) (line, col int) {
	before := text[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1
}

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

func (d *Document) origin(n *yaml.Node) *origin {
	if d.origins[n] == nil {
		d.origins[n] = new(origin)
	}
	return d.origins[n]
}

// failed reports whether n has no text to go by.
func (d *Document) failed(n *yaml.Node) bool {
	o := d.origins[n]
	return o != nil && (o.failed || len(o.unset) > 0)
}

// variables returns the variables that n's text was taken from.
func (d *Document) variables(n *yaml.Node) []variable {
	if o := d.origins[n]; o != nil {
		return o.taken
	}
	return nil
}

func (d *Document) keepSecret(s string) {
	if s = strings.TrimSpace(s); s != "" {
		d.secrets[s] = true
	}
}

// Secrets returns every secret seen so far: values of Secret fields, of variables
// named like one, and passwords within URLs. Call it after the last Decode.
func (d *Document) Secrets() []string {
	secrets := make([]string, 0, len(d.secrets))
	for s := range d.secrets {
		secrets = append(secrets, s)
	}
	return secrets
}

// Show names what n holds for an error message: `the text "ten"`, `the number 5`,
// `a list`, or `the value of $TOKEN` for what came from outside the file.
func (d *Document) Show(n *yaml.Node) string {
	if n == nil {
		return "nothing"
	}
	if vars := d.variables(n); len(vars) > 0 {
		return valueOf(vars)
	}
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return "the number " + clip(n.Value)
	case "!!bool":
		return n.Value
	}
	return "the text " + quote(RedactURL(n.Value))
}

func valueOf(vars []variable) string {
	names := make([]string, len(vars))
	for i, v := range vars {
		names[i] = "$" + v.name
	}
	return "the value of " + strings.Join(names, " and ")
}

// Pairs yields the keys and values of a mapping, in the order of the file;
// nothing if n is anything else.
func Pairs(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(k, v *yaml.Node) bool) {
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

// quote is %q of what fits on a line.
func quote(s string) string { return fmt.Sprintf("%q", clip(s)) }

func clip(s string) string {
	const longest = 60
	if utf8.RuneCountInString(s) <= longest {
		return s
	}
	return string([]rune(s)[:longest]) + "…"
}
