package prices

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Listing is one model's price as people want to read it.
type Listing struct {
	Model string `json:"model"`
	Rates
	Above   int  `json:"above,omitempty"` // these are the rates of prompts with more tokens
	Until   Date `json:"valid_until,omitzero"`
	Retired Date `json:"retired,omitzero"`
	AsOf    Date `json:"as_of,omitzero"`
	// Source is where the price was found.
	Source   string `json:"source,omitempty"`
	Override bool   `json:"override"` // it is from the override file
}

// List returns the prices in force at a time of models that are not retired, by name;
// rates of long prompts follow those of short ones.
func (t *Table) List(at time.Time) (list []Listing) {
	for _, name := range slices.Sorted(maps.Keys(t.models)) {
		e := t.models[name]
		p := e.at(at)
		if p == nil || e.isRetired(at) {
			continue
		}
		l := Listing{Model: name, Rates: p.price.Rates, Until: p.until, Retired: e.retired, AsOf: e.asOf, Source: e.source, Override: e.override}
		list = append(list, l)
		for _, long := range p.price.long {
			l.Rates, l.Above = long.Rates, long.above
			list = append(list, l)
		}
	}
	return list
}

// Write writes the prices in force at a time and those to come, of models that are not
// retired, in the form of a price file: parts of it, changed, make an override.
func (t *Table) Write(w io.Writer, at time.Time) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Prices in force on %s, in dollars per million tokens.\nmodels:\n", Date{at.UTC()})
	for _, name := range slices.Sorted(maps.Keys(t.models)) {
		t.models[name].write(&b, name, at)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

var plain = regexp.MustCompile(`^[A-Za-z][\w./@-]*$`)

func (e *entry) write(b *strings.Builder, name string, at time.Time) {
	var periods []period
	for _, p := range e.periods {
		if p.until.IsZero() || at.Before(p.until.end()) {
			periods = append(periods, p)
		}
	}
	if len(periods) == 0 || e.isRetired(at) {
		return
	}
	if !plain.MatchString(name) {
		name = fmt.Sprintf("%+q", name)
	}
	fmt.Fprintf(b, "  %s:\n", name)
	for _, line := range []struct{ key, value string }{
		{"as_of", e.asOf.String()}, {"source", quote(e.source)}, {"retired", e.retired.String()},
	} {
		if line.value != "" && line.value != `""` {
			fmt.Fprintf(b, "    %s: %s\n", line.key, line.value)
		}
	}
	b.WriteString("    prices:\n")
	for _, p := range periods {
		fmt.Fprintf(b, "      - {%s}\n", p)
	}
}

// quote keeps text from being read as anything else, as the variable ${NAME}.
func quote(s string) string { return strings.ReplaceAll(fmt.Sprintf("%+q", s), "${", "$${") }

// String gives p as it stands in a price file.
func (p period) String() string {
	var parts []string
	if !p.from.IsZero() {
		parts = append(parts, "valid_from: "+p.from.String())
	}
	if !p.until.IsZero() {
		parts = append(parts, "valid_until: "+p.until.String())
	}
	parts = append(parts, p.price.Rates.String())
	if p.price.batch > 0 {
		parts = append(parts, "batch: "+p.price.batch.String())
	}
	if len(p.price.long) > 0 {
		var long []string
		for _, l := range p.price.long {
			long = append(long, fmt.Sprintf("{above: %d, %s}", l.above, l.Rates))
		}
		parts = append(parts, "long: ["+strings.Join(long, ", ")+"]")
	}
	return strings.Join(parts, ", ")
}

// String gives r as it stands in a price file, without what goes without saying.
func (r Rates) String() string {
	s := fmt.Sprintf("in: %s, out: %s", r.In, r.Out)
	if r.CacheRead != r.In {
		s += ", cache_read: " + r.CacheRead.String()
	}
	if r.CacheWrite != r.In {
		s += ", cache_write: " + r.CacheWrite.String()
	}
	if r.CacheWrite1h != r.CacheWrite {
		s += ", cache_write_1h: " + r.CacheWrite1h.String()
	}
	return s
}
