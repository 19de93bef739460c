package prescale

import (
	"slices"
	"strings"
)

// An ending is how much a word says that a company's name ends with it.
type ending uint8

const (
	kindOfBusiness ending = iota + 1 // Therapeutics, Energy: often, right after the name
	legalForm                        // Inc, Corp: always, and the name may have several words
	exchange                         // (NASDAQ: …: in a bracket, the name stands before it
	linking                          // of, for: no name goes on across it
)

// nameEndings gives each of these words its number in m.
func nameEndings(m *matcher) map[uint32]ending {
	all := map[uint32]ending{}
	for kind, words := range map[ending]string{
		kindOfBusiness: "group trust fund bancshares partners capital ventures acquisition therapeutics pharmaceuticals pharma bio biosciences biopharma biotech biotherapeutics " +
			"sciences laboratories labs technologies systems industries enterprises properties realty brands energy resources minerals mining metals motors " +
			"semiconductor semiconductors networks software entertainment financial airlines bank insurance",
		legalForm: "inc incorporated corp corporation co company ltd limited llc lp plc ag sa nv ab oyj asa spa se holdings holding bancorp",
		exchange:  "nasdaq nasdaqgs nasdaqgm nasdaqcm nyse nysearca nyseamerican amex otc otcqb otcqx otcpk otcmkts tsx tsxv cse asx lse aim",
		linking:   "of for to in by at on with as the and a an from after amid over its into",
	} {
		for word := range strings.FieldsSeq(words) {
			all[m.intern(word)] = kind
		}
	}
	return all
}

// longestName is how many words a name may go on for behind a phrase.
const longestName = 4

// inName reports whether a hit is part of a company's name, as in Breakthrough
// Therapeutics, Merger Corp, Rise Gold (NYSE: …), or that of one who filed.
func (s *Scale) inName(text string, tokens []token, h hit, filers [][]string) bool {
	if inFiler(text, tokens, h, filers) {
		return true
	}
	if h.to-h.from > 2 || !allCapital(tokens[h.from:h.to]) {
		return false
	}
	verb := looksLikeVerb(h.phrase.text)
	if verb && h.from > 0 {
		return false
	}
	for i := h.to; i < len(tokens) && i < h.to+longestName; i++ {
		t := tokens[i]
		kind := s.endings[t.word]
		if t.bracket {
			return kind == exchange && !verb
		}
		if !t.capital || t.first || kind == linking {
			return false
		}
		if kind == legalForm || kind == kindOfBusiness && i == h.to {
			return true
		}
		plural := i+1 < len(tokens) && s.endings[tokens[i+1].word] == legalForm // Recall Studios Inc.
		if verb || looksLikeVerb(strings.ToLower(text[t.from:t.to])) && !plural {
			return false
		}
	}
	return false
}

func allCapital(tokens []token) bool {
	return !slices.ContainsFunc(tokens, func(t token) bool { return !t.capital })
}

// looksLikeVerb is what can be told of a word without a dictionary.
func looksLikeVerb(word string) bool {
	return strings.HasSuffix(word, "ed") || strings.HasSuffix(word, "ing") ||
		strings.HasSuffix(word, "s") && !strings.HasSuffix(word, "ss")
}

// inFiler reports whether a hit lies in the name of one who filed, written as EDGAR has it.
func inFiler(text string, tokens []token, h hit, filers [][]string) bool {
	for _, name := range filers {
		for start := max(0, h.to-len(name)); start <= h.from && start+len(name) <= len(tokens); start++ {
			if same(text, tokens[start:start+len(name)], name) {
				return len(name) > 1
			}
		}
	}
	return false
}

func same(text string, tokens []token, name []string) bool {
	for i, t := range tokens {
		if !t.capital || !strings.EqualFold(text[t.from:t.to], name[i]) {
			return false
		}
	}
	return true
}
