package flows

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"catalyst/internal/config"
)

// toy is a configuration of components that do nothing, for reading plans.
type toy struct {
	Size   int           `yaml:"size" doc:"how many"`
	Wait   time.Duration `yaml:"wait" doc:"how long"`
	Target string        `yaml:"target,short" doc:"a sink"`
	Model  string        `yaml:"model" doc:"of the section"`
	Topic  string        `yaml:"topic" doc:"outside"`
}

func (t toy) Window() int          { return t.Size }
func (t toy) OutwardTopic() string { return t.Topic }
func (t toy) Refs() []Ref {
	return []Ref{{"target", "sinks", t.Target}, {"model", "models", t.Model}}
}

type nothing struct{}

func (nothing) Process(_ context.Context, b []*Message) ([]*Message, error) { return b, nil }
func (nothing) Deliver(context.Context, []*Message) error                   { return nil }
func (nothing) Run(context.Context, Publish) error                          { return nil }

func toyCatalog() Catalog {
	judge := NewKind(StageKind{Name: "judge", Doc: "does nothing", Follows: []string{"lookup"}}, toy{},
		func(*Build, toy) (Stage, error) { return nothing{}, nil })
	stage := func(name string, after ...string) StageKind {
		return NewKind(StageKind{Name: name, Doc: "does nothing", After: after, Knobs: Knobs{Workers: 2}}, toy{Size: 5},
			func(*Build, toy) (Stage, error) { return nothing{}, nil })
	}
	return Catalog{
		Sources: []SourceKind{NewKind(SourceKind{Name: "feed"}, toy{}, func(*Build, toy) (Source, error) { return nothing{}, nil })},
		Sinks:   []SinkKind{NewKind(SinkKind{Name: "console"}, toy{}, func(*Build, toy) (Sink, error) { return nothing{}, nil })},
		Stages:  []StageKind{stage("dedupe"), stage("batch"), stage("lookup"), stage("remember", "lookup"), judge},
		Sections: []Section{{Key: "models", Read: func(r *config.Reader, value *yaml.Node) []string {
			var names []string
			if value != nil {
				for key := range config.Pairs(value) {
					names = append(names, key.Value)
				}
			}
			return names
		}}},
	}
}

func parseText(t *testing.T, text string) (*Plan, string) {
	t.Helper()
	doc, issues := config.Load("pipeline.yaml", []byte(text), nil)
	if doc == nil {
		return nil, issues.Error()
	}
	plan, more := toyCatalog().Parse(doc)
	return plan, append(issues, more...).Sorted().Error()
}

func TestParseCutsSegmentsAtTopics(t *testing.T) {
	plan, issues := parseText(t, `
name: toy
engine: {retry: {attempts: 2, delay: 10ms}, in_flight: 50}
models: {big: 1}
sources:
  - feed
  - feed: {name: second, size: 3}
stages:
  - dedupe: {workers: 7, when: 'form == "8-K"', on_error: drop, timeout: 2}
  - topic: news.analyse
  - batch: console
  - lookup: {enabled: false, size: nonsense}
  - topic: news.done
sinks:
  - console: {name: out, model: big}
  - console
`)
	if issues != "" {
		t.Fatal(issues)
	}
	var shape []string
	for _, s := range plan.Segments {
		var names []string
		for _, st := range s.Stages {
			names = append(names, st.Name)
		}
		shape = append(shape, fmt.Sprintf("%s: %s → %s", s.Topic, strings.Join(names, " "), s.Next))
	}
	want := []string{"news.raw: dedupe → news.analyse", "news.analyse: batch → news.done", "news.done:  → "}
	if d := cmp.Diff(want, shape); d != "" {
		t.Error(d)
	}
	dedupe, batch := plan.Segments[0].Stages[0], plan.Segments[1].Stages[0]
	if k := dedupe.Knobs; k.Workers != 7 || k.When.String() != `form == "8-K"` || k.OnError != OnErrorDrop || k.Timeout != 2*time.Second {
		t.Errorf("knobs of dedupe: %+v", k)
	}
	if batch.Knobs.Workers != 2 || batch.Config.(toy) != (toy{Size: 5, Target: "console"}) {
		t.Errorf("batch has %+v %+v, want the kind's defaults and the short form", batch.Knobs, batch.Config)
	}
	if plan.Engine.InFlight != 50 || plan.Engine.Retry.Max != DefaultEngineConfig.Retry.Max || plan.Sources[1].Name != "second" {
		t.Errorf("engine %+v, sources %+v", plan.Engine, plan.Sources)
	}
}

func TestParseTakesAStageBetweenTwoThatFollowIt(t *testing.T) {
	_, issues := parseText(t, "name: x\nstages:\n  - judge\n  - lookup\n  - judge: {name: second}\nsinks: [console]\n")
	if issues != "" {
		t.Error(issues)
	}
}

func TestParseReportsEveryMistake(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"not a mapping", "- a\n", "1:1: a pipeline is a mapping of keys"},
		{"unknown top key", "name: x\nsorces: []\nsinks: [console]\n", `2:1: unknown key "sorces" (did you mean "sources"?)`},
		{"no name", "sinks: [console]\n", `the key "name" is required`},
		{"bad name", "name: My Bot\nsinks: [console]\n", `1:7: name: "My Bot" has characters other than`},
		{"broker", "name: x\nbroker: kafka://u:hush@h\nsinks: [console]\n", "2:9: broker: the address must begin with redis:// or rediss:// or sqlite://"},
		{"store", "name: x\nstore: data.db\nsinks: [console]\n", "2:8: store: the address must begin with postgres:// or"},
		{"only an unknown sink", "name: x\nsinks: [consle]\n", `2:9: sinks[0]: unknown sink "consle" (did you mean "console"?)`},
		{"no sinks", "name: x\n", "sinks: at least one sink must be enabled"},
		{"unknown stage", "name: x\nstages:\n  - dedup\nsinks: [console]\n", `3:5: stages[0]: unknown stage "dedup" (did you mean "dedupe"?)`},
		{"unknown setting", "name: x\nstages:\n  - batch: {sise: 3}\nsinks: [console]\n", `3:13: batch: unknown key "sise" (did you mean "size"?)`},
		{"unknown setting, meant a knob", "name: x\nstages:\n  - batch: {worker: 3}\nsinks: [console]\n", `did you mean "workers"?`},
		{"knob of stages on a source", "name: x\nsources:\n  - feed: {workers: 3}\nsinks: [console]\n", `unknown key "workers"`},
		{"wrong type", "name: x\nstages:\n  - batch: {size: ten}\nsinks: [console]\n", `3:19: batch.size: expected a whole number`},
		{"bad condition", "name: x\nstages:\n  - batch: {when: 'fom == 1'}\nsinks: [console]\n", "3:19: batch.when: "},
		{"two components in one element", "name: x\nstages:\n  - dedupe:\n    batch:\nsinks: [console]\n", "this has 2 keys: dedupe, batch"},
		{"same name twice", "name: x\nstages:\n  - batch\n  - batch\nsinks: [console]\n", `4:5: batch: the stage at line 3 is called "batch" too`},
		{"same name twice in different segments", "name: x\nstages:\n  - batch\n  - topic: t\n  - batch\nsinks: [console]\n", `5:5: batch: the stage at line 3`},
		{"order", "name: x\nstages:\n  - remember\n  - lookup\nsinks: [console]\n", "3:5: remember: it needs lookup before it"},
		{"order, disabled", "name: x\nstages:\n  - lookup: {enabled: false}\n  - remember\nsinks: [console]\n", "lookup at line 3 is disabled: disable remember too"},
		{"of no use there", "name: x\nstages:\n  - judge\n  - topic: t\n  - lookup\nsinks: [console]\n",
			"3:5: judge: it must stand behind lookup (move lookup at line 5 above it)"},
		{"window", "name: x\nengine: {in_flight: 10}\nstages:\n  - batch: {size: 11}\nsinks: [console]\n", "it gathers 11 messages, but only 10 may be in flight"},
		{"circle", "name: x\nstages:\n  - topic: news.raw\nsinks: [console]\n", `"news.raw" is already a topic`},
		{"topic of poison", "name: x\nstages:\n  - topic: news.poison\nsinks: [console]\n", `"news.poison" is already a topic`},
		{"circle through a component", "name: x\nsinks:\n  - console: {topic: news.raw}\n", `3:5: console: "news.raw" is a topic of this pipeline`},
		{"topic without name", "name: x\nstages:\n  - topic\nsinks: [console]\n", "a topic is a name"},
		{"missing reference", "name: x\nstages:\n  - batch: {target: consle}\nsinks: [console]\n", `batch.target: sinks has no enabled "consle" (did you mean "console"?)`},
		{"missing reference to a section", "name: x\nmodels: {big: 1}\nstages:\n  - batch: {model: small}\nsinks: [console]\n", `batch.model: models has no enabled "small"`},
		{"not a list", "name: x\nstages: {dedupe: 1}\nsinks: [console]\n", "2:9: stages: a list is expected"},
		{"engine", "name: x\nengine: {retry: {attempts: 0}}\nsinks: [console]\n", "engine.retry.attempts: must be at least 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan, issues := parseText(t, tt.text)
			if plan != nil || !strings.Contains(issues, tt.want) {
				t.Errorf("issues:\n%s\nwant one with %q, and no plan", issues, tt.want)
			}
			if n := strings.Count(issues, "\n"); n > 0 {
				t.Errorf("one mistake gave %d issues:\n%s", n+1, issues)
			}
		})
	}
	t.Run("eight at once", func(t *testing.T) {
		_, issues := parseText(t, `name: x
sorces: []
engine: {in_flight: many}
stages:
  - dedup
  - batch: {sise: 1, when: '1 +'}
  - remember
  - topic: news.raw
sinks:
  - console: {target: nowhere}
`)
		for _, line := range []string{":2:", ":3:", ":5:", ":6:13", ":6:28", ":7:", ":8:", ":10:"} {
			if !strings.Contains(issues, "pipeline.yaml"+line) {
				t.Errorf("nothing at %s in\n%s", line, issues)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("name: x\nstages:\n  - batch: {size: 3}\nsinks: [console]\n")
	f.Add("name: x\nstages: [topic: a, {topic: b}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		doc, _ := config.Load("f", []byte(text), nil)
		if doc == nil {
			return
		}
		plan, issues := toyCatalog().Parse(doc)
		if (plan == nil) != (len(issues) > 0) {
			t.Errorf("plan %v with issues %v", plan, issues)
		}
	})
}
