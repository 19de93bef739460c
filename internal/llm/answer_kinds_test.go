package llm_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"catalyst/internal/llm"
	"catalyst/internal/llm/llmtest"
	"catalyst/internal/news"
)

// prompt is the built-in one of a name.
func prompt(t testing.TB, name string) llm.Prompt {
	t.Helper()
	p, err := llm.NewPrompts(llm.PromptConfig{Rules: []llm.PromptRule{{Use: name}}})
	if err != nil {
		t.Fatal(err)
	}
	return p.Of(&news.Item{})
}

// and is good with other fields.
func and(fields string) string { return `{` + fields + `,` + strings.TrimPrefix(good, "{") }

// What each kind of news is asked for, as a model answers, and what is kept of it.
var detailed = map[string]struct {
	text   string // of the item
	fields string
	want   []news.Detail
}{
	"earnings": {
		"Acme's revenue for the third quarter of 2026 was $12.5 million, up 8%; earnings were $0.42 per share. It raised its guidance to $50-$52 million.",
		`"period":"third quarter of 2026","revenue":"$12.5 million","revenue_yoy":"+8%","eps":0.42,"surprise":"Unknown","guidance":"RAISED","guidance_range":"$50-$52 million"`,
		[]news.Detail{
			{Name: "period", Label: "Period", Value: "third quarter of 2026"}, {Name: "revenue", Label: "Revenue", Value: "$12.5 million"},
			{Name: "revenue_yoy", Label: "Revenue, year over year", Value: "+8%"}, {Name: "eps", Label: "EPS", Value: "0.42"},
			{Name: "guidance", Label: "Guidance", Value: "raised"}, {Name: "guidance_range", Label: "Guided to", Value: "$50-$52 million"},
		},
	},
	"dilution": {
		"Acme sells 4,000,000 shares at $2.50 through Birch & Co.",
		`"type":"private placement","size":"none","shares":"4,000,000","price":"$2.50","discount":"n/a","warrants":null,"buyer":"Birch & Co."`,
		[]news.Detail{{Name: "type", Label: "Kind of sale", Value: "PIPE"}, {Name: "shares", Label: "Shares", Value: "4,000,000"},
			{Name: "price", Label: "Price", Value: "$2.50"}, {Name: "buyer", Label: "Buyer", Value: "Birch & Co."}},
	},
	"agreement": {
		"Acme is to be bought by LARCH HOLDINGS for $12 a share in cash, a premium of 31%.",
		`"counterparty":"Larch Holdings","type":"merger","value":"none","price":"$12 in cash","premium":"31%","term":"none","stage":"signed"`,
		[]news.Detail{{Name: "counterparty", Label: "With", Value: "Larch Holdings"}, {Name: "type", Label: "Kind of agreement", Value: "merger"},
			{Name: "price", Label: "Price a share", Value: "$12 in cash"}, {Name: "premium", Label: "Premium", Value: "31%"}, {Name: "stage", Label: "Stage", Value: "definitive"}},
	},
	"leadership": {
		"Jane Q. Elm resigned as chief financial officer, at once.",
		`"who":"Jane Elm","role":"chief financial officer","change":"resigned","reason":"none","effective":"at once","successor":"Not specified"`,
		[]news.Detail{{Name: "who", Label: "Who", Value: "Jane Elm"}, {Name: "role", Label: "Role", Value: "chief financial officer"},
			{Name: "change", Label: "Change", Value: "leaves"}, {Name: "effective", Label: "Effective", Value: "at once"}},
	},
	"restatement": {
		"The statements for 2025 should no longer be relied on: revenue was overstated by $3 million.",
		`"periods":"2025","cause":"revenue booked too early","effect":"revenue overstated by $3 million","found_by":"Audit Committee","weakness":true`,
		[]news.Detail{{Name: "periods", Label: "Periods", Value: "2025"}, {Name: "cause", Label: "Cause", Value: "revenue booked too early"},
			{Name: "effect", Label: "Effect", Value: "revenue overstated by $3 million"}, {Name: "found_by", Label: "Found by", Value: "company"},
			{Name: "weakness", Label: "Material weakness", Value: "yes"}},
	},
	"delisting": {
		"Nasdaq told Acme of Rule 5550(a)(2); it has until June 8, 2026.",
		`"exchange":"Nasdaq","rule":"minimum bid price, 5550(a)(2)","stage":"notice","deadline":"June 8, 2026","remedy":"-"`,
		[]news.Detail{{Name: "exchange", Label: "Exchange", Value: "Nasdaq"}, {Name: "rule", Label: "Rule", Value: "minimum bid price, 5550(a)(2)"},
			{Name: "stage", Label: "Stage", Value: "notice"}, {Name: "deadline", Label: "Deadline", Value: "June 8, 2026"}},
	},
	"8-k": {
		"A fire at the works costs Acme $2 million.",
		`"event":"fire","amount":"$2 million","counterparty":"none","date":"unknown"`,
		[]news.Detail{{Name: "event", Label: "Event", Value: "fire"}, {Name: "amount", Label: "Amount", Value: "$2 million"}},
	},
}

func TestDetails(t *testing.T) {
	for name, c := range detailed {
		item := &news.Item{Body: c.text + " It is $40 million."}
		p := prompt(t, name)
		a, err := p.ParseAnswer(and(c.fields), item)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.want, a.Details); diff != "" || a.Direction != news.Bearish || len(a.Unverified) > 0 {
			t.Errorf("%s: %s, unverified %q (-want +got):\n%s", name, a.Direction, a.Unverified, diff)
		}
		// One of several, whose details are its own.
		both, err := p.ParseAnswers(`{"verdicts":[{"item":2,`+strings.TrimPrefix(and(c.fields), "{")+`,{"item":1,`+strings.TrimPrefix(good, "{")+`]}`,
			[]*news.Item{{Body: "another"}, item})
		if err != nil || !cmp.Equal(both[1].Details, c.want) || both[0].Details != nil {
			t.Errorf("%s: of several %+v, error %v", name, both, err)
		}
		// Details are a help and no condition.
		if a, err := p.ParseAnswer(good, item); err != nil || a.Details != nil {
			t.Errorf("%s: without details %+v, error %v", name, a.Details, err)
		}
		// Those of another kind are none of its.
		if _, err := prompt(t, "news").ParseAnswer(and(c.fields), item); err == nil {
			t.Errorf("%s: news has its details", name)
		}
	}
}

func TestDetailsThatAreNone(t *testing.T) {
	p := prompt(t, "earnings")
	for name, fields := range map[string]string{
		"no word of the schema": `"guidance":"bullish"`,
		"a list":                `"period":["Q1","Q2"]`,
		"an object":             `"eps":{"gaap":0.1}`,
		"a field nobody knows":  `"ebitda":"$5 million"`,
	} {
		_, err := p.ParseAnswer(and(fields), &news.Item{})
		if e := llm.AsError(err); e == nil || e.Class != llm.BadJSON || !e.Class.Policy().Repair {
			t.Errorf("%s: error %v, want one that a model is asked to put right", name, err)
		}
	}
}

// Figures and names of details that the text does not have are told, like all others.
func TestUnverifiedDetails(t *testing.T) {
	item := &news.Item{Title: "Acme reports", Body: "Revenue was $12.5 million. Jane Q. Elm resigned. $40 million.", Filers: []news.Filer{{Name: "ACME PUMPS INC"}}}
	for _, c := range []struct {
		prompt, fields string
		want           []string
	}{
		{"earnings", `"period":"Q3 2026","revenue":"$12.5 million"`, nil},
		{"earnings", `"revenue":"$13.5 million","revenue_yoy":"+17%"`, []string{"$13.5 million", "17%"}},
		{"leadership", `"who":"Jane Elm","role":"President"`, nil},
		{"leadership", `"who":"John Elm","successor":"Ash of Acme Pumps"`, []string{"John", "Ash"}},
		{"agreement", `"counterparty":"Microsoft","value":"$1 billion"`, []string{"$1 billion", "Microsoft"}},
	} {
		a, err := prompt(t, c.prompt).ParseAnswer(and(c.fields), item)
		if diff := cmp.Diff(c.want, a.Unverified); err != nil || diff != "" {
			t.Errorf("%s: error %v (-want +got):\n%s", c.fields, err, diff)
		}
	}
}

func TestDetailsAreFitToBeShown(t *testing.T) {
	a, err := prompt(t, "8-k").ParseAnswer(and(`"event":"`+strings.Repeat("x", 5000)+`\n\u202e","amount":"  \u200b "`), &news.Item{})
	if err != nil || len(a.Details) != 1 || len([]rune(a.Details[0].Value)) > 161 || strings.ContainsAny(a.Details[0].Value, "\n\u202e") {
		t.Errorf("error %v, details %+v", err, a.Details)
	}
}

// Every schema holds what servers ask of one: nothing undeclared, every field required, no empty
// word; an answer that meets it is taken, and the task names each of its fields.
func TestSchemasOfKinds(t *testing.T) {
	type object struct {
		Type                 string
		AdditionalProperties *bool
		Required             []string
		Properties           map[string]struct {
			Type, Description string
			Enum              []string
		}
	}
	for _, name := range promptNames {
		p := prompt(t, name)
		one, err := p.Request([]*news.Item{{}}, 0)
		if err != nil {
			t.Fatal(err)
		}
		two, err := p.Request([]*news.Item{{}, {}}, 0)
		if err != nil {
			t.Fatal(err)
		}
		var each struct {
			Properties struct{ Verdicts struct{ Items object } }
		}
		var alone object
		for schema, into := range map[string]any{string(one.Schema): &alone, string(two.Schema): &each} {
			if err := json.Unmarshal([]byte(schema), into); err != nil {
				t.Fatal(err)
			}
		}
		for fields, o := range map[int]object{0: alone, 1: each.Properties.Verdicts.Items} {
			if o.AdditionalProperties == nil || *o.AdditionalProperties || len(o.Required) != len(o.Properties) || len(o.Required) != 9+fields+detailsOf(name) {
				t.Errorf("%s: %d required of %d properties, want %d: %+v", name, len(o.Required), len(o.Properties), 9+fields+detailsOf(name), o)
			}
			for field, property := range o.Properties {
				if property.Type == "" || property.Description == "" || strings.Contains(strings.Join(property.Enum, ",")+",", ",,") {
					t.Errorf("%s.%s: %+v", name, field, property)
				}
				if !strings.Contains(two.System, field+" (") {
					t.Errorf("%s: the task does not name %s", name, field)
				}
			}
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(one.Schema)))
		if err != nil {
			t.Fatal(err)
		}
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource("s.json", doc); err != nil {
			t.Fatal(err)
		}
		if _, err := compiler.Compile("s.json"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if need := one.Tokens(); need > 1700 {
			t.Errorf("%s: a request about nothing has %d tokens: a context of 2048 holds no item", name, need)
		}
	}
}

func detailsOf(name string) int {
	return map[string]int{"earnings": 7, "dilution": 7, "agreement": 7, "leadership": 6, "restatement": 5, "delisting": 5, "8-k": 4}[name]
}

func FuzzDetails(f *testing.F) {
	for _, c := range detailed {
		f.Add(and(c.fields))
	}
	all := map[string]llm.Prompt{}
	for name := range detailed {
		all[name] = prompt(f, name)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, p := range all {
			a, err := p.ParseAnswer(text, fuzzItem)
			if err != nil {
				continue
			}
			checkVerdict(t, a)
			for _, d := range a.Details {
				if d.Value == "" || d.Label == "" || strings.ContainsAny(d.Value, "\n\x1b") {
					t.Errorf("%s: %+v", name, d)
				}
			}
		}
	})
}

// schemaSent is the schema in a request's body, wherever the API has it.
func schemaSent(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(body, &all); err != nil {
		t.Fatal(err)
	}
	for _, path := range [][]string{
		{"format"}, {"response_format", "json_schema", "schema"}, {"generationConfig", "responseJsonSchema"}, {"output_config", "format", "schema"},
	} {
		var at any = all
		for _, key := range path {
			m, _ := at.(map[string]any)
			at = m[key]
		}
		if schema, ok := at.(map[string]any); ok && schema["properties"] != nil {
			return schema
		}
	}
	t.Fatalf("no schema in %.300s", body)
	return nil
}

// What is asked of a kind of filing reaches every server as it may be asked there, and comes back.
func TestDetailsThroughServers(t *testing.T) {
	eachWire(t, func(t *testing.T, w wire) {
		for name, c := range detailed {
			w.Script(llmtest.Step{Text: and(c.fields)})
			item := &news.Item{Body: c.text + " $40 million"}
			p := prompt(t, name)
			r, err := p.Request([]*news.Item{item}, 0)
			if err != nil {
				t.Fatal(err)
			}
			response, err := w.Complete(t.Context(), r)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			a, err := p.ParseAnswer(response.Text, item)
			if diff := cmp.Diff(c.want, a.Details); err != nil || diff != "" {
				t.Errorf("%s: error %v (-want +got):\n%s", name, err, diff)
			}
			asked := w.Requests()
			schema := schemaSent(t, []byte(asked[len(asked)-1].Body))
			properties, _ := schema["properties"].(map[string]any)
			if schema["additionalProperties"] != false || len(properties) != 9+detailsOf(name) {
				t.Errorf("%s: the schema sent has %d properties, want %d: %v", name, len(properties), 9+detailsOf(name), schema)
			}
		}
	})
}
