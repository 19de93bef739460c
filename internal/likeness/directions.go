package likeness

import (
	"slices"
	"strconv"
)

const (
	negations = "not no never without cannot can't won't doesn't didn't isn't aren't wasn't hasn't haven't wouldn't nor neither unable"
	// reach is how many words behind a negation it turns around.
	reach = 4
)

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
	t, next := r.at(i), r.at(i+1)
	switch {
	case t.is("no") && (next.number || next.is("one longer-term")), t.is("not") && next.is("only"):
		return false // No. 2
	case t.is("fail fails failed failing") && next.is("to"), t.is("against") && r.at(i-1).is("vote votes voted voting"):
		return true
	}
	return t.is(negations)
}

// pole is the pole that the word at i stands for.
func (r *reader) pole(i int) (pole, bool) {
	t := r.at(i)
	before, next := r.at(i-1), r.at(i+1)
	switch {
	case t.is("off") && before.is("call calls called calling"), t.is("away") && before.is("walk walks walked walking"),
		t.is("close closes closed closing") && next.is("out"), t.is("drop drops dropped") && r.soon(i, "plan plans bid offer deal project"),
		t.is("lift lifts lifted lifting end ends ended") && next.is("force ban halt curbs sanctions suspension restrictions moratorium embargo"):
		return pole{"pact", '-'}, true
	case t.is("flat steady unchanged"):
		return pole{"level", '='}, true
	case t.is("end ends ended ending") && !before.is("at the by year quarter month fiscal to -"), t.is("over") && before.is("outage strike lockout dispute shortage is"):
		return pole{"motion", '-'}, true
	case t.is("drop drops dropped") && r.has("charges charge lawsuit suit case probe"):
		return pole{"pact", '-'}, true
	case t.is("off") && before.is("lay lays laid laying"):
		return pole{"level", '-'}, true
	case t.is("more less") && next.is("than"), t.is("block blocks") && next.is("off in of at on trade trades chain chains"):
		return pole{}, false
	case t.is("up") && next.is("to") && (before.is("of for worth with by buy spend invest repurchase pay off") || poles[before.text].axis != ""):
		return pole{}, false // up to 500 jobs
	case t.is("down") && next.is("payment under"), t.is("above") && next.is("all"), t.is("top") && before.is("the a on"):
		return pole{}, false
	case t.is("falls fell fall falling") && next.is("short"):
		return pole{}, false // it is "short" that counts
	case t.is("short") && !before.is("falls fell fall falling comes came"):
		return pole{}, false // a short seller
	case t.is("profit") && next.is("warning"), t.is("better worse") && !next.is("than"), t.is("name named names") && next.is("of brand"):
		return pole{}, false
	case t.is("approval approvals clearance") && r.sought(i):
		return pole{}, false
	}
	p, ok := poles[t.text]
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

const (
	deeds     = "acquires acquire acquiring buys buy buying purchases purchase purchasing sues sue suing invests licenses snaps"
	sufferers = "acquired bought purchased sued taken-over"
	fillers   = "up a an the to of in on by for with and its his her their be is are was were being been will would has have had agrees agree agreed plans plan offers offer " +
		"inc corp corporation co company ltd plc llc group holdings holding sa ag nv se deal stake unit business all from at over after as says said talks completes complete announces definitive agreement"
)

// deeds notes who did it and to whom, for the verbs where that may be turned around.
func (r *reader) deeds() {
	for i, t := range r.tokens {
		switch {
		case t.is(sufferers) && r.at(i+1).is("by"):
			r.Actors = r.names(r.Actors, i+2, +1)
			r.Objects = r.names(r.Objects, i-1, -1)
		case t.is(deeds), t.is("acquired bought purchased sued") && !r.at(i-1).is("be is was were being been"):
			r.Actors = r.names(r.Actors, i-1, -1)
			r.Objects = r.names(r.Objects, i+1, +1)
		}
	}
}

// names collects up to three words that may be of a name, from i on in a direction.
func (r *reader) names(names []string, i, direction int) []string {
	for found := 0; found < 3 && i >= 0 && i < len(r.tokens) && len(names) < maxFacts; i += direction {
		t := r.at(i)
		if t.number || len(t.text) < 2 || t.is(fillers) {
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
