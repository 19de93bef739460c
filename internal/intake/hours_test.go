package intake

import (
	"testing"
	"time"
)

func TestSessions(t *testing.T) {
	for _, test := range []struct {
		at    string
		want  Session
		until string
	}{
		{"2026-11-20 03:59", Closed, "2026-11-20 04:00"}, // a Friday
		{"2026-11-20 04:00", Extended, "2026-11-20 09:30"},
		{"2026-11-20 09:30", Open, "2026-11-20 16:00"},
		{"2026-11-20 16:00", Extended, "2026-11-20 20:00"},
		{"2026-11-20 20:00", Closed, "2026-11-23 04:00"},
		{"2026-11-22 12:00", Closed, "2026-11-23 04:00"},
		{"2026-11-25 23:00", Closed, "2026-11-27 04:00"}, // Thanksgiving lies between
		{"2026-03-08 12:00", Closed, "2026-03-09 04:00"}, // the clocks go forward
	} {
		at, err := time.ParseInLocation("2006-01-02 15:04", test.at, NewYork)
		if err != nil {
			t.Fatal(err)
		}
		got, until := SessionAt(at.UTC())
		if got != test.want || until.Format("2006-01-02 15:04") != test.until {
			t.Errorf("%s: %v until %v, want %v until %s", test.at, got, until, test.want, test.until)
		}
	}
}

// The exchange's own calendars of these years.
func TestHolidays(t *testing.T) {
	closed := map[string]bool{}
	for _, day := range []string{
		"2022-01-17", "2022-02-21", "2022-04-15", "2022-05-30", "2022-06-20", "2022-07-04", "2022-09-05", "2022-11-24", "2022-12-26",
		"2024-01-01", "2024-01-15", "2024-02-19", "2024-03-29", "2024-05-27", "2024-06-19", "2024-07-04", "2024-09-02", "2024-11-28", "2024-12-25",
		"2026-01-01", "2026-01-19", "2026-02-16", "2026-04-03", "2026-05-25", "2026-06-19", "2026-07-03", "2026-09-07", "2026-11-26", "2026-12-25",
		"2027-01-01", "2027-01-18", "2027-02-15", "2027-03-26", "2027-05-31", "2027-06-18", "2027-07-05", "2027-09-06", "2027-11-25", "2027-12-24",
	} {
		closed[day] = true
	}
	for _, year := range []int{2022, 2024, 2026, 2027} {
		for day := time.Date(year, 1, 1, 12, 0, 0, 0, NewYork); day.Year() == year; day = day.AddDate(0, 0, 1) {
			if day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
				continue
			}
			name := day.Format(time.DateOnly)
			if trading(day) == closed[name] {
				t.Errorf("%s: trading is %v", name, trading(day))
			}
		}
	}
}

func TestScheduleSlowsDownAndIsBackInTime(t *testing.T) {
	p := Pace{Every: time.Minute, MaxEvery: 5 * time.Minute, MaxItems: 1, Schedule: Schedule{Extended: 2 * time.Minute, Closed: 30 * time.Minute}}
	for _, test := range []struct {
		at    string
		asked time.Duration
		want  time.Duration
	}{
		{"2026-11-20 12:00:00", 0, time.Minute},
		{"2026-11-20 12:00:00", time.Hour, 5 * time.Minute},
		{"2026-11-20 08:00:00", 0, 2 * time.Minute},
		{"2026-11-20 09:29:30", 0, time.Minute}, // not 30s: every holds at all times
		{"2026-11-21 12:00:00", 0, 30 * time.Minute},
		{"2026-11-20 03:50:00", 0, 10 * time.Minute}, // the first session of the day is not slept through
		{"2026-11-20 15:59:30", 0, time.Minute},      // the next session is slower
	} {
		at, err := time.ParseInLocation(time.DateTime, test.at, NewYork)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Next(at, test.asked); got != test.want {
			t.Errorf("%s: next poll in %v, want %v", test.at, got, test.want)
		}
	}
	if got := DefaultPace.Next(time.Date(2026, 11, 21, 12, 0, 0, 0, NewYork), 0); got != time.Minute {
		t.Errorf("without a schedule the next poll is in %v", got)
	}
	bad := Pace{Every: time.Second, Schedule: Schedule{time.Second, -1}, MaxEvery: -1}
	if faults := bad.Check(false); len(faults) != 5 {
		t.Errorf("%d faults, want 5: %v", len(faults), faults)
	}
}
