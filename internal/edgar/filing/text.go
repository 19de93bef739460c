package filing

import (
	"strings"
	"unicode"
)

// readText reads plain text as EDGAR has it from before HTML: lines of up to 80 columns,
// paragraphs parted by blank ones, tables set in spaces between <TABLE> tags, and
// <PAGE> where a page ends. It begins at an offset of the source.
func readText(text string, offset int) []Element {
	p := plain{}
	for len(text) > 0 {
		line, rest, _ := strings.Cut(text, "\n")
		if i := strings.IndexByte(line, '<'); i > 0 && len(line) >= i+6 && strings.EqualFold(line[i:i+6], "<page>") {
			line, rest = line[:i], text[i:] // in the middle of a line
		}
		p.at = offset
		p.line(clean(line))
		offset += len(text) - len(rest)
		text = rest
	}
	p.endTable()
	p.end()
	return p.out
}

// clean drops carriage returns and other controls, and widens tabs.
func clean(line string) string {
	line = strings.TrimRightFunc(line, unicode.IsSpace)
	if strings.IndexFunc(line, unwanted) < 0 {
		return line
	}
	var b strings.Builder
	for _, r := range line {
		switch {
		case r == '\t':
			b.WriteString("    ")
		case r == '\u00a0':
			b.WriteByte(' ')
		case !unwanted(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

func unwanted(r rune) bool {
	return unicode.IsControl(r) || r == '\u00a0' || r == '\u00ad' || r == '\ufeff'
}

type plain struct {
	out     []Element
	at      int
	lines   []string // of the paragraph
	from    int      // where it begins
	table   []string // lines between <TABLE> and </TABLE>
	tableAt int
	inTable bool
	newPage bool
}

func (p *plain) line(s string) {
	trimmed := strings.TrimSpace(s)
	for strings.HasPrefix(trimmed, "<") {
		rest, ok := p.tag(trimmed)
		if !ok {
			break
		}
		if s, trimmed = rest, strings.TrimSpace(rest); trimmed == "" {
			return
		}
	}
	if p.inTable {
		p.table = append(p.table, s)
		return
	}
	p.paragraph(s, trimmed)
}

// tag reads the tag that a line begins with, if it is one that plain text has, and
// returns what follows it on the line.
func (p *plain) tag(s string) (rest string, ok bool) {
	const longest = len("</CAPTION>")
	end := strings.IndexByte(s[:min(len(s), longest)], '>')
	if end < 0 {
		return s, false
	}
	switch strings.ToUpper(s[1:end]) {
	case "PAGE":
		if !p.inTable {
			p.end()
			p.breakPage()
			if number := strings.TrimSpace(s[end+1:]); pageNumber(number) {
				p.out = append(p.out, Element{Kind: Page, Text: number, Offset: p.at})
				return "", true
			}
		}
	case "TABLE":
		p.endTable()
		p.end()
		p.inTable, p.tableAt = true, p.at
	case "/TABLE":
		p.endTable()
	case "CAPTION", "S", "C", "FN", "F1", "F2", "F3", "F4", "/FN", "/CAPTION", "/PAGE":
	default:
		return s, false
	}
	return s[end+1:], true
}

func (p *plain) breakPage() {
	p.newPage = true
	if len(p.out) > 0 {
		p.out[len(p.out)-1].look |= pageEnd
	}
}

func (p *plain) paragraph(s, trimmed string) {
	switch {
	case trimmed == "":
		p.end()
		return
	case ruled(trimmed):
		if len(p.lines) == 1 {
			p.emit(underlined)
		} else {
			p.end()
		}
		return
	}
	if n := len(p.lines); n > 0 && indent(s) >= indent(p.lines[n-1])+3 && ended(p.lines[n-1]) {
		p.end() // its first line is set in
	}
	if len(p.lines) == 0 {
		p.from = p.at
	}
	p.lines = append(p.lines, s)
}

// ruled tells a line drawn with dashes, such as EDGAR's "- -----", from text.
func ruled(s string) bool { return strings.Trim(s, "-_=* ") == "" }

func indent(s string) int { return len(s) - len(strings.TrimLeft(s, " ")) }

func ended(s string) bool {
	s = strings.TrimRight(s, `"')”’`)
	return s != "" && strings.ContainsRune(".:;", rune(s[len(s)-1]))
}

func (p *plain) end() {
	if len(p.lines) == 0 {
		return
	}
	if rows, ok := columns(p.lines); ok {
		p.add(Element{Kind: Table, Text: render(rows), Rows: rows, Offset: p.from})
		p.lines = p.lines[:0]
		return
	}
	p.emit(0)
}

// emit ends the paragraph.
func (p *plain) emit(set look) {
	var b strings.Builder
	for i, line := range p.lines {
		if i > 0 && b.Len() > 0 {
			b.WriteByte(' ')
		}
		for j, word := range strings.Fields(line) {
			if j > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(word)
		}
	}
	if len(p.lines) == 1 && indent(p.lines[0]) > 12 {
		set |= centered
	}
	text := b.String()
	if strings.ToUpper(text) == text && strings.ToLower(text) != text && strings.IndexFunc(text, unicode.IsLower) < 0 {
		set |= capitals
	}
	p.lines = p.lines[:0]
	p.add(Element{Text: text, Offset: p.from, look: set})
}

func (p *plain) add(e Element) {
	if p.newPage {
		e.look |= pageTop
		p.newPage = false
	}
	p.out = append(p.out, e)
}

// endTable ends what <TABLE> began. Some filers put text there too.
func (p *plain) endTable() {
	if !p.inTable {
		return
	}
	p.inTable = false
	lines := p.table
	p.table = nil
	if rows, ok := columns(lines); ok {
		p.add(Element{Kind: Table, Text: render(rows), Rows: rows, Offset: p.tableAt})
		return
	}
	p.at = p.tableAt
	for _, s := range lines {
		p.paragraph(s, strings.TrimSpace(s))
	}
	p.end()
}

// columns reads lines as the rows of a table, if figures stand in columns in at least
// two of them and in a third of all.
func columns(lines []string) ([][]string, bool) {
	if len(lines) < 2 {
		return nil, false
	}
	figures, all := 0, 0
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if line == "" || ruled(line) {
			continue
		}
		all++
		if _, ok := parseHeading(line); ok {
			return nil, false
		}
		if i := strings.LastIndex(line, "  "); i >= 0 && numeric(strings.TrimLeft(line[i:], " $(")) {
			figures++
		}
	}
	if figures < 2 || figures*3 < all {
		return nil, false
	}
	rows := make([][]string, 0, all)
	for _, line := range lines {
		if cells := gaps(line); len(cells) > 0 {
			rows = append(rows, cells)
		}
	}
	return rows, true
}

// gaps cuts a line where it has two spaces or more; a line that only rules off columns
// has no cells.
func gaps(line string) []string {
	if ruled(strings.TrimSpace(line)) {
		return nil
	}
	var cells []string
	if indent(line) >= 20 {
		cells = append(cells, "") // a head above the columns of figures
	}
	prefix := ""
	for cell := range strings.SplitSeq(line, "  ") {
		cell = strings.TrimSpace(cell)
		switch {
		case cell == "":
		case currency(cell) && len(prefix) < longestFigure:
			prefix += cell
		case suffix(cell) && prefix == "" && len(cells) > 0 && len(cells[len(cells)-1]) < longestFigure:
			cells[len(cells)-1] += cell
		default:
			cells = append(cells, prefix+cell)
			prefix = ""
		}
	}
	if prefix != "" {
		cells = append(cells, prefix)
	}
	return cells
}
