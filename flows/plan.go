package flows

import (
	"time"
)

// A Plan is a pipeline.yaml that has been read and found good: what runs, in
// which order, cut into segments. Nothing is connected or built yet.
type Plan struct {
	Name   string
	Broker string // URL
	Store  string // URL
	Topic  string // the first one, that sources publish to
	Poison string

	Engine EngineConfig

	Sources  []Spec[Source]
	Segments []SegmentPlan // at least one
	Sinks    []Spec[Sink]  // at least one

	// Clock is the time the pipeline lives in; nil is the time of day. See [Build.Now].
	Clock Clock
	// Settled is told what became of a message in the segment that reads topic, each
	// time it was tried; nil is nobody. It must be quick, and leave m as it is.
	Settled func(topic string, m *Message, o Outcome)
}

// A SegmentPlan is the stages between two topics.
type SegmentPlan struct {
	Topic  string // it reads
	Stages []Spec[Stage]
	Next   string // the topic it publishes to; empty for the last one, which ends in the sinks
}

// A Spec is one component of a Plan.
type Spec[T any] struct {
	Kind   Kind[T]
	Name   string // unique in the file
	Config any    // of the type of Kind.Config
	Knobs  Knobs  // with the kind's defaults filled in
}

// Enabled reports whether the file does not disable the component.
func (s Spec[T]) Enabled() bool { return s.Knobs.Enabled == nil || *s.Knobs.Enabled }

// EngineConfig is what the engine itself can be told.
type EngineConfig struct {
	Retry    Retry         `yaml:"retry" doc:"what happens to a message that fails"`
	InFlight int           `yaml:"in_flight" doc:"messages of one segment that may be under way in this process"`
	Lease    time.Duration `yaml:"lease" doc:"how long a process may be silent before others take its messages; renewed while it lives"`
	// MaxDeliveries bounds how often a message may be in hand when its process dies.
	MaxDeliveries int `yaml:"max_deliveries" doc:"a message that so many processes died with goes to poison: it may be what kills them"`

	Drain    time.Duration `yaml:"drain" doc:"how long a stop waits for messages under way; what is left is given back"`
	MaxBytes int           `yaml:"max_bytes" doc:"largest payload of a message; larger ones are poisoned"`
	Migrate  bool          `yaml:"migrate" doc:"bring database schemas up to date at start"`
}

// DefaultEngineConfig holds the defaults.
var DefaultEngineConfig = EngineConfig{
	Retry:         Retry{Attempts: 3, Delay: time.Second, Max: 30 * time.Second},
	InFlight:      1000,
	Lease:         30 * time.Second,
	MaxDeliveries: 100,
	Drain:         20 * time.Second,
	MaxBytes:      1 << 20,
	Migrate:       true,
}
