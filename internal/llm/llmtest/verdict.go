package llmtest

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"unicode"
)

// The words that Verdict counts.
var (
	Bullish = []string{
		"acquires", "acquisition", "approval", "approved", "award", "awarded", "beat", "beats", "breakthrough", "contract",
		"exceeds", "grew", "growth", "merger", "partnership", "positive", "profit", "raises", "record", "surges", "wins",
	}
	Bearish = []string{
		"bankruptcy", "cuts", "decline", "default", "delisting", "dilution", "downgrade", "failed", "fails", "fell", "going-concern",
		"investigation", "layoffs", "loss", "misses", "offering", "recall", "resigns", "restatement", "terminated", "warrants",
	}
)

// Answer is what a model that does as it is told says to a prompt: [Verdict] of its
// item, or of each of its items, by their numbers.
func Answer(prompt string) string {
	const open = `<item number="`
	if !strings.Contains(prompt, open) {
		return Verdict(ItemOf(prompt))
	}
	var verdicts []string
	for _, item := range strings.Split(prompt, open)[1:] {
		number, text, _ := strings.Cut(item, `">`)
		text, _, _ = strings.Cut(text, "</item>")
		verdicts = append(verdicts, `{"item":`+number+`,`+strings.TrimPrefix(Verdict(text), "{"))
	}
	return `{"verdicts":[` + strings.Join(verdicts, ",") + `]}`
}

// ItemOf returns what stands between <item> and </item> in a prompt, or the whole
// prompt if it has no item.
func ItemOf(prompt string) string {
	_, rest, ok := strings.Cut(prompt, "<item>")
	if !ok {
		return prompt
	}
	item, _, _ := strings.Cut(rest, "</item>")
	return item
}

// Verdict is the answer to an item by a rule, as JSON: each different word of
// [Bullish] that the text has counts 1, each of [Bearish] -1, and the score
// is the sum times 0.3, within -0.95 and 0.95. It is bullish above 0, bearish
// below, else neutral; confidence is 0.4 with a tenth for each word found, to 0.9.
func Verdict(text string) string {
	words := make(map[string]bool)
	for w := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && r != '-'
	}) {
		if keywords[w] {
			words[w] = true
		}
	}
	found, sum := []string{}, 0
	count := func(list []string, sign int) {
		for _, w := range list {
			if words[w] {
				found = append(found, w)
				sum += sign
			}
		}
	}
	count(Bullish, 1)
	count(Bearish, -1)

	score := max(-0.95, min(0.95, 0.3*float64(sum)))
	direction, urgency, reasoning := "neutral", "low", "The text has no word that this rule knows."
	if len(found) > 0 {
		reasoning = "By keywords: " + strings.Join(found, ", ") + "."
	}
	switch {
	case score > 0:
		direction = "bullish"
	case score < 0:
		direction = "bearish"
	}
	if math.Abs(score) >= 0.6 {
		urgency = "high"
	}
	return encode(verdict{
		Reasoning:  reasoning,
		Direction:  direction,
		Score:      math.Round(score*100) / 100,
		Confidence: min(0.9, 0.4+0.1*float64(len(found))),
		Catalysts:  found,
		KeyFigures: []string{},
		Risk:       "medium",
		Urgency:    urgency,
		Horizon:    "days",
	})
}

var keywords = func() map[string]bool {
	all := make(map[string]bool)
	for _, w := range slices.Concat(Bullish, Bearish) {
		all[w] = true
	}
	return all
}()

// verdict has its fields in the order of their names: what was recorded stays the same.
type verdict struct {
	Catalysts  []string `json:"catalysts"`
	Confidence float64  `json:"confidence"`
	Direction  string   `json:"direction"`
	Horizon    string   `json:"horizon"`
	KeyFigures []string `json:"key_figures"`
	Reasoning  string   `json:"reasoning"`
	Risk       string   `json:"risk"`
	Score      float64  `json:"score"`
	Urgency    string   `json:"urgency"`
}

func encode(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(data)
}

// object is a JSON object read for a look at a few fields.
type object map[string]any

func decode(body []byte) object {
	var o object
	json.Unmarshal(body, &o)
	return o
}

// at follows keys; what is not there is nil.
func (o object) at(keys ...string) any {
	var v any = map[string]any(o)
	for _, key := range keys {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

func (o object) text(keys ...string) string {
	s, _ := o.at(keys...).(string)
	return s
}

// lastContent is the content of the last of a list of messages.
func (o object) lastContent() any {
	list, _ := o.at("messages").([]any)
	if len(list) == 0 {
		return nil
	}
	last, _ := list[len(list)-1].(map[string]any)
	return last["content"]
}

// textOf is the text of a content: a string, or a list of parts with texts.
func textOf(content any) string {
	switch c := content.(type) {
	case string:
		return c
	case []any:
		var b strings.Builder
		for _, part := range c {
			m, _ := part.(map[string]any)
			t, _ := m["text"].(string)
			b.WriteString(t)
		}
		return b.String()
	}
	return ""
}

// tokens is a stand-in for a tokenizer.
func tokens(text string) int { return len(text)/4 + 1 }
