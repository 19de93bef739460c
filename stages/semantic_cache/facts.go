package semanticcache

import (
	"slices"
	"strings"
	"unicode"
)

// facts are what embedders are blind to and traders are not: the numbers of a text
// and its words of direction. "Profit up 12%" and "profit down 12%" are neighbours
// in any embedder, and so are a rise to $2.10 and one to $2.01. Two texts with
// different facts are different news, however similar they are.
//
// It errs towards a call to the model: "third quarter" and "Q3" have different facts.
func facts(text string) string {
	var found []string
	for _, word := range strings.FieldsFunc(strings.ToLower(text), betweenWords) {
		found = appendFacts(found, strings.Trim(word, ".,'"))
	}
	slices.Sort(found)
	return strings.Join(slices.Compact(found), " ")
}

func betweenWords(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '.' && r != ',' && r != '\''
}

// appendFacts appends what a word states: "q3" the number 3, "45.2m" the number
// 45.2 and that millions are spoken of, "rises" a direction.
func appendFacts(found []string, word string) []string {
	first := strings.IndexFunc(word, unicode.IsDigit)
	if first < 0 {
		for _, fact := range []string{directions[word], magnitudes[word]} {
			if fact != "" {
				found = append(found, fact)
			}
		}
		return found
	}
	number := word[first:]
	digits := strings.TrimRightFunc(number, unicode.IsLetter)
	if magnitude := magnitudes[number[len(digits):]]; magnitude != "" {
		found = append(found, magnitude)
	}
	return append(found, strings.ReplaceAll(digits, ",", ""))
}

// magnitudes are how numbers are shortened, in letters or in words.
var magnitudes = map[string]string{
	"k": "thousand", "thousand": "thousand",
	"m": "million", "mn": "million", "mln": "million", "million": "million",
	"b": "billion", "bn": "billion", "bln": "billion", "billion": "billion",
	"tn": "trillion", "trillion": "trillion",
}

// directions gives words the side they are on.
var directions = sides()

func sides() map[string]string {
	side := map[string]string{}
	for name, list := range sideWords {
		for _, word := range strings.Fields(list) {
			side[word] = name
		}
	}
	return side
}

// sideWords are lists of words, each word on one side only.
var sideWords = map[string]string{
	"up":   "up rise rises rose rising gain gains gained higher increase increases increased jump jumps jumped surge surges surged soar soars soared climb climbs climbed grow grows grew raise raises raised lift lifts lifted boost boosts boosted hike hikes beat beats top tops topped exceed exceeds exceeded above upgrade upgrades upgraded profit record strong",
	"down": "down fall falls fell falling loss losses lower decrease decreases decreased drop drops dropped plunge plunges plunged slump slumps slumped sink sinks sank slide slides slid decline declines declined shrink shrinks shrank cut cuts lowers lowered slash slashes slashed reduce reduces reduced miss misses missed below downgrade downgrades downgraded weak",
	"yes":  "approve approves approved approval clear clears cleared clearance accept accepts accepted agree agrees agreed complete completes completed win wins won meet meets met regain regains regained resume resumes resumed",
	"no":   "not no never without fail fails failed reject rejects rejected rejection deny denies denied terminate terminates terminated termination withdraw withdraws withdrew cancel cancels cancelled canceled halt halts halted suspend suspends suspended delay delays delayed doesn't didn't won't isn't cannot",
}
