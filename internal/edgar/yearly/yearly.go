// Package yearly compares a 10-K or 10-Q with the one of a year before, section by
// section, where readers look first: what the company does, what may go wrong, and how the
// management sees the year.
package yearly

import (
	"slices"

	"catalyst/internal/edgar/change"
	"catalyst/internal/edgar/filing"
)

// A Section is what became of one section.
type Section struct {
	Part, Number string // "II", "7"
	Title        string
	// Missing is the filing that lacks the section: "prior", "current" or neither. The
	// report is then of nothing.
	Missing string
	change.Report
}

// Label is how a reader calls the section: "Part II, Item 7. Management's Discussion …".
func (s Section) Label() string {
	label := "Item " + s.Number
	if s.Part != "" {
		label = "Part " + s.Part + ", " + label
	}
	if s.Title != "" {
		label += ". " + s.Title
	}
	return label
}

type place struct{ part, number string }

// looked are the sections compared, in the order of their weight: of a 10-K Items 7, 1A
// and 1; of a 10-Q what they are there, with legal proceedings in place of the business.
var (
	annual    = []place{{"II", "7"}, {"I", "1A"}, {"I", "1"}}
	quarterly = []place{{"I", "2"}, {"II", "1A"}, {"II", "1"}}
)

// Looked returns the sections of d that are compared, the weightiest first. Of what is no
// 10-K or 10-Q it returns none.
func Looked(d *filing.Document) []filing.Section {
	sections := d.Sections()
	var found []filing.Section
	for _, p := range placesOf(sections) {
		if s := find(sections, p); s != nil {
			found = append(found, *s)
		}
	}
	return found
}

// Compare returns what became of the sections that at least one of the filings has, the
// weightiest first; nothing if either is no 10-K or 10-Q, or they are not of one kind.
func Compare(prior, current *filing.Document) []Section {
	before, now := prior.Sections(), current.Sections()
	places := placesOf(now)
	if !slices.Equal(placesOf(before), places) {
		return nil
	}
	var compared []Section
	for _, p := range places {
		was, is := find(before, p), find(now, p)
		switch {
		case was == nil && is == nil:
		case was == nil:
			compared = append(compared, Section{Part: p.part, Number: p.number, Title: is.Title, Missing: "prior"})
		case is == nil:
			compared = append(compared, Section{Part: p.part, Number: p.number, Title: was.Title, Missing: "current"})
		default:
			compared = append(compared, Section{Part: p.part, Number: p.number, Title: is.Title, Report: change.Compare(was.Paragraphs(), is.Paragraphs())})
		}
	}
	return compared
}

// placesOf tells a 10-K from a 10-Q by its management's discussion, whatever the cover says.
func placesOf(sections []filing.Section) []place {
	switch {
	case find(sections, annual[0]) != nil || find(sections, place{"II", "8"}) != nil:
		return annual
	case find(sections, quarterly[0]) != nil && find(sections, place{"I", "1A"}) == nil:
		return quarterly
	}
	return nil
}

func find(sections []filing.Section, p place) *filing.Section {
	i := slices.IndexFunc(sections, func(s filing.Section) bool { return s.Part == p.part && s.Number == p.number })
	if i < 0 {
		return nil
	}
	return &sections[i]
}
