package filing

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// A reader turns the tokens of an HTML document into paragraphs and tables, in one
// pass and without a tree: filings nest little, and hostile ones as deep as they like.
type reader struct {
	z    *html.Tokenizer
	at   int // where the token begins in the source
	open []frame

	line      line
	tables    []*table // that are open, the innermost last
	uncounted int      // open tables that are nested too deep to matter
	out       []Element

	pre      *strings.Builder // of an open <pre>
	preAt    int
	newEntry bool // of a list
	newPage  bool

	facts  facts
	styles map[string]style
}

// A frame is an open tag.
type frame struct {
	tag    atom.Atom
	name   [2]byte // of tags without an atom: the ends of their name, to tell them apart
	look   look    // of text directly in it
	hidden bool
	set    look // what it changes about what it is in
	clear  look
	hides  bool
}

const (
	maxDepth  = 1024 // open tags; more are ignored
	maxReach  = 32   // how many of them an end tag may close or a block look through
	maxTables = 8    // nested
)

func readHTML(source []byte, cover *Cover) []Element {
	r := &reader{z: html.NewTokenizer(bytes.NewReader(source)), styles: map[string]style{}}
	r.facts.cover = cover
	for {
		kind := r.z.Next()
		if kind == html.ErrorToken {
			break // the end: reading from memory knows no other error
		}
		size := len(r.z.Raw())
		switch kind {
		case html.TextToken:
			r.text(r.z.Text())
		case html.StartTagToken:
			r.start(false)
		case html.SelfClosingTagToken:
			r.start(true)
		case html.EndTagToken:
			r.end()
		}
		r.at += size
	}
	r.endPre()
	r.flush()
	for len(r.tables) > 0 {
		r.endTable()
	}
	return r.out
}

func (r *reader) top() (look, bool) {
	if len(r.open) == 0 {
		return 0, false
	}
	f := &r.open[len(r.open)-1]
	return f.look, f.hidden
}

func (r *reader) text(text []byte) {
	r.facts.text(text)
	now, hidden := r.top()
	switch {
	case hidden:
	case r.pre != nil:
		r.pre.Write(text)
	default:
		r.line.write(text, now, r.at)
	}
}

// start reads a tag. One that closes itself is empty, as in XHTML, even where HTML
// would leave it open.
func (r *reader) start(closed bool) {
	name, attributes := r.z.TagName()
	tag := atom.Lookup(name)
	if r.pre != nil && r.inPre(tag, name) {
		return
	}
	if tag == 0 && bytes.HasPrefix(name, []byte("ix:")) {
		r.startInline(name, closed)
		return
	}
	var s style
	span := 1
	for attributes {
		var key, value []byte
		key, value, attributes = r.z.TagAttr()
		switch string(key) {
		case "style":
			s.add(r.style(value))
		case "align":
			s.choose(centered, bytes.EqualFold(value, []byte("center")))
		case "hidden":
			s.hidden = true
		case "colspan":
			span = number(value, 1, 1000)
		}
	}
	if s.breaks {
		r.breakPage()
	}
	if s.gap && len(r.line.text) > 0 {
		r.line.space = true
	}
	switch tag {
	case atom.Br:
		if _, hidden := r.top(); !hidden && r.line.brk() {
			r.flush()
		}
		return
	case atom.Hr:
		r.flush()
		r.breakPage()
		return
	case atom.Img, atom.Input, atom.Meta, atom.Link, atom.Col, atom.Wbr, atom.Area, atom.Base, atom.Param, atom.Source:
		return
	case atom.Pre:
		r.flush()
		r.pre, r.preAt = &strings.Builder{}, r.at+len(r.z.Raw())
		return
	case atom.Table:
		r.startTable(s)
	case atom.Tr:
		r.startRow()
		return
	case atom.Td, atom.Th:
		r.startCell(tag, s, span)
	default:
		r.push(tag, name, s)
	}
	if closed {
		r.close(tag, name)
	}
}

// push opens a tag that is no part of a table.
func (r *reader) push(tag atom.Atom, name []byte, s style) {
	if block(tag) {
		r.flush()
		r.endParagraph()
	}
	switch tag {
	case atom.B, atom.Strong:
		s.add(style{set: bold})
	case atom.I, atom.Em:
		s.add(style{set: italic})
	case atom.U:
		s.add(style{set: underlined})
	case atom.Center:
		s.add(style{set: centered})
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		s.add(style{set: bold | heading})
	case atom.Li:
		r.newEntry = true
	case atom.Script, atom.Style, atom.Title, atom.Noscript, atom.Iframe:
		s.hidden = true
	}
	if len(r.open) >= maxDepth {
		return
	}
	f := frame{tag: tag, set: s.set, clear: s.clear, hides: s.hidden}
	if tag == 0 && len(name) > 0 {
		f.name = [2]byte{name[0], name[len(name)-1]}
	}
	r.open = append(r.open, f)
	r.inherit(len(r.open) - 1)
}

// inherit works out how text is set from the frame at i on.
func (r *reader) inherit(i int) {
	for ; i < len(r.open); i++ {
		f := &r.open[i]
		f.look, f.hidden = f.set, f.hides
		if i > 0 {
			over := &r.open[i-1]
			f.look |= over.look &^ f.clear
			f.hidden = f.hidden || over.hidden
		}
	}
}

// floor is the first open tag that an end tag may close: those around a cell are
// closed with it.
func (r *reader) floor() int {
	low := len(r.open) - maxReach
	if n := len(r.tables); n > 0 {
		low = max(low, r.tables[n-1].base+1)
		if r.tables[n-1].inCell {
			low = max(low, r.tables[n-1].base+2)
		}
	}
	return max(low, 0)
}

// endParagraph closes a <p> that the block now beginning ends, and leaves what was
// opened in it, such as <b>, open.
func (r *reader) endParagraph() {
	for i := len(r.open) - 1; i >= r.floor(); i-- {
		switch r.open[i].tag {
		case atom.P:
			r.remove(i)
			return
		case atom.Div, atom.Center, atom.Blockquote, atom.Ul, atom.Ol, atom.Li:
			return
		}
	}
}

func (r *reader) remove(i int) {
	r.open = append(r.open[:i], r.open[i+1:]...)
	r.inherit(i)
}

func (r *reader) end() {
	name, _ := r.z.TagName()
	tag := atom.Lookup(name)
	if r.pre != nil {
		if tag == atom.Pre || tag == atom.Body || tag == atom.Html {
			r.endPre()
		} else if tag == atom.Table {
			r.pre.WriteString("\n</TABLE>\n")
		}
		return
	}
	if bytes.HasPrefix(name, []byte("ix:")) {
		r.facts.end(name)
	}
	r.close(tag, name)
}

func (r *reader) close(tag atom.Atom, name []byte) {
	switch tag {
	case atom.Table:
		r.endTable()
		return
	case atom.Tr, atom.Tbody, atom.Thead, atom.Tfoot:
		r.endCell()
		return
	case atom.Td, atom.Th:
		r.endCell()
		return
	}
	if block(tag) {
		r.flush()
	}
	var ends [2]byte
	if tag == 0 && len(name) > 0 {
		ends = [2]byte{name[0], name[len(name)-1]}
	}
	for i := len(r.open) - 1; i >= r.floor(); i-- {
		if f := &r.open[i]; f.tag != tag || f.name != ends {
			continue
		}
		if block(tag) || tag == 0 {
			r.open = r.open[:i]
		} else {
			r.remove(i) // <b><i></b> leaves <i> open
		}
		return
	}
}

func block(tag atom.Atom) bool {
	switch tag {
	case atom.P, atom.Div, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Ul, atom.Ol, atom.Li,
		atom.Center, atom.Blockquote, atom.Body, atom.Html, atom.Head, atom.Dl, atom.Dt, atom.Dd, atom.Form, atom.Section,
		atom.Article, atom.Header, atom.Footer, atom.Main, atom.Nav, atom.Aside, atom.Figure, atom.Address, atom.Fieldset,
		atom.Dir, atom.Menu, atom.Caption, atom.Title, atom.Select, atom.Option, atom.Textarea:
		return true
	}
	return false
}

// startInline reads a tag of inline XBRL. It changes nothing about the text in it, but
// for the blocks that are not to be seen.
func (r *reader) startInline(name []byte, closed bool) {
	var fact fact
	for more := true; more; {
		var key, value []byte
		key, value, more = r.z.TagAttr()
		switch string(key) {
		case "name":
			fact.name = string(value)
		case "contextref":
			fact.context = string(value)
		}
	}
	switch string(name) {
	case "ix:header", "ix:hidden", "ix:references", "ix:resources":
		if !closed {
			r.push(0, name, style{hidden: true})
		}
	case "ix:nonnumeric", "ix:nonfraction":
		if !closed {
			r.facts.start(fact)
		}
	}
}

// inPre writes the tags that plain text knows back into it, and tells whether the tag
// is done with.
func (r *reader) inPre(tag atom.Atom, name []byte) bool {
	switch tag {
	case atom.P, atom.Br, atom.Div:
		r.pre.WriteByte('\n')
	case atom.Hr:
		r.pre.WriteString("\n<PAGE>\n")
	case atom.Table:
		r.pre.WriteString("\n<TABLE>\n")
	default:
		if string(name) == "page" {
			r.pre.WriteString("\n<PAGE>\n")
		}
	}
	return true
}

func (r *reader) endPre() {
	if r.pre == nil {
		return
	}
	text := r.pre.String()
	r.pre = nil
	for _, e := range readText(text, r.preAt) {
		r.emit(e)
	}
}

func (r *reader) breakPage() {
	r.newPage = true
	if len(r.tables) == 0 && len(r.out) > 0 {
		r.out[len(r.out)-1].look |= pageEnd
	}
}

// flush ends the paragraph.
func (r *reader) flush() {
	text, set := r.line.take()
	if text == "" {
		return
	}
	e := Element{Text: text, Offset: r.line.at, look: set}
	if r.newEntry {
		e.look |= entry
		r.newEntry = false
	}
	r.emit(e)
}

// emit adds what is complete to the cell it is in, or to the document.
func (r *reader) emit(e Element) {
	if n := len(r.tables); n > 0 {
		r.tables[n-1].add(e)
		return
	}
	if r.newPage {
		e.look |= pageTop
		r.newPage = false
	}
	r.out = append(r.out, e)
}

// A line is the paragraph being read, and how much of it is set in which way.
type line struct {
	text  []byte
	at    int
	space bool // before the next letter

	letters, upper, lower       int
	bold, italic, under, middle int
}

func (l *line) write(text []byte, now look, at int) {
	before := l.letters
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			i++
			if c > ' ' && c != 0x7f {
				l.begin(at)
				l.text = append(l.text, c)
				l.letters++
				if 'a' <= c && c <= 'z' {
					l.lower++
				} else if 'A' <= c && c <= 'Z' {
					l.upper++
				}
			} else if c == ' ' || '\t' <= c && c <= '\r' {
				l.space = true
			}
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case unicode.IsSpace(r) || r == '\u200b':
			l.space = true
		case r == '\u00ad' || r == '\ufeff' || unicode.IsControl(r): // soft hyphen, byte order mark
		default:
			l.begin(at)
			l.text = append(l.text, text[i:i+size]...)
			l.letters++
		}
		i += size
	}
	n := l.letters - before
	if n == 0 {
		return
	}
	if now&bold != 0 {
		l.bold += n
	}
	if now&italic != 0 {
		l.italic += n
	}
	if now&underlined != 0 {
		l.under += n
	}
	if now&centered != 0 {
		l.middle += n
	}
}

// begin makes ready for a letter.
func (l *line) begin(at int) {
	if len(l.text) == 0 {
		l.at = at
	} else if l.space && l.text[len(l.text)-1] != '\n' {
		l.text = append(l.text, ' ')
	}
	l.space = false
}

// brk breaks the line, and tells whether it was broken already: a blank line.
func (l *line) brk() bool {
	if n := len(l.text); n == 0 || l.text[n-1] == '\n' {
		return n > 0
	}
	l.text = append(l.text, '\n')
	l.space = false
	return false
}

// take returns the paragraph and begins the next one.
func (l *line) take() (string, look) {
	if l.letters == 0 {
		*l = line{text: l.text[:0]}
		return "", 0
	}
	most := func(n int) bool { return n*10 >= l.letters*9 }
	set := flag(bold, most(l.bold)) | flag(italic, most(l.italic)) | flag(underlined, most(l.under)) |
		flag(centered, most(l.middle)) | flag(capitals, l.lower == 0 && l.upper > 2)
	text := string(bytes.TrimRight(l.text, "\n"))
	*l = line{text: l.text[:0], at: l.at}
	return text, set
}

// number reads an attribute, and puts it between bounds.
func number(digits []byte, least, most int) int {
	n := 0
	for _, c := range bytes.TrimSpace(digits) {
		if c < '0' || c > '9' || n > most {
			break
		}
		n = n*10 + int(c-'0')
	}
	return min(max(n, least), most)
}
