package llm

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"catalyst/internal/news"
)

// A kind of answer is what every verdict has, and the details that a trader wants to know of
// this kind of news. What a text does not say is "none".
type kind struct {
	details      []detail
	one, several json.RawMessage
	// usable is what an answer is checked against once it was repaired: what a reader can
	// do without may be missing.
	usable *jsonschema.Schema
	shape  shape // the same
}

// A detail is a text, or one of a few words.
type detail struct {
	name, label string
	doc         string
	words       []string          // the last says that the text says nothing
	synonyms    map[string]string // of words
	names       bool              // a person or company, who must be in the text
}

// plain is the kind of prompts without details.
var plain = newKind(nil)

// kinds are those of the built-in prompts, and of a user's by the same name.
var kinds = map[string]*kind{
	"earnings": newKind([]detail{
		{name: "period", label: "Period", doc: "quarter or year reported, as the text names it"},
		{name: "revenue", label: "Revenue", doc: "of that period, with currency and scale"},
		{name: "revenue_yoy", label: "Revenue, year over year", doc: "change against the same period of the year before, with sign and %"},
		{name: "eps", label: "EPS", doc: "earnings per share, with GAAP or adjusted"},
		{name: "surprise", label: "Against expectations", doc: "beat, meet or miss of estimates that the text names, else unknown",
			words: []string{"beat", "met", "missed", "mixed", "unknown"}, synonyms: map[string]string{"meet": "met", "in line": "met", "miss": "missed"}},
		{name: "guidance", label: "Guidance", doc: "what became of it",
			words: []string{"raised", "lowered", "kept", "withdrawn", "initiated", "none"},
			synonyms: map[string]string{"maintained": "kept", "reaffirmed": "kept", "reiterated": "kept", "unchanged": "kept", "cut": "lowered", "increased": "raised",
				"new": "initiated", "given": "initiated", "issued": "initiated", "suspended": "withdrawn", "unknown": "none"}},
		{name: "guidance_range", label: "Guided to", doc: "metric, period and range that are guided to now"},
	}),
	"dilution": newKind([]detail{
		{name: "type", label: "Kind of sale", doc: "how the shares are sold",
			words: []string{"underwritten", "registered direct", "PIPE", "ATM", "convertible", "equity line", "warrants", "rights", "resale", "shelf", "unknown"},
			synonyms: map[string]string{"public offering": "underwritten", "private placement": "PIPE", "at the market": "ATM", "at-the-market": "ATM",
				"convertible notes": "convertible", "warrant exercise": "warrants", "rights offering": "rights", "none": "unknown"}},
		{name: "size", label: "Size", doc: "gross proceeds, or the most that may be sold"},
		{name: "shares", label: "Shares", doc: "number of shares sold, those under warrants apart"},
		{name: "price", label: "Price", doc: "of a share or unit"},
		{name: "discount", label: "Discount", doc: "of that price to the market, if the text has it"},
		{name: "warrants", label: "Warrants", doc: "how many, at which price, for how long"},
		{name: "buyer", label: "Buyer", doc: "who buys or underwrites, by name", names: true},
	}),
	"agreement": newKind([]detail{
		{name: "counterparty", label: "With", doc: "the other side, by name", names: true},
		{name: "type", label: "Kind of agreement", doc: "what is agreed",
			words:    []string{"merger", "acquisition", "sale", "contract", "license", "partnership", "loan", "termination", "other"},
			synonyms: map[string]string{"credit": "loan", "financing": "loan", "collaboration": "partnership", "licence": "license", "divestiture": "sale", "none": "other", "unknown": "other"}},
		{name: "value", label: "Value", doc: "of the whole, with what is certain of it"},
		{name: "price", label: "Price a share", doc: "in a merger or tender offer, and whether cash or shares"},
		{name: "premium", label: "Premium", doc: "of that price to the market, if the text has it"},
		{name: "term", label: "Term", doc: "how long it binds, or when it is to close"},
		{name: "stage", label: "Stage", doc: "how far it is",
			words:    []string{"letter of intent", "definitive", "amended", "completed", "terminated", "unknown"},
			synonyms: map[string]string{"signed": "definitive", "closed": "completed", "loi": "letter of intent", "amendment": "amended", "none": "unknown"}},
	}),
	"leadership": newKind([]detail{
		{name: "who", label: "Who", doc: "the person that matters most, by name", names: true},
		{name: "role", label: "Role", doc: "office held or taken"},
		{name: "change", label: "Change", doc: "which way",
			words:    []string{"leaves", "joins", "moves", "pay", "other"},
			synonyms: map[string]string{"out": "leaves", "in": "joins", "resigned": "leaves", "appointed": "joins", "departure": "leaves", "appointment": "joins", "promoted": "moves", "none": "other", "unknown": "other"}},
		{name: "reason", label: "Reason", doc: "that is given for it"},
		{name: "effective", label: "Effective", doc: "from when"},
		{name: "successor", label: "Successor", doc: "by name, and whether for the time being", names: true},
	}),
	"restatement": newKind([]detail{
		{name: "periods", label: "Periods", doc: "whose accounts cannot be relied on"},
		{name: "cause", label: "Cause", doc: "error, fraud, judgement of which rule"},
		{name: "effect", label: "Effect", doc: "on which figure, by how much"},
		{name: "found_by", label: "Found by", doc: "who came to this conclusion",
			words:    []string{"company", "auditor", "regulator", "unknown"},
			synonyms: map[string]string{"management": "company", "audit committee": "company", "sec": "regulator", "none": "unknown"}},
		{name: "weakness", label: "Material weakness", doc: "of controls", words: []string{"yes", "no", "unknown"}, synonyms: map[string]string{"none": "unknown", "true": "yes", "false": "no"}},
	}),
	"delisting": newKind([]detail{
		{name: "exchange", label: "Exchange", doc: "that has written, or is left"},
		{name: "rule", label: "Rule", doc: "that is not met: minimum bid price, equity, late report, audit committee; with its number"},
		{name: "stage", label: "Stage", doc: "how far it is",
			words:    []string{"notice", "extension", "hearing", "compliance regained", "delisted", "voluntary", "transfer", "unknown"},
			synonyms: map[string]string{"deficiency notice": "notice", "notice received": "notice", "regained": "compliance regained", "appeal": "hearing", "none": "unknown"}},
		{name: "deadline", label: "Deadline", doc: "until when compliance must be regained, or trading ends"},
		{name: "remedy", label: "Remedy", doc: "what the company is going to do: a reverse split, a plan, a hearing"},
	}),
	"8-k": newKind([]detail{
		{name: "event", label: "Event", doc: "what has happened, in a few words"},
		{name: "amount", label: "Amount", doc: "of money that it is about"},
		{name: "counterparty", label: "With", doc: "the other side, by name", names: true},
		{name: "date", label: "When", doc: "it takes or took effect"},
	}),
}

func newKind(details []detail) *kind {
	k := &kind{
		details: details, one: answerSchema("", details, true),
		usable: compileSchema(answerSchema("", details, false)), shape: answerShape(details),
	}
	k.several = json.RawMessage(`{"type":"object","additionalProperties":false,"required":["verdicts"],"properties":{"verdicts":{` +
		`"type":"array","description":"one verdict for each item","items":` +
		string(answerSchema(`"item":{"type":"integer","description":"the item's number"}`, details, true)) + `}}}`)
	return k
}

// kind is what p asks for.
func (p Prompt) kind() *kind {
	name, _, _ := strings.Cut(p.ID, "/")
	if k := kinds[name]; k != nil {
		return k
	}
	return plain
}

// fields tells a model what an answer has, also where a server ignores the schema.
func (k *kind) fields() string {
	var b strings.Builder
	b.WriteString(answerBegins)
	for _, d := range k.details {
		b.WriteString(d.name + " (" + d.doc)
		if d.words != nil {
			b.WriteString(": " + strings.Join(d.words, ", "))
		}
		b.WriteString("), ")
	}
	b.WriteString(answerEnds)
	if k.details != nil {
		b.WriteString(` Where the text says nothing of a field of text, write "none".`)
	}
	return b.String()
}

// property is the schema of d. No word is empty: some servers refuse that.
func (d detail) property() []string {
	words := []string{`"type":"string"`}
	if d.words != nil {
		words = append(words, `"enum":["`+strings.Join(d.words, `","`)+`"]`)
	}
	return append(words, fmt.Sprintf(`"description":%q`, d.doc))
}

// repair puts right how o has written d.
func (d detail) repair(o object) {
	switch v := o[d.name].(type) {
	case nil:
		delete(o, d.name)
	case float64:
		if !math.IsInf(v, 0) {
			o[d.name] = strconv.FormatFloat(v, 'f', -1, 64)
		}
	case bool:
		o[d.name] = strconv.FormatBool(v)
	}
	said, ok := o[d.name].(string)
	if !ok || d.words == nil {
		return
	}
	said = strings.Join(strings.Fields(strings.ReplaceAll(strings.ToLower(strings.Trim(said, " \t\r\n.!*")), "_", " ")), " ")
	i := slices.IndexFunc(d.words, func(w string) bool { return strings.EqualFold(w, said) })
	switch {
	case i >= 0:
		o[d.name] = d.words[i]
	case d.synonyms[said] != "":
		o[d.name] = d.synonyms[said]
	case nothing[said]:
		o[d.name] = d.words[len(d.words)-1]
	}
}

// detailsOf is what a valid object says of k's details. What it says nothing of is left out.
func (k *kind) detailsOf(o object) []news.Detail {
	var said []news.Detail
	for _, d := range k.details {
		value, ok := o[d.name].(string)
		if !ok || isNothing(value) || d.words != nil && value == d.words[len(d.words)-1] {
			continue
		}
		if value = oneLine(value, maxPhrase); value != "" {
			said = append(said, news.Detail{Name: d.name, Label: d.label, Value: value})
		}
	}
	return said
}

// missingNames are names in a verdict's details that item does not have: of each the first word
// with a capital letter that is nowhere in it.
func (k *kind) missingNames(said []news.Detail, item *news.Item) (missing []string) {
	text := ""
	for _, s := range said {
		i := slices.IndexFunc(k.details, func(d detail) bool { return d.name == s.Name })
		if !k.details[i].names {
			continue
		}
		if text == "" {
			text = strings.ToLower(strings.Join(textsOf(item), "\n"))
			for _, f := range item.Filers {
				text += "\n" + strings.ToLower(f.Name)
			}
		}
		for _, word := range strings.FieldsFunc(s.Value, func(r rune) bool { return !unicode.IsLetter(r) }) {
			if r, _ := utf8.DecodeRuneInString(word); len(word) > 2 && unicode.IsUpper(r) && !strings.Contains(text, strings.ToLower(word)) {
				missing = append(missing, word)
				break
			}
		}
	}
	return missing
}

func values(details []news.Detail) []string {
	var all []string
	for _, d := range details {
		all = append(all, d.Value)
	}
	return all
}
