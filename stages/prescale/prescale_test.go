package prescale

import (
	"bytes"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"catalyst/flows"
	"catalyst/flows/flowstest"
	"catalyst/internal/edgar/edgartest"
	"catalyst/internal/eval"
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

// weigh returns what the configured scale makes of an item.
func weigh(tb testing.TB, c Config, item *news.Item) Verdict {
	tb.Helper()
	v, err := testScorer(tb, c).scale.Weigh(item)
	if err != nil {
		tb.Fatal(err)
	}
	return v
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
	scale := testScorer(t, DefaultConfig).scale
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
		item: news.Item{Title: "Outside the FDA. Approval is elsewhere"},
		drop: "below min",
	}, { // the company is called so, nothing happened
		item: news.Item{Title: "Bankruptcy Capital Partners and Merger Corp move to Ohio"},
		drop: "below min",
	}, { // but a verb before a name is news
		item:    news.Item{Title: "Lakeside acquires Mining Corp"},
		score:   0.25,
		reasons: []string{"acquisition: acquires +0.25"},
	}, {
		item:    news.Item{Title: "Rosen Law Firm urges Lakeside investors to act after bankruptcy"},
		drop:    "noise",
		reasons: []string{"noise law_firm: rosen law"},
	}, { // conference attendance
		item:    news.Item{Title: "Harbor Biotech to present at the Alpine Healthcare Conference"},
		drop:    "noise",
		reasons: []string{"noise conference: to present at"},
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
		v, err := scale.Weigh(&c.item)
		if err != nil {
			t.Fatal(err)
		}
		if v.Drop != c.drop || v.Score != c.score {
			t.Errorf("%q: score %v, drop %q, want %v and %q", c.item.Title, v.Score, v.Drop, c.score, c.drop)
		}
		if diff := cmp.Diff(c.reasons, v.Reasons()); diff != "" {
			t.Errorf("%q: reasons (−want +got):\n%s", c.item.Title, diff)
		}
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

// Hostile text neither slows the alert path nor hides or makes news.
func TestHostileText(t *testing.T) {
	scale := testScorer(t, DefaultConfig).scale
	score := func(item *news.Item) float64 {
		v, err := scale.Weigh(item)
		if err != nil {
			t.Fatal(err)
		}
		return v.Score
	}
	for _, c := range []struct {
		name string
		item news.Item
		want float64
	}{
		{"a title of a megabyte", news.Item{Title: "FDA approves drug. " + strings.Repeat("x ", 1<<19)}, 0.7},
		{"a title of one word", news.Item{Title: strings.Repeat("x", 1<<20)}, 0},
		{"news far behind", news.Item{Title: strings.Repeat("x ", 1<<19) + "FDA approves drug"}, 0},
		{"a word cut in two", news.Item{Title: strings.Repeat("x", maxTitle-5) + " dropbox"}, 0},
		{"a megabyte of blanks", news.Item{Title: strings.Repeat(" ", 1<<20), Body: "FDA approves drug"}, 0.7},
		{"hidden characters in words", news.Item{Title: "Lakeside files for bank\u200brup\u00adtcy"}, -1},
		{"from right to left", news.Item{Title: "\u202eLakeside files for bankruptcy\u202c مرحبا שלום"}, -1},
		{"no UTF-8", news.Item{Title: "FDA \xff\xfe approves \x80"}, 0.7},
		{"marks on letters", news.Item{Title: "FDA a\u0301pproves drug"}, 0.7},
		{"a URL that is none", news.Item{Title: "FDA approves drug", URL: "http://[::1"}, 0.7},
	} {
		if got := score(&c.item); got != c.want {
			t.Errorf("%s: score %v, want %v", c.name, got, c.want)
		}
	}
}

func TestASecondDeliveryScoresTheSame(t *testing.T) {
	s := testScorer(t, DefaultConfig)
	item := &news.Item{
		Title: "Lakeside Foods prices upsized public offering, regains compliance", Summary: "FDA approval. Record revenue, strong growth, a lawsuit.",
		URL: "https://www.businesswire.com/1", Form: "8-K", Items: []string{"3.02", "1.01"},
	}
	var first news.Item
	for i := range 20 { // maps have no order: none may show
		m := flows.NewMessage("m", item)
		if _, err := s.Process(t.Context(), []*flows.Message{m}); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = *item
		} else if diff := cmp.Diff(first, *item); diff != "" {
			t.Fatalf("delivery %d (−first +this):\n%s", i+1, diff)
		}
	}
}

func TestWhatIsSuppressedIsTold(t *testing.T) {
	item := &news.Item{
		Title:   "Merger Corp terminates merger agreement, prices public offering, shares soar, rally, surge and jump; to present at fair",
		Summary: "Lakeside, a lender, filed.",
		Filers:  []news.Filer{{Name: "Bankruptcy Lending Co"}},
		Body:    "unread",
	}
	item.Summary += " Bankruptcy Lending Co agreed. Delisting was avoided when it regained compliance. Unicorns launch."
	v := weigh(t, DefaultConfig, item)
	why := map[string]string{}
	for _, s := range v.Suppressed {
		why[s.What] = s.Why
	}
	for what, want := range map[string]string{
		"merger":           "a company's name",
		"merger agreement": "part of “terminates merger agreement”",
		"public offering":  "offering_priced counts instead",
		"jump":             "the cap of rises is reached",
		"bankruptcy":       "a company's name",
		"delisting":        "compliance_regained counts instead",
		"to present at":    "the title also tells of something that matters",
	} {
		if why[what] != want {
			t.Errorf("%q is suppressed for %q, want %q", what, why[what], want)
		}
	}
	sum := 0.0
	for _, term := range v.Terms {
		sum += term.Weight
	}
	if rounded(sum) != v.Score {
		t.Errorf("the terms come to %v, the score is %v", sum, v.Score)
	}
	noise := weigh(t, DefaultConfig, &news.Item{Title: "Rosen Law Firm on the bankruptcy"})
	if len(noise.Suppressed) == 0 || noise.Drop != "noise" || len(noise.Terms) != 0 {
		t.Errorf("noise: %+v", noise)
	}
}

// Real 8-Ks, by what their items alone make of them: what the feed tells before a document
// is read. `go test -run Real8Ks -v` prints the table of docs/prescale.md.
func TestReal8Ks(t *testing.T) {
	number := regexp.MustCompile(`Item (\d\.\d\d)`)
	scale := testScorer(t, DefaultConfig).scale
	all := eval.Share{}
	by := map[string]*eval.Share{}
	seen := map[string]bool{}
	for _, e := range edgartest.Crawl(t, "") {
		if e.Form != "8-K" || seen[e.Accession] {
			continue
		}
		seen[e.Accession] = true
		item := &news.Item{Form: e.Form, Title: e.Form + " - X", URL: "https://www.sec.gov/x"}
		for _, m := range number.FindAllStringSubmatch(e.Text, -1) {
			item.Items = append(item.Items, m[1])
		}
		v, err := scale.Weigh(item)
		if err != nil {
			t.Fatal(err)
		}
		all.Add(v.Drop == "")
		for i, n := range item.Items {
			if slices.Contains(item.Items[:i], n) {
				continue
			}
			if by[n] == nil {
				by[n] = new(eval.Share)
			}
			by[n].Add(v.Drop == "")
		}
	}
	t.Logf("all: %s", all)
	for _, n := range slices.Sorted(maps.Keys(by)) {
		t.Logf("with item %s: %s", n, by[n])
	}
	if got := all.Value(); got < 0.5 || got > 0.9 {
		t.Errorf("%.3f of %d 8-Ks go on, want between 0.5 and 0.9", got, all.Of)
	}
	for _, n := range []string{"1.03", "3.01", "4.02"} {
		if s := by[n]; s != nil && s.Hits < s.Of {
			t.Errorf("only %s with item %s go on", s, n)
		}
	}
}

// The search of all phrases at once, against the search of one after the other.
func BenchmarkSearch(b *testing.B) {
	scale := testScorer(b, DefaultConfig).scale
	text := strings.Repeat("The company, based in a town by the sea, expects to close the public offering on or about Friday, subject to customary conditions. ", 8)
	b.Run("trie", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			scale.phrases.find(text, func([]token, hit) {})
		}
	})
	b.Run("one_by_one", func(b *testing.B) {
		for b.Loop() {
			lower := " " + strings.Join(split(text), " ") + " "
			for _, p := range scale.phrases.phrases {
				if strings.Contains(lower, p.text) {
					_ = strings.Contains(lower, " "+p.text+" ")
				}
			}
		}
	})
}

func BenchmarkProcess1000(b *testing.B) {
	s := testScorer(b, DefaultConfig)
	batch := make([]*flows.Message, 1000)
	for i := range batch {
		batch[i] = flows.NewMessage("m", &news.Item{Title: "Harbor Biotech Announces Pricing of $40 Million Public Offering of Common Stock and Warrants", Summary: strings.Repeat("The company expects to close the offering on Friday. ", 6)})
	}
	for b.Loop() {
		if _, err := s.Process(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
}
