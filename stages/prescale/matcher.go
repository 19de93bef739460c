package prescale

import (
	"fmt"
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
// that starts no phrase, which most do, costs one look-up.
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

// A phrase is a line of the lexicon and the group it belongs to.
type phrase struct {
	text  string
	group int
}

// maxPhrase is the most words a phrase may have.
const maxPhrase = 12

func newMatcher() *matcher {
	return &matcher{words: map[string]uint32{}, steps: map[step]int32{}, ends: []int32{-1}}
}

// add adds a phrase. Of two equal ones the second counts.
func (m *matcher) add(words []string, p phrase) {
	state := int32(0)
	for _, w := range words {
		at := step{state, m.intern(w)}
		next, ok := m.steps[at]
		if !ok {
			next = int32(len(m.ends))
			m.ends = append(m.ends, -1)
			m.steps[at] = next
		}
		state = next
	}
	m.ends[state] = int32(len(m.phrases))
	m.phrases = append(m.phrases, p)
}

func (m *matcher) intern(word string) uint32 {
	n, ok := m.words[word]
	if !ok {
		n = uint32(len(m.words) + 1)
		m.words[word] = n
	}
	return n
}

// A hit is a phrase found in tokens[from:to].
type hit struct {
	phrase   *phrase
	from, to int
}

// find calls found for every phrase in text, from left to right.
func (m *matcher) find(text string, found func(tokens []token, h hit)) {
	var space [192]token
	tokens := m.tokens(space[:0], text)
	covered := 0
	for from := range tokens {
		if end, to := m.longest(tokens, from); end >= 0 && to > covered {
			covered = to
			found(tokens, hit{&m.phrases[end], from, to})
		}
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

// A token is a word of a text.
type token struct {
	word    uint32 // 0 if no phrase has it
	capital bool   // it starts with a capital letter
	first   bool   // it starts a sentence
}

// tokens appends the words of text to out.
func (m *matcher) tokens(out []token, text string) []token {
	var space [64]byte
	first := true
	for {
		gap, word, rest := cutWord(text)
		if word == "" {
			return out
		}
		text = rest
		first = first || endsSentence(gap)
		initial, _ := utf8.DecodeRuneInString(word)
		out = append(out, token{
			word:    m.words[string(appendLower(space[:0], word))],
			capital: unicode.IsUpper(initial),
			first:   first,
		})
		first = false
	}
}

// cutWord cuts text around its first word; word is empty if there is none. The
// possessive s is no word.
func cutWord(text string) (gap, word, rest string) {
	start := strings.IndexFunc(text, inWord)
	if start < 0 {
		return text, "", ""
	}
	gap, rest = text[:start], text[start:]
	end := strings.IndexFunc(rest, func(r rune) bool { return !inWord(r) })
	if end < 0 {
		end = len(rest)
	}
	word, rest = rest[:end], rest[end:]
	if (word == "s" || word == "S") && (gap == "'" || gap == "’") {
		return cutWord(rest)
	}
	return gap, word, rest
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

func endsSentence(gap string) bool {
	return strings.ContainsAny(gap, ";!?\n") || strings.Contains(gap, ". ") || strings.Contains(gap, ": ")
}

func appendLower(out []byte, word string) []byte {
	for _, r := range word {
		out = utf8.AppendRune(out, unicode.ToLower(r))
	}
	return out
}

// variants returns the word sequences that a line of the lexicon stands for.
// "wins|won contract" is "wins contract" and "won contract".
func variants(line string) ([][]string, error) {
	const most = 512
	all := [][]string{nil}
	for _, field := range strings.Fields(line) {
		var longer [][]string
		for _, alternative := range strings.Split(field, "|") {
			words := split(alternative)
			if len(words) == 0 {
				return nil, fmt.Errorf("%q has an alternative without a word", line)
			}
			for _, before := range all {
				longer = append(longer, append(before[:len(before):len(before)], words...))
			}
		}
		if all = longer; len(all) > most {
			return nil, fmt.Errorf("%q stands for more than %d phrases", line, most)
		}
	}
	for _, words := range all {
		if len(words) == 0 || len(words) > maxPhrase {
			return nil, fmt.Errorf("%q has %d words, want 1 to %d", line, len(words), maxPhrase)
		}
	}
	return all, nil
}

// split returns the words of text, in lower case.
func split(text string) []string {
	var words []string
	for {
		_, word, rest := cutWord(text)
		if word == "" {
			return words
		}
		words = append(words, string(appendLower(nil, word)))
		text = rest
	}
}
