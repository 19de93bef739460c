package change

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A paragraph is one that has words.
type paragraph struct {
	index int
	text  string
	words []word
	match int   // index in the other text's paragraphs; -1: none
	pair  *Pair // not nil if it was rewritten

	exactHash, rolledHash uint64
}

func (p *paragraph) exact() uint64  { return p.exactHash }
func (p *paragraph) rolled() uint64 { return p.rolledHash }

// A word is one word as it is compared. Two words with one id are the same; two
// parts of dates have one class, and are the same if the second is a year later.
type word struct {
	id, class  uint32
	start, end int
	year       int // of the date it is a part of; 0 for all other words
}

// same reports whether b is what a was, or became in a year.
func same(a, b word) bool {
	return a.id == b.id || a.class == b.class && a.year > 0 && b.year == a.year+1
}

func sameWords(a, b []word) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !same(a[i], b[i]) {
			return false
		}
	}
	return true
}

// A dictionary numbers words.
type dictionary struct{ ids map[string]uint32 }

// The classes of the parts of a date come first.
const (
	yearClass uint32 = iota + 1
	monthClass
	dayClass
	firstWord
)

func newDictionary() *dictionary { return &dictionary{ids: map[string]uint32{}} }

// read returns the paragraphs that have words and are more than a page number.
func (d *dictionary) read(texts []string) []paragraph {
	pages := joinPages(texts)
	list := make([]paragraph, 0, len(pages))
	for _, page := range pages {
		p := paragraph{index: page.Index, text: page.Text, words: d.words(page.Text), match: -1}
		if len(p.words) == 0 {
			continue
		}
		p.exactHash, p.rolledHash = hash(p.words, false), hash(p.words, true)
		list = append(list, p)
	}
	return list
}

// furniture reports whether a paragraph belongs to the page and not to the text.
func furniture(text string) bool {
	if len(text) > 40 {
		return false
	}
	text = strings.ToLower(strings.Trim(text, " \t\u00a0-–—|.()"))
	text = strings.TrimPrefix(text, "page ")
	if text == "table of contents" || text == "index" || text == "back to contents" {
		return true
	}
	number, _, _ := strings.Cut(text, " of ")
	if number == "" || len(number) > 4 {
		return false
	}
	roman := strings.Trim(number, "ivxl") == ""
	for _, c := range strings.TrimPrefix(number, "f-") {
		if !roman && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

func hash(words []word, rolled bool) uint64 {
	h := uint64(14695981039346656037)
	for _, w := range words {
		id := w.id
		if rolled {
			id = w.class
		}
		h = mix(h, uint64(id))
	}
	return h
}

// mix is one step of a hash that a text cannot easily be written against: each
// input bit reaches all output bits.
func mix(h, v uint64) uint64 {
	h ^= v + 0x9e3779b97f4a7c15 + h<<6 + h>>2
	h *= 0xff51afd7ed558ccd
	return h ^ h>>33
}

// words splits a text at spaces and takes quotes and punctuation off the words.
func (d *dictionary) words(text string) []word {
	list := make([]word, 0, len(text)/6+1)
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if separates(r) {
			i += size
			continue
		}
		end := i
		for end < len(text) {
			r, size := utf8.DecodeRuneInString(text[end:])
			if separates(r) {
				break
			}
			end += size
		}
		if start, stop := trim(text, i, end); start < stop {
			id := d.id(text[start:stop])
			list = append(list, word{id: id, class: id, start: start, end: stop})
		}
		i = end
	}
	d.date(text, list)
	return list
}

// separates reports whether a rune stands between words. Dashes do: what was
// written "year - over" is written "year—over" the next time.
func separates(r rune) bool {
	switch r {
	case '—', '–', '|', '•', '·', '●', '▪', '/', '…', '\u200b', '\ufeff', utf8.RuneError:
		return true
	}
	return unicode.IsSpace(r)
}

// trim takes punctuation off both ends of a word. A bracket before a figure stands
// for a minus and stays.
func trim(text string, start, end int) (int, int) {
	for start < end {
		r, size := utf8.DecodeRuneInString(text[start:end])
		if keeps(r) || r == '(' && figures(text[start+size:end]) {
			break
		}
		start += size
	}
	for start < end {
		r, size := utf8.DecodeLastRuneInString(text[start:end])
		if keeps(r) {
			break
		}
		end -= size
	}
	return start, end
}

func keeps(r rune) bool {
	return r == '$' || r == '%' || r == '€' || r == '£' || r == '&' || unicode.IsLetter(r) || unicode.IsNumber(r)
}

// figures reports whether a text begins with an amount: "(1)" is a mark, "(1.5" and
// "(12" are amounts.
func figures(text string) bool {
	text = strings.TrimPrefix(text, "$")
	return len(text) > 1 && text[0] >= '0' && text[0] <= '9' && text[1] != ')'
}

// id numbers a word without its case, its soft hyphens and the form of its
// apostrophes.
func (d *dictionary) id(text string) uint32 {
	key := text
	if !plain(text) {
		key = strings.Map(func(r rune) rune {
			switch r {
			case '’', '‘', 'ʼ':
				return '\''
			case '‐', '‑', '−':
				return '-'
			case '\u00ad':
				return -1
			}
			return unicode.ToLower(r)
		}, text)
	}
	id, known := d.ids[key]
	if !known {
		id = uint32(len(d.ids)) + firstWord
		d.ids[strings.Clone(key)] = id
	}
	return id
}

func plain(text string) bool {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// date gives the parts of dates their class and their year: "2024", "FY24",
// "January 2024", "January 28, 2024". A date without a year is a word like others.
func (d *dictionary) date(text string, list []word) {
	for i := range list {
		w := &list[i]
		year := yearOf(text[w.start:w.end])
		if year == 0 {
			continue
		}
		w.class, w.year = yearClass, year
		before := i - 1
		if before >= 0 && dayOf(text[list[before].start:list[before].end]) {
			before--
		}
		if before < 0 || !monthNames[strings.ToLower(text[list[before].start:list[before].end])] {
			continue
		}
		list[before].class, list[before].year = monthClass, year
		if before == i-2 {
			list[i-1].class, list[i-1].year = dayClass, year
		}
	}
}

func yearOf(text string) int {
	if len(text) == 4 && (text[0] == 'F' || text[0] == 'f') && (text[1] == 'Y' || text[1] == 'y') && isDigit(text[2]) && isDigit(text[3]) {
		return 2000 + int(text[2]-'0')*10 + int(text[3]-'0')
	}
	if len(text) > 4 && !isDigit(text[4]) && text[4] != ',' && text[4] != '.' && text[4] != '%' {
		text = text[:4] // 2024's
	}
	if len(text) != 4 {
		return 0
	}
	year := 0
	for i := range 4 {
		if !isDigit(text[i]) {
			return 0
		}
		year = year*10 + int(text[i]-'0')
	}
	if year < 1980 || year > 2079 {
		return 0
	}
	return year
}

func dayOf(text string) bool {
	switch len(text) {
	case 1:
		return isDigit(text[0])
	case 2:
		return text[0] >= '1' && text[0] <= '3' && isDigit(text[1])
	}
	return false
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

var monthNames = map[string]bool{
	"january": true, "february": true, "march": true, "april": true, "may": true, "june": true, "july": true, "august": true,
	"september": true, "october": true, "november": true, "december": true,
	"jan": true, "feb": true, "mar": true, "apr": true, "jun": true, "jul": true, "aug": true, "sep": true, "sept": true, "oct": true, "nov": true, "dec": true,
}
