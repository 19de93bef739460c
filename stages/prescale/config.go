package prescale

import (
	"errors"
	"maps"
	"math"
	"slices"

	"catalyst/flows"
	"catalyst/internal/config"
)

// Config is what pipeline.yaml says about prescale. The maps change the shipped
// lexicon entry by entry; what they do not name stays as it is.
type Config struct {
	Min            float64             `yaml:"min" doc:"items with at least this score go on"`
	StrongNegative float64             `yaml:"strong_negative" doc:"items whose negative terms come to this or less go on too, whatever praise surrounds them"`
	Keywords       map[string]Category `yaml:"keywords" doc:"categories to change or to add"`
	Sources        map[string]float64  `yaml:"sources" doc:"factor on the score, by the source's name or the host of the item's URL; 1 where none is given"`
	Items          map[string]float64  `yaml:"items" doc:"what an item of an 8-K adds, by its number"`
	Forms          map[string]float64  `yaml:"forms" doc:"what the form of a filing adds, by its name"`
	Noise          []string            `yaml:"noise" doc:"phrases in a title that drop the item as noise, besides the shipped ones"`
	NotNoise       []string            `yaml:"not_noise" doc:"shipped noise phrases to leave out, as a drop's reason quotes them"`
	Always         flows.Condition     `yaml:"always" doc:"items for which this is true go on whatever their score"`
}

// Category is one entry of Config.Keywords.
type Category struct {
	Weight  *float64 `yaml:"weight" doc:"signed weight of one phrase in the title, half of it in the text; 0 turns the category off"`
	Phrases []string `yaml:"phrases" doc:"phrases to add; \"wins|won contract\" stands for two"`
	Without []string `yaml:"without" doc:"shipped phrases to leave out"`
}

// DefaultConfig is the shipped lexicon with the thresholds of the bot this
// pipeline replaces.
var DefaultConfig = Config{Min: 0.20, StrongNegative: -0.30}

// maxWeight bounds every weight: beyond it one term would silence all others.
const maxWeight = 10

// Validate reports every fault at once.
func (c Config) Validate() error {
	var faults []error
	if !(c.Min >= 0 && c.Min <= maxWeight) {
		faults = append(faults, config.At("min", "is %v, want 0 to %d", c.Min, maxWeight))
	}
	if !(c.StrongNegative <= 0 && c.StrongNegative >= -maxWeight) {
		faults = append(faults, config.At("strong_negative", "is %v, want %d to 0", c.StrongNegative, -maxWeight))
	}
	for _, table := range []struct {
		field string
		m     map[string]float64
	}{{"items", c.Items}, {"forms", c.Forms}} {
		for _, key := range slices.Sorted(maps.Keys(table.m)) {
			if !sane(table.m[key]) {
				faults = append(faults, config.At(table.field+"."+key, "is %v, want %d to %d", table.m[key], -maxWeight, maxWeight))
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.Sources)) {
		if w := c.Sources[key]; !sane(w) || w < 0 {
			faults = append(faults, config.At("sources."+key, "is %v, want 0 to %d", w, maxWeight))
		}
	}
	_, err := c.groups()
	faults = append(faults, err)
	return errors.Join(faults...)
}

func sane(weight float64) bool { return math.Abs(weight) <= maxWeight } // and NaN is not

// groups returns the lexicon with c's changes: the categories, then noise, then
// routine. Its errors are all of c's faults in phrases and categories.
func (c Config) groups() ([]group, error) {
	var faults []error
	all := make([]group, 0, len(lexicon)+len(c.Keywords)+2)
	shipped := map[string]bool{}
	for _, g := range lexicon {
		shipped[g.name] = true
		changed, err := c.Keywords[g.name].change(g)
		all, faults = append(all, changed), append(faults, err)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Keywords)) {
		if shipped[name] {
			continue
		}
		if category := c.Keywords[name]; category.Weight == nil {
			faults = append(faults, config.At("keywords."+name+".weight", "is missing: %s is no shipped category", name))
		}
		added, err := c.Keywords[name].change(group{name: name})
		all, faults = append(all, added), append(faults, err)
	}
	quiet := []group{{name: noiseName, lines: noise}, {name: routineName, lines: routine}}
	for _, line := range c.NotNoise {
		if !slices.ContainsFunc(quiet, func(g group) bool { return slices.Contains(expand(g.lines), line) || slices.Contains(g.lines, line) }) {
			faults = append(faults, config.At("not_noise", "%q is no shipped noise phrase", line))
		}
		quiet[0].lines, quiet[1].lines = leaveOut(quiet[0].lines, line), leaveOut(quiet[1].lines, line)
	}
	quiet[0].lines = slices.Concat(quiet[0].lines, c.Noise)
	faults = append(faults, checkLines("noise", c.Noise))
	return append(all, quiet...), errors.Join(faults...)
}

// change returns g as the category wants it.
func (c Category) change(g group) (group, error) {
	field := "keywords." + g.name
	var faults []error
	if c.Weight != nil {
		if g.weight = *c.Weight; !sane(g.weight) {
			faults = append(faults, config.At(field+".weight", "is %v, want %d to %d", g.weight, -maxWeight, maxWeight))
		}
	}
	for _, line := range c.Without {
		if !slices.Contains(g.lines, line) && !slices.Contains(expand(g.lines), line) {
			faults = append(faults, config.At(field+".without", "%q is no phrase of it", line))
		}
		g.lines = leaveOut(g.lines, line)
	}
	g.lines = slices.Concat(g.lines, c.Phrases)
	return g, errors.Join(append(faults, checkLines(field+".phrases", c.Phrases))...)
}

func checkLines(field string, lines []string) error {
	var faults []error
	for _, line := range lines {
		if _, err := variants(line); err != nil {
			faults = append(faults, config.At(field, "%w", err))
		}
	}
	return errors.Join(faults...)
}

// expand returns every phrase that lines stand for. Lines that do not parse stand
// for none.
func expand(lines []string) []string {
	var all []string
	for _, line := range lines {
		sequences, _ := variants(line)
		for _, words := range sequences {
			all = append(all, join(words))
		}
	}
	return all
}

// leaveOut removes a line, or one of the phrases that a line stands for.
func leaveOut(lines []string, unwanted string) []string {
	if slices.Contains(lines, unwanted) {
		return slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return l == unwanted })
	}
	var left []string
	for _, line := range lines {
		if phrases := expand([]string{line}); slices.Contains(phrases, unwanted) {
			left = append(left, slices.DeleteFunc(phrases, func(p string) bool { return p == unwanted })...)
			continue
		}
		left = append(left, line)
	}
	return left
}

// merged is the shipped table with the user's changes.
func merged(shipped, changes map[string]float64) map[string]float64 {
	all := maps.Clone(shipped)
	maps.Copy(all, changes)
	return all
}
