package prices

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"time"
)

//go:embed prices.yaml
var embedded []byte

// A Table holds the prices of models.
//
// A model is found by its name as the table has it. Where it has none, what a name may
// have around that of its model is taken off: "models/" before it, as Gemini writes,
// and after it the date or number of a version (-20251001, @20251001, -2025-10-01,
// -001) or -latest. So claude-haiku-4-5-20251001 costs what claude-haiku-4-5 does, but
// what is listed with its date has its own price, and nothing is guessed from a name
// that is merely alike.
type Table struct {
	models map[string]*entry
}

// An entry is what is known of one model.
type entry struct {
	periods  []period // by time, none overlapping
	retired  Date     // from when on it does not answer; zero if that is not known
	asOf     Date
	source   string
	override bool
}

// A period is a price and when it holds.
type period struct {
	from, until Date // until is its last day; zero is open
	price       Price
}

func (p period) contains(at time.Time) bool {
	return !at.Before(p.from.Time) && (p.until.IsZero() || at.Before(p.until.end()))
}

// Load returns the table that is part of the program, with the models of the file
// override in place of its own, or added to them; the name may be empty. What is
// wrong with the file is reported all at once, as config.Issues.
func Load(override string) (*Table, error) {
	t := &Table{models: map[string]*entry{}}
	if err := t.read("prices.yaml", embedded, false); err != nil {
		return nil, err
	}
	if override == "" {
		return t, nil
	}
	text, err := os.ReadFile(override)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read prices: %s does not exist; the prices of the program apply without such a file", override)
	} else if err != nil {
		return nil, fmt.Errorf("read prices: %w", err)
	}
	if err := t.read(override, text, true); err != nil {
		return nil, err
	}
	return t, nil
}

var version = regexp.MustCompile(`(?:-\d{8}|@\d{8}|-\d{4}-\d{2}-\d{2}|-\d{3}|-latest)$`)

// find returns the entry of the model with this name; nil if there is none.
func (t *Table) find(model string) *entry {
	if e := t.models[model]; e != nil {
		return e
	}
	bare := strings.TrimPrefix(model, "models/")
	if e := t.models[bare]; e != nil {
		return e
	}
	return t.models[version.ReplaceAllString(bare, "")]
}

// Price returns the price of model at a time; false if nobody knows it, as for a model
// whose last price has ended.
func (t *Table) Price(model string, at time.Time) (Price, bool) {
	if e := t.find(model); e != nil {
		if p := e.at(at); p != nil {
			return p.price, true
		}
	}
	return Price{}, false
}

func (e *entry) at(at time.Time) *period {
	for i := range e.periods {
		if e.periods[i].contains(at) {
			return &e.periods[i]
		}
	}
	return nil
}

func (e *entry) isRetired(at time.Time) bool {
	return !e.retired.IsZero() && !at.Before(e.retired.Time)
}

// soon is how long before a model or its last price ends there is a warning.
const soon = 60 * 24 * time.Hour

// Warnings returns what the operator should know of these models at a time: that one is
// retired or soon will be, or that its price ends and no other is known. Models that
// are not in the table are left out.
func (t *Table) Warnings(models []string, at time.Time) (warnings []string) {
	for _, model := range models {
		e := t.find(model)
		if e == nil {
			continue
		}
		if r := e.retired; e.isRetired(at) {
			warnings = append(warnings, fmt.Sprintf("%s was retired on %s: name another model", model, r))
		} else if !r.IsZero() && r.Sub(at) <= soon {
			warnings = append(warnings, fmt.Sprintf("%s will be retired on %s: name another model before", model, r))
		}
		last := e.periods[len(e.periods)-1].until
		if last.IsZero() || last.end().Sub(at) > soon {
			continue
		}
		warnings = append(warnings, fmt.Sprintf("the last known price of %s ends on %s: add its next one to the price file", model, last))
	}
	return warnings
}
