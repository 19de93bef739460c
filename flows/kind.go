package flows

import (
	"cmp"
	"fmt"
	"time"
)

// A Kind describes one kind of component: the word in pipeline.yaml, what it
// does, its configuration with defaults, and how to build it. Parsing,
// validation, `pipeline describe`, the JSON Schema and the reference docs all
// come from it.
type Kind[T any] struct {
	// Name is the word in pipeline.yaml and the name of the package's folder.
	Name string
	// Doc is one sentence in the third person: "drops an item seen before".
	Doc string
	// Example is a list element of pipeline.yaml, as YAML.
	Example string
	// Config holds the defaults: a struct with yaml and doc tags (package
	// internal/config lists them all).
	Config any
	// Knobs are the defaults of what the engine offers every stage.
	Knobs Knobs
	// After names kinds of stages, each of which must stand before this one.
	After []string
	// Follows names kinds of stages that, if they are in the file, must stand before
	// this one to be of any use.
	Follows []string
	// New builds the component from a configuration of Config's type.
	New func(b *Build, config any) (T, error)
}

type (
	StageKind  = Kind[Stage]
	SinkKind   = Kind[Sink]
	SourceKind = Kind[Source]
)

// NewKind returns k with its Config and New set from values that know their type.
func NewKind[C, T any](k Kind[T], defaults C, build func(*Build, C) (T, error)) Kind[T] {
	k.Config = defaults
	k.New = func(b *Build, config any) (T, error) {
		c, ok := config.(C)
		if !ok {
			var none T
			return none, fmt.Errorf("%s: configuration is a %T, want %T", k.Name, config, c)
		}
		return build(b, c)
	}
	return k
}

// Identity is what every component of pipeline.yaml can be given.
type Identity struct {
	Name    string `yaml:"name" doc:"how metrics, logs and other components call it; defaults to its kind"`
	Enabled *bool  `yaml:"enabled" doc:"false leaves it out, as if the lines were not there; defaults to true"`
}

// Knobs are what the engine offers every stage and sink, whatever its kind. Zero
// means the kind's default, and where the kind has none, that of [Knobs.OrDefault].
type Knobs struct {
	Identity `yaml:",inline"`

	Workers int           `yaml:"workers" doc:"batches processed at the same time"`
	Timeout time.Duration `yaml:"timeout" doc:"longest time for one batch"`
	When    Condition     `yaml:"when" doc:"messages for which this is false pass by untouched"`
	OnError OnError       `yaml:"on_error" doc:"what becomes of a message that fails: retry (then poison), poison, drop, or pass (go on as if the stage were not there)"`
}

// OrDefault returns k with the engine's defaults in place of zeros.
func (k Knobs) OrDefault() Knobs {
	k.Workers = cmp.Or(k.Workers, 1)
	k.Timeout = cmp.Or(k.Timeout, defaultTimeout)
	k.OnError = cmp.Or(k.OnError, OnErrorRetry)
	return k
}

// OnError is a stage's answer to a failure. It has no say over parking.
type OnError string

const (
	OnErrorRetry  OnError = "retry"  // the default: with backoff, then to poison
	OnErrorPoison OnError = "poison" // at once
	OnErrorDrop   OnError = "drop"   // with the reason "failed"
	OnErrorPass   OnError = "pass"   // on to the next stage, unchanged
)

// UnmarshalText refuses words that are none of the four.
func (o *OnError) UnmarshalText(text []byte) error {
	switch v := OnError(text); v {
	case OnErrorRetry, OnErrorPoison, OnErrorDrop, OnErrorPass:
		*o = v
		return nil
	}
	return fmt.Errorf("%q is none of retry, poison, drop, pass", text)
}
