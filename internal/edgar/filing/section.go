package filing

import (
	"slices"
	"strings"
)

// A Section is what stands under one heading of the form.
type Section struct {
	Part   string `json:"part,omitempty"` // "I" … "IV" of a 10-K or 10-Q; empty in an 8-K
	Number string `json:"number"`         // "2.02"; before August 2004 "5"; of a 10-K "7A"
	Title  string `json:"title"`
	// Elements begin with the heading and have no page numbers among them. Sections
	// under one heading ("Items 2.02 and 7.01") share them.
	Elements []Element `json:"elements"`
}

// An Item is a section of an 8-K.
type Item = Section

// Paragraphs returns the text of each element after the heading.
func (s Section) Paragraphs() []string {
	if len(s.Elements) < 2 {
		return nil
	}
	texts := make([]string, 0, len(s.Elements)-1)
	for _, e := range s.Elements[1:] {
		texts = append(texts, e.Text)
	}
	return texts
}

// Text returns all of the section, an element to a line, the heading first.
func (s Section) Text() string {
	var b strings.Builder
	for i, e := range s.Elements {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.Text)
	}
	return b.String()
}

// Items returns the items of an 8-K in the order they are reported, or nothing if the
// document is none. An item ends where the next one begins, and the last one at the
// signature. An item that is reported in two places is returned once, with both.
func (d *Document) Items() []Item { return d.expand(d.items()) }

// Sections returns the sections of a 10-K or 10-Q in the order of the form, or nothing
// if the document is none. What stands before the first heading and after the
// signature is part of none. A report that names its items only in an index of pages
// has the pages listed there; they may be in several sections.
func (d *Document) Sections() []Section {
	spans := d.sections()
	if len(spans) < fewSections && d.report() {
		if indexed := d.byIndex(); len(indexed) > len(spans) {
			return indexed
		}
	}
	return d.expand(spans)
}

// fewSections are fewer than any 10-K or 10-Q has.
const fewSections = 4

// report tells whether the form may have sections.
func (d *Document) report() bool {
	return d.Cover.Form == "" || strings.HasPrefix(d.Cover.Form, "10-")
}

// A span is a heading and what stands under it.
type span struct {
	mark
	from, to int // of the document's elements
}

// expand returns a section for each number of the headings, each number once.
func (d *Document) expand(spans []span) []Section {
	var out []Section
	var pieces [][][]Element // of each section
	at := map[[2]string]int{}
	for _, s := range spans {
		elements := withoutPages(d.Elements[s.from:s.to])
		for _, number := range s.numbers {
			key := [2]string{s.part, number}
			i, again := at[key]
			if !again {
				i = len(out)
				at[key] = i
				out = append(out, Section{Part: s.part, Number: number, Title: s.name(number)})
				pieces = append(pieces, nil)
			}
			pieces[i] = append(pieces[i], elements)
		}
	}
	for i := range out {
		if out[i].Elements = pieces[i][0]; len(pieces[i]) > 1 {
			out[i].Elements = slices.Concat(pieces[i]...)
		}
	}
	return out
}

// name is the title of the form's item, as the form has it or else as the filer does.
func (s span) name(number string) string {
	if s.part == "" {
		if name := Name(number); name != "" {
			return name
		}
	}
	title, _, _ := strings.Cut(s.title, "\n")
	if i := strings.Index(title, ". "); i > 0 {
		title = title[:i]
	}
	const most = 160
	if len(title) > most {
		title = title[:strings.LastIndexByte(title[:most], ' ')+1]
	}
	return strings.Trim(title, separators)
}

// label is how a chunk names its section.
func (s span) label() string {
	label := "Item " + strings.Join(s.numbers, ", ")
	if name := s.name(s.numbers[0]); name != "" {
		label += ". " + name
	}
	if s.part != "" {
		label = "Part " + s.part + ", " + label
	}
	return label
}

func withoutPages(elements []Element) []Element {
	isPage := func(e Element) bool { return e.Kind == Page }
	if !slices.ContainsFunc(elements, isPage) {
		return elements[:len(elements):len(elements)]
	}
	return slices.DeleteFunc(slices.Clone(elements), isPage)
}

// A candidate is a heading that may begin a section, and how much text is under it.
type candidate struct {
	mark
	at     int
	weight int // letters up to the next candidate
}

// candidates finds all headings of items and parts that keep accepts.
func (d *Document) candidates(keep func(*mark) bool) []candidate {
	var out []candidate
	for i := range d.Elements {
		e := &d.Elements[i]
		if e.Kind != Title && e.Kind != Text {
			if len(out) > 0 && e.Kind != Page {
				out[len(out)-1].weight += len(e.Text)
			}
			continue
		}
		if m, ok := parseHeading(e.Text); ok && keep(&m) {
			c := candidate{mark: m, at: i}
			if len(m.title) > longestTitle {
				c.weight = len(m.title) // the text goes on behind the heading
			}
			out = append(out, c)
		} else if len(out) > 0 {
			out[len(out)-1].weight += len(e.Text)
		}
	}
	return out
}

// items finds the items of an 8-K.
func (d *Document) items() []span {
	if d.periodic() {
		return nil
	}
	found := d.candidates(func(m *mark) bool {
		m.part = ""
		m.numbers = slices.DeleteFunc(m.numbers, func(n string) bool { return Name(n) == "" })
		slices.Sort(m.numbers)
		m.numbers = slices.Compact(m.numbers)
		return len(m.numbers) > 0
	})
	found = ofOneAge(found)
	end := len(d.Elements)
	if len(found) > 0 {
		end = d.signature(found[0].at)
	}
	found = slices.DeleteFunc(found, func(c candidate) bool { return c.at >= end })
	found = afterContents(found)
	spans := make([]span, len(found))
	for i, c := range found {
		spans[i] = span{c.mark, c.at, end}
		if i > 0 {
			spans[i-1].to = c.at
			if groups(d.Elements[c.at-1].Text) && c.at-1 > spans[i-1].from {
				spans[i-1].to--
			}
		}
	}
	return spans
}

// groups tells the heading that the form has above items of a kind, such as
// "Section 5 – Corporate Governance and Management".
func groups(text string) bool {
	return len(text) < 120 && hasWord(text, "section ") && '1' <= text[8] && text[8] <= '9'
}

// periodic tells whether the form is known to have sections and no items of an 8-K.
func (d *Document) periodic() bool {
	return strings.HasPrefix(d.Cover.Form, "10-") || strings.HasPrefix(d.Cover.Form, "EX-")
}

// ofOneAge keeps the items since August 2004, which have decimals, or else those from before.
func ofOneAge(found []candidate) []candidate {
	decimal := func(c candidate) bool { return strings.Contains(c.numbers[0], ".") }
	if !slices.ContainsFunc(found, decimal) {
		return found
	}
	return slices.DeleteFunc(found, func(c candidate) bool { return !decimal(c) })
}

// afterContents drops a table of contents: headings with hardly any text under them,
// before the point where the first of them comes again.
func afterContents(found []candidate) []candidate {
	for i := 1; i < len(found); i++ {
		if found[i].numbers[0] != found[0].numbers[0] {
			continue
		}
		before, after := 0, 0
		for j, c := range found {
			if j < i {
				before += c.weight
			} else {
				after += c.weight
			}
		}
		if before < 100*i+200 && before < after && covers(found[i:], found[:i]) {
			return found[i:]
		}
		return found
	}
	return found
}

// covers tells whether all of the items come again.
func covers(again, listed []candidate) bool {
	for _, c := range listed {
		same := func(o candidate) bool { return slices.Contains(o.numbers, c.numbers[0]) }
		if !slices.ContainsFunc(again[:min(len(again), 100)], same) {
			return false
		}
	}
	return true
}

// signature is the element that ends the last section: the signature, with its title.
func (d *Document) signature(from int) int {
	for i := from; i < len(d.Elements); i++ {
		if !signs(d.Elements[i].Text) {
			continue
		}
		for j := i; j > max(from, i-4); j-- {
			if t := d.Elements[j-1].Text; len(t) < 20 && strings.HasPrefix(letters(t), "SIGNATURE") {
				return j - 1
			}
		}
		return i
	}
	for i := len(d.Elements) - 1; i > from; i-- {
		if t := d.Elements[i].Text; len(t) < 30 && strings.HasPrefix(letters(t), "SIGNATURE") {
			return i
		}
	}
	return len(d.Elements)
}

func signs(s string) bool {
	return strings.Contains(s, "duly caused") && strings.Contains(s, "signed") || len(s) < 400 && hasWord(s, "pursuant to the requirements of the securities")
}

// letters are the letters of a text in upper case: "S I G N A T U R E S" has them too.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if r = r &^ 0x20; 'A' <= r && r <= 'Z' {
			return r
		}
		return -1
	}, s)
}

// sections finds the sections of a 10-K or 10-Q: of all headings, those in the order of
// the form that have the most text under them. So a table of contents, the heading
// repeated on each page and a section named inside another do not matter.
func (d *Document) sections() []span {
	if !d.report() {
		return nil
	}
	found := d.candidates(func(m *mark) bool {
		m.numbers = slices.DeleteFunc(m.numbers, func(n string) bool { return rank(n) == 0 })
		return m.part != "" || len(m.numbers) > 0
	})
	quarterly := d.quarterly(found)
	found = inParts(found, quarterly)
	chosen := heaviest(found, quarterly)
	if len(chosen) == 0 {
		return nil
	}
	end := d.signature(chosen[len(chosen)-1].at)
	spans := make([]span, 0, len(chosen))
	for i, c := range chosen {
		if n := len(spans); n > 0 {
			spans[n-1].to = c.at
			if same := spans[n-1]; i > 0 && same.part == c.part && slices.Equal(same.numbers, c.numbers) {
				continue // the heading again: the section goes on
			}
		}
		spans = append(spans, span{c.mark, c.at, end})
	}
	spans[len(spans)-1].to = end
	return d.withoutParts(spans)
}

// withoutParts ends a section before the heading of the next part, which is no text of it.
func (d *Document) withoutParts(spans []span) []span {
	for i := range spans[:len(spans)-1] {
		s := &spans[i]
		for j := s.to - 1; j > max(s.from, s.to-5); j-- {
			if m, ok := parseHeading(d.Elements[j].Text); ok && m.part != "" && len(m.numbers) == 0 {
				s.to = j
				break
			}
		}
	}
	return spans
}

// rank orders the numbers of a 10-K: 1, 1A, 1B … 16. It is 0 for what is none.
func rank(number string) int {
	n, letter := 0, 0
	for _, r := range number {
		switch {
		case '0' <= r && r <= '9':
			n = n*10 + int(r-'0')
		case 'A' <= r && r <= 'C':
			letter = int(r-'A') + 1
		default:
			return 0
		}
	}
	if n < 1 || n > 16 {
		return 0
	}
	return n*4 + letter
}

func (d *Document) quarterly(found []candidate) bool {
	if d.Cover.Form != "" {
		return strings.HasPrefix(d.Cover.Form, "10-Q")
	}
	return !slices.ContainsFunc(found, func(c candidate) bool { return len(c.numbers) > 0 && rank(c.numbers[0]) > rank("8") })
}

// inParts gives each item its part: of a 10-Q the one whose heading came last, or the
// next one where numbers begin anew; of a 10-K the one that the form says.
func inParts(found []candidate, quarterly bool) []candidate {
	part, last := "I", 0
	out := found[:0]
	for _, c := range found {
		if c.part != "" {
			part, last = c.part, 0
		}
		if len(c.numbers) == 0 {
			if len(out) > 0 {
				out[len(out)-1].weight += c.weight
			}
			continue
		}
		n := rank(c.numbers[0])
		if quarterly && part == "I" && n == rank("1") && last >= rank("3") {
			part = "II"
		}
		last = n
		if c.part = part; !quarterly {
			c.part = partOf(n)
		}
		out = append(out, c)
	}
	return out
}

// partOf is the part of a 10-K that an item is in.
func partOf(rank int) string {
	switch item := rank / 4; {
	case item < 5:
		return "I"
	case item < 10:
		return "II"
	case item < 15:
		return "III"
	}
	return "IV"
}

// heaviest chooses, of all headings, the sequence in the order of the form that has
// the most text under it.
func heaviest(found []candidate, quarterly bool) []candidate {
	const ranks = 2 * 68
	type best struct{ weight, last int }
	var by [ranks]best // sequences that end with a rank
	for i := range by {
		by[i].last = -1
	}
	previous := make([]int, len(found))
	for i, c := range found {
		r := rank(c.numbers[0])
		if quarterly && c.part != "I" {
			r += ranks / 2
		}
		before := best{0, -1}
		for _, b := range by[:r+1] {
			if b.last >= 0 && b.weight > before.weight {
				before = b
			}
		}
		previous[i] = before.last
		if weight := before.weight + c.weight + 1; weight > by[r].weight {
			by[r] = best{weight, i}
		}
	}
	top := best{0, -1}
	for _, b := range by {
		if b.weight > top.weight {
			top = b
		}
	}
	var out []candidate
	for i := top.last; i >= 0; i = previous[i] {
		out = append(out, found[i])
	}
	slices.Reverse(out)
	return withoutEmpty(out)
}

// withoutEmpty drops a heading with nothing under it if it comes again: a line of the
// table of contents.
func withoutEmpty(chosen []candidate) []candidate {
	const little = 60 // a page number, a company's name
	var out []candidate
	for i, c := range chosen {
		again := i+1 < len(chosen) && chosen[i+1].part == c.part && slices.Equal(chosen[i+1].numbers, c.numbers)
		if again && c.weight < little {
			continue
		}
		out = append(out, c)
	}
	return out
}
