package operator

import (
	"time"

	"catalyst/flows"
)

// Facts are what is known of a pipeline at one time, each from where it happens. What
// could not be read is Unknown, never 0.
type Facts struct {
	// Counts since the process started.
	Items, Duplicates, Filtered, Alerts int64
	Failures                            int64 // of messages in stages and sinks; a retry that fails counts again
	Analyses                            map[string]int64

	Poison   int64 // messages in the poison topic
	Segments []Segment
	Models   []Model
	Sources  []Source
	Budget   Budget
}

// Unknown is a count that could not be read.
const Unknown = -1

// A Segment is a topic and what works on it.
type Segment struct {
	Topic   string
	Waiting int64         // not yet acknowledged
	Oldest  time.Duration // age of the oldest of them
	Paused  *flows.Outage // nil while it takes in messages
}

// A Model is one that a router may ask.
type Model struct {
	Provider, Name string
	Away           bool // its breaker is not closed
}

// A Source is one that can tell how it fares.
type Source struct {
	Name string
	flows.Health
}

// Budget is what models may cost today, in nano-dollars.
type Budget struct {
	Spent int64  // or Unknown; see Watch.Spent
	Limit int64  // below 0 there is none
	Level string // ok, warning, critical, over; empty if nobody counts
}
