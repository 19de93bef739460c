package prescale

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func matcherOf(lines ...string) *matcher {
	m := newMatcher()
	for i, line := range lines {
		m.add(sequence{words: split(line)}, use{group: i})
	}
	return m
}

func (m *matcher) all(text string) []string {
	var found []string
	m.find(text, func(_ []token, h hit) {
		if h.within == nil {
			found = append(found, h.phrase.text)
		}
	})
	return found
}

func TestFind(t *testing.T) {
	m := matcherOf("merger agreement", "terminates merger agreement", "at the market", "drop", "merger", "agreement with", "s&p 500", "company's offering")
	for _, c := range []struct {
		text string
		want []string
	}{
		{"A merger agreement", []string{"merger agreement"}},
		{"Terminates merger agreement", []string{"terminates merger agreement"}},
		{"merger agreement with", []string{"merger agreement", "agreement with"}}, // overlap without covering
		{"MERGER-AGREEMENT", []string{"merger agreement"}},
		{"at-the-market and at the market", []string{"at the market", "at the market"}},
		{"Dropbox, eyedrop, drop.", []string{"drop"}},
		{"a merger. Agreement on none", []string{"merger"}},
		{"joins S&P 500", []string{"s p 500"}},
		{"the company's offering, the company’s offering", []string{"company offering", "company offering"}},
		{"mer\u200bger agree\u00adment\ufeff, d\u200drop", []string{"merger agreement", "drop"}}, // hidden characters
		{"\u202emerger agreement\u202c اندماج merger", []string{"merger agreement", "merger"}},
		{"merger \x80 agreement", []string{"merger agreement"}},
		{"", nil},
		{"terminates merger", []string{"merger"}},
	} {
		if diff := cmp.Diff(c.want, m.all(c.text)); diff != "" {
			t.Errorf("%q (−want +got):\n%s", c.text, diff)
		}
	}
}

func TestVariants(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string
	}{
		{"wins|won contract", []string{"wins contract", "won contract"}},
		{"to join s&p|russell", []string{"to join s p", "to join russell"}},
		{"^why is|are", []string{"^why is", "^why are"}},
		{"", nil},
		{"^", nil},
		{"a|& b", nil},
		{strings.Repeat("a|b ", 10), nil},
		{strings.Repeat("a ", maxPhrase+1), nil},
	} {
		var got []string
		sequences, err := variants(c.line)
		for _, words := range sequences {
			got = append(got, words.String())
		}
		if (err == nil) != (c.want != nil) {
			t.Errorf("%q: %v", c.line, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" && err == nil {
			t.Errorf("%q (−want +got):\n%s", c.line, diff)
		}
	}
}

// Every phrase found must be in the text as words, and a text that is nothing
// but a phrase must be found.
func FuzzFind(f *testing.F) {
	f.Add("Terminates merger agreement", "merger agreement")
	f.Add("\xff'\xffs", "s")
	f.Add("’s ’S 's", "a b")
	f.Fuzz(func(t *testing.T, text, line string) {
		words := split(line)
		if len(words) == 0 || len(words) > maxPhrase || !utf8.ValidString(line) {
			return
		}
		m := newMatcher()
		m.add(sequence{words: words}, use{})
		spaced := " " + strings.Join(split(text), " ") + " "
		m.find(text, func(_ []token, h hit) {
			if h.within == nil && !strings.Contains(spaced, " "+h.phrase.text+" ") {
				t.Errorf("%q was found in %q", h.phrase.text, text)
			}
		})
		if got := m.all(strings.Join(words, " ")); len(got) != 1 {
			t.Errorf("%q found %d times in itself", strings.Join(words, " "), len(got))
		}
	})
}
