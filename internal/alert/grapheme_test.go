package alert

import (
	"strings"
	"testing"

	"github.com/rivo/uniseg"
)

func FuzzGrapheme(f *testing.F) {
	f.Add("plain text, and more\r\nof it")
	f.Add("e\u0301a\u0301 \u200d \ufe0f a\ufe0f 1\ufe0f\u20e3 \U0001F1E9\U0001F1EA\U0001F1E9 \U0001F468\u200d\U0001F469 \u0915\u094d\u0915 \u1100\u1161\u11a8 \x00 \xff")
	f.Fuzz(func(t *testing.T, s string) {
		quick, full := -1, -1
		for a, b := s, s; a != ""; {
			var one, other string
			one, a, quick = grapheme(a, quick)
			other, b, _, full = uniseg.FirstGraphemeClusterInString(b, full)
			if one != other {
				t.Fatalf("grapheme %q before %q, uniseg says %q before %q, of %q", one, a, other, b, s)
			}
		}
	})
}

func BenchmarkMarkdown(b *testing.B) {
	headline := Clean("Oxbow Semiconductor raises its outlook for the year; shares rise 4 % before the bell in New York")
	b.ReportAllocs()
	for b.Loop() {
		Markdown(Clean(headline), 256)
	}
}

func BenchmarkMarkdownForeign(b *testing.B) {
	headline := strings.Repeat("日経平均、 ", 12)
	b.ReportAllocs()
	for b.Loop() {
		Markdown(Clean(headline), 256)
	}
}
