package quota

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"catalyst/internal/config"
)

// Config is how many dollars may be spent in a day of UTC. In each amount, 0 is no
// dollars, so that nothing paid is asked, and "none" is no limit. What costs
// nothing is never refused.
type Config struct {
	Day        Dollars            `yaml:"day" doc:"dollars for a day (UTC), over all; 0 asks only what is free, none is no limit"`
	Providers  map[string]Dollars `yaml:"providers" doc:"dollars for a day by provider; one that is not named has no limit of its own"`
	Sources    map[string]Dollars `yaml:"sources" doc:"dollars for a day by source of news"`
	Tickers    map[string]Dollars `yaml:"tickers" doc:"dollars for a day by ticker; a call about several counts towards each with its share"`
	EachSource Dollars            `yaml:"each_source" doc:"dollars for a day for every source that is not named; none is no limit"`
	EachTicker Dollars            `yaml:"each_ticker" doc:"dollars for a day for every ticker that is not named; none is no limit"`
	Warning    Step               `yaml:"warning" doc:"the first step of saving"`
	Critical   Step               `yaml:"critical" doc:"the second step of saving"`
}

// A Step is how far the day's budget is used when dear calls end, and which are dear.
type Step struct {
	At      float64 `yaml:"at" doc:"share of the day's budget from which it holds, 0 to 1; 1 switches it off"`
	MaxCall Dollars `yaml:"max_call" doc:"most dollars that a call may cost at worst from then on; none is no limit"`
}

// Defaults is the configuration before pipeline.yaml.
var Defaults = Config{
	Day:        50 * dollar,
	EachSource: None,
	EachTicker: None,
	Warning:    Step{At: 0.6, MaxCall: dollar / 100},
	Critical:   Step{At: 0.85, MaxCall: dollar / 500},
}

// Validate reports every fault.
func (c Config) Validate() error {
	var faults []error
	for _, s := range []struct {
		name string
		step Step
	}{{"warning", c.Warning}, {"critical", c.Critical}} {
		if !(s.step.At >= 0 && s.step.At <= 1) { // NaN is neither
			faults = append(faults, config.At(s.name+".at", "must lie between 0 and 1"))
		}
	}
	if c.Critical.At < c.Warning.At {
		faults = append(faults, config.At("critical.at", "must not be below warning.at (%v)", c.Warning.At))
	}
	if c.Critical.MaxCall.beyond(c.Warning.MaxCall) {
		faults = append(faults, config.At("critical.max_call", "must not be above warning.max_call (%v)", c.Warning.MaxCall))
	}
	for _, ticker := range slices.Sorted(maps.Keys(c.Tickers)) {
		if upper := strings.ToUpper(ticker); upper != ticker {
			faults = append(faults, config.At("tickers."+ticker, "is no ticker; write %s", upper))
		}
	}
	return errors.Join(faults...)
}

// Dollars is an amount of money in nano-dollars, or [None].
type Dollars int64

// None is no limit. In text it is "none".
const None Dollars = -1

const (
	dollar = Dollars(1e9)
	digits = 9 // of a dollar's fraction
)

// UnmarshalText reads a decimal such as 50 or 0.002, exactly, or "none".
func (d *Dollars) UnmarshalText(text []byte) error {
	word := strings.TrimSpace(string(text))
	if word == "none" {
		*d = None
		return nil
	}
	whole, fraction, _ := strings.Cut(word, ".")
	fraction = strings.TrimRight(fraction, "0")
	if whole+fraction == "" || strings.Trim(whole+fraction, "0123456789") != "" || len(fraction) > digits {
		return fmt.Errorf("%.40q is no amount of dollars; write 50, 0.002 or none", word)
	}
	n, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", digits-len(fraction)), 10, 64)
	if err != nil || n > math.MaxInt64/2 { // so that sums of two still fit
		return fmt.Errorf("%.40q are too many dollars; write none for no limit", word)
	}
	*d = Dollars(n)
	return nil
}

// String writes the amount as UnmarshalText reads it.
func (d Dollars) String() string {
	if d < 0 {
		return "none"
	}
	text := strconv.FormatInt(int64(d/dollar), 10)
	if rest := d % dollar; rest > 0 {
		text += "." + strings.TrimRight(fmt.Sprintf("%0*d", digits, int64(rest)), "0")
	}
	return text
}

// MarshalText is for encoders of JSON, YAML and the like.
func (d Dollars) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// beyond reports whether d allows more than limit.
func (d Dollars) beyond(limit Dollars) bool {
	return limit >= 0 && (d < 0 || d > limit)
}
