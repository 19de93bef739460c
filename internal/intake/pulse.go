package intake

import (
	"maps"
	"slices"
	"sync"
	"time"

	"catalyst/flows"
	"catalyst/internal/metrics"
	"catalyst/internal/news"
)

var (
	entries     = metrics.Gauge("source_entries", "Entries of the latest document.", "source")
	newest      = metrics.Gauge("source_newest_timestamp_seconds", "When the newest entry ever shown was published, in seconds since 1970.", "source")
	unchanged   = metrics.Gauge("source_unchanged_ratio", "Share of answers that said only that nothing has changed (304), since the start.", "source")
	silentSince = metrics.Gauge("source_silent_since_timestamp_seconds", "Since when the source is not answered or gets empty documents, in seconds since 1970; 0 while it is well.", "source")
)

// A Pulse remembers what a source was told, for whoever asks meanwhile, and shows it as
// metrics. A source that embeds it is a [flows.Witness].
type Pulse struct {
	source string
	sparse bool

	mu    sync.Mutex
	seen  flows.Health
	parts map[string]part
}

// A part is one of the documents that a source reads beside one another.
type part struct {
	entries    int
	emptySince time.Time
}

// NewPulse is for the source with this name. Sparse says that what it
// reads may rightly have no entries for hours.
func NewPulse(source string, sparse bool) *Pulse { return &Pulse{source: source, sparse: sparse} }

// Health implements [flows.Witness].
func (h *Pulse) Health() flows.Health {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.seen
}

// Failed notes a look that brought nothing, or not all.
func (h *Pulse) Failed(err error) {
	h.note(func(seen *flows.Health, now time.Time) {
		if seen.Failures++; seen.Failures == 1 {
			seen.FaultSince = now
		}
		seen.Fault = err
	})
}

// Answered notes an answer that says nothing of how many entries there are.
func (h *Pulse) Answered() {
	h.note(func(seen *flows.Health, now time.Time) { answered(seen, now) })
}

// Unchanged notes the answer that nothing has changed.
func (h *Pulse) Unchanged() {
	h.note(func(seen *flows.Health, now time.Time) {
		answered(seen, now)
		seen.Unchanged++
	})
}

// Read notes a document with so many entries.
func (h *Pulse) Read(entries int) { h.ReadPart("", entries, h.sparse) }

// ReadPart notes one of several documents that a source reads, by a name of its own: that
// one is empty is not covered up by what is in the others. Sparse is as in [NewPulse].
func (h *Pulse) ReadPart(name string, entries int, sparse bool) {
	h.note(func(seen *flows.Health, now time.Time) {
		answered(seen, now)
		p := h.parts[name]
		switch p.entries = entries; {
		case entries > 0 || sparse:
			p.emptySince = time.Time{}
		case p.emptySince.IsZero():
			p.emptySince = now
		}
		if h.parts == nil {
			h.parts = make(map[string]part)
		}
		h.parts[name] = p
		seen.Entries, seen.EmptySince, seen.EmptyPart = 0, time.Time{}, ""
		for _, name := range slices.Sorted(maps.Keys(h.parts)) {
			p := h.parts[name]
			seen.Entries += p.entries
			if !p.emptySince.IsZero() && (seen.EmptySince.IsZero() || p.emptySince.Before(seen.EmptySince)) {
				seen.EmptySince, seen.EmptyPart = p.emptySince, name
			}
		}
	})
}

// Dated notes when the newest entry of a document was published. A time in the future
// says no more than that the entry is here.
func (h *Pulse) Dated(at time.Time) {
	h.note(func(seen *flows.Health, now time.Time) {
		if at.After(now) {
			at = now
		}
		if at.After(seen.Newest) {
			seen.Newest = at
		}
	})
}

// newest notes when the newest of the items of a document was published, of which
// some are fresh. Where they have no dates, or only dates to come, it is now that
// something fresh has come.
func (h *Pulse) newest(items []*news.Item, fresh int) {
	now, dated := time.Now(), false
	for _, it := range items {
		switch {
		case it.Published.IsZero():
			continue
		case !it.Published.After(now), fresh > 0:
			h.Dated(it.Published)
		}
		dated = true // one with a date to come that is not fresh was here before
	}
	if !dated && fresh > 0 {
		h.Dated(now)
	}
}

func answered(seen *flows.Health, now time.Time) {
	seen.Answered = now
	seen.Answers++
	seen.Fault, seen.Failures, seen.FaultSince = nil, 0, time.Time{}
}

// note changes what is known and shows it.
func (h *Pulse) note(change func(*flows.Health, time.Time)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(&h.seen, time.Now())
	LastSuccess.WithLabelValues(h.source).Set(unix(h.seen.Answered))
	newest.WithLabelValues(h.source).Set(unix(h.seen.Newest))
	silentSince.WithLabelValues(h.source).Set(unix(h.seen.Silent()))
	entries.WithLabelValues(h.source).Set(float64(h.seen.Entries))
	unchanged.WithLabelValues(h.source).Set(h.seen.Unsaid())
}

func unix(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return float64(at.UnixMilli()) / 1000
}
