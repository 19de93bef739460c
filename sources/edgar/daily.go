package edgar

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"catalyst/flows"
	"catalyst/internal/edgar/client"
	"catalyst/internal/fetch"
	"catalyst/internal/news"
)

// day is the midnight in New York at which the day of t begins.
func day(t time.Time) time.Time {
	year, month, date := t.In(client.NewYork).Date()
	return time.Date(year, month, date, 0, 0, 0, 0, client.NewYork)
}

func (s *source) today() time.Time { return day(s.now()) }

// A gap is the days that the feed has not shown and the daily index must: from next on,
// up to the day on which the gap was found, whose index comes at night. It is kept in
// notes, as it may outlive the process.
type gap struct {
	mu     sync.Mutex
	opened int // how many were, so that one that was filled is not taken for the next
}

const (
	gapNext  = "gap:next"
	gapUntil = "gap:until"
	filled   = "backfill" // the day that backfill asked for last
)

// openGap notes that filings from a time on are missing. A gap that is open only
// becomes longer.
func (s *source) openGap(ctx context.Context, from time.Time) error {
	s.gap.mu.Lock()
	defer s.gap.mu.Unlock()
	next, err := s.recall(ctx, gapNext)
	if err != nil {
		return err
	}
	if from = day(from); next.IsZero() || from.Before(next) {
		next = from
	}
	s.gap.opened++
	if err := s.remember(ctx, gapUntil, s.today()); err != nil {
		return err
	}
	return s.remember(ctx, gapNext, next)
}

// fill publishes the days of the gap, if there is one.
func (s *source) fill(ctx context.Context, publish flows.Publish) (time.Duration, error) {
	return 0, s.fillGap(ctx, publish)
}

func (s *source) fillGap(ctx context.Context, publish flows.Publish) error {
	if err := s.backfill(ctx); err != nil {
		return err
	}
	s.gap.mu.Lock()
	opened := s.gap.opened
	next, err := s.recall(ctx, gapNext)
	if err != nil || next.IsZero() {
		s.gap.mu.Unlock()
		return err
	}
	until, err := s.recall(ctx, gapUntil)
	s.gap.mu.Unlock()
	if err != nil {
		return err
	}
	next, until = day(next), day(until)
	for !next.After(until) {
		days, err := s.indexed(ctx, next)
		if err != nil {
			return err
		}
		end := earlierDay(until, endOfQuarter(next))
		for _, d := range days {
			if d.Before(next) || d.After(end) {
				continue
			}
			if err := s.publishDay(ctx, publish, d); err != nil {
				return err
			}
			next = d.AddDate(0, 0, 1)
			if err := s.progress(ctx, opened, next); err != nil {
				return err
			}
		}
		switch {
		case next.After(end):
		case s.today().After(end):
			next = end.AddDate(0, 0, 1) // the days left have no index, and so no filings
			if err := s.progress(ctx, opened, next); err != nil {
				return err
			}
		default:
			return nil // today's comes at night
		}
	}
	return s.progress(ctx, opened, time.Time{})
}

// progress notes the next day of the gap, unless it has grown meanwhile.
func (s *source) progress(ctx context.Context, opened int, next time.Time) error {
	s.gap.mu.Lock()
	defer s.gap.mu.Unlock()
	if s.gap.opened != opened {
		return nil
	}
	return s.remember(ctx, gapNext, next)
}

// backfill opens a gap from the day asked for, once for each.
func (s *source) backfill(ctx context.Context) error {
	from, err := s.config.backfill()
	if err != nil || from.IsZero() {
		return nil
	}
	done, err := s.recall(ctx, filled)
	if err != nil || day(done).Equal(from) {
		return err
	}
	if err := s.openGap(ctx, from); err != nil {
		return err
	}
	return s.remember(ctx, filled, from)
}

func earlierDay(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func quarter(d time.Time) int { return (int(d.Month()) + 2) / 3 }

func endOfQuarter(d time.Time) time.Time {
	return time.Date(d.Year(), time.Month(3*quarter(d)+1), 0, 0, 0, 0, 0, client.NewYork)
}

var (
	errNoIndex = errors.New("the answer is no daily index")
	indexName  = regexp.MustCompile(`^master\.(\d{8})\.idx$`)
)

func indexPath(d time.Time) string {
	return fmt.Sprintf("/Archives/edgar/daily-index/%d/QTR%d/", d.Year(), quarter(d))
}

// indexed returns the days of d's quarter that have an index, in order. Weekends and
// holidays have none.
func (s *source) indexed(ctx context.Context, d time.Time) ([]time.Time, error) {
	answer, err := s.client.Get(ctx, indexPath(d)+"index.json", fetch.Validators{})
	var status *fetch.StatusError
	switch {
	case errors.As(err, &status) && (status.Code == 403 || status.Code == 404):
		return nil, nil // a quarter that has just begun
	case err != nil:
		return nil, err
	case answer.Cut != nil:
		return nil, cutError{answer.Cut}
	}
	return readDirectory(answer.Body)
}

// readDirectory returns the days of which a directory listing has an index.
func readDirectory(listing []byte) ([]time.Time, error) {
	var wire struct {
		Directory *struct {
			Item []struct {
				Name string `json:"name"`
			} `json:"item"`
		} `json:"directory"`
	}
	if err := json.Unmarshal(listing, &wire); err != nil || wire.Directory == nil {
		return nil, errNoIndex
	}
	var days []time.Time
	for _, item := range wire.Directory.Item {
		if m := indexName.FindStringSubmatch(item.Name); m != nil {
			if d, err := time.ParseInLocation("20060102", m[1], client.NewYork); err == nil {
				days = append(days, d)
			}
		}
	}
	slices.SortFunc(days, time.Time.Compare)
	return slices.CompactFunc(days, time.Time.Equal), nil
}

// publishDay publishes the filings of a day.
func (s *source) publishDay(ctx context.Context, publish flows.Publish, d time.Time) error {
	answer, err := s.client.Get(ctx, indexPath(d)+"master."+d.Format("20060102")+".idx", fetch.Validators{})
	switch {
	case err != nil:
		return err
	case answer.Cut != nil:
		return cutError{answer.Cut}
	}
	filed, err := readIndex(fetch.UTF8(answer.Body, answer.ContentType))
	if err != nil {
		return err
	}
	var entries []entry
	for _, f := range filed {
		if s.config.wants(f.form) {
			entries = append(entries, s.entryOf(f, d))
		}
	}
	if err := s.companies.Refresh(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("companies_not_refreshed", "error", err, "effect", "tickers are those of the last copy")
	}
	items := fold(entries, s.companies)
	slices.Reverse(items) // the index has no order in time, and publish turns them around
	_, err = s.publish(ctx, publish, items, len(items))
	return err
}

// entryOf is what the feed would have said, as far as the index knows: of roles, items and
// the hour it says nothing.
func (s *source) entryOf(f filed, d time.Time) entry {
	return entry{
		accession: f.accession,
		form:      f.form,
		title:     fmt.Sprintf("%s - %s (%s) (Filer)", f.form, f.filer.Name, f.filer.CIK),
		filer:     f.filer,
		url:       s.client.IndexURL(client.Filing{Accession: f.accession, CIK: f.filer.CIK}),
		summary:   "Filed: " + d.Format(time.DateOnly) + " AccNo: " + f.accession,
		accepted:  d.UTC(),
	}
}

// A filed is a line of an index: a filing and one of its filers.
type filed struct {
	accession string
	form      string
	filer     news.Filer
}

// readIndex reads a master index in UTF-8:
//
//	CIK|Company Name|Form Type|Date Filed|File Name
//	--------------------------------------------------------------------------------
//	1000045|NICHOLAS FINANCIAL INC|10-Q|20251113|edgar/data/1000045/0000950170-25-104567.txt
//
// Lines that are none of this form are left out.
func readIndex(index []byte) ([]filed, error) {
	_, lines, found := bytes.Cut(index, []byte("CIK|"))
	if !found {
		return nil, errNoIndex
	}
	var all []filed
	for line := range bytes.Lines(lines) {
		fields := strings.Split(string(bytes.TrimSpace(line)), "|")
		if len(fields) != 5 {
			continue
		}
		cik, err := strconv.ParseUint(fields[0], 10, 64)
		name := fields[4][strings.LastIndexByte(fields[4], '/')+1:]
		accession := news.Accession(strings.TrimSuffix(name, ".txt"))
		form := strings.TrimSpace(fields[2])
		if err != nil || cik == 0 || cik > 9_999_999_999 || accession == "" || form == "" {
			continue
		}
		all = append(all, filed{accession, form, news.Filer{Name: news.Text(fields[1]), CIK: fmt.Sprintf("%010d", cik)}})
	}
	return all, nil
}
