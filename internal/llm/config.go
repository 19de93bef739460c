package llm

import (
	"net/url"
	"time"

	"catalyst/internal/config"
)

// Settings are what the configurations of all providers have in common.
type Settings struct {
	Temperature *float64      `yaml:"temperature" doc:"randomness, from 0; left out of requests if not set, as newer models refuse it"`
	Timeout     time.Duration `yaml:"timeout" doc:"longest time for a call; 0 takes the router's"`
	FirstToken  time.Duration `yaml:"first_token" doc:"longest wait for the first token of content; 0 takes the router's"`
	MaxChars    int           `yaml:"max_chars" doc:"takes items whose text has at most so many characters; 0 is no limit"`
}

// Limits makes a provider with these settings [Limited].
func (s Settings) Limits() Limits {
	return Limits{MaxChars: s.MaxChars, Timeout: s.Timeout, FirstToken: s.FirstToken}
}

// Faults returns what is wrong with the settings, for a configuration's Validate.
func (s Settings) Faults() (faults []error) {
	if s.Timeout < 0 {
		faults = append(faults, config.At("timeout", "must not be below 0"))
	}
	if s.FirstToken < 0 || s.Timeout > 0 && s.FirstToken > s.Timeout {
		faults = append(faults, config.At("first_token", "must lie between 0 and timeout"))
	}
	if s.MaxChars < 0 {
		faults = append(faults, config.At("max_chars", "must not be below 0"))
	}
	if s.Temperature != nil && (*s.Temperature < 0 || *s.Temperature > 2) {
		faults = append(faults, config.At("temperature", "must lie between 0 and 2"))
	}
	return faults
}

// BaseURLFaults returns what is wrong with a base URL, which may be empty.
func BaseURLFaults(base, example string) []error {
	u, err := url.Parse(base)
	if base == "" || err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") {
		return nil
	}
	return []error{config.At("base_url", "is no address; write %s", example)}
}
