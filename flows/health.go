package flows

import "time"

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
	// Entries is how many entries the latest document had.
	Entries int
	// Newest is when the newest entry it was ever shown was published, never later than
	// it was seen; where entries have no dates, when something new last came. Zero:
	// there never was an entry.
	Newest time.Time
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
