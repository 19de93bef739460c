package likeness

import (
	"slices"
	"strconv"
)

// reach is how many words behind a negation it turns around.
const reach = 4

var negations = set("never without cannot can't won't doesn't didn't isn't aren't wasn't hasn't haven't wouldn't nor neither unable")

// restraints are what is undone when it is lifted.
const restraints = "force ban halt curbs sanctions suspension restrictions moratorium embargo"

// directions notes the poles of all words of direction, turned around where they are
// negated, and the negations of anything else.
func (r *reader) directions() {
	order := map[string][]byte{}
	var axesSeen []string
	turn, open := -1, false // where a negation stands, and whether it has turned nothing yet
	settle := func() {
		if open {
			r.Directions = add(r.Directions, negation+" -")
		}
		open = false
	}
	for i := range r.tokens {
		if r.denial(i) {
			settle()
			turn, open = i, true
			continue
		}
		if open && i-turn > reach {
			settle()
		}
		p, ok := r.pole(i)
		if !ok {
			continue
		}
		if open {
			p.sign = opposite[p.sign]
			open = false
		}
		seen := order[p.axis]
		if len(seen) == 0 {
			axesSeen = append(axesSeen, p.axis)
		}
		if n := len(seen); (n == 0 || seen[n-1] != p.sign) && n < 4 {
			order[p.axis] = append(seen, p.sign)
		}
	}
	settle()
	for _, axis := range axesSeen {
		r.Directions = add(r.Directions, axis+" "+string(order[axis]))
	}
}

// opposite is what a negation makes of a pole. What is not unchanged may be anything.
var opposite = map[byte]byte{'+': '-', '-': '+', '=': '='}

// denial reports whether the token at i denies what follows.
func (r *reader) denial(i int) bool {
	next := r.at(i + 1)
	switch word := r.at(i).text; word {
	case "no":
		return !next.number && !next.is("one longer-term") // No. 2
	case "not":
		return !next.is("only")
	case "fail", "fails", "failed", "failing":
		return next.is("to")
	case "against":
		return r.at(i - 1).is("vote votes voted voting")
	default:
		return negations[word]
	}
}

// pole is the pole that the word at i stands for. What most words stand for is in poles;
// here is what depends on the words around.
func (r *reader) pole(i int) (pole, bool) {
	before, next := r.at(i-1), r.at(i+1)
	var undone, over, fewer, nothing bool
	word := r.at(i).text
	switch word {
	case "off":
		undone, fewer = before.is("call calls called calling"), before.is("lay lays laid laying")
	case "away":
		undone = before.is("walk walks walked walking")
	case "close", "closes", "closed", "closing":
		undone = next.is("out")
	case "drop", "drops", "dropped":
		undone = r.soon(i, "plan plans bid offer deal project") || r.has("charges charge lawsuit suit case probe")
	case "lift", "lifts", "lifted", "lifting":
		undone = next.is(restraints)
	case "end", "ends", "ended", "ending":
		undone = word != "ending" && next.is(restraints)
		over = !before.is("at the by year quarter month fiscal to -")
	case "over":
		over = before.is("outage strike lockout dispute shortage is")
	case "flat", "steady", "unchanged":
		return pole{"level", '='}, true
	case "more", "less":
		nothing = next.is("than")
	case "better", "worse":
		nothing = !next.is("than")
	case "up": // up to 500 jobs
		nothing = next.is("to") && (before.is("of for worth with by buy spend invest repurchase pay off") || poles[before.text].axis != "")
	case "down":
		nothing = next.is("payment under")
	case "above":
		nothing = next.is("all")
	case "top":
		nothing = before.is("the a on")
	case "fall", "falls", "fell", "falling": // it is "short" that counts
		nothing = next.is("short")
	case "short": // a short seller
		nothing = !before.is("falls fell fall falling comes came")
	case "block", "blocks":
		nothing = next.is("off in of at on trade trades chain chains")
	case "profit":
		nothing = next.is("warning")
	case "name", "names", "named":
		nothing = next.is("of brand")
	case "approval", "approvals", "clearance":
		nothing = r.sought(i)
	}
	switch {
	case undone:
		return pole{"pact", '-'}, true
	case over:
		return pole{"motion", '-'}, true
	case fewer:
		return pole{"level", '-'}, true
	case nothing:
		return pole{}, false
	}
	p, ok := poles[word]
	return p, ok
}

// soon reports whether one of words follows within a few.
func (r *reader) soon(i int, words string) bool {
	for j := i + 1; j <= i+4; j++ {
		if r.at(j).is(words) {
			return true
		}
	}
	return false
}

// sought reports whether what stands at i is only asked for.
func (r *reader) sought(i int) bool {
	for j := max(0, i-5); j < i; j++ {
		if r.at(j).is("apply seek seeks seeking sought await awaits awaiting pending request requests for files filed submits submitted applies possible potential") {
			return true
		}
	}
	return false
}

// progress notes the highest rung of each ladder.
func (r *reader) progress() {
	highest := map[string]int{}
	for i, t := range r.tokens {
		for _, step := range rungs[t.text] {
			if !r.counts(step, i) {
				continue
			}
			highest[step.ladder] = max(highest[step.ladder], step.height)
		}
	}
	for ladder, height := range highest {
		r.Progress = add(r.Progress, ladder+" "+strconv.Itoa(height))
	}
	slices.Sort(r.Progress)
}

// counts reports whether the word at i means the step that it may mean.
func (r *reader) counts(s rung, i int) bool {
	switch t := r.at(i); {
	case s.ladder == "review" && s.height == 3 && t.is("approval approvals clearance"):
		return !r.sought(i)
	case s.ladder == "offering":
		return r.has("offering placement notes ipo")
	case s.ladder == "trial":
		return r.has("trial study phase patient patients")
	case s.ladder == "review":
		return r.has("clearance authorization fda ema regulator regulators drug application nda bla approval approves approved")
	case t.is("near nears") && s.ladder == dealLadder:
		return r.at(i + 1).is("deal agreement a to")
	case t.is("may"):
		return !r.used[i] && !r.at(i-1).is("in for of since until by through from late early mid last next")
	case t.is("possible potential seeks seek") && s.ladder == dealLadder:
		return r.has("deal merger sale acquisition buyout takeover bid stake offer buyer")
	case t.is("weigh weighs weighed weighing"):
		return !r.at(i+1).is("on") && i+1 < len(r.tokens)
	}
	return true
}

// has reports whether the text has one of words.
func (r *reader) has(words string) bool {
	return slices.ContainsFunc(r.tokens, func(t token) bool { return t.is(words) })
}

var (
	deeds     = set("acquires acquire acquiring buys buy buying purchases purchase purchasing sues sue suing invests licenses snaps")
	sufferers = set("acquired bought purchased sued")
	fillers   = set(`up a an the to of in on by for with and its his her their be is are was were being been will would has have had agrees agree agreed plans plan offers offer
		inc corp corporation co company ltd plc llc group holdings holding sa ag nv se deal stake unit business all from at over after as says said talks completes complete announces definitive agreement`)
)

// deeds notes who did it and to whom, for the verbs where that may be turned around.
func (r *reader) deeds() {
	for i, t := range r.tokens {
		switch {
		case sufferers[t.text] && r.at(i+1).is("by"):
			r.Actors = r.names(r.Actors, i+2, +1)
			r.Objects = r.names(r.Objects, i-1, -1)
		case deeds[t.text], sufferers[t.text] && !r.at(i-1).is("be is was were being been"):
			r.Actors = r.names(r.Actors, i-1, -1)
			r.Objects = r.names(r.Objects, i+1, +1)
		}
	}
}

// names collects up to three words that may be of a name, from i on in a direction.
func (r *reader) names(names []string, i, direction int) []string {
	for found := 0; found < 3 && i >= 0 && i < len(r.tokens) && len(names) < maxFacts; i += direction {
		t := r.at(i)
		if t.number || len(t.text) < 2 || fillers[t.text] {
			if t.number || t.is("for") {
				break
			}
			continue
		}
		names = add(names, t.text)
		found++
	}
	return names
}
