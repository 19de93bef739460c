package llm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"catalyst/internal/news"
)

// answer is what a model is to say of an item: the one description of it, of
// which the schemas are made. Models write the fields in this order, so that the
// reasoning comes before what follows from it.
type answer struct {
	Reasoning  string         `json:"reasoning" doc:"two or three sentences: what happened, and why it moves the price"`
	Direction  news.Direction `json:"direction" enum:"bullish,bearish,neutral" doc:"where the price of the item's main ticker is likely to go"`
	Score      float64        `json:"score" minimum:"-1" maximum:"1" doc:"strength with sign: above 0 if bullish, below 0 if bearish, near 0 if neutral"`
	Confidence float64        `json:"confidence" minimum:"0" maximum:"1" doc:"how sure the text makes you of the direction"`
	Catalysts  []string       `json:"catalysts,omitempty" doc:"events of the text that move the price, a few words each; may be empty"`
	KeyFigures []string       `json:"key_figures,omitempty" doc:"figures as the text writes them, with what they measure; may be empty"`
	Risk       string         `json:"risk,omitempty" enum:"low,medium,high" doc:"how likely the opposite of the direction is"`
	Urgency    string         `json:"urgency,omitempty" enum:"low,medium,high,critical" doc:"how soon a trader has to know"`
	Horizon    string         `json:"horizon,omitempty" enum:"intraday,days,weeks,months" doc:"how long the effect is likely to last"`
}

var (
	// AnswerSchema is the JSON Schema of a verdict on one item, as it is sent to every
	// provider for a prompt without details of its own. Every field is required.
	AnswerSchema = plain.one
	// AnswersSchema is that of the verdicts on several.
	AnswersSchema = plain.several
)

// Names of the schemas, where a provider wants one.
const (
	AnswerName  = "verdict"
	AnswersName = "verdicts"
)

// answerSchema makes the schema of an answer out of its type and of details, which
// follow the reasoning: facts come before what follows from them. Before all comes
// another property, if one is given. Details and fields tagged omitempty are required only
// if all are.
func answerSchema(first string, details []detail, all bool) json.RawMessage {
	var required, properties []string
	add := func(name string, needed bool, words []string) {
		if needed {
			required = append(required, fmt.Sprintf("%q", name))
		}
		properties = append(properties, fmt.Sprintf("%q:{%s}", name, strings.Join(words, ",")))
	}
	if first != "" {
		required, properties = append(required, `"item"`), append(properties, first)
	}
	for i, f := range reflect.VisibleFields(reflect.TypeFor[answer]()) {
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		add(name, all || option == "", property(f))
		if i > 0 {
			continue
		}
		for _, d := range details {
			add(d.name, all, d.property())
		}
	}
	return json.RawMessage(`{"type":"object","additionalProperties":false,"required":[` + strings.Join(required, ",") +
		`],"properties":{` + strings.Join(properties, ",") + `}}`)
}

func property(f reflect.StructField) []string {
	var words []string
	switch f.Type.Kind() {
	case reflect.String:
		words = append(words, `"type":"string"`)
	case reflect.Float64:
		words = append(words, `"type":"number"`)
	case reflect.Slice:
		words = append(words, `"type":"array","items":{"type":"string"}`)
	default:
		panic("no schema for the field " + f.Name)
	}
	if list := f.Tag.Get("enum"); list != "" {
		words = append(words, `"enum":["`+strings.ReplaceAll(list, ",", `","`)+`"]`)
	}
	for _, bound := range []string{"minimum", "maximum"} {
		if value := f.Tag.Get(bound); value != "" {
			words = append(words, fmt.Sprintf("%q:%s", bound, value))
		}
	}
	return append(words, fmt.Sprintf(`"description":%q`, f.Tag.Get("doc")))
}

func compileSchema(literal json.RawMessage) *jsonschema.Schema {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(literal))
	if err != nil {
		panic(err) // the schema is ours: the program would not start at all
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("answer.json", doc); err != nil {
		panic(err)
	}
	return c.MustCompile("answer.json")
}
