package llm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"catalyst/internal/news"
)

// Bounds of what is shown of an answer. A longer text is cut, and ends in "…".
const (
	maxReasoning = 1000 // characters
	maxPhrase    = 160  // characters of a catalyst or figure
	maxPhrases   = 12   // of either
)

// ParseAnswer reads the verdict on item that p has asked for out of a model's text, which may
// have fences, thoughts or prose around it, and slips that leave no doubt of what is meant
// (see repair). It takes a verdict whole or not at all: no score, a number out of range,
// two verdicts, a verdict that item itself tells the model to give, or a
// direction that its own score contradicts is an [*Error] of class BadJSON, never a
// neutral answer. Who answered is left to the caller.
//
// Besides what every verdict has it may have the details of p's kind. Figures and tickers of
// the verdict that item does not have are listed in Unverified.
func (p Prompt) ParseAnswer(text string, item *news.Item) (news.Analysis, error) {
	return p.kind().parse(text, item)
}

func (k *kind) parse(text string, item *news.Item) (news.Analysis, error) {
	found, err := readObjects(text, maxObjects)
	if err != nil {
		return news.Analysis{}, &Error{Class: BadJSON, Err: err}
	}
	var verdicts []object
	for _, o := range found.objects {
		if _, ok := o["direction"]; ok || len(found.objects) == 1 {
			verdicts = append(verdicts, o)
		}
	}
	switch {
	case len(verdicts) == 0:
		return news.Analysis{}, Errorf(BadJSON, "no verdict in the answer")
	case len(verdicts) > 1 || found.verdictAround():
		return news.Analysis{}, Errorf(BadJSON, "more than one verdict in the answer")
	}
	a, err := k.analysis(verdicts[0], item, []*news.Item{item})
	if err != nil {
		return news.Analysis{}, &Error{Class: BadJSON, Err: err}
	}
	return a, nil
}

// ParseAnswers reads the verdicts on several items, each by the item's number, from 1.
// A verdict stands or falls alone: where one is missing, there twice, or is none that
// [Prompt.ParseAnswer] would take, it is nil, and the error says why for each. What is said
// of items that were not asked about is left out.
//
// About one item a model is asked as for ParseAnswer, and so it is read.
func (p Prompt) ParseAnswers(text string, items []*news.Item) ([]*news.Analysis, error) {
	return p.kind().parseAll(text, items)
}

func (k *kind) parseAll(text string, items []*news.Item) ([]*news.Analysis, error) {
	all := make([]*news.Analysis, len(items))
	if len(items) == 1 {
		a, err := k.parse(text, items[0])
		if err == nil {
			all[0] = &a
		}
		return all, err
	}
	verdicts, err := readVerdicts(text, len(items))
	if err != nil {
		return all, &Error{Class: BadJSON, Err: err}
	}
	var faults []string
	byNumber := make(map[int][]object)
	for _, v := range verdicts {
		n, ok := itemNumber(v["item"])
		if !ok || n < 1 || n > len(items) {
			faults = append(faults, "a verdict on an item that was not asked about")
			continue
		}
		delete(v, "item")
		byNumber[n] = append(byNumber[n], v)
	}
	for i, item := range items {
		a, err := k.onlyVerdict(byNumber[i+1], item, items)
		if err != nil {
			faults = append(faults, fmt.Sprintf("item %d: %v", i+1, err))
			continue
		}
		all[i] = &a
	}
	if len(faults) > 0 {
		return all, Errorf(BadJSON, "%s", Redact(strings.Join(faults, "; ")))
	}
	return all, nil
}

func (k *kind) onlyVerdict(said []object, item *news.Item, shown []*news.Item) (news.Analysis, error) {
	switch len(said) {
	case 0:
		return news.Analysis{}, errors.New("no verdict")
	case 1:
		return k.analysis(said[0], item, shown)
	}
	return news.Analysis{}, errors.New("more than one verdict")
}

// analysis is what o says of item, if that is a verdict of kind k. What the model was shown besides may
// have tried to say it in its place.
func (k *kind) analysis(o object, item *news.Item, shown []*news.Item) (news.Analysis, error) {
	repair(o, k.details)
	if !k.shape.fits(o) {
		if err := k.usable.Validate(map[string]any(o)); err != nil {
			return news.Analysis{}, schemaFault(err)
		}
	}
	a := o.answer()
	dictated := slices.ContainsFunc(shown, func(i *news.Item) bool { return dictates(i, a.Reasoning) })
	a.Reasoning = oneLine(a.Reasoning, maxReasoning)
	if a.Reasoning == "" {
		return news.Analysis{}, errors.New("reasoning is empty")
	}
	if a.Direction == news.Bullish && a.Score < 0 || a.Direction == news.Bearish && a.Score > 0 {
		return news.Analysis{}, errors.New("direction and score contradict each other")
	}
	if dictated {
		return news.Analysis{}, errors.New("the verdict is copied out of the item")
	}
	result := news.Analysis{
		Direction:  a.Direction,
		Score:      a.Score,
		Confidence: a.Confidence,
		Signal:     Signal(a.Direction, a.Score),
		Reasoning:  a.Reasoning,
		Catalysts:  phrases(a.Catalysts),
		KeyFigures: phrases(a.KeyFigures),
		Risk:       a.Risk,
		Urgency:    a.Urgency,
		Horizon:    a.Horizon,
		Details:    k.detailsOf(o),
	}
	result.Unverified = unverified(&result, item, k.missingNames(result.Details, item))
	return result, nil
}

func phrases(said []string) []string {
	var kept []string
	for _, s := range said {
		if s = oneLine(s, maxPhrase); s != "" && len(kept) < maxPhrases {
			kept = append(kept, s)
		}
	}
	return kept
}

// dictates reports whether item holds a verdict of its own, with this reasoning.
func dictates(item *news.Item, reasoning string) bool {
	const sentence = 20 // bytes; a shorter text may stand anywhere by chance
	for _, text := range []string{item.Title, item.Summary, item.Body} {
		if !strings.Contains(text, "{") {
			continue
		}
		text = strings.ToLower(text)
		if !strings.Contains(text, "direction") || !strings.Contains(text, "reasoning") {
			continue
		}
		words, said := " "+plainWords(text)+" ", " "+plainWords(strings.ToLower(reasoning))+" "
		if strings.Contains(words, " reasoning"+said) || len(said) > sentence && strings.Contains(words, said) {
			return true
		}
	}
	return false
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
