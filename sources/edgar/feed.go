package edgar

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"time"

	"catalyst/flows"
	"catalyst/internal/edgar/client"
	"catalyst/internal/fetch"
	"catalyst/internal/intake"
)

// A query is one reading of the feed: forms that begin with form.
type query struct {
	form   string
	rare   bool      // it may rightly find nothing
	loaded bool      // ground is what was noted
	ground time.Time // the newest filing of the last complete reading; zero before the first
	floor  time.Time // nothing older is published: the end of the page of a first start
	known  fetch.Validators

	unchanged bool          // so said the latest look
	asked     time.Duration // and to be left alone so long
}

const (
	perPage  = 100
	maxPages = 100 // the feed has fifty
	// late is how much later than others a filing may be shown that was accepted
	// before them.
	late = 15 * time.Minute
)

// A cutError says that a reading could not be completed.
type cutError struct{ error }

func (e cutError) Unwrap() error { return e.error }

// look reads the feed once, all queries. One that fails does not hold up the others,
// unless EDGAR refuses.
func (s *source) look(ctx context.Context, publish flows.Publish) (asked time.Duration, err error) {
	if err := s.companies.Refresh(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("companies_not_refreshed", "error", err, "effect", "tickers are those of the last copy")
	}
	var faults []error
	unchanged := true
	for _, q := range s.queries {
		err := s.sweep(ctx, q, publish)
		var refused *client.RefusedError
		if ctx.Err() != nil || errors.As(err, &refused) {
			return 0, err
		}
		if err != nil {
			faults = append(faults, err)
		}
		asked, unchanged = max(asked, q.asked), unchanged && q.unchanged
	}
	if len(faults) == 0 && unchanged {
		return asked, errUnchanged
	}
	return asked, errors.Join(faults...)
}

// share is how many filings each query may publish in one look.
func (s *source) share() int { return max(1, s.config.MaxItems/len(s.queries)) }

// sweep reads the feed of a query down to known ground and publishes what is new, of more
// than its share the newest. What it has read it publishes in any case; the ground moves
// only if that is all there is.
func (s *source) sweep(ctx context.Context, q *query, publish flows.Publish) error {
	if err := s.begin(ctx, q); err != nil {
		return err
	}
	entries, versions, ended, err := s.collect(ctx, q)
	entries = slices.DeleteFunc(entries, func(e entry) bool { return e.accepted.Before(q.floor) })
	left, failed := s.publish(ctx, publish, fold(s.wanted(entries), s.companies), s.share())
	if failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	oldest, newest := s.span(entries)
	s.Dated(newest)
	if left > 0 { // the next look brings them again
		if q.ground.IsZero() { // and goes on from here, whatever comes before them
			q.ground, q.floor = oldest, oldest
		}
		return nil
	}
	if ended && !q.ground.IsZero() && oldest.After(q.ground) {
		if err := s.openGap(ctx, q.ground); err != nil {
			return err
		}
	}
	if q.ground.IsZero() {
		q.floor = oldest
	}
	if newest.After(q.ground) {
		if err := s.remember(ctx, q.name(), newest); err != nil {
			return err
		}
		q.ground = newest
	}
	q.known = versions
	return nil
}

// span returns when the oldest and the newest of entries were accepted, leaving out what
// claims to come from the future; zero times if there are none.
func (s *source) span(entries []entry) (oldest, newest time.Time) {
	for _, e := range entries {
		if e.accepted.After(s.now().Add(late)) {
			continue
		}
		if oldest.IsZero() || e.accepted.Before(oldest) {
			oldest = e.accepted
		}
		newest = later(newest, e.accepted)
	}
	return oldest, newest
}

func (q *query) name() string { return "feed:" + q.form }

// begin recalls where the reading before the start ended.
func (s *source) begin(ctx context.Context, q *query) error {
	if q.loaded {
		return nil
	}
	ground, err := s.recall(ctx, q.name())
	if err != nil {
		return err
	}
	if day, err := s.config.backfill(); err == nil && !day.IsZero() && ground.IsZero() {
		// The index has the days until yesterday, or the one before; the feed what follows.
		ground = later(day, s.today().AddDate(0, 0, -2))
	}
	q.ground, q.loaded = ground, true
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// collect pages through the feed, newest first. ended reports that the feed ended before
// known ground. With an error comes what was read until then; of the last filing it may
// lack filers, so that is left for the next time.
func (s *source) collect(ctx context.Context, q *query) (entries []entry, versions fetch.Validators, ended bool, err error) {
	for n := range maxPages {
		p, answer, err := s.page(ctx, q, n)
		if n == 0 && err == nil {
			versions, q.asked, q.unchanged = answer.Validators, answer.Wait, answer.NotModified
		}
		var status *fetch.StatusError
		if n > 0 && errors.As(err, &status) && status.Code == 503 {
			over, err := s.isOver(ctx, q, n)
			if !over {
				return complete(entries), versions, false, err
			}
			return entries, versions, true, nil
		}
		switch {
		case err != nil:
			return complete(entries), versions, false, err
		case p == nil: // not modified
			return nil, versions, false, nil
		}
		if n == 0 {
			s.ReadPart(q.form, len(p.entries), q.rare)
		} else {
			s.Answered()
		}
		intake.Rejected.WithLabelValues(s.name).Add(float64(p.rejected))
		entries = append(entries, p.entries...)
		all := len(p.entries) + p.rejected
		switch {
		case p.cut != nil:
			return complete(entries), versions, false, cutError{p.cut}
		case all == 0:
			return entries, versions, n > 0, nil
		case q.ground.IsZero(): // the first look of all
			return entries, versions, false, nil
		case len(p.entries) > 0 && p.entries[len(p.entries)-1].accepted.Before(later(q.ground.Add(-late), q.floor)):
			return entries, versions, false, nil
		case all < perPage:
			return entries, versions, true, nil
		}
	}
	return entries, versions, true, nil
}

// complete leaves out the last filing of a reading that was interrupted.
func complete(entries []entry) []entry {
	n := len(entries)
	for n > 0 && entries[n-1].accession == entries[len(entries)-1].accession {
		n--
	}
	return entries[:n]
}

// page reads a page of the feed; nil if it has not changed since the last complete
// reading.
func (s *source) page(ctx context.Context, q *query, n int) (*page, *fetch.Response, error) {
	known := fetch.Validators{}
	if n == 0 {
		known = q.known
	}
	path := "/cgi-bin/browse-edgar?action=getcurrent&type=" + url.QueryEscape(q.form) +
		"&company=&dateb=&owner=include&start=" + strconv.Itoa(n*perPage) + "&count=" + strconv.Itoa(perPage) + "&output=atom"
	answer, err := s.client.Get(ctx, path, known)
	switch {
	case err != nil:
		return nil, nil, err
	case answer.NotModified:
		s.Unchanged()
		return nil, answer, nil
	}
	p, err := readPage(fetch.UTF8(answer.Body, answer.ContentType))
	switch {
	case err != nil && answer.Cut != nil:
		return nil, nil, cutError{answer.Cut}
	case err != nil:
		return nil, nil, err
	case answer.Cut != nil:
		p.cut = answer.Cut
	}
	return p, answer, nil
}

// isOver finds out what a 503 behind the first page means: past the end of the feed, EDGAR
// answers nothing else. The feed is at its end if the first page is there now, and
// this one again is not. A server that is down for this page only by chance, twice, would
// cost filings; it would have to be so at both times and well between them.
func (s *source) isOver(ctx context.Context, q *query, n int) (over bool, err error) {
	if _, _, err := s.page(ctx, &query{form: q.form}, 0); err != nil {
		return false, err
	}
	_, _, err = s.page(ctx, q, n)
	var status *fetch.StatusError
	if errors.As(err, &status) && status.Code == 503 {
		return true, nil
	}
	if err == nil {
		err = cutError{errors.New("a page of the feed was not there, and then was")}
	}
	return false, err
}

// wanted returns the entries of the forms to publish.
func (s *source) wanted(entries []entry) []entry {
	var wanted []entry
	for _, e := range entries {
		if s.config.wants(e.form) {
			wanted = append(wanted, e)
		}
	}
	return wanted
}
