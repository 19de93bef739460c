package numbers

import "slices"

// A reading is the state of one sentence being read from left to right.
type reading struct {
	*finder
	paragraph int
	text      string
	list      []token
	topic     topic
	carried   Period // named last in this paragraph

	metric   phrase // what the next figure measures; zero if nothing is named
	since    int    // tokens since the metric was named or a figure bound to it
	adjusted bool   // said of what comes next
	gaap     bool
	basis    string // "diluted" or "basic", said of what comes next
	forma    bool

	expects  bool // what follows is guidance
	past     bool // what follows is an earlier period's
	compare  bool // what follows is a comparison …
	compared int  // … with so many figures so far
	vague    earlierYear
	period   Period // named last in this sentence, outside a comparison
	named    bool
	delta    int // token behind the word that makes a figure a change
	from     *figure
	fromTime Period
	opened   int    // offset at which the comparison opened
	twin     phrase // named before the metric: "revenue and net income were …"
	dated    int    // numbers of the sentence before this one have their period

	rises        int // token behind "increase in", which makes what is named a change
	behindFigure int // token behind the last figure
	group        int // first number of the metric named last, in found
	respects     bool
	first        int // first number of the sentence
	pairs        []Period
}

// earlierYear says which earlier period the words named.
type earlierYear int

const (
	noEarlier earlierYear = iota
	yearBefore
	quarterBefore
)

func (s *reading) read() {
	s.first, s.group, s.dated, s.delta = len(s.found), len(s.found), len(s.found), -1
	s.rises = -100
	if s.survey(); !slices.ContainsFunc(s.list, func(t token) bool { return t.kind == 'n' }) {
		return
	}
	for i := 0; i < len(s.list); {
		i += s.step(i)
		s.since++
	}
	if s.period != (Period{}) {
		s.carried = s.period
	}
}

// survey looks at the sentence as a whole: what it is about, and whether its
// figures come in pairs.
func (s *reading) survey() {
	for i := 0; i < len(s.list); i++ {
		if s.list[i].low == "respectively" {
			s.respects = true
		}
		switch p, _ := phraseAt(s.list, i); {
		case p.meaning == offering || p.meaning == metric && p.kind == OfferingSize:
			s.topic.offering = true
		case p.meaning == deal || p.kind == DealValue && p.words[0] == "transaction":
			s.topic.deal = true
		}
	}
	if !s.respects {
		return
	}
	for i := 0; i < len(s.list); i++ {
		if periods, size := periodAt(s.list, i); size > 0 {
			if len(periods) == 2 {
				s.pairs = periods
			}
			i += size - 1
		}
	}
}

// step reads what begins at token i and returns its size.
func (s *reading) step(i int) int {
	if matches(s.list[i:], yearToDate) {
		// It has a period, and not that of the sentences before.
		s.period, s.named = Period{}, true
		return len(yearToDate)
	}
	if periods, size := periodAt(s.list, i); size > 0 {
		s.setPeriod(periods, i)
		return size
	}
	if f, ok := s.figureAt(i); ok {
		size := f.end - i
		noun := s.figure(f)
		s.behindFigure = f.end
		return max(1, size+noun)
	}
	if p, ok := phraseAt(s.list, i); ok {
		return s.phrase(p, i)
	}
	s.word(i)
	return 1
}

// word reads a word that no phrase knows.
func (s *reading) word(i int) {
	switch s.list[i].low {
	case "while", "whereas", "but":
		s.closeComparison()
		s.metric, s.past = phrase{}, false
	case "previously":
		// "$5 million (previously $4 million)"
		if _, ok := amountAt(s.list, i+1); ok && s.bound() {
			s.openComparison()
			s.opened = s.list[i].start
		}
	case "warrant", "warrants":
		s.topic.warrants = true
	case ",", "and":
		// "Compared to last year, revenue was …"
		if s.compare && s.compared == 0 && s.vague != noEarlier {
			s.closeComparison()
		}
	case "from":
		// "to $5 million from $4 million"; "revenue from licences" is another thing.
		if s.bound() {
			s.openComparison()
			s.opened = s.list[i].start
		} else if (s.metric.kind == Revenue || s.metric.kind == NetIncome) && !s.fromAmount(i) && !changed(s.list, i) {
			s.metric = phrase{}
		}
	}
}

// changed reports whether "from" at i belongs to a change: "rose from", "from
// continuing operations".
func changed(list []token, i int) bool {
	if i+1 < len(list) && list[i+1].low == "continuing" {
		return true
	}
	if i == 0 {
		return false
	}
	before := list[i-1].low
	for _, p := range phrases[before] {
		if p.meaning == changes && len(p.words) == 1 {
			return true
		}
	}
	return before == "ranging" || before == "guidance" || before == "outlook" || before == "dividend"
}

// fromAmount reports whether an amount follows "from".
func (s *reading) fromAmount(i int) bool {
	for j := i + 1; j < len(s.list) && j < i+5; j++ {
		if _, ok := amountAt(s.list, j); ok {
			return true
		}
		if low := s.list[j].low; !approximate[low] && low != "(" && low != "of" {
			return false
		}
	}
	return false
}

// bound reports whether the metric named last has its figure.
func (s *reading) bound() bool { return len(s.found) > s.group }

func (s *reading) openComparison() {
	s.compare, s.compared, s.vague = true, 0, noEarlier
}

func (s *reading) closeComparison() {
	s.compare, s.compared, s.vague = false, 0, noEarlier
}

func (s *reading) phrase(p phrase, i int) int {
	size := len(p.words)
	switch p.meaning {
	case metric:
		s.name(p, i)
	case other:
		if p.words[0] == "margin" && s.metric.meaning == metric {
			break
		}
		s.metric = phrase{}
		s.unsay()
	case compares:
		if p.words[size-1] == "from" && !s.bound() {
			return size - 1
		}
		s.openComparison()
		s.opened = s.list[i].start
	case earlier:
		s.earlier(p)
	case expects:
		if p.words[0] == "target" && s.list[i].low == "target" && i+1 < len(s.list) && s.list[i+1].low == "company" {
			break
		}
		s.expects = true
		if !s.bound() {
			s.past = false
		}
	case changes:
		s.delta = i + size
		if i+size < len(s.list) && s.list[i+size].low == "in" {
			s.rises = i + size
		}
	case adjusted:
		s.adjusted, s.gaap = true, s.gaap && s.respects
	case reported:
		s.gaap = true
	case proforma:
		s.forma = true
	case diluted:
		s.share("diluted")
	case basic:
		s.share("basic")
	}
	return size
}

// unsay forgets what was said of a metric that did not come.
func (s *reading) unsay() { s.adjusted, s.gaap, s.basis, s.forma = false, false, "", false }

// share reads "diluted" or "basic".
func (s *reading) share(basis string) {
	if s.basis != "" && s.basis != basis {
		basis = "basic and diluted"
	}
	s.basis = basis
}

func (s *reading) earlier(p phrase) {
	s.vague = yearBefore
	for _, word := range p.words {
		if word == "year" || word == "same" || word == "comparable" || word == "corresponding" {
			s.vague = yearBefore
			break
		}
		if word == "quarter" || word == "sequential" {
			s.vague = quarterBefore
		}
	}
	if s.compare {
		s.datePrior()
		return
	}
	if s.since > 3 || !s.bound() {
		s.past = true
	}
}

// datePrior gives the last comparison its period.
func (s *reading) datePrior() {
	for i := len(s.found) - 1; i >= s.first && s.compared > 0; i-- {
		if n := &s.found[i]; n.Prior != nil && n.Prior.Period.Year == 0 {
			n.Prior.Period = n.Period.before(s.vague == quarterBefore)
		}
	}
}

// name reads the name of a metric.
func (s *reading) name(p phrase, i int) {
	if end := i + len(p.words); i-s.rises <= 14 && end < len(s.list) && s.list[end].low == "of" {
		// "An increase in revenue of $5 million".
		s.metric = phrase{}
		s.unsay()
		return
	}
	again := s.compare && i > 0 && s.list[i-1].low == "from"
	if !again && !s.ofTheWhole(p, i) || s.forma {
		s.metric = phrase{}
		s.unsay()
		return
	}
	if s.compare {
		// After the figures of a comparison a new statement begins with a verb.
		if s.compared > 0 && s.states(i+len(p.words)) || s.compared == 0 && s.vague != noEarlier && i > 0 && s.list[i-1].low == "," {
			s.closeComparison()
		}
	}
	s.twin = phrase{}
	if i > 0 && s.list[i-1].low == "and" && !s.bound() && s.since <= 3 {
		s.twin = s.metric
	}
	p.share = shareBasis(p.share != "" && p.share != "diluted" || s.basis == "basic" || s.basis == "basic and diluted", p.share != "" && p.share != "basic" || s.basis == "diluted" || s.basis == "basic and diluted")
	s.metric, s.since, s.basis = p, 0, ""
	if !s.compare {
		s.group = len(s.found)
	}
	s.from, s.fromTime = nil, Period{}
}

// states reports whether a verb of a statement stands near: "was", "totaled".
func (s *reading) states(i int) bool {
	for j := i; j < len(s.list) && j < i+14; j++ {
		switch s.list[j].low {
		case "was", "were", "totaled", "totalled", "increased", "decreased", "rose", "fell", "is", "grew", "declined", "improved", "reached", "came":
			return true
		case ",", "of", "or":
			if s.list[j].low == "of" && j == i {
				return false
			}
		}
		if _, ok := amountAt(s.list, j); ok {
			return false
		}
	}
	return false
}

// ofTheWhole reports whether the metric at i is that of the company. Only those
// that are given for parts of it are doubted.
func (s *reading) ofTheWhole(p phrase, i int) bool {
	switch p.kind {
	case Revenue:
		return wholeCompany(s.list, i, len(p.words))
	case GrossMargin, OperatingMargin:
		if end := i + len(p.words); end < len(s.list) && (s.list[end].low == "for" || s.list[end].low == "in" || s.list[end].low == "of") && part(s.list, end+1) {
			return false
		}
		return i == 0 || s.list[i-1].kind != 'w' || whole[s.list[i-1].low]
	}
	return true
}

// wholeCompany reports whether the revenue named at i is that of the company and
// not of a part of it.
func wholeCompany(list []token, i, size int) bool {
	if i+size < len(list) {
		switch next := list[i+size].low; next {
		case "growth", "mix", "potential", "opportunity", "opportunities", "per", "recognition", "generating", "line", "stream", "streams", "share", "sharing", "based":
			return false
		case "by", "derived", "associated", "related", "generated", "representative", "representatives", "force", "team", "channel":
			return false
		case "in", "for", "to", "of":
			if part(list, i+size+1) {
				return false
			}
		}
	}
	if i == 0 {
		return true
	}
	before := list[i-1]
	if before.kind == 'n' {
		return true
	}
	if before.kind == 'p' {
		return before.low != "&" && before.low != "/"
	}
	return whole[before.low]
}

// part reports whether "in" or "for" is followed by a place or a segment: words
// that begin no period.
func part(list []token, i int) bool {
	for j := i; j < len(list) && j < i+4; j++ {
		if _, size := periodAt(list, j); size > 0 {
			return false
		}
		switch list[j].low {
		case "the", "our", "its", "a", "this", "each":
			continue
		case "at", "nearly", "just", "almost", "up", "us", "rmb", "be", "grow", "increase", "decrease", "come", "exceed", "approximately", "between", "decline", "reach", "about", "more", "over", "fall", "range",
			"quarter", "period", "year", "both", "line", "order", "excess", "company", "fiscal", "full", "first", "second", "third", "fourth", "three", "six", "nine", "twelve", "same", "prior", "comparable", "corresponding", "current", "most", "latest", "december", "that":
			return false
		}
		if list[j].kind == 'n' || months[list[j].low] > 0 {
			return false
		}
		if _, ok := amountAt(list, j); ok {
			return false
		}
		return true
	}
	return false
}

func (s *reading) setPeriod(periods []Period, i int) {
	if s.compare {
		s.setPrior(periods[0])
		return
	}
	p := s.resolve(periods[0])
	if len(periods) == 2 {
		s.resolve(periods[1])
	}
	if s.from != nil && !s.bound() {
		s.fromTime = p
		return
	}
	if s.after(i) {
		s.date(p)
		return
	}
	s.period, s.named = p, true
	if s.past && !s.bound() && s.vague != noEarlier {
		return
	}
	s.past = false
}

// date gives the numbers before it their period: those of the metric named last,
// and the others of the sentence if no period stood before them.
func (s *reading) date(p Period) {
	first := s.group
	if !s.named {
		first = s.dated
		s.carried = p
	}
	for j := first; j < len(s.found); j++ {
		n := &s.found[j]
		if !forecastable[n.Kind] || n.Rule == "pair" && len(s.pairs) == 2 {
			continue
		}
		n.Period = p
		n.Confidence = max(n.Confidence, 0.95)
		if n.Prior != nil && n.Prior.Period.IsZero() && s.vague != noEarlier {
			n.Prior.Period = p.before(s.vague == quarterBefore)
		}
	}
	s.dated = len(s.found)
}

// setPrior gives a comparison its period. Where the figure comes later ("compared
// to third quarter 2024 revenue of $5 million") it is kept for it.
func (s *reading) setPrior(p Period) {
	if p.Year > 0 {
		s.resolve(p)
	}
	if s.compared == 0 {
		s.vague, s.pairs = yearBefore, []Period{p}
		return
	}
	for j := len(s.found) - 1; j >= s.first; j-- {
		if n := &s.found[j]; n.Prior != nil && n.Prior.Start >= s.opened {
			n.Prior.Period = relative(p, n.Period)
			if s.vague == yearBefore && p.Months == 12 && p.Month == 0 && n.Period.Year == p.Year+1 {
				// "the same period in 2024"
				n.Prior.Period = n.Period.before(false)
			}
		}
	}
}

// relative completes a quarter without its year by the period that is compared to
// it: the last such quarter before.
func relative(p, to Period) Period {
	if p.Year > 0 || p.Quarter == 0 || to.Quarter == 0 || to.Year == 0 {
		return p
	}
	if p.Year = to.Year; p.Quarter >= to.Quarter {
		p.Year--
	}
	return p
}

// after reports whether the period at i directly follows a figure: "$5 million in
// the third quarter".
func (s *reading) after(i int) bool {
	if !s.bound() {
		return false
	}
	for j := i - 1; j >= 0 && j > i-10; j-- {
		if j < s.behindFigure {
			return true
		}
		if s.list[j].kind == 'n' && len(s.list[j].low) == 1 {
			continue
		}
		switch s.list[j].low {
		case "for", "in", "during", "the", "of", "on", "a", "diluted", "basic", "basis", "(", ")", "ended", "gaap", "non", "its", "our", "company", "share", "per", "full", "fiscal", "both", "this", ",", "respectively", "adjusted", "revenue", "net", "income":
		default:
			return false
		}
	}
	return false
}

// figureAt reads a figure. "From $1 to $2" is a range where $1 cannot be what it
// was before: the metric has its figure, or two more ends follow.
func (s *reading) figureAt(i int) (figure, bool) {
	f, ok := figureAt(s.list, i)
	if !ok || f.low != f.high || f.end >= len(s.list) || s.list[f.end].low != "to" || i == 0 || s.list[i-1].low != "from" {
		return f, ok
	}
	wide := rangeFrom(s.list, f)
	if wide.end > f.end && (s.bound() || wide.end < len(s.list) && s.list[wide.end].low == "to") {
		return wide, true
	}
	return f, true
}

// figure decides what a figure measures. It returns how many tokens behind the
// figure named it.
func (s *reading) figure(f figure) int {
	if f.unit == points {
		return 0
	}
	if p, end, ok := s.noun(f); ok {
		if p.meaning == metric && s.fits(p, f) && !s.isChange(f.start) && !(p.kind == Revenue && (s.forma || s.compare || s.near(f.start, "recognizing", "recognize", "recognized", "including", "includes"))) {
			s.metric = p
			s.group = len(s.found)
			s.bind(f, "noun", 0.9)
			s.metric = phrase{}
			s.unsay()
			return end - f.end
		}
		if p.meaning == other {
			return 0
		}
	}
	s.measured(f)
	return 0
}

// measured reads a figure by the metric named before it.
func (s *reading) measured(f figure) {
	if s.metric.meaning != metric {
		s.context(f)
		return
	}
	if s.since > 45 || s.isChange(f.start) {
		return
	}
	p := s.metric
	if f.perShare && p.kind == NetIncome {
		p.kind = EPS
	}
	if !s.fits(p, f) {
		s.context(f)
		return
	}
	switch {
	case s.behind(f.end, "on", "a", "non", "gaap", "basis"), s.behind(f.end, "on", "an", "adjusted", "basis"):
		s.adjusted = true
	case s.behind(f.end, "on", "a", "gaap", "basis"):
		s.adjusted = false
	}
	switch {
	case s.compare:
		s.prior(p, f)
	case s.past:
	case !s.bound() && s.from == nil && s.fromTo(f):
		from := f
		s.from = &from
	default:
		if !s.free(p, f) {
			return
		}
		saved := s.metric
		s.metric = p
		rule := "sentence"
		if s.respects && s.pair(f) {
			return
		}
		s.bind(f, rule, 0.95)
		s.metric = saved
	}
	s.since = 0
}

// fromTo reports whether the figure is the first of "from $4 million to $5 million".
func (s *reading) fromTo(f figure) bool {
	i := f.start - 1
	for i >= 0 && approximate[s.list[i].low] {
		i--
	}
	if i < 0 || s.list[i].low != "from" {
		return false
	}
	for j := f.end; j < len(s.list) && j < f.end+16; j++ {
		if s.list[j].low == "to" {
			return true
		}
	}
	return false
}

// free reports whether the metric can still take a figure: each takes one, an EPS
// one for each way to count shares.
func (s *reading) free(p phrase, f figure) bool {
	for _, n := range s.found[min(s.group, len(s.found)):] {
		if n.Kind != p.kind {
			continue
		}
		if p.kind == EPS && n.PerShare != f.share && f.share != "" {
			continue
		}
		if p.kind != Revenue && s.adjusted != n.Adjusted {
			continue
		}
		return false
	}
	return true
}

// isChange reports whether the figure at a token says by how much, and not how
// much: "by $5 million", "increased $5 million", "an increase of 5%".
func (s *reading) isChange(start int) bool {
	i := start - 1
	for i >= 0 && (approximate[s.list[i].low] || amountWords[s.list[i].low] || s.list[i].low == "to" && i > 0 && s.list[i-1].low == "up") {
		i--
	}
	return i >= 0 && s.delta == i+1
}

var amountWords = words("of ( an a aggregate amount total up")

// noun is the phrase that stands directly behind the figure: "$5 million in
// revenue", "a $0.25 quarterly dividend".
// end is the token behind it.
func (s *reading) noun(f figure) (found phrase, end int, ok bool) {
	adj, basis, of := false, "", false
	for i := f.end; i < len(s.list) && i < f.end+8; i++ {
		p, ok := phraseAt(s.list, i)
		switch low := s.list[i].low; {
		case ok && p.meaning == adjusted:
			adj = true
		case ok && p.meaning == diluted:
			basis = "diluted"
		case ok && p.meaning == metric && (p.kind == Revenue || p.kind == NetIncome || p.kind == EPS || p.kind == GrossMargin || p.kind == OperatingMargin) && !of:
			return phrase{}, 0, false
		case ok && p.meaning == metric && p.kind == Revenue && !wholeCompany(s.list, i, len(p.words)):
			return phrase{}, 0, false
		case ok && p.meaning == metric:
			if i == f.end && p.kind == EPS {
				return phrase{}, 0, false
			}
			if of && p.kind == DealValue {
				// A part of it.
				return phrase{}, 0, false
			}
			if adj {
				s.adjusted = true
			}
			if basis != "" {
				p.share = basis
			}
			return p, i + len(p.words), true
		case ok && p.meaning == other && i <= f.end+2:
			return p, i + len(p.words), true
		case low == "," && milestoneWords[s.list[i-1].low]:
		case low == "in" || low == "of":
			if of {
				return phrase{}, 0, false
			}
			of = true
		case ok && p.meaning == reported:
		case ok:
			return phrase{}, 0, false
		case low == "total" || low == "cash" || low == "net" || low == "quarterly" || low == "an" || low == "a" || low == "aggregate" || low == "potential" || low == "future" || low == "additional" || low == "underwritten" || low == "registered" || low == "upsized" || low == "special" || low == "regular" || low == "common" || low == "stock" || low == "contingent" || low == "near" || low == "term" || low == "and" && i > f.end+1 || low == "annual" || low == "regulatory" || low == "commercial" || low == "development" || low == "sales" || low == "based" || low == "concurrent" || low == "non" || low == "brokered" || low == "confidentially" || low == "marketed" || low == "the" || low == "its":
		default:
			return phrase{}, 0, false
		}
	}
	return phrase{}, 0, false
}

// fits reports whether a metric can have a figure of this unit and size.
func (s *reading) fits(p phrase, f figure) bool {
	large := f.scaled || f.low >= 1000 || f.low <= -1000
	switch p.kind {
	case Revenue:
		return f.money() && !f.perShare && large && f.low >= 0
	case NetIncome:
		return f.money() && !f.perShare && large
	case EPS:
		bare := len(p.words) > 1 && p.words[0] != "loss" || p.words[0] == "eps"
		return f.money() && !f.scaled && f.low < 1000 && f.low > -1000 && (f.perShare || bare && p.words[len(p.words)-1] != "of")
	case GrossMargin, OperatingMargin:
		return f.unit == Percent && f.low >= -1000 && f.high <= 100
	case OfferingSize:
		return f.money() && !f.perShare && large && s.topic.offering && f.low >= 100000 && s.offered(p, f)
	case OfferingPrice:
		return f.money() && !f.scaled && f.low > 0 && f.low < 10000 && (s.topic.offering || p.words[0] != "at")
	case WarrantPrice:
		return f.money() && !f.scaled && f.low > 0 && f.low < 10000 && (s.topic.warrants || s.behindAny(f.end, "warrants"))
	case DealValue:
		if p.words[len(p.words)-1] == "price" && s.topic.offering && !s.topic.deal {
			return f.money() && !f.perShare && large
		}
		return f.money() && !f.perShare && large && f.low >= 100000 && s.topic.deal
	case DealUpfront:
		return f.money() && !f.perShare && large && f.low >= 100000
	case DealMilestones:
		return f.money() && !f.perShare && large && f.low >= 100000 && s.anywhere(len(s.list), "receive", "eligible", "pay", "paid", "payment", "payments", "payable", "upfront")
	case Dividend:
		return f.money() && !f.scaled && f.low > 0 && f.low < 1000
	}
	return false
}

// offered reports whether money named by the words of an offering is what the
// offering is for, and not what is done with it.
func (s *reading) offered(p phrase, f figure) bool {
	switch p.words[len(p.words)-1] {
	case "offering", "placement", "financing", "deal", "program", "facility":
		return f.end < len(s.list) && s.nounBehind(f, p) || s.since <= 7 && s.before(f.start, "of", "totaling", "totalling", "for", "raising", "raise", "is", "was", ":", "in")
	case "amount":
		return s.anywhere(f.start, "offering", "sell", "sold", "sale", "priced", "pricing", "offered", "placement") && !s.near(f.start, "least", "less", "minimum", "additional", "holder", "holders", "each", "outstanding", "excess")
	}
	return true
}

// nounBehind reports whether the phrase stands behind the figure.
func (s *reading) nounBehind(f figure, p phrase) bool {
	found, _, ok := s.noun(f)
	return ok && found.kind == p.kind
}

// context reads a figure that no metric claims, by what stands around it: shares
// offered, shares under warrants, the price of a company.
func (s *reading) context(f figure) {
	if s.compare || s.past || s.forma {
		return
	}
	switch {
	case f.unit == Shares:
		s.count(f)
	case s.behind(f.end, "aggregate", "principal") || s.behind(f.end, "in", "aggregate", "principal") || s.behind(f.end, "principal"):
	case f.money() && !f.perShare && (f.scaled || f.low >= 100000) && s.topic.deal && s.before(f.start, "for") && s.anywhere(f.start, "acquire", "acquired", "acquires", "acquisition", "purchase", "purchased", "buy", "buys", "bought", "acquiring", "sale", "sold", "sell"):
		s.take(f, DealValue, 0.8)
	case f.money() && f.perShare && !f.scaled && s.topic.deal && f.low > 0 && (s.behind(f.end, "in", "cash") || s.behind(f.end, "in", "an", "all", "cash")):
		s.take(f, DealPrice, 0.85)
	case f.money() && f.perShare && !f.scaled && s.topic.offering && !s.topic.deal && f.low > 0 && s.before(f.start, "price", "at") && !s.anywhere(f.start, "conversion", "exercise", "exercisable", "par", "closing", "repurchase"):
		s.take(f, OfferingPrice, 0.8)
	}
}

// count reads a count of shares.
func (s *reading) count(f figure) {
	if f.warrants || !s.topic.offering && !s.near(f.start, "warrants", "warrant") {
		return
	}
	switch {
	case s.near(f.start, "option", "options", "authority", "additional", "repurchase", "repurchased", "outstanding", "authorized", "rsus", "awards", "espp", "warrantholders", "exchange", "grant", "granted", "reverse", "resale", "convertible", "rate", "beneficially", "plan") || s.behindAny(f.end, "outstanding", "repurchased", "authorized"):
	case s.near(f.start, "warrants", "warrant") && s.near(f.start, "purchase", "acquire", "exercisable", "buy") && !s.prefunded(f.start):
		s.take(f, WarrantShares, 0.85)
	case s.prefunded(f.start):
	case s.topic.offering && !s.topic.deal && !s.respects && s.near(f.start, "offering", "sell", "sold", "issue", "issued", "purchase", "sale", "issuance", "offer", "offered", "placement", "priced", "pricing", "consisting", "of"):
		s.take(f, OfferingShares, 0.85)
	}
}

func (s *reading) prefunded(start int) bool { return s.near(start, "funded", "prefunded") }

// near reports whether one of the words stands in the twelve tokens before i, with
// no figure between.
func (s *reading) near(i int, options ...string) bool {
	for j := i - 1; j >= 0 && j >= i-12; j-- {
		for _, option := range options {
			if s.list[j].low == option {
				return true
			}
		}
		if s.list[j].kind == 'n' && len(s.list[j].low) > 3 {
			return false
		}
	}
	return false
}

// before reports whether one of the words stands directly before i, but for words
// like "approximately".
func (s *reading) before(i int, options ...string) bool {
	for i--; i >= 0; i-- {
		low := s.list[i].low
		for _, option := range options {
			if low == option {
				return true
			}
		}
		if !approximate[low] && low != "total" && low != "aggregate" && low != "of" && low != "a" && low != "up" && low != "to" && low != "purchase" && low != "cash" {
			return false
		}
	}
	return false
}

func (s *reading) behind(i int, words ...string) bool {
	return matches(s.list[min(i, len(s.list)):], words)
}

func (s *reading) behindAny(i int, options ...string) bool {
	for j := i; j < len(s.list) && j < i+7; j++ {
		for _, option := range options {
			if s.list[j].low == option {
				return true
			}
		}
	}
	return false
}

// anywhere reports whether one of the words stands in the forty tokens before end.
func (s *reading) anywhere(end int, options ...string) bool {
	for j := max(0, end-40); j < end; j++ {
		for _, option := range options {
			if s.list[j].low == option {
				return true
			}
		}
	}
	return false
}

// take adds a number that the words around it named.
func (s *reading) take(f figure, kind Kind, confidence float64) {
	for _, n := range s.found[s.first:] {
		if n.Kind == kind {
			return
		}
	}
	saved := s.metric
	s.metric = phrase{kind: kind, meaning: metric}
	s.bind(f, "context", confidence)
	s.metric = saved
}

// prior attaches a figure of a comparison to the number it is compared to.
func (s *reading) prior(p phrase, f figure) {
	best := -1
	for i := s.first; i < len(s.found); i++ {
		n := s.found[i]
		if n.Kind != p.kind && !(p.kind == NetIncome && f.perShare && n.Kind == EPS) || n.Prior != nil || n.Unit != f.unit {
			continue
		}
		if f.share != "" && n.PerShare != "" && n.PerShare != f.share {
			continue
		}
		if s.respects && best >= 0 {
			continue
		}
		if best >= 0 && f.share == "" && n.Kind == EPS && s.found[best].PerShare == "" {
			continue
		}
		best = i
	}
	s.compared++
	if best < 0 {
		return
	}
	n := &s.found[best]
	low, high := signs(p, f)
	n.Prior = &Prior{Low: low, High: high, Place: s.place(f)}
	switch {
	case len(s.pairs) == 1:
		n.Prior.Period = relative(s.pairs[0], n.Period)
	case s.vague != noEarlier:
		n.Prior.Period = n.Period.before(s.vague == quarterBefore)
	}
}

// signs gives a loss its sign.
func signs(p phrase, f figure) (low, high float64) {
	low, high = f.low, f.high
	if p.loss && low > 0 {
		low, high = -high, -low
	}
	return low, high
}

func (s *reading) place(f figure) Place {
	return Place{Paragraph: s.paragraph, Start: s.list[f.start].start, End: s.list[f.end-1].end}
}

// bind adds the figure as a number of the metric.
func (s *reading) bind(f figure, rule string, confidence float64) {
	p := s.metric
	switch {
	case p.kind == DealValue && f.perShare:
		return
	case p.kind == DealValue && s.topic.offering && !s.topic.deal:
		p.kind = OfferingSize
	}
	low, high := signs(p, f)
	place := s.place(f)
	n := Number{
		Kind: p.kind, Low: low, High: high, Unit: f.unit, Place: place, Text: s.text[place.Start:place.End],
		Rule: rule, Confidence: confidence, Guidance: (s.expects || s.outlook) && forecastable[p.kind], Approximate: s.about(f.start),
	}
	switch p.kind {
	case EPS:
		n.PerShare = f.share
		if n.PerShare == "" {
			n.PerShare = p.share
		}
		if n.PerShare == "" {
			n.PerShare, s.basis = s.basis, ""
		}
		n.Adjusted = s.adjusted
	case Revenue, NetIncome, GrossMargin, OperatingMargin:
		n.Adjusted = s.adjusted
	}
	if forecastable[p.kind] {
		n.Period = s.when(&n)
	}
	if s.from != nil {
		fl, fh := signs(p, *s.from)
		n.Prior = &Prior{Low: fl, High: fh, Place: s.place(*s.from)}
		if !n.Guidance && !n.Period.IsZero() && s.vague != noEarlier {
			n.Prior.Period = n.Period.before(s.vague == quarterBefore)
		}
		if !s.fromTime.IsZero() {
			n.Prior.Period = s.fromTime
		}
		s.from, s.fromTime = nil, Period{}
	}
	if s.proforma && forecastable[p.kind] {
		return
	}
	s.found = append(s.found, n)
}

// when is the period of a number: named in the sentence, else before it.
func (s *reading) when(n *Number) Period {
	switch {
	case s.named:
		return s.period
	case !s.carried.IsZero() && !n.Guidance:
		n.Confidence -= 0.15
		return s.carried
	case !s.heading.IsZero() && (s.heading.Year > 0 || s.heading.Quarter > 0) && (!n.Guidance || s.outlook):
		n.Confidence -= 0.1
		return s.heading
	case n.Guidance && !s.carried.IsZero():
		n.Confidence -= 0.2
		return Period{}
	}
	n.Confidence -= 0.2
	return Period{}
}

// forecastable are the kinds that have a period and are given as guidance.
var forecastable = map[Kind]bool{Revenue: true, NetIncome: true, EPS: true, GrossMargin: true, OperatingMargin: true}

// about reports whether "approximately" stands before the figure.
func (s *reading) about(i int) bool {
	for i--; i >= 0; i-- {
		switch low := s.list[i].low; {
		case low == "approximately" || low == "about" || low == "roughly" || low == "around" || low == "nearly" || low == "almost" || low == "circa" || low == "estimated":
			return true
		case low == "of" || low == "an" || low == "to" || low == "up" || low == "(" || low == "between" || low == "from":
		default:
			return false
		}
	}
	return false
}

// pair reads the first of "$10 million and $12 million for the third quarter of
// 2025 and 2024, respectively", and "GAAP and non-GAAP … 74.8% and 75.0%".
func (s *reading) pair(f figure) bool {
	i := f.end
	if i < len(s.list) && s.list[i].low == "," {
		i++
	}
	if i+1 >= len(s.list) || s.list[i].low != "and" {
		return false
	}
	i++
	for i < len(s.list) && (approximate[s.list[i].low] || s.list[i].low == "of") {
		i++
	}
	g, ok := figureAt(s.list, i)
	if !ok || g.unit != f.unit {
		return false
	}
	if g.scaled && !f.scaled && f.low < 1000 {
		f.low = fixed(f.low * g.by)
		f.high = f.low
	}
	switch {
	case s.twin.meaning == metric && s.twin.kind != s.metric.kind && s.fits(s.twin, f) && s.fits(s.metric, g):
		second := s.metric
		s.metric = s.twin
		s.bind(f, "pair", 0.9)
		s.metric = second
		s.bind(g, "pair", 0.9)
	case s.gaap && s.adjusted:
		s.adjusted = false
		if by := (g.high - g.low) / 2; f.low == f.high {
			f.low, f.high = round(f.low-by), round(f.high+by)
		}
		s.bind(f, "pair", 0.85)
		s.adjusted = true
		s.bind(g, "pair", 0.85)
	case len(s.pairs) == 2:
		a, b := s.resolve(s.pairs[0]), s.resolve(s.pairs[1])
		s.bind(f, "pair", 0.9)
		n := &s.found[len(s.found)-1]
		n.Period = a
		if a.Months == b.Months {
			low, high := signs(s.metric, g)
			n.Prior = &Prior{Low: low, High: high, Period: b, Place: s.place(g)}
			break
		}
		s.bind(g, "pair", 0.9)
		s.found[len(s.found)-1].Period = b
	}
	s.metric, s.twin = phrase{}, phrase{}
	return true
}

var yearToDate = []string{"year", "to", "date"}

var milestoneWords = words("development regulatory commercial clinical sales research potential future")
