package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// CheckStruct reports what is wrong with a struct of configuration itself: an
// exported field without yaml or doc tag, a key given twice, a type that [Decode]
// does not read, a default that its enum forbids. It is for tests, over all components.
func CheckStruct(defaults any) error {
	v := reflect.Indirect(reflect.ValueOf(defaults))
	if v.Kind() != reflect.Struct {
		return fmt.Errorf("%T is no struct", defaults)
	}
	return errors.Join(checkStruct(v, v.Type().String(), nil)...)
}

func checkStruct(v reflect.Value, path string, within []reflect.Type) (faults []error) {
	if slices.Contains(within, v.Type()) {
		return nil
	}
	within = append(slices.Clone(within), v.Type())
	faults = checkTags(v.Type(), path)
	keys, shorts := map[string]bool{}, 0
	for _, f := range fieldsOf(v) {
		at := path + "." + f.key
		if keys[f.key] {
			faults = append(faults, fmt.Errorf("%s: the key is there twice", at))
		}
		keys[f.key] = true
		if f.short {
			shorts++
		}
		if fault := checkType(f.value.Type(), nil); fault != "" {
			faults = append(faults, fmt.Errorf("%s: %s", at, fault))
			continue
		}
		if f.value.Kind() == reflect.String && len(f.enum) > 0 && !f.value.IsZero() && !slices.Contains(f.enum, f.value.String()) {
			faults = append(faults, fmt.Errorf("%s: the default %q is none of %s", at, f.value, strings.Join(f.enum, ", ")))
		}
		if inner, ok := nested(f.value); ok {
			faults = append(faults, checkStruct(inner, at, within)...)
		}
	}
	if shorts > 1 {
		faults = append(faults, fmt.Errorf("%s: more than one field is tagged short", path))
	}
	return faults
}

// checkTags checks the tags of t's fields, and of those of inline structs.
func checkTags(t reflect.Type, path string) (faults []error) {
	for i := range t.NumField() {
		sf := t.Field(i)
		key, options, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
		switch {
		case !sf.IsExported() && !sf.Anonymous || key == "-":
		case options == "inline" && sf.Type.Kind() == reflect.Struct:
			faults = append(faults, checkTags(sf.Type, path)...)
		default:
			for _, fault := range tagFaults(sf.Tag, key, options) {
				faults = append(faults, fmt.Errorf("%s.%s: %s", path, sf.Name, fault))
			}
		}
	}
	return faults
}

func tagFaults(tag reflect.StructTag, key, options string) (faults []string) {
	if key == "" {
		faults = append(faults, "no yaml tag")
	} else if strings.ToLower(key) != key || strings.ContainsAny(key, " .-") {
		faults = append(faults, fmt.Sprintf("the key %q is not in snake_case", key))
	}
	if options != "" && options != "short" {
		faults = append(faults, fmt.Sprintf("unknown yaml option %q", options))
	}
	if strings.TrimSpace(tag.Get("doc")) == "" {
		faults = append(faults, "no doc tag")
	}
	if r, ok := tag.Lookup("required"); ok && r != "true" {
		faults = append(faults, fmt.Sprintf(`required is "true" or absent, not %q`, r))
	}
	return faults
}

// checkType says what is wrong with a type, or nothing.
func checkType(t reflect.Type, within []reflect.Type) string {
	if t == durationType || t == secretType || readsText(t) {
		return ""
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64, reflect.Struct,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return ""
	case reflect.Pointer, reflect.Slice:
		if slices.Contains(within, t) {
			return "the type " + t.String() + " holds itself"
		}
		return checkType(t.Elem(), append(within, t))
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			return "a map must have text for keys"
		}
		return checkType(t.Elem(), append(within, t))
	}
	return "no configuration can be of the type " + t.String()
}
