package filing

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// decode returns the source as UTF-8. Filings declare their encoding wrongly or not at
// all, and some mix two; so each byte that is not part of valid UTF-8 is read as
// Windows-1252, of which Latin-1 is the part in use.
func decode(source []byte) []byte {
	source = bytes.TrimPrefix(source, []byte("\xef\xbb\xbf"))
	if utf8.Valid(source) {
		return source
	}
	out := make([]byte, 0, len(source)+len(source)/8)
	for len(source) > 0 {
		r, size := utf8.DecodeRune(source)
		if r == utf8.RuneError && size == 1 {
			r = charmap.Windows1252.DecodeByte(source[0])
			out = utf8.AppendRune(out, r)
		} else {
			out = append(out, source[:size]...)
		}
		source = source[size:]
	}
	return out
}

// isHTML tells HTML from plain text, which has SGML tags (<PAGE>, <TABLE>, <S>, <C>) too.
func isHTML(source []byte) bool {
	const enough = 1 << 16
	head := bytes.ToLower(source[:min(len(source), enough)])
	for _, tag := range []string{"<html", "<body", "<div", "<p>", "<p ", "<td", "<br", "<font", "<pre", "<h1", "<span"} {
		if bytes.Contains(head, []byte(tag)) {
			return true
		}
	}
	return false
}
