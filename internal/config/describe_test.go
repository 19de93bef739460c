package config

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var described = everything{
	Text: "hello", Word: "auto", Flag: true, Maybe: &yes, Count: 3, Ratio: 0.2, Wait: 168 * time.Hour, Size: 1 << 20,
	Token: "t0ps3cret", Upper: "ABC", Words: []string{"a", "b"}, Waits: []time.Duration{90 * time.Second},
	Weights: map[string]float64{"b": -1, "a": 0.5}, Tokens: map[string]Secret{"x": "t0ps3cret"}, Retry: retry{Attempts: 3, Wait: 2 * time.Second},
}

func TestDescribe(t *testing.T) {
	retryFields := func(attempts, wait string) []Field {
		return []Field{
			{Key: "attempts", Type: "whole number", Default: attempts, Doc: "how often"},
			{Key: "wait", Type: "duration", Default: wait, Doc: "how long between"},
		}
	}
	want := []Field{
		{Key: "text", Type: "text", Default: "hello", Doc: "some text"},
		{Key: "word", Type: "text", Default: "auto", Doc: "one of a few words", Enum: []string{"auto", "never", "always"}},
		{Key: "flag", Type: "true or false", Default: "true", Doc: "on or off"},
		{Key: "maybe", Type: "true or false", Default: "true", Doc: "on, off or neither"},
		{Key: "count", Type: "whole number", Default: "3", Doc: "how many"},
		{Key: "small", Type: "whole number", Default: "0", Doc: "a small number"},
		{Key: "positive", Type: "whole number", Default: "0", Doc: "a number from 0"},
		{Key: "ratio", Type: "number", Default: "0.2", Doc: "a ratio"},
		{Key: "wait", Type: "duration", Default: "168h", Doc: "how long"},
		{Key: "size", Type: "size", Default: "1MiB", Doc: "how large"},
		{Key: "token", Type: "secret", Doc: "a secret"},
		{Key: "upper", Type: "upper", Default: "ABC", Doc: "text that reads itself"},
		{Key: "words", Type: "list of text", Default: "[a, b]", Doc: "some words"},
		{Key: "forms", Type: "list of text", Doc: "some of a few words", Enum: []string{"8-K", "10-Q"}},
		{Key: "waits", Type: "list of duration", Default: "[1m30s]", Doc: "how long, each time"},
		{Key: "weights", Type: "mapping to number", Default: "{a: 0.5, b: -1}", Doc: "a weight per name"},
		{Key: "tokens", Type: "mapping to secret", Doc: "a secret per name"},
		{Key: "retry", Type: "mapping", Doc: "when to try again", Fields: retryFields("3", "2s")},
		{Key: "other", Type: "mapping", Doc: "when to try again, otherwise", Fields: retryFields("0", "0s")},
		{Key: "tiers", Type: "list of mapping", Doc: "what to ask, in order", Fields: []Field{
			{Key: "name", Type: "text", Doc: "its name", Required: true, Short: true},
			{Key: "model", Type: "text", Doc: "its model"},
		}},
		{Key: "shared", Type: "text", Doc: "of an embedded struct"},
	}
	if diff := cmp.Diff(want, Describe(described)); diff != "" {
		t.Error(diff)
	}
}

func TestRenderDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Second: "1s", time.Minute: "1m", 90 * time.Second: "1m30s", time.Hour: "1h",
		24 * time.Hour: "24h", time.Hour + time.Second: "1h0m1s", 10 * time.Minute: "10m", 1500 * time.Millisecond: "1.5s",
	} {
		if got := renderDuration(d); got != want {
			t.Errorf("%v is rendered %s, want %s", d, got, want)
		}
	}
}

// compile makes a validator of a schema, which proves that it is one.
func compile(t *testing.T, s map[string]any) *jsonschema.Schema {
	t.Helper()
	encoded, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(string(encoded)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("config.json", parsed); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("config.json")
}

// TestSchemaAgreesWithDecode: an editor must accept what the pipeline accepts, and
// mark what it refuses, as far as types go.
func TestSchemaAgreesWithDecode(t *testing.T) {
	validator := compile(t, Schema(described))
	for _, text := range []string{
		"{}", "text: a", "text: 5", "text: true", "word: never", "word: ${W:-never}", "flag: yes", "flag: 1", `flag: "on"`, "maybe: false", "count: 3",
		"count: ${N:-3}", "ratio: 0.5", "ratio: 1", "wait: 2", "wait: 0.5", "wait: 2s", "wait: 1w1d2h30m", `wait: "90"`, "wait: ${W:-5}",
		"size: 1MiB", "size: 512", "token: abc", "token: ${T:-x}", "upper: ABC", "words: [a, 1]", "words: a", "forms: [8-K]", "waits: [1, 2m]",
		"weights: {a: 1}", "retry: {attempts: 3}", "other: {wait: 2}", "tiers: [ollama, {name: a, model: b}]", "tiers: ollama", "shared: x",

		"tex: a", "word: nevr", "flag: maybe", "flag: 2", "count: ten", `count: "5"`, "count: 1.5", "ratio: half", "wait: soon", "wait: -2", "wait: -2s",
		"words: {a: b}", "forms: [10-K]", "weights: {a: x}", "weights: [1]", "retry: 5", "retry: {atempts: 1}", "tiers: [{model: m}]", "text: [a]",
	} {
		doc, issues := Load("p.yaml", []byte(text), nil)
		var into everything
		issues = append(issues, Decode(doc, doc.Root, &into)...)

		raw, _ := Load("p.yaml", []byte(strings.ReplaceAll(text, "${", "$${")), nil) // as an editor sees it
		encoded, err := json.Marshal(plain(t, raw.Root))
		if err != nil {
			t.Fatal(err)
		}
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(string(encoded)))
		if err != nil {
			t.Fatal(err)
		}
		if err := validator.Validate(instance); (err == nil) != (len(issues) == 0) {
			t.Errorf("%s: Decode says %v, the schema says %v", text, issues, err)
		}
	}
}

func TestSchema(t *testing.T) {
	encoded, err := json.Marshal(Schema(described, required{}))
	if err != nil {
		t.Fatal(err)
	}
	text := string(encoded)
	if strings.Contains(text, "t0ps3cret") {
		t.Error("the default of a secret is in the schema")
	}
	for _, want := range []string{`"default":"168h"`, `"default":["a","b"]`, `"default":{"a":0.5,"b":-1}`, `"default":0.2`, `"default":true`, `"description":"where to look"`, `"required":["url"]`} {
		if !strings.Contains(text, want) {
			t.Errorf("the schema has no %s", want)
		}
	}
}

func TestCheckStruct(t *testing.T) {
	if err := CheckStruct(described); err != nil {
		t.Errorf("a struct without fault: %v", err)
	}
	type inner struct {
		X int `yaml:"x"`
	}
	for _, c := range []struct {
		bad  any
		want []string
	}{
		{5, []string{"int is no struct"}},
		{struct{ A int }{}, []string{".A: no yaml tag", ".A: no doc tag"}},
		{struct {
			A int `yaml:"a" doc:" "`
		}{}, []string{".A: no doc tag"}},
		{struct {
			A int `yaml:"maxSize" doc:"x"`
		}{}, []string{`the key "maxSize" is not in snake_case`}},
		{struct {
			A int `yaml:"a" doc:"x"`
			B int `yaml:"a" doc:"x"`
		}{}, []string{".a: the key is there twice"}},
		{struct {
			A chan int `yaml:"a" doc:"x"`
		}{}, []string{"no configuration can be of the type chan int"}},
		{struct {
			A map[int]string `yaml:"a" doc:"x"`
		}{}, []string{"a map must have text for keys"}},
		{struct {
			A string `yaml:"a" doc:"x" enum:"b|c"`
		}{"a"}, []string{`the default "a" is none of b, c`}},
		{struct {
			A int `yaml:"a,omitempty" doc:"x"`
		}{}, []string{`unknown yaml option "omitempty"`}},
		{struct {
			A int `yaml:"a" doc:"x" required:"yes"`
		}{}, []string{`required is "true" or absent, not "yes"`}},
		{struct {
			A string `yaml:"a,short" doc:"x"`
			B string `yaml:"b,short" doc:"x"`
		}{}, []string{"more than one field is tagged short"}},
		{struct {
			A []inner `yaml:"a" doc:"x"`
		}{}, []string{".a.X: no doc tag"}},
		{struct {
			inner `yaml:",inline"`
		}{}, []string{".X: no doc tag"}},
		{struct {
			A int `yaml:"-"`
			b int
		}{}, nil},
	} {
		err := CheckStruct(c.bad)
		var faults []string
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				faults = append(faults, e.Error())
			}
		} else if err != nil {
			faults = []string{err.Error()}
		}
		if len(faults) != len(c.want) {
			t.Errorf("%T: %d faults, want %d: %v", c.bad, len(faults), len(c.want), errors.Join(err))
			continue
		}
		for i := range faults {
			if !strings.Contains(faults[i], c.want[i]) {
				t.Errorf("%T: %s, want %s", c.bad, faults[i], c.want[i])
			}
		}
	}
}
