package prescale

import (
	"cmp"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"

	"catalyst/internal/news"
)

const (
	// Phrases in the text below a title weigh half: there it may be history,
	// boilerplate or somebody else.
	inText = 0.5
	// matters is the weight of a title's term that lets a routine announcement pass
	// as news: "to present positive Phase 3 data at …".
	matters = 0.5

	// How much of an item is read. What is news is told at the start.
	maxTitle = 1 << 10
	maxText  = 2 << 10

	noiseName   = "noise"
	routineName = "routine"
)

// A scorer is a lexicon, compiled. It does not change, so it may be shared.
type scorer struct {
	groups  []group
	phrases *matcher
	names   map[uint32]bool // words that end a company's name
	sources map[string]float64
	items   map[string]float64
	forms   map[string]float64
}

func newScorer(c Config) (*scorer, error) {
	groups, err := c.groups()
	if err != nil {
		return nil, err
	}
	s := &scorer{
		groups:  groups,
		phrases: newMatcher(),
		names:   map[uint32]bool{},
		sources: merged(sources, c.Sources),
		items:   merged(items, c.Items),
		forms:   merged(forms, c.Forms),
	}
	for i, g := range groups {
		for _, line := range g.lines {
			sequences, err := variants(line)
			if err != nil {
				return nil, err
			}
			for _, words := range sequences {
				s.phrases.add(words, phrase{join(words), i})
			}
		}
	}
	for _, word := range names {
		s.names[s.phrases.intern(word)] = true
	}
	return s, nil
}

func join(words []string) string { return strings.Join(words, " ") }

// A verdict is a score and how it came about.
type verdict struct {
	score    float64
	negative float64  // the part of the negative terms
	reasons  []string // terms, the heaviest first
	noise    bool
}

// A term adds its weight to a score.
type term struct {
	what   string // "contract: purchase order", "item 2.02"
	weight float64
}

// score depends on nothing but the lexicon and what the source said: not on the
// clock, not on a score the item has already.
func (s *scorer) score(item *news.Item) verdict {
	title, text := readable(item)
	found := make([]*phrase, len(s.groups)) // by group
	s.search(title, found)
	if n := s.noise(found); n != "" {
		return verdict{noise: true, reasons: []string{n}}
	}
	inTitle := slices.Clone(found)
	s.search(text, found)

	terms := s.filing(item)
	for i, g := range s.groups[:len(s.groups)-2] {
		switch {
		case found[i] == nil || g.weight == 0:
		case inTitle[i] != nil:
			terms = append(terms, term{g.name + ": " + found[i].text, g.weight})
		default:
			terms = append(terms, term{g.name + " in text: " + found[i].text, g.weight * inText})
		}
	}
	return s.sum(terms, item)
}

// readable returns the parts of an item that are searched. The title of a filing
// that is only "8-K - Acme Merger Corp (0001234567) (Filer)" says nothing.
func readable(item *news.Item) (title, text string) {
	title, text = item.Title, item.Summary
	if strings.TrimSpace(text) == "" {
		text = item.Body
	}
	if item.Form != "" && strings.HasPrefix(title, item.Form+" - ") {
		title = ""
	} else if strings.TrimSpace(title) == "" && item.Form == "" {
		title, text = text, ""
	}
	return title[:min(len(title), maxTitle)], text[:min(len(text), maxText)]
}

// search notes the first phrase of each group, and none where there is one already.
func (s *scorer) search(text string, found []*phrase) {
	s.phrases.find(text, func(tokens []token, h hit) {
		if g := h.phrase.group; found[g] == nil && !s.inName(tokens, h) {
			found[g] = h.phrase
		}
	})
}

// inName reports whether a hit is part of a company's name, as in Breakthrough
// Therapeutics or Merger Corp: one word, with a capital, no verb as far as one can
// tell, right before a word that ends names.
func (s *scorer) inName(tokens []token, h hit) bool {
	if h.to-h.from != 1 || h.to == len(tokens) {
		return false
	}
	this, next := tokens[h.from], tokens[h.to]
	if !this.capital || !next.capital || next.first || !s.names[next.word] {
		return false
	}
	for _, ending := range []string{"s", "ed", "ing"} {
		if strings.HasSuffix(h.phrase.text, ending) {
			return false
		}
	}
	return true
}

// noise returns why a title is noise; empty if it is not.
func (s *scorer) noise(inTitle []*phrase) string {
	last := len(s.groups) - 1
	if p := inTitle[last-1]; p != nil {
		return noiseName + ": " + p.text
	}
	p := inTitle[last]
	if p == nil {
		return ""
	}
	for i, g := range s.groups[:last-1] {
		if inTitle[i] != nil && math.Abs(g.weight) >= matters {
			return ""
		}
	}
	return noiseName + ": " + p.text
}

// filing returns what form and items add.
func (s *scorer) filing(item *news.Item) []term {
	var terms []term
	if w := s.forms[item.Form]; w != 0 {
		terms = append(terms, term{"form " + item.Form, w})
	}
	seen := map[string]bool{}
	for _, number := range item.Items {
		if w := s.items[number]; w != 0 && !seen[number] {
			seen[number] = true
			terms = append(terms, term{"item " + number, w})
		}
	}
	return terms
}

func (s *scorer) sum(terms []term, item *news.Item) verdict {
	slices.SortStableFunc(terms, func(a, b term) int { return cmp.Compare(math.Abs(b.weight), math.Abs(a.weight)) })
	var v verdict
	for _, t := range terms {
		v.score += t.weight
		v.negative += min(t.weight, 0)
		v.reasons = append(v.reasons, fmt.Sprintf("%s %+.2f", t.what, t.weight))
	}
	if name, factor := s.source(item); factor != 1 && len(terms) > 0 {
		v.score *= factor
		v.negative *= factor
		v.reasons = append(v.reasons, fmt.Sprintf("source %s ×%.2f", name, factor))
	}
	v.score, v.negative = rounded(v.score), rounded(v.negative)
	return v
}

// source returns the factor of where an item comes from: by the source's name,
// or else by the host of the URL or a domain above it.
func (s *scorer) source(item *news.Item) (name string, factor float64) {
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
