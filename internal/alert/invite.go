package alert

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// invite matches links to join a server or to let a bot into one, with or without
// scheme.
var invite = regexp.MustCompile(`(?i)(?:https?:/{0,2})?(?:[a-z0-9-]+\.)*(?:` +
	`discord(?:app)?\s?\.\s?com\s?/\s?(?:api/)?(?:invite|oauth2)|` +
	`discord\s?\.\s?(?:gg|me|li|io)|(?:dsc|invite)\s?\.\s?gg)\s?/\s?\S*`)

// invites reports whether there is an invitation in folded text. The search is what
// costs, and is mostly not needed.
func invites(text string) bool {
	text = strings.ToLower(text)
	for _, name := range []string{"discord", "dsc", "invite"} {
		if strings.Contains(text, name) {
			return invite.MatchString(text)
		}
	}
	return false
}

func withoutInvites(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return ascii(r) == '/' }) < 0 {
		return s
	}
	text, from := fold(s)
	if !invites(text) {
		return s
	}
	found := invite.FindAllStringIndex(text, -1)
	var b strings.Builder
	end := 0
	for _, place := range found {
		b.WriteString(s[end:from[place[0]]])
		b.WriteString("(invite removed)")
		end = from[place[1]]
	}
	b.WriteString(s[end:])
	return b.String()
}

// fold returns s with letters, dots and slashes as a browser reads them in an
// address, and for each byte of that (and its end) where in s it comes from.
func fold(s string) (folded string, from []int) {
	var b strings.Builder
	from = make([]int, 0, len(s)+1)
	for i, r := range s {
		n, _ := b.WriteRune(ascii(r))
		for range n {
			from = append(from, i)
		}
	}
	return b.String(), append(from, len(s))
}

// ascii returns the ASCII character that r is a form of in an address: ｄ, ⓓ and
// 𝐝 are d, 。 is a dot, \ is a slash. Any other character is itself.
func ascii(r rune) rune {
	switch {
	case r == '\\':
		return '/'
	case r < utf8.RuneSelf:
		return r
	}
	switch r {
	case '。', '｡', '․', '·', '•', '∙', '⋅':
		return '.'
	case '⁄', '∕', '⧸', '╱', '＼':
		return '/'
	}
	if like := norm.NFKC.String(string(r)); len(like) == 1 {
		return rune(like[0])
	}
	return r
}
