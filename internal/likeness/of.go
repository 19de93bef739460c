package likeness

import "slices"

// Of reads the facts of a text, which may be anything. The same text has the same facts;
// beyond the first few thousand bytes nothing is read.
func Of(text string) Facts {
	r := read(text)
	r.figures()
	r.course()
	return r.Facts
}

// Differ is Of(a).Differs(Of(b)), but reads no more than it takes: most texts that say nearly
// the same differ in numbers.
func Differ(a, b string) string {
	x, y := read(a), read(b)
	x.figures()
	y.figures()
	if guard := x.Differs(y.Facts); guard != "" {
		return guard
	}
	x.course()
	y.course()
	return x.Differs(y.Facts)
}

func read(text string) reader {
	r := reader{tokens: scan(text)}
	r.used = make([]bool, len(r.tokens))
	return r
}

// figures notes numbers and periods.
func (r *reader) figures() {
	r.wire()
	r.names500()
	r.periods()
	r.designators()
	r.numbers()
	sort(r.Numbers, r.From, r.To, r.Periods)
}

// course notes where things go, how far they have come, and who does it to whom. Figures come
// first: what they use up is no word.
func (r *reader) course() {
	r.directions()
	r.progress()
	r.deeds()
	sort(r.Directions, r.Progress, r.Actors, r.Objects)
}

func sort(facts ...[]string) {
	for _, f := range facts {
		slices.Sort(f)
	}
}

// add appends what is not there yet.
func add(facts []string, fact string) []string {
	if len(facts) >= maxFacts || slices.Contains(facts, fact) {
		return facts
	}
	return append(facts, fact)
}

// wire uses up the number of a wire's mark: "UPDATE 2-Acme …".
func (r *reader) wire() {
	if r.at(0).is("update wrapup refile rpt corrected") && r.at(1).number && r.at(2).is("-") {
		r.use(0, 2)
	}
}

// names500 uses up numbers that are part of a name.
func (r *reader) names500() {
	for i, t := range r.tokens {
		named := func(by string) bool { return r.at(r.before(i)).is(by) }
		switch {
		case !t.number:
		case t.text == "500" && named("p fortune"), t.text == "100" && named("nasdaq ftse"), t.text == "2000" && named("russell"),
			t.text == "1000" && named("russell fortune"), t.text == "19" && named("covid"), t.text == "225" && named("nikkei"):
			r.use(i, i)
		}
	}
}

// designators notes what is counted in letters and Roman numerals, too: Phase III,
// Series B. A late-stage trial is in phase 3.
func (r *reader) designators() {
	for i, t := range r.tokens {
		switch at := r.after(i); t.text {
		case "phase":
			next := r.at(at)
			n := roman[next.text]
			if next.number {
				n = next.text
				if letter := r.at(at + 1); letter.glued && letter.is("a b") {
					n += letter.text
					at++
				}
			}
			if n != "" {
				r.Numbers = add(r.Numbers, n+" phase")
				r.use(i, at)
			}
		case "late", "mid":
			if r.at(at).is("stage") {
				r.Numbers = add(r.Numbers, map[string]string{"late": "3", "mid": "2"}[t.text]+" phase")
			}
		case "series", "class", "tranche":
			if next := r.at(at); len(next.text) == 1 && !next.number && next.text != "-" {
				r.Numbers = add(r.Numbers, next.text+" "+t.text)
				r.use(i, at)
			}
		default:
			if n := laterOrdinals[t.text]; n != "" && !r.used[i] {
				r.Numbers = add(r.Numbers, n+" th")
				r.use(i, i)
			}
		}
	}
}

var roman = map[string]string{"i": "1", "ii": "2", "iii": "3", "iv": "4", "iia": "2a", "iib": "2b", "iiia": "3a", "iiib": "3b"}
