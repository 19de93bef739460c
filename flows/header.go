package flows

import (
	"errors"
	"regexp"
	"strings"

	"catalyst/internal/config"
)

// Header holds the scalars at the top of pipeline.yaml.
type Header struct {
	Name   string       `yaml:"name" doc:"name of the pipeline: lower-case letters, digits and dashes; prefixes what it keeps" required:"true"`
	Broker string       `yaml:"broker" doc:"where topics, claims and the ledger are kept: redis://… or sqlite://FILE"`
	Store  string       `yaml:"store" doc:"where cached answers are kept: postgres://… or sqlite://FILE"`
	Topic  string       `yaml:"topic" doc:"the first topic, which sources publish to"`
	Poison string       `yaml:"poison" doc:"the topic for what keeps failing"`
	Engine EngineConfig `yaml:"engine" doc:"retries, limits and shutdown"`
}

// DefaultHeader holds the defaults.
var DefaultHeader = Header{
	Broker: "sqlite://data/pipeline.db",
	Store:  "sqlite://data/pipeline.db",
	Topic:  "news.raw",
	Poison: "news.poison",
	Engine: DefaultEngineConfig,
}

var pipelineName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Validate checks what a type cannot say.
func (h Header) Validate() error {
	var faults []error
	if h.Name != "" && !pipelineName.MatchString(h.Name) {
		faults = append(faults, config.At("name", "%q has characters other than a-z, 0-9 and -", h.Name))
	}
	scheme := func(field, url string, known ...string) {
		for _, s := range known {
			if rest, ok := strings.CutPrefix(url, s+"://"); ok && rest != "" {
				return
			}
		}
		// The address may hold a password, so it is not shown.
		faults = append(faults, config.At(field, "the address must begin with %s://", strings.Join(known, ":// or ")))
	}
	scheme("broker", h.Broker, "redis", "rediss", "sqlite")
	scheme("store", h.Store, "postgres", "postgresql", "sqlite")
	return errors.Join(faults...)
}

// Validate checks what a type cannot say.
func (c EngineConfig) Validate() error {
	switch {
	case c.Retry.Attempts < 1:
		return config.At("retry.attempts", "must be at least 1")
	case c.Retry.Delay < 0 || c.Retry.Max < c.Retry.Delay:
		return config.At("retry.max", "must not be less than delay")
	case c.InFlight < 1:
		return config.At("in_flight", "must be at least 1")
	case c.Lease < 1e9:
		return config.At("lease", "must be at least 1s")
	case c.MaxDeliveries < 1:
		return config.At("max_deliveries", "must be at least 1")
	case c.MaxBytes < 1:
		return config.At("max_bytes", "must be at least 1")
	}
	return nil
}
