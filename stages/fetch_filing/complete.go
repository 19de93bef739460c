package fetchfiling

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"time"

	"catalyst/internal/edgar/brief"
	"catalyst/internal/edgar/client"
	"catalyst/internal/news"
)

// complete fills in what the source did not know: items, tickers, the hour of acceptance. The
// same submission always makes the same of an item.
func complete(it *news.Item, read *brief.Filing, submission []byte) {
	if len(it.Items) == 0 {
		for _, item := range read.Items() {
			if !slices.Contains(it.Items, item.Number) {
				it.Items = append(it.Items, item.Number)
			}
		}
	}
	if len(it.Tickers) == 0 {
		for _, security := range read.Cover.Securities {
			if symbol := strings.ToUpper(strings.TrimSpace(security.Symbol)); ticker.MatchString(symbol) {
				it.Tickers = []string{symbol} // the first is the common stock
				break
			}
		}
	}
	if it.Published.IsZero() || dayOnly(it.Published) {
		if at := accepted(submission); !at.IsZero() {
			it.Published = at
		}
	}
}

var ticker = regexp.MustCompile(`^[A-Z]{1,5}(?:-[A-Z]{1,2})?$`)

// dayOnly reports whether a time is a day: EDGAR's indexes know no hour, and at midnight in
// New York nothing is accepted.
func dayOnly(t time.Time) bool {
	hour, minute, second := t.In(client.NewYork).Clock()
	return hour == 0 && minute == 0 && second == 0
}

var acceptance = regexp.MustCompile(`<ACCEPTANCE-DATETIME>(\d{14})`)

// accepted returns the time of acceptance that a submission's header gives, by the clock of
// New York; zero if it gives none.
func accepted(submission []byte) time.Time {
	header, _, _ := bytes.Cut(submission, []byte("</SEC-HEADER>"))
	m := acceptance.FindSubmatch(header[:min(len(header), 4096)])
	if m == nil {
		return time.Time{}
	}
	at, err := time.ParseInLocation("20060102150405", string(m[1]), client.NewYork)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}
