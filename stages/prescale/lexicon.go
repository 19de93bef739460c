package prescale

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"sync"

	"catalyst/internal/config"
)

//go:embed lexicon.yaml
var shippedLexicon []byte

// A book is a lexicon with all changes made.
type book struct {
	categories map[string]category
	noise      map[string]rule
	names      []string // lines
	sources    map[string]float64
	items      map[string]float64
	forms      map[string]float64
}

// A category is a kind of news and the phrases that tell of it.
type category struct {
	weight  float64 // signed: what it is expected to do to the price
	cap     float64
	lines   []line
	with    []string
	instead []string
}

// A line stands for phrases. Its weight is NaN where it has its category's.
type line struct {
	text   string
	weight float64
}

// A rule is a kind of noise.
type rule struct {
	lines  []line
	unless float64 // 0: nothing lets it pass
}

func newBook() *book {
	return &book{
		categories: map[string]category{}, noise: map[string]rule{},
		sources: map[string]float64{}, items: map[string]float64{}, forms: map[string]float64{},
	}
}

var shippedBook = sync.OnceValue(func() *book {
	b := newBook()
	if err := b.read("lexicon.yaml", shippedLexicon); err != nil {
		panic(fmt.Sprintf("prescale: %v", err)) // a test reads it
	}
	return b
})

// shipped returns the shipped lexicon, a book of its own for everyone who asks.
func shipped() *book {
	b := shippedBook()
	return &book{
		categories: maps.Clone(b.categories), noise: maps.Clone(b.noise), names: slices.Clip(b.names),
		sources: maps.Clone(b.sources), items: maps.Clone(b.items), forms: maps.Clone(b.forms),
	}
}

func (b *book) readFile(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return b.read(file, text)
}

// read changes b by a file. The error is a [config.Issues] with the place of every
// mistake.
func (b *book) read(file string, text []byte) error {
	doc, issues := config.Load(file, text, nil)
	if doc == nil {
		return issues
	}
	l := layer{under: b}
	if issues = append(issues, config.Decode(doc, doc.Root, &l)...); len(issues) > 0 {
		return issues.Sorted()
	}
	return nil
}

// A layer is a lexicon that is checked against what it changes, and made when it is
// right: when it is asked, all its fields are filled.
type layer struct {
	Lexicon `yaml:",inline"`
	under   *book
}

// Validate changes the book that l lies on.
func (l *layer) Validate() error { return l.under.change(l.Lexicon) }

// change makes the changes of l and reports all that is wrong with them.
func (b *book) change(l Lexicon) error {
	faults := []error{l.tables()}
	for _, name := range slices.Sorted(maps.Keys(l.Keywords)) {
		faults = append(faults, b.changeCategory(name, l.Keywords[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(l.Keywords)) {
		faults = append(faults, b.known("keywords."+name+".with", l.Keywords[name].With), b.known("keywords."+name+".instead_of", l.Keywords[name].InsteadOf))
	}
	for _, name := range slices.Sorted(maps.Keys(l.Noise)) {
		faults = append(faults, b.changeNoise(name, l.Noise[name]))
	}
	faults = append(faults, checkLines("names", l.Names))
	b.names = append(b.names, l.Names...)
	maps.Copy(b.sources, l.Sources)
	maps.Copy(b.items, l.Items)
	maps.Copy(b.forms, l.Forms)
	return errors.Join(faults...)
}

func (b *book) changeCategory(name string, change Category) error {
	field := "keywords." + name
	var faults []error
	c, there := b.categories[name]
	if change.Weight != nil {
		if c.weight = *change.Weight; !sane(c.weight) {
			faults = append(faults, config.At(field+".weight", "is %v, want %d to %d", c.weight, -maxWeight, maxWeight))
		}
	} else if !there {
		faults = append(faults, config.At(field+".weight", "is missing: %s is a new category", name))
	}
	if change.Cap != nil {
		if c.cap = *change.Cap; !sane(c.cap) || c.cap < 0 {
			faults = append(faults, config.At(field+".cap", "is %v, want 0 to %d", c.cap, maxWeight))
		}
	}
	var err error
	c.lines, err = changeLines(field, c.lines, change.Phrases, change.Without)
	faults = append(faults, err)
	for _, text := range slices.Sorted(maps.Keys(change.Weighted)) {
		w := change.Weighted[text]
		if !sane(w) {
			faults = append(faults, config.At(field+".weighted."+text, "is %v, want %d to %d", w, -maxWeight, maxWeight))
		}
		faults = append(faults, checkLines(field+".weighted", []string{text}))
		c.lines = append(c.lines, line{text, w})
	}
	if change.With != nil {
		c.with = change.With
	}
	if change.InsteadOf != nil {
		c.instead = change.InsteadOf
	}
	b.categories[name] = c
	return errors.Join(faults...)
}

// known complains of names that are no categories.
func (b *book) known(field string, names []string) error {
	var faults []error
	for _, name := range names {
		if _, ok := b.categories[name]; ok {
			continue
		}
		did := ""
		if near := config.Suggest(name, slices.Sorted(maps.Keys(b.categories))); near != "" {
			did = fmt.Sprintf("; did you mean %q?", near)
		}
		faults = append(faults, config.At(field, "%q is no category%s", name, did))
	}
	return errors.Join(faults...)
}

func (b *book) changeNoise(name string, change Noise) error {
	if change.Off {
		delete(b.noise, name)
		return nil
	}
	field := "noise." + name
	r := b.noise[name]
	var faults []error
	if change.Unless != nil {
		if r.unless = *change.Unless; !sane(r.unless) || r.unless < 0 {
			faults = append(faults, config.At(field+".unless", "is %v, want 0 to %d", r.unless, maxWeight))
		}
	}
	var err error
	r.lines, err = changeLines(field, r.lines, change.Phrases, change.Without)
	b.noise[name] = r
	return errors.Join(append(faults, err)...)
}

// changeLines returns lines without some and with others.
func changeLines(field string, lines []line, add, without []string) ([]line, error) {
	faults := []error{checkLines(field+".phrases", add)}
	for _, unwanted := range without {
		left, found := leaveOut(lines, unwanted)
		if !found {
			faults = append(faults, config.At(field+".without", "%q is no phrase of it", unwanted))
		}
		lines = left
	}
	lines = slices.Clip(lines)
	for _, text := range add {
		lines = append(lines, line{text, math.NaN()})
	}
	return lines, errors.Join(faults...)
}

// checkLines complains of lines that stand for no phrases.
func checkLines(field string, lines []string) error {
	var faults []error
	for _, text := range lines {
		if _, err := variants(text); err != nil {
			faults = append(faults, config.At(field, "%w", err))
		}
	}
	return errors.Join(faults...)
}

// leaveOut removes a line, or one of the phrases that a line stands for.
func leaveOut(lines []line, unwanted string) (left []line, found bool) {
	for _, l := range lines {
		if l.text == unwanted {
			found = true
			continue
		}
		phrases, _ := variants(l.text)
		if !slices.ContainsFunc(phrases, func(p sequence) bool { return p.String() == unwanted }) {
			left = append(left, l)
			continue
		}
		found = true
		for _, p := range phrases {
			if p.String() != unwanted {
				left = append(left, line{p.String(), l.weight})
			}
		}
	}
	return left, found
}
