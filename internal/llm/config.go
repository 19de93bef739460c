package llm

import (
	"net/url"
	"time"
	_ "time/tzdata" // zones have names on Windows too

	"catalyst/internal/config"
)

// Settings are what the configurations of all providers have in common.
type Settings struct {
	Temperature *float64      `yaml:"temperature" doc:"randomness, from 0; left out of requests if not set, as newer models refuse it"`
	Timeout     time.Duration `yaml:"timeout" doc:"longest time for a call; 0 takes the router's"`
	FirstToken  time.Duration `yaml:"first_token" doc:"longest wait for the first token of content; 0 takes the router's"`
	MaxTokens   int           `yaml:"max_tokens" doc:"tokens of an answer at most, thoughts included"`
	MaxChars    int           `yaml:"max_chars" doc:"takes items whose text has at most so many characters; 0 is no limit"`

	Concurrency       int    `yaml:"concurrency" doc:"calls at the same time; 0 takes the router's, -1 is no limit"`
	RequestsPerMinute int    `yaml:"requests_per_minute" doc:"requests in any minute; 0 takes the router's, -1 is no limit"`
	TokensPerMinute   int    `yaml:"tokens_per_minute" doc:"tokens in any minute, of prompts and answers; 0 is no limit"`
	RequestsPerDay    int    `yaml:"requests_per_day" doc:"requests in a day; 0 is no limit"`
	Reserve           int    `yaml:"reserve" doc:"requests of a day that are left for others who use the same key"`
	ResetZone         string `yaml:"reset_zone" doc:"time zone in which the provider's day begins at midnight; empty is UTC"`
}

// Limits makes a provider with these settings [Limited].
func (s Settings) Limits() Limits {
	zone, _ := time.LoadLocation(s.ResetZone) // Faults has seen to it
	return Limits{
		MaxTokens: s.MaxTokens, MaxChars: s.MaxChars, Timeout: s.Timeout, FirstToken: s.FirstToken,
		Concurrency: s.Concurrency, RequestsPerMinute: s.RequestsPerMinute, TokensPerMinute: s.TokensPerMinute,
		RequestsPerDay: s.RequestsPerDay, Reserve: s.Reserve, ResetZone: zone,
	}
}

// Faults returns what is wrong with the settings, for a configuration's Validate.
func (s Settings) Faults() (faults []error) {
	if s.Timeout < 0 {
		faults = append(faults, config.At("timeout", "must not be below 0"))
	}
	if s.FirstToken < 0 || s.Timeout > 0 && s.FirstToken > s.Timeout {
		faults = append(faults, config.At("first_token", "must lie between 0 and timeout"))
	}
	if s.MaxTokens < 1 {
		faults = append(faults, config.At("max_tokens", "must be at least 1"))
	}
	if s.MaxChars < 0 {
		faults = append(faults, config.At("max_chars", "must not be below 0"))
	}
	for _, limit := range []struct {
		name       string
		value, min int
	}{
		{"concurrency", s.Concurrency, -1}, {"requests_per_minute", s.RequestsPerMinute, -1},
		{"tokens_per_minute", s.TokensPerMinute, 0}, {"requests_per_day", s.RequestsPerDay, 0}, {"reserve", s.Reserve, 0},
	} {
		if limit.value < limit.min {
			faults = append(faults, config.At(limit.name, "must not be below %d", limit.min))
		}
	}
	if s.RequestsPerDay > 0 && s.Reserve >= s.RequestsPerDay {
		faults = append(faults, config.At("reserve", "must leave some of requests_per_day (%d)", s.RequestsPerDay))
	}
	if _, err := time.LoadLocation(s.ResetZone); err != nil {
		faults = append(faults, config.At("reset_zone", "is no time zone; write one like America/Los_Angeles"))
	}
	if s.Temperature != nil && (*s.Temperature < 0 || *s.Temperature > 2) {
		faults = append(faults, config.At("temperature", "must lie between 0 and 2"))
	}
	return faults
}

// ContextFaults returns what is wrong with a model's context in tokens, 0 where it is
// unknown, of which an answer can take all but one.
func (s Settings) ContextFaults(context int) []error {
	if context == 0 || context > s.MaxTokens {
		return nil
	}
	return []error{config.At("context", "must be above max_tokens (%d), or 0", s.MaxTokens)}
}

// BaseURLFaults returns what is wrong with a base URL, which may be empty.
func BaseURLFaults(base, example string) []error {
	u, err := url.Parse(base)
	if base == "" || err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") {
		return nil
	}
	return []error{config.At("base_url", "is no address; write %s", example)}
}
