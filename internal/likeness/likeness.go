// Package likeness tells headlines apart that say nearly the same words and mean
// different news. "Profit up 12%" and "profit down 12%" are neighbours to whatever
// compares words or vectors, and so are a target of $2.10 and one of $2.01, the third
// quarter and the fourth, talks about a deal and its completion.
//
// It reads few things, and those carefully: numbers as they are written in news, fiscal
// periods and dates, words of direction with their negations, how far a deal or an
// approval has come, and who acquires whom. It is made to be wrong in one direction
// only: two wordings of one story may be told apart, and a model is asked once more.
package likeness

import (
	"slices"
	"strings"
)

// Facts are what must not contradict where two texts are to be one story. They are
// plain values, made to be stored as JSON. The zero Facts are those of a text without any.
type Facts struct {
	// Numbers, each as its exact value and, where one was written, its unit: "452e5 usd",
	// "35e-1 %", "3 phase". Sorted, each once.
	Numbers []string `json:"numbers,omitempty"`
	// From are those of Numbers that something came from, To those it went to.
	From []string `json:"from,omitempty"`
	To   []string `json:"to,omitempty"`
	// Periods are what the text is about in time, by kind: "q 3", "year 2026", "month 5",
	// "day 6/15", "weekday 1".
	Periods []string `json:"periods,omitempty"`
	// Directions are, by axis, the poles in the order of the text: "level +-".
	Directions []string `json:"directions,omitempty"`
	// Progress is, by ladder, the furthest rung: "deal 3".
	Progress []string `json:"progress,omitempty"`
	// Actors did something to Objects: words of the two names around a verb like acquire.
	Actors  []string `json:"actors,omitempty"`
	Objects []string `json:"objects,omitempty"`
}

// The guards, in the order in which [Facts.Differs] asks them.
const (
	Numbers   = "numbers"
	Period    = "period"
	Direction = "direction"
	Progress  = "progress"
)

// Guards lists the names that Differs returns.
func Guards() []string { return []string{Numbers, Period, Direction, Progress} }

// Differs returns the guard that forbids taking texts with the facts f and g for the same
// story, the first of [Guards] that does; "" where none does. It is symmetric.
func (f Facts) Differs(g Facts) string {
	switch {
	case !sameNumbers(f, g):
		return Numbers
	case !samePeriods(f.Periods, g.Periods):
		return Period
	case !sameDirections(f.Directions, g.Directions), swapped(f, g):
		return Direction
	case !sameProgress(f.Progress, g.Progress):
		return Progress
	}
	return ""
}

// sameNumbers wants each number on both sides, and none on which the sides disagree
// whether it is where something came from or where it went.
func sameNumbers(f, g Facts) bool {
	return covered(f.Numbers, g.Numbers) && covered(g.Numbers, f.Numbers) &&
		!shareAny(f.From, g.To) && !shareAny(f.To, g.From) &&
		(len(f.From) == 0 || len(g.From) == 0 || shareAny(f.From, g.From))
}

func covered(a, b []string) bool {
	for _, x := range a {
		if !slices.ContainsFunc(b, func(y string) bool { return sameNumber(x, y) }) {
			return false
		}
	}
	return true
}

// sameNumber forgives a unit that only one side has written.
func sameNumber(x, y string) bool {
	if x == y {
		return true
	}
	v, unit, _ := strings.Cut(x, " ")
	w, other, _ := strings.Cut(y, " ")
	return v == w && (unit == "" || other == "")
}

func shareAny(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
}

// samePeriods holds if, of each kind, one side names no other period than the other.
func samePeriods(a, b []string) bool {
	for _, kind := range periodKinds {
		x, y := ofKind(a, kind), ofKind(b, kind)
		if !subset(x, y) && !subset(y, x) {
			return false
		}
	}
	return true
}

func subset(a, b []string) bool {
	return !slices.ContainsFunc(a, func(x string) bool { return !slices.Contains(b, x) })
}

// ofKind returns the facts that begin with kind and a space.
func ofKind(facts []string, kind string) []string {
	var found []string
	for _, fact := range facts {
		if k, _, _ := strings.Cut(fact, " "); k == kind {
			found = append(found, fact)
		}
	}
	return found
}

// sameDirections holds if the sides agree on each axis of which both speak, and do not
// stand at opposite poles of everything. What undoes a thing, a refusal or a bare "not", must
// be on both sides: silence says that it is done.
func sameDirections(a, b []string) bool {
	x, y := byName(a), byName(b)
	for axis, poles := range x {
		if other, ok := y[axis]; ok && other != poles {
			return false
		}
	}
	for _, axis := range undoing {
		if strings.Contains(x[axis], "-") != strings.Contains(y[axis], "-") {
			return false
		}
	}
	p, q := overall(x), overall(y)
	return p == q || p == 0 || q == 0
}

// overall is the pole at which all axes stand, or 0.
func overall(poles map[string]string) byte {
	var all byte
	for axis, p := range poles {
		switch {
		case axis == negation:
		case len(p) != 1, all != 0 && all != p[0]:
			return 0
		default:
			all = p[0]
		}
	}
	return all
}

// byName splits "level +-" into its name and its value.
func byName(facts []string) map[string]string {
	m := make(map[string]string, len(facts))
	for _, fact := range facts {
		name, value, _ := strings.Cut(fact, " ")
		m[name] = value
	}
	return m
}

// sameProgress wants equal rungs on a ladder of which both sides speak, and on some of
// which one does.
func sameProgress(a, b []string) bool {
	x, y := byName(a), byName(b)
	for ladder, rung := range x {
		if other, ok := y[ladder]; ok && other != rung {
			return false
		}
	}
	return !slices.ContainsFunc(speaking, func(ladder string) bool { return x[ladder] != y[ladder] })
}

// swapped reports that who acts on one side is acted upon on the other.
func swapped(f, g Facts) bool {
	return (shareAny(f.Actors, g.Objects) || shareAny(f.Objects, g.Actors)) &&
		!shareAny(f.Actors, g.Actors) && !shareAny(f.Objects, g.Objects)
}
