package prescale

import (
	"cmp"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"catalyst/internal/news"
)

const (
	// Phrases in the text below a title weigh half: there it may be history,
	// boilerplate or somebody else.
	inText = 0.5

	// How much of an item is read. What is news is told at the start.
	maxTitle = 1 << 10
	maxText  = 2 << 10
)

// A Scale weighs items by a lexicon. It does not change, so it may be shared.
type Scale struct {
	config  Config
	groups  []group // categories, then noise, then names
	noise   int     // where noise begins
	phrases *matcher
	endings map[uint32]ending
	watch   map[string]bool
	sources map[string]float64
	items   map[string]float64
	forms   map[string]float64
}

// A group is a category or a noise rule that phrases are found for, or the names.
type group struct {
	name    string
	cap     float64
	unless  float64
	with    []int // other groups
	instead []int
}

// NewScale returns the scale of a configuration.
func NewScale(c Config) (*Scale, error) {
	b, err := c.book()
	if err != nil {
		return nil, err
	}
	s := &Scale{config: c, phrases: newMatcher(), watch: map[string]bool{}, sources: b.sources, items: b.items, forms: b.forms}
	number := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(b.categories)) {
		number[name] = len(s.groups)
		category := b.categories[name]
		s.add(group{name: name, cap: category.cap}, category.lines, category.weight)
	}
	for name, i := range number {
		s.groups[i].with = numbers(number, b.categories[name].with)
		s.groups[i].instead = numbers(number, b.categories[name].instead)
	}
	s.noise = len(s.groups)
	for _, name := range slices.Sorted(maps.Keys(b.noise)) {
		s.add(group{name: name, unless: b.noise[name].unless}, b.noise[name].lines, 0)
	}
	names := make([]line, len(b.names))
	for i, text := range b.names {
		names[i].text = text
	}
	s.add(group{name: "names"}, names, 0)
	s.endings = nameEndings(s.phrases)
	for _, ticker := range c.Watch {
		s.watch[strings.ToUpper(strings.TrimSpace(ticker))] = true
	}
	return s, nil
}

func numbers(of map[string]int, names []string) []int {
	var all []int
	for _, name := range names {
		all = append(all, of[name])
	}
	return all
}

// add adds a group and its phrases. The book has checked that lines stand for some.
func (s *Scale) add(g group, lines []line, weight float64) {
	for _, l := range lines {
		w := l.weight
		if math.IsNaN(w) {
			w = weight
		}
		sequences, _ := variants(l.text)
		for _, phrase := range sequences {
			s.phrases.add(phrase, use{group: len(s.groups), weight: w, start: phrase.start})
		}
	}
	s.groups = append(s.groups, g)
}

// Weigh scores an item and says whether it goes on, and why. The score depends on nothing
// but the lexicon and what the source said: not on the clock, not on a score the item
// has already. It fails only where the condition `always` does.
func (s *Scale) Weigh(item *news.Item) (Verdict, error) {
	var v Verdict
	title, text := readable(item)
	found := s.search(&v, nil, title, Title, item.Filers)
	noise := s.findNoise(&v, found)
	if noise != "" {
		for _, f := range found {
			if f.group < s.noise {
				s.suppress(&v, f, "the title is noise")
			}
		}
	} else {
		found = s.search(&v, found, text, Text, item.Filers)
		s.filing(&v, item)
		s.categories(&v, found)
	}
	s.sum(&v, item)
	return v, s.decide(&v, item, noise)
}

// readable returns the parts of an item that are searched. The title of a filing
// that is only "8-K - Acme Merger Corp (0001234567) (Filer)" says nothing.
func readable(item *news.Item) (title, text string) {
	title, text = item.Title, item.Summary
	if blank(text) {
		text = item.Body
	}
	if item.Form != "" && strings.HasPrefix(title, item.Form+" - ") {
		title = ""
	} else if item.Form == "" && blank(title) {
		title, text = text, ""
	}
	return beginning(title, maxTitle), beginning(text, maxText)
}

func blank(text string) bool { return strings.TrimSpace(text) == "" }

// beginning returns at most so many bytes of text, and no half word at the end.
func beginning(text string, most int) string {
	if len(text) <= most {
		return text
	}
	text = text[:most]
	for text != "" {
		r, n := utf8.DecodeLastRuneInString(text)
		if text = text[:len(text)-n]; r != utf8.RuneError && !inWord(r) {
			break
		}
	}
	return text
}

// A find is a use of a phrase found.
type find struct {
	group  int
	phrase string
	where  Where
	weight float64 // of the phrase in a title
}

// search adds what it finds in a part of an item, each phrase once.
func (s *Scale) search(v *Verdict, found []find, text string, where Where, filers []news.Filer) []find {
	var filed [][]string
	for _, f := range filers {
		filed = append(filed, split(f.Name))
	}
	s.phrases.find(text, func(tokens []token, h hit) {
		for _, u := range h.phrase.uses {
			f := find{u.group, h.phrase.text, where, u.weight}
			switch {
			case u.group == len(s.groups)-1: // a name, which has silenced what is in it
			case u.start && (where != Title || h.from != 0):
			case h.within != nil:
				s.suppress(v, f, "part of “"+h.within.text+"”")
			case s.inName(text, tokens, h, filed):
				s.suppress(v, f, "a company's name")
			case slices.ContainsFunc(found, func(o find) bool { return o.group == f.group && o.phrase == f.phrase }):
			default:
				found = append(found, f)
			}
		}
	})
	return found
}

// findNoise returns the rule and the phrase that make a title noise; empty if it is none.
func (s *Scale) findNoise(v *Verdict, inTitle []find) (why string) {
	heaviest := 0.0
	for _, f := range inTitle {
		if f.group < s.noise {
			heaviest = max(heaviest, math.Abs(f.weight))
		}
	}
	for _, f := range inTitle {
		if f.group < s.noise {
			continue
		}
		if unless := s.groups[f.group].unless; unless == 0 || heaviest < unless {
			return s.groups[f.group].name + ": " + f.phrase
		}
		s.suppress(v, f, "the title also tells of something that matters")
	}
	return ""
}

// categories adds the terms of what was found.
func (s *Scale) categories(v *Verdict, found []find) {
	slices.SortStableFunc(found, func(a, b find) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(math.Abs(b.value()), math.Abs(a.value())))
	})
	best := make([]Where, s.noise) // where a category is found first
	for _, f := range found {
		if f.group < s.noise && f.weight != 0 && (best[f.group] == "" || f.where == Title) {
			best[f.group] = f.where
		}
	}
	silent := s.silenced(best)
	sum := make([]float64, s.noise)
	for _, f := range found {
		switch {
		case f.group >= s.noise:
		case f.weight == 0:
			s.suppress(v, f, "weighs nothing")
		case silent[f.group] != "":
			s.suppress(v, f, silent[f.group])
		default:
			s.capped(v, f, &sum[f.group])
		}
	}
}

// silenced says for each category why it does not count, though it was found. What is
// told in the text does not correct a title.
func (s *Scale) silenced(best []Where) []string {
	why := make([]string, len(best))
	beside := func(other, g int) bool { return best[other] != "" && (best[g] == Title || best[other] == Text) }
	for g := range best {
		if with := s.groups[g].with; best[g] != "" && len(with) > 0 && !slices.ContainsFunc(with, func(other int) bool { return beside(other, g) }) {
			why[g] = "it counts only beside " + s.list(with)
		}
	}
	alone := slices.Clone(why)
	for g := range best {
		if best[g] == "" || alone[g] != "" {
			continue
		}
		for _, other := range s.groups[g].instead {
			if beside(other, g) && why[other] == "" {
				why[other] = s.groups[g].name + " counts instead"
			}
		}
	}
	return why
}

func (s *Scale) list(groups []int) string {
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = s.groups[g].name
	}
	return strings.Join(names, ", ")
}

// capped adds a term, as far as its category's cap lets it; sum is what the category
// has come to.
func (s *Scale) capped(v *Verdict, f find, sum *float64) {
	weight := f.value()
	if most := s.groups[f.group].cap; *sum != 0 {
		left := most - math.Abs(*sum)
		switch {
		case most == 0:
			s.suppress(v, f, "a heavier phrase of "+s.groups[f.group].name+" counts")
			return
		case left <= 1e-9:
			s.suppress(v, f, "the cap of "+s.groups[f.group].name+" is reached")
			return
		}
		weight = math.Copysign(min(math.Abs(weight), left), weight)
	}
	*sum += weight
	v.Terms = append(v.Terms, Term{Kind: s.groups[f.group].name, What: f.phrase, Where: f.where, Weight: rounded(weight)})
}

// value is what a find weighs where it was found.
func (f find) value() float64 {
	if f.where == Text {
		return f.weight * inText
	}
	return f.weight
}

func (s *Scale) suppress(v *Verdict, f find, why string) {
	v.Suppressed = append(v.Suppressed, Suppressed{s.groups[f.group].name, f.phrase, f.where, f.value(), why})
}

// filing adds what form and items tell.
func (s *Scale) filing(v *Verdict, item *news.Item) {
	if w := s.forms[item.Form]; w != 0 {
		v.Terms = append(v.Terms, Term{Kind: formTerm, What: item.Form, Weight: w})
	}
	for i, number := range item.Items {
		if w := s.items[number]; w != 0 && !slices.Contains(item.Items[:i], number) {
			v.Terms = append(v.Terms, Term{Kind: itemTerm, What: number, Weight: w})
		}
	}
}

func (s *Scale) sum(v *Verdict, item *news.Item) {
	slices.SortStableFunc(v.Terms, func(a, b Term) int { return cmp.Compare(math.Abs(b.Weight), math.Abs(a.Weight)) })
	for _, t := range v.Terms {
		v.Score += t.Weight
		v.Negative += min(t.Weight, 0)
	}
	if name, factor := s.source(item); factor != 1 && len(v.Terms) > 0 {
		v.Source, v.Factor = name, factor
		v.Score *= factor
		v.Negative *= factor
	}
	v.Score, v.Negative = rounded(v.Score), rounded(v.Negative)
}

// source returns the factor of where an item comes from: by the source's name,
// or else by the host of the URL or a domain above it.
func (s *Scale) source(item *news.Item) (name string, factor float64) {
	if f, ok := s.sources[item.Source]; ok {
		return item.Source, f
	}
	u, err := url.Parse(item.URL)
	if err != nil {
		return "", 1
	}
	for host := strings.ToLower(u.Hostname()); host != ""; _, host, _ = strings.Cut(host, ".") {
		if f, ok := s.sources[host]; ok {
			return host, f
		}
	}
	return "", 1
}

// rounded to four places makes a sum equal to what a reader of the reasons gets,
// on every CPU. Adding zero turns −0 into 0.
func rounded(x float64) float64 { return math.Round(x*1e4)/1e4 + 0 }
