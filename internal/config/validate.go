package config

import (
	"errors"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// validate asks a struct what it thinks of itself, now that it is filled, and
// places its answer: at the field it names, or else at the struct.
func (d *decoder) validate(node *yaml.Node, s reflect.Value, path string, given map[string]*yaml.Node) {
	for i := range s.NumField() {
		if sf := s.Type().Field(i); sf.IsExported() && strings.HasSuffix(sf.Tag.Get("yaml"), ",inline") && sf.Type.Kind() == reflect.Struct {
			d.validate(node, s.Field(i), path, given)
		}
	}
	v, ok := s.Addr().Interface().(interface{ Validate() error })
	if !ok {
		return
	}
	for _, f := range faults(v.Validate()) {
		at := find(given, f.field)
		if d.hasIssue(at) {
			continue // it was refused already: what stands in its place is a default
		}
		if at == nil {
			at = node
		}
		d.Report(at, joinPath(path, f.field), "", "%s", d.Doc.withhold(oneLine(f.text), node))
	}
}

// A fault is one thing that Validate found.
type fault struct{ field, text string }

// faults takes joined errors apart.
func faults(err error) []fault {
	if err == nil {
		return nil
	}
	switch e := err.(type) {
	case *FieldError:
		var inner *FieldError
		if !errors.As(e.Err, &inner) {
			return []fault{{e.Field, e.Err.Error()}}
		}
		var list []fault
		for _, f := range faults(e.Err) {
			list = append(list, fault{joinPath(e.Field, f.field), f.text})
		}
		return list
	case interface{ Unwrap() []error }:
		var field *FieldError
		parts := e.Unwrap()
		if joined := errors.Join(parts...); !errors.As(err, &field) && joined != nil && joined.Error() != err.Error() {
			break // a sentence with several errors in it
		}
		var list []fault
		for _, part := range parts {
			list = append(list, faults(part)...)
		}
		return list
	}
	var field *FieldError
	if errors.As(err, &field) {
		return []fault{{field.Field, strings.Replace(err.Error(), field.Error(), field.Err.Error(), 1)}}
	}
	return []fault{{"", err.Error()}}
}

// find returns the node that a dotted path leads to, or the last one on the way.
func find(given map[string]*yaml.Node, path string) *yaml.Node {
	var at *yaml.Node
	for i, part := range strings.FieldsFunc(path, func(c rune) bool { return c == '.' || c == '[' || c == ']' }) {
		next := (*yaml.Node)(nil)
		if i == 0 {
			next = given[part]
		} else if index, err := strconv.Atoi(part); err == nil && at.Kind == yaml.SequenceNode {
			if index >= 0 && index < len(at.Content) {
				next = at.Content[index]
			}
		} else {
			for k, v := range Pairs(at) {
				if k.Value == part {
					next = v
				}
			}
		}
		if next == nil {
			break
		}
		at = next
	}
	return at
}

// conceal makes n's text one that no message repeats.
func (d *Document) conceal(n *yaml.Node) {
	if len(d.variables(n)) == 0 && n.Value != "" {
		d.origin(n).literal = n.Value
	}
}

// withhold takes out of a message what must not be repeated of the values under
// n: what came from a variable, and literal secrets. Pieces of such a value
// betray it as well, as where a URL is reported from its colon on; then the message
// is given up.
func (d *Document) withhold(message string, n *yaml.Node) string {
	type hidden struct{ value, name string }
	var all []hidden
	var walk func(*yaml.Node)
	walk = func(n *yaml.Node) {
		if n == nil {
			return
		}
		if o := d.origins[n]; o != nil {
			if o.literal != "" {
				all = append(all, hidden{o.literal, "the secret"})
			}
			if len(o.taken) > 0 {
				all = append(all, hidden{n.Value, valueOf(o.taken)})
			}
			for _, v := range o.taken {
				all = append(all, hidden{v.value, "the value of $" + v.name})
			}
		}
		for _, child := range n.Content {
			walk(child)
		}
	}
	walk(n)
	for _, h := range all {
		if len(h.value) < shortestPiece {
			continue
		}
		message = strings.ReplaceAll(message, strconv.Quote(h.value), h.name)
		message = strings.ReplaceAll(message, h.value, h.name)
		if betrays(message, h.value) {
			return h.name + " is not valid"
		}
	}
	return RedactURL(message)
}

// shortestPiece is how much of a value in a message gives it away; less is
// bound to stand in any sentence.
const shortestPiece = 5

func betrays(message, value string) bool {
	if _, rest, ok := strings.Cut(value, "://"); ok {
		value = rest
	}
	message, value = strings.ToLower(message), strings.ToLower(value)
	for i := 0; i+shortestPiece <= min(len(value), 4096); i++ {
		if strings.Contains(message, value[i:i+shortestPiece]) {
			return true
		}
	}
	return false
}
