package fetch

import (
	"bytes"
	"regexp"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding/charmap"
)

// declaration is the first line of an XML document, as far as it is read before
// the encoding is known.
var declaration = regexp.MustCompile(`^\s*<\?xml\s[^>]*?\?>`)

var declaredEncoding = regexp.MustCompile(`encoding\s*=\s*["']([A-Za-z0-9._:-]+)["']`)

// UTF8 returns body as UTF-8, without byte-order marks, XML declaration (which
// would name another encoding) or the control characters that XML forbids.
//
// It believes, in this order: a byte-order mark; bytes that are UTF-8, whatever they
// are declared to be; the declaration in the document; the header; and takes what is
// left for windows-1252, which contains Latin-1. A document in UTF-8 with broken bytes in
// it gets U+FFFD in their place.
func UTF8(body []byte, contentType string) []byte {
	body = bytes.Map(legal, decode(body, contentType)) // and U+FFFD for broken bytes
	if loc := declaration.FindIndex(body); loc != nil {
		body = body[loc[1]:]
	}
	return body
}

func decode(body []byte, contentType string) []byte {
	if rest, marked := bytes.CutPrefix(body, []byte("\xef\xbb\xbf")); marked {
		return rest
	}
	if name := wide(body); name != "" {
		return recode(body, name)
	}
	// ESC is what the seven-bit encodings of East Asia shift with.
	if utf8.Valid(body) && bytes.IndexByte(body, 0x1b) < 0 {
		return body
	}
	name := ""
	if m := declaredEncoding.FindSubmatch(declaration.Find(body)); m != nil {
		name = string(m[1])
	} else if _, fromHeader, certain := charset.DetermineEncoding(nil, contentType); certain {
		name = fromHeader
	}
	if _, known := charset.Lookup(name); (known == "" || known == "utf-8") && mostlyUTF8(body) {
		return body
	}
	return recode(body, name)
}

// wide returns which UTF-16 a byte-order mark, or the place of the zeros in the
// first tag, gives away; empty if none.
func wide(body []byte) string {
	switch {
	case bytes.HasPrefix(body, []byte("\xff\xfe")), bytes.HasPrefix(body, []byte("<\x00")):
		return "utf-16le"
	case bytes.HasPrefix(body, []byte("\xfe\xff")), bytes.HasPrefix(body, []byte("\x00<")):
		return "utf-16be"
	}
	return ""
}

// recode decodes body from the encoding of that name; from windows-1252 if there is
// no such encoding, or if it is UTF-8, which body is not.
func recode(body []byte, name string) []byte {
	encoding, known := charset.Lookup(name)
	if known == "" || known == "utf-8" {
		encoding = charmap.Windows1252
	}
	out, err := encoding.NewDecoder().Bytes(body)
	if err != nil { // decoders put U+FFFD where they cannot; this one does not
		return body
	}
	return out
}

// mostlyUTF8 reports whether more of body's high bytes make UTF-8 than do not.
func mostlyUTF8(body []byte) bool {
	good, bad := 0, 0
	for len(body) > 0 {
		r, size := utf8.DecodeRune(body)
		switch {
		case r == utf8.RuneError && size == 1:
			bad++
		case size > 1:
			good++
		}
		body = body[size:]
	}
	return good > bad
}

// legal drops what XML 1.0 has no place for and what parsers stumble over.
func legal(r rune) rune {
	switch {
	case r == '\t', r == '\n', r == '\r':
		return r
	case r < 0x20, r == 0xfeff, r == 0xfffe, r == 0xffff:
		return -1
	}
	return r
}
