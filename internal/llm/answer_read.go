package llm

import (
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"catalyst/internal/news"
)

const (
	maxObjects = 16 // tried in one text
	maxDepth   = 6  // of lists and objects within each other
)

// found is what a text has of JSON.
type found struct {
	objects []object
	around  string // everything else
}

var verdictWord = regexp.MustCompile(`(?i)\b(?:direction|verdicts)\W{0,4}:`)

// verdictAround reports whether there are pieces of a verdict beside the objects. Which
// one is meant then, nobody knows.
func (f found) verdictAround() bool { return verdictWord.MatchString(f.around) }

// readObjects finds the JSON objects of text that lie in no other one. Its error says why
// there is none.
func readObjects(text string, most int) (f found, err error) {
	text = afterThoughts(text)
	var around strings.Builder
	var fault error
	for range most {
		i := strings.IndexByte(text, '{')
		if i < 0 {
			break
		}
		around.WriteString(text[:i])
		text = text[i:]
		r := reader{text: text}
		o, err := r.object(0)
		if err != nil {
			if fault == nil || errors.Is(err, errEnds) {
				fault = err
			}
			around.WriteByte('{')
			text = text[1:]
			continue
		}
		f.objects = append(f.objects, o)
		text = text[r.at:]
	}
	around.WriteString(text)
	f.around = around.String()
	switch {
	case len(f.objects) > 0:
		return f, nil
	case fault != nil:
		return f, fault
	}
	return f, errors.New("no JSON object in the answer")
}

// afterThoughts cuts off what some models think aloud before they answer. A text that
// begins with the answer has no thoughts, whatever its strings quote.
func afterThoughts(text string) string {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") || strings.HasPrefix(text, "```") {
		return text
	}
	for _, end := range []string{"</think>", "</thinking>", "</thought>", "</reasoning>"} {
		if _, rest, ok := strings.Cut(text, end); ok {
			return rest
		}
	}
	return text
}

// readVerdicts returns the verdicts of an answer on n items, which are to be in one
// object's list; an answer that is nothing but this list will do.
func readVerdicts(text string, n int) ([]object, error) {
	f, err := readObjects(text, max(maxObjects, 2*n))
	if err != nil {
		return nil, err
	}
	if f.verdictAround() {
		return nil, errors.New("more than one list of verdicts in the answer")
	}
	if len(f.objects) > 1 || f.objects[0]["verdicts"] == nil {
		return numbered(f.objects)
	}
	list, ok := f.objects[0]["verdicts"].([]any)
	if !ok || len(f.objects[0]) > 1 {
		return nil, errors.New("the object has something other than a list of verdicts")
	}
	var verdicts []object
	for _, v := range list {
		if o, ok := v.(object); ok {
			verdicts = append(verdicts, o)
		}
	}
	return numbered(verdicts)
}

// numbered are objects that say which item they are about. Without any there is no list.
func numbered(objects []object) ([]object, error) {
	for _, o := range objects {
		if _, nested := o["verdicts"]; nested {
			return nil, errors.New("more than one list of verdicts in the answer")
		}
	}
	for _, o := range objects {
		if _, ok := o["item"]; ok {
			return objects, nil
		}
	}
	return nil, errors.New("no verdict in the answer names its item")
}

func itemNumber(v any) (int, bool) {
	switch v := v.(type) {
	case float64:
		return int(v), v == float64(int(v))
	case string:
		v = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(v)), "item ")
		n, err := strconv.Atoi(strings.TrimPrefix(v, "#"))
		return n, err == nil
	}
	return 0, false
}

// object is a JSON object: texts, numbers, lists, objects, booleans and nil by key.
type object map[string]any

// answer is what a valid object says.
func (o object) answer() answer {
	text := func(key string) string { s, _ := o[key].(string); return s }
	number := func(key string) float64 { n, _ := o[key].(float64); return n }
	list := func(key string) (all []string) {
		values, _ := o[key].([]any)
		for _, v := range values {
			s, _ := v.(string)
			all = append(all, s)
		}
		return all
	}
	return answer{
		Reasoning: text("reasoning"), Direction: news.Direction(text("direction")),
		Score: number("score"), Confidence: number("confidence"),
		Catalysts: list("catalysts"), KeyFigures: list("key_figures"),
		Risk: text("risk"), Urgency: text("urgency"), Horizon: text("horizon"),
	}
}

var (
	errEnds   = errors.New("the JSON ends before it is complete")
	errBroken = errors.New("the JSON is broken")
	errTwice  = errors.New("a field is there twice")
	errDeep   = errors.New("the JSON is nested too deeply")
)

// A reader reads JSON, and with it what models write in its place without leaving a
// doubt: a comma after the last value, a word without quotes (N/A, which is
// then a text), a line break inside a text, a plus before a number.
type reader struct {
	text string
	at   int
}

func (r *reader) space() {
	for r.at < len(r.text) && strings.IndexByte(" \t\r\n", r.text[r.at]) >= 0 {
		r.at++
	}
}

// take reads c, if it comes next.
func (r *reader) take(c byte) bool {
	r.space()
	if r.at < len(r.text) && r.text[r.at] == c {
		r.at++
		return true
	}
	return false
}

// fault is what is wrong where the reader is.
func (r *reader) fault() error {
	if r.at >= len(r.text) {
		return errEnds
	}
	return errBroken
}

func (r *reader) object(depth int) (object, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	if !r.take('{') {
		return nil, r.fault()
	}
	o := make(object, 10)
	for !r.take('}') {
		r.space()
		key, err := r.quoted()
		if err != nil {
			return nil, err
		}
		if !r.take(':') {
			return nil, r.fault()
		}
		value, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		if _, twice := o[key]; twice {
			return nil, errTwice
		}
		o[key] = value
		if !r.take(',') {
			if r.take('}') {
				break
			}
			return nil, r.fault()
		}
	}
	return o, nil
}

func (r *reader) list(depth int) ([]any, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	if !r.take('[') {
		return nil, r.fault()
	}
	list := []any{}
	for !r.take(']') {
		value, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
		if !r.take(',') {
			if r.take(']') {
				break
			}
			return nil, r.fault()
		}
	}
	return list, nil
}

func (r *reader) value(depth int) (any, error) {
	r.space()
	if r.at >= len(r.text) {
		return nil, errEnds
	}
	switch r.text[r.at] {
	case '{':
		return r.object(depth + 1)
	case '[':
		return r.list(depth + 1)
	case '"':
		return r.quoted()
	}
	return r.bare()
}

// quoted reads a text.
func (r *reader) quoted() (string, error) {
	if !r.take('"') {
		return "", r.fault()
	}
	start, plain := r.at, true
	for ; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; {
		case c == '"':
			literal := r.text[start:r.at]
			r.at++
			if plain {
				return strings.ToValidUTF8(literal, "\ufffd"), nil
			}
			return unescape(literal)
		case c == '\\':
			plain = false
			r.at++
		}
	}
	return "", errEnds
}

func unescape(literal string) (string, error) {
	var s string
	quoted := `"` + strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(literal) + `"`
	if err := json.Unmarshal([]byte(quoted), &s); err != nil {
		return "", errBroken
	}
	return s, nil
}

const maxBare = 40 // bytes of a value without quotes

// bare reads a number or a word without quotes, up to what ends a value.
func (r *reader) bare() (any, error) {
	n := strings.IndexAny(r.text[r.at:min(len(r.text), r.at+maxBare)], ",}]\n")
	if n < 0 {
		if len(r.text)-r.at < maxBare {
			return nil, errEnds
		}
		return nil, errBroken
	}
	word := strings.TrimSpace(r.text[r.at : r.at+n])
	r.at += n
	switch word {
	case "null":
		return nil, nil
	case "true", "false":
		return word == "true", nil
	}
	if number, ok := parseNumber(word); ok {
		return number, nil
	}
	if word == "" || strings.ContainsFunc(word, func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("/.%+-_ ", c)
	}) {
		return nil, errBroken
	}
	return word, nil
}

// schemaFault is the validator's finding in one line, without the values found:
// those are the model's words.
func schemaFault(err error) error {
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		return err
	}
	for len(v.Causes) > 0 {
		v = v.Causes[0]
	}
	where := strings.Join(v.InstanceLocation, ".")
	what := strings.Join(v.ErrorKind.KeywordPath(), ".")
	if where == "" {
		where = "the object"
	}
	return errors.New(where + " does not meet " + what + " of the schema")
}
