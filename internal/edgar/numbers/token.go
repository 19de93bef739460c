package numbers

import "unicode/utf8"

// A token is a word, a number or a sign. Words are in lower case; a hyphen between
// words and a possessive 's are left out, so "third-quarter" is two words and
// "company's" is "company".
type token struct {
	start, end int
	low        string
	kind       byte // 'w' word, 'n' number, 'p' sign
	glued      bool // follows the token before without a space
}

// tokens splits a paragraph. It looks at each byte a fixed number of times.
func tokens(paragraph string) []token {
	low := lower(paragraph)
	list := make([]token, 0, len(low)/5+4)
	add := func(kind byte, start, end int) {
		list = append(list, token{
			start: start, end: end, low: low[start:end], kind: kind,
			glued: len(list) > 0 && list[len(list)-1].end == start,
		})
	}
	for i := 0; i < len(low); {
		switch c := low[i]; {
		case c <= ' ':
			i++
		case isDigit(c) || c == '.' && i+1 < len(low) && isDigit(low[i+1]) && (i == 0 || !isDigit(low[i-1])):
			end := numberEnd(low, i)
			add('n', i, end)
			i = end
		case isLetter(c):
			end := i + 1
			for end < len(low) && isLetter(low[end]) {
				end++
			}
			add('w', i, end)
			i = skipSuffix(low, end)
		default:
			r, size := utf8.DecodeRuneInString(low[i:])
			switch {
			case r == 0xA0 || r == 0x2009 || r == 0x202F || r == 0x200B || r == 0xAD:
			case isHyphen(r) && i > 0 && i+size < len(low) && joins(low[i-1]) && isLetter(low[i+size]):
			default:
				add('p', i, i+size)
			}
			i += size
		}
	}
	return list
}

// numberEnd is the end of the number at i: digits, with commas before groups of
// three and one decimal point before a digit.
func numberEnd(s string, i int) int {
	end, point := i, false
	for end < len(s) {
		switch {
		case isDigit(s[end]):
			end++
		case s[end] == '.' && !point && end+1 < len(s) && isDigit(s[end+1]):
			point = true
			end++
		case s[end] == ',' && !point && end > i && end+3 < len(s) && isDigit(s[end+1]) && isDigit(s[end+2]) && isDigit(s[end+3]) &&
			(end+4 == len(s) || !isDigit(s[end+4])):
			end += 4
		default:
			return end
		}
	}
	return end
}

// skipSuffix passes over 's and ’s.
func skipSuffix(s string, i int) int {
	for _, suffix := range []string{"'s", "’s"} {
		if end := i + len(suffix); end <= len(s) && s[i:end] == suffix && (end == len(s) || !isLetter(s[end])) {
			return end
		}
	}
	return i
}

func isHyphen(r rune) bool { return r == '-' || r == '‐' || r == '‑' }
func joins(c byte) bool    { return isLetter(c) || isDigit(c) }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// lower is strings.ToLower for ASCII only: it keeps every offset.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// maxSentence bounds a sentence, in tokens, and with it all that looks around in
// one.
const maxSentence = 300

// sentences cuts tokens at full stops, semicolons and bullets; a text without any
// is cut all the same.
func sentences(list []token, paragraph string) [][]token {
	var cut [][]token
	start := 0
	for i := range list {
		if i+1-start >= maxSentence || ends(list, i, paragraph) {
			cut = append(cut, list[start:i+1])
			start = i + 1
		}
	}
	if start < len(list) {
		cut = append(cut, list[start:])
	}
	return cut
}

// ends reports whether the token at i ends a sentence.
func ends(list []token, i int, paragraph string) bool {
	switch list[i].low {
	case ";", "•", "●", "▪", "?", "!", "·", "§", "■":
		return true
	case ".":
	default:
		return false
	}
	if i+1 == len(list) {
		return true
	}
	next := list[i+1]
	if next.glued || i > 0 && abbreviated[list[i-1].low] {
		return false
	}
	c := paragraph[next.start]
	return !('a' <= c && c <= 'z')
}

// abbreviated are words whose full stop ends no sentence. One letter is an initial.
var abbreviated = words("inc corp ltd co no nos vs approx st mr ms mrs dr jr sr jan feb mar apr jun jul aug sept sep oct nov dec a b c d e f g h i j k l m n o p q r s t u v w x y z")
