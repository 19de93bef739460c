package change

import "strings"

// joinPages leaves out what belongs to the page and not to the text, and puts
// together the paragraphs that the end of a page has cut in two: else each of them
// would be new wherever the text before it grew by a line.
func joinPages(texts []string) []Paragraph {
	list := make([]Paragraph, 0, len(texts))
	var parts []string // of the last paragraph in list
	end := func() {
		if len(parts) > 1 {
			list[len(list)-1].Text = strings.Join(parts, " ")
		}
	}
	turned := false
	for _, p := range lines(texts) {
		i, text := p.Index, p.Text
		if furniture(text) {
			turned = true
			continue
		}
		if len(parts) > 0 && continues(parts[len(parts)-1], text, turned) {
			parts = append(parts, text)
		} else {
			end()
			list = append(list, Paragraph{Index: i, Text: text})
			parts = append(parts[:0], text)
		}
		turned = false
	}
	end()
	return list
}

// lines takes tables that are one paragraph apart, row by row: one figure that is
// another is not another table.
func lines(texts []string) []Paragraph {
	list := make([]Paragraph, 0, len(texts))
	for i, text := range texts {
		if !strings.Contains(text, " | ") || !strings.Contains(text, "\n") {
			list = append(list, Paragraph{i, text})
			continue
		}
		for line := range strings.SplitSeq(text, "\n") {
			list = append(list, Paragraph{i, line})
		}
	}
	return list
}

// continues reports whether next is the rest of the paragraph that last belongs to:
// it begins in lower case, or on another page, where last has not come to an end.
func continues(last, next string, turned bool) bool {
	last, next = strings.TrimSpace(last), strings.TrimSpace(next)
	if last == "" || next == "" || len(last) < 60 || strings.Contains(last, " | ") || strings.Contains(next, " | ") {
		return false
	}
	for _, stop := range []string{".", ";", ":", "!", "?", ")", "”", "\"", "’"} {
		if strings.HasSuffix(last, stop) {
			return false
		}
	}
	if c := next[0]; 'a' <= c && c <= 'z' {
		return true
	}
	return turned && next[0] < 0x80 && next[0] != '-' && next[0] != '*'
}
