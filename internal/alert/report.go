package alert

import (
	"context"
	"errors"
	"time"

	"catalyst/flows"
	"catalyst/internal/news"
)

// Report is the card of an item whose message was parked or has failed.
func Report(item *news.Item, o flows.Outcome) Card {
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
		next = upTo(time.Now().Add(down.Wait))
	}
	return Parked(item, down.Dependency, next)
}
