package prescale

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strings"

	"catalyst/flows"
	"catalyst/internal/config"
)

// Config is what pipeline.yaml says about prescale. The lexicon is the shipped one, changed
// by the files in their order, then by what stands in pipeline.yaml itself.
type Config struct {
	Min            float64         `yaml:"min" doc:"items with at least this score go on"`
	StrongNegative float64         `yaml:"strong_negative" doc:"items whose negative terms come to this or less go on too, whatever praise surrounds them"`
	Watch          []string        `yaml:"watch" doc:"tickers whose items go on whatever their score, if they are no noise"`
	Priority       float64         `yaml:"priority" doc:"items with at least this priority go on whatever their score, if they are no noise"`
	Always         flows.Condition `yaml:"always" doc:"items for which this is true go on whatever they say"`
	Files          []string        `yaml:"lexicon" doc:"files of your own that change the shipped lexicon, with the keys below (docs/prescale.md)"`
	Lexicon        Lexicon         `yaml:",inline"`
}

// DefaultConfig has the thresholds of the bot that this pipeline replaces. What
// docs/prescale.md measured gave no reason for others.
var DefaultConfig = Config{Min: 0.20, StrongNegative: -0.30, Priority: 0.80}

// maxWeight bounds every weight: beyond it one term would silence all others.
const maxWeight = 10

// Validate reports every fault at once, those of the files too.
func (c Config) Validate() error {
	var faults []error
	if !(c.Min >= 0 && c.Min <= maxWeight) {
		faults = append(faults, config.At("min", "is %v, want 0 to %d", c.Min, maxWeight))
	}
	if !(c.StrongNegative <= 0 && c.StrongNegative >= -maxWeight) {
		faults = append(faults, config.At("strong_negative", "is %v, want %d to 0", c.StrongNegative, -maxWeight))
	}
	if !(c.Priority > 0 && c.Priority <= 1) {
		faults = append(faults, config.At("priority", "is %v, want more than 0, to 1", c.Priority))
	}
	for _, ticker := range c.Watch {
		if strings.TrimSpace(ticker) == "" {
			faults = append(faults, config.At("watch", "has an empty ticker"))
		}
	}
	_, err := c.book()
	return errors.Join(append(faults, err)...)
}

// book is the lexicon with all changes. Its errors are all faults of the files and of c's
// own changes.
func (c Config) book() (*book, error) {
	b := shipped()
	var faults []error
	for _, file := range c.Files {
		if err := b.readFile(file); err != nil {
			faults = append(faults, config.At("lexicon", "%w", err))
		}
	}
	return b, errors.Join(append(faults, b.change(c.Lexicon))...)
}

// A Lexicon is a file that prescale reads, and a part of its settings: what it names is
// changed or added, what it does not name stays.
type Lexicon struct {
	Keywords map[string]Category `yaml:"keywords" doc:"categories to change or to add"`
	Noise    map[string]Noise    `yaml:"noise" doc:"rules that drop an item by its title, to change or to add"`
	Names    []string            `yaml:"names" doc:"names of companies, whose words are not to count"`
	Sources  map[string]float64  `yaml:"sources" doc:"factor on the score, by the source's name or the host of the item's URL; 1 where none is given"`
	Items    map[string]float64  `yaml:"items" doc:"what an item of an 8-K adds, by its number"`
	Forms    map[string]float64  `yaml:"forms" doc:"what the form of a filing adds, by its name"`
}

// Category is an entry of Lexicon.Keywords.
type Category struct {
	Weight    *float64           `yaml:"weight" doc:"signed weight of a phrase in the title, half of it in the text; 0 turns the category off"`
	Cap       *float64           `yaml:"cap" doc:"how far its phrases add up, whatever the sign; 0, and where none is given: only the heaviest counts"`
	Phrases   []string           `yaml:"phrases" doc:"phrases to add; \"wins|won contract\" stands for two, and ^ stands for the title's start"`
	Weighted  map[string]float64 `yaml:"weighted" doc:"phrases to add, each with its own signed weight"`
	Without   []string           `yaml:"without" doc:"phrases to leave out"`
	With      []string           `yaml:"with" doc:"it counts only beside one of these categories"`
	InsteadOf []string           `yaml:"instead_of" doc:"where it counts, these categories do not"`
}

// Noise is an entry of Lexicon.Noise.
type Noise struct {
	Phrases []string `yaml:"phrases" doc:"phrases to add"`
	Without []string `yaml:"without" doc:"phrases to leave out"`
	Unless  *float64 `yaml:"unless" doc:"a category of at least this weight, whatever its sign, in the title lets the item pass; 0, and where none is given: nothing does"`
	Off     bool     `yaml:"off" doc:"true leaves the rule out"`
}

func sane(weight float64) bool { return math.Abs(weight) <= maxWeight } // and NaN is not

// tables checks the parts of a lexicon that are only numbers.
func (l Lexicon) tables() error {
	var faults []error
	for _, table := range []struct {
		field string
		least float64
		m     map[string]float64
	}{{"items", -maxWeight, l.Items}, {"forms", -maxWeight, l.Forms}, {"sources", 0, l.Sources}} {
		for _, key := range slices.Sorted(maps.Keys(table.m)) {
			if w := table.m[key]; !sane(w) || w < table.least {
				faults = append(faults, config.At(table.field+"."+key, "is %v, want %v to %d", w, table.least, maxWeight))
			}
		}
	}
	return errors.Join(faults...)
}
