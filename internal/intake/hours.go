package intake

import (
	"time"
	_ "time/tzdata" // a machine without time zones still knows when New York opens
)

// A Session is a part of the day at the exchanges in New York.
type Session uint8

const (
	Closed   Session = iota // nights, weekends and holidays
	Extended                // 4:00 to 9:30 and 16:00 to 20:00
	Open                    // 9:30 to 16:00
)

// NewYork is where the exchanges are.
var NewYork = func() *time.Location {
	at, err := time.LoadLocation("America/New_York")
	if err != nil {
		panic(err) // the program has it with it
	}
	return at
}()

// changes are the times of a trading day at which sessions begin, in minutes.
var changes = []struct {
	minute int
	begins Session
}{{4 * 60, Extended}, {9*60 + 30, Open}, {16 * 60, Extended}, {20 * 60, Closed}}

// SessionAt returns the session at a time, and when the next one begins. The early ends
// of a few half-holidays count as whole days.
func SessionAt(now time.Time) (s Session, until time.Time) {
	now = now.In(NewYork)
	if !trading(now) {
		return Closed, opening(now)
	}
	year, month, day := now.Date()
	s = Closed
	for _, c := range changes {
		begins := time.Date(year, month, day, 0, c.minute, 0, 0, NewYork)
		if now.Before(begins) {
			return s, begins
		}
		s = c.begins
	}
	return Closed, opening(now)
}

// opening returns the beginning of the first session after the day of now.
func opening(now time.Time) time.Time {
	year, month, day := now.Date()
	for {
		day++
		if at := time.Date(year, month, day, 0, changes[0].minute, 0, 0, NewYork); trading(at) {
			return at
		}
	}
}

// trading reports whether the exchanges trade on the day of t, by the rules of NYSE.
func trading(t time.Time) bool {
	weekday := t.Weekday()
	if weekday == time.Saturday || weekday == time.Sunday {
		return false
	}
	year, month, day := t.Date()
	nth := (day-1)/7 + 1 // of its weekday in the month
	switch {
	case weekday == time.Monday && (month == time.January || month == time.February) && nth == 3, // King, Washington
		weekday == time.Monday && month == time.May && day > 24,       // Memorial Day
		weekday == time.Monday && month == time.September && nth == 1, // Labor Day
		weekday == time.Thursday && month == time.November && nth == 4:
		return false
	case weekday == time.Friday && sameDay(t, easter(year).AddDate(0, 0, -2)): // Good Friday
		return false
	}
	for _, h := range []struct {
		month time.Month
		day   int
	}{{time.January, 1}, {time.June, 19}, {time.July, 4}, {time.December, 25}} {
		if observed(year, h.month, h.day) == day && h.month == month {
			return false
		}
	}
	return true
}

// observed is the day of a month on which a holiday is kept: the Monday after a Sunday,
// the Friday before a Saturday, but no Friday in the old year.
func observed(year int, month time.Month, day int) int {
	switch time.Date(year, month, day, 12, 0, 0, 0, NewYork).Weekday() {
	case time.Sunday:
		return day + 1
	case time.Saturday:
		return day - 1
	}
	return day
}

func sameDay(a, b time.Time) bool {
	ya, ma, da := a.Date()
	yb, mb, db := b.Date()
	return ya == yb && ma == mb && da == db
}

// easter returns Easter Sunday, by the rule of Meeus, Jones and Butcher.
func easter(year int) time.Time {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	g := (8*b + 13) / 25
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 19*l) / 433
	month := (h + l - 7*m + 90) / 25
	day := (h + l - 7*m + 33*month + 19) % 32
	return time.Date(year, time.Month(month), day, 12, 0, 0, 0, NewYork)
}
