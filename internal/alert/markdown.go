package alert

import "strings"

// Markdown returns s, which is clean, so that Discord shows its characters as
// they are: nothing in it formats, hides or follows a link, mentions or pings
// anyone, or begins a heading, list or quotation. Line breaks stay. The result
// has at most limit [Units] and is never cut inside a grapheme or an escape.
func Markdown(s string, limit int) string { return cut(s, limit, escape) }

// escape writes one grapheme for [Markdown].
func escape(cluster, before, after string) string {
	if len(cluster) != 1 {
		// An accent on a mark-up character does not take away its meaning.
		if strings.IndexByte(markup, cluster[0]) >= 0 {
			return `\` + cluster
		}
		return cluster
	}
	c := cluster[0]
	switch {
	case strings.IndexByte(markup, c) >= 0:
		return `\` + cluster
	case c == ':' && strings.HasPrefix(after, "//"):
		return `\:` // a bare address is no link then
	case c == '@' && pings(after):
		return "@\u200b"
	case strings.IndexByte("#-+", c) >= 0 && lineStart(before):
		return `\` + cluster
	case (c == '.' || c == ')') && lineStart(strings.TrimRight(before, "0123456789")) && !lineStart(before):
		return `\` + cluster // "1." begins a list
	}
	return cluster
}

const markup = "\\*_~`|[]<>"

func lineStart(before string) bool {
	before = strings.TrimRight(before, " ")
	return before == "" || strings.HasSuffix(before, "\n")
}

// pings reports whether what follows an @ makes it call everybody.
func pings(after string) bool {
	for _, word := range []string{"everyone", "here"} {
		if len(after) >= len(word) && strings.EqualFold(after[:len(word)], word) {
			return true
		}
	}
	return false
}
