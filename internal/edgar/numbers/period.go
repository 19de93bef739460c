package numbers

import (
	"fmt"
	"strconv"
)

// A Period is the time a figure is for, as far as the text names it.
type Period struct {
	Months  int // 3, 6, 9, 12; 0 if not known
	Quarter int // 1 … 4 if the text numbers it
	Year    int // the fiscal year as named, or the year of the last day; 0 if not known
	Month   int // of the last day, if named
	Day     int
}

// IsZero reports whether nothing is known.
func (p Period) IsZero() bool { return p == Period{} }

// String is "Q3 2025", "FY 2026", "9M to 2025-09-30", "9M 2025", "H1 2025", or
// empty for the zero Period.
func (p Period) String() string {
	name := ""
	switch {
	case p.Quarter > 0 && p.Months == 6:
		name = "H" + strconv.Itoa(p.Quarter/2)
	case p.Quarter > 0:
		name = "Q" + strconv.Itoa(p.Quarter)
	case p.Months == 12 && p.Month == 0:
		name = "FY"
	case p.Months > 0:
		name = strconv.Itoa(p.Months) + "M"
	}
	switch {
	case p.Quarter == 0 && p.Month > 0 && p.Day > 0 && p.Year > 0:
		name += fmt.Sprintf(" to %04d-%02d-%02d", p.Year, p.Month, p.Day)
	case p.Year > 0:
		name += fmt.Sprintf(" %d", p.Year)
	}
	for name != "" && name[0] == ' ' {
		name = name[1:]
	}
	return name
}

// before is the period a year earlier, or the quarter before.
func (p Period) before(quarter bool) Period {
	switch {
	case p.Year == 0:
		return Period{}
	case !quarter:
		// The last day of a 52-week year is another one each year.
		p.Year--
		if p.Quarter > 0 || p.Months == 12 && p.Month == 0 {
			p.Month, p.Day = 0, 0
		}
		return p
	case p.Quarter > 1 && p.Months == 3:
		return Period{Months: 3, Quarter: p.Quarter - 1, Year: p.Year}
	case p.Quarter == 1:
		return Period{Months: 3, Quarter: 4, Year: p.Year - 1}
	}
	return Period{}
}

// later reports whether p is after q.
func (p Period) later(q Period) bool {
	a := [4]int{p.Year, p.Quarter, p.Month, p.Day}
	b := [4]int{q.Year, q.Quarter, q.Month, q.Day}
	for i := range a {
		if a[i] != b[i] {
			return a[i] > b[i]
		}
	}
	return false
}

var (
	ordinals = map[string]int{"first": 1, "second": 2, "third": 3, "fourth": 4, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4}
	months   = map[string]int{
		"january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6, "july": 7, "august": 8, "september": 9, "october": 10, "november": 11, "december": 12,
		"jan": 1, "feb": 2, "mar": 3, "apr": 4, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "sept": 9, "oct": 10, "nov": 11, "dec": 12,
	}
	counts = map[string]int{
		"three": 3, "six": 6, "nine": 9, "twelve": 12, "3": 3, "6": 6, "9": 9, "12": 12,
		"thirteen": 13, "fourteen": 14, "twenty": 26, "thirty": 39, "forty": 40, "fifty": 52, "13": 13, "14": 14, "26": 26, "27": 27, "39": 39, "40": 40, "52": 52, "53": 53,
	}
)

// weeksMonths is a count of weeks in months.
func weeksMonths(weeks int) int {
	switch {
	case weeks <= 0:
		return 0
	case weeks <= 17:
		return 3
	case weeks <= 28:
		return 6
	case weeks <= 41:
		return 9
	}
	return 12
}

// periodAt reads the period that begins at list[i]: one, or the two of "the three
// and nine months ended …" and "… 2025 and 2024". Size is how many tokens it has;
// 0 says that none begins here.
func periodAt(list []token, i int) (periods []Period, size int) {
	if list[i].kind == 'p' || list[i].kind == 'w' && !periodWords[list[i].low] {
		return nil, 0
	}
	r := periodReader{list: list, at: i}
	p, ok := r.period()
	if !ok {
		return nil, 0
	}
	periods = []Period{p}
	switch {
	case r.second > 0:
		other := p
		other.Months = r.second
		if other.Quarter = 0; p.Quarter > 0 && p.Months == 3 && r.second == 3 {
			other.Quarter = p.Quarter
		}
		periods = append(periods, other)
	case p.Year > 0 && r.is(0, "and") && r.year(1) > 0 && !r.number(2):
		other := p
		other.Year = r.year(1)
		r.at += 2
		periods = append(periods, other)
	}
	return periods, r.at - i
}

// periodWords are the words that a period begins with.
var periodWords = words("first second third fourth fiscal fy q full calendar quarter year years three six nine twelve thirteen fourteen twenty thirty forty fifty")

type periodReader struct {
	list   []token
	at     int
	second int // months of the second period of "three and nine months"
}

func (r *periodReader) low(k int) string {
	if r.at+k < 0 || r.at+k >= len(r.list) {
		return ""
	}
	return r.list[r.at+k].low
}

func (r *periodReader) is(k int, options ...string) bool {
	low := r.low(k)
	for _, option := range options {
		if low == option {
			return true
		}
	}
	return false
}

func (r *periodReader) number(k int) bool {
	return r.at+k < len(r.list) && r.at+k >= 0 && r.list[r.at+k].kind == 'n'
}

// year is the year that token k is, or 0.
func (r *periodReader) year(k int) int {
	low := r.low(k)
	if !r.number(k) || len(low) != 4 || low[0] != '1' && low[0] != '2' {
		return 0
	}
	if next := r.low(k + 1); next == "%" || next == "million" || next == "shares" {
		return 0
	}
	year, err := strconv.Atoi(low)
	if err != nil || year < 1980 || year > 2099 {
		return 0
	}
	return year
}

// take moves past a word if it is one of the options.
func (r *periodReader) take(options ...string) bool {
	if r.is(0, options...) {
		r.at++
		return true
	}
	return false
}

// takeYear reads "2025", "fiscal 2025", "fiscal year 2025", "of fiscal 2025",
// "'25", "fy25", or nothing: then it moves past nothing.
func (r *periodReader) takeYear() int {
	start := r.at
	r.take(",")
	r.take("of", "in", "for")
	r.take("the", "its", "our")
	for r.take("company", "fiscal", "calendar", "full", "year", "fy") {
	}
	if year := r.year(0); year > 0 {
		r.at++
		return year
	}
	if r.is(0, "'", "’", "‘") && r.number(1) && len(r.low(1)) == 2 {
		year, _ := strconv.Atoi(r.low(1))
		r.at += 2
		return 2000 + year
	}
	if short := r.low(0); r.number(0) && len(short) == 2 && (r.low(-1) == "fy" || r.low(-1) == "fiscal") && isDigit(short[0]) && isDigit(short[1]) {
		year, _ := strconv.Atoi(short)
		r.at++
		return 2000 + year
	}
	r.at = start
	return 0
}

func (r *periodReader) period() (Period, bool) {
	start := r.at
	for _, read := range []func() (Period, bool){r.quarter, r.length, r.half, r.fiscal, r.bareYear} {
		if p, ok := read(); ok {
			return p, true
		}
		r.at, r.second = start, 0
	}
	return Period{}, false
}

// quarter reads "third quarter of fiscal 2025", "Q3 2025", "3Q25", "fiscal 2006
// first quarter", "2025 third quarter ended June 30, 2025".
func (r *periodReader) quarter() (Period, bool) {
	p := Period{Months: 3}
	lead := false
	if r.is(0, "fiscal", "fy") || r.year(0) > 0 {
		lead = true
		p.Year = r.takeYear()
		r.take("fiscal")
		if p.Year == 0 {
			r.take("fiscal", "fy")
		}
	}
	low := r.low(0)
	switch {
	case ordinals[low] > 0 || r.number(0) && len(low) == 1 && ordinals[low+r.low(1)] > 0:
		p.Quarter = ordinals[low]
		if r.number(0) {
			p.Quarter = ordinals[low+r.low(1)]
			r.at++
		}
		r.at++
		r.take("fiscal", "calendar")
		if !r.take("quarter", "qtr") {
			return p, false
		}
	case low == "q" && r.number(1) && len(r.low(1)) == 1 && r.low(1) >= "1" && r.low(1) <= "4":
		p.Quarter = int(r.low(1)[0] - '0')
		r.at += 2
	case r.number(0) && len(low) == 1 && low >= "1" && low <= "4" && r.is(1, "q"):
		p.Quarter = int(low[0] - '0')
		r.at += 2
		if r.number(0) && len(r.low(0)) == 2 && r.list[r.at].glued {
			year, _ := strconv.Atoi(r.low(0))
			p.Year = 2000 + year
			r.at++
		}
	default:
		return p, false
	}
	if r.is(0, "and") && r.is(1, "full", "fiscal", "nine", "six", "first", "year", "twelve") {
		r.pairedWith()
	}
	if p.Year == 0 || !lead {
		if year := r.takeYear(); year > 0 {
			p.Year = year
		}
	}
	if at := r.at; r.take("(") || true {
		if day, ok := r.ended(); ok {
			p.Month, p.Day = day.Month, day.Day
			if p.Year == 0 {
				p.Year = day.Year
				if p.Quarter != (day.Month+2)/3 {
					// Of a fiscal year that is not named: its last day says when it was.
					p.Quarter = 0
				}
			}
		} else {
			r.at = at
		}
	}
	return p, true
}

// pairedWith reads the second half of "third quarter and nine months".
func (r *periodReader) pairedWith() {
	start := r.at
	r.at++
	for r.take("full", "fiscal", "first") {
	}
	switch {
	case counts[r.low(0)] > 0 && r.is(1, "months", "month"):
		r.second = counts[r.low(0)]
		r.at += 2
	case r.take("year"):
		r.second = 12
	default:
		r.at = start
	}
}

// length reads "three and nine months ended September 30, 2025", "13-week fiscal
// quarter ended …", "quarter ended …", "fiscal year ended …".
func (r *periodReader) length() (Period, bool) {
	var p Period
	r.take("fiscal")
	switch n := counts[r.low(0)]; {
	case n > 0 && r.is(1, "and", "to") && counts[r.low(2)] > 0 && r.is(3, "month", "months"):
		p.Months, r.second = n, counts[r.low(2)]
		r.at += 4
	case n == 3 && r.is(1, "quarters"):
		p.Months = 9
		r.at += 2
	case n > 0 && r.is(1, "month", "months"):
		p.Months = n
		r.at += 2
	case n > 0:
		r.at++
		if n >= 20 && r.take("six", "seven", "nine", "two", "three", "one") && n == 52 {
			n = 52
		}
		if !r.take("week", "weeks") {
			return p, false
		}
		p.Months = weeksMonths(n)
	case r.is(0, "quarter") && (r.is(1, "ended", "ending") || r.is(1, "and") && counts[r.low(2)] > 0 && r.is(3, "months", "month")):
		p.Months = 3
		r.at++
		if r.take("and") {
			r.second = counts[r.low(0)]
			r.at += 2
		}
	case r.is(0, "year", "years") && r.is(1, "ended", "ending"):
		p.Months = 12
		r.at++
	default:
		return p, false
	}
	if p.Months != 3 && p.Months != 6 && p.Months != 9 && p.Months != 12 {
		return p, false
	}
	r.take("fiscal")
	r.take("quarter", "quarters", "period", "periods", "year", "years")
	if r.second != 0 && r.second != 6 && r.second != 9 && r.second != 12 {
		return p, false
	}
	if day, ok := r.ended(); ok {
		p.Year, p.Month, p.Day = day.Year, day.Month, day.Day
		return p, true
	}
	if year := r.takeYear(); year > 0 {
		p.Year = year
	}
	return p, true
}

// ended reads "ended September 30, 2025", "ended 30 September 2025", "ended
// September 2025".
func (r *periodReader) ended() (Period, bool) {
	if !r.take("ended", "ending") {
		return Period{}, false
	}
	r.take("on")
	return r.date()
}

func (r *periodReader) date() (Period, bool) {
	var p Period
	day := func() {
		if n, err := strconv.Atoi(r.low(0)); err == nil && r.number(0) && n >= 1 && n <= 31 {
			p.Day = n
			r.at++
		}
	}
	if r.number(0) {
		day()
	}
	if p.Month = months[r.low(0)]; p.Month == 0 {
		return p, false
	}
	r.at++
	r.take(".")
	if p.Day == 0 {
		day()
	}
	if r.is(0, ",") && r.year(1) > 0 {
		r.at++
	}
	if p.Year = r.year(0); p.Year > 0 {
		r.at++
	}
	return p, true
}

// half reads "first half of 2025".
func (r *periodReader) half() (Period, bool) {
	n := ordinals[r.low(0)]
	if n == 0 || n > 2 || !r.is(1, "half") {
		return Period{}, false
	}
	r.at += 2
	return Period{Months: 6, Quarter: 2 * n, Year: r.takeYear()}, true
}

// fiscal reads "fiscal 2026", "fiscal year 2026", "FY26", "full year 2026", "full
// year".
func (r *periodReader) fiscal() (Period, bool) {
	start := r.at
	if year := r.year(0); year > 0 && (r.is(1, "full") && r.is(2, "year") || r.is(1, "fiscal") && r.is(2, "year")) {
		r.at += 3
		return Period{Months: 12, Year: year}, true
	}
	if !r.is(0, "fiscal", "fy", "full", "calendar") {
		return Period{}, false
	}
	if year := r.takeYear(); year > 0 {
		r.take("fiscal", "full")
		r.take("year")
		return Period{Months: 12, Year: year}, true
	}
	r.at = start
	if r.is(0, "full", "fiscal") && r.is(1, "year") || r.is(0, "full") && r.is(1, "fiscal") && r.is(2, "year") {
		r.at += 2
		r.take("year")
		p := Period{Months: 12}
		if day, ok := r.ended(); ok {
			p.Year, p.Month, p.Day = day.Year, day.Month, day.Day
		}
		return p, true
	}
	return Period{}, false
}

// bareYear reads a year where it stands for the fiscal year: "for 2026", "2026
// revenue". The year of a date is none.
func (r *periodReader) bareYear() (Period, bool) {
	year := r.year(0)
	if year == 0 {
		return Period{}, false
	}
	named := r.is(-1, "for", "in", "during", "of", "versus", "vs", "to", "with", "the") ||
		r.is(1, "revenue", "revenues", "guidance", "outlook", "net", "eps", "adjusted", "earnings", "sales", "total", "non", "gross")
	if !named || months[r.low(-1)] > 0 || months[r.low(-2)] > 0 && (r.is(-1, "of", "in") || r.number(-1)) {
		return Period{}, false
	}
	r.at++
	return Period{Months: 12, Year: year}, true
}
