package llm

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"catalyst/internal/news"
)

// AnswerSchema is the JSON Schema of a verdict: sent to every provider, and what
// [ParseAnswer] checks whatever comes back against.
//
//go:embed answer.schema.json
var AnswerSchema json.RawMessage

// AnswerName names the schema where a provider wants a name.
const AnswerName = "verdict"

var answerSchema = mustCompile(AnswerSchema)

func mustCompile(literal json.RawMessage) *jsonschema.Schema {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(literal))
	if err != nil {
		panic(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("answer.schema.json", doc); err != nil {
		panic(err)
	}
	return c.MustCompile("answer.schema.json")
}

// answer is what a model says of an item.
type answer struct {
	Reasoning  string         `json:"reasoning"`
	Direction  news.Direction `json:"direction"`
	Score      float64        `json:"score"`
	Confidence float64        `json:"confidence"`
	Catalysts  []string       `json:"catalysts"`
	KeyFigures []string       `json:"key_figures"`
	Risk       string         `json:"risk"`
	Urgency    string         `json:"urgency"`
	Horizon    string         `json:"horizon"`
}

// ParseAnswer reads a verdict out of a model's text, which may have fences,
// thoughts or prose around it. It takes a verdict whole or not at all: a
// missing field, a number out of range, two verdicts, or a direction that its
// own score contradicts is an [*Error] of class BadJSON, never a neutral answer.
// Who answered is left to the caller.
func ParseAnswer(text string, item *news.Item) (news.Analysis, error) {
	var found []answer
	var fault error
	for _, object := range objects(afterThoughts(text)) {
		a, err := decode(object)
		if err == nil {
			found = append(found, a)
		} else if fault == nil {
			fault = err
		}
	}
	switch {
	case len(found) > 1:
		return news.Analysis{}, Errorf(BadJSON, "%d verdicts in one answer", len(found))
	case len(found) == 0 && fault == nil:
		return news.Analysis{}, Errorf(BadJSON, "no JSON object in the answer")
	case len(found) == 0:
		return news.Analysis{}, &Error{Class: BadJSON, Err: fault}
	}
	a := found[0]
	return news.Analysis{
		Direction:  a.Direction,
		Score:      a.Score,
		Confidence: a.Confidence,
		Signal:     Signal(a.Direction, a.Score),
		Reasoning:  a.Reasoning,
		Catalysts:  a.Catalysts,
		KeyFigures: a.KeyFigures,
		Risk:       a.Risk,
		Urgency:    a.Urgency,
		Horizon:    a.Horizon,
	}, nil
}

// ParseAnswers reads the verdicts on several items, one each by its number. What is
// missing or invalid is nil, and the error then says why; the others stand.
func ParseAnswers(text string, items []*news.Item) ([]*news.Analysis, error) {
	all := make([]*news.Analysis, len(items))
	if len(items) == 0 {
		return all, nil
	}
	a, err := ParseAnswer(text, items[0])
	if err == nil {
		all[0] = &a
	}
	return all, err
}

// afterThoughts cuts off what some models think aloud before they answer.
func afterThoughts(text string) string {
	if i := strings.LastIndex(text, "</think>"); i >= 0 {
		return text[i+len("</think>"):]
	}
	return text
}

const maxObjects = 16 // tried in one text

// objects returns the JSON objects of text that lie in no other one.
func objects(text string) []json.RawMessage {
	var found []json.RawMessage
	for range maxObjects {
		i := strings.IndexByte(text, '{')
		if i < 0 {
			break
		}
		text = text[i:]
		var object json.RawMessage
		d := json.NewDecoder(strings.NewReader(text))
		if err := d.Decode(&object); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) && len(found) == 0 {
				// It never ends: keep it, for an error that says so.
				return []json.RawMessage{json.RawMessage(text)}
			}
			text = text[1:]
			continue
		}
		found = append(found, object)
		text = text[d.InputOffset():]
	}
	return found
}

func decode(object json.RawMessage) (answer, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(object))
	if err != nil {
		return answer{}, errors.New("the JSON is broken: " + err.Error())
	}
	if err := answerSchema.Validate(doc); err != nil {
		return answer{}, schemaFault(err)
	}
	var a answer
	if err := json.Unmarshal(object, &a); err != nil {
		return answer{}, err
	}
	if strings.TrimSpace(a.Reasoning) == "" {
		return answer{}, errors.New("reasoning is empty")
	}
	if a.Direction == news.Bullish && a.Score < 0 || a.Direction == news.Bearish && a.Score > 0 {
		return answer{}, errors.New("direction and score contradict each other")
	}
	return a, nil
}

// schemaFault is the validator's finding in one line, without the values found:
// those are the model's words.
func schemaFault(err error) error {
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		return err
	}
	for len(v.Causes) > 0 {
		v = v.Causes[0]
	}
	where := strings.Join(v.InstanceLocation, ".")
	what := strings.Join(v.ErrorKind.KeywordPath(), ".")
	if where == "" {
		where = "the object"
	}
	return errors.New(where + " does not meet " + what + " of the schema")
}

// The signals of a verdict.
const (
	StrongBuy  = "STRONG BUY"
	Buy        = "BUY"
	Hold       = "HOLD"
	Sell       = "SELL"
	StrongSell = "STRONG SELL"
)

// Signal is what a score means for a trader: above 0.9 a strong signal, from 0.7 a
// plain one, else to hold. A neutral direction is always to hold.
func Signal(d news.Direction, score float64) string {
	switch {
	case d == news.Bullish && score > 0.9:
		return StrongBuy
	case d == news.Bullish && score >= 0.7:
		return Buy
	case d == news.Bearish && score < -0.9:
		return StrongSell
	case d == news.Bearish && score <= -0.7:
		return Sell
	}
	return Hold
}
