package filing

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html/atom"
)

// A table is a <table> being read: what its cells hold, row by row.
type table struct {
	base   int // of its tag among the open ones
	inCell bool
	rows   []row
	cells  []cell    // that are not empty
	held   []Element // by the cells, in order
	stray  []Element // text outside any cell; browsers show it above the table
	column int       // of the next cell
}

type row struct{ from, to int } // of cells

type cell struct {
	column   int
	from, to int // of held
}

func (r *reader) startTable(s style) {
	r.flush()
	r.endParagraph()
	if len(r.tables) >= maxTables || len(r.open) >= maxDepth {
		r.uncounted++
		return
	}
	t := &table{base: len(r.open)}
	r.pushTag(atom.Table, s)
	r.tables = append(r.tables, t)
}

// pushTag opens a tag of a table.
func (r *reader) pushTag(tag atom.Atom, s style) {
	r.open = append(r.open, frame{tag: tag, set: s.set, clear: s.clear, hides: s.hidden})
	r.inherit(len(r.open) - 1)
}

func (r *reader) startRow() {
	r.endCell()
	if n := len(r.tables); n > 0 && r.uncounted == 0 {
		t := r.tables[n-1]
		t.rows = append(t.rows, row{len(t.cells), len(t.cells)})
		t.column = 0
	}
}

func (r *reader) startCell(tag atom.Atom, s style, span int) {
	if len(r.tables) == 0 || r.uncounted > 0 {
		r.flush()
		return
	}
	r.endCell()
	t := r.tables[len(r.tables)-1]
	if len(t.rows) == 0 {
		t.rows = append(t.rows, row{})
	}
	if tag == atom.Th {
		s.set |= bold
	}
	r.pushTag(tag, s)
	t.inCell = true
	t.cells = append(t.cells, cell{t.column, len(t.held), len(t.held)})
	t.column += span
}

// endCell closes the open cell of the innermost table and whatever is open in it.
func (r *reader) endCell() {
	r.flush()
	if len(r.tables) == 0 || r.uncounted > 0 {
		return
	}
	t := r.tables[len(r.tables)-1]
	r.open = r.open[:t.base+1]
	if !t.inCell {
		return
	}
	t.inCell = false
	last := len(t.cells) - 1
	if t.cells[last].to = len(t.held); t.cells[last].from == len(t.held) {
		t.cells = t.cells[:last]
	}
	t.rows[len(t.rows)-1].to = len(t.cells)
}

func (r *reader) endTable() {
	if r.uncounted > 0 {
		r.flush()
		r.uncounted--
		return
	}
	if len(r.tables) == 0 {
		r.flush()
		return
	}
	r.endCell()
	t := r.tables[len(r.tables)-1]
	r.tables = r.tables[:len(r.tables)-1]
	r.open = r.open[:t.base]
	for _, e := range t.stray {
		r.emit(e)
	}
	for _, e := range t.elements() {
		r.emit(e)
	}
}

func (t *table) add(e Element) {
	if t.inCell {
		t.held = append(t.held, e)
	} else {
		t.stray = append(t.stray, e)
	}
}

// elements returns the table as one element; or, where it is only there to place
// text on the page, what it holds.
func (t *table) elements() []Element {
	t.rows = slices.DeleteFunc(t.rows, func(r row) bool { return r.from == r.to })
	switch {
	case len(t.rows) == 0:
		return nil
	case t.places():
		return t.held
	case t.lists():
		return t.joined(entry)
	case t.reads():
		return t.joined(0)
	}
	rows := t.grid()
	return []Element{{Kind: Table, Text: render(rows), Rows: rows, Offset: t.held[0].Offset}}
}

// places tells whether cells are pages or columns of text: one to a row, or with
// tables or many paragraphs in them.
func (t *table) places() bool {
	single := true
	for _, r := range t.rows {
		single = single && r.to-r.from == 1
	}
	if single {
		return true
	}
	for _, c := range t.cells {
		size := 0
		for _, e := range t.held[c.from:c.to] {
			if e.Kind == Table {
				return true
			}
			size += len(e.Text)
		}
		if c.to-c.from > 3 && size > 1000 {
			return true
		}
	}
	return false
}

// lists tells whether each row is a bullet or number and its text.
func (t *table) lists() bool {
	for _, r := range t.rows {
		if r.to-r.from != 2 || !bullet(t.text(r.from)) || numeric(t.text(r.from+1)) {
			return false
		}
	}
	return true
}

// reads tells whether rows read as lines of text: a heading whose number is in a cell
// of its own, or a single row that is no row of figures.
func (t *table) reads() bool {
	headings, pages, numbers := 0, 0, 0
	for _, r := range t.rows {
		if _, ok := parseHeading(t.text(r.from)); ok {
			headings++
			if _, ok := parsePages(t.text(r.to - 1)); ok || numeric(t.text(r.to-1)) {
				pages++ // a table of contents or index
			}
		}
		for i := r.from + 1; i < r.to; i++ {
			if numeric(t.text(i)) {
				numbers++
			}
		}
	}
	if headings > 0 {
		return pages == 0 && (numbers == 0 || headings == len(t.rows))
	}
	return len(t.rows) == 1 && (numbers == 0 || len(t.cells) == 2 && bullet(t.text(0)))
}

// text is the first paragraph of a cell: enough to tell what the cell is.
func (t *table) text(cell int) string { return t.held[t.cells[cell].from].Text }

// joined returns each row as one element.
func (t *table) joined(set look) []Element {
	out := make([]Element, 0, len(t.rows))
	for _, r := range t.rows {
		held := t.held[t.cells[r.from].from:t.cells[r.to-1].to]
		e := held[0]
		if len(held) > 1 {
			var text strings.Builder
			for i, h := range held {
				if i > 0 {
					text.WriteByte(' ')
					if !bullet(held[0].Text) || i > 1 {
						e.look &= h.look
					} else {
						e.look = h.look
					}
				}
				text.WriteString(h.Text)
			}
			e.Text = text.String()
		}
		e.look |= set
		out = append(out, e)
	}
	return out
}

// grid lines the cells up in columns. Filings set "$", figure and ")" in cells of
// their own and part columns by empty ones, so that positions are merged wherever no
// row needs both.
func (t *table) grid() [][]string {
	type placed struct {
		row, column int
		text        string
	}
	var all []placed
	for i, r := range t.rows {
		var prefix string
		at, begun := 0, len(all)
		for _, c := range t.cells[r.from:r.to] {
			text := t.cellText(c)
			switch {
			case suffix(text) && len(all) > begun && prefix == "" && len(all[len(all)-1].text) < longestFigure:
				all[len(all)-1].text += text
				continue
			case currency(text) && len(prefix) < longestFigure:
				if prefix == "" {
					at = c.column
				}
				prefix += text
				continue
			case prefix == "":
				at = c.column
			}
			all = append(all, placed{i, at, prefix + text})
			prefix = ""
		}
		if prefix != "" {
			all = append(all, placed{i, at, prefix})
		}
	}
	byColumn := slices.Clone(all)
	slices.SortStableFunc(byColumn, func(a, b placed) int { return cmp.Compare(a.column, b.column) })
	last := make([]int, len(t.rows)) // group last used by each row, from 1
	group, widths := 1, 0
	groups := map[int]int{} // by column
	for i := 0; i < len(byColumn); {
		j := i
		for j < len(byColumn) && byColumn[j].column == byColumn[i].column {
			if last[byColumn[j].row] == group {
				group++
			}
			j++
		}
		for ; i < j; i++ {
			last[byColumn[i].row] = group
			groups[byColumn[i].column] = group
		}
	}
	for _, g := range last {
		widths += g
	}
	sparse := widths > 8*len(all)+1024 // a hostile table of holes
	rows := make([][]string, len(t.rows))
	backing := make([]string, 0, min(widths, 8*len(all)+1024))
	for i, k := 0, 0; i < len(rows); i++ {
		from := len(backing)
		for ; k < len(all) && all[k].row == i; k++ {
			for !sparse && len(backing)-from < groups[all[k].column]-1 {
				backing = append(backing, "")
			}
			backing = append(backing, all[k].text)
		}
		rows[i] = backing[from:len(backing):len(backing)]
	}
	return rows
}

func (t *table) cellText(c cell) string {
	if c.to-c.from == 1 {
		return t.held[c.from].Text
	}
	var b strings.Builder
	for i, e := range t.held[c.from:c.to] {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.Text)
	}
	return b.String()
}

// render writes a table as lines of cells.
func render(rows [][]string) string {
	size := 0
	for _, row := range rows {
		for _, cell := range row {
			size += len(cell) + 3
		}
	}
	var b strings.Builder
	b.Grow(size)
	for i, row := range rows {
		if i > 0 {
			b.WriteByte('\n')
		}
		for j, cell := range row {
			if j > 0 {
				b.WriteString(" | ")
			}
			for k := 0; k < len(cell); k++ {
				if c := cell[k]; c == '\n' {
					b.WriteByte(' ')
				} else {
					b.WriteByte(c)
				}
			}
		}
	}
	return b.String()
}

const longestFigure = 64 // with what is set around it

func currency(s string) bool {
	switch s {
	case "$", "€", "£", "¥", "(", "$(", "($", "US$", "C$", "-$":
		return true
	}
	return false
}

func suffix(s string) bool {
	switch s {
	case ")", "%", ")%", "%)", "x", "pts", "bps":
		return true
	}
	return false
}

// numeric tells a figure, or the dash in its place, from words.
func numeric(s string) bool {
	digits, others := 0, 0
	for _, r := range s {
		switch {
		case '0' <= r && r <= '9':
			digits++
		case unicode.IsLetter(r):
			return false
		case r != ' ':
			others++
		}
	}
	return digits > 0 || others == 1 && strings.ContainsAny(s, "-–—")
}

// bullet tells a bullet, or the number of a list's entry, from text: •, o, (a), (iv), 1., b)
func bullet(s string) bool {
	if s == "" || len(s) > 8 {
		return false
	}
	if r, size := utf8.DecodeRuneInString(s); size == len(s) {
		return strings.ContainsRune("•·●○◦▪■□☐☒☑–—-*§¨o†‡", r)
	}
	opened := strings.TrimPrefix(s, "(")
	inner := strings.TrimRight(opened, ").")
	if inner == "" || inner == opened {
		return strings.Trim(s, "*†‡") == ""
	}
	digits := strings.Trim(inner, "0123456789") == ""
	return digits && len(inner) <= 3 || len(inner) == 1 && unicode.IsLetter(rune(inner[0])) || strings.Trim(strings.ToLower(inner), "ivx") == ""
}
