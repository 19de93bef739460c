package brief

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"catalyst/internal/edgar/filing"
	"catalyst/internal/edgar/yearly"
)

// Text is what a model is to read of the filing, in at most so many bytes, what matters
// first. Each piece begins with a line that says what it is of.
//
// Of an 8-K those are its items by their weight, then the exhibits: headline, text, tables,
// and what every release ends with. Of a 10-K or 10-Q with the one of the year before
// (prior, which may be nil) it is what changed in the sections of [yearly.Compare], and
// nothing else; without it those sections, the management's discussion first.
func (f *Filing) Text(prior *filing.Document, most int) string {
	w := &writer{left: most, context: joined(" · ", f.Cover.Company, f.Cover.Form, f.Cover.Period)}
	if items := f.Items(); len(items) > 0 {
		f.report(w, items)
		return w.String()
	}
	looked := yearly.Looked(f.Document)
	switch {
	case prior != nil && w.changes(yearly.Compare(prior, f.Document), prior.Cover.Period):
	case len(looked) > 0:
		for _, s := range looked {
			w.piece(s.Text())
		}
		w.chunks("", f.Document, looked)
	default:
		w.chunks("", f.Document, nil)
		f.exhibits(w)
	}
	return w.String()
}

// report writes an 8-K. A long item leaves room for the release, and goes on behind it.
func (f *Filing) report(w *writer, items []filing.Item) {
	items = slices.Clone(items)
	slices.SortStableFunc(items, func(a, b filing.Item) int { return cmp.Compare(weight(a.Number), weight(b.Number)) })
	share := w.left
	if len(f.Exhibits) > 0 {
		share /= 4
	}
	var written, rest []string
	for _, item := range items {
		text := item.Text()
		if slices.Contains(written, text) { // two items may share one
			continue
		}
		written = append(written, text)
		if item.Number == "9.01" && len(items) > 1 { // a list of exhibits
			rest = append(rest, text)
			continue
		}
		head, tail := cut(text, share)
		share -= len(head)
		w.piece(head)
		if tail != "" {
			rest = append(rest, tail)
		}
	}
	f.exhibits(w)
	for _, text := range rest {
		w.piece(text)
	}
}

func (f *Filing) exhibits(w *writer) {
	for _, e := range f.Exhibits {
		w.chunks("Exhibit "+strings.TrimPrefix(e.Type, "EX-"), e.Document, nil)
	}
}

// byWeight are the items of an 8-K, those first that move a price most and soonest.
var byWeight = []string{"4.02", "1.03", "2.02", "3.01", "2.01", "1.01", "5.01", "1.05", "3.02", "2.06", "2.05", "1.02", "2.04", "5.02", "4.01", "3.03", "2.03", "8.01", "7.01"}

func weight(item string) int {
	i := slices.Index(byWeight, item)
	switch {
	case item == "9.01":
		return len(byWeight) + 1
	case i < 0:
		return len(byWeight)
	}
	return i
}

// changes writes what became of sections since the filing of a period, and reports whether
// there was anything to write. No section takes another's room.
func (w *writer) changes(sections []yearly.Section, since string) bool {
	sections = slices.DeleteFunc(slices.Clone(sections), func(s yearly.Section) bool { return s.Empty() })
	for i, s := range sections {
		how := "little changed"
		switch {
		case s.High():
			how = "changed a lot"
		case s.Changed():
			how = "changed"
		}
		title := fmt.Sprintf("%s: %s (similarity %.2f)\n", s.Label(), how, s.Similarity)
		if i == 0 && since != "" {
			title = "What changed since " + since + ":\n" + title
		}
		share := w.left/(len(sections)-i) - len(w.context) - len(title) - 2
		if text := s.Report.Text(share); text != "" {
			w.piece(title + text)
		}
	}
	return len(sections) > 0
}

// A writer puts pieces together until there is no more room.
type writer struct {
	context string // line before the first piece
	text    strings.Builder
	left    int
}

// piece writes a text, or as much of it as there is room for.
func (w *writer) piece(text string) {
	sep := "\n\n"
	if w.text.Len() == 0 {
		if sep = ""; w.context != "" {
			sep = w.context + "\n"
		}
	}
	if len(sep) >= w.left || text == "" {
		return
	}
	text, _ = cut(strings.TrimSpace(text), w.left-len(sep))
	w.text.WriteString(sep + text)
	w.left -= len(sep) + len(text)
}

func (w *writer) String() string { return strings.TrimSpace(w.text.String()) }

// chunks writes a document under its name, the chunks that matter first, without the
// sections that were written before.
func (w *writer) chunks(name string, d *filing.Document, before []filing.Section) {
	written := map[int]bool{}
	for _, s := range before {
		for _, e := range s.Elements {
			written[e.Offset] = true
		}
	}
	chunks := d.Chunks(0)
	rank := ranks(chunks)
	slices.SortStableFunc(chunks, func(a, b filing.Chunk) int { return cmp.Compare(rank[a.Offset], rank[b.Offset]) })
	if name != "" {
		w.piece(name)
	}
	for _, c := range chunks {
		text := strings.TrimPrefix(c.Text, name+"\n")
		if c.Header != "" {
			text = c.Header + "\n" + text
		}
		if !written[c.Offset] && text != name {
			w.piece(text)
		}
	}
}

// The ranks of chunks: what the document says, its tables, and what all documents say.
const (
	telling = iota
	tables
	boilerplate
)

var (
	endings = regexp.MustCompile(`(?i)^\W*(?:about |forward[- ]looking|safe harbor|cautionary |(?:use of |explanation of )?non-gaap|contacts?\b|investor (?:relations|contact)|` +
		`media contact|conference call|webcast|disclaimer|trademarks?\b|no offer or solicitation|additional information and where|participants in the solicitation|signatures?\b)`)
	letterhead = regexp.MustCompile(`(?i)\b(?:phone|telephone|fax|contacts?|for (?:immediate )?release)\b`)
	cautions   = regexp.MustCompile(`(?i)forward[- ]looking statements?|private securities litigation reform act`)
)

// ranks are those of chunks by their offsets: pieces of one table or paragraph, which have
// one offset, stay together. Before the first chunk that tells something stands a letterhead.
func ranks(chunks []filing.Chunk) map[int]int {
	rank := make(map[int]int, len(chunks))
	began := false
	for _, c := range chunks {
		r := rankOf(c)
		began = began || r == telling && slices.ContainsFunc(strings.Split(c.Text, "\n"), func(line string) bool { return len(line) > 100 })
		if !began && letterhead.MatchString(c.Text) {
			r = boilerplate
		}
		rank[c.Offset] = max(rank[c.Offset], r)
	}
	return rank
}

func rankOf(c filing.Chunk) int {
	lines := strings.Split(c.Text, "\n")
	rows := 0
	for _, line := range lines {
		if strings.Contains(line, " | ") {
			rows++
		}
	}
	switch {
	case c.Section == "Cover page", c.Section == "Signatures and exhibits":
		return boilerplate
	case endings.MatchString(c.Heading), endings.MatchString(lines[0]), len(cautions.FindAllString(c.Text, 2)) == 2:
		return boilerplate
	case 2*rows > len(lines):
		return tables
	}
	return telling
}

// cut takes off a text what fits into so many bytes, at the end of a line, or else of a
// sentence or a word.
func cut(text string, most int) (head, tail string) {
	if len(text) <= most {
		return text, ""
	}
	if most <= 0 {
		return "", text
	}
	at := most
	for at > 0 && text[at]&0xC0 == 0x80 {
		at--
	}
	for _, end := range []string{"\n", ". ", " "} {
		if i := strings.LastIndex(text[:at], end); i > at*3/4 {
			at = i + len(strings.TrimRight(end, " \n"))
			break
		}
	}
	return text[:at], strings.TrimLeft(text[at:], " \n")
}

// joined joins the texts that are not empty.
func joined(sep string, texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(s string) bool { return s == "" }), sep)
}
