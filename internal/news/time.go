package news

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// ParseTime reads RFC 3339 or RFC 1123 (with a number or one of RFC 822's names
// for the zone, with or without weekday and seconds) and returns the time in UTC.
// Blank text is the zero time.
func ParseTime(text string) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return checkedTime(t, text)
	}
	if day, rest, ok := strings.Cut(text, ", "); ok && len(day) <= len("Wednesday") {
		text = rest
	}
	for _, layout := range []string{"2 Jan 2006 15:04:05 -0700", "2 Jan 2006 15:04 -0700"} {
		if t, err := time.Parse(layout, numericZone(text)); err == nil {
			return checkedTime(t, text)
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: write RFC 3339, as 2025-11-20T16:05:00Z", shorten([]byte(text)))
}

// zones are the names of RFC 822. package time would read any but the local one
// as UTC, hours off and without an error.
var zones = map[string]string{
	"UT": "+0000", "UTC": "+0000", "GMT": "+0000", "Z": "+0000",
	"EST": "-0500", "EDT": "-0400", "CST": "-0600", "CDT": "-0500",
	"MST": "-0700", "MDT": "-0600", "PST": "-0800", "PDT": "-0700",
}

func numericZone(text string) string {
	i := strings.LastIndexByte(text, ' ') + 1
	if offset, ok := zones[text[i:]]; ok {
		return text[:i] + offset
	}
	return text
}

// unixTime reads seconds since 1970. Zero, as null, is the zero time: nothing is
// that old.
func unixTime(seconds float64) (time.Time, error) {
	text := fmt.Sprintf("%.0f", seconds)
	if math.Abs(seconds) > 253402300799 { // the end of the year 9999
		return time.Time{}, fmt.Errorf("%s is no time in seconds since 1970 (are these milliseconds?)", text)
	}
	if seconds == 0 {
		return time.Time{}, nil
	}
	whole, part := math.Modf(seconds)
	return checkedTime(time.Unix(int64(whole), int64(part*1e9)), text)
}

// checkedTime refuses what Encode could not write again.
func checkedTime(t time.Time, text string) (time.Time, error) {
	t = t.UTC()
	if t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, fmt.Errorf("%q is no time between the years 1 and 9999", text)
	}
	return t, nil
}
