package discordtest

import (
	"net/http"
	"strconv"
	"strings"
)

// A form collects what is wrong with a body, by the path of the field.
type form struct{ errors map[string]any }

func (f *form) bad() bool { return f.errors != nil }

// add notes a fault of the field at path, which has dots.
func (f *form) add(path, code, message string) {
	if f.errors == nil {
		f.errors = map[string]any{}
	}
	node := f.errors
	for part := range strings.SplitSeq(path, ".") {
		next, _ := node[part].(map[string]any)
		if next == nil {
			next = map[string]any{}
			node[part] = next
		}
		node = next
	}
	list, _ := node["_errors"].([]any)
	node["_errors"] = append(list, map[string]string{"code": code, "message": message})
}

func (f *form) answer() answer {
	return answer{status: http.StatusBadRequest, code: 50035, body: errorBody{Code: 50035, Message: texts[50035].text, Errors: f.errors}}
}

// formError is the answer about one field.
func formError(path, code, message string) answer {
	var f form
	f.add(path, code, message)
	return f.answer()
}

func (f *form) required(path string) { f.add(path, "BASE_TYPE_REQUIRED", "This field is required") }

// atMost notes that the field at path has n of limit.
func (f *form) atMost(path string, n, limit int) {
	if n > limit {
		f.add(path, "BASE_TYPE_MAX_LENGTH", "Must be "+strconv.Itoa(limit)+" or fewer in length.")
	}
}

// between notes that the field at path has n, which is too few or too many.
func (f *form) between(path string, n, least, most int) {
	if n < least || n > most {
		f.add(path, "BASE_TYPE_BAD_LENGTH", "Must be between "+strconv.Itoa(least)+" and "+strconv.Itoa(most)+" in length.")
	}
}

func (f *form) oneOf(path string, choices ...string) {
	f.add(path, "BASE_TYPE_CHOICES", "Value must be one of ('"+strings.Join(choices, "', '")+"').")
}

// size counts as Discord does, or a little more: in UTF-16 units after trimming.
func size(s string) int {
	n := 0
	for _, r := range strings.TrimSpace(s) {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}
