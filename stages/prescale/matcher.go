package prescale

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A matcher finds phrases in text by whole words, all of them in one pass: "drop"
// is not in "Dropbox". Case and punctuation do not count, but a phrase does not
// reach across the end of a sentence. Where phrases overlap, the one that
// covers the other wins: in "terminates merger agreement" there is no "merger
// agreement".
//
// It is a trie over words. Steps of all phrases live in one map, so that a word
// that starts no phrase, which most do, costs one look-up; how many phrases there
// are does not matter.
type matcher struct {
	words   map[string]uint32 // numbered from 1
	steps   map[step]int32    // to states; state 0 is the root
	ends    []int32           // by state: the phrase that ends there, or −1
	phrases []phrase
}

type step struct {
	state int32
	word  uint32
}

// A phrase is a sequence of words and what they are used for.
type phrase struct {
	text string
	uses []use
}

// A use is what a phrase means: a group of the scale, with a weight if it is a category.
type use struct {
	group  int
	weight float64
	start  bool // only at the start of the title
}

func newMatcher() *matcher {
	return &matcher{words: map[string]uint32{}, steps: map[step]int32{}, ends: []int32{-1}}
}

// add adds a phrase, or a use of one. Of two uses by the same group the second counts.
func (m *matcher) add(s sequence, u use) {
	state := int32(0)
	for _, w := range s.words {
		at := step{state, m.intern(w)}
		next, ok := m.steps[at]
		if !ok {
			next = int32(len(m.ends))
			m.ends = append(m.ends, -1)
			m.steps[at] = next
		}
		state = next
	}
	if m.ends[state] < 0 {
		m.ends[state] = int32(len(m.phrases))
		m.phrases = append(m.phrases, phrase{text: strings.Join(s.words, " ")})
	}
	p := &m.phrases[m.ends[state]]
	for i := range p.uses {
		if p.uses[i].group == u.group && p.uses[i].start == u.start {
			p.uses[i] = u
			return
		}
	}
	p.uses = append(p.uses, u)
}

func (m *matcher) intern(word string) uint32 {
	n, ok := m.words[word]
	if !ok {
		n = uint32(len(m.words) + 1)
		m.words[word] = n
	}
	return n
}

// A hit is a phrase found in tokens[from:to]. Within is the longer phrase that it is a
// part of, if there is one: then it does not count.
type hit struct {
	phrase   *phrase
	from, to int
	within   *phrase
}

// find calls found for every phrase in text, from left to right, with the text's tokens.
func (m *matcher) find(text string, found func(tokens []token, h hit)) {
	var space [192]token
	tokens := m.tokens(space[:0], text)
	var last hit
	for from := range tokens {
		end, to := m.longest(tokens, from)
		if end < 0 {
			continue
		}
		h := hit{phrase: &m.phrases[end], from: from, to: to}
		if to <= last.to {
			h.within = last.phrase
		} else {
			last = h
		}
		found(tokens, h)
	}
}

// longest returns the longest phrase that starts at from and where it ends; −1 if
// there is none.
func (m *matcher) longest(tokens []token, from int) (end int32, to int) {
	end = -1
	state := int32(0)
	for i := from; i < len(tokens) && tokens[i].word != 0; i++ {
		if i > from && tokens[i].first {
			break
		}
		next, ok := m.steps[step{state, tokens[i].word}]
		if !ok {
			break
		}
		state = next
		if m.ends[state] >= 0 {
			end, to = m.ends[state], i+1
		}
	}
	return end, to
}

// tokens appends the words of text to out.
func (m *matcher) tokens(out []token, text string) []token {
	var space [64]byte
	first := true
	whole := text
	for {
		gap, word, rest := cutWord(text)
		if word == "" {
			return out
		}
		text = rest
		first = first || endsSentence(gap)
		initial, _ := utf8.DecodeRuneInString(word)
		to := len(whole) - len(rest)
		out = append(out, token{
			word:    m.words[string(appendLower(space[:0], word))],
			capital: unicode.IsUpper(initial),
			first:   first,
			bracket: strings.ContainsAny(gap, "(["),
			from:    int32(to - len(word)),
			to:      int32(to),
		})
		first = false
	}
}
