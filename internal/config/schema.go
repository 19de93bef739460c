package config

import (
	"reflect"
	"slices"
)

// Schema returns a JSON Schema (2020-12) of the mapping that [Decode] reads into
// these structs together, for editors. A scalar may always be a text with ${…} in
// it; what that stands for is not the schema's business.
func Schema(defaults ...any) map[string]any {
	var fields []field
	for _, d := range defaults {
		fields = append(fields, fieldsOf(structOf(d))...)
	}
	return objectSchema(fields, nil)
}

type schema = map[string]any

func objectSchema(fields []field, within []reflect.Type) schema {
	properties := schema{}
	var required []string
	var short *field
	for _, f := range fields {
		properties[f.key] = fieldSchema(f, within)
		if f.required {
			required = append(required, f.key)
		}
		if f.short {
			short = &f
		}
	}
	object := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		object["required"] = required
	}
	if short == nil {
		return object
	}
	return schema{"anyOf": []any{object, valueSchema(short.value, short.enum, within)}}
}

func fieldSchema(f field, within []reflect.Type) schema {
	s := valueSchema(f.value, f.enum, within)
	s["description"] = f.doc
	if value, ok := jsonDefault(f.value); ok {
		s["default"] = value
	}
	return s
}

// valueSchema describes what may stand for v. within are the structs around it: a
// type that holds itself is not described again.
func valueSchema(v reflect.Value, enum []string, within []reflect.Type) schema {
	t := v.Type()
	elem := func() reflect.Value { return reflect.New(t.Elem()).Elem() }
	switch {
	case isScalar(t):
		return scalarSchema(t, enum)
	case t.Kind() == reflect.Pointer:
		if v.IsNil() {
			return valueSchema(elem(), enum, within)
		}
		return valueSchema(v.Elem(), enum, within)
	case t.Kind() == reflect.Slice:
		item := valueSchema(elem(), enum, within)
		return schema{"anyOf": []any{schema{"type": "array", "items": item}, item}} // one is a list of one
	case t.Kind() == reflect.Map:
		return schema{"type": "object", "additionalProperties": valueSchema(elem(), enum, within)}
	case slices.Contains(within, t):
		return schema{"type": "object"}
	}
	return objectSchema(fieldsOf(v), append(slices.Clone(within), t))
}

func scalarSchema(t reflect.Type, enum []string) schema {
	variable := schema{"type": "string", "pattern": `\$\{`}
	or := func(s schema) schema { return schema{"anyOf": []any{s, variable}} }
	switch {
	case len(enum) > 0:
		return or(schema{"enum": enum})
	case t == durationType:
		return schema{"anyOf": []any{
			schema{"type": "number", "minimum": 0},
			schema{"type": "string", "pattern": `^\s*([0-9.]+(ns|us|µs|μs|ms|s|m|h|d|w)?)+\s*$`},
			variable,
		}}
	case t == secretType || readsText(t):
		return schema{"type": []string{"string", "number", "boolean"}}
	}
	switch t.Kind() {
	case reflect.String:
		return schema{"type": []string{"string", "number", "boolean"}}
	case reflect.Bool:
		return schema{"anyOf": []any{schema{"type": "boolean"}, schema{"enum": []any{0, 1, "yes", "no", "on", "off"}}, variable}}
	case reflect.Float32, reflect.Float64:
		return or(schema{"type": "number"})
	}
	return or(schema{"type": "integer"})
}
