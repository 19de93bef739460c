package prescale

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"catalyst/flows"
	"catalyst/flows/flowstest"
	"catalyst/internal/config"
	"catalyst/internal/news"
)

func testScorer(tb testing.TB, c Config) *stage {
	tb.Helper()
	if err := c.Validate(); err != nil {
		tb.Fatal(err)
	}
	s, err := Kind().New(&flows.Build{Logger: slog.New(slog.DiscardHandler)}, c)
	if err != nil {
		tb.Fatal(err)
	}
	return s.(*stage)
}

func TestStageContract(t *testing.T) {
	flowstest.Stage(t, func() flows.Stage { return testScorer(t, DefaultConfig) }, []*news.Item{
		{Title: "Harbor Biotech wins FDA approval for migraine drug", URL: "https://www.businesswire.com/1"},
		{Title: "Lakeside Foods prices upsized public offering"},
		{Title: "Lakeside Foods opens a visitor centre"},
		{Title: "Investor alert: law firm reminds shareholders of deadline"},
		{Form: "8-K", Items: []string{"2.02", "9.01"}, Title: "8-K - LAKESIDE FOODS INC (0001234567) (Filer)"},
	})
}

func TestScore(t *testing.T) {
	for _, c := range []struct {
		item    news.Item
		score   float64
		drop    string
		reasons []string
	}{{
		item:    news.Item{Title: "Harbor Biotech wins FDA approval for migraine drug"},
		score:   0.7,
		reasons: []string{"fda: fda approval +0.70"},
	}, { // the weight of the wire is applied by the host of the URL …
		item:    news.Item{Title: "Harbor Biotech wins FDA approval", URL: "https://www.BusinessWire.com/news/1"},
		score:   0.84,
		reasons: []string{"fda: fda approval +0.70", "source businesswire.com ×1.20"},
	}, { // … and not by a host that merely ends like it
		item:    news.Item{Title: "Harbor Biotech wins FDA approval", URL: "https://notbusinesswire.com/news/1"},
		score:   0.7,
		reasons: []string{"fda: fda approval +0.70"},
	}, { // half in the text, and one term for each category
		item:    news.Item{Title: "Harbor Biotech update", Summary: "FDA approval. FDA approves. Priority review."},
		score:   0.35,
		reasons: []string{"fda in text: fda approval +0.35"},
	}, { // the title counts, not both
		item:    news.Item{Title: "FDA approves drug", Summary: "The FDA approval came early."},
		score:   0.7,
		reasons: []string{"fda: fda approves +0.70"},
	}, { // the longest phrase: nothing was approved
		item:    news.Item{Title: "Harbor Biotech fails to win approval for migraine drug"},
		score:   -0.8,
		reasons: []string{"regulatory_setback: fails to win approval -0.80"},
	}, { // strong negatives go on …
		item:    news.Item{Title: "Lakeside Foods files for bankruptcy"},
		score:   -1,
		reasons: []string{"distress: files for bankruptcy -1.00"},
	}, { // … and are not bought off by praise
		item:    news.Item{Title: "Lakeside Foods announces private placement and FDA clearance"},
		score:   0.1,
		reasons: []string{"fda: fda clearance +0.70", "offering: private placement -0.60"},
	}, {
		item: news.Item{Title: "Lakeside Foods opens a visitor centre"},
		drop: "below min",
	}, { // whole words only
		item: news.Item{Title: "Dropbox Tankers Warrantyless Jumpstart Fallsburg"},
		drop: "below min",
	}, { // a sentence's end ends a phrase
		item: news.Item{Title: "What the FDA. Approval is elsewhere"},
		drop: "below min",
	}, { // the company is called so, nothing happened
		item: news.Item{Title: "Bankruptcy Capital Partners and Merger Corp move to Ohio"},
		drop: "below min",
	}, { // but a verb before a name is news
		item:    news.Item{Title: "Lakeside acquires Mining Corp"},
		score:   0.7,
		reasons: []string{"acquisition: acquires +0.70"},
	}, {
		item:    news.Item{Title: "Rosen Law Firm urges Lakeside investors to act after bankruptcy"},
		drop:    "noise",
		reasons: []string{"noise: rosen law"},
	}, { // conference attendance
		item:    news.Item{Title: "Harbor Biotech to present at the Alpine Healthcare Conference"},
		drop:    "noise",
		reasons: []string{"noise: to present at"},
	}, { // unless there is news in it
		item:    news.Item{Title: "Harbor Biotech to present positive Phase 3 data at congress, will present at noon"},
		score:   0.6,
		reasons: []string{"clinical: positive phase 3 +0.60"},
	}, { // of a filing: form, items, and no issuer's name
		item:    news.Item{Form: "8-K", Items: []string{"2.02", "9.01", "2.02"}, Title: "8-K - BANKRUPTCY MERGER CO (0001234567) (Filer)"},
		score:   0.35,
		reasons: []string{"item 2.02 +0.35"},
	}, {
		item:    news.Item{Form: "NT 10-Q", URL: "https://www.sec.gov/Archives/1", Title: "NT 10-Q - LAKESIDE (1) (Filer)"},
		score:   -0.6,
		reasons: []string{"form NT 10-Q -0.50", "source sec.gov ×1.20"},
	}, {
		item: news.Item{Form: "8-K", Items: []string{"9.01"}},
		drop: "below min",
	}, { // without a title the text is all there is
		item:    news.Item{Body: "FDA approves drug"},
		score:   0.7,
		reasons: []string{"fda: fda approves +0.70"},
	}, { // letters of any alphabet
		item: news.Item{Title: "株式会社ハーバー、新薬を発表 \xff\xfe \x00"},
		drop: "below min",
	}} {
		item := c.item
		reason, err := testScorer(t, DefaultConfig).judge(&item)
		if err != nil {
			t.Fatal(err)
		}
		if reason != c.drop || item.Score != c.score {
			t.Errorf("%q: score %v, drop %q, want %v and %q", item.Title, item.Score, reason, c.score, c.drop)
		}
		if diff := cmp.Diff(c.reasons, item.Reasons); diff != "" {
			t.Errorf("%q: reasons (−want +got):\n%s", item.Title, diff)
		}
	}
}

func weight(w float64) *float64 { return &w }

func TestTheLexiconCanBeEdited(t *testing.T) {
	base := news.Item{Title: "Lakeside Foods opens a visitor centre after its purchase order", Source: "local"}
	for _, c := range []struct {
		name string
		edit func(*Config)
		want float64
		drop string
	}{
		{"as shipped", func(c *Config) {}, 0.45, ""},
		{"another weight", func(c *Config) { c.Keywords = map[string]Category{"contract": {Weight: weight(0.1)}} }, 0.1, "below min"},
		{"off", func(c *Config) { c.Keywords = map[string]Category{"contract": {Weight: weight(0)}} }, 0, "below min"},
		{"a phrase less", func(c *Config) { c.Keywords = map[string]Category{"contract": {Without: []string{"purchase order"}}} }, 0, "below min"},
		{"a phrase more", func(c *Config) {
			c.Keywords = map[string]Category{"contract": {Weight: weight(0), Phrases: nil}, "activist": {Phrases: []string{"visitor centre|center"}}}
		}, 0.45, ""},
		{"a category more", func(c *Config) {
			c.Keywords = map[string]Category{"tourism": {Weight: weight(0.5), Phrases: []string{"opens a visitor"}}}
		}, 0.95, ""},
		{"a source", func(c *Config) { c.Sources = map[string]float64{"local": 0.1} }, 0.045, "below min"},
		{"noise", func(c *Config) { c.Noise = []string{"visitor|gift centre|shop"} }, 0, "noise"},
		{"a higher bar", func(c *Config) { c.Min = 0.5 }, 0.45, "below min"},
		{"always", func(c *Config) {
			c.Noise = []string{"visitor centre"}
			c.Always = condition(t, `source == "local"`)
		}, 0, ""},
	} {
		config := DefaultConfig
		c.edit(&config)
		item := base
		reason, err := testScorer(t, config).judge(&item)
		if err != nil {
			t.Fatal(err)
		}
		if item.Score != c.want || reason != c.drop {
			t.Errorf("%s: score %v, drop %q, want %v and %q (%q)", c.name, item.Score, reason, c.want, c.drop, item.Reasons)
		}
	}
}

func TestNotNoise(t *testing.T) {
	c := DefaultConfig
	c.NotNoise = []string{"fireside chat"}
	item := &news.Item{Title: "Fireside chat on the purchase order"}
	if reason, _ := testScorer(t, DefaultConfig).judge(item); reason != "noise" {
		t.Fatalf("drop %q as shipped, want noise", reason)
	}
	if reason, _ := testScorer(t, c).judge(item); reason != "" {
		t.Errorf("drop %q without the phrase, want none", reason)
	}
}

func condition(tb testing.TB, source string) flows.Condition {
	tb.Helper()
	c, err := flows.ParseCondition(source)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestAConditionThatCannotTellIsPoison(t *testing.T) {
	c := DefaultConfig
	c.Always = condition(t, `tickers[0] == "ABC"`)
	m := flows.NewMessage("m", &news.Item{Title: "no ticker"})
	if _, err := testScorer(t, c).Process(t.Context(), []*flows.Message{m}); err != nil {
		t.Fatal(err)
	}
	if o := m.Outcome(); o.Fate != flows.Failed || !flows.IsPermanent(o.Err) {
		t.Errorf("the message is %v (%v), want failed for good", o.Fate, o.Err)
	}
}

func TestOneLineForABatch(t *testing.T) {
	var logged bytes.Buffer
	s := testScorer(t, DefaultConfig)
	s.log = slog.New(slog.NewTextHandler(&logged, nil))
	_, err := s.Process(t.Context(), flowstest.Messages(
		&news.Item{Title: "FDA approves drug"}, &news.Item{Title: "nothing"}, &news.Item{Title: "law firm"}))
	if err != nil {
		t.Fatal(err)
	}
	if want := "msg=llm_batch_filter total=3 llm_eligible=1 skipped=2\n"; !strings.HasSuffix(logged.String(), want) {
		t.Errorf("logged %q, want it to end with %q", &logged, want)
	}
}

func TestValidateReportsEveryFault(t *testing.T) {
	c := Config{
		Min:            -1,
		StrongNegative: 1,
		Keywords: map[string]Category{
			"contract": {Weight: weight(99), Phrases: []string{"&"}, Without: []string{"no such phrase"}},
			"own":      {Phrases: []string{"x"}},
		},
		Sources:  map[string]float64{"a": -1},
		Items:    map[string]float64{"2.02": 11},
		Forms:    map[string]float64{"8-K": -11},
		Noise:    []string{"a|&"},
		NotNoise: []string{"no such noise"},
	}
	err := c.Validate()
	if err == nil {
		t.Fatal("no fault found")
	}
	for _, field := range []string{
		"min", "strong_negative", "keywords.contract.weight", "keywords.contract.phrases", "keywords.contract.without",
		"keywords.own.weight", "sources.a", "items.2.02", "forms.8-K", "noise", "not_noise",
	} {
		if !strings.Contains("\n"+err.Error(), "\n"+field+": ") {
			t.Errorf("no fault of %s in:\n%v", field, err)
		}
	}
}

// What the shipped lexicon says must be what was meant.
func TestLexicon(t *testing.T) {
	owner := map[string]string{}
	check := func(name string, lines []string) {
		for _, line := range lines {
			sequences, err := variants(line)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			for _, words := range sequences {
				p := join(words)
				if other, ok := owner[p]; ok && other != name {
					t.Errorf("%q is in %s and in %s", p, other, name)
				}
				owner[p] = name
			}
		}
	}
	for _, g := range lexicon {
		if g.weight == 0 || g.weight < -1 || g.weight > 1 {
			t.Errorf("%s weighs %v, want a weight within −1 and 1", g.name, g.weight)
		}
		check(g.name, g.lines)
	}
	check(noiseName, noise)
	check(routineName, routine)
}

func BenchmarkScore(b *testing.B) {
	s := testScorer(b, DefaultConfig)
	item := &news.Item{
		Title:   "Harbor Biotech Announces Pricing of $40 Million Public Offering of Common Stock and Warrants",
		Summary: strings.Repeat("The company, based in a town by the sea, expects to close the offering on or about Friday, subject to customary conditions. ", 8),
		URL:     "https://www.globenewswire.com/news-release/2026/01/02/1/0/en/x.html",
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.judge(item); err != nil {
			b.Fatal(err)
		}
	}
}

func TestConfigFromYAML(t *testing.T) {
	doc, issues := config.Load("pipeline.yaml", []byte(`
min: 0.3
strong_negative: -0.5
keywords:
  contract: {weight: 0.6, phrases: [signs|signed lease]}
  tourism: {weight: 0.5, phrases: [visitor centre]}
  crypto: {weight: 0}
sources: {local: 0.8}
items: {"2.02": 0.5}
forms: {10-K: 0}
noise: [gift shop]
not_noise: [fireside chat]
always: '"ABC" in tickers'
`), nil)
	c := DefaultConfig
	if issues = append(issues, config.Decode(doc, doc.Root, &c)...); len(issues) > 0 {
		t.Fatal(issues)
	}
	item := &news.Item{Title: "Lakeside signed lease for visitor centre", Source: "local", Form: "8-K", Items: []string{"2.02"}}
	if reason, err := testScorer(t, c).judge(item); reason != "" || err != nil || item.Score != 1.28 {
		t.Errorf("score %v, drop %q (%v), want 1.28 as the file says: %q", item.Score, reason, err, item.Reasons)
	}
	if err := config.CheckStruct(DefaultConfig); err != nil {
		t.Error(err)
	}
}
