package llm

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// quoteText appends s to b as a JSON string of at most most characters, and reports
// how many it wrote and whether any were left out. A negative most is no limit.
//
// Besides what JSON asks for, everything is escaped that could mean something to whatever
// reads a prompt before the model does: < and >, which begin and end the tags around
// an item as well as the marks of most chat formats (<|im_start|>, </s>), and the
// bracket of marks like [INST]. What nobody sees is left out: control characters,
// marks that turn the direction of writing, letters without width.
func quoteText(b []byte, s string, most int) (_ []byte, wrote int, cut bool) {
	b = append(b, '"')
	for i := 0; i < len(s); {
		if most >= 0 && wrote == most {
			cut = strings.TrimSpace(s[i:]) != ""
			break
		}
		c := s[i]
		if plainASCII[c] {
			b = append(b, c)
			i++
			wrote++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\n' || r == '\u2028' || r == '\u2029' || r == '\u0085':
			b = append(b, '\\', 'n')
		case r == '\t':
			b = append(b, ' ')
		case hidden(r):
			i += size
			continue
		case r == '"' || r == '\\':
			b = append(b, '\\', c)
		case r == '<' || r == '>' || r == '[' && isMark(s[i:]):
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = utf8.AppendRune(b, r) // U+FFFD for what is no UTF-8
		}
		i += size
		wrote++
	}
	return append(b, '"'), wrote, cut
}

// plainASCII are the characters that stand for themselves, in JSON and for a model.
var plainASCII = func() (plain [256]bool) {
	for c := ' '; c < 0x7f; c++ {
		plain[c] = !strings.ContainsRune(`"\<>[`, c)
	}
	return plain
}()

// isMark reports whether s, which begins with a bracket, begins with a mark like [INST] or
// [/SYSTEM_PROMPT].
func isMark(s string) bool {
	const longest = 32
	for i := 1; i < min(len(s), longest); i++ {
		switch c := s[i]; {
		case c == ']':
			return i > 1
		case c != '/' && c != '_' && (c < 'A' || c > 'Z'):
			return false
		}
	}
	return false
}

// hidden reports whether nobody sees r. Texts are hidden from people in letters like
// these, and shown to models.
func hidden(r rune) bool {
	switch {
	case r < 0x80:
		return r < ' ' || r == 0x7f
	case r >= 0xfe00 && r <= 0xfe0f, r >= 0xe0100 && r <= 0xe01ef: // variation selectors
		return true
	case r == 0x3164, r == 0x115f, r == 0x1160, r == 0xffa0: // fillers
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co)
}

// oneLine makes what a model said fit to be shown: in one line, without what
// nobody sees, of at most most characters.
func oneLine(s string, most int) string {
	var b strings.Builder
	b.Grow(min(len(s), 4*most+3))
	space, n := false, 0
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			space = n > 0
			continue
		case hidden(r):
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
			n++
		}
		if n >= most {
			return strings.TrimRight(b.String(), " ") + "…"
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}
