package likeness

import (
	"slices"
	"strings"
)

// Wording is what a headline is about besides its facts: its words of content, each as
// one of its synonyms stands for all, and the order of all its words.
type Wording struct{ content, order []string }

// WordingOf reads the wording of a text. Words that say how something is told, and those
// that [Facts] are read from, are none of content.
func WordingOf(text string) Wording {
	var w Wording
	tokens := scan(text)
	for i := 0; i < len(tokens); i++ {
		w.order = append(w.order, tokens[i].text)
		if p, ok := phraseAt(tokens, i); ok {
			w.content = add(w.content, p.means)
			for range len(p.words) - 1 {
				i++
				w.order = append(w.order, tokens[i].text)
			}
		} else if word := content(tokens[i], tokens[i:]); word != "" {
			w.content = add(w.content, word)
		}
	}
	return w
}

// Exchanged reports whether each of two wordings has a word that the other has nothing
// like: in place of "Iowa" there is "Texas", and all else may be the same. So it is if the
// same words stand in another order, unless only a part has moved to the other end: who
// wins against whom is in the order.
func (w Wording) Exchanged(v Wording) bool { return w.beyond(v) && v.beyond(w) || w.shuffled(v) }

// beyond reports whether w has a word of content that v has nothing like.
func (w Wording) beyond(v Wording) bool {
	return slices.ContainsFunc(w.content, func(x string) bool {
		return !slices.ContainsFunc(v.content, func(y string) bool { return related(x, y) })
	})
}

// shuffled reports whether v is w in another order, and not merely turned around a point.
func (w Wording) shuffled(v Wording) bool {
	n := len(w.order)
	if n != len(v.order) || slices.Equal(w.order, v.order) || !slices.Equal(slices.Sorted(slices.Values(w.order)), slices.Sorted(slices.Values(v.order))) {
		return false
	}
	for turn := 1; turn < n; turn++ {
		if slices.Equal(w.order[turn:], v.order[:n-turn]) && slices.Equal(w.order[:turn], v.order[n-turn:]) {
			return false
		}
	}
	return true
}

// related reports whether two words are forms of one: a common stem, or a common beginning
// of four letters at least, and three fifths of the longer one.
func related(x, y string) bool {
	return x == y || stem(x) == stem(y) || beginAlike(x, y) || beginAlike(stem(x), stem(y))
}

func beginAlike(x, y string) bool {
	n := 0
	for n < len(x) && n < len(y) && x[n] == y[n] {
		n++
	}
	return n >= 4 && 5*n >= 3*max(len(x), len(y))
}

// stem takes the ending of a verb or a plural away.
func stem(word string) string {
	for _, ending := range []string{"ing", "ies", "ed", "es", "s", "e", "y"} {
		if short, ok := strings.CutSuffix(word, ending); ok && len(short) >= 2 {
			if n := len(short); n > 3 && short[n-1] == short[n-2] {
				short = short[:n-1] // stepping
			}
			return short
		}
	}
	return word
}

// content is what a word stands for; empty if it is none of content. rest begins with it.
func content(t token, rest []token) string {
	if t.number || signs[[]rune(t.text)[0]] != "" || len(t.text) < 2 || plumbing[t.text] {
		return ""
	}
	if t.is("fail fails failed failing") && len(rest) > 1 && rest[1].is("to") {
		return "" // a denial
	}
	if magnitudes[t.text] != 0 || units[t.text] != "" || months[t.text] != 0 || weekdays[t.text] != 0 || smallNumbers[t.text] != "" || ordinals[t.text] != "" {
		return ""
	}
	if meaning, ok := synonyms[t.text]; ok {
		return meaning
	}
	if p, ok := poles[t.text]; ok {
		if p.axis == "level" || p.axis == "result" || p.axis == "pact" && p.sign == '+' {
			return "" // the guard for directions knows better
		}
		return p.axis + string(p.sign)
	}
	return t.text
}

// A phrase is words that stand for one thing.
type phrase struct {
	words []string
	means string
}

func phraseAt(tokens []token, i int) (phrase, bool) {
	for _, p := range phrases[tokens[i].text] {
		if i+len(p.words) <= len(tokens) && p.matches(tokens[i:]) {
			return p, true
		}
	}
	return phrase{}, false
}

func (p phrase) matches(tokens []token) bool {
	for j, word := range p.words {
		if tokens[j].text != word {
			return false
		}
	}
	return true
}

// phrases by their first word, the longer ones first.
var phrases = phraseLists(map[string]string{
	"ceo":        "chief executive officer/chief executive",
	"cfo":        "chief financial officer/finance chief/finance head",
	"coo":        "chief operating officer/operations chief/operations head",
	"layoff":     "lay off/lays off/laid off",
	"impairment": "write down/writes down/write off/writes off",
	"standing-":  "non - compliance",
})

func phraseLists(meanings map[string]string) map[string][]phrase {
	of := map[string][]phrase{}
	for means, list := range meanings {
		for text := range strings.SplitSeq(list, "/") {
			words := strings.Fields(text)
			of[words[0]] = append(of[words[0]], phrase{words, means})
		}
	}
	for _, some := range of {
		slices.SortFunc(some, func(a, b phrase) int { return len(b.words) - len(a.words) })
	}
	return of
}

// synonyms are words of which the first stands for all of its line.
var synonyms = lines(`
	purchase buy buys buying bought acquire acquires acquired acquiring acquisition purchases purchased purchasing takeover buyout snaps
	merger merge merges merging merged
	profit profits earnings income eps
	revenue revenues sales turnover
	outlook guidance forecast forecasts view guides prognosis estimates estimate expectations consensus
	output production produced produces produce
	share shares stock stocks equity
	staff workers employees workforce headcount job jobs
	close closes closing closed shut shuts shutting
	store stores shop shops outlet outlets
	repurchase repurchases buyback buybacks
	lawsuit suit case litigation sue sues sued suing
	drug treatment medicine therapy pill
	trial study
	rival competitor
	plant factory facility
	fine fines fined penalty
	halt halts halted stop stops stopped suspend suspends suspended pause idle idles idling freeze freezes
	restart restore restores restored restarts restarting restarted resume resumes resumed resumption
	consent+ approve approves approved approval clear clears cleared clearance nod
	award awards awarded
	name names named appoint appoints appointed appointment
	quit quits resign resigns resigned resignation
	bankruptcy chapter
	delay delays delayed postpone postpones postponed pushes
	launch launches launched launching orbit
	dividend payout
	cancel cancels cancelled canceled scraps scrap drops drop abandon abandons
	probe investigation investigate inquiry
	hurt injures injured injuries injury
	warn warns warning warned
	primary main key
	movie cinema cinemas film
	ev evs electric
	eu european europe brussels
	ask asks seek seeks request requests
	price prices pricing priced
	find finds found detect detects discover discovers discovery discovered
	notice notifies notified notification
	court judge
	bite bites
	consider considers considering weigh weighs mull mulls explore explores exploring
	recommend recommends advise advises
	investor investors shareholder shareholders holder holders
	same comparable
	impairment writedown
	mw megawatt megawatts
	expand expands expanding expansion
	ship ships shipment shipments
	fire blaze
`)

func lines(text string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		for _, word := range words {
			m[word] = words[0]
		}
	}
	return m
}

// plumbing are words that say how something is told.
var plumbing = set(`
	a an the of in on at by for with and or to from as is are was were be been being its it their his her this that than
	after before following amid over under because due despite while until through during since into out off up down about around near
	will would has have had says say said reports report reported announces announce announced posts post posted sees see seen expects expect
	expected shows show tells told plans plan planned makes make made takes take taking took gives give given puts put sets set lets let
	gets get got receives receive received wins win won secures secured obtain obtains granted grants grant hit hits leads led prompts prompt
	forces force sends send gains book books books pays pay paid
	deal deals pact reach reaches reached lead risk concern concerns fear fears possible potential did does not no joint
	inc corp corporation co company companies ltd plc llc group holdings holding firm sa ag nv
	vs versus against per each apiece year years quarter quarterly fiscal full half first fy annual day week month
	update wrapup new more less very also just now late mid early stage phase us sources source ago last worth some
	additional extra next other own who which what when where how there one unit business million billion
	preliminary unexpected surprise register
`)

func set(list string) map[string]bool {
	m := map[string]bool{}
	for word := range strings.FieldsSeq(list) {
		m[word] = true
	}
	return m
}
