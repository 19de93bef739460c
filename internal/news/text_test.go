package news

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"", ""},
		{"plain  text\n\tof one line ", "plain text of one line"},
		{"AT&amp;T &lt;up&gt; 5&nbsp;%", "AT&T <up> 5 %"},
		{"1 < 2 & 3 > 2", "1 < 2 & 3 > 2"},
		{"margin <5% of R&D", "margin <5% of R&D"},
		{"<p>One</p><p>Two</p>three<br>four<br/>five", "One Two three four five"},
		{"a<b>b</b>c<sup>2</sup> <a href=\"x\">link</a>.", "abc2 link."},
		{"<table><tr><td>Revenue</td><td>$5</td></tr></table>", "Revenue $5"},
		{"x<script>alert('<p>')</script>y<style>p{}</style>z", "x y z"},
		{"x<noscript>tracker</noscript><iframe>no</iframe>", "x"},
		{"<script>never closed", ""},
		{"before <!-- hidden --> after", "before after"},
		{"mer\u00adger zero\u200bwidth \ufeffbom \x01\x1b[31mred", "merger zerowidth bom [31mred"},
		{"\u00a0non\u202fbreaking\u2003", "non breaking"},
		{"bad \xff byte", "bad \ufffd byte"},
		{"<plaintext>tail <b>stays", "tail <b>stays"},
		{"<textarea>a &amp; b</textarea>", "a & b"},
		{"&#x1F4C8; &#0; &bogus;", "📈 \ufffd &bogus;"},
	} {
		if got := Text(test.in); got != test.want {
			t.Errorf("Text(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

func TestItemText(t *testing.T) {
	long := strings.Repeat("Größe ", 5000)
	for _, test := range []struct {
		name string
		item Item
		want string
	}{
		{"nothing", Item{}, ""},
		{"title", Item{Title: " A  b "}, "A b"},
		{"title and summary", Item{Title: "A", Summary: "s\n s", Body: "b"}, "A\ns s"},
		{"title and body", Item{Title: "A", Body: "b"}, "A\nb"},
		{"body", Item{Body: "b"}, "b"},
		{"summary repeats the title", Item{Title: "A b", Summary: "A b, it said"}, "A b, it said"},
	} {
		if got := test.item.Text(); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	got := (&Item{Title: "T", Body: long}).Text()
	if !strings.HasSuffix(got, "Größe") || len(got) > leadBytes+2 || len(got) < leadBytes-10 {
		t.Errorf("a long body gives %d bytes ending in %q, want about %d and a whole word", len(got), got[len(got)-8:], leadBytes)
	}
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{"<p>a</p>", "<a <b", "</", "<!--", "<script></scrip", "&#x110000;&amp", "\xff<\xff>", "<svg><style><p>", "<p/>x<![CDATA[y]]>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Text(s)
		if !utf8.ValidString(got) {
			t.Errorf("Text(%q) = %q: no UTF-8", s, got)
		}
		if got != collapse(got) {
			t.Errorf("Text(%q) = %q: white space is left", s, got)
		}
		if lead := (&Item{Title: s, Body: s}).Text(); !utf8.ValidString(lead) {
			t.Errorf("Item.Text of %q = %q: no UTF-8", s, lead)
		}
	})
}

func BenchmarkText(b *testing.B) {
	page := strings.Repeat(`<p>Revenue of <b>$5</b>&nbsp;million &amp; more</p><div class="x"><span>word</span></div>`, 1000)
	b.SetBytes(int64(len(page)))
	for b.Loop() {
		Text(page)
	}
}
