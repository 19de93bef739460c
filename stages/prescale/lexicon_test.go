package prescale

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"catalyst/internal/config"
	"catalyst/internal/news"
)

func weight(w float64) *float64 { return &w }

func TestTheLexiconCanBeEdited(t *testing.T) {
	base := news.Item{
		Title: "Lakeside Foods opens a visitor centre after its purchase order", Source: "local",
		Tickers: []string{"LKSD"}, Priority: 0.5,
	}
	for _, c := range []struct {
		name string
		edit func(*Config)
		want float64
		drop string
	}{
		{"as shipped", func(c *Config) {}, 0.45, ""},
		{"another weight", func(c *Config) { c.Lexicon.Keywords = map[string]Category{"contract": {Weight: weight(0.1)}} }, 0.1, "below min"},
		{"off", func(c *Config) { c.Lexicon.Keywords = map[string]Category{"contract": {Weight: weight(0)}} }, 0, "below min"},
		{"a phrase less", func(c *Config) {
			c.Lexicon.Keywords = map[string]Category{"contract": {Without: []string{"purchase order"}}}
		}, 0, "below min"},
		{"a phrase more, and only the heaviest counts", func(c *Config) {
			c.Lexicon.Keywords = map[string]Category{"contract": {Phrases: []string{"visitor centre|center"}}}
		}, 0.45, ""},
		{"a cap", func(c *Config) {
			c.Lexicon.Keywords = map[string]Category{"contract": {Cap: weight(0.6), Phrases: []string{"visitor centre|center"}}}
		}, 0.6, ""},
		{"a phrase with its own weight", func(c *Config) {
			c.Lexicon.Keywords = map[string]Category{"contract": {Weighted: map[string]float64{"purchase order": 0.3}}}
		}, 0.3, ""},
		{"a category more", func(c *Config) {
			c.Lexicon.Keywords = map[string]Category{"tourism": {Weight: weight(0.5), Phrases: []string{"opens a visitor"}}}
		}, 0.95, ""},
		{"one that stands in for another", func(c *Config) {
			c.Lexicon.Keywords = map[string]Category{"tourism": {Weight: weight(0.5), Phrases: []string{"opens a visitor"}, InsteadOf: []string{"contract"}}}
		}, 0.5, ""},
		{"one that wants another beside it", func(c *Config) {
			c.Lexicon.Keywords = map[string]Category{"tourism": {Weight: weight(0.5), Phrases: []string{"opens a visitor"}, With: []string{"fda"}}}
		}, 0.45, ""},
		{"a phrase for the start, elsewhere", func(c *Config) {
			c.Lexicon.Keywords = map[string]Category{"tourism": {Weight: weight(0.5), Phrases: []string{"^opens a visitor"}}}
		}, 0.45, ""},
		{"a phrase for the start, there", func(c *Config) {
			c.Lexicon.Keywords = map[string]Category{"tourism": {Weight: weight(0.5), Phrases: []string{"^lakeside"}}}
		}, 0.95, ""},
		{"a company's name", func(c *Config) { c.Lexicon.Names = []string{"its purchase order"} }, 0, "below min"},
		{"a source", func(c *Config) { c.Lexicon.Sources = map[string]float64{"local": 0.1} }, 0.045, "below min"},
		{"noise", func(c *Config) {
			c.Lexicon.Noise = map[string]Noise{"shops": {Phrases: []string{"visitor|gift centre|shop"}}}
		}, 0, "noise"},
		{"noise unless", func(c *Config) {
			c.Lexicon.Noise = map[string]Noise{"shops": {Phrases: []string{"visitor centre"}, Unless: weight(0.4)}}
		}, 0.45, ""},
		{"a higher bar", func(c *Config) { c.Min = 0.5 }, 0.45, "below min"},
		{"watched", func(c *Config) { c.Min, c.Watch = 0.5, []string{" lksd"} }, 0.45, ""},
		{"watched, but noise", func(c *Config) {
			c.Watch = []string{"LKSD"}
			c.Lexicon.Noise = map[string]Noise{"shops": {Phrases: []string{"visitor centre"}}}
		}, 0, "noise"},
		{"of high priority", func(c *Config) { c.Min, c.Priority = 0.5, 0.5 }, 0.45, ""},
		{"always", func(c *Config) {
			c.Lexicon.Noise = map[string]Noise{"shops": {Phrases: []string{"visitor centre"}}}
			c.Always = condition(t, `source == "local"`)
		}, 0, ""},
	} {
		config := DefaultConfig
		c.edit(&config)
		v := weigh(t, config, &base)
		if v.Score != c.want || v.Drop != c.drop {
			t.Errorf("%s: score %v, drop %q, want %v and %q (%q)", c.name, v.Score, v.Drop, c.want, c.drop, v.Reasons())
		}
	}
}

func TestNoiseCanBeTurnedOff(t *testing.T) {
	item := &news.Item{Title: "Lakeside fireside chat on the purchase order"}
	off, less := DefaultConfig, DefaultConfig
	off.Lexicon.Noise = map[string]Noise{"conference": {Off: true}}
	less.Lexicon.Noise = map[string]Noise{"conference": {Without: []string{"fireside chat"}}}
	if got := weigh(t, DefaultConfig, item).Drop; got != "noise" {
		t.Fatalf("drop %q as shipped, want noise", got)
	}
	for name, c := range map[string]Config{"off": off, "without the phrase": less} {
		if got := weigh(t, c, item).Drop; got != "" {
			t.Errorf("%s: drop %q, want none", name, got)
		}
	}
}

// write makes a file of the user's.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFilesChangeTheLexiconInTheirOrder(t *testing.T) {
	c := DefaultConfig
	c.Files = []string{
		write(t, "a.yaml", "keywords: {tourism: {weight: 0.3, phrases: [visitor centre]}}\nsources: {local: 0.5}\n"),
		write(t, "b.yaml", "keywords: {tourism: {weight: 0.6, phrases: [gift shop], without: [visitor centre]}}\nitems: {\"5.03\": 0.25}\nforms: {8-K: 0.05}\n"),
	}
	c.Lexicon.Sources = map[string]float64{"local": 2} // what stands in pipeline.yaml comes last
	item := &news.Item{Title: "Lakeside opens a visitor centre and a gift shop", Source: "local", Form: "8-K", Items: []string{"5.03"}}
	if v := weigh(t, c, item); v.Score != 1.8 {
		t.Errorf("score %v (%q), want 1.8", v.Score, v.Reasons())
	}
	if v := weigh(t, DefaultConfig, item); v.Score != 0 {
		t.Errorf("score %v of the shipped lexicon (%q) after another was changed, want 0", v.Score, v.Reasons())
	}
}

func TestMistakesInAFileHaveTheirPlace(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a key", "keywords:\n  own:\n    wieght: 1\n", `mine.yaml:3:5: keywords.own: unknown key "wieght"`},
		{"a type", "items:\n  \"2.02\": much\n", `mine.yaml:2:11: `},
		{"a weight", "keywords:\n  fda: {weight: 99}\n", `mine.yaml:2:17: keywords.fda.weight: is 99, want -10 to 10`},
		{"a cap", "keywords:\n  fda: {cap: -1}\n", `mine.yaml:2:14: keywords.fda.cap: is -1, want 0 to 10`},
		{"no weight", "keywords:\n  own:\n    phrases: [x]\n", `keywords.own.weight: is missing: own is a new category`},
		{"a phrase", "keywords:\n  fda:\n    phrases: [\"a|&\"]\n", `mine.yaml:3:14: keywords.fda.phrases: "a|&" has an alternative without a word`},
		{"a phrase not there", "keywords:\n  fda: {without: [no such phrase]}\n", `mine.yaml:2:18: keywords.fda.without: "no such phrase" is no phrase of it`},
		{"a category not there", "keywords:\n  fda: {with: [clinica]}\n", `mine.yaml:2:15: keywords.fda.with: "clinica" is no category; did you mean "clinical"?`},
		{"a source", "sources: {a: -1}\n", `mine.yaml:1:14: sources.a: is -1, want 0 to 10`},
		{"no YAML", "keywords: [\n", `mine.yaml:`},
	} {
		d := DefaultConfig
		d.Files = []string{write(t, "mine.yaml", c.text)}
		err := d.Validate()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want it to say %q", c.name, err, c.want)
		}
	}
	c := DefaultConfig
	c.Files = []string{filepath.Join(t.TempDir(), "none.yaml")}
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "lexicon: open ") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestValidateReportsEveryFault(t *testing.T) {
	c := Config{
		Min: -1, StrongNegative: 1, Priority: 2, Watch: []string{" "},
		Lexicon: Lexicon{
			Keywords: map[string]Category{
				"contract": {Weight: weight(99), Cap: weight(-1), Phrases: []string{"&"}, Without: []string{"no such phrase"}, Weighted: map[string]float64{"x": 11}, With: []string{"none"}, InsteadOf: []string{"none"}},
				"own":      {Phrases: []string{"x"}},
			},
			Sources: map[string]float64{"a": -1}, Items: map[string]float64{"2.02": 11}, Forms: map[string]float64{"8-K": -11},
			Noise: map[string]Noise{"shops": {Phrases: []string{"a|&"}, Without: []string{"no such noise"}, Unless: weight(-1)}},
			Names: []string{"&"},
		},
	}
	err := c.Validate()
	if err == nil {
		t.Fatal("no fault found")
	}
	for _, field := range []string{
		"min", "strong_negative", "priority", "watch", "keywords.contract.weight", "keywords.contract.cap", "keywords.contract.phrases", "keywords.contract.without",
		"keywords.contract.weighted.x", "keywords.contract.with", "keywords.contract.instead_of", "keywords.own.weight", "sources.a", "items.2.02", "forms.8-K",
		"noise.shops.phrases", "noise.shops.without", "noise.shops.unless", "names",
	} {
		if !strings.Contains("\n"+err.Error(), "\n"+field+": ") {
			t.Errorf("no fault of %s in:\n%v", field, err)
		}
	}
}

// What the shipped lexicon says must be what was meant: no phrase in two categories, no
// weight beyond what an event can be.
func TestLexicon(t *testing.T) {
	b := shipped()
	owner := map[string]string{}
	for name, c := range b.categories {
		if c.weight == 0 || c.weight < -1 || c.weight > 1 {
			t.Errorf("%s weighs %v, want a weight within −1 and 1", name, c.weight)
		}
		for _, l := range c.lines {
			if l.weight*c.weight < 0 {
				t.Errorf("%s: %q has the opposite sign", name, l.text)
			}
			sequences, _ := variants(l.text)
			for _, s := range sequences {
				if other, ok := owner[s.String()]; ok && other != name {
					t.Errorf("%q is in %s and in %s", s, other, name)
				}
				owner[s.String()] = name
			}
		}
	}
	if len(b.categories) < 21 || len(owner) < 1000 {
		t.Errorf("%d categories and %d phrases: some got lost", len(b.categories), len(owner))
	}
}

func TestConfigFromYAML(t *testing.T) {
	doc, issues := config.Load("pipeline.yaml", []byte(`
min: 0.3
strong_negative: -0.5
watch: [LKSD]
priority: 0.9
keywords:
  contract: {weight: 0.6, phrases: [signs|signed lease]}
  tourism: {weight: 0.5, phrases: [visitor centre], weighted: {gift shop: 0.1}}
  crypto: {weight: 0}
noise: {shops: {phrases: [gift shop], unless: 0.5}, routine: {off: true}}
names: [Visitor Growth]
sources: {local: 0.8}
items: {"2.02": 0.5}
forms: {10-K: 0}
always: '"ABC" in tickers'
`), nil)
	c := DefaultConfig
	if issues = append(issues, config.Decode(doc, doc.Root, &c)...); len(issues) > 0 {
		t.Fatal(issues)
	}
	item := &news.Item{Title: "Lakeside signed lease for visitor centre", Source: "local", Form: "8-K", Items: []string{"2.02"}}
	if v := weigh(t, c, item); v.Drop != "" || v.Score != 1.28 {
		t.Errorf("score %v, drop %q, want 1.28 as the file says: %q", v.Score, v.Drop, v.Reasons())
	}
	if err := config.CheckStruct(DefaultConfig); err != nil {
		t.Error(err)
	}
}

// A lexicon is a file of somebody else's: whatever it says, it is read or refused.
func FuzzLexicon(f *testing.F) {
	f.Add("keywords: {own: {weight: 0.5, phrases: [\"^a|b c\"], with: [fda]}}")
	f.Add("noise: {x: {phrases: [a], unless: 0.5, off: true}}\nnames: [x y]\nsources: {a: 1}")
	f.Fuzz(func(t *testing.T, text string) {
		b := shipped()
		if err := b.read("lexicon.yaml", []byte(text)); err == nil {
			for name, c := range b.categories {
				if !sane(c.weight) || c.cap < 0 {
					t.Errorf("%s: weight %v and cap %v were accepted", name, c.weight, c.cap)
				}
			}
		}
	})
}
