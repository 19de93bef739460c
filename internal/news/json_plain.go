package news

import (
	"math/bits"
	"unicode/utf8"
)

// plain returns how many bytes at the beginning of text mean themselves in a JSON string:
// ASCII, but no control character, quote or backslash.
func plain[T string | []byte](text T) int {
	n := 0
	for ; n+8 <= len(text); n += 8 { // eight at a time: bodies are long
		b := text[n : n+8]
		w := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		// Each of the four sets the top bit of a byte that is not plain and perhaps, by a
		// borrow, those of bytes behind it: the first one set is right.
		const ones, tops = 0x0101010101010101, 0x8080808080808080
		notASCII, control := w, w-' '*ones
		quote, backslash := w^'"'*ones-ones, w^'\\'*ones-ones
		if special := (notASCII | control | quote | backslash) & tops; special != 0 {
			return n + bits.TrailingZeros64(special)/8
		}
	}
	for n < len(text) && isPlain(text[n]) {
		n++
	}
	return n
}

func isPlain(c byte) bool { return ' ' <= c && c < utf8.RuneSelf && c != '"' && c != '\\' }
