package llm

import (
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"catalyst/internal/news"
)

// A figure is a number, as a text writes it. Its sign does not count: a loss of
// $3 and -$3 are one.
type figure struct {
	text   string // as written, with its currency and unit
	start  int    // of it in the text
	number int    // where its digits start

	value  float64 // 30e6 for $30M, 12 for 12%
	other  float64 // with the scale of a range's end: 1.2e9 in "$1.2 to $1.3 billion"; else value
	unit   float64 // what its last digit counts: 1e6 for $30M, 1e5 for $30.5M
	places int     // its digits, from the first that is not 0

	whole   bool // without decimals
	grouped bool // with commas
	percent bool
	money   bool
	scaled  bool // by a word or letter
}

// digits are what figures may begin with, zeros aside: bit 3 is for $30 and 0.35.
type digits uint16

const anyDigit digits = 1<<10 - 1

// nextFigure finds the next figure of text from byte at on that begins with one of
// first, and where it ends.
func nextFigure(text string, at int, first digits) (figure, int, bool) {
	for ; at < len(text); at++ {
		if text[at]-'0' <= 9 { // most are none
			i := at
			for i < at+6 && (text[i] == '0' || text[i] == '.') && i+1 < len(text) && (digitAt(text, i+1) || text[i+1] == '.') {
				i++ // the zeros of 0.05
			}
			if digitAt(text, i) && text[i] != '0' && first&(1<<(text[i]-'0')) == 0 {
				for at = i; at+1 < len(text) && (digitAt(text, at+1) || (text[at+1] == ',' || text[at+1] == '.') && digitAt(text, at+2)); {
					at++
				}
				continue
			}
			f, end := figureAt(text, at)
			if f.scaled || f.percent {
				return f, end, true
			}
			if g, ok := rangeEnd(text, end); ok && g.scaled {
				f.other = f.value * g.unit * math.Pow10(decimals(g))
				f.money = f.money || g.money
			}
			return f, end, true
		}
	}
	return figure{}, len(text), false
}

// figureAt reads the figure whose first digit is text[at]; a point before it belongs to it.
func figureAt(text string, at int) (figure, int) {
	f := figure{start: at, number: at, whole: true}
	if at > 0 && text[at-1] == '.' && !digitAt(text, at-2) {
		f.start, f.whole = at-1, false
	}
	i, decimals := at, 0
	digit := func() {
		d := float64(text[i] - '0')
		if f.places > 0 || d > 0 {
			f.places++
		}
		if f.places <= 15 { // a float holds no more; nor does any figure of the world
			f.value = f.value*10 + d
			if !f.whole {
				decimals++
			}
		} else if f.whole {
			f.value *= 10
		}
		i++
	}
	for digitAt(text, i) {
		digit()
	}
	for f.whole && i < len(text) && text[i] == ',' && digitAt(text, i+1) && digitAt(text, i+2) && digitAt(text, i+3) && !digitAt(text, i+4) {
		f.grouped = true
		for i++; digitAt(text, i); {
			digit()
		}
	}
	if f.whole && i < len(text) && text[i] == '.' && digitAt(text, i+1) {
		f.whole = false
		for i++; digitAt(text, i); {
			digit()
		}
	}
	f.unit = math.Pow10(-decimals)
	f.value *= f.unit
	f.places = max(f.places, 1)
	f.money, f.start = currencyBefore(text, f.start)
	i = f.suffix(text, i)
	f.other = f.value
	return f, i
}

// begins are the digits that an item's figure can begin with which c is, or is rounded
// up from.
func (c *figure) begins() (first digits) {
	for _, value := range []float64{c.value, c.value - c.unit} {
		lead := math.Floor(value/math.Pow10(int(math.Floor(math.Log10(value)))) + 1e-9)
		if !(lead >= 1 && lead <= 9) { // as for 0
			return anyDigit
		}
		first |= 1 << int(lead)
	}
	return first
}

// decimals is how many digits of g stand behind its point.
func decimals(g figure) int {
	if g.whole {
		return 0
	}
	_, tail, _ := strings.Cut(g.text, ".")
	n := 0
	for digitAt(tail, n) {
		n++
	}
	return n
}

// rangeEnd reads the figure that follows text[:at] as the end of a range does: "-1.3",
// "to $1.3", "and 1.3".
func rangeEnd(text string, at int) (figure, bool) {
	rest := text[at:min(len(text), at+16)]
	trimmed := strings.TrimLeft(rest, " \u00a0")
	if trimmed == "" || strings.IndexByte("-\xe2tao", trimmed[0]) < 0 {
		return figure{}, false
	}
	joint := ""
	for _, j := range []string{"-", "–", "—", "to ", "and ", "or "} {
		if strings.HasPrefix(trimmed, j) {
			joint = j
			break
		}
	}
	if joint == "" {
		return figure{}, false
	}
	next := strings.TrimLeft(trimmed[len(joint):], " \u00a0US$€£")
	if !digitAt(next, 0) {
		return figure{}, false
	}
	start := at + len(rest) - len(next)
	g, end := figureAt(text, start)
	g.text = text[g.number:end]
	return g, true
}

// scales are the words and letters that multiply a figure. A letter counts only at the
// digits themselves, or as a capital with a space before it.
var scales = []struct {
	word string
	by   float64
}{
	{"thousand", 1e3}, {"million", 1e6}, {"billion", 1e9}, {"trillion", 1e12},
	{"mln", 1e6}, {"bln", 1e9}, {"mm", 1e6}, {"mn", 1e6}, {"bn", 1e9}, {"tn", 1e12},
	{"k", 1e3}, {"m", 1e6}, {"b", 1e9}, {"t", 1e12},
}

// percents are the words for per cent, and what they multiply.
var percents = []struct {
	word string
	by   float64
}{
	{"percentage point", 1}, {"percent", 1}, {"per cent", 1}, {"pct", 1}, {"pp", 1},
	{"basis point", 0.01}, {"bps", 0.01}, {"bp", 0.01},
}

// suffix reads what the figure that ends at text[:at] counts in.
func (f *figure) suffix(text string, at int) int {
	i := at
	for i < len(text) && (text[i] == ' ' || text[i] == '-' || strings.HasPrefix(text[i:], "\u00a0") || strings.HasPrefix(text[i:], "\u202f")) && i < at+3 {
		_, size := utf8.DecodeRuneInString(text[i:])
		i += size
	}
	rest := text[i:min(len(text), i+20)]
	spaced := i > at
	switch {
	case strings.HasPrefix(rest, "%"):
		f.percent = true
		return i + 1
	case strings.HasPrefix(rest, "¢"):
		f.scale(0.01)
		f.money = true
		return i + len("¢")
	}
	if rest == "" || strings.IndexByte("tmbkpc", rest[0]|0x20) < 0 { // what follows begins with
		return at
	}
	for _, s := range scales {
		if !foldedPrefix(rest, s.word) || alnumAt(rest, len(s.word)) {
			continue
		}
		letter := len(s.word) == 1
		if letter && (spaced && rest[0] >= 'a' || (s.word == "b" || s.word == "t") && rest[0] >= 'a' && !f.money) {
			return at
		}
		if letter && text[at] == '-' { // 10-K
			return at
		}
		f.scale(s.by)
		f.scaled = true
		return i + len(s.word)
	}
	for _, p := range percents {
		if foldedPrefix(rest, p.word) {
			f.scale(p.by)
			f.percent = true
			return i + len(p.word)
		}
	}
	if foldedPrefix(rest, "cents") {
		f.scale(0.01)
		f.money = true
		return i + len("cents")
	}
	return at
}

func (f *figure) scale(by float64) {
	f.value *= by
	f.unit *= by
}

var currencies = []string{"US$", "C$", "A$", "HK$", "$", "€", "£", "¥", "USD", "EUR", "GBP", "CAD", "RMB", "CHF"}

// currencyBefore reports whether a currency stands right before text[at:], and where
// it starts.
func currencyBefore(text string, at int) (bool, int) {
	before := strings.TrimSuffix(text[:at], " ")
	if before == "" || before[len(before)-1] >= '0' && before[len(before)-1] <= '9' || asciiLower(before[len(before)-1]) {
		return false, at
	}
	for _, c := range currencies {
		if strings.HasSuffix(before, c) {
			return true, len(before) - len(c)
		}
	}
	return false, at
}

// common reports whether f, which ends at said[:end], is no figure that an item has to
// have.
func common(said string, f figure, end int, a *news.Analysis) bool {
	before, after := said[:f.number], said[end:]
	bare := !f.money && !f.scaled && !f.percent
	whole := bare && f.whole && !f.grouped
	switch {
	case !f.money && partOfName(said, f, end):
		return true
	case whole && f.value <= 12:
		return true
	case whole && end-f.number == 4 && f.value >= 1900 && f.value <= 2100:
		return true
	case whole && f.value <= 31 && (ordinal(after) || monthAround(before, after)):
		return true
	case whole && inDateOrTime(before, after):
		return true
	case whole && (f.value == 50 || f.value == 52 || f.value == 100 || f.value == 200) && spanAfter(after):
		return true
	case whole && namedNumber(before):
		return true
	}
	return ownScore(before, f, a)
}

// partOfName reports whether f is but a piece of a word: COVID-19, 424B5, Q3, FY26,
// 10-K, 3Q25, 401(k).
func partOfName(said string, f figure, end int) bool {
	if alnumBefore(said, f.start) || strings.HasPrefix(said[end:], ".") && digitAt(said, end+1) {
		return true
	}
	if f.scaled || f.percent {
		return false
	}
	if before, ok := strings.CutSuffix(said[:f.start], "-"); ok && letterBefore(before, len(before)) && !strings.HasSuffix(before, "-for") {
		return true
	}
	if strings.HasPrefix(said[end:], "(k)") {
		return true
	}
	word := said[end:min(len(said), end+8)]
	if form := strings.TrimPrefix(word, "-"); form != "" && form[0] >= 'A' && form[0] <= 'Z' && !alnumAt(form, 1) {
		return true // 10-K, 3Q
	}
	n := 0
	for n < len(word) && unicode.IsLetter(rune(word[n])) {
		n++
	}
	return n > 0 && (n > 3 || digitAt(word, n)) // not 150mg or 3.5x
}

func ordinal(after string) bool {
	for _, s := range []string{"st", "nd", "rd", "th"} {
		if strings.HasPrefix(after, s) && !alnumAt(after, 2) {
			return true
		}
	}
	return false
}

var months = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}

// monthAround reports whether a month stands right before or behind a number.
func monthAround(before, after string) bool {
	last := strings.TrimRight(before, " .,")
	last = last[strings.LastIndexFunc(last, func(r rune) bool { return !unicode.IsLetter(r) })+1:]
	return isMonth(last) || isMonth(strings.TrimLeft(after, " "))
}

func isMonth(s string) bool {
	return slices.ContainsFunc(months, func(m string) bool { return foldedPrefix(s, m) })
}

// inDateOrTime reports whether a number is a piece of 2026-11-03, 11/3/2026 or 8:30.
func inDateOrTime(before, after string) bool {
	for _, sign := range []string{"-", "/", ":"} {
		if rest, ok := strings.CutPrefix(after, sign); ok && digitAt(rest, 0) && (sign != "-" || twoSigns(rest, sign)) {
			return true
		}
		if rest, ok := strings.CutSuffix(before, sign); ok && digitAt(rest, len(rest)-1) && (sign != "-" || strings.LastIndexByte(rest, '-') >= len(rest)-3 || twoSigns(after, sign)) {
			return true
		}
	}
	return false
}

// twoSigns reports whether another such sign follows within two characters.
func twoSigns(s, sign string) bool { return strings.Contains(s[:min(len(s), 3)], sign) }

// spanAfter reports whether a span follows that charts are drawn over.
func spanAfter(after string) bool {
	after = strings.TrimLeft(after, "- ")
	return foldedPrefix(after, "week") || foldedPrefix(after, "day")
}

var namedNumbers = []string{"s&p", "russell", "fortune", "nasdaq", "ftse", "nikkei", "chapter", "rule", "section", "form", "asc"}

func namedNumber(before string) bool {
	before = strings.ToLower(strings.TrimRight(before[max(0, len(before)-12):], " -"))
	return slices.ContainsFunc(namedNumbers, func(n string) bool { return strings.HasSuffix(before, n) })
}

// ownScore reports whether the model speaks of its own score or confidence.
func ownScore(before string, f figure, a *news.Analysis) bool {
	before = strings.ToLower(before[max(0, len(before)-24):])
	if !strings.Contains(before, "score") && !strings.Contains(before, "confidence") {
		return false
	}
	value := f.value
	if f.percent {
		value /= 100
	}
	return math.Abs(value-math.Abs(a.Score)) < 1e-9 || math.Abs(value-a.Confidence) < 1e-9
}

func digitAt(s string, i int) bool { return i >= 0 && i < len(s) && s[i] >= '0' && s[i] <= '9' }

func alnumAt(s string, i int) bool {
	if i >= len(s) {
		return false
	}
	r, _ := utf8.DecodeRuneInString(s[i:])
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

func alnumBefore(s string, i int) bool {
	r, _ := utf8.DecodeLastRuneInString(s[:i])
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

func letterBefore(s string, i int) bool {
	r, _ := utf8.DecodeLastRuneInString(s[:i])
	return unicode.IsLetter(r)
}

// foldedPrefix reports whether s begins with lower, which is in small letters, in any case.
func foldedPrefix(s, lower string) bool {
	return len(s) >= len(lower) && strings.EqualFold(s[:len(lower)], lower)
}

// numerals are the words for numbers that stand before another word for a number, a
// scale or a per cent.
var numerals = map[string]float64{
	"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
	"eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
	"eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60,
	"seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100,
}

// nextNumeral is nextFigure for numbers in words: "twenty-five percent", "ten million".
func nextNumeral(text string, at int, _ digits) (figure, int, bool) {
	for at < len(text) {
		start, end := nextWord(text, at)
		if start == end {
			break
		}
		at = end
		if end-start < 3 || strings.IndexByte("otfsenh", text[start]|0x20) < 0 { // no numeral begins so
			continue
		}
		value, ok := numerals[strings.ToLower(text[start:end])]
		if !ok {
			continue
		}
		if s, e := nextWord(text, end); value >= 20 && value < 100 && s == end+1 {
			if ones := numerals[strings.ToLower(text[s:e])]; ones > 0 && ones < 10 {
				value, at = value+ones, e
			}
		}
		f := figure{start: start, number: start, value: value, unit: 1, places: 2, whole: true}
		at = f.suffix(text, at)
		f.other = f.value
		return f, at, true
	}
	return figure{}, len(text), false
}

// nextWord finds the next run of ASCII letters.
func nextWord(text string, at int) (start, end int) {
	for at < len(text) && !asciiLetter(text[at]) {
		at++
	}
	start = at
	for at < len(text) && asciiLetter(text[at]) {
		at++
	}
	return start, at
}

func asciiLower(c byte) bool { return c >= 'a' && c <= 'z' }

func asciiLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
