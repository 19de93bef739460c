package freshness

import (
	"strings"
	"testing"
	"time"

	"catalyst/flows"
	"catalyst/flows/flowstest"
	"catalyst/internal/config"
	"catalyst/internal/news"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func build(tb testing.TB, now time.Time, change func(*Config)) flows.Stage {
	tb.Helper()
	c := Defaults
	if change != nil {
		change(&c)
	}
	if err := c.Validate(); err != nil {
		tb.Fatal(err)
	}
	s, err := Kind().New(&flows.Build{Clock: func() time.Time { return now }}, c)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestStageContract(t *testing.T) {
	at := func(age time.Duration) *news.Item {
		return &news.Item{Title: "t", Published: noon.Add(-age), Received: noon}
	}
	items := []*news.Item{at(0), at(time.Hour), at(-time.Hour), {Title: "t"}, {Title: "t", Form: "8-K", Published: noon.Add(-time.Hour)}}
	flowstest.Stage(t, func() flows.Stage { return build(t, noon, nil) }, items)
}

func TestWhatBecomesOfTimes(t *testing.T) {
	for _, test := range []struct {
		name    string
		item    news.Item
		now     time.Time
		change  func(*Config)
		dropped string
		want    time.Time // published, if it goes on
	}{
		{"fresh", news.Item{Published: noon.Add(-10 * time.Minute), Received: noon}, noon, nil, "", noon.Add(-10 * time.Minute)},
		{"stale", news.Item{Published: noon.Add(-10*time.Minute - 1), Received: noon}, noon, nil, "stale", time.Time{}},
		{"stale, and all are wanted", news.Item{Published: noon.Add(-time.Hour), Received: noon}, noon, func(c *Config) { c.News = 0 }, "", noon.Add(-time.Hour)},
		{"stale, and passed on", news.Item{Published: noon.Add(-time.Hour), Received: noon}, noon, func(c *Config) { c.Stale = Pass }, "", noon.Add(-time.Hour)},
		{"a filing of the morning", news.Item{Form: "8-K", Published: noon.Add(-8 * time.Hour), Received: noon}, noon, nil, "", noon.Add(-8 * time.Hour)},
		{"a filing of yesterday", news.Item{Accession: "0001234567-26-000001", Published: noon.Add(-8*time.Hour - 1), Received: noon}, noon, nil, "stale", time.Time{}},
		{"a filing, one hour at most", news.Item{Form: "4", Published: noon.Add(-2 * time.Hour), Received: noon}, noon, func(c *Config) { c.Filings = time.Hour }, "stale", time.Time{}},

		{"fresh on arrival, then an outage", news.Item{Published: noon.Add(-5 * time.Hour), Received: noon.Add(-5 * time.Hour).Add(time.Minute)}, noon, nil, "", noon.Add(-5 * time.Hour)},
		{"never received, fresh", news.Item{Published: noon.Add(-time.Minute)}, noon, nil, "", noon.Add(-time.Minute)},
		{"never received, stale", news.Item{Published: noon.Add(-time.Hour)}, noon, nil, "stale", time.Time{}},
		{"replayed years later, fresh then", news.Item{Published: noon.AddDate(-5, 0, 0), Received: noon}, noon.AddDate(-5, 0, 0).Add(time.Minute), nil, "", noon.AddDate(-5, 0, 0)},
		{"replayed years later, stale then", news.Item{Published: noon.AddDate(-5, 0, 0), Received: noon}, noon.AddDate(-5, 0, 0).Add(time.Hour), nil, "stale", time.Time{}},

		{"a clock that is a little fast", news.Item{Published: noon.Add(2 * time.Minute), Received: noon}, noon, nil, "", noon.Add(2 * time.Minute)},
		{"the future", news.Item{Published: noon.Add(time.Hour), Received: noon}, noon, nil, "", noon},
		{"the future, passed", news.Item{Published: noon.Add(time.Hour), Received: noon}, noon, func(c *Config) { c.Future = Pass }, "", noon.Add(time.Hour)},
		{"the future, dropped", news.Item{Published: noon.Add(time.Hour), Received: noon}, noon, func(c *Config) { c.Future = Drop }, "future", time.Time{}},
		{"an hour ahead is now", news.Item{Published: noon.Add(time.Hour), Received: noon}, noon, func(c *Config) { c.Skew, c.Future = time.Hour, Drop }, "", noon.Add(time.Hour)},

		{"no time", news.Item{Received: noon}, noon, nil, "", time.Time{}},
		{"no time, clamped", news.Item{Received: noon}, noon, func(c *Config) { c.Missing = Clamp }, "", noon},
		{"no time, dropped", news.Item{Received: noon}, noon, func(c *Config) { c.Missing = Drop }, "no time", time.Time{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := build(t, test.now, test.change)
			item := test.item
			for delivery := range 2 { // the second one finds what the first one left
				m := flows.NewMessage("1", &item)
				out, err := s.Process(t.Context(), []*flows.Message{m})
				if err != nil {
					t.Fatal(err)
				}
				if got := m.Outcome().Reason; got != test.dropped || (len(out) == 0) != (test.dropped != "") {
					t.Errorf("delivery %d: dropped as %q, %d go on; want %q", delivery, got, len(out), test.dropped)
				}
				if test.dropped == "" && !item.Published.Equal(test.want) {
					t.Errorf("delivery %d: published %v, want %v", delivery, item.Published, test.want)
				}
			}
		})
	}
}

func TestConfig(t *testing.T) {
	if err := config.CheckStruct(Defaults); err != nil {
		t.Error(err)
	}
	doc, issues := config.Load("pipeline.yaml", []byte(`{news: 10m, filings: 480, stale: clamp, missing: maybe, future: drop, skew: -1s}`), nil)
	c := Defaults
	issues = append(issues, config.Decode(doc, doc.Root, &c)...)
	for _, want := range []string{`"maybe" is none of drop, pass, clamp`} {
		if !strings.Contains(issues.Error(), want) {
			t.Errorf("issues %v, want %s", issues, want)
		}
	}
	bad := Config{News: -1, Filings: -1, Skew: -1, Stale: Clamp}
	if err := bad.Validate(); err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("%v, want four faults", err)
	}
}
