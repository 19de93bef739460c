package filing

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxChunk is how many characters a chunk has at most, where nothing else is asked for.
const MaxChunk = 2048

// A Chunk is a piece of a filing that can be read by itself: a title with what
// follows it, a table. Company, Form, Period, Section and Heading say what it is a piece of.
type Chunk struct {
	Company string `json:"company,omitempty"`
	Form    string `json:"form,omitempty"`
	Period  string `json:"period,omitempty"`
	// Section is the item ("Item 2.02. Results of …"); before the first one "Cover page",
	// after the last "Signatures and exhibits", and empty in a document without items.
	Section string `json:"section,omitempty"`
	// Heading is the title that the chunk begins with or is under.
	Heading string `json:"heading,omitempty"`
	// Header is repeated from the first chunk of a table that is longer than a chunk; it
	// counts towards the chunk's length. Text is in no other chunk.
	Header string `json:"header,omitempty"`
	Text   string `json:"text"`
	// Offset is where the chunk's first element begins in the source, in bytes.
	Offset int `json:"offset"`
}

// String is the chunk with its context, as a model is to read it.
func (c Chunk) String() string {
	var b strings.Builder
	sep, heading := "", c.Heading
	if strings.HasPrefix(c.Text, heading) {
		heading = ""
	}
	for _, s := range []string{c.Company, c.Form, c.Period, c.Section, heading} {
		if s != "" {
			b.WriteString(sep + strings.ReplaceAll(s, "\n", " "))
			sep = " · "
		}
	}
	if sep != "" {
		b.WriteByte('\n')
	}
	if c.Header != "" {
		b.WriteString(c.Header + "\n")
	}
	b.WriteString(c.Text)
	return b.String()
}

// Chunks cuts the document into chunks of at most max characters ([MaxChunk] if max is
// not positive), in order. A section and a title begin a chunk; a table is in one piece
// unless it is longer than a chunk itself, and is then cut between rows, with its header
// repeated; a paragraph longer than that is cut between sentences.
//
// Each element but those of kind [Page] is in the chunks once, whole and in order, for
// the spaces where it was cut.
func (d *Document) Chunks(max int) []Chunk {
	if max <= 0 {
		max = MaxChunk
	}
	c := chunker{max: max, context: Chunk{Company: d.Cover.Company, Form: d.Cover.Form, Period: d.Cover.Period}}
	spans := d.items()
	if len(spans) == 0 {
		spans = d.sections()
	}
	at := 0
	for _, s := range spans {
		if at < s.from && at == 0 {
			c.section("Cover page", d.Elements[at:s.from])
		} else if at < s.from {
			c.section("", d.Elements[at:s.from]) // the title of the next part
		}
		c.section(s.label(), d.Elements[s.from:s.to])
		at = s.to
	}
	if at < len(d.Elements) {
		last := ""
		if at > 0 {
			last = "Signatures and exhibits"
		}
		c.section(last, d.Elements[at:])
	}
	return c.out
}

type chunker struct {
	max     int
	context Chunk // of the chunks to come
	out     []Chunk

	now   []byte // text of the chunk being filled
	size  int    // its characters
	body  bool   // it has more than titles
	first int    // offset of its first element
}

func (c *chunker) section(label string, elements []Element) {
	c.end()
	c.context.Section, c.context.Heading = label, ""
	for i := range elements {
		switch e := &elements[i]; e.Kind {
		case Page:
		case Title:
			if c.body {
				c.end()
			}
			if c.size == 0 {
				c.context.Heading = ""
			}
			if c.context.Heading == "" || e.Level > 2 {
				c.context.Heading = e.Text
			}
			c.paragraph(e)
			c.body = len(e.Text) > longestTitle // as when the text goes on behind the heading
		case Table:
			c.table(e)
		default:
			c.paragraph(e)
		}
	}
	c.end()
}

func (c *chunker) end() {
	if c.size == 0 {
		return
	}
	chunk := c.context
	chunk.Text, chunk.Offset = string(c.now), c.first
	c.out = append(c.out, chunk)
	c.now, c.size, c.body = c.now[:0], 0, false
}

func (c *chunker) add(text string, size, offset int) {
	if c.size == 0 {
		c.first = offset
	} else {
		c.now = append(c.now, '\n')
		c.size++
	}
	c.now = append(c.now, text...)
	c.size += size
	c.body = true
}

// room is how many characters fit behind a line break.
func (c *chunker) room() int {
	if c.size == 0 {
		return c.max
	}
	return c.max - c.size - 1
}

func (c *chunker) paragraph(e *Element) {
	size := utf8.RuneCountInString(e.Text)
	if size > c.room() && size <= c.max && c.body {
		c.end()
	}
	for text := e.Text; text != ""; {
		if size <= c.room() {
			c.add(text, size, e.Offset)
			return
		}
		if c.size > 0 && c.room() <= c.max/4 {
			c.end()
		}
		piece, rest := cut(text, c.room())
		n := utf8.RuneCountInString(piece)
		c.add(piece, n, e.Offset)
		c.end()
		size -= utf8.RuneCountInString(text[:len(text)-len(rest)])
		text = rest
	}
}

func (c *chunker) table(e *Element) {
	size := utf8.RuneCountInString(e.Text)
	if size > c.room() {
		c.end()
	}
	if size <= c.max {
		c.add(e.Text, size, e.Offset)
		return
	}
	header := header(e.Rows, c.max/3)
	for text := e.Text; text != ""; {
		c.context.Header = ""
		room := c.max
		if len(text) < len(e.Text) && header != "" {
			c.context.Header = header
			room -= utf8.RuneCountInString(header) + 1
		}
		piece, rest := cutRows(text, room)
		c.add(piece, utf8.RuneCountInString(piece), e.Offset)
		c.end()
		text = rest
	}
	c.context.Header = ""
}

// header is the first rows of a table up to the first one with figures, if there are
// few and they are short.
func header(rows [][]string, most int) string {
	n := 0
	for n < len(rows) && n < 4 && !figures(rows[n]) {
		n++
	}
	if n == 4 || n == len(rows) {
		n = 1
	}
	text := render(rows[:n])
	if utf8.RuneCountInString(text) > most {
		return ""
	}
	return text
}

func figures(row []string) bool {
	for i, cell := range row {
		if i > 0 && numeric(strings.Trim(cell, "$€£()%")) && !year(cell) {
			return true
		}
	}
	return false
}

func year(s string) bool { return len(s) == 4 && (s[:2] == "19" || s[:2] == "20") }

// prefix is where the first n characters of s end.
func prefix(s string, n int) int {
	if len(s) <= n {
		return len(s)
	}
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

// cutRows cuts a text of at most n characters off behind a row, or inside one that is longer.
func cutRows(s string, n int) (piece, rest string) {
	end := prefix(s, n)
	if end == len(s) {
		return s, ""
	}
	if s[end] == '\n' {
		return s[:end], s[end+1:]
	}
	if i := strings.LastIndexByte(s[:end], '\n'); i > 0 {
		return s[:i], s[i+1:]
	}
	return cut(s, n)
}

// cut cuts a text of at most n characters off: behind a sentence, or else a word, or
// else anywhere.
func cut(s string, n int) (piece, rest string) {
	s = strings.TrimLeft(s, " \n")
	end := prefix(s, n)
	if end == len(s) {
		return s, ""
	}
	word := 0
	for i := end; i > end/4; i-- {
		if c := s[i]; c != ' ' && c != '\n' {
			continue
		}
		if word == 0 {
			word = i
		}
		if s[i] == '\n' || sentence(s[:i]) {
			return s[:i], s[i+1:]
		}
	}
	if word > 0 {
		return s[:word], s[word+1:]
	}
	return s[:end], strings.TrimLeft(s[end:], " \n")
}

// sentence tells whether a sentence ends with s.
func sentence(s string) bool {
	end := strings.TrimRight(s[max(0, len(s)-16):], `"')`)
	end = strings.TrimSuffix(strings.TrimSuffix(end, "”"), "’")
	if end == "" || strings.IndexByte(".!?;:", end[len(end)-1]) < 0 {
		return false
	}
	if end[len(end)-1] != '.' {
		return true
	}
	word := end[strings.LastIndexByte(end, ' ')+1 : len(end)-1]
	switch word {
	case "Inc", "Corp", "Co", "Ltd", "No", "Nos", "Mr", "Ms", "Mrs", "Dr", "St", "vs", "Jr", "Sr", "Sec", "approx", "e.g", "i.e", "a.m", "p.m":
		return false
	}
	return len(word) != 1 && (len(word) != 3 || word[1] != '.' || !unicode.IsUpper(rune(word[0]))) // an initial, U.S.
}
