package prices

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"catalyst/internal/config"
)

// file is the form of prices.yaml. Prices are dollars per million tokens.
type file struct {
	AsOf   Date             `yaml:"as_of" doc:"when the prices were looked up, where a model does not say"`
	Models map[string]model `yaml:"models" doc:"prices by the model's name"`
}

type model struct {
	AsOf    Date   `yaml:"as_of" doc:"when the prices were looked up"`
	Source  string `yaml:"source" doc:"where they were found"`
	Retired Date   `yaml:"retired" doc:"day from which on the model does not answer"`
	Prices  []cost `yaml:"prices" doc:"what it costs, and when"`
}

type cost struct {
	From  Date        `yaml:"valid_from" doc:"first day, of UTC; open if not given"`
	Until Date        `yaml:"valid_until" doc:"last day, of UTC; open if not given"`
	Rates rates       `yaml:",inline"`
	Batch *Nano       `yaml:"batch" doc:"share of the price that is asked in the provider's batch API: 0.5"`
	Long  []longRates `yaml:"long" doc:"other prices of a request whose prompt is long"`
}

type longRates struct {
	Above int   `yaml:"above" doc:"holds for prompts with more tokens, and then for the whole request"`
	Rates rates `yaml:",inline"`
}

type rates struct {
	In           *Nano `yaml:"in" doc:"a million tokens of prompts" required:"true"`
	Out          *Nano `yaml:"out" doc:"a million tokens of answers, with their thoughts" required:"true"`
	CacheRead    *Nano `yaml:"cache_read" doc:"tokens read from the server's cache; as in if not given"`
	CacheWrite   *Nano `yaml:"cache_write" doc:"tokens kept there for five minutes; as in if not given"`
	CacheWrite1h *Nano `yaml:"cache_write_1h" doc:"tokens kept there for an hour; as cache_write if not given"`
}

// read adds the models of a file, in place of those with the same name.
func (t *Table) read(name string, text []byte, override bool) error {
	doc, issues := config.Load(name, text, nil)
	if doc == nil {
		return issues
	}
	var f file
	issues = append(issues, config.Decode(doc, doc.Root, &f)...)
	if len(issues) > 0 {
		return issues.Sorted()
	}
	for name, m := range f.Models {
		e := &entry{retired: m.Retired, asOf: m.AsOf, source: m.Source, override: override}
		if e.asOf.IsZero() {
			e.asOf = f.AsOf
		}
		for _, c := range m.Prices {
			e.periods = append(e.periods, c.period())
		}
		slices.SortFunc(e.periods, func(a, b period) int { return a.from.Compare(b.from.Time) })
		t.models[name] = e
	}
	return nil
}

func (c cost) period() period {
	p := period{from: c.From, until: c.Until, price: Price{Rates: c.Rates.rates()}}
	if c.Batch != nil {
		p.price.batch = *c.Batch
	}
	for _, l := range c.Long {
		p.price.long = append(p.price.long, long{l.Above, l.Rates.rates()})
	}
	slices.SortFunc(p.price.long, func(a, b long) int { return cmp.Compare(a.above, b.above) })
	return p
}

// rates fills in what is not given: a token that is read from a cache nobody has a
// price for is not cheaper than others.
func (r rates) rates() Rates {
	write := orElse(r.CacheWrite, *r.In)
	return Rates{
		In: *r.In, Out: *r.Out,
		CacheRead: orElse(r.CacheRead, *r.In), CacheWrite: write, CacheWrite1h: orElse(r.CacheWrite1h, write),
	}
}

func orElse(n *Nano, other Nano) Nano {
	if n == nil {
		return other
	}
	return *n
}

// Validate reports models that say nothing.
func (f file) Validate() error {
	var faults []error
	for name, m := range f.Models {
		switch {
		case len(m.Prices) == 0:
			faults = append(faults, config.At("models", "%.60q has no prices", name))
		case name == "" || strings.ContainsAny(name, " \t\n"):
			faults = append(faults, config.At("models", "%.60q is no name of a model", name))
		}
	}
	return errors.Join(faults...)
}

// Validate reports prices that hold at the same time.
func (m model) Validate() error {
	var faults []error
	for i, a := range m.Prices {
		for _, b := range m.Prices[:i] {
			pa, pb := period{from: a.From, until: a.Until}, period{from: b.From, until: b.Until}
			if pa.contains(pb.from.Time) || pb.contains(pa.from.Time) {
				faults = append(faults, config.At(fmt.Sprintf("prices[%d]", i),
					"holds at the same time as another; end the earlier one with valid_until, the day before valid_from of the later"))
				break
			}
		}
	}
	return errors.Join(faults...)
}

// Validate reports what cannot be meant.
func (c cost) Validate() error {
	var faults []error
	if !c.Until.IsZero() && c.Until.Before(c.From.Time) {
		faults = append(faults, config.At("valid_until", "is before valid_from"))
	}
	if c.Batch != nil && (*c.Batch == 0 || *c.Batch > one) {
		faults = append(faults, config.At("batch", "is a share of the price: above 0, at most 1"))
	}
	for i, l := range c.Long {
		at := fmt.Sprintf("long[%d]", i)
		if l.Above < 1 {
			faults = append(faults, config.At(at+".above", "must be at least 1"))
		}
		for _, other := range c.Long[:i] {
			if other.Above == l.Above {
				faults = append(faults, config.At(at+".above", "is there twice"))
			}
		}
		// What a call can cost at worst is asked with more tokens than it will have.
		if l.Rates.cheaperThan(c.Rates) {
			faults = append(faults, config.At(at, "costs less than a short prompt does"))
		}
	}
	return errors.Join(faults...)
}

func (r rates) cheaperThan(short rates) bool {
	if r.In == nil || r.Out == nil || short.In == nil || short.Out == nil {
		return false // that is said of the field
	}
	a, b := r.rates(), short.rates()
	return a.In < b.In || a.Out < b.Out || a.CacheRead < b.CacheRead || a.CacheWrite < b.CacheWrite || a.CacheWrite1h < b.CacheWrite1h
}

// A Nano is a decimal number in billionths: an amount of dollars, in nano-dollars.
type Nano int64

const (
	one     = 1_000_000_000
	maxNano = 1_000_000 * one
)

// UnmarshalText reads a decimal number without a sign, exactly.
func (n *Nano) UnmarshalText(text []byte) error {
	word := strings.TrimSpace(string(text))
	bad := fmt.Errorf("%.40q is no amount; write dollars like 0.25 or 3, with at most 9 decimals and at most a million", word)
	whole, decimals, dot := strings.Cut(word, ".")
	if whole == "" || dot && decimals == "" || len(decimals) > 9 {
		return bad
	}
	decimals += strings.Repeat("0", 9-len(decimals))
	var v int64
	for _, digit := range whole + decimals {
		if digit < '0' || digit > '9' || v > maxNano {
			return bad
		}
		v = v*10 + int64(digit-'0')
	}
	if v > maxNano {
		return bad
	}
	*n = Nano(v)
	return nil
}

// String gives dollars, with as many decimals as it takes, and no fewer than two.
func (n Nano) String() string {
	s := fmt.Sprintf("%d.%09d", int64(n)/one, int64(n)%one)
	return s[:len(s)-7] + strings.TrimRight(s[len(s)-7:], "0")
}

// MarshalJSON writes it as String does, which is a number.
func (n Nano) MarshalJSON() ([]byte, error) { return []byte(n.String()), nil }

// A Date is a day of UTC, written 2026-12-31; the zero Date is none.
type Date struct{ time.Time }

// UnmarshalText reads a day.
func (d *Date) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.DateOnly, strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("%.40q is no day; write it like 2026-12-31", text)
	}
	d.Time = t
	return nil
}

// MarshalJSON writes it as UnmarshalText reads it.
func (d Date) MarshalJSON() ([]byte, error) { return []byte(`"` + d.String() + `"`), nil }

func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.Format(time.DateOnly)
}

// end is when the day is over.
func (d Date) end() time.Time { return d.AddDate(0, 0, 1) }
