package flows

import (
	"context"
	"time"
)

// A Witness is a [Source] that can tell how what it reads from fares. It is found by
// assertion, and asked at any time while the source runs and before.
type Witness interface {
	Health() Health
}

// Health is what a source knows of what it reads from, as it was told, never as it
// guesses: that nothing new came is no fault.
type Health struct {
	// Answered is when it was last answered in a form it understands, be it only
	// that nothing is new. Zero: never.
	Answered time.Time
	// Fault is why it is not answered now, for Failures looks in a row and since
	// FaultSince; nil while it is.
	Fault      error
	Failures   int
	FaultSince time.Time
	// Entries is how many entries the latest document had, or all of several together.
	Entries int
	// EmptySince is since when every document had no entries; zero if the latest had
	// some, or if what the source reads may rightly have none. A document that only
	// repeats what is known is not empty. Of a source that reads several documents it is
	// the one that has been empty for longest, by the name in EmptyPart.
	EmptySince time.Time
	EmptyPart  string
	// Answers is how often it was answered since the start, and Unchanged how often of
	// these with the word that nothing has changed.
	Answers, Unchanged int
	// Newest is when the newest entry it was ever shown was published, never later than
	// it was seen; where entries have no dates, when something new last came. Zero:
	// there never was an entry.
	Newest time.Time
}

// Unsaid is the share of answers that said nothing but that nothing has changed; 0
// before the first answer.
func (h Health) Unsaid() float64 { return float64(h.Unchanged) / float64(max(1, h.Answers)) }

// Silent is since when the source brings nothing, because it is not answered or because
// its documents are empty; zero while it is well.
func (h Health) Silent() time.Time {
	if h.Fault != nil {
		return h.FaultSince
	}
	return h.EmptySince
}

// A Looker is a [Source] that can look at what it reads from without publishing
// anything or remembering that it did. An error says why it was not answered; what it
// was told is then in its Health, if it is a [Witness].
type Looker interface {
	Look(ctx context.Context) error
}

// Health returns what the sources that can tell ([Witness]) know, by name.
func (e *Engine) Health() map[string]Health {
	known := map[string]Health{}
	for _, s := range e.sources {
		if w, ok := s.it.(Witness); ok {
			known[s.Name] = w.Health()
		}
	}
	return known
}
