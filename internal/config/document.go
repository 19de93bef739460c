package config

import (
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
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
