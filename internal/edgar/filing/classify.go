package filing

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// classify says what each element is to its reader.
func classify(elements []Element) []Element {
	elements = splitHeadings(elements)
	markPages(elements)
	for i := range elements {
		e := &elements[i]
		if e.Kind != Text {
			continue
		}
		if m, ok := parseHeading(e.Text); ok && len(e.Text) < 400 {
			e.Kind, e.Level = Title, 2
			if m.part != "" && len(m.numbers) == 0 {
				e.Level = 1
			}
			continue
		}
		switch {
		case listed(e):
			e.Kind = List
		case titled(e):
			e.Kind, e.Level = Title, level(e.look)
		}
	}
	return elements
}

// splitHeadings parts an element where a line in it is the heading of an item.
func splitHeadings(elements []Element) []Element {
	var out []Element // nil as long as nothing was parted
	for i, e := range elements {
		pieces := pieces(e)
		if len(pieces) > 1 && out == nil {
			out = append(make([]Element, 0, len(elements)+8), elements[:i]...)
		}
		if out != nil {
			out = append(out, pieces...)
		}
	}
	if out == nil {
		return elements
	}
	return out
}

func pieces(e Element) []Element {
	if e.Kind != Text || !strings.Contains(e.Text, "\n") {
		return []Element{e}
	}
	var out []Element
	from := 0
	for i := 0; i < len(e.Text); i++ {
		if e.Text[i] != '\n' {
			continue
		}
		if _, ok := parseHeading(e.Text[i+1 : min(len(e.Text), i+400)]); ok {
			piece := e
			piece.Text = e.Text[from:i]
			out = append(out, piece)
			from = i + 1
		}
	}
	e.Text = e.Text[from:]
	return append(out, e)
}

func listed(e *Element) bool {
	if e.look&entry != 0 {
		return true
	}
	word, rest, ok := strings.Cut(e.Text, " ")
	if !ok || rest == "" {
		r, size := utf8.DecodeRuneInString(e.Text)
		return strings.ContainsRune("•●▪■", r) && size < len(e.Text)
	}
	if !bullet(word) || e.look&bold != 0 {
		return false
	}
	return true
}

const longestTitle = 250

// titled tells a heading by how it is set.
func titled(e *Element) bool {
	s := e.Text
	if len(s) > longestTitle || !strings.ContainsFunc(s, unicode.IsLetter) || none(s) || s[0] == '(' {
		return false
	}
	if strings.HasPrefix(s, "[") || strings.HasPrefix(s, "/s/") || hasWord(s, "see ") {
		return false
	}
	sentence := strings.ContainsAny(s[len(s)-1:], ".;:,") && strings.Contains(s, " ")
	switch {
	case e.look&heading != 0:
		return true
	case e.look&bold != 0:
		return !sentence || len(s) < 120 && s[len(s)-1] != ';' && s[len(s)-1] != ','
	case e.look&(italic|underlined) != 0:
		return !sentence || e.look&underlined != 0 && len(s) < 120
	case e.look&capitals != 0:
		return !sentence && len(s) < 150 && strings.Contains(s, " ") || e.look&centered != 0
	}
	return false
}

// level orders the ways in which headings are set.
func level(l look) int {
	switch {
	case l.has(bold | capitals), l.has(bold | centered), l.has(heading):
		return 3
	case l&(bold|italic) == bold:
		return 4
	case l.has(capitals):
		return 4
	}
	return 5
}

// markPages finds page numbers, and what is repeated around page breaks.
func markPages(elements []Element) {
	const near = 2 // elements from the break
	var around []int
	skeletons := map[string]int{}
	next := 0
	note := func(i int) {
		if i < next || i >= len(elements) {
			return
		}
		next = i + 1
		if e := &elements[i]; e.Kind == Text && len(e.Text) <= 200 {
			around = append(around, i)
			skeletons[skeleton(e.Text)]++
		}
	}
	for i := range elements {
		if elements[i].look&pageEnd != 0 || i == len(elements)-1 {
			for j := max(0, i-near+1); j <= i; j++ {
				note(j)
			}
		}
		if elements[i].look&pageTop != 0 {
			for j := i; j < i+near; j++ {
				note(j)
			}
		}
	}
	for _, i := range around {
		e := &elements[i]
		if pageNumber(e.Text) || skeletons[skeleton(e.Text)] >= 3 && repeats(e.Text) {
			e.Kind = Page
		}
	}
}

// skeleton is a text without its numbers.
func skeleton(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, s)
}

// repeats tells whether a text may be a running header: not the heading of an item, a
// reference to the notes, or the unit of a table.
func repeats(s string) bool {
	if m, ok := parseHeading(s); ok && len(m.numbers) > 0 {
		return false
	}
	lower := strings.ToLower(s)
	return s[0] != '(' && !none(s) && !strings.HasPrefix(lower, "see ") && !strings.HasPrefix(lower, "the accompanying")
}

// pageNumber tells 12, - 12 -, Page 12, F-3, iv.
func pageNumber(s string) bool {
	if len(s) > 16 {
		return false
	}
	s = strings.Trim(strings.ToLower(s), " -–—.")
	s = strings.TrimLeft(strings.TrimPrefix(s, "page"), " ")
	if s == "" {
		return false
	}
	if strings.Trim(s, "ivxl") == "" {
		return true
	}
	if len(s) > 2 && 'a' <= s[0] && s[0] <= 's' && s[1] == '-' {
		s = s[2:]
	}
	return len(s) <= 4 && strings.Trim(s, "0123456789") == ""
}
