package filter

import (
	"testing"

	"catalyst/flows"
	"catalyst/flows/flowstest"
	"catalyst/internal/config"
	"catalyst/internal/news"
)

func build(tb testing.TB, keep string) flows.Stage {
	tb.Helper()
	c := DefaultConfig
	if err := c.Keep.UnmarshalText([]byte(keep)); err != nil {
		tb.Fatal(err)
	}
	s, err := Kind().New(&flows.Build{}, c)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

var items = []*news.Item{
	{Form: "8-K", Items: []string{"2.02"}},
	{Form: "8-K"},
	{Form: "10-Q"},
	{Title: "news"},
}

func TestStageContract(t *testing.T) {
	flowstest.Stage(t, func() flows.Stage { return build(t, `form == "8-K"`) }, items)
}

func TestKeep(t *testing.T) {
	for _, c := range []struct {
		keep string
		want []flows.Fate // of items
	}{
		{`form == "8-K"`, []flows.Fate{flows.Unsettled, flows.Unsettled, flows.Dropped, flows.Dropped}},
		{`"2.02" in items`, []flows.Fate{flows.Unsettled, flows.Dropped, flows.Dropped, flows.Dropped}},
		{`items[0] == "2.02"`, []flows.Fate{flows.Unsettled, flows.Failed, flows.Failed, flows.Failed}},
	} {
		batch := flowstest.Messages(items...)
		out, err := build(t, c.keep).Process(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		passed := 0
		for i, m := range batch {
			o := m.Outcome()
			if o.Fate != c.want[i] {
				t.Errorf("%s: item %d is %v, want %v", c.keep, i, o.Fate, c.want[i])
			}
			if o.Fate == flows.Dropped && o.Reason != "filtered" {
				t.Errorf("%s: item %d is dropped as %q, want filtered", c.keep, i, o.Reason)
			}
			if o.Fate == flows.Failed && !flows.IsPermanent(o.Err) {
				t.Errorf("%s: item %d would be retried: %v", c.keep, i, o.Err)
			}
			if o.Fate == flows.Unsettled {
				passed++
			}
		}
		if passed != len(out) {
			t.Errorf("%s: %d messages returned, %d unsettled", c.keep, len(out), passed)
		}
	}
}

func TestValidate(t *testing.T) {
	if err := DefaultConfig.Validate(); err == nil {
		t.Error("a filter without an expression is accepted")
	}
}

func TestConfigFromYAML(t *testing.T) {
	doc, issues := config.Load("pipeline.yaml", []byte(`'form == "8-K"'`), nil)
	c := DefaultConfig
	if issues = append(issues, config.Decode(doc, doc.Root, &c)...); len(issues) > 0 {
		t.Fatal(issues)
	}
	if c.Keep.String() != `form == "8-K"` || c.Reason != "filtered" {
		t.Errorf("keep %q for %q, want the expression and the default reason", c.Keep, c.Reason)
	}
	if err := config.CheckStruct(DefaultConfig); err != nil {
		t.Error(err)
	}
}
