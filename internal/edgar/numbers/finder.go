package numbers

import "strings"

// A finder reads a text from top to bottom and keeps what a later paragraph leans
// on.
type finder struct {
	found []Number
	table table

	// seen maps a period without its year to the one that the text named first: a
	// headline says "third quarter 2025", the sentences below it "the third quarter".
	seen map[Period]Period
	// heading is the period named by the headline above; outlook says that what stands
	// below it is guidance, foreign that it is pro forma or of last year.
	heading  Period
	outlook  bool
	proforma bool
	// about is what the paragraphs so far have been about.
	about topic
}

// A topic is what a passage is about, where one word means two things: a
// "purchase price" is that of a company or of shares.
type topic struct{ offering, deal, warrants bool }

// read reads a paragraph. A table that is one paragraph is read line by line, and
// what is found in it gets its place in the whole.
func (f *finder) read(i int, text string) {
	if !strings.Contains(text, " | ") || !strings.Contains(text, "\n") {
		f.paragraph(i, text)
		return
	}
	start := 0
	for line := range strings.SplitSeq(text, "\n") {
		first := len(f.found)
		f.paragraph(i, line)
		for k := first; k < len(f.found); k++ {
			f.found[k].move(start)
		}
		start += len(line) + len("\n")
	}
}

// move puts a number further down in its paragraph.
func (n *Number) move(by int) {
	n.Start, n.End = n.Start+by, n.End+by
	if n.Prior != nil {
		n.Prior.Start, n.Prior.End = n.Prior.Start+by, n.Prior.End+by
	}
}

func (f *finder) paragraph(i int, text string) {
	if strings.Contains(text, " | ") {
		f.row(i, text)
		return
	}
	list := tokens(text)
	if f.header(list) {
		return
	}
	if len(text) > 250 {
		f.table.end()
	}
	if heading(text, list) {
		f.headline(list)
		return
	}
	if len(text) > 400 {
		f.outlook = false
	}
	var carried Period
	topic := topic{}
	for _, sentence := range sentences(list, text) {
		s := reading{finder: f, paragraph: i, text: text, list: sentence, carried: carried, topic: topic}
		s.read()
		carried, topic = s.carried, s.topic
	}
	if f.about = topic; strings.HasSuffix(text, ":") && (strings.Contains(text, "expect") || strings.Contains(text, "utlook") || strings.Contains(text, "uidance")) {
		f.outlook = true
		f.heading = carried
	}
}

// heading reports whether a paragraph is a title: short, and no sentence.
func heading(text string, list []token) bool {
	if len(text) > 140 || len(list) == 0 {
		return false
	}
	for i := range list {
		if _, ok := figureAt(list, i); ok {
			return false
		}
	}
	last := text[len(text)-1]
	return last != '.' && last != ';' && last != ',' && !('a' <= text[0] && text[0] <= 'z')
}

// headline takes from a title what the paragraphs below it lean on.
func (f *finder) headline(list []token) {
	f.outlook, f.proforma = false, false
	named := false
	for i := 0; i < len(list); {
		if periods, size := periodAt(list, i); size > 0 {
			if !named {
				f.heading, named = f.resolve(periods[0]), true
			}
			i += size
			continue
		}
		switch list[i].low {
		case "outlook", "guidance", "forecast":
			f.outlook = true
		case "forma":
			f.proforma = true
		}
		i++
	}
	if f.outlook && !named {
		f.heading = Period{}
	}
}

// resolve completes a period by what the text has named before, and keeps what it
// names.
func (f *finder) resolve(p Period) Period {
	key := Period{Months: p.Months, Quarter: p.Quarter}
	if p.Year > 0 {
		if _, there := f.seen[key]; !there {
			f.seen[key] = p
		}
		return p
	}
	if p.Month > 0 {
		return p
	}
	if known, ok := f.seen[key]; ok {
		return known
	}
	return p
}
