package replay

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"time"

	"catalyst/internal/config"
)

// A Script says what goes wrong in a replay.
type Script struct {
	Faults []Fault `yaml:"faults" doc:"what goes wrong, and when"`
}

// A Fault is one thing that goes wrong: exactly one field is set.
type Fault struct {
	Outage    *ProviderOutage `yaml:"outage" doc:"language models refuse or cannot be reached"`
	Slow      *SlowAnswers    `yaml:"slow" doc:"language models take their time"`
	Stall     *Stall          `yaml:"stall" doc:"language models take the question and say nothing until the caller's patience is over"`
	Malformed *Malformed      `yaml:"malformed" doc:"language models answer something that is no verdict"`
	Sinks     *SinkOutage     `yaml:"sinks" doc:"sinks do not take what they are given"`
	Discord   *DiscordTrouble `yaml:"discord" doc:"the stand-in of --sinks stand answers otherwise than with success"`
	Loss      *Loss           `yaml:"loss" doc:"connections are lost, to the broker or to stores"`
	Flood     *Flood          `yaml:"flood" doc:"made-up items, all at once or spread evenly"`
	Repeat    *Repeat         `yaml:"repeat" doc:"the same items again with every poll, as messages of their own"`
	Clock     *ClockJump      `yaml:"clock" doc:"the clock of this machine is set to another time"`
}

// A Start is when a fault begins: at a time since the first item, or with an item.
type Start struct {
	At   time.Duration `yaml:"at" doc:"begins so long after the first item"`
	Item int           `yaml:"item" doc:"or at the time of this item of the history, counted from 1"`
}

// A Span is when a fault is there.
type Span struct {
	Start `yaml:",inline"`
	For   time.Duration `yaml:"for" doc:"lasts so long; without it until a day after the last item"`
}

// ProviderOutage is an outage of providers, by class of error.
type ProviderOutage struct {
	Span       `yaml:",inline"`
	Providers  []string      `yaml:"providers" doc:"names of providers; without it all"`
	Class      string        `yaml:"class" doc:"what they answer" required:"true" enum:"rate_minute|quota_day|auth|billing|model_missing|bad_request|context|content_filter|overloaded|timeout|first_token|truncated|network"`
	Latency    time.Duration `yaml:"latency" doc:"that it takes to say so"`
	RetryAfter time.Duration `yaml:"retry_after" doc:"how long they ask to be left alone"`
	Calls      int           `yaml:"calls" doc:"so many calls only, of each provider; 0 is all"`
}

// SlowAnswers take between two times, each prompt always the same.
type SlowAnswers struct {
	Span      `yaml:",inline"`
	Providers []string      `yaml:"providers" doc:"names of providers; without it all"`
	Least     time.Duration `yaml:"least" doc:"shortest answer" required:"true"`
	Most      time.Duration `yaml:"most" doc:"longest answer" required:"true"`
}

// A Stall is silence.
type Stall struct {
	Span      `yaml:",inline"`
	Providers []string `yaml:"providers" doc:"names of providers; without it all"`
}

// Malformed is an answer that cannot be read.
type Malformed struct {
	Span      `yaml:",inline"`
	Providers []string `yaml:"providers" doc:"names of providers; without it all"`
	Answer    string   `yaml:"answer" doc:"what they say; without it a verdict that breaks off"`
	Calls     int      `yaml:"calls" doc:"so many calls only, of each provider; 0 is all"`
}

// SinkOutage is at the boundary of the sinks, whatever stands behind it.
type SinkOutage struct {
	Span  `yaml:",inline"`
	Names []string `yaml:"names" doc:"names of sinks; without it all"`
	Error string   `yaml:"error" doc:"down parks messages, failing has them tried again, refused is for good" required:"true" enum:"down|failing|refused"`
}

// DiscordTrouble is trouble of the stand-in for Discord.
type DiscordTrouble struct {
	Start    `yaml:",inline"`
	Answer   string        `yaml:"answer" doc:"reset takes the message and breaks the connection before the answer" required:"true" enum:"rate_limited|overloaded|reset|refused"`
	Every    int           `yaml:"every" doc:"every how many requests"`
	Requests int           `yaml:"requests" doc:"so many of them in all; 0 is without end"`
	Wait     time.Duration `yaml:"wait" doc:"how long a 429 asks to wait, in the time of day"`
}

// A Loss is of connections.
type Loss struct {
	Span `yaml:",inline"`
	Of   []string `yaml:"of" doc:"topics; beside: what lives beside them (claims, ledger, limits, embeddings); store: cached answers" required:"true"`
}

// A Flood is of made-up items.
type Flood struct {
	Start  `yaml:",inline"`
	Items  int           `yaml:"items" doc:"how many" required:"true"`
	Over   time.Duration `yaml:"over" doc:"spread evenly over so long; without it all at once, as one poll brings them"`
	Source string        `yaml:"source" doc:"name of the source they come from" required:"true"`
	Titles []string      `yaml:"titles" doc:"taken in turn; {n} stands for the item's number and {ticker} for a symbol of its own" required:"true"`
	Form   string        `yaml:"form" doc:"makes them EDGAR filings of this form, each with an accession number of its own"`
	Forms  []string      `yaml:"items_of_form" doc:"item numbers of such a filing"`
}

// A Repeat brings items again.
type Repeat struct {
	Span  `yaml:",inline"`
	Items int           `yaml:"items" doc:"the last so many before it begins" required:"true"`
	Every time.Duration `yaml:"every" doc:"time between polls" required:"true"`
}

// A ClockJump sets the clock.
type ClockJump struct {
	Start `yaml:",inline"`
	Jump  Jump `yaml:"jump" doc:"by how much, as 26h or -2h" required:"true"`
}

// A Jump is a duration that may be negative.
type Jump time.Duration

// UnmarshalText reads a duration with a sign.
func (j *Jump) UnmarshalText(text []byte) error {
	s, sign := string(text), time.Duration(1)
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	d, err := config.ParseDuration(s)
	if err != nil {
		return err
	}
	*j = Jump(sign * d)
	return nil
}

// What a [Loss] can be of.
const (
	Topics = "topics"
	Beside = "beside"
	Stored = "store"
)

var lossOf = []string{Topics, Beside, Stored}

// maxMadeUp bounds what a script adds to a history: more is a slip of the pen.
const maxMadeUp = 1_000_000

// ReadScript reads a script. Its error has every mistake, with its place.
func ReadScript(file string) (*Script, error) {
	s := new(Script)
	return s, readYAML(file, s)
}

// readYAML decodes a file of configuration into what into points to.
func readYAML(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read script: %w", err)
	}
	return decodeYAML(file, text, into)
}

func decodeYAML(file string, text []byte, into any) error {
	doc, issues := config.Load(file, text, nil)
	if doc == nil {
		return issues
	}
	if issues = append(issues, config.Decode(doc, doc.Root, into)...); len(issues) > 0 {
		return issues.Sorted()
	}
	return nil
}

// Validate reports a fault that is none or several.
func (f Fault) Validate() error {
	var set int
	for _, field := range reflect.ValueOf(f).Fields() {
		if !field.IsNil() {
			set++
		}
	}
	if set != 1 {
		return fmt.Errorf("must be exactly one of %v, and is %d of them", config.Keys(Fault{}), set)
	}
	return nil
}

func (s Start) faults() (faults []error) {
	if s.Item < 0 {
		faults = append(faults, config.At("item", "must be at least 1"))
	}
	if s.Item > 0 && s.At > 0 {
		faults = append(faults, config.At("item", "and at are two ways to say when: leave one out"))
	}
	return faults
}

// above reports numbers that are not above a bound.
func above(field string, n, least int) (faults []error) {
	if n < least {
		faults = append(faults, config.At(field, "must be at least %d", least))
	}
	return faults
}

// Validate reports every fault.
func (o ProviderOutage) Validate() error {
	return errors.Join(append(o.faults(), above("calls", o.Calls, 0)...)...)
}

// Validate reports every fault.
func (s SlowAnswers) Validate() error {
	faults := s.faults()
	if s.Most < s.Least {
		faults = append(faults, config.At("most", "must not be below least, %v", s.Least))
	}
	return errors.Join(faults...)
}

// Validate reports every fault.
func (s Stall) Validate() error { return errors.Join(s.faults()...) }

// Validate reports every fault.
func (m Malformed) Validate() error {
	return errors.Join(append(m.faults(), above("calls", m.Calls, 0)...)...)
}

// Validate reports every fault.
func (s SinkOutage) Validate() error { return errors.Join(s.faults()...) }

// Validate reports every fault.
func (d DiscordTrouble) Validate() error {
	faults := append(d.faults(), above("every", d.Every, 0)...)
	return errors.Join(append(faults, above("requests", d.Requests, 0)...)...)
}

// Validate reports every fault.
func (l Loss) Validate() error {
	faults := l.faults()
	for _, what := range l.Of {
		if !slices.Contains(lossOf, what) {
			faults = append(faults, config.At("of", "%q is none of %v", what, lossOf))
		}
	}
	return errors.Join(faults...)
}

// Validate reports every fault.
func (f Flood) Validate() error {
	faults := append(f.faults(), above("items", f.Items, 1)...)
	if f.Items > maxMadeUp {
		faults = append(faults, config.At("items", "must be at most %d", maxMadeUp))
	}
	if len(f.Forms) > 0 && f.Form == "" {
		faults = append(faults, config.At("items_of_form", "needs a form"))
	}
	return errors.Join(faults...)
}

// Validate reports every fault.
func (r Repeat) Validate() error {
	faults := append(r.faults(), above("items", r.Items, 1)...)
	if r.Every <= 0 {
		faults = append(faults, config.At("every", "must be longer than nothing; 60s is usual"))
	}
	return errors.Join(faults...)
}

// Validate reports every fault.
func (c ClockJump) Validate() error { return errors.Join(c.faults()...) }

// AsksModels reports whether anything is wrong with models; Discord whether something
// is with Discord.
func (s *Script) AsksModels() bool {
	return slices.ContainsFunc(s.Faults, func(f Fault) bool {
		return f.Outage != nil || f.Slow != nil || f.Stall != nil || f.Malformed != nil
	})
}

// Discord reports whether anything is wrong with the stand-in for Discord.
func (s *Script) Discord() bool {
	return slices.ContainsFunc(s.Faults, func(f Fault) bool { return f.Discord != nil })
}

// Unknown lists names of providers and sinks that the pipeline does not have.
func (s *Script) Unknown(providers, sinks []string) error {
	var faults []error
	check := func(i int, what string, names, known []string) {
		for _, name := range names {
			if !slices.Contains(known, name) {
				faults = append(faults, fmt.Errorf("fault %d: the pipeline has no %s %q; it has %v", i+1, what, name, known))
			}
		}
	}
	for i, f := range s.Faults {
		switch {
		case f.Outage != nil:
			check(i, "provider", f.Outage.Providers, providers)
		case f.Slow != nil:
			check(i, "provider", f.Slow.Providers, providers)
		case f.Stall != nil:
			check(i, "provider", f.Stall.Providers, providers)
		case f.Malformed != nil:
			check(i, "provider", f.Malformed.Providers, providers)
		case f.Sinks != nil:
			check(i, "sink", f.Sinks.Names, sinks)
		}
	}
	return errors.Join(faults...)
}
