package fetchfiling

import (
	"context"
	"errors"
	"strings"
	"time"

	"catalyst/flows"
	"catalyst/internal/edgar/brief"
	"catalyst/internal/edgar/client"
	"catalyst/internal/edgar/filing"
	"catalyst/internal/metrics"
)

var compared = metrics.Counter("filings_compared_total", "Reports to be compared with those of the year before, by what came of it: compared, none, failed.", "result")

// metaCompared is where a message says which filing its own was compared with.
const metaCompared = "compared"

// yearBefore returns the report of a year before that a filing is to be compared with; nil
// if there is none, or none to be had. The error is only that ctx has ended.
func (s *stage) yearBefore(ctx context.Context, m *flows.Message, f client.Filing, read *brief.Filing) (*filing.Document, error) {
	form := m.Item.Form
	if form == "" {
		form = read.Cover.Form
	}
	if !s.config.Compare || form != "10-K" && form != "10-Q" {
		return nil, nil
	}
	before, document, err := s.ofYearBefore(ctx, f, form, read.Cover.Period, m.Item.Published)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return nil, ctx.Err()
	case err != nil:
		compared.WithLabelValues("failed").Inc()
		s.log.Warn("filing_not_compared", "id", m.ID, "accession", f.Accession, "error", err, "effect", "it is told without what changed")
		return nil, nil
	case document == nil:
		compared.WithLabelValues("none").Inc()
		return nil, nil
	}
	compared.WithLabelValues("compared").Inc()
	m.SetMeta(metaCompared, before.Accession)
	return document, nil
}

func (s *stage) ofYearBefore(ctx context.Context, f client.Filing, form, period string, published time.Time) (client.Filing, *filing.Document, error) {
	end, _ := time.Parse(time.DateOnly, strings.TrimSpace(period)) // the cover page may word it
	var before client.Filing
	err := s.ask(ctx, func(ctx context.Context) (err error) {
		before, err = s.client.YearBefore(ctx, f.CIK, form, end, published)
		return err
	})
	if err != nil || before.Accession == "" || before.Accession == f.Accession {
		return before, nil, err
	}
	submission, err := s.submission(ctx, before)
	if err != nil {
		return before, nil, err
	}
	document, err := filing.Parse(submission)
	return before, document, err
}
