package logging

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// News comes from strangers: a headline with a carriage return, an escape sequence or
// a right-to-left override must not forge a line or rearrange a terminal.

// active reports whether a character acts on a display instead of being shown.
func active(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// escaped writes active characters and broken UTF-8 as Go does in quotes.
func escaped(s string) string {
	if strings.IndexFunc(s, active) < 0 && utf8.ValidString(s) {
		return s
	}
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// word is s as a value in key=value: in quotes where it would not be one word.
func word(s string) string {
	plain := s != "" && utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool {
		return active(r) || unicode.IsSpace(r) || r == '"' || r == '='
	}) < 0
	if plain {
		return s
	}
	return strconv.Quote(s)
}

// An escaper writes lines of JSON with active characters escaped, which
// encoding/json leaves as they are. They only occur within strings.
type escaper struct{ w io.Writer }

func (e escaper) Write(line []byte) (int, error) {
	text := strings.TrimSuffix(string(line), "\n")
	if strings.IndexFunc(text, active) < 0 {
		return e.w.Write(line)
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case !active(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := surrogates(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('\n')
	if _, err := io.WriteString(e.w, b.String()); err != nil {
		return 0, err
	}
	return len(line), nil
}

// surrogates are how JSON escapes what lies beyond 16 bits.
func surrogates(r rune) (high, low rune) {
	r -= 0x10000
	return 0xd800 + r>>10, 0xdc00 + r&0x3ff
}
