package llm

import (
	"math"
	"slices"
	"strings"
	"unicode"

	"catalyst/internal/news"
)

const (
	maxUnverified     = 10 // listed
	maxUnverifiedText = 40 // characters of one

	maxClaims = 40        // figures of a verdict that are looked up
	maxLooked = 256 << 10 // bytes of a text they are looked up in; no model is shown more
)

// unverified lists the figures and tickers of a verdict that item does not have, as
// the verdict writes them, each once, and behind them the names given.
//
// Figures are compared by what they say: $30M, "$30 million" and 30,000,000 are one, and
// so are 12% and "12 percent"; $57.0 billion may be rounded from a table with
// 57,006 in millions. What a reader would not call a figure of the item is let pass:
// counts up to twelve, years and dates, names like S&P 500 or 10-K, the
// verdict's own score. A figure that the model has worked out itself is listed.
func unverified(a *news.Analysis, item *news.Item, names []string) []string {
	said := strings.Join(slices.Concat([]string{a.Reasoning}, a.Catalysts, a.KeyFigures, values(a.Details)), "\n")
	var list []string
	note := func(text string) {
		if text = oneLine(text, maxUnverifiedText); len(list) < maxUnverified && !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	for _, f := range missingFigures(claims(said, a), item) {
		note(f.text)
	}
	for _, phase := range missingPhases(said, item) {
		note("Phase " + phase)
	}
	for _, symbol := range missingTickers(said, item) {
		note("$" + symbol)
	}
	for _, name := range names {
		note(name)
	}
	return list
}

// claims are the figures of a verdict that must come from the item.
func claims(said string, a *news.Analysis) []figure {
	var all []figure
	for at := 0; at < len(said) && len(all) < maxClaims; {
		f, end, ok := nextFigure(said, at, anyDigit)
		if !ok {
			break
		}
		f.text = said[f.start:end]
		same := func(c figure) bool { return c.value == f.value && c.percent == f.percent && c.money == f.money }
		if !common(said, f, end, a) && !slices.ContainsFunc(all, same) {
			all = append(all, f)
		}
		at = end
	}
	return all
}

// missingFigures are those of want that item does not have.
func missingFigures(want []figure, item *news.Item) []figure {
	texts := slices.Concat(textsOf(item), item.Figures, item.Items, item.Tickers, []string{item.Form})
	for _, text := range texts {
		want = lookUp(want, text, nextFigure, 1)
	}
	for _, text := range texts[:3] {
		want = lookUp(want, text, nextNumeral, 1)
	}
	if len(want) > 0 && saysOf(texts[:3], "thousands", "Thousands", "THOUSANDS", "000s", "000's") {
		for _, text := range texts[:3] {
			want = lookUp(want, text, nextFigure, 1e3)
		}
	}
	if len(want) > 0 && saysOf(texts[:3], "in million", "In million", "IN MILLION", "millions of", "Millions of", "MILLIONS OF") {
		for _, text := range texts[:3] {
			want = lookUp(want, text, nextFigure, 1e6)
		}
	}
	return want
}

// textsOf is what item says, as far as it is looked at.
func textsOf(item *news.Item) []string {
	texts := []string{item.Title, item.Summary, item.Body}
	for i, text := range texts {
		texts[i] = text[:min(len(text), maxLooked)]
	}
	return texts
}

// lookUp returns those of want that no figure of text is. A figure without a scale counts
// as so many times its value, as in a table.
func lookUp(want []figure, text string, next func(string, int, digits) (figure, int, bool), times float64) []figure {
	var first digits
	for i := range want {
		first |= want[i].begins()
	}
	for at := 0; len(want) > 0 && at < len(text); {
		f, end, ok := next(text, at, first)
		if !ok {
			break
		}
		at = end
		if times != 1 {
			if f.scaled || f.percent {
				continue
			}
			f.value, f.other, f.unit, f.scaled = f.value*times, f.other*times, f.unit*times, true
		}
		missing := want[:0]
		for i := range want {
			if !want[i].is(&f) {
				missing = append(missing, want[i])
			}
		}
		want = missing
	}
	return want
}

// saysOf reports whether one of texts has one of words.
func saysOf(texts []string, words ...string) bool {
	return slices.ContainsFunc(texts, func(text string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	})
}

// is reports whether the claim c may be the figure f of an item: equal, or rounded
// or cut off from it.
func (c *figure) is(f *figure) bool {
	bare := !f.money && !f.scaled && !f.percent
	switch {
	case c.percent && !f.percent && !bare: // a table's per cent stand without a sign
		return false
	case f.percent && !c.percent && (c.money || c.scaled):
		return false
	}
	return c.near(c.value, f.value, f.unit) || c.near(c.value, f.other, f.unit) || c.other != c.value && c.near(c.other, f.value, f.unit)
}

func (c *figure) near(claim, value, unit float64) bool {
	distance := math.Abs(claim - value)
	if distance <= 1e-9*claim {
		return true
	}
	step := c.unit * claim / c.value // other has another scale than value
	switch {
	case unit > step, c.places < 2:
		return false
	case c.places == 2:
		return distance <= 0.5*step*(1+1e-9)
	}
	return distance < step
}

// missingPhases are the phases of trials that said has and item has not.
func missingPhases(said string, item *news.Item) []string {
	missing := phases(said)
	if missing == 0 {
		return nil
	}
	for _, text := range textsOf(item) {
		missing &^= phases(text)
	}
	var all []string
	for i, name := range []string{"1", "2", "3", "4"} {
		if missing&(1<<i) != 0 {
			all = append(all, name)
		}
	}
	return all
}

// phases is the set of the phases a text names, in figures or Roman numerals: bit 0 is
// phase 1.
func phases(text string) (set uint8) {
	const word = "phase"
	text = strings.ToLower(text)
	for {
		i := strings.Index(text, word)
		if i < 0 {
			return set
		}
		text = strings.TrimPrefix(text[i+len(word):], "s")
		rest := text[:min(len(text), 24)] + " "
		for range 3 { // "Phase 1/2", "Phases II and III"
			rest = strings.TrimLeft(rest, " -/,&\u00a0\n")
			rest = strings.TrimPrefix(strings.TrimPrefix(rest, "and "), "or ")
			n := strings.IndexFunc(rest, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
			p := phaseNumber[strings.TrimRight(rest[:max(n, 0)], "abc")]
			if p == 0 {
				break
			}
			set |= 1 << (p - 1)
			rest = rest[n:]
		}
	}
}

var phaseNumber = map[string]int{"1": 1, "2": 2, "3": 3, "4": 4, "i": 1, "ii": 2, "iii": 3, "iv": 4}

// missingTickers are the tickers that said names as such and item does not have in
// any way.
func missingTickers(said string, item *news.Item) (missing []string) {
	for _, symbol := range news.Tickers(said) {
		if !hasTicker(item, symbol) {
			missing = append(missing, symbol)
		}
	}
	return missing
}

func hasTicker(item *news.Item, symbol string) bool {
	dashed := strings.NewReplacer(".", "-", "/", "-")
	if slices.ContainsFunc(item.Tickers, func(t string) bool { return dashed.Replace(strings.ToUpper(t)) == symbol }) {
		return true
	}
	for _, text := range textsOf(item) {
		for _, spelled := range []string{symbol, strings.Replace(symbol, "-", ".", 1), strings.Replace(symbol, "-", "/", 1)} {
			if hasWord(text, spelled) {
				return true
			}
		}
	}
	return false
}

func hasWord(text, word string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		i += from
		if !alnumBefore(text, i) && !alnumAt(text, i+len(word)) {
			return true
		}
		from = i + len(word)
	}
}

// plainWords is s without anything but letters and digits, and single spaces between
// words.
func plainWords(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), " ")
}
