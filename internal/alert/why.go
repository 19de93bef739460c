package alert

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"catalyst/internal/news"
)

// why says what the score is made of: its heaviest terms, which come first.
func why(item *news.Item) Field {
	if item.Score == 0 && len(item.Reasons) == 0 {
		return Field{} // nothing scored it
	}
	lines := []string{fmt.Sprintf("score %+.2f", item.Score)}
	for _, reason := range item.Reasons[:min(len(item.Reasons), 3)] {
		if reason = short(readable(reason), 60); reason != "" {
			lines = append(lines, reason)
		}
	}
	if more := len(item.Reasons) - 3; more > 0 {
		lines = append(lines, "and "+count(more)+" more")
	}
	return Field{Name: "Why", Value: strings.Join(lines, "\n"), Inline: true, spare: 3}
}

// Categories of a lexicon are words of configuration: guidance_raised.
func readable(reason string) string {
	category, phrase, found := strings.Cut(reason, ":")
	category = strings.ReplaceAll(category, "_", " ")
	if !found {
		return category
	}
	return category + ":" + phrase
}

// Where a score, or a term of it, is strongly negative. A term is enough: bad news
// is not bought off by praise around it.
const strong = -0.5

// banner warns of strongly negative news, in the words that made it so. Less is
// enough where the model thinks so too.
func banner(item *news.Item) string {
	worst := item.Score
	terms := make([]term, 0, len(item.Reasons))
	for _, reason := range item.Reasons {
		t := parse(reason)
		terms = append(terms, t)
		worst = min(worst, t.weight)
	}
	a := item.Analysis
	bearish := a.Done() && a.Direction == news.Bearish
	if !(worst <= strong || bearish && (item.Score < 0 || a.Score <= strong)) {
		return ""
	}
	slices.SortStableFunc(terms, func(a, b term) int { return cmp.Compare(a.weight, b.weight) })
	var words []string
	for _, t := range terms {
		if word := short(t.what, 40); t.weight <= 0 && word != "" && !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	words = words[:min(len(words), 3)]
	if len(words) == 0 {
		return "🟥 NEGATIVE CATALYST"
	}
	return "🟥 NEGATIVE CATALYST · " + strings.Join(words, ", ")
}

// A term is one reason of a score: what it is about, and what it added.
type term struct {
	what   string
	weight float64 // zero where the reason names none
}

var (
	weight    = regexp.MustCompile(` ([+-]\d+\.\d+)$`)
	itemTerm  = regexp.MustCompile(`^item (\d{1,2}\.\d{2})$`)
	inTheText = " in text"
)

// parse reads a reason as prescale writes it: "going_concern in text: substantial
// doubt -0.45", "item 3.01 -0.60". Any other is taken as words.
func parse(reason string) term {
	var t term
	if m := weight.FindStringSubmatchIndex(reason); m != nil {
		t.weight, _ = strconv.ParseFloat(reason[m[2]:m[3]], 64)
		reason = reason[:m[0]]
	}
	if m := itemTerm.FindStringSubmatch(reason); m != nil {
		t.what = strings.ToLower(or(itemNames[m[1]], reason))
		return t
	}
	category, _, _ := strings.Cut(reason, ":")
	t.what = strings.ReplaceAll(strings.TrimSuffix(category, inTheText), "_", " ")
	return t
}
