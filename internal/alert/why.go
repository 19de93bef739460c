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

// why says what the score is made of: the words of its heaviest terms, which come
// first.
func why(item *news.Item) Field {
	var value string
	if item.Score != 0 || len(item.Reasons) > 0 { // else nothing scored it
		value = fmt.Sprintf("score %+.2f", item.Score)
	}
	if item.Priority > 0 && item.Priority <= 1 {
		value = strings.Trim(value+" · priority "+percent(item.Priority), " ·")
	}
	if topic := short(item.Topic, 24); topic != "" && item.Priority > 0 {
		value += " · " + topic
	}
	words := make([]string, 0, len(item.Reasons))
	for _, reason := range item.Reasons {
		if t := parse(reason); t.words != "" {
			words = append(words, t.words)
		}
	}
	if shown := list(words, 4, 40); shown != "" {
		value += "\n" + shown
	}
	if more := len(words) - 4; more > 0 {
		value += " +" + count(more)
	}
	return Field{Name: "Why", Value: value, Inline: true, spare: 1}
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
		word := t.words
		if t.item != "" {
			word = strings.ToLower(or(itemNames[t.item], word))
		}
		if word = short(word, 40); t.weight <= 0 && word != "" && !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	words = words[:min(len(words), 3)]
	if len(words) == 0 {
		return "🟥 NEGATIVE CATALYST"
	}
	return "🟥 NEGATIVE CATALYST · " + strings.Join(words, ", ")
}

// A term is one reason of a score: in which words, and what it added.
type term struct {
	words  string
	item   string  // of an 8-K, where that is what it is about
	weight float64 // zero where the reason names none
}

var (
	weight   = regexp.MustCompile(` ([+-]\d+\.\d+)$`)
	itemTerm = regexp.MustCompile(`^item (\d{1,2}\.\d{2})$`)
	factor   = regexp.MustCompile(`^source .* ×\d+\.\d+$`) // the source has a field of its own
)

// parse reads a reason as prescale writes it: "going_concern in text: substantial
// doubt -0.45", "item 3.01 -0.60". Any other is taken as words.
func parse(reason string) term {
	if factor.MatchString(reason) {
		return term{}
	}
	t := term{words: reason}
	if m := weight.FindStringSubmatchIndex(reason); m != nil {
		t.words = reason[:m[0]]
		t.weight, _ = strconv.ParseFloat(reason[m[2]:m[3]], 64)
	}
	if m := itemTerm.FindStringSubmatch(t.words); m != nil {
		t.item = m[1]
	}
	if _, phrase, found := strings.Cut(t.words, ": "); found {
		t.words = phrase
	}
	return t
}
