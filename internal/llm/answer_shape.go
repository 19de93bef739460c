package llm

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A shape is what the schema of an answer says, for the answers that meet it: the
// validator is twenty times slower, and only asked what is wrong with the others.
type shape struct {
	fields   map[string]allowed
	required int
}

// allowed is what a field may have: numbers of a range, one of a few words, texts, or
// lists of texts.
type allowed struct {
	kind     reflect.Kind
	words    []string
	min, max float64
	required bool
}

// answerShape is the shape of [answerSchema] without all.
func answerShape(details []detail) shape {
	s := shape{fields: map[string]allowed{}}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[answer]()) {
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		v := allowed{kind: f.Type.Kind(), required: option == ""}
		if list := f.Tag.Get("enum"); list != "" {
			v.words = strings.Split(list, ",")
		}
		if v.kind == reflect.Float64 {
			v.min, v.max = bound(f, "minimum"), bound(f, "maximum")
		}
		if v.required {
			s.required++
		}
		s.fields[name] = v
	}
	for _, d := range details {
		s.fields[d.name] = allowed{kind: reflect.String, words: d.words}
	}
	return s
}

func bound(f reflect.StructField, tag string) float64 {
	b, err := strconv.ParseFloat(f.Tag.Get(tag), 64)
	if err != nil {
		panic("the field " + f.Name + " has no " + tag)
	}
	return b
}

// fits reports whether o meets the schema.
func (s shape) fits(o object) bool {
	required := 0
	for name, said := range o {
		v, known := s.fields[name]
		if !known || !v.have(said) {
			return false
		}
		if v.required {
			required++
		}
	}
	return required == s.required
}

func (v allowed) have(said any) bool {
	switch said := said.(type) {
	case string:
		return v.kind == reflect.String && (v.words == nil || slices.Contains(v.words, said))
	case float64:
		return v.kind == reflect.Float64 && said >= v.min && said <= v.max
	case []any:
		return v.kind == reflect.Slice && !slices.ContainsFunc(said, func(one any) bool { _, text := one.(string); return !text })
	}
	return false
}
