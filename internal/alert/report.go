package alert

import (
	"catalyst/flows"
	"catalyst/internal/news"
)

// Report is the card of an item whose message was parked or has failed.
func Report(item *news.Item, o flows.Outcome) Card {
	if o.Fate != flows.Parked {
		return Failed(item, o.Stage)
	}
	if down, ok := flows.AsUnavailable(o.Err); ok {
		return Parked(item, down.Dependency)
	}
	return Parked(item, "")
}
