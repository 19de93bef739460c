package batch

import (
	"testing"
	"time"

	"catalyst/flows"
	"catalyst/flows/flowstest"
	"catalyst/internal/config"
	"catalyst/internal/news"
)

func build(tb testing.TB, c Config) flows.Stage {
	tb.Helper()
	s, err := Kind().New(&flows.Build{}, c)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestStageContract(t *testing.T) {
	flowstest.Stage(t, func() flows.Stage { return build(t, DefaultConfig) },
		[]*news.Item{{Title: "one"}, {Title: "two"}, {Form: "8-K"}})
}

func TestGrouping(t *testing.T) {
	c := Config{Size: 20, Wait: time.Second}
	if g := build(t, c).(flows.Grouper).Grouping(); g.Size != 20 || g.Wait != time.Second || g.Urgent != nil {
		t.Errorf("grouping %+v, want the configuration and nothing urgent", g)
	}
	for _, e := range []struct {
		urgent string
		item   news.Item
		want   bool
	}{
		{`form == "8-K"`, news.Item{Form: "8-K"}, true},
		{`form == "8-K"`, news.Item{Form: "10-Q"}, false},
		{`items[0] == "2.02"`, news.Item{}, true}, // it cannot tell, and does not hold it up
	} {
		if err := c.Urgent.UnmarshalText([]byte(e.urgent)); err != nil {
			t.Fatal(err)
		}
		g := build(t, c).(flows.Grouper).Grouping()
		if got := g.Urgent(flows.NewMessage("m", &e.item)); got != e.want {
			t.Errorf("%s of %+v is %v, want %v", e.urgent, e.item, got, e.want)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		size int
		wait time.Duration
		ok   bool
	}{
		{5, 2 * time.Second, true},
		{1, 0, true},
		{10_000, 10 * time.Minute, true},
		{0, time.Second, false},
		{-1, time.Second, false},
		{10_001, time.Second, false},
		{5, 0, false},
		{5, -time.Second, false},
		{5, time.Hour, false},
	} {
		if err := (Config{Size: c.size, Wait: c.wait}).Validate(); (err == nil) != c.ok {
			t.Errorf("size %d, wait %v: %v, want ok %v", c.size, c.wait, err, c.ok)
		}
	}
}

func TestConfigFromYAML(t *testing.T) {
	doc, issues := config.Load("pipeline.yaml", []byte(`{size: 20, wait: 1.5, urgent: 'form == "8-K"'}`), nil)
	c := DefaultConfig
	if issues = append(issues, config.Decode(doc, doc.Root, &c)...); len(issues) > 0 {
		t.Fatal(issues)
	}
	if c.Size != 20 || c.Wait != 1500*time.Millisecond || c.Urgent.IsZero() || c.Window() != 20 {
		t.Errorf("%+v is not what the file says", c)
	}
	if err := config.CheckStruct(DefaultConfig); err != nil {
		t.Error(err)
	}
}
