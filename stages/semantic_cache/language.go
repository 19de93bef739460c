package semanticcache

import (
	"strings"
	"unicode"
)

// functionWords are common words that one language has and its neighbours have not. What
// names none of the others is taken for English, as headlines often have no such word.
var functionWords = languages(map[string]string{
	"en": "the of and to for with after from says its by on at as will",
	"de": "der die das und für mit nach auf ein eine im von zum zur bei steigt gewinn",
	"fr": "le la les des du et pour avec après une sur aux dans en hausse baisse",
	"es": "el los las del y para con tras una sobre por su sube baja",
	"it": "il gli della delle per con dopo una nel sulla dal utile",
	"pt": "os das dos para com após uma em pelo lucro",
	"nl": "het een van voor met na naar op winst",
	"sv": "och för med efter av på ett vinst",
})

func languages(lists map[string]string) map[string][]string {
	of := map[string][]string{}
	for name, list := range lists {
		for word := range strings.FieldsSeq(list) {
			of[word] = append(of[word], name)
		}
	}
	return of
}

// language guesses what a text is written in: an ISO code, or the script where that is not
// Latin. It must be the same for two wordings of one story rather than right.
func language(text string) string {
	if s := script(text); s != "" {
		return s
	}
	counts := map[string]int{}
	for word := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) }) {
		for _, name := range functionWords[word] {
			counts[name]++
		}
	}
	best := "en"
	for _, name := range []string{"de", "fr", "es", "it", "pt", "nl", "sv"} {
		if counts[name] >= 2 && counts[name] > counts[best] {
			best = name
		}
	}
	return best
}

var scripts = []struct {
	name  string
	table *unicode.RangeTable
}{
	{"kana", unicode.Hiragana}, {"kana", unicode.Katakana}, {"han", unicode.Han}, {"hangul", unicode.Hangul},
	{"cyrillic", unicode.Cyrillic}, {"arabic", unicode.Arabic}, {"hebrew", unicode.Hebrew}, {"greek", unicode.Greek},
	{"devanagari", unicode.Devanagari}, {"thai", unicode.Thai},
}

// script is the script of most letters, empty for Latin ones. A fifth of kana makes
// Japanese of what is mostly Han.
func script(text string) string {
	counts := map[string]int{}
	latin := 0
	for _, r := range text {
		if r < 0x250 {
			if unicode.IsLetter(r) {
				latin++
			}
			continue
		}
		for _, s := range scripts {
			if unicode.Is(s.table, r) {
				counts[s.name]++
				break
			}
		}
	}
	if counts["kana"] > 0 && counts["kana"]*4 >= counts["han"] && counts["kana"]+counts["han"] > latin {
		return "kana"
	}
	best, most := "", latin
	for _, s := range scripts {
		if counts[s.name] > most {
			best, most = s.name, counts[s.name]
		}
	}
	return best
}
