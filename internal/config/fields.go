package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// A field is what the tags of a struct's field say.
type field struct {
	key, doc string
	enum     []string
	required bool
	short    bool          // takes the value of a component that is no mapping
	value    reflect.Value // of the struct it was read from
}

// fieldsOf returns the configurable fields of a struct, those of inline structs
// among them, in the order of the source.
func fieldsOf(v reflect.Value) (fields []field) {
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		key, options, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
		switch {
		case options == "inline" && sf.Type.Kind() == reflect.Struct && (sf.IsExported() || sf.Anonymous):
			fields = append(fields, fieldsOf(v.Field(i))...)
		case key == "" || key == "-" || !sf.IsExported():
		default:
			f := field{
				key:      key,
				doc:      sf.Tag.Get("doc"),
				required: sf.Tag.Get("required") == "true",
				short:    options == "short",
				value:    v.Field(i),
			}
			if words := sf.Tag.Get("enum"); words != "" {
				f.enum = strings.Split(words, "|")
			}
			fields = append(fields, f)
		}
	}
	return fields
}

// Keys returns the keys that a struct of configuration has, for the skip
// of [Decode].
func Keys(defaults any) []string {
	var keys []string
	for _, f := range fieldsOf(structOf(defaults)) {
		keys = append(keys, f.key)
	}
	return keys
}

// structOf returns the struct in v or behind it.
func structOf(v any) reflect.Value {
	s := reflect.Indirect(reflect.ValueOf(v))
	if s.Kind() != reflect.Struct {
		panic(fmt.Sprintf("configuration must be a struct, not a %T", v))
	}
	return s
}

var (
	durationType        = reflect.TypeFor[time.Duration]()
	secretType          = reflect.TypeFor[Secret]()
	sizeType            = reflect.TypeFor[Size]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// readsText reports whether values of t are read by UnmarshalText.
func readsText(t reflect.Type) bool { return reflect.PointerTo(t).Implements(textUnmarshalerType) }

// typeWords names a type for people: "a whole number", "a list of durations".
func typeWords(t reflect.Type) (one, many string) {
	switch {
	case t == durationType:
		return `a duration such as "30s"`, "durations"
	case t == secretType:
		return "text", "texts"
	case t == sizeType:
		return "a size such as 512KiB", "sizes"
	case t.Kind() == reflect.Pointer:
		return typeWords(t.Elem())
	case readsText(t):
		return "text", "texts"
	}
	switch t.Kind() {
	case reflect.String:
		return "text", "texts"
	case reflect.Bool:
		return "true or false", "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number", "whole numbers"
	case reflect.Float32, reflect.Float64:
		return "a number", "numbers"
	case reflect.Slice:
		_, many := typeWords(t.Elem())
		return "a list of " + many, "lists of " + many
	case reflect.Map:
		_, many := typeWords(t.Elem())
		return "a mapping of names to " + many, "mappings of names to " + many
	case reflect.Struct:
		return "a mapping", "mappings"
	}
	return "a value", "values"
}
