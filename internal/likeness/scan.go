package likeness

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// What of a text is read, so that a hostile one costs microseconds.
const (
	maxText   = 4 << 10 // bytes
	maxTokens = 512
	maxFacts  = 64 // of each sort
	maxDigits = 32 // of one number
)

// A token is a word in lower case, a number, or a sign that means something here.
type token struct {
	text   string // lower case; of a number its digits and point
	number bool
	glued  bool // to the token before, without a space
}

// is reports whether t is one of words, which are separated by spaces.
func (t token) is(words string) bool {
	if t.text == "" {
		return false
	}
	for from := 0; ; {
		i := strings.Index(words[from:], t.text)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(t.text)
		if (start == 0 || words[start-1] == ' ') && (end == len(words) || words[end] == ' ') {
			return true
		}
		from = start + 1
	}
}

// joins reports whether t stands between parts of one word: a hyphen, a slash, an apostrophe.
func (t token) joins() bool { return t.text == "-" || t.text == "/" || t.text == "'" }

// signs are the characters that are tokens of their own, as they are meant.
var signs = map[rune]string{
	'$': "$", '€': "€", '£': "£", '¥': "¥", '₹': "₹", '%': "%", '％': "%",
	'-': "-", '−': "-", '–': "-", '—': "-", '‐': "-", '‑': "-", '/': "/", '&': "&", '\'': "'", '’': "'",
}

// scan splits text into tokens.
func scan(text string) []token {
	if len(text) > maxText {
		text = text[:maxText]
	}
	tokens := make([]token, 0, min(len(text)/5+1, maxTokens)) // a guess
	glued := false
	for len(text) > 0 && len(tokens) < maxTokens {
		r, size := utf8.DecodeRuneInString(text)
		n := 0
		t := token{glued: glued}
		switch {
		case digit(r), r == '.' && len(text) > 1 && digit(rune(text[1])) && !glued:
			n = numberLength(text)
			t.number, t.text = true, plain(text[:n])
		case letter(r):
			n = wordLength(text)
			t.text = word(text[:n])
		case signs[r] != "":
			n, t.text = size, signs[r]
		default:
			glued = false
			text = text[size:]
			continue
		}
		tokens = append(tokens, t)
		text, glued = text[n:], true
	}
	return tokens
}

func digit(r rune) bool  { return '0' <= r && r <= '9' }
func letter(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsMark(r)) }

// numberLength is how many bytes at the start of text are one number: digits, commas
// before three digits, and points before a digit.
func numberLength(text string) int {
	n := 0
	for n < len(text) {
		switch c := text[n]; {
		case digit(rune(c)):
		case c == '.' && n+1 < len(text) && digit(rune(text[n+1])):
		case c == ',' && thousands(text[n+1:]):
		default:
			return n
		}
		n++
	}
	return n
}

// thousands reports whether text starts with three digits and no fourth.
func thousands(text string) bool {
	for i := range 3 {
		if i >= len(text) || !digit(rune(text[i])) {
			return false
		}
	}
	return len(text) == 3 || !digit(rune(text[3]))
}

func plain(number string) string {
	number = strings.ReplaceAll(number, ",", "")
	return number[:min(len(number), maxDigits)]
}

// wordLength is how many bytes at the start of text are one word: letters, and
// an apostrophe or a full stop between two of them.
func wordLength(text string) int {
	n := 0
	for n < len(text) {
		r, size := utf8.DecodeRuneInString(text[n:])
		if !letter(r) {
			if !joint(r) {
				break
			}
			next, _ := utf8.DecodeRuneInString(text[n+size:])
			if !letter(next) {
				break
			}
		}
		n += size
	}
	return n
}

func joint(r rune) bool { return r == '\'' || r == '’' || r == '.' }

// word is a word as the lists have it: in lower case, without points and without the
// genitive. An apostrophe before a t stays, for "doesn't".
func word(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(s), "’", "'"), ".", "")
	return strings.TrimSuffix(s, "'s")
}
