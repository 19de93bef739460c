package change

import (
	"fmt"
	"sort"
	"strings"
)

// Text is what changed and nothing else, in at most max bytes, for the prompt of a
// model or for a reader: new paragraphs, then the sentences that were rewritten, with
// what went in [-…-] and what came in {+…+}, then removed paragraphs; in each part the
// weighty before boilerplate and the rows of tables. Sentences are whole unless one
// alone is longer than max. A last line counts what had no room. The text of an empty
// report is empty.
func (r Report) Text(max int) string {
	if r.Empty() || max <= 0 {
		return ""
	}
	w := &writer{left: max}
	w.left -= restRoom
	w.part("New:", r.entries(r.New))
	w.part("Rewritten:", r.rewrites())
	w.part("Removed:", r.entries(r.Removed))
	if w.cut {
		w.left += restRoom
		w.rest()
	}
	return w.text.String()
}

// An entry is one paragraph's share of the text.
type entry struct {
	sentences []string
	weight    float64
}

func (r Report) entries(list []Paragraph) []entry {
	entries := make([]entry, 0, len(list))
	for _, p := range list {
		entries = append(entries, entry{sentences: Sentences(p.Text), weight: weight(p.Text, len(p.Text))})
	}
	return byWeight(entries)
}

func (r Report) rewrites() []entry {
	entries := make([]entry, 0, len(r.Rewritten))
	for _, p := range r.Rewritten {
		changed := 0
		for _, e := range p.Edits {
			changed += e.Prior.End - e.Prior.Start + e.Current.End - e.Current.Start
		}
		entries = append(entries, entry{sentences: p.Marked(), weight: weight(p.Current.Text, changed)})
	}
	return byWeight(entries)
}

func byWeight(entries []entry) []entry {
	sort.SliceStable(entries, func(a, b int) bool { return entries[a].weight > entries[b].weight })
	return entries
}

// boilerplate are phrases of paragraphs that tell a reader where else to look.
var boilerplate = []string{
	"forward-looking statement", "incorporated by reference", "incorporated herein by reference", "see note", "refer to note",
	"should be read in conjunction", "for a discussion of", "for further discussion", "for more information", "for additional information",
	"annual report on form 10-k", "trademark", "available free of charge", "www.",
}

// weight is the length of what changed, less for what is seldom news.
func weight(text string, length int) float64 {
	w := float64(length)
	if strings.Contains(text, " | ") {
		return w / 20
	}
	// A reference at the end of a paragraph makes no boilerplate of the rest.
	standard := 0
	for _, s := range sentenceSpans(text) {
		if isBoilerplate(text[s.Start:s.End]) {
			standard += s.End - s.Start
		}
	}
	return w * (1 - 0.8*float64(standard)/float64(len(text)))
}

func isBoilerplate(sentence string) bool {
	low := strings.ToLower(sentence)
	for _, phrase := range boilerplate {
		if strings.Contains(low, phrase) {
			return true
		}
	}
	return false
}

// Marked is the sentences of the current paragraph that differ, each with what was
// deleted as [-…-] and what was inserted as {+…+}.
func (p Pair) Marked() []string {
	var marked []string
	edits := p.Edits
	for _, s := range sentenceSpans(p.Current.Text) {
		var b strings.Builder
		at, touched := s.Start, false
		for len(edits) > 0 && edits[0].Current.Start < s.End || len(edits) > 0 && s.End == len(p.Current.Text) {
			e := edits[0]
			edits = edits[1:]
			start, end := max(e.Current.Start, at), e.Current.End
			b.WriteString(p.Current.Text[at:start])
			if start > 0 && start == len(p.Current.Text) {
				b.WriteByte(' ')
			}
			if e.Prior.Start < e.Prior.End {
				b.WriteString("[-" + p.Prior.Text[e.Prior.Start:e.Prior.End] + "-]")
			}
			if start < end {
				b.WriteString("{+" + p.Current.Text[start:end] + "+}")
			} else if start < len(p.Current.Text) && p.Current.Text[start] != ' ' {
				b.WriteString(" ")
			}
			at, touched = max(start, end), true
		}
		if !touched {
			continue
		}
		if at < s.End {
			b.WriteString(p.Current.Text[at:s.End])
		}
		if text := strings.TrimSpace(b.String()); text != "" {
			marked = append(marked, text)
		}
	}
	return marked
}

// Sentences cuts a paragraph into sentences. A row of a table is one.
func Sentences(text string) []string {
	var list []string
	for _, s := range sentenceSpans(text) {
		if sentence := strings.TrimSpace(text[s.Start:s.End]); sentence != "" {
			list = append(list, sentence)
		}
	}
	return list
}

// sentenceSpans covers the text with spans that end behind a full stop and a space
// before a capital letter. Abbreviations and initials end none.
func sentenceSpans(text string) []Span {
	var spans []Span
	start := 0
	for i := 0; i+2 < len(text); i++ {
		if c := text[i]; c != '.' && c != '?' && c != '!' {
			continue
		}
		end := i + 1
		for end < len(text) && (text[end] == ')' || text[end] == '"' || strings.HasPrefix(text[end:], "”")) {
			if text[end] < 0x80 {
				end++
			} else {
				end += len("”")
			}
		}
		if end >= len(text)-1 || text[end] != ' ' || 'a' <= text[end+1] && text[end+1] <= 'z' || text[i] == '.' && abbreviation(text[start:i]) {
			continue
		}
		spans = append(spans, Span{start, end + 1})
		start, i = end+1, end
	}
	if start < len(text) {
		spans = append(spans, Span{start, len(text)})
	}
	return spans
}

func abbreviation(before string) bool {
	word := before[strings.LastIndexAny(before, " (.")+1:]
	if len(word) == 1 {
		return true
	}
	switch strings.ToLower(word) {
	case "inc", "corp", "ltd", "co", "no", "nos", "vs", "mr", "ms", "mrs", "dr", "st", "jr", "approx", "sec":
		return true
	}
	return false
}

// A writer fills a text up to a limit.
type writer struct {
	text    strings.Builder
	left    int
	cut     bool
	missing []string
}

// restRoom is kept for the last line.
const restRoom = 72

// part writes entries under a title, each on a line of its own, as long as whole
// sentences fit. An entry that does not fit whole ends with "…".
func (w *writer) part(title string, entries []entry) {
	if len(entries) == 0 {
		return
	}
	title += "\n"
	missing, titled := 0, false
	for _, e := range entries {
		if w.cut {
			missing++
			continue
		}
		room := w.left
		if !titled {
			room -= len(title)
		}
		line, whole := fit(e.sentences, room-len("- \n"))
		if line == "" && w.text.Len() == 0 && len(e.sentences) > 0 {
			line = clip(e.sentences[0], room-len("- …\n"))
			if line != "" {
				line += "…"
			}
		}
		if !whole {
			w.cut = true
		}
		if line == "" {
			missing++
			continue
		}
		if !titled {
			w.write(title)
			titled = true
		}
		w.write("- " + line + "\n")
	}
	if missing > 0 {
		w.missing = append(w.missing, fmt.Sprintf("%d %s", missing, strings.ToLower(strings.Trim(title, ":\n"))))
	}
}

func (w *writer) write(text string) {
	w.text.WriteString(text)
	w.left -= len(text)
}

// rest says what had no room.
func (w *writer) rest() {
	if line := "(not shown: " + strings.Join(w.missing, ", ") + ")\n"; len(w.missing) > 0 && len(line) <= w.left {
		w.write(line)
	}
}

// fit joins sentences as long as they fit, and reports whether all did.
func fit(sentences []string, room int) (line string, whole bool) {
	var b strings.Builder
	for i, s := range sentences {
		need := len(s) + 1
		if i < len(sentences)-1 {
			need += len(" …")
		}
		if b.Len()+need > room+1 {
			if b.Len() == 0 {
				return "", false
			}
			return b.String() + " …", false
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s)
	}
	return b.String(), true
}

// clip cuts a text at a space.
func clip(text string, room int) string {
	if len(text) <= room {
		return text
	}
	if room <= 0 {
		return ""
	}
	return strings.TrimSpace(text[:strings.LastIndexByte(text[:room], ' ')+1])
}
