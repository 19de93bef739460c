package discord

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// Discord refuses an edit as a whole, although in a message with several alerts only one
// of them may be at fault. The others are shown all the same, beside what it showed before.

// refused fails the changes of s that an answer finds fault with, and reports whether
// there is something else in s that is to be tried. Where the answer does not say, that is
// half of them; the other half waits until it is known what becomes of the first.
func (s *sheet) refused(records map[string]record, a *reply, err error) (more bool) {
	if len(s.changes) == 1 {
		return false
	}
	var bad, good []string
	places := a.faulty()
	for _, key := range slices.Sorted(maps.Keys(s.changes)) {
		if slices.Contains(places, records[key].Place) {
			bad = append(bad, key)
		} else {
			good = append(good, key)
		}
	}
	if len(good) == 0 {
		return false
	}
	for _, key := range bad {
		s.changes[key].end(err)
		delete(s.changes, key)
	}
	if len(bad) == 0 {
		for _, key := range good[len(good)/2:] {
			s.aside = append(s.aside, s.changes[key])
			delete(s.changes, key)
		}
	}
	s.tries, s.rounds = 0, 0
	return true
}

// faulty returns the places of the embeds that an answer finds fault with, by the paths
// in it; nothing where it tells none.
func (r *reply) faulty() (places []int) {
	var told struct {
		Errors struct {
			Embeds map[string]json.RawMessage `json:"embeds"`
		} `json:"errors"`
	}
	if json.Unmarshal(r.body, &told) != nil {
		return nil
	}
	for name := range told.Errors.Embeds {
		if place, err := strconv.Atoi(name); err == nil {
			places = append(places, place)
		}
	}
	return places
}
