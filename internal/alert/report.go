package alert

import (
	"context"
	"errors"
	"time"

	"catalyst/flows"
	"catalyst/internal/news"
)

// Report is the card of an item whose message was parked or has failed, as of now.
func Report(item *news.Item, o flows.Outcome, now time.Time) Card {
	if o.Fate != flows.Parked {
		if errors.Is(o.Err, context.DeadlineExceeded) {
			return Timeout(item)
		}
		return Failed(item, o.Stage)
	}
	down, ok := flows.AsUnavailable(o.Err)
	if !ok {
		return Parked(item, "", time.Time{})
	}
	var next time.Time
	if down.Wait > 0 {
		next = upTo(now.Add(down.Wait))
	}
	return Parked(item, down.Dependency, next)
}
