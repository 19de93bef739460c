// Package prescale gives every item a signed score from keywords, and drops what is
// not worth a model's time.
//
// The score is a sum of terms: phrases of the lexicon, of each category the heaviest or
// up to its cap (half the weight if only the text below the title has it), the form and
// the items of a filing; times the weight of the source. Positive terms are what usually
// lifts a price (an approval, a takeover, a raised outlook), negative ones what weighs on
// it (an offering, a failed trial, a bankruptcy). A category may count only beside
// another, and instead of it: what an offering is worth depends on its stage.
//
// A title with a phrase of a noise rule (law firms looking for clients, conference dates,
// fund distributions) drops the item as "noise". Of the others an item goes on if its
// score is at least min, or if its negative terms alone come to strong_negative or less:
// bad news is not bought off by praise around it. So do items of watched tickers and of
// high priority. The rest is dropped as "below min". What `always` is true for goes on
// whatever it says.
//
// Phrases are whole words: "drop" is not in "Dropbox", and the longest phrase counts:
// "fails to win approval" is no approval. What is only part of a company's name does
// not count: Breakthrough Therapeutics, Merger Corp, the names of those who filed, and
// the title that EDGAR's feed makes of form and issuer.
//
// The item keeps the score and the terms that made it, in Score and Reasons. The
// same item always gets the same score, however often it comes.
package prescale

import (
	"context"
	"log/slog"

	"catalyst/flows"
	"catalyst/internal/metrics"
)

var judged = metrics.Counter("prescale_items_total",
	"Items that prescale scored, by whether they are worth a model's time. Redeliveries count again.", "result")

// Kind describes the stage.
func Kind() flows.StageKind {
	return flows.NewKind(flows.StageKind{
		Name:    "prescale",
		Doc:     "scores items by keywords and drops what is not worth a model's time",
		Example: "- prescale: {min: 0.20}",
	}, DefaultConfig, func(b *flows.Build, c Config) (flows.Stage, error) {
		scale, err := NewScale(c)
		if err != nil {
			return nil, err
		}
		return &stage{scale: scale, log: b.Logger}, nil
	})
}

type stage struct {
	scale *Scale
	log   *slog.Logger
}

func (s *stage) Process(ctx context.Context, batch []*flows.Message) ([]*flows.Message, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	eligible := make([]*flows.Message, 0, len(batch))
	for _, m := range batch {
		v, err := s.scale.Weigh(m.Item)
		m.Item.Score, m.Item.Reasons = v.Score, v.Reasons()
		switch {
		case err != nil:
			m.Fail(flows.Permanent(err))
		case v.Drop != "":
			m.Drop(v.Drop)
		default:
			eligible = append(eligible, m)
		}
	}
	skipped := len(batch) - len(eligible)
	judged.WithLabelValues("eligible").Add(float64(len(eligible)))
	judged.WithLabelValues("skipped").Add(float64(skipped))
	s.log.InfoContext(ctx, "llm_batch_filter", "total", len(batch), "llm_eligible", len(eligible), "skipped", skipped)
	return eligible, nil
}
