package prescale

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A token is a word of a text.
type token struct {
	word     uint32 // 0 if no phrase has it
	capital  bool   // it starts with a capital letter
	first    bool   // it starts a sentence
	bracket  bool   // a bracket opens before it
	from, to int32  // where it stands in the text
}

// cutWord cuts text around its first word; word is empty if there is none. The
// possessive s is no word.
func cutWord(text string) (gap, word, rest string) {
	start := strings.IndexFunc(text, startsWord)
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

func startsWord(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

// inWord keeps a word together that has marks in it, or characters that nobody sees:
// a zero-width space is how a word is hidden from filters.
func inWord(r rune) bool { return startsWord(r) || r >= utf8.RuneSelf && invisible(r) }

func invisible(r rune) bool { return unicode.Is(unicode.Cf, r) || unicode.IsMark(r) }

func endsSentence(gap string) bool {
	return strings.ContainsAny(gap, ";!?\n") || strings.Contains(gap, ". ") || strings.Contains(gap, ": ")
}

// appendLower appends a word in lower case, without what is invisible in it.
func appendLower(out []byte, word string) []byte {
	for _, r := range word {
		switch {
		case 'A' <= r && r <= 'Z':
			out = append(out, byte(r)+'a'-'A')
		case r < utf8.RuneSelf:
			out = append(out, byte(r))
		case !invisible(r):
			out = utf8.AppendRune(out, unicode.ToLower(r))
		}
	}
	return out
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
