package edgar

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"catalyst/flows"
	"catalyst/internal/edgar/client"
	"catalyst/internal/news"
)

// watchBack is how far a look at a company reaches behind the newest filing that was
// seen, and on a first start behind now. It is longer than the times of a company's filings
// can be wrong (see [clockOf]).
const watchBack = 24 * time.Hour

var errNoCompany = errors.New("the answer is no list of a company's filings")

// watch looks at the companies of the watch list.
func (s *source) watch(ctx context.Context, publish flows.Publish) (asked time.Duration, err error) {
	if err := s.companies.Refresh(ctx); err != nil && s.companies.Size() == 0 {
		return 0, err // without the list nobody knows whom to ask for
	}
	var faults []error
	changed := false
	for _, ticker := range s.config.Watch {
		cik := s.companies.CIK(ticker)
		if cik == "" {
			if !s.unknown[ticker] {
				s.log.Warn("watch_unknown", "ticker", ticker, "effect", "EDGAR's list of companies has no such ticker; it is not watched")
			}
			s.unknown[ticker] = true
			continue
		}
		err := s.watchOne(ctx, publish, cik)
		var refused *client.RefusedError
		switch {
		case ctx.Err() != nil || errors.As(err, &refused):
			return 0, err
		case err != nil && !errors.Is(err, errUnchanged):
			faults = append(faults, fmt.Errorf("watch %s: %w", ticker, err))
		}
		changed = changed || err == nil
	}
	if len(faults) == 0 && !changed {
		return 0, errUnchanged
	}
	return 0, errors.Join(faults...)
}

// watchOne looks at one company.
func (s *source) watchOne(ctx context.Context, publish flows.Publish, cik string) error {
	answer, err := s.client.Company(ctx, cik, s.versions[cik])
	switch {
	case err != nil:
		return err
	case answer.NotModified:
		return errUnchanged
	case answer.Cut != nil:
		return cutError{answer.Cut}
	}
	found, err := readCompany(answer.Body, cik, s.now())
	if err != nil {
		return err
	}
	ground, err := s.recall(ctx, "watch:"+cik)
	if err != nil {
		return err
	}
	since, newest := ground, ground
	if ground.IsZero() {
		since = s.now()
	}
	var entries []entry
	for _, e := range found {
		if !s.config.wants(e.form) || e.accepted.Before(since.Add(-watchBack)) {
			continue
		}
		e.url = s.client.IndexURL(client.Filing{Accession: e.accession, CIK: cik})
		entries = append(entries, e)
		if e.accepted.Before(s.now().Add(watchBack)) { // or the next ones would seem to be old
			newest = later(newest, e.accepted)
		}
	}
	left, err := s.publish(ctx, publish, fold(entries, s.companies), s.config.MaxItems)
	if err != nil || left > 0 { // the next look brings them again
		return err
	}
	if newest.After(ground) {
		if err := s.remember(ctx, "watch:"+cik, newest); err != nil {
			return err
		}
	}
	s.versions[cik] = answer.Validators
	return nil
}

// readCompany reads an answer of the submissions API: the company's recent filings, newest
// first, as one would stand in the feed.
func readCompany(body []byte, cik string, now time.Time) ([]entry, error) {
	var wire struct {
		Name    string `json:"name"`
		Filings struct {
			Recent *struct {
				Accession []string `json:"accessionNumber"`
				Accepted  []string `json:"acceptanceDateTime"`
				Filed     []string `json:"filingDate"`
				Form      []string `json:"form"`
				Items     []string `json:"items"`
			} `json:"recent"`
		} `json:"filings"`
	}
	if err := json.Unmarshal(body, &wire); err != nil || wire.Filings.Recent == nil {
		return nil, errNoCompany
	}
	recent := wire.Filings.Recent
	n := len(recent.Accession)
	if len(recent.Accepted) != n || len(recent.Filed) != n || len(recent.Form) != n || len(recent.Items) != n {
		return nil, fmt.Errorf("%w: its columns differ in length", errNoCompany)
	}
	clock := clockOf(recent.Accepted, now)
	name := news.Text(wire.Name)
	var entries []entry
	for i := range n {
		accession := news.Accession(recent.Accession[i])
		at, ok := clock(recent.Accepted[i])
		form := strings.TrimSpace(recent.Form[i])
		if accession == "" || form == "" || !ok {
			continue
		}
		e := entry{
			accession: accession,
			form:      form,
			filer:     news.Filer{Name: name, CIK: cik, Role: roleIn(form)},
			summary:   "Filed: " + recent.Filed[i] + " AccNo: " + accession,
			accepted:  at,
		}
		e.title = fmt.Sprintf("%s - %s (%s) (%s)", form, name, cik, e.filer.Role)
		for item := range strings.SplitSeq(recent.Items[i], ",") {
			if item = strings.TrimSpace(item); item != "" {
				e.items = append(e.items, item)
			}
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// roleIn is the role of a listed company in a filing about it.
func roleIn(form string) string {
	switch base := strings.TrimSuffix(form, "/A"); {
	case base == "3" || base == "4" || base == "5":
		return "Issuer"
	case base == "144" || strings.HasPrefix(base, "SC ") || strings.HasPrefix(base, "SCHEDULE 13"):
		return "Subject"
	}
	return "Filer"
}

// clockOf returns how to read a company's acceptance times. All of them end in Z, but of
// one company in five it is New York's clock and not UTC; it is the same for all filings
// of a company. EDGAR accepts filings between 6 and 22 o'clock in New York, so times
// that one of the clocks would put into the night, or into the future, speak for the other.
func clockOf(times []string, now time.Time) func(string) (time.Time, bool) {
	const layout = "2006-01-02T15:04:05"
	read := func(text string, in *time.Location) (time.Time, bool) {
		at, err := time.ParseInLocation(layout, text[:min(len(text), len(layout))], in)
		return at.UTC(), err == nil && at.Year() >= 1993 && at.Year() < 9000
	}
	night := func(at time.Time) bool { hour := at.In(client.NewYork).Hour(); return hour < 6 || hour >= 22 }
	universal, local := 0, 0
	for _, text := range times {
		asUTC, ok := read(text, time.UTC)
		if !ok {
			continue
		}
		asLocal, _ := read(text, client.NewYork)
		switch {
		case asLocal.After(now.Add(time.Minute)):
			universal += len(times) // no filing comes from the future
		case night(asUTC) && !night(asLocal):
			local++
		case night(asLocal) && !night(asUTC):
			universal++
		}
	}
	in := time.UTC
	if local > universal {
		in = client.NewYork
	}
	return func(text string) (time.Time, bool) { return read(text, in) }
}
