package likeness

import (
	"strconv"
	"strings"
)

// periodKinds are the kinds of periods, as Facts.Periods has them.
var periodKinds = []string{"q", "year", "month", "day", "weekday"}

var ordinals = map[string]string{
	"first": "1", "second": "2", "third": "3", "fourth": "4",
	"1st": "1", "2nd": "2", "3rd": "3", "4th": "4",
}

var laterOrdinals = map[string]string{
	"second": "2", "third": "3", "fourth": "4", "fifth": "5", "sixth": "6", "seventh": "7", "eighth": "8", "ninth": "9", "tenth": "10",
}

var months = map[string]int{
	"january": 1, "jan": 1, "february": 2, "feb": 2, "march": 3, "mar": 3, "april": 4, "apr": 4, "may": 5, "june": 6, "jun": 6,
	"july": 7, "jul": 7, "august": 8, "aug": 8, "september": 9, "sept": 9, "sep": 9, "october": 10, "oct": 10,
	"november": 11, "nov": 11, "december": 12, "dec": 12,
}

var weekdays = map[string]int{
	"monday": 1, "mon": 1, "tuesday": 2, "tue": 2, "tues": 2, "wednesday": 3, "wed": 3, "thursday": 4, "thu": 4, "thurs": 4,
	"friday": 5, "fri": 5, "saturday": 6, "sunday": 7,
}

// periods notes quarters, halves and years, months, days and weekdays.
func (r *reader) periods() {
	weak := false // a fiscal year was named, maybe only to say whose quarter
	for i := range r.tokens {
		if r.used[i] || len(r.Periods) >= maxFacts {
			continue
		}
		switch {
		case r.quarter(i), r.spelledQuarter(i), r.fullYear(i), r.date(i):
		case r.fiscal(i):
			weak = true
		case r.year(i):
		}
		if day := weekdays[r.at(i).text]; day != 0 {
			r.period("weekday", strconv.Itoa(day))
		}
	}
	if weak && len(ofKind(r.Periods, "q")) == 0 {
		r.period("q", "fy")
	}
}

func (r *reader) period(kind, value string) { r.Periods = add(r.Periods, kind+" "+value) }

// quarter reads Q3, 3Q, 3Q26, Q3'26, Q3 FY26, H1, 1H.
func (r *reader) quarter(i int) bool {
	t, next := r.at(i), r.at(i+1)
	var n string
	end := i + 1
	switch {
	case t.is("q h fq") && next.number && next.glued:
		n = next.text
	case t.number && next.is("q h fq") && next.glued:
		n, t = t.text, next
	default:
		return false
	}
	prefix, most := "", "4"
	if t.is("h") {
		prefix, most = "h", "2"
	}
	if len(n) != 1 || n < "1" || n > most {
		return false
	}
	r.period("q", prefix+n)
	if y := end + 1; r.at(y).glued { // 3Q26, Q3'26, Q3-2026
		if r.at(y).is("' -") {
			y++
		}
		if year := fullYear(r.at(y)); year != "" {
			r.period("year", year)
			end = y
		}
	}
	r.use(i, end)
	return true
}

// spelledQuarter reads "third quarter", "3rd-quarter", "first half".
func (r *reader) spelledQuarter(i int) bool {
	n, at := ordinals[r.at(i).text], r.after(i)
	if t := r.at(i); t.number && r.at(i+1).glued && ordinals[t.text+r.at(i+1).text] != "" {
		n, at = t.text, r.after(i+1)
	}
	if n == "" {
		return false
	}
	if r.at(at).is("fiscal") {
		at = r.after(at)
	}
	switch t := r.at(at); {
	case t.is("quarter quarterly qtr"):
		r.period("q", n)
	case t.is("half") && n <= "2":
		r.period("q", "h"+n)
	default:
		return false
	}
	r.use(i, at)
	return true
}

// fullYear reads "full year", "annual profit", "for the year".
func (r *reader) fullYear(i int) bool {
	next := r.after(i)
	switch t := r.at(i); {
	case t.is("full") && r.at(next).is("year"):
	case t.is("fullyear"):
		next = i
	case t.is("annual yearly") && r.at(next).is("results profit profits earnings revenue revenues sales loss losses income forecast outlook guidance"):
	default:
		return false
	}
	r.period("q", "fy")
	r.use(i, min(next, i+2))
	return true
}

// fiscal reads "fiscal 2026", "fiscal year 2026", "FY26", "FY 2026-27".
func (r *reader) fiscal(i int) bool {
	if !r.at(i).is("fiscal fy") {
		return false
	}
	at := r.after(i)
	if r.at(at).is("year") {
		at = r.after(at)
	}
	year := fullYear(r.at(at))
	if year == "" {
		return r.at(i).is("fy")
	}
	r.period("year", year)
	r.use(i, at)
	return true
}

// year reads a bare 2026, which nothing makes an amount of something.
func (r *reader) year(i int) bool {
	t := r.at(i)
	if len(t.text) != 4 || fullYear(t) == "" || r.currency(i) != "" {
		return false
	}
	if u, _ := r.unit(i + 1); u != "" || r.at(i+1).glued && !r.at(i+1).joins() || magnitudes[r.at(i+1).text] != 0 {
		return false
	}
	if r.at(i + 1).is("shares jobs employees workers stores units people homes cars vehicles barrels tons tonnes") {
		return false
	}
	r.period("year", t.text)
	r.use(i, i)
	return true
}

// fullYear is the year that 2026 or 26 means, or "".
func fullYear(t token) string {
	if !t.number {
		return ""
	}
	switch year := t.text; {
	case len(year) == 2:
		return "20" + year
	case len(year) == 4 && (strings.HasPrefix(year, "19") || strings.HasPrefix(year, "20")):
		return year
	}
	return ""
}

// date reads "June 15", "15 June", "15th of June", and a month that stands alone.
func (r *reader) date(i int) bool {
	if y, ok := r.isoDate(i); ok {
		r.use(i, y)
		return true
	}
	month := months[r.at(i).text]
	if month == 0 {
		return false
	}
	before, after := r.at(i-1), r.at(i+1)
	switch {
	case dayOfMonth(after) && !magnitudeWord(r.at(i+2)):
		r.period("day", strconv.Itoa(month)+"/"+strings.TrimLeft(after.text, "0"))
		r.use(i, i+1)
		if r.at(i + 2).is("st nd rd th") {
			r.use(i+2, i+2)
		}
	case dayOfMonth(before):
		r.period("day", strconv.Itoa(month)+"/"+strings.TrimLeft(before.text, "0"))
		r.use(i-1, i)
	case r.at(i).is("may march mar") && !before.is("in for of since until by through from late early mid last next") && fullYear(after) == "":
		return false // "may" and "march" are more often verbs
	}
	r.period("month", strconv.Itoa(month))
	return true
}

func magnitudeWord(t token) bool { return magnitudes[t.text] != 0 || t.is("%") }

// isoDate reads 2026-06-15 and returns where it ends.
func (r *reader) isoDate(i int) (end int, ok bool) {
	year, month, day := r.at(i), r.at(i+2), r.at(i+4)
	if len(year.text) != 4 || fullYear(year) == "" || !r.at(i+1).is("-") || !r.at(i+3).is("-") || len(month.text) != 2 || !month.glued || !dayOfMonth(day) {
		return 0, false
	}
	m, err := strconv.Atoi(month.text)
	if err != nil || m < 1 || m > 12 {
		return 0, false
	}
	r.period("year", year.text)
	r.period("month", strconv.Itoa(m))
	r.period("day", strconv.Itoa(m)+"/"+strings.TrimLeft(day.text, "0"))
	return i + 4, true
}

func dayOfMonth(t token) bool {
	n, err := strconv.Atoi(t.text)
	return t.number && err == nil && len(t.text) <= 2 && 1 <= n && n <= 31
}
