package filing

import (
	"slices"
	"strconv"
	"strings"
)

// indexed is an entry of a cross-reference index: on which pages an item is answered.
type indexed struct {
	mark
	pages [][2]int // from, to
}

// byIndex reads the sections of a report that has no headings of items but a
// cross-reference index: "Item 1A. Risk Factors | Pages 45-60, 72".
func (d *Document) byIndex() []Section {
	var out []Section
	for _, e := range d.Elements {
		if e.Kind != Table {
			continue
		}
		entries := readIndex(e.Rows)
		if len(entries) == 0 {
			continue
		}
		pages := d.pages()
		for _, entry := range entries {
			elements := pages.of(d.Elements, entry.pages)
			if len(elements) == 0 {
				continue
			}
			s := span{mark: entry.mark}
			number := entry.numbers[0]
			heading := Element{Kind: Title, Level: 2, Text: joinTitle(number, s.name(number)), Offset: e.Offset}
			out = append(out, Section{
				Part: entry.part, Number: number, Title: s.name(number),
				Elements: append([]Element{heading}, elements...),
			})
		}
		return out
	}
	return nil
}

func joinTitle(number, title string) string {
	return strings.TrimRight("Item "+number+". "+title, " ")
}

// readIndex reads a table as an index: six items or more, and a range of pages among
// what it says about them. A table of contents has only the page where each begins.
func readIndex(rows [][]string) []indexed {
	var out []indexed
	ranges := 0
	for _, row := range rows {
		row = slices.DeleteFunc(slices.Clone(row), func(s string) bool { return s == "" })
		if len(row) == 0 {
			continue
		}
		if m, ok := parseHeading(row[0]); ok && len(m.numbers) > 0 && rank(m.numbers[0]) > 0 {
			if m.title == "" && len(row) > 1 {
				m.title = row[1]
			}
			m.part = partOf(rank(m.numbers[0]))
			out = append(out, indexed{mark: m})
		}
		if len(out) == 0 || len(row) < 2 {
			continue
		}
		pages, ok := parsePages(row[len(row)-1])
		if !ok {
			continue
		}
		last := &out[len(out)-1]
		last.pages = append(last.pages, pages...)
		ranges += len(pages)
		for _, p := range pages {
			if p[0] == p[1] {
				ranges--
			}
		}
	}
	if len(out) < 6 || ranges == 0 {
		return nil
	}
	return out
}

// parsePages reads "Pages 45-60, 72".
func parsePages(s string) ([][2]int, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	s = strings.TrimPrefix(strings.TrimPrefix(s, "pages"), "page")
	var out [][2]int
	for field := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == ';' }) {
		from, to, ranged := strings.Cut(strings.NewReplacer("–", "-", "—", "-").Replace(field), "-")
		first, err := strconv.Atoi(strings.TrimSpace(from))
		if err != nil || first < 1 || first > 9999 {
			return nil, false
		}
		last := first
		if ranged {
			if last, err = strconv.Atoi(strings.TrimSpace(to)); err != nil || last < first || last > 9999 {
				return nil, false
			}
		}
		if out = append(out, [2]int{first, last}); len(out) > 50 {
			return nil, false
		}
	}
	return out, len(out) > 0
}

// pageEnds are where pages end, in the order of the document.
type pageEnds []struct{ number, from, to int }

// pages finds which elements are on which page, by the numbers at their feet.
func (d *Document) pages() pageEnds {
	var out pageEnds
	from, last := 0, 0
	for i, e := range d.Elements {
		if e.Kind != Page {
			continue
		}
		n := lastNumber(e.Text)
		if n <= last || n > last+50 && last > 0 {
			continue // a header, or a number that is not the page's
		}
		out = append(out, struct{ number, from, to int }{n, from, i})
		from, last = i+1, n
	}
	return out
}

// lastNumber is the number that a text ends with, or 0.
func lastNumber(s string) int {
	s = strings.TrimRight(s, " -–—|")
	n, _ := strconv.Atoi(s[len(strings.TrimRight(s, "0123456789")):])
	return n
}

// of returns what is on the pages, each page once.
func (p pageEnds) of(elements []Element, pages [][2]int) []Element {
	var out []Element
	for _, page := range p {
		for _, asked := range pages {
			if asked[0] <= page.number && page.number <= asked[1] {
				out = append(out, withoutPages(elements[page.from:page.to])...)
				break
			}
		}
	}
	return out
}
