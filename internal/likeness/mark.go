package likeness

import (
	"strconv"
	"strings"
)

// metaGroup is the key of a message's Meta under which stages tell each other what is
// alike.
const metaGroup = "alike"

// Mark notes that an item belongs to a group of items that are one story and are under way
// at the same time, and how similar it is to the group's first (1 for that one itself).
// Whoever asks models asks once for a group. set is the message's SetMeta.
func Mark(set func(key, value string), group string, similarity float64) {
	set(metaGroup, strconv.FormatFloat(similarity, 'f', 4, 64)+" "+group)
}

// Unmark takes the mark away.
func Unmark(meta map[string]string) { delete(meta, metaGroup) }

// Group returns what was marked; an empty group where nothing was, or nothing legible.
func Group(meta map[string]string) (group string, similarity float64) {
	number, group, ok := strings.Cut(meta[metaGroup], " ")
	similarity, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil {
		return "", 0
	}
	return group, similarity
}
