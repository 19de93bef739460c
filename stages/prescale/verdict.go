package prescale

import (
	"fmt"
	"slices"

	"catalyst/internal/news"
)

// A Verdict is the score of an item, what it is made of, and what becomes of the item.
type Verdict struct {
	Score    float64 `json:"score"`
	Negative float64 `json:"negative"` // the part of the negative terms
	// Drop is empty if the item goes on, else "noise" or "below min"; Why says why.
	Drop string `json:"drop,omitempty"`
	Why  string `json:"why"`

	Terms []Term `json:"terms,omitempty"` // the heaviest first
	// Source is whose factor was applied; empty if the factor is 1.
	Source string  `json:"source,omitempty"`
	Factor float64 `json:"factor,omitempty"`
	// Suppressed are phrases that were found and do not count.
	Suppressed []Suppressed `json:"suppressed,omitempty"`

	noise string
}

// Where a phrase was found.
type Where string

const (
	Title Where = "title"
	Text  Where = "text"
)

const (
	formTerm = "form"
	itemTerm = "item"
)

// A Term adds its weight to a score.
type Term struct {
	Kind   string  `json:"kind"` // the category, "form" or "item"
	What   string  `json:"what"` // the phrase, the form or the item's number
	Where  Where   `json:"where,omitempty"`
	Weight float64 `json:"weight"`
}

// Suppressed is a phrase that does not count.
type Suppressed struct {
	Kind   string  `json:"kind"` // the category or noise rule
	What   string  `json:"what"`
	Where  Where   `json:"where"`
	Weight float64 `json:"weight"` // what it would have added; 0 for noise
	Why    string  `json:"why"`
}

func (t Term) String() string {
	switch {
	case t.Where == "":
		return fmt.Sprintf("%s %s %+.2f", t.Kind, t.What, t.Weight)
	case t.Where == Text:
		return fmt.Sprintf("%s in text: %s %+.2f", t.Kind, t.What, t.Weight)
	}
	return fmt.Sprintf("%s: %s %+.2f", t.Kind, t.What, t.Weight)
}

// Reasons are the terms as an item carries them.
func (v Verdict) Reasons() []string {
	if v.noise != "" {
		return []string{"noise " + v.noise}
	}
	var reasons []string
	for _, t := range v.Terms {
		reasons = append(reasons, t.String())
	}
	if v.Source != "" {
		reasons = append(reasons, fmt.Sprintf("source %s ×%.2f", v.Source, v.Factor))
	}
	return reasons
}

// Reach is the highest `min` at which an item with this verdict would go on, if
// strong_negative moved along with it. Noise reaches nothing.
func (s *Scale) Reach(v Verdict) float64 {
	reach := v.Score
	if s.config.StrongNegative < 0 {
		reach = max(reach, v.Negative/s.config.StrongNegative*s.config.Min)
	}
	if v.noise != "" {
		return 0
	}
	return max(0, reach)
}

// decide sets what becomes of the item.
func (s *Scale) decide(v *Verdict, item *news.Item, noise string) error {
	v.noise = noise
	always := false
	if !s.config.Always.IsZero() {
		var err error
		if always, err = s.config.Always.Match(item); err != nil {
			return err
		}
	}
	watched := slices.IndexFunc(item.Tickers, func(t string) bool { return s.watch[t] })
	switch {
	case always:
		v.Why = "always: " + s.config.Always.String()
	case noise != "":
		v.Drop, v.Why = "noise", noise
	case v.Score >= s.config.Min:
		v.Why = fmt.Sprintf("score %+.2f is at least min %.2f", v.Score, s.config.Min)
	case v.Negative < 0 && v.Negative <= s.config.StrongNegative:
		v.Why = fmt.Sprintf("negative terms %+.2f are at most strong_negative %+.2f", v.Negative, s.config.StrongNegative)
	case watched >= 0:
		v.Why = "watch: " + item.Tickers[watched]
	case item.Priority >= s.config.Priority:
		v.Why = fmt.Sprintf("priority %.2f is at least %.2f", item.Priority, s.config.Priority)
	default:
		v.Drop, v.Why = "below min", fmt.Sprintf("score %+.2f is below min %.2f", v.Score, s.config.Min)
	}
	return nil
}
