package prefilterfilings

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"catalyst/flows"
	"catalyst/flows/flowstest"
	"catalyst/internal/config"
	"catalyst/internal/news"
	"catalyst/internal/store"
	redisstore "catalyst/internal/store/redis"
	sqlitestore "catalyst/internal/store/sqlite"
	"catalyst/internal/testenv"
)

func build(tb testing.TB, c Config, notes func() (store.Notes, error)) flows.Stage {
	tb.Helper()
	if err := c.Validate(); err != nil {
		tb.Fatal(err)
	}
	s, err := Kind(notes).New(&flows.Build{Pipeline: "test", Logger: slog.New(slog.DiscardHandler)}, c)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func opened(notes store.Notes) func() (store.Notes, error) {
	return func() (store.Notes, error) { return notes, nil }
}

func openSQLite(tb testing.TB) store.Notes {
	s, err := sqlitestore.Open(tb.Context(), testenv.File(tb), "test")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

func openRedis(tb testing.TB) store.Notes {
	s, err := redisstore.Open(testenv.Redis(tb), uuid.NewString())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

var day = time.Date(2026, 3, 2, 21, 30, 0, 0, time.UTC)

func filing(form, company string, items ...string) *news.Item {
	return &news.Item{
		Form: form, Items: items, Title: form + " - " + company + " (0000123456) (Filer)", Published: day,
		Summary: "Filed: 2026-03-02 AccNo: 0000123456-26-000001 Size: 212 KB\nItem 8.01: Other Events",
		Filers:  []news.Filer{{Name: company, CIK: "0000123456", Role: "Filer"}},
	}
}

func with(item *news.Item, change func(*news.Item)) *news.Item {
	change(item)
	return item
}

func body(item *news.Item, text string) *news.Item {
	return with(item, func(i *news.Item) { i.Body = text })
}

const acme = "Acme Widgets, Inc."

const (
	disclaimer = "\n\nForward-Looking Statements\nActual results may differ because of an acquisition, an FDA decision, a public offering or litigation."
	blank      = "Beech Hill Corp is a blank check company. Funds are held in the trust account until its initial business combination. "
)

func TestReasons(t *testing.T) {
	for _, c := range []struct {
		want string
		item *news.Item
	}{
		// What is wanted.
		{"", filing("8-K", acme, "2.02", "9.01")},
		{"", filing("8-K", acme, "5.07", "1.05")},
		{"", filing("10-Q", acme)},
		{"", filing("10-K/A", acme)},
		{"", filing("8-k", acme, "1.01")},
		{"", filing("8-K", acme, "12")}, // results, until 2004
		{"items not wanted", filing("8-K", acme, "5.07", "9.01")},
		{"items not wanted", filing("8-K/A", acme, "9.01")},
		{"items not wanted", filing("8-K", acme, "4")},
		{"form not wanted", filing("4", acme)},
		{"form not wanted", filing("424B5", acme)},
		{"form not wanted", filing("NT 10-K", acme)},

		// By keyword, once there is something to look into.
		{"", filing("8-K", acme, "8.01", "9.01")},
		{"no keyword", body(filing("8-K", acme, "8.01", "9.01"), "Item 8.01\nAcme will present at the Midwest Pump Conference.")},
		{"", body(filing("8-K", acme, "8.01"), "Item 8.01\nAcme agreed to ACQUIRE Birch Valves.")},
		{"", body(filing("8-K", acme, "7.01"), "Item 7.01\nA release is attached."+disclaimer+"\n\nExhibit 99.1\nAcme wins Phase\n2 trial")},
		{"no keyword", body(filing("8-K", acme, "7.01"), "Item 7.01\nSlides are attached."+disclaimer+"\n\nExhibit 99.1\nSlides"+disclaimer)},
		{"no keyword", body(filing("8-K", "Delisting Guidance Corp", "7.01"), "Delisting Guidance Corp · 8-K · 2026-03-02\nSlides of DELISTING GUIDANCE CORP.")}, // a name is no news
		{"no keyword", body(filing("8-K", acme, "8.01"), "The predefault state of the pump was shown.")},
		{"no keyword", body(filing("8-K", acme, "8.01"), strings.Repeat("x ", maxLead)+"merger")},

		// From the daily index, which knows no items.
		{"", filing("8-K", acme)},
		{"no keyword", body(filing("8-K", acme), "Item 9.01 Exhibits.")},
		{"", body(filing("8-K", acme), "Acme files for Chapter 11.")},

		// Noise by its issuer.
		{"structured note", filing("FWP", "MORGAN STANLEY")},
		{"structured note", filing("424B2", "BofA Finance LLC")},
		{"structured note", filing("424B2", "HSBC USA INC /MD/")},
		{"form not wanted", filing("FWP", "Morgan Stanleyville Timber Co")},
		{"fund", filing("497K", "Elm Growth Series")},
		{"fund", filing("8-K", "Elm Municipal Income Fund, Inc.", "8.01")},
		{"fund", filing("8-K", "Elm Bitcoin ETF", "1.01")},
		{"", filing("8-K", "Elm Credit Income Fund", "3.01")}, // it is to be delisted
		{"", filing("8-K", "Fundamental Brands Inc", "8.01")},
		{"", filing("10-Q", "MESABI RIDGE ROYALTY TRUST")},
		{"", filing("8-K", "Cedar Mortgage Trust, Inc.", "2.02")}, // a listed lender
		{"asset-backed", filing("8-K", "BRANCH 2026-5YR3", "8.01")},
		{"asset-backed", filing("8-K", "Oak Commercial 2025-C31 Mortgage Trust", "2.01")},
		{"asset-backed", filing("8-K", "Any Depositor LLC", "6.02")},
		{"asset-backed", filing("10-K", "Willow Auto Receivables Trust")},

		// Blank checks: their paperwork is noise, a merger is not.
		{"spac", filing("8-K", "Fir Acquisition Corp. II", "5.02")},
		{"spac", filing("10-Q", "Fir Merger II Corp.")},
		{"", filing("8-K", "Fir Acquisition Corp", "1.01", "7.01")}, // nobody knows yet with whom
		{"spac", body(filing("8-K", "Fir Acquisition Corp", "1.01"), "Item 1.01\nThe sponsor lends the company $500,000.")},
		{"", body(filing("8-K", "Fir Acquisition Corp", "1.01"), "Item 1.01\nFir entered into a Business Combination Agreement with Larch AI.")},
		{"", body(filing("8-K", "Fir Acquisition Corp", "8.01"), "The company will redeem all public shares.\nBecause of default.")},
		{"spac", body(filing("8-K", "Beech Hill Corp", "8.01"), blank+"Units may be traded separately from today.")},
		{"", body(filing("8-K", "Larch AI Inc", "8.01"), blank+"Larch entered into a merger agreement with it.")},
		{"", filing("8-K", "Fir Acquisition Corp", "3.01")},

		// What is no filing.
		{"", &news.Item{Title: "Morgan Stanley lifts its target for Acme"}},
		{"", &news.Item{}},
	} {
		out, o := run(t, Defaults, c.item)
		if o.Reason != c.want || (c.want == "") != (len(out) == 1) {
			t.Errorf("%s %s %q %.60q: %q, want %q", c.item.Form, c.item.Title, c.item.Items, c.item.Body, o.Reason, c.want)
		}
	}
}

// run processes one item on its own.
func run(t *testing.T, c Config, item *news.Item) ([]*flows.Message, flows.Outcome) {
	t.Helper()
	s := build(t, c, func() (store.Notes, error) { return nil, errors.New("none here") })
	batch := flowstest.Messages(item)
	out, err := s.Process(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	return out, batch[0].Outcome()
}

// Whoever wants offerings still does without the notes of banks, by their names and, of a
// bank that nobody knew, by what they say.
func TestOfferings(t *testing.T) {
	forms := Defaults
	forms.Forms = []string{"FWP", "424B2", "424B5", "S-1"}
	for _, c := range []struct {
		want string
		item *news.Item
	}{
		{"", filing("FWP", acme)},
		{"", filing("424B5", acme)},
		{"", filing("424B5", "Wells Fargo & Co")}, // shares, it may be
		{"structured note", filing("FWP", "Citigroup Global Markets Holdings Inc.")},
		{"structured note", body(filing("424B2", "Poplar Bank AG"), "Autocallable Contingent Income Securities due 2029")},
		{"", with(filing("FWP", acme), func(i *news.Item) { // sold by a bank, issued by another
			i.Filers = append(i.Filers, news.Filer{Name: "MORGAN STANLEY", CIK: "0000895421", Role: "Filed by"})
		})},
		{"spac", filing("S-1", "Black Elder Acquisition III Co")},
	} {
		if _, o := run(t, forms, c.item); o.Reason != c.want {
			t.Errorf("%s %s: %q, want %q", c.item.Form, c.item.Title, o.Reason, c.want)
		}
	}
}

// Every setting does something.
func TestSettings(t *testing.T) {
	vote := filing("8-K", acme, "5.07")
	ticker := func(symbol string) *news.Item {
		return with(filing("8-K", acme, "3.02"), func(i *news.Item) { i.Tickers = []string{symbol} })
	}
	for name, c := range map[string]struct {
		set      func(*Config)
		item     *news.Item
		reason   string
		priority float64
	}{
		"defaults":      {func(*Config) {}, ticker("ACME"), "", 0.67},
		"forms":         {func(c *Config) { c.Forms = []string{"10-K"} }, ticker("ACME"), "form not wanted", 0},
		"items":         {func(c *Config) { c.Items = []string{"5.07"} }, vote, "", 0.2},
		"keyword_items": {func(c *Config) { c.KeywordItems = []string{"5.07"} }, body(filing("8-K", acme, "5.07"), "merger"), "", 0.2},
		"keywords":      {func(c *Config) { c.Keywords = []string{"conference"} }, body(filing("8-K", acme, "8.01"), "A conference"), "", 0.33},
		"no keywords":   {func(c *Config) { c.Keywords = nil }, body(filing("8-K", acme, "8.01"), "A merger"), "no keyword", 0},
		"noise":         {func(c *Config) { c.Noise = nil }, filing("8-K", "Fir Acquisition Corp", "5.02"), "", 0.52},
		"banks":         {func(c *Config) { c.Banks = []string{"acme widgets"} }, filing("FWP", acme), "structured note", 0},
		"watch":         {func(c *Config) { c.Watch = []string{"acme"} }, ticker("ACME"), "", 0.75},
		"watched fund":  {func(c *Config) { c.Watch = []string{"ELM"} }, with(filing("8-K", "Elm Fund", "8.01"), func(i *news.Item) { i.Tickers = []string{"ELM"} }), "", 0.49},
		"urgency":       {func(c *Config) { c.Urgency = map[string]float64{"3.02": 1} }, ticker("ACME"), "", 0.79},
		"impact":        {func(c *Config) { c.Impact = map[string]float64{"3.02": 0} }, ticker("ACME"), "", 0.4},
		"relevance":     {func(c *Config) { c.Relevance.Listed = 0 }, ticker("ACME"), "", 0.55},
	} {
		conf := Defaults
		c.set(&conf)
		out, o := run(t, conf, c.item)
		if o.Reason != c.reason || c.reason == "" && out[0].Item.Priority != c.priority {
			t.Errorf("%s: reason %q and priority %v, want %q and %v", name, o.Reason, c.item.Priority, c.reason, c.priority)
			for _, m := range out {
				t.Log(m.Item.Priority)
			}
		}
	}
}

func TestTopicAndPriority(t *testing.T) {
	for _, c := range []struct {
		topic    string
		priority float64
		item     *news.Item
	}{
		{"earnings", 0.73, filing("8-K", acme, "2.02", "9.01")},
		{"earnings", 0.73, filing("8-K", acme, "5.02", "2.02", "1.02")},
		{"restatement", 0.8, filing("8-K", acme, "4.02", "2.02")},
		{"delisting", 0.72, filing("8-K", acme, "3.01", "5.02")},
		{"agreement", 0.76, filing("8-K", acme, "1.01")},
		{"agreement", 0.76, filing("8-K", acme, "1.01", "2.01", "3.02", "5.01", "5.02")}, // a merger is closed
		{"dilution", 0.76, filing("8-K", acme, "1.01", "3.02")},
		{"dilution", 0.76, body(filing("8-K", acme, "1.01"), "Acme entered into an Underwriting Agreement with Birch & Co")},
		{"leadership", 0.52, filing("8-K", acme, "5.02", "9.01")},
		{"general", 0.8, filing("8-K", acme, "1.03")},
		{"general", 0.33, filing("8-K", acme, "8.01")},
		{"dilution", 0.33, body(filing("8-K", acme, "8.01"), "the pricing of its public offering of 4,000,000 shares")},
		{"earnings", 0.33, body(filing("8-K", acme, "8.01"), "Preliminary results: revenue of $4 million")},
		{"delisting", 0.44, body(filing("8-K", acme, "7.01"), "Acme regained compliance with the minimum bid price requirement")},
		{"general", 0.2, filing("10-K", acme)},
		{"general", 0.2, filing("10-Q/A", acme)},
	} {
		out, o := run(t, Defaults, c.item)
		if len(out) != 1 {
			t.Errorf("%s %q: %+v", c.item.Form, c.item.Items, o)
			continue
		}
		if got := out[0].Item; got.Topic != c.topic || got.Priority != c.priority {
			t.Errorf("%s %q %s: %s at %v, want %s at %v", got.Form, got.Items, got.Body, got.Topic, got.Priority, c.topic, c.priority)
		}
	}
	// Priority is what batch and filters ask about.
	for source, want := range map[string]bool{`priority >= 0.7`: true, `topic == "restatement" && form == "8-K"`: true, `priority < 0.7`: false} {
		condition, err := flows.ParseCondition(source)
		if err != nil {
			t.Fatal(err)
		}
		out, _ := run(t, Defaults, filing("8-K", acme, "4.02"))
		if got, err := condition.Match(out[0].Item); err != nil || got != want {
			t.Errorf("%s is %v, %v, want %v", source, got, err, want)
		}
	}
}

func TestNewsIsUntouched(t *testing.T) {
	item := &news.Item{Key: "k", Title: "8-K season is here", Tickers: []string{"ACME"}, Topic: "mine", Priority: 0.9}
	before := *item
	if out, _ := run(t, Defaults, item); len(out) != 1 || !cmp.Equal(*out[0].Item, before) {
		t.Errorf("is now %+v, want %+v", out, before)
	}
}

func amendment(n int, at time.Time, form, text string, items ...string) *news.Item {
	return with(filing(form, acme, items...), func(i *news.Item) {
		i.Accession, i.Published, i.Body = accession(n), at, text
	})
}

func accession(n int) string { return "0000123456-26-" + strings.Repeat("0", 5) + string(rune('0'+n)) }

// What an amendment amends is known if only one filing can be meant.
func TestAmends(t *testing.T) {
	later := day.Add(50 * time.Hour)
	deal := amendment(1, day, "8-K", "", "2.01", "9.01")
	chief := amendment(2, day.Add(25*time.Hour), "8-K", "", "5.02")
	other := amendment(3, day.Add(26*time.Hour), "8-K", "", "5.02", "7.01")
	vote := amendment(4, day, "8-K", "", "5.07")
	annual := amendment(5, day, "10-K", "")
	notes := openSQLite(t)
	for name, c := range map[string]struct {
		before []*news.Item
		item   *news.Item
		want   int // number of the accession; 0 is unknown
	}{
		"by its item":                {[]*news.Item{deal, chief, annual}, amendment(9, later, "8-K/A", "", "5.02"), 2},
		"accounts of an acquisition": {[]*news.Item{deal, chief}, amendment(9, later, "8-K/A", "", "9.01"), 1},
		"two may be meant":           {[]*news.Item{chief, other}, amendment(9, later, "8-K/A", "", "5.02"), 0},
		"both items":                 {[]*news.Item{chief, other}, amendment(9, later, "8-K/A", "", "7.01"), 3},
		"it names the day": {[]*news.Item{deal, chief}, amendment(9, later, "8-K/A",
			"This Amendment No. 1 amends the Current Report on Form 8-K that Acme Widgets, Inc. filed with the Commission on March 2,\u00a02026.", "5.02"), 0},
		"it names the day, in New York": {[]*news.Item{chief, amendment(3, day.Add(28*time.Hour), "8-K", "", "5.02")}, amendment(9, later, "8-K/A",
			"It amends the original report, filed on March 3, 2026, of a resignation.", "5.02"), 0}, // both are of that evening
		"it names the day of one": {[]*news.Item{deal, chief}, amendment(9, later, "8-K/A",
			"It amends the Current Report on Form 8-K originally filed on March 3, 2026 (the Original Report).", "8.01", "5.02"), 2},
		"it names another day": {[]*news.Item{chief}, amendment(9, later, "8-K/A",
			"It amends the Current Report on Form 8-K filed on January 5, 2026, to appoint", "5.02"), 0},
		"dropped, and meant all the same": {[]*news.Item{vote, chief}, amendment(9, later, "8-K/A", "", "5.07", "5.02"), 0},
		"an annual report":                {[]*news.Item{deal, annual}, amendment(9, later, "10-K/A", ""), 5},
		"nothing before":                  {nil, amendment(9, later, "8-K/A", "", "5.02"), 0},
		"came before it":                  {[]*news.Item{chief}, amendment(9, day, "8-K/A", "", "5.02"), 0},
		"too long ago":                    {[]*news.Item{chief}, amendment(9, day.Add(40*24*time.Hour), "8-K/A", "", "5.02"), 0},
		"another company": {[]*news.Item{with(amendment(1, day, "8-K", "", "5.02"), func(i *news.Item) { i.Filers[0].CIK = "0000777777" })},
			amendment(9, later, "8-K/A", "", "5.02"), 0},
		"no items yet": {[]*news.Item{chief}, amendment(9, later, "8-K/A", ""), 0},
		"nobody knows the company": {[]*news.Item{chief}, with(amendment(9, later, "8-K/A", "", "5.02"), func(i *news.Item) {
			i.Filers, i.Title = nil, "An amendment"
		}), 0},
		"the company stands in the title": {[]*news.Item{chief}, with(amendment(9, later, "8-K/A", "", "5.02"), func(i *news.Item) { i.Filers = nil }), 2},
		"the source knew":                 {[]*news.Item{chief}, with(amendment(9, later, "8-K/A", "", "5.02"), func(i *news.Item) { i.Amends = "acc:" + accession(7) }), 7},
	} {
		t.Run(name, func(t *testing.T) {
			want := ""
			if c.want > 0 {
				want = "acc:" + accession(c.want)
			}
			for _, name := range []string{"filings/123456/8-K", "filings/123456/10-K", "filings/777777/8-K"} {
				if err := notes.Note(t.Context(), name, nil, time.Hour); err != nil { // of the case before
					t.Fatal(err)
				}
			}
			s := build(t, Defaults, opened(notes))
			process(t, s, c.before...)
			if got := process(t, s, c.item); len(got) == 1 && got[0].Amends != want {
				t.Errorf("amends %q, want %q", got[0].Amends, want)
			} else if len(got) == 0 && name != "accounts of an acquisition" {
				t.Error("it was dropped")
			}
		})
	}
}

func process(t *testing.T, s flows.Stage, items ...*news.Item) (out []*news.Item) {
	t.Helper()
	if len(items) == 0 {
		return nil
	}
	kept, err := s.Process(t.Context(), flowstest.Messages(items...))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range kept {
		out = append(out, m.Item)
	}
	return out
}

// On the stores that the program uses: the contract, and a link that outlives the process
// and says the same at each delivery.
func TestOnRealStores(t *testing.T) {
	for name, open := range map[string]func(testing.TB) store.Notes{"sqlite": openSQLite, "redis": openRedis} {
		t.Run(name, func(t *testing.T) {
			notes := open(t) // first, as it skips the test where its server is missing
			flowstest.Stage(t, func() flows.Stage { return build(t, Defaults, opened(open(t))) }, []*news.Item{
				amendment(1, day, "8-K", "", "5.02"), amendment(2, day.Add(time.Hour), "8-K/A", "", "5.02"),
				filing("8-K", acme, "5.07"), filing("4", acme), filing("10-K", acme), {Title: "news"}, {},
			})
			original, corrected := amendment(1, day, "8-K", "", "5.02"), amendment(2, day.Add(time.Hour), "8-K/A", "", "5.02")
			process(t, build(t, Defaults, opened(notes)), original)
			for delivery := range 3 {
				restarted := build(t, Defaults, opened(notes))
				if got := process(t, restarted, corrected); len(got) != 1 || got[0].Amends != "acc:"+accession(1) {
					t.Errorf("delivery %d: %+v", delivery+1, got)
				}
				process(t, restarted, original) // which comes again too, and is noted once
			}
		})
	}
}

// Before fetch_filing the daily index knows no items; behind it they are noted.
func TestItemsAreNotedWhenTheyAreKnown(t *testing.T) {
	notes := openSQLite(t)
	s := build(t, Defaults, opened(notes))
	process(t, s, amendment(1, day, "8-K", ""))
	process(t, s, amendment(1, day, "8-K", "Item 5.02 ...", "5.02"))
	process(t, s, amendment(1, day, "8-K", "")) // delivered again
	if got := process(t, s, amendment(2, day.Add(time.Hour), "8-K/A", "", "5.02")); got[0].Amends != "acc:"+accession(1) {
		t.Errorf("amends %q", got[0].Amends)
	}
}

// A company that files all day fills no store.
func TestNotesAreBounded(t *testing.T) {
	notes := openSQLite(t)
	s := build(t, Defaults, opened(notes))
	var many []*news.Item
	for i := range 3 * maxNoted {
		many = append(many, with(filing("8-K", acme, "8.01"), func(item *news.Item) {
			item.Key, item.Published = uuid.NewString(), day.Add(time.Duration(i)*time.Minute)
		}))
	}
	process(t, s, many...)
	values, err := notes.Notes(t.Context(), []string{"filings/123456/8-K"})
	if err != nil || len(values[0]) == 0 || len(values[0]) > maxNoted*200 {
		t.Errorf("%v, %d bytes", err, len(values[0]))
	}
	if !strings.Contains(string(values[0]), many[len(many)-1].Key) || strings.Contains(string(values[0]), many[0].Key) {
		t.Error("the oldest are kept in place of the latest")
	}
}

// broken answers with err, or not at all.
type broken struct{ err error }

func (b broken) Notes(ctx context.Context, _ []string) ([][]byte, error) {
	if b.err == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, b.err
}

func (b broken) Note(context.Context, string, []byte, time.Duration) error { return b.err }

// The link is a courtesy: no filing waits for it, or is lost for it.
func TestNotesThatFail(t *testing.T) {
	var log strings.Builder
	for name, notes := range map[string]store.Notes{"down": broken{errors.New("refused")}, "slow": broken{}} {
		stage := build(t, Defaults, opened(notes)).(*stage)
		stage.memory.guard.Patience = time.Millisecond
		stage.memory.log = slog.New(slog.NewTextHandler(&log, nil))
		for range 3 {
			if got := process(t, stage, amendment(2, day, "8-K/A", "", "5.02")); len(got) != 1 || got[0].Topic != "leadership" || got[0].Amends != "" {
				t.Errorf("%s: %+v", name, got)
			}
		}
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 2 {
		t.Errorf("%d warnings, want one for each outage:\n%s", n, log.String())
	}
	// What another program left there is no list.
	notes := openSQLite(t)
	if err := notes.Note(t.Context(), "filings/123456/8-K", []byte("{nonsense"), time.Hour); err != nil {
		t.Fatal(err)
	}
	s := build(t, Defaults, opened(notes))
	process(t, s, amendment(1, day, "8-K", "", "5.02"))
	if got := process(t, s, amendment(2, day, "8-K/A", "", "5.02")); got[0].Amends != "acc:"+accession(1) {
		t.Errorf("amends %q", got[0].Amends)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := build(t, Defaults, opened(cancelling{broken{}, cancel}))
	batch := flowstest.Messages(filing("8-K", acme, "5.02"), filing("8-K", acme, "5.07"))
	batch[0].Item.Accession = accession(1)
	if _, err := s.Process(ctx, batch); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	for _, m := range batch {
		if o := m.Outcome(); o.Fate != flows.Unsettled {
			t.Errorf("%+v, want it unsettled", o)
		}
	}
}

type cancelling struct {
	broken
	cancel func()
}

func (c cancelling) Notes(ctx context.Context, names []string) ([][]byte, error) {
	c.cancel()
	return c.broken.Notes(ctx, names)
}

func TestConfig(t *testing.T) {
	if err := config.CheckStruct(Defaults); err != nil {
		t.Error(err)
	}
	bad := Config{
		Items: []string{"2.2"}, KeywordItems: []string{"8.01", "8.01"}, Keywords: []string{" "}, Noise: []string{"spam"}, Banks: []string{""},
		Urgency: map[string]float64{"2.02": 2}, Impact: map[string]float64{"2.02": -1}, Relevance: Relevance{Watched: 7},
	}
	err := bad.Validate()
	for _, want := range []string{"forms: ", "items: ", "keywords: ", "noise: ", "banks: ", "urgency.2.02: ", "impact.2.02: ", "relevance.watched: ", "keep: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no fault of %s: %v", want, err)
		}
	}
	twice := Defaults
	twice.Items, twice.Forms = append(slices.Clone(twice.Items), "8.01"), []string{"8-K/A"}
	if err := twice.Validate(); err == nil || !strings.Contains(err.Error(), "keyword_items: 8.01") || !strings.Contains(err.Error(), "write 8-K") {
		t.Errorf("error %v", err)
	}
	doc, issues := config.Load("pipeline.yaml", []byte(`{forms: [8-K], items: ["2.02"], watch: [NVDA], urgency: {"2.02": 1}, keep: 7d, relevance: {listed: 0.5}}`), nil)
	c := Defaults
	if issues = append(issues, config.Decode(doc, doc.Root, &c)...); len(issues) > 0 {
		t.Fatal(issues)
	}
	if len(c.Items) != 1 || len(c.KeywordItems) != 2 || c.Keep != 7*24*time.Hour || c.Relevance != (Relevance{1, 0.5, 0.2}) || c.Urgency["2.02"] != 1 {
		t.Errorf("%+v", c)
	}
}

// Whatever a filing says, it is judged in time that does not grow with it, and the same twice.
func FuzzJudge(f *testing.F) {
	f.Add("8-K", "1.01", "8-K - Fir Acquisition Corp (0000123456) (Filer)", "Form 8-K filed on March 2, 2026", "Fir")
	f.Add("\xff/A", "", "", "\n\nExhibit \n\nExhibit ", "/")
	j := newJudge(Defaults)
	f.Fuzz(func(t *testing.T, form, number, title, text, name string) {
		item := &news.Item{Form: form, Items: []string{number}, Title: title, Body: text, Filers: []news.Filer{{Name: name}}}
		reason := j.reason(item)
		j.rank(item)
		if again := j.reason(item); again != reason {
			t.Errorf("%q, then %q", reason, again)
		}
		if item.Priority < 0 || item.Priority > 1 || item.Topic == "" {
			t.Errorf("topic %q, priority %v", item.Topic, item.Priority)
		}
		amended(item, []noted{{Key: "k"}}, time.Hour)
		noteName(item)
	})
}

func BenchmarkJudge(b *testing.B) {
	item := body(filing("8-K", acme, "8.01"), strings.Repeat("Nothing of note happened at the pump works. ", 2000)+"\n\nExhibit 99.1\nA merger")
	j := newJudge(Defaults)
	b.ReportAllocs()
	for b.Loop() {
		if reason := j.reason(item); reason != "" {
			b.Fatal(reason)
		}
		j.rank(item)
	}
}
