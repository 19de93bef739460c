package quota

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"catalyst/internal/config"
)

func TestDollars(t *testing.T) {
	for text, want := range map[string]Dollars{
		"50": 50e9, "0": 0, "0.002": 2e6, "0.000000001": 1, "00.10": 1e8, "3.": 3e9, ".5": 5e8, "1.0000000000000": 1e9,
		"0.1": 1e8, "0.3": 3e8, "4611686018.427387903": math.MaxInt64 / 2, "none": None, " 7 ": 7e9,
	} {
		var got Dollars
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q is %d, %v, want %d", text, got, err, want)
		}
		var again Dollars
		if err := again.UnmarshalText([]byte(got.String())); err != nil || again != got {
			t.Errorf("%q is written as %q, which reads as %d, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", ".", "-1", "+1", "1e3", "1_000", "0x10", "$5", "1,5", "5 USD", "0.0000000001", "4611686018.427387904", "99999999999999999999", "NaN", "None", "١"} {
		got := Dollars(77)
		if err := got.UnmarshalText([]byte(text)); err == nil || got != 77 {
			t.Errorf("%q reads as %d, %v; want an error", text, got, err)
		}
	}
}

func FuzzDollars(f *testing.F) {
	for _, text := range []string{"50", "0.002", "none", "1e9", ".", "-0", "4611686018.427387904"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var d, again Dollars
		if d.UnmarshalText([]byte(text)) != nil {
			return
		}
		if d < None || d > math.MaxInt64/2 {
			t.Fatalf("%q reads as %d", text, int64(d))
		}
		if err := again.UnmarshalText([]byte(d.String())); err != nil || again != d {
			t.Fatalf("%q reads as %d, which is written %q and reads as %d, %v", text, d, d, again, err)
		}
	})
}

func TestConfigFromYAML(t *testing.T) {
	doc, issues := config.Load("pipeline.yaml", []byte(`{day: 20.5, providers: {gemini: 10}, tickers: {ACME: 0},
  each_source: 0.3, warning: {at: 0.5, max_call: 0.01}}`), func(string) (string, bool) { return "", false })
	got := Defaults
	if issues = append(issues, config.Decode(doc, doc.Root, &got)...); len(issues) > 0 {
		t.Fatal(issues)
	}
	want := Config{
		Day: 20_500_000_000, Providers: map[string]Dollars{"gemini": 10e9}, Tickers: map[string]Dollars{"ACME": 0},
		EachSource: 300_000_000, EachTicker: None,
		Warning: Step{At: 0.5, MaxCall: 10_000_000}, Critical: Defaults.Critical,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}

func TestValidate(t *testing.T) {
	if err := Defaults.Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	c := Defaults
	c.Warning, c.Critical = Step{At: 0.9, MaxCall: 1}, Step{At: 0.8, MaxCall: None}
	c.Tickers = map[string]Dollars{"acme": 1, "OK": 2}
	err := c.Validate()
	for _, want := range []string{"critical.at", "critical.max_call", "tickers.acme", "ACME"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
	c = Defaults
	c.Warning.At, c.Critical.At = math.NaN(), 1.5
	for _, want := range []string{"warning.at", "critical.at"} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}
