package filing

import (
	"slices"
	"strings"
	"time"
	"unicode"
)

// A Cover is what the cover page says, or, where it does not, the header of the
// submission. Fields that neither has are empty.
type Cover struct {
	Company string `json:"company,omitempty"`
	CIK     string `json:"cik,omitempty"` // ten digits
	// Form is the form type: "8-K", "10-Q/A".
	Form string `json:"form,omitempty"`
	// Period is the day that the report is of: the event's, or the end of the quarter or year.
	Period     string     `json:"period,omitempty"` // 2026-03-02, or as the cover page words it
	Securities []Security `json:"securities,omitempty"`
}

// Fill completes the cover of an exhibit, which has none or little of its own, with that
// of the filing it belongs to.
func (c *Cover) Fill(from Cover) {
	set(&c.Company, from.Company)
	set(&c.CIK, from.CIK)
	set(&c.Form, from.Form)
	set(&c.Period, from.Period)
	if c.Securities == nil {
		c.Securities = from.Securities
	}
}

func set(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// A Security is a listing of the company.
type Security struct {
	Title    string `json:"title,omitempty"`
	Symbol   string `json:"symbol,omitempty"`   // empty for debt that is listed without one
	Exchange string `json:"exchange,omitempty"` // as the filer names it

	context string // ties the three together
}

// facts collects the facts of inline XBRL that are about the document itself (dei:).
type facts struct {
	cover     *Cover
	open      []fact // ix:nonNumeric and ix:nonFraction tags; those of no use have no name
	collected []byte // text of the outermost fact in use
	listening int    // facts in use that are open
}

type fact struct {
	name, context string
	from          int // of collected
}

const (
	maxFacts = 64      // open at once
	maxFact  = 1 << 10 // bytes of text
	maxList  = 100     // securities
)

func (f *facts) start(in fact) {
	name, ours := strings.CutPrefix(in.name, "dei:")
	if ours {
		f.listening++
	} else {
		name = ""
	}
	if len(f.open) == maxFacts {
		copy(f.open, f.open[1:])
		f.open = f.open[:maxFacts-1]
	}
	f.open = append(f.open, fact{name, in.context, len(f.collected)})
}

func (f *facts) text(text []byte) {
	if f.listening > 0 && len(f.collected) < maxFact {
		f.collected = append(f.collected, text[:min(len(text), maxFact)]...)
	}
}

func (f *facts) end(tag []byte) {
	if s := string(tag); s != "ix:nonnumeric" && s != "ix:nonfraction" || len(f.open) == 0 {
		return
	}
	last := f.open[len(f.open)-1]
	f.open = f.open[:len(f.open)-1]
	if last.name == "" {
		return
	}
	if last.from <= len(f.collected) {
		f.cover.learn(last, printable(string(f.collected[last.from:])))
	}
	if f.listening--; f.listening <= 0 {
		f.listening, f.collected = 0, f.collected[:0]
	}
}

// printable is a text without line breaks and other controls.
func printable(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
}

// learn notes a fact. The first of its kind counts: a combined report names its
// first registrant first.
func (c *Cover) learn(f fact, value string) {
	if value == "" {
		return
	}
	switch f.name {
	case "EntityRegistrantName":
		set(&c.Company, value)
	case "EntityCentralIndexKey":
		set(&c.CIK, value)
	case "DocumentType":
		set(&c.Form, value)
	case "DocumentPeriodEndDate":
		set(&c.Period, day(value))
	case "Security12bTitle", "Security12gTitle":
		if s := c.security(f.context); s != nil {
			set(&s.Title, value)
		}
	case "TradingSymbol":
		if s := c.security(f.context); s != nil && !none(value) {
			set(&s.Symbol, strings.ToUpper(value))
		}
	case "SecurityExchangeName":
		if s := c.security(f.context); s != nil {
			set(&s.Exchange, value)
		}
	}
}

func (c *Cover) security(context string) *Security {
	i := slices.IndexFunc(c.Securities, func(s Security) bool { return s.context == context })
	if i < 0 {
		if len(c.Securities) == maxList {
			return nil
		}
		i = len(c.Securities)
		c.Securities = append(c.Securities, Security{context: context})
	}
	return &c.Securities[i]
}

func none(s string) bool {
	switch strings.ToLower(strings.Trim(s, " .")) {
	case "", "n/a", "na", "none", "not applicable", "-", "–", "—":
		return true
	}
	return false
}

// day writes a date as 2006-01-02 if it is one in a form that filers use.
func day(s string) string {
	for _, form := range []string{time.DateOnly, "January 2, 2006", "January 2 2006", "Jan. 2, 2006", "Jan 2, 2006", "1/2/2006", "01-02-2006", "20060102", "2 January 2006"} {
		if t, err := time.Parse(form, s); err == nil {
			return t.Format(time.DateOnly)
		}
	}
	return s
}

// complete fills what inline XBRL did not say from the header of the submission and
// from the first page.
func (c *Cover) complete(p Part, submission []byte, elements []Element) {
	if c.Form == "" || p.Type != "" {
		c.Form = p.Type
	}
	head := submission[:min(len(submission), 1<<14)]
	if p.Type != "" && c.Company == "" {
		c.Company = sgml(head, "COMPANY CONFORMED NAME:")
	}
	if p.Type != "" && c.CIK == "" {
		c.CIK = sgml(head, "CENTRAL INDEX KEY:")
	}
	if p.Type != "" && c.Period == "" {
		c.Period = day(sgml(head, "CONFORMED PERIOD OF REPORT:"))
	}
	c.read(elements[:min(len(elements), 80)])
	if n := len(c.CIK); n > 0 && n < 10 {
		c.CIK = strings.Repeat("0", 10-n) + c.CIK
	}
}

// read reads the first page.
func (c *Cover) read(page []Element) {
	before := ""
	for i, e := range page {
		if e.Kind == Table {
			continue
		}
		if c.Form == "" {
			c.Form = form(e.Text)
		}
		lower := strings.ToLower(e.Text)
		if at := strings.Index(lower, "(exact name of "); at >= 0 && c.Company == "" {
			if c.Company = lastLine(e.Text[:min(at, len(e.Text))]); c.Company == "" {
				c.Company = lastLine(before)
			}
		}
		if c.Period == "" {
			c.Period = period(e.Text, lower, page[i+1:])
		}
		before = e.Text
	}
}

// lastLine is where a name stands before its explanation.
func lastLine(s string) string {
	s = strings.Trim(s, "\n _")
	if i := strings.LastIndexByte(s, '\n'); i >= 0 {
		s = s[i+1:]
	}
	if len(s) > 120 {
		return ""
	}
	return strings.Trim(s, " _")
}

// form reads "FORM 10-Q/A".
func form(s string) string {
	upper := strings.ToUpper(s)
	i := strings.Index(upper, "FORM ")
	if i < 0 || i > 40 || len(s) > 200 {
		return ""
	}
	words := strings.Fields(upper[i+len("FORM "):])
	if len(words) == 0 {
		return ""
	}
	amended := ""
	if len(words) > 1 && (strings.Trim(words[1], "()/") == "A" || strings.HasPrefix(words[1], "/A")) {
		amended = "/A"
	}
	for _, known := range []string{"8-K", "8-K12B", "8-K12G3", "10-K", "10-K405", "10-KSB", "10-KT", "10-Q", "10-QSB", "10-QT", "20-F", "40-F", "6-K"} {
		switch strings.Trim(words[0], ".,;:()") {
		case known:
			return known + amended
		case known + "/A":
			return known + "/A"
		}
	}
	return ""
}

// period reads "Date of Report (Date of earliest event reported): March 2, 2026" and
// "For the quarterly period ended July 1, 2023", the date on the next line or not.
func period(text, lower string, after []Element) string {
	for _, words := range []string{"earliest event reported", "date of report", "period ended", "year ended", "quarter ended"} {
		i := strings.Index(lower, words)
		if i < 0 || len(lower) != len(text) {
			continue
		}
		if d := date(text[i+len(words):]); d != "" {
			return d
		}
		if len(after) > 0 && len(after[0].Text) < 60 {
			return date(after[0].Text)
		}
	}
	return ""
}

// date finds a day written out in the beginning of a text.
func date(s string) string {
	words := strings.FieldsFunc(s[:min(len(s), 120)], func(r rune) bool { return strings.ContainsRune(" \n,:()_", r) })
	for i := 0; i+2 < len(words); i++ {
		written := words[i] + " " + words[i+1] + ", " + words[i+2]
		if t, err := time.Parse("January 2, 2006", title(written)); err == nil {
			return t.Format(time.DateOnly)
		}
	}
	return ""
}

// title writes a month as Go knows it: "MARCH" is "March".
func title(s string) string {
	if s == "" {
		return s
	}
	word, rest, _ := strings.Cut(s, " ")
	return strings.ToUpper(word[:1]) + strings.ToLower(word[1:]) + " " + rest
}
