package llm

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

var phraseLists = map[kindOfWords][]string{
	ofDilution: dilutionWords, ofEarnings: earningsWords, ofClinical: clinicalWords,
	ofTrials: trialWords, ofPhases: phaseWords, ofPartnership: partnershipWords,
}

// Each phrase is found where it begins, where it ends, and within others, as a plain
// search finds it; so is nothing else.
func FuzzPhrases(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 2))
	var all []string
	for _, kind := range []kindOfWords{ofDilution, ofEarnings, ofClinical, ofTrials, ofPhases, ofPartnership} {
		for _, p := range phraseLists[kind] {
			f.Add(p)
			f.Add("x" + p + "x")
			f.Add(p[:len(p)-1] + "." + p)
			all = append(all, p)
		}
	}
	for range 200 { // pieces of phrases, in a row
		var text strings.Builder
		for range 20 {
			p := all[rng.IntN(len(all))]
			text.WriteString(p[rng.IntN(2) : len(p)-rng.IntN(2)])
		}
		f.Add(text.String())
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want kindOfWords
		for kind, list := range phraseLists {
			if slices.ContainsFunc(list, func(p string) bool { return strings.Contains(text, p) }) {
				want |= kind
			}
		}
		if got := book.find([]byte(text)); got != want {
			t.Errorf("found %06b, want %06b in %q", got, want, text)
		}
	})
}

func FuzzAppendLower(f *testing.F) {
	for _, text := range []string{"", "ACME (NASDAQ: ACME) Ünïts", "İstanbul KELVIN Kſ", "cut \xe2\x82", "\xff\xfeA"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, want := string(appendLower(nil, text)), strings.ToLower(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}
