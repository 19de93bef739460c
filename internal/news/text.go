package news

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Text returns the plain text of an HTML fragment: tags left out, entities decoded,
// white space collapsed to single spaces, scripts, styles and invisible characters
// gone. Plain text comes out as it is, but for its white space. Its time is linear
// in the length of its input, however broken that is.
func Text(fragment string) string {
	if !strings.ContainsAny(fragment, "<&") {
		return collapse(fragment)
	}
	var out strings.Builder
	hidden := atom.Atom(0) // element whose text is not shown
	z := html.NewTokenizer(strings.NewReader(fragment))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return collapse(out.String())
		case html.TextToken:
			if hidden == 0 {
				out.Write(z.Text())
			}
		case html.StartTagToken:
			tag := tagOf(z)
			if hides[tag] && hidden == 0 {
				hidden = tag
			}
			separate(&out, tag)
		case html.EndTagToken:
			tag := tagOf(z)
			if tag == hidden {
				hidden = 0
			}
			separate(&out, tag)
		case html.SelfClosingTagToken:
			separate(&out, tagOf(z))
		}
	}
}

// hides are elements the tokenizer reads as raw text up to their end tag, so
// that none can stay open by mistake and swallow what follows it.
var hides = map[atom.Atom]bool{
	atom.Script: true, atom.Style: true, atom.Noscript: true,
	atom.Iframe: true, atom.Noembed: true, atom.Noframes: true,
}

// inline elements stand within a word; all others part what is before and behind.
var inline = map[atom.Atom]bool{
	atom.A: true, atom.Abbr: true, atom.B: true, atom.Big: true, atom.Cite: true, atom.Code: true,
	atom.Em: true, atom.Font: true, atom.I: true, atom.Mark: true, atom.S: true, atom.Small: true,
	atom.Span: true, atom.Strong: true, atom.Sub: true, atom.Sup: true, atom.U: true, atom.Wbr: true,
}

func tagOf(z *html.Tokenizer) atom.Atom {
	name, _ := z.TagName()
	return atom.Lookup(name)
}

func separate(out *strings.Builder, tag atom.Atom) {
	if !inline[tag] {
		out.WriteByte(' ')
	}
}

func collapse(s string) string {
	return strings.Join(strings.Fields(strings.Map(visible, s)), " ")
}

// visible drops what nobody sees and what splits words that look whole: control
// characters, soft hyphens, zero-width spaces, byte-order marks.
func visible(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case unicode.IsControl(r), r == '\u00ad', r == '\u200b', r == '\u2060', r == '\ufeff':
		return -1
	}
	return r
}

// leadBytes is how much of a title, summary or body stands for it: models and embedders
// judge a story by its beginning, and the rest is mostly about the company.
const leadBytes = 2000

// Text returns what an item says in short: its title, and on the next line its
// summary or, without one, the beginning of its body. It is the text that is
// embedded, and the least that a model is shown.
func (it *Item) Text() string {
	title, lead := cut(collapse(cut(it.Title, 4*leadBytes)), leadBytes), collapse(cut(it.Summary, 4*leadBytes))
	if lead == "" {
		lead = collapse(cut(it.Body, 4*leadBytes))
	}
	lead = cut(lead, leadBytes)
	switch {
	case title == "" || strings.HasPrefix(lead, title):
		return lead
	case lead == "":
		return title
	}
	return title + "\n" + lead
}

// cut shortens s to at most n bytes, at a space if there is one near the end.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	if i := strings.LastIndexByte(s[:n], ' '); i > n*3/4 {
		n = i
	}
	return s[:n]
}
