package alert

import (
	"slices"
	"strings"
)

// At most so much is added where an age is shown, and to make a banner stand out.
const (
	ageUnits    = 32
	bannerUnits = 8
)

// Within returns the card so that its text takes at most budget [Units] on
// Discord, where the card is longest because its text is escaped. What says
// least about the item goes first; ticker, headline, verdict, source and who
// answered stay to the end and are only cut. A card that fits is returned as it
// is.
func (c Card) Within(budget int) Card {
	c.Fields = slices.Clone(c.Fields) // the caller's card stays as it was
	for c.size() > budget && c.drop() {
	}
	if c.size() <= budget {
		return c
	}
	c.Badge = fit(c.Badge, budget/10)
	c.Banner = fit(c.Banner, budget/10)
	c.Title = fit(c.Title, budget*3/10)
	c.Footer = fit(c.Footer, budget/8)
	for i := range c.Fields {
		f := &c.Fields[i]
		f.Value = fit(f.Value, max(budget-c.size()+size(f.Value), budget/10))
	}
	return c
}

// summaryIsSpare ranks the description among the fields: a verdict says more than
// the source's own words, its trimmings say less.
const summaryIsSpare = 4

// drop takes the least needed part away, and reports whether there was one.
func (c *Card) drop() bool {
	least := -1
	for i, f := range c.Fields {
		if f.spare > 0 && (least < 0 || f.spare >= c.Fields[least].spare) {
			least = i
		}
	}
	switch {
	case c.Description != "" && (least < 0 || c.Fields[least].spare < summaryIsSpare):
		if shorter := Cut(c.Description, 120); shorter != c.Description {
			c.Description = shorter
			return true
		}
		c.Description = ""
	case least >= 0:
		c.Fields = slices.Delete(c.Fields, least, least+1)
	default:
		return false
	}
	return true
}

// size is what the card's text takes on Discord.
func (c *Card) size() int {
	n := Units(c.Badge) + Units(c.Footer)
	for _, text := range []string{c.Title, c.Banner, c.Description} {
		n += size(text)
	}
	if c.Banner != "" {
		n += bannerUnits
	}
	for _, f := range c.Fields {
		n += Units(f.Name) + size(f.Value)
		if !f.Time.IsZero() {
			n += ageUnits
		}
	}
	return n
}

// size is what s takes when it is escaped, or a little more: [Markdown] without
// writing it.
func size(s string) int {
	n := Units(s)
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\n',
			c == ':' && strings.HasPrefix(s[i:], "://"),
			c == '@' && pings(s[i+1:]),
			strings.IndexByte(markup, c) >= 0:
			n++
		}
	}
	return n + 1 // as each line, the first may begin with a mark
}

// fit cuts s so that it takes at most limit units when it is escaped.
func fit(s string, limit int) string {
	for n := Units(s); size(s) > limit && n > 0; {
		n = min(n-1, n*limit/size(s))
		s = Cut(s, n)
	}
	return s
}
