package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"catalyst/internal/fetch"
)

// filed is where the submissions API lists filings: a column for each fact.
type filed struct {
	Accession []string `json:"accessionNumber"`
	Form      []string `json:"form"`
	Filed     []string `json:"filingDate"`
	Period    []string `json:"reportDate"`
}

// yearOff is how much more or less than a year two reports of one company may be apart: fiscal
// years end on a weekday, and reports come early or late.
const yearOff = 45 * 24 * time.Hour

// YearBefore returns the company's filing of the same form a year before one whose period
// ended on a day, or that was filed then, where the company's list has no periods; zero times
// are unknown. The zero Filing says that there is none, or none that EDGAR tells.
// Amendments are none. Other errors are those of [Client.Get].
func (c *Client) YearBefore(ctx context.Context, cik, form string, period, day time.Time) (Filing, error) {
	n, err := strconv.ParseUint(cik, 10, 64)
	if err != nil {
		return Filing{}, nil
	}
	cik = fmt.Sprintf("%010d", n)
	var list struct {
		Filings struct {
			Recent filed `json:"recent"`
			Files  []struct {
				Name string `json:"name"`
				From string `json:"filingFrom"`
				To   string `json:"filingTo"`
			} `json:"files"`
		} `json:"filings"`
	}
	if err := c.list(ctx, "/submissions/CIK"+cik+".json", &list); err != nil {
		return Filing{}, err
	}
	if accession := list.Filings.Recent.yearBefore(form, period, day); accession != "" {
		return Filing{Accession: accession, CIK: cik}, nil
	}
	// Who files much has the older half of a year on another page.
	about := firstKnown(day, period).AddDate(-1, 0, 0).Format(time.DateOnly)
	for _, file := range list.Filings.Files {
		if !listName.MatchString(file.Name) || about < file.From || about > file.To {
			continue
		}
		var older filed
		if err := c.list(ctx, "/submissions/"+file.Name, &older); err != nil {
			return Filing{}, err
		}
		if accession := older.yearBefore(form, period, day); accession != "" {
			return Filing{Accession: accession, CIK: cik}, nil
		}
	}
	return Filing{}, nil
}

var listName = regexp.MustCompile(`^CIK\d{10}-submissions-\d{3}\.json$`)

func firstKnown(times ...time.Time) time.Time {
	i := slices.IndexFunc(times, func(t time.Time) bool { return !t.IsZero() })
	return times[max(i, 0)]
}

// list reads a list of the submissions API. One that is not there, or makes no sense, is empty.
func (c *Client) list(ctx context.Context, path string, into any) error {
	answer, err := c.get(ctx, c.small, c.dataURL(path), fetch.Validators{})
	var status *fetch.StatusError
	switch {
	case errors.As(err, &status) && status.Code == 404:
		return nil
	case err != nil:
		return fmt.Errorf("get list of filings: %w", err)
	case answer.Cut != nil:
		return fmt.Errorf("get list of filings: %w", answer.Cut)
	}
	_ = json.Unmarshal(answer.Body, into) // what could be read is there
	return nil
}

// yearBefore returns the accession number of the filing that is closest to a year before;
// empty if none is near.
func (l filed) yearBefore(form string, period, day time.Time) string {
	n := min(len(l.Accession), len(l.Form), len(l.Filed), len(l.Period))
	best, found := yearOff+1, ""
	for i := range n {
		if strings.TrimSpace(l.Form[i]) != form || !accessionForm.MatchString(l.Accession[i]) {
			continue
		}
		off := yearOff + 1
		if at, err := time.Parse(time.DateOnly, l.Period[i]); err == nil && !period.IsZero() {
			off = period.AddDate(-1, 0, 0).Sub(at).Abs()
		} else if at, err := time.Parse(time.DateOnly, l.Filed[i]); err == nil && !day.IsZero() {
			off = day.AddDate(-1, 0, 0).Sub(at).Abs()
		}
		if off < best {
			best, found = off, l.Accession[i]
		}
	}
	return found
}
