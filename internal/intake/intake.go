// Package intake is what sources have in common: the last touch on an item before
// it is published, and the metrics by which all of them are watched.
package intake

import (
	"catalyst/internal/metrics"
	"catalyst/internal/news"
)

var (
	// Items counts items that reached the first topic.
	Items = metrics.Counter("source_items_total", "Items published to the first topic.", "source")
	// Rejected counts input that is no item: a malformed line, request or entry.
	Rejected = metrics.Counter("source_rejected_total", "Inputs that are no item.", "source")
	// Polls counts how often a source looked for something new, and what came of it:
	// ok, not_modified, busy, refused, network, too_large, malformed, cut, store, not_published.
	Polls = metrics.Counter("source_polls_total", "Looks for something new, by what came of them.", "source", "result")
	// LastSuccess is when a source last heard from what it reads.
	LastSuccess = metrics.Gauge("source_last_success_timestamp_seconds", "When the source was last answered, in seconds since 1970.", "source")
)

// Prepare fills in what a source did not say: the source's name, the tickers
// that the text names, and the key.
func Prepare(it *news.Item, source string) {
	if it.Source == "" {
		it.Source = source
	}
	if len(it.Tickers) == 0 {
		it.Tickers = news.Tickers(it.Text())
	}
	it.Key = news.KeyOf(it)
}
