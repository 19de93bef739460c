package alert

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// What is longer is cut before it is looked at: nothing of it could be shown.
const maxInput = 16 << 10

const zeroWidthJoiner = '\u200d'

// Clean returns s as one line of visible text. Line breaks and runs of space
// become one space. Control, bidirectional, zero-width and other invisible
// characters go, as does what is not UTF-8; piled-up accents are thinned out;
// invitations to Discord servers are replaced by a note. Emoji stay whole.
//
// The result can be printed on a terminal, and is not yet safe as Discord
// markdown: see [Markdown]. Cleaning twice is cleaning once.
func Clean(s string) string {
	return withoutInvites(visible(truncate(s, maxInput)))
}

// truncate cuts s to at most n bytes without cutting a character.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// visible is Clean without the invitations.
func visible(s string) string {
	s = strings.Map(seen, strings.ToValidUTF8(s, "\uFFFD"))

	var b strings.Builder
	b.Grow(len(s))
	state, space := -1, false
	for s != "" {
		var cluster string
		cluster, s, state = grapheme(s, state)
		cluster = tame(cluster)
		switch {
		case cluster == "":
		case cluster == " ":
			space = b.Len() > 0
		default:
			if space {
				b.WriteByte(' ')
				space = false
			}
			b.WriteString(cluster)
		}
	}
	return b.String()
}

// seen maps a character to itself, to a space, or away.
func seen(r rune) rune {
	switch {
	case r < 0x7F && r >= ' ':
		return r
	case unicode.IsSpace(r), r == '\u2028', r == '\u2029', r == '\v':
		return ' '
	case r == zeroWidthJoiner, r == '\ufe0e', r == '\ufe0f':
		return r // tame decides
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Variation_Selector, unicode.Noncharacter_Code_Point):
		return -1
	}
	switch r {
	case '\u034f', '\u115f', '\u1160', '\u17b4', '\u17b5', '\u2800', '\u3164', '\uffa0':
		return -1 // letters and marks that show nothing
	}
	return r
}

// grapheme is uniseg.FirstGraphemeClusterInString, which takes many times as long for
// what most text is of: an ASCII character with another one after it stands alone.
func grapheme(s string, state int) (cluster, rest string, newState int) {
	if c := s[0]; c >= ' ' && c < 0x7F && (len(s) == 1 || s[1] < utf8.RuneSelf) {
		return s[:1], s[1:], -1
	}
	cluster, rest, _, newState = uniseg.FirstGraphemeClusterInString(s, state)
	return cluster, rest, newState
}

// A family of four with skin tones has 11 characters; scripts stack up to four
// or five marks on a letter.
const (
	maxEmoji   = 12
	maxStacked = 6
)

// tame limits a grapheme cluster: joiners and emoji selectors stay only where
// they join emoji, and no cluster is long.
func tame(cluster string) string {
	if len(cluster) == 1 {
		return cluster
	}
	runes := []rune(cluster)
	if pictographic(runes[0]) {
		runes = runes[:min(len(runes), maxEmoji)]
		return strings.TrimRight(string(runes), string(zeroWidthJoiner))
	}
	kept := runes[:0]
	for _, r := range runes {
		if r != zeroWidthJoiner && r != '\ufe0e' && r != '\ufe0f' && len(kept) < maxStacked {
			kept = append(kept, r)
		}
	}
	return string(kept)
}

func pictographic(r rune) bool {
	return r >= 0x1F000 && r <= 0x1FAFF || r >= 0x2190 && r <= 0x3299 && unicode.In(r, unicode.So, unicode.Sm)
}

// Units counts s in UTF-16 code units. Discord counts characters; this is never
// less.
func Units(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}

const ellipsis = "…"

// Cut returns s if it has at most limit [Units], and otherwise as many of its
// first graphemes as fit with an ellipsis.
func Cut(s string, limit int) string {
	if Units(s) <= limit {
		return s
	}
	return cut(s, limit, func(cluster, _, _ string) string { return cluster })
}

// cut writes the graphemes of s, each as write gives it, up to limit units, and
// an ellipsis where some were left out. write is told what was written before
// and what follows.
func cut(s string, limit int, write func(cluster, before, after string) string) string {
	var b strings.Builder
	used, fits, state := 0, 0, -1 // fits: so much leaves room for the ellipsis
	for s != "" {
		var cluster string
		cluster, s, state = grapheme(s, state)
		piece := write(cluster, b.String(), s)
		used += Units(piece)
		if used > limit {
			if limit < 1 {
				return ""
			}
			return strings.TrimRight(b.String()[:fits], " \n") + ellipsis
		}
		b.WriteString(piece)
		if used < limit {
			fits = b.Len()
		}
	}
	return b.String()
}
