package llmrouter

import (
	"errors"
	"slices"
	"time"

	"catalyst/flows"
	"catalyst/internal/config"
)

// Config configures the stage.
type Config struct {
	Tiers        []string      `yaml:"tiers,short" doc:"names of providers, in the order they are asked"`
	Rules        []Rule        `yaml:"rules" doc:"which provider is asked first: the first rule that holds decides, without one the order of tiers"`
	Strategy     string        `yaml:"strategy" enum:"ordered|cheapest_capable" doc:"ordered asks by rules and tiers; cheapest_capable asks whoever answers for least money, by the price of the longest answer"`
	Concurrency  int           `yaml:"concurrency" doc:"calls at the same time with one provider, where it has no limit of its own"`
	PerMinute    int           `yaml:"requests_per_minute" doc:"requests to one provider in any minute, where it has no limit of its own and is no server at home; -1 is no limit"`
	ItemsPerCall int           `yaml:"items_per_call" doc:"items of a batch that are asked about in one call, if they share prompt and provider; what such a call leaves open is asked about alone"`
	Retries      int           `yaml:"retries" doc:"attempts with one provider while it is overloaded, limits the rate or cannot be reached"`
	RetryDelay   time.Duration `yaml:"retry_delay" doc:"wait before the second attempt; it doubles, with jitter"`
	MaxWait      time.Duration `yaml:"max_wait" doc:"longest wait a server may ask for that is waited out here, and only where no other provider is left"`
	Timeout      time.Duration `yaml:"call_timeout" doc:"longest time for one call, where the provider has no timeout of its own"`
	FirstToken   time.Duration `yaml:"first_token" doc:"longest wait for the first token; it does not cut off the last provider"`
	MaxText      int           `yaml:"max_text" doc:"characters of an item that are sent; the model is told of a cut"`
	Jargon       []string      `yaml:"jargon" doc:"terms that the rules' field jargon counts"`
	Breaker      BreakerConfig `yaml:"breaker" doc:"when a failing provider is left alone"`
}

// A Rule sends items to a provider first.
type Rule struct {
	Use  string    `yaml:"use" required:"true" doc:"name of a provider of tiers"`
	When Condition `yaml:"when" doc:"expression over the item and the state of the router; empty always holds"`
}

// A Condition is an expression over [Facts].
type Condition struct{ flows.Predicate[Facts] }

const (
	ordered         = "ordered"
	cheapestCapable = "cheapest_capable"
)

// Defaults is the configuration before pipeline.yaml.
var Defaults = Config{
	Tiers:        []string{"ollama", "gemini", "anthropic"},
	Strategy:     ordered,
	Concurrency:  5,
	PerMinute:    60,
	ItemsPerCall: 1,
	Retries:      3,
	RetryDelay:   2 * time.Second,
	MaxWait:      time.Minute,
	Timeout:      10 * time.Second,
	FirstToken:   5 * time.Second,
	MaxText:      6000,
	Jargon: []string{
		"accretive", "at-the-market", "bought deal", "change of control", "covenant", "convertible", "debenture",
		"deleveraging", "dilutive", "earn-out", "EBITDA", "forbearance", "going concern", "impairment", "indenture",
		"non-GAAP", "non-reliance", "pari passu", "pre-funded warrant", "registered direct", "restatement",
		"senior secured", "shelf registration", "tender offer", "tranche", "waiver", "working capital",
	},
	Breaker: BreakerConfig{Failures: 5, Open: time.Minute, Successes: 3},
}

// Validate reports every fault.
func (c Config) Validate() error {
	var faults []error
	if len(c.Tiers) == 0 {
		faults = append(faults, config.At("tiers", "must name at least one provider"))
	}
	for i, name := range c.Tiers {
		if slices.Contains(c.Tiers[:i], name) {
			faults = append(faults, config.At("tiers", "names %s twice", name))
		}
	}
	for _, rule := range c.Rules {
		if rule.Use != "" && !slices.Contains(c.Tiers, rule.Use) {
			faults = append(faults, config.At("rules", "use %s, which is not among tiers", rule.Use))
		}
	}
	for _, field := range []struct {
		name  string
		value int
	}{
		{"concurrency", c.Concurrency}, {"items_per_call", c.ItemsPerCall}, {"retries", c.Retries}, {"max_text", c.MaxText},
		{"breaker.failures", c.Breaker.Failures}, {"breaker.successes", c.Breaker.Successes},
	} {
		if field.value < 1 {
			faults = append(faults, config.At(field.name, "must be at least 1"))
		}
	}
	if c.PerMinute < 1 && c.PerMinute != -1 {
		faults = append(faults, config.At("requests_per_minute", "must be at least 1, or -1 for no limit"))
	}
	for _, field := range []struct {
		name  string
		value time.Duration
	}{
		{"retry_delay", c.RetryDelay}, {"call_timeout", c.Timeout}, {"first_token", c.FirstToken}, {"breaker.open", c.Breaker.Open},
	} {
		if field.value <= 0 {
			faults = append(faults, config.At(field.name, "must be above 0"))
		}
	}
	if c.MaxWait < 0 {
		faults = append(faults, config.At("max_wait", "must not be below 0"))
	}
	return errors.Join(faults...)
}

// Refs names the tiers, which must be in the file.
func (c Config) Refs() []flows.Ref {
	var refs []flows.Ref
	for _, name := range c.Tiers {
		refs = append(refs, flows.Ref{Field: "tiers", Section: "providers", Name: name})
	}
	return refs
}
