package prices

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"catalyst/internal/llm"
)

var november = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func table(t *testing.T, override string) *Table {
	t.Helper()
	path := ""
	if override != "" {
		path = filepath.Join(t.TempDir(), "mine.yaml")
		if err := os.WriteFile(path, []byte(override), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	prices, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return prices
}

func price(t *testing.T, prices *Table, model string, at time.Time) Price {
	t.Helper()
	p, ok := prices.Price(model, at)
	if !ok {
		t.Fatalf("no price of %s at %v", model, at)
	}
	return p
}

func dollars(d float64) int64 { return int64(math.Round(d * 1e9)) }

// A month of 800 items a day, 500 tokens in and 300 out each, by the price lists.
func TestAMonthOfNews(t *testing.T) {
	prices := table(t, "")
	for _, c := range []struct {
		model string
		at    time.Time
		want  float64
	}{
		{"claude-haiku-5-5", november, 4.80},
		{"gemini-2.5-flash-lite", november, 4.08},
		{"gemini-3.1-flash-lite", november, 13.80},
		{"gemini-3.5-flash-lite", november, 21.60},
		{"gemini-2.5-flash", november, 21.60},
		{"gemini-3.8-flash", november, 36},
		{"gemini-3.8-flash", november.AddDate(0, 2, 0), 72},
		{"gemini-3.5-flash", november, 82.80},
		{"claude-haiku-4-5", november, 48},
		{"claude-sonnet-5-5", november, 96},
		{"claude-sonnet-5", november, 96},
		{"claude-opus-5-5", november, 192},
	} {
		one := price(t, prices, c.model, c.at).Cost(llm.Response{TokensIn: 500, TokensOut: 300})
		if got := one * 800 * 30; got != dollars(c.want) {
			t.Errorf("%s in %s costs %d nano-dollars, want %d", c.model, c.at.Format("2006-01"), got, dollars(c.want))
		}
	}
}

func TestCost(t *testing.T) {
	prices := table(t, `
models:
  tiny: {prices: {in: 0.000000001, out: 0}}
  vast: {prices: {in: 1000000, out: 1000000}}
`)
	for _, c := range []struct {
		name, model string
		response    llm.Response
		want        int64
	}{
		{"nothing", "claude-haiku-5-5", llm.Response{}, 0},
		{"one token out", "claude-haiku-5-5", llm.Response{TokensOut: 1}, 500},
		{"rounded up", "tiny", llm.Response{TokensIn: 1}, 1},
		{"rounded once", "tiny", llm.Response{TokensIn: 1_000_001, TokensCached: 500_000}, 2},
		{"from the cache", "claude-haiku-5-5", llm.Response{TokensIn: 10_000, TokensCached: 9_000}, 1000*100 + 9000*10},
		{"into the cache", "claude-haiku-5-5", llm.Response{TokensIn: 10_000, TokensWritten: 9_000}, 1000*100 + 9000*125},
		{"both", "claude-sonnet-5-5", llm.Response{TokensIn: 10_000, TokensCached: 6_000, TokensWritten: 3_000, TokensOut: 100}, 1000*2000 + 6000*100 + 3000*2500 + 100*10_000},
		{"a cache without a price", "gemini-3.8-flash", llm.Response{TokensIn: 1000, TokensCached: 900}, 1000 * 750},
		{"at the threshold", "claude-haiku-5-5", llm.Response{TokensIn: 100_000, TokensOut: 1000}, 100_000*100 + 1000*500},
		{"above it, the whole request", "claude-haiku-5-5", llm.Response{TokensIn: 100_001, TokensOut: 1000}, 100_001*500 + 1000*2500},
		{"cached tokens make a prompt long", "claude-haiku-5-5", llm.Response{TokensIn: 150_000, TokensCached: 140_000}, 10_000*500 + 140_000*50},
		{"more cached than there was", "claude-haiku-5-5", llm.Response{TokensIn: 10, TokensCached: 20}, 200},
		{"below zero", "claude-haiku-5-5", llm.Response{TokensIn: -5, TokensCached: -1, TokensWritten: -1, TokensOut: -7}, 0},
		{"beyond all bounds", "vast", llm.Response{TokensIn: math.MaxInt, TokensCached: math.MaxInt, TokensWritten: math.MaxInt, TokensOut: math.MaxInt}, math.MaxInt64},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := price(t, prices, c.model, november).Cost(c.response); got != c.want {
				t.Errorf("%+v costs %d, want %d", c.response, got, c.want)
			}
		})
	}
}

func TestWorst(t *testing.T) {
	prices := table(t, "")
	haiku := price(t, prices, "claude-haiku-5-5", november)
	for _, c := range []struct {
		in, out int
		want    int64
	}{
		{0, 0, 0},
		{-1, -1, 0},
		{1000, 1024, 1000*125 + 1024*500},
		{100_001, 1024, 100_001*625 + 1024*2500},
	} {
		if got := haiku.Worst(c.in, c.out); got != c.want {
			t.Errorf("Worst(%d, %d) = %d, want %d", c.in, c.out, got, c.want)
		}
	}
	if got := Free.Worst(math.MaxInt, math.MaxInt); got != 0 {
		t.Errorf("what is free costs %d", got)
	}
}

func TestBatch(t *testing.T) {
	prices := table(t, "models: {odd: {prices: {in: 0.000000001, out: 3, batch: 0.5}}}")
	response := llm.Response{TokensIn: 150_000, TokensOut: 1000}
	batch, ok := price(t, prices, "claude-haiku-5-5", november).Batch()
	if got, want := batch.Cost(response), int64(150_000*250+1000*1250); !ok || got != want {
		t.Errorf("in a batch it costs %d, %v; want %d", got, ok, want)
	}
	if odd, _ := price(t, prices, "odd", november).Batch(); odd.In != 1 {
		t.Errorf("half a billionth is %d, want it rounded up to 1", odd.In)
	}
	if _, ok := price(t, prices, "gemini-embedding-2", november).Batch(); ok {
		t.Error("a batch has a price nobody gave")
	}
}

func TestPriceByDate(t *testing.T) {
	prices := table(t, "models: {gone: {prices: {in: 1, out: 1, valid_from: 2026-03-01, valid_until: 2026-03-31}}}")
	utc := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, c := range []struct {
		model, at string
		want      Nano // 0: unknown
	}{
		{"gemini-3.8-flash", "2026-12-31T23:59:59Z", 750_000_000},
		{"gemini-3.8-flash", "2027-01-01T00:00:00Z", 1_500_000_000},
		{"gemini-3.8-flash", "2027-01-01T00:30:00+01:00", 750_000_000}, // a day of UTC
		{"gone", "2026-02-28T23:59:59Z", 0},
		{"gone", "2026-03-01T00:00:00Z", 1_000_000_000},
		{"gone", "2026-03-31T23:59:59Z", 1_000_000_000},
		{"gone", "2026-04-01T00:00:00Z", 0},
	} {
		p, ok := prices.Price(c.model, utc(c.at))
		if ok != (c.want != 0) || p.In != c.want {
			t.Errorf("%s at %s: %v, %v; want %v", c.model, c.at, p.In, ok, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	prices := table(t, "models: {claude-haiku-4-5-20990101: {prices: {in: 7, out: 7}}}")
	for model, want := range map[string]Nano{
		"claude-haiku-4-5":                  1_000_000_000,
		"claude-haiku-4-5-20251001":         1_000_000_000,
		"claude-haiku-4-5@20251001":         1_000_000_000,
		"claude-haiku-4-5-latest":           1_000_000_000,
		"claude-haiku-4-5-20990101":         7_000_000_000, // listed itself
		"claude-3-5-sonnet-20241022":        3_000_000_000,
		"models/gemini-2.5-flash":           300_000_000,
		"models/gemini-2.0-flash-001":       100_000_000,
		"gemini-embedding-001":              150_000_000, // not gemini-embedding
		"gpt-5-nano-2025-08-07":             50_000_000,
		"":                                  0,
		"models/":                           0,
		"mistral":                           0,
		"claude-haiku":                      0,
		"claude-haiku-4":                    0,
		"claude-haiku-4-5-turbo":            0,
		"gemini-2.5-flash-image":            0,
		"Claude-Haiku-4-5":                  0,
		"claude-haiku-4-5-20251001-preview": 0,
		"models/models/gemini-2.5-flash":    0,
	} {
		p, ok := prices.Price(model, november)
		if ok != (want != 0) || p.In != want {
			t.Errorf("%q costs %v (%v), want %v", model, p.In, ok, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	prices := table(t, "models: {promo: {prices: {in: 1, out: 1, valid_until: 2026-12-31}}}")
	got := prices.Warnings([]string{
		"claude-3-5-sonnet-20241022", "claude-sonnet-4-5", "gemini-3.1-flash-lite", "gemini-3.8-flash", "promo", "claude-haiku-5-5", "mistral",
	}, november)
	want := []string{
		"claude-3-5-sonnet-20241022 was retired on 2025-10-28: name another model",
		"claude-sonnet-4-5 will be retired on 2026-11-30: name another model before",
		"the last known price of promo ends on 2026-12-31: add its next one to the price file",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What is part of the program says when and where each price was found.
func TestOwnTable(t *testing.T) {
	prices := table(t, "")
	for name, e := range prices.models {
		if e.asOf.IsZero() || !strings.HasPrefix(e.source, "https://") {
			t.Errorf("%s: as_of %q, source %q", name, e.asOf, e.source)
		}
		if e.asOf.After(november) {
			t.Errorf("%s was looked up in the future", name)
		}
	}
	for _, name := range []string{ // the defaults of the providers
		"claude-haiku-4-5", "gemini-3.1-flash-lite",
	} {
		price(t, prices, name, november)
	}
}

func TestOverride(t *testing.T) {
	prices := table(t, `
as_of: 2026-11-20
models:
  claude-haiku-5-5:
    prices: {in: 0.09, out: 0.45}
  house-model:
    source: the contract
    as_of: 2026-11-01
    prices:
      - {in: 2, out: 2, valid_from: 2027-01-01}
      - {in: 1, out: 1, valid_until: 2026-12-31}
`)
	if got := price(t, prices, "claude-haiku-5-5", november); got.In != 90_000_000 || got.CacheRead != got.In || got.of(1_000_000).In != got.In {
		t.Errorf("the price is %+v: the override must replace the whole model", got)
	}
	if got := price(t, prices, "house-model", november.AddDate(0, 2, 0)); got.In != 2_000_000_000 {
		t.Errorf("in January house-model costs %v", got.In)
	}
	price(t, prices, "claude-opus-5-5", november)
	var mine []Listing
	for _, l := range prices.List(november) {
		if l.Override {
			mine = append(mine, l)
		}
	}
	day := func(m time.Month, d int) Date { return Date{time.Date(2026, m, d, 0, 0, 0, 0, time.UTC)} }
	flat := func(n Nano) Rates { return Rates{n, n, n, n, n} }
	haiku := flat(90_000_000)
	haiku.Out = 450_000_000
	want := []Listing{
		{Model: "claude-haiku-5-5", Rates: haiku, AsOf: day(11, 20), Override: true},
		{Model: "house-model", Rates: flat(1_000_000_000), Until: day(12, 31), AsOf: day(11, 1), Source: "the contract", Override: true},
	}
	if diff := cmp.Diff(want, mine); diff != "" {
		t.Error(diff)
	}
}

func TestMistakes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.yaml")
	text := `modles: {}
models:
  empty:
  negative: {prices: {in: -1, out: 1}}
  words:
    retired: someday
    prices:
      - {in: cheap, out: 1e3}
      - {in: 0.0000000001, valid_until: 2026-02-30}
  twice:
    prices:
      - {in: 1, out: 1}
      - {in: 2, out: 2, valid_from: 2027-01-01}
  long:
    prices:
      - in: 2
        out: 2
        valid_from: 2027-01-01
        valid_until: 2026-01-01
        batch: 50
        long:
          - {above: 0, in: 1, out: 2}
          - {above: 9, in: 2, out: 2}
          - {above: 9, in: 3, out: 3}
`
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path)
	if err == nil {
		t.Fatal("taken")
	}
	got := strings.ReplaceAll(err.Error(), path, "mine.yaml")
	want := strings.TrimSpace(`
mine.yaml:1:1: unknown key "modles" (did you mean "models"?)
mine.yaml:3:3: models: "empty" has no prices
mine.yaml:4:27: models.negative.prices.in: "-1" is no amount; write dollars like 0.25 or 3, with at most 9 decimals and at most a million
mine.yaml:6:14: models.words.retired: "someday" is no day; write it like 2026-12-31
mine.yaml:8:14: models.words.prices[0].in: "cheap" is no amount; write dollars like 0.25 or 3, with at most 9 decimals and at most a million
mine.yaml:8:26: models.words.prices[0].out: "1e3" is no amount; write dollars like 0.25 or 3, with at most 9 decimals and at most a million
mine.yaml:9:9: models.words.prices[1]: the key "out" is required (a million tokens of answers, with their thoughts)
mine.yaml:9:14: models.words.prices[1].in: "0.0000000001" is no amount; write dollars like 0.25 or 3, with at most 9 decimals and at most a million
mine.yaml:9:41: models.words.prices[1].valid_until: "2026-02-30" is no day; write it like 2026-12-31
mine.yaml:13:9: models.twice.prices[1]: holds at the same time as another; end the earlier one with valid_until, the day before valid_from of the later
mine.yaml:19:22: models.long.prices[0].valid_until: is before valid_from
mine.yaml:20:16: models.long.prices[0].batch: is a share of the price: above 0, at most 1
mine.yaml:22:13: models.long.prices[0].long[0]: costs less than a short prompt does
mine.yaml:22:21: models.long.prices[0].long[0].above: must be at least 1
mine.yaml:24:21: models.long.prices[0].long[2].above: is there twice
`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml")); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestNano(t *testing.T) {
	for text, want := range map[string]Nano{
		"0": 0, "3": 3_000_000_000, "0.25": 250_000_000, "0.000000001": 1, "1000000": maxNano, " 007.50 ": 7_500_000_000,
	} {
		var n Nano
		if err := n.UnmarshalText([]byte(text)); err != nil || n != want {
			t.Errorf("%q is %d (%v), want %d", text, n, err, want)
		}
	}
	for _, text := range []string{"", ".", ".5", "5.", "-1", "+1", "1_000", "1e3", "0x1", "1000000.000000001", "99999999999999999999", "0.0000000001", "1.2.3", "½", "NaN"} {
		var n Nano
		if err := n.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken as %d", text, n)
		}
	}
	for n, want := range map[Nano]string{0: "0.00", 1: "0.000000001", 250_000_000: "0.25", 125_000_000: "0.125", 3_000_000_000: "3.00", maxNano: "1000000.00"} {
		if got := n.String(); got != want {
			t.Errorf("%d is shown as %q, want %q", int64(n), got, want)
		}
	}
}

// What is shown is a price file that means the same.
func TestWrite(t *testing.T) {
	prices := table(t, `
models:
  "mistral:7b": {source: 'a $${b} "c": d', prices: {in: 0, out: 0}}
  ended: {prices: {in: 1, out: 1, valid_until: 2026-01-31}}
  later: {prices: {in: 1, out: 1, valid_from: 2027-01-01}}
`)
	var shown strings.Builder
	if err := prices.Write(&shown, november); err != nil {
		t.Fatal(err)
	}
	again := table(t, shown.String())
	for _, at := range []time.Time{november, november.AddDate(0, 2, 0)} {
		ignore := cmpopts.IgnoreFields(Listing{}, "Override")
		if diff := cmp.Diff(prices.List(at), again.List(at), ignore); diff != "" {
			t.Error(diff)
		}
	}
	for _, part := range []string{
		"# Prices in force on 2026-11-21,",
		`      - {in: 0.10, out: 0.50, cache_read: 0.01, cache_write: 0.125, cache_write_1h: 0.20, batch: 0.50, long: [{above: 100000, in: 0.50, out: 2.50, cache_read: 0.05, cache_write: 0.625, cache_write_1h: 1.00}]}`,
		"  gemini-3.8-flash:\n    as_of: 2026-10-07\n    source: \"https://ai.google.dev/gemini-api/docs/pricing\"\n    prices:\n" +
			"      - {valid_until: 2026-12-31, in: 0.75, out: 3.75, batch: 0.50}\n      - {valid_from: 2027-01-01, in: 1.50, out: 7.50, batch: 0.50}\n",
		"  \"mistral:7b\":\n    source: \"a $${b} \\\"c\\\": d\"\n",
		"  later:\n",
	} {
		if !strings.Contains(shown.String(), part) {
			t.Errorf("nothing like\n%s", part)
		}
	}
	for _, part := range []string{"ended", "claude-3-5-sonnet", "2026-10-06"} {
		if strings.Contains(shown.String(), part) {
			t.Errorf("%s is over, and shown", part)
		}
	}
}

// Whatever a price file says: it is refused or it has prices that make sense.
func FuzzFile(f *testing.F) {
	f.Add([]byte("models: {a: {prices: {in: 1, out: 2, long: {above: 5, in: 1, out: 3}}}}"))
	f.Add([]byte("models: {a: {prices: [{in: 1, out: 2, valid_until: 2026-01-01}, {in: ${X:-}, out: 2, batch: 1}]}}"))
	f.Add([]byte("models: {a: , b: {prices: []}, c: {prices: [null]}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		prices := &Table{models: map[string]*entry{}}
		if err := prices.read("fuzz.yaml", text, true); err != nil {
			if !strings.HasPrefix(err.Error(), "fuzz.yaml") {
				t.Fatalf("no place in %q", err)
			}
			return
		}
		for name, e := range prices.models {
			for _, p := range e.periods {
				got, ok := prices.Price(name, p.from.Time)
				if !ok {
					t.Fatalf("%q has no price on the first day of one", name)
				}
				for _, tokens := range []int{0, 1, 150_000, math.MaxInt} {
					cost := got.Cost(llm.Response{TokensIn: tokens, TokensCached: tokens / 3, TokensWritten: tokens / 3, TokensOut: tokens})
					if worst := got.Worst(tokens, tokens); cost < 0 || cost > worst {
						t.Fatalf("%d tokens of %q cost %d, at worst %d", tokens, name, cost, worst)
					}
				}
			}
		}
		var shown bytes.Buffer
		if err := prices.Write(&shown, november); err != nil {
			t.Fatal(err)
		}
		again := &Table{models: map[string]*entry{}}
		if err := again.read("shown.yaml", shown.Bytes(), true); err != nil {
			t.Fatalf("what is shown is not taken: %v\n%s", err, shown.Bytes())
		}
		if diff := cmp.Diff(prices.List(november), again.List(november)); diff != "" {
			t.Fatalf("shown otherwise than it is: %s", diff)
		}
		for name := range prices.models {
			prices.Warnings([]string{name}, november)
		}
	})
}

func BenchmarkCost(b *testing.B) {
	prices, err := Load("")
	if err != nil {
		b.Fatal(err)
	}
	r := llm.Response{TokensIn: 1500, TokensCached: 1000, TokensOut: 300}
	for b.Loop() {
		p, _ := prices.Price("claude-haiku-4-5-20251001", november)
		p.Cost(r)
	}
}
