package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Together lets [Decode] fill several structs from one mapping, as a component's own
// settings and those that the engine adds. Their keys must differ.
type Together []any

// Decode fills the struct that into points to, which holds the defaults, from
// node, and returns every mistake found. Keys of skip are known and left to others.
//
// What is not given, null, or empty because of a variable keeps its default. A list
// or mapping that is given takes the place of the default. node may be nil,
// which is nothing given; a scalar or list goes to the field tagged ",short".
// After an issue, into is filled as far as it could be.
func Decode(doc *Document, node *yaml.Node, into any, skip ...string) Issues {
	d := &decoder{NewReader(doc)}
	together, ok := into.(Together)
	if !ok {
		together = Together{into}
	}
	var structs []reflect.Value
	for _, target := range together {
		p := reflect.ValueOf(target)
		if p.Kind() != reflect.Pointer || p.Elem().Kind() != reflect.Struct {
			panic(fmt.Sprintf("Decode needs a pointer to a struct, not a %T", target))
		}
		structs = append(structs, p.Elem())
	}
	d.structs(node, structs, "", skip)
	return d.Issues()
}

type decoder struct{ *Reader }

// structs fills structs that share a mapping.
func (d *decoder) structs(node *yaml.Node, structs []reflect.Value, path string, skip []string) {
	var fields []field
	allowed := slices.Clone(skip)
	for _, s := range structs {
		fields = append(fields, fieldsOf(s)...)
	}
	for _, f := range fields {
		allowed = append(allowed, f.key)
	}
	given := make(map[string]*yaml.Node)
	switch {
	case isNothing(node):
	case d.refused(node, path):
		return
	case node.Kind == yaml.MappingNode:
		d.mapping(node, fields, path, skip, allowed, given)
	default:
		short := slices.IndexFunc(fields, func(f field) bool { return f.short })
		if short < 0 {
			d.Report(node, path, itsKeys(allowed), "expected a mapping, found %s", d.Doc.Show(node))
			return
		}
		f := fields[short]
		given[f.key] = node
		d.value(node, f.value, f.enum, joinPath(path, f.key))
	}
	for _, f := range fields {
		d.checkRequired(node, f, given[f.key], path)
	}
	for _, s := range structs {
		d.validate(node, s, path, given)
	}
}

func itsKeys(keys []string) string {
	if len(keys) == 0 {
		return "it takes no settings"
	}
	return "its keys are " + strings.Join(keys[:min(len(keys), 12)], ", ")
}

func (d *decoder) mapping(node *yaml.Node, fields []field, path string, skip, allowed []string, given map[string]*yaml.Node) {
	for key, value := range Pairs(node) {
		if slices.Contains(skip, key.Value) {
			continue
		}
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == key.Value })
		if i < 0 {
			d.ReportUnknown(key, path, "key", key.Value, allowed)
			continue
		}
		given[key.Value] = value
		d.value(value, fields[i].value, fields[i].enum, joinPath(path, key.Value))
	}
}

func (d *decoder) checkRequired(at *yaml.Node, f field, given *yaml.Node, path string) {
	if !f.required || !f.value.IsZero() || d.hasIssue(given) {
		return
	}
	switch {
	case given == nil:
		d.Report(at, path, f.doc, "the key %s is required", quote(f.key))
	case len(d.Doc.variables(given)) > 0:
		d.Report(given, joinPath(path, f.key), f.doc, "must not be empty, but %s is", d.Doc.Show(given))
	default:
		d.Report(given, joinPath(path, f.key), f.doc, "must not be empty")
	}
}

// hasIssue reports whether something was already said about n itself.
func (d *decoder) hasIssue(n *yaml.Node) bool { return n != nil && (d.Doc.failed(n) || d.faulty[n]) }

// refused reports whether node has no text to go by, and says so if nobody has.
func (d *decoder) refused(node *yaml.Node, path string) bool {
	if !d.Doc.failed(node) {
		return false
	}
	for _, name := range d.Doc.origin(node).unset {
		d.Report(node, path, fmt.Sprintf("set it in the environment or in .env, or give a default: ${%s:-…}", name), "the variable %s is not set", name)
	}
	return true
}

// isNothing reports whether a node leaves the default as it is.
func isNothing(n *yaml.Node) bool {
	return n == nil || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// absent also takes a variable that came out empty as nothing, quoted or not.
func (d *decoder) absent(n *yaml.Node) bool {
	return isNothing(n) || n.Kind == yaml.ScalarNode && n.Value == "" && d.Doc.mentionsVariable(n)
}

// value fills v from node.
func (d *decoder) value(node *yaml.Node, v reflect.Value, enum []string, path string) {
	t := v.Type()
	switch {
	case d.refused(node, path) || d.absent(node):
	case t.Kind() == reflect.Pointer:
		target := reflect.New(t.Elem())
		if !v.IsNil() {
			target.Elem().Set(v.Elem())
		}
		d.value(node, target.Elem(), enum, path)
		v.Set(target)
	case t == durationType || t == secretType || readsText(t):
		d.scalar(node, v, enum, path)
	case t.Kind() == reflect.Struct:
		d.structs(node, []reflect.Value{v}, path, nil)
	case t.Kind() == reflect.Slice:
		d.list(node, v, enum, path)
	case t.Kind() == reflect.Map:
		d.named(node, v, enum, path)
	default:
		d.scalar(node, v, enum, path)
	}
}

// list fills a slice. Anything but a list is a list of one.
func (d *decoder) list(node *yaml.Node, v reflect.Value, enum []string, path string) {
	items := node.Content
	if node.Kind != yaml.SequenceNode {
		if elem := v.Type().Elem().Kind(); node.Kind == yaml.MappingNode && elem != reflect.Struct && elem != reflect.Map {
			d.mismatch(node, v.Type(), path)
			return
		}
		items = []*yaml.Node{node}
	}
	list := reflect.MakeSlice(v.Type(), 0, len(items))
	for i, item := range items {
		at := path
		if node.Kind == yaml.SequenceNode {
			at += "[" + strconv.Itoa(i) + "]"
		}
		if d.absent(item) {
			if !d.Doc.mentionsVariable(item) {
				d.mismatch(item, v.Type().Elem(), at)
			}
			continue // a variable that is empty adds nothing
		}
		elem := reflect.New(v.Type().Elem()).Elem()
		d.value(item, elem, enum, at)
		list = reflect.Append(list, elem)
	}
	v.Set(list)
}

// named fills a map.
func (d *decoder) named(node *yaml.Node, v reflect.Value, enum []string, path string) {
	if node.Kind != yaml.MappingNode {
		d.mismatch(node, v.Type(), path)
		return
	}
	m := reflect.MakeMap(v.Type())
	for key, value := range Pairs(node) {
		elem := reflect.New(v.Type().Elem()).Elem()
		at := joinPath(path, clip(key.Value))
		if elem.Kind() != reflect.Struct && isNothing(value) {
			d.mismatch(value, elem.Type(), at)
			continue
		}
		d.value(value, elem, enum, at)
		m.SetMapIndex(reflect.ValueOf(key.Value).Convert(v.Type().Key()), elem)
	}
	v.Set(m)
}

// scalar fills what is written as one word.
func (d *decoder) scalar(node *yaml.Node, v reflect.Value, enum []string, path string) {
	if node.Kind != yaml.ScalarNode {
		d.mismatch(node, v.Type(), path)
		return
	}
	if len(enum) > 0 && !slices.Contains(enum, node.Value) {
		d.notAmong(node, enum, path)
		return
	}
	var wrong *misfit
	switch t := v.Type(); {
	case t == durationType:
		var duration time.Duration
		var err error
		if duration, err = ParseDuration(node.Value); err != nil {
			wrong = &misfit{message: err.Error()}
		}
		v.SetInt(int64(duration))
	case t == secretType:
		d.Doc.keepSecret(node.Value)
		d.Doc.conceal(node)
		v.SetString(node.Value)
	case readsText(t):
		fresh := reflect.New(t)
		if err := fresh.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(node.Value)); err != nil {
			wrong = &misfit{message: err.Error()}
			break
		}
		v.Set(fresh.Elem())
	default:
		wrong = d.basic(node, v)
	}
	if wrong == nil {
		return
	}
	if wrong.message == "" {
		expected, _ := typeWords(v.Type())
		wrong.message = fmt.Sprintf("expected %s, found %s", expected, d.Doc.Show(node))
	}
	d.Report(node, path, wrong.hint, "%s", d.Doc.withhold(wrong.message, node))
}

// basic fills a string, bool or number.
func (d *decoder) basic(node *yaml.Node, v reflect.Value) (wrong *misfit) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(node.Value)
	case reflect.Bool:
		b, ok := parseBool(node.Value)
		if !ok {
			return &misfit{}
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, wrong := d.Doc.wholeNumber(node, v.Type().Bits())
		if wrong != nil {
			return wrong
		}
		v.SetInt(i)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		i, wrong := d.Doc.wholeNumber(node, 64)
		if wrong != nil {
			return wrong
		}
		if i < 0 || v.OverflowUint(uint64(i)) {
			return &misfit{message: "is out of range"}
		}
		v.SetUint(uint64(i))
	case reflect.Float32, reflect.Float64:
		f, wrong := d.Doc.number(node)
		if wrong != nil {
			return wrong
		}
		v.SetFloat(f)
	default:
		panic("no configuration can be of the type " + v.Type().String())
	}
	return nil
}

func (d *decoder) notAmong(node *yaml.Node, enum []string, path string) {
	if len(d.Doc.variables(node)) > 0 {
		d.Report(node, path, "", "expected one of %s, found %s", strings.Join(enum, ", "), d.Doc.Show(node))
		return
	}
	hint := ""
	if s := Suggest(node.Value, enum); s != "" {
		hint = "did you mean " + quote(s) + "?"
	}
	d.Report(node, path, hint, "expected one of %s, found %s", strings.Join(enum, ", "), d.Doc.Show(node))
}

func (d *decoder) mismatch(node *yaml.Node, t reflect.Type, path string) {
	expected, _ := typeWords(t)
	d.Report(node, path, "", "expected %s, found %s", expected, d.Doc.Show(node))
}
