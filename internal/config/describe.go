package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// A Field describes one key of a component's configuration.
type Field struct {
	Key      string   `json:"key"`
	Type     string   `json:"type"` // in words: "duration", "list of text"
	Default  string   `json:"default,omitempty"`
	Doc      string   `json:"doc"`
	Required bool     `json:"required,omitempty"`
	Enum     []string `json:"enum,omitempty"`
	// Short marks the key whose value may stand in place of the whole mapping.
	Short bool `json:"short,omitempty"`
	// Fields are the keys of a mapping, or of each mapping in a list.
	Fields []Field `json:"fields,omitempty"`
}

// Describe lists the keys of a struct of configuration, in its order. Defaults are
// written as YAML; those of secrets never.
func Describe(defaults any) []Field { return describe(structOf(defaults), nil) }

// describe leaves out the fields of types it is already within.
func describe(v reflect.Value, within []reflect.Type) []Field {
	within = append(slices.Clone(within), v.Type())
	var fields []Field
	for _, f := range fieldsOf(v) {
		described := Field{
			Key: f.key, Type: typeName(f.value.Type()), Default: render(f.value), Doc: f.doc,
			Required: f.required, Enum: f.enum, Short: f.short,
		}
		if inner, ok := nested(f.value); ok && !slices.Contains(within, inner.Type()) {
			described.Fields = describe(inner, within)
		}
		fields = append(fields, described)
	}
	return fields
}

// nested returns the struct whose keys stand under a value, with its defaults if
// there are any.
func nested(v reflect.Value) (reflect.Value, bool) {
	t := v.Type()
	switch {
	case isScalar(t):
		return v, false
	case t.Kind() == reflect.Struct:
		return v, true
	case t.Kind() == reflect.Pointer && !v.IsNil():
		return nested(v.Elem())
	case t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map:
		return nested(reflect.New(t.Elem()).Elem())
	}
	return v, false
}

// isScalar reports whether t is written as one word.
func isScalar(t reflect.Type) bool {
	if t == durationType || t == secretType || readsText(t) {
		return true
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Slice, reflect.Map, reflect.Pointer:
		return false
	}
	return true
}

// typeName names a type in a word or two.
func typeName(t reflect.Type) string {
	switch {
	case t == durationType:
		return "duration"
	case t == secretType:
		return "secret"
	case t.Kind() == reflect.Pointer:
		return typeName(t.Elem())
	case readsText(t):
		// Condition is a word of ours; what has several words is better explained by its doc.
		if name := t.Name(); strings.IndexFunc(name[min(1, len(name)):], unicode.IsUpper) < 0 {
			return strings.ToLower(name)
		}
		return "text"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.String:
		return "text"
	case reflect.Slice:
		return "list of " + typeName(t.Elem())
	case reflect.Map:
		return "mapping to " + typeName(t.Elem())
	case reflect.Struct:
		return "mapping"
	}
	return "whole number"
}

// render writes a default as YAML would; nothing where there is none, where it
// is a secret, and for mappings with keys of their own.
func render(v reflect.Value) string {
	t := v.Type()
	switch {
	case t == secretType, (t.Kind() == reflect.Slice || t.Kind() == reflect.Map) && t.Elem() == secretType:
		return ""
	case t == durationType:
		return renderDuration(time.Duration(v.Int()))
	case t.Kind() == reflect.Pointer:
		if v.IsNil() {
			return ""
		}
		return render(v.Elem())
	case readsText(t):
		return fmt.Sprint(v.Interface())
	}
	switch t.Kind() {
	case reflect.Struct:
		return ""
	case reflect.Slice:
		if v.Len() == 0 || !isScalar(t.Elem()) {
			return ""
		}
		var parts []string
		for i := range v.Len() {
			parts = append(parts, render(v.Index(i)))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Map:
		if v.Len() == 0 || !isScalar(t.Elem()) {
			return ""
		}
		var parts []string
		for _, key := range v.MapKeys() {
			parts = append(parts, key.String()+": "+render(v.MapIndex(key)))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	case reflect.Float32, reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	}
	return RedactURL(fmt.Sprint(v.Interface()))
}

// renderDuration leaves out what is zero: 168h, not 168h0m0s.
func renderDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// jsonDefault is a default as a JSON value, and whether there is one to show.
func jsonDefault(v reflect.Value) (any, bool) {
	text := render(v)
	t := v.Type()
	if t.Kind() == reflect.Pointer && !v.IsNil() {
		return jsonDefault(v.Elem())
	}
	switch {
	case text == "":
		return nil, false
	case t == durationType || readsText(t) || t.Kind() == reflect.String:
		return text, true
	case isScalar(t):
		return json.RawMessage(text), true
	case t.Kind() == reflect.Slice:
		list := []any{}
		for i := range v.Len() {
			if item, ok := jsonDefault(v.Index(i)); ok {
				list = append(list, item)
			}
		}
		return list, true
	}
	named := map[string]any{}
	for _, key := range v.MapKeys() {
		if item, ok := jsonDefault(v.MapIndex(key)); ok {
			named[key.String()] = item
		}
	}
	return named, true
}
