package prescale

import (
	"fmt"
	"strings"
)

// maxPhrase is the most words a phrase may have.
const maxPhrase = 12

// A sequence is a phrase as words, in lower case.
type sequence struct {
	words []string
	start bool // it counts only at the start of the title
}

// String is how reasons quote a phrase, and how `without` names it.
func (s sequence) String() string {
	text := strings.Join(s.words, " ")
	if s.start {
		return "^" + text
	}
	return text
}

// variants returns the phrases that a line of the lexicon stands for. "wins|won
// contract" is "wins contract" and "won contract"; "^why" counts at the start of a title.
func variants(line string) ([]sequence, error) {
	const most = 512
	rest, start := strings.CutPrefix(strings.TrimSpace(line), "^")
	all := [][]string{nil}
	for _, field := range strings.Fields(rest) {
		var longer [][]string
		for _, alternative := range strings.Split(field, "|") {
			words := split(alternative)
			if len(words) == 0 {
				return nil, fmt.Errorf("%q has an alternative without a word", line)
			}
			for _, before := range all {
				longer = append(longer, append(before[:len(before):len(before)], words...))
			}
		}
		if all = longer; len(all) > most {
			return nil, fmt.Errorf("%q stands for more than %d phrases", line, most)
		}
	}
	sequences := make([]sequence, len(all))
	for i, words := range all {
		if len(words) == 0 || len(words) > maxPhrase {
			return nil, fmt.Errorf("%q has %d words, want 1 to %d", line, len(words), maxPhrase)
		}
		sequences[i] = sequence{words, start}
	}
	return sequences, nil
}
