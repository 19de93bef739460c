package alert

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"catalyst/flows"
	"catalyst/internal/news"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run go test -update)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func filingItem() *news.Item {
	return &news.Item{
		Key:       "acc:0001234567-26-000042",
		Source:    "edgar",
		URL:       "https://www.sec.gov/Archives/edgar/data/1234567/000123456726000042/0001234567-26-000042-index.htm",
		Title:     "Northgate Robotics reports results of operations",
		Summary:   "Quarterly revenue of $212 million, up 31 % from a year ago. The board raised the outlook for the year.",
		Published: time.Date(1999, 12, 31, 23, 42, 0, 0, time.UTC), // synctest's clock starts at 2000
		Tickers:   []string{"NGR"},
		Form:      "8-K",
		Items:     []string{"2.02", "9.01"},
		Score:     .55,
		Reasons:   []string{"raises outlook", "form 8-K"},
	}
}

func analysed(item *news.Item, direction news.Direction) *news.Item {
	item.Analysis = &news.Analysis{
		Direction:  direction,
		Score:      .7,
		Confidence: .82,
		Signal:     "momentum",
		Reasoning:  "Revenue and outlook both beat what was expected. Margins held.",
		KeyFigures: []string{"revenue $212m (+31 %)", "outlook $850m, was $790m"},
		Catalysts:  []string{"earnings beat", "guidance raise"},
		Risk:       "medium", Urgency: "high", Horizon: "days",
		Provider: "gemini", Model: "flash-3",
	}
	return item
}

func cards() map[string]Card {
	cached := analysed(filingItem(), news.Neutral)
	cached.Analysis.Cached = &news.Cached{Key: "guid:wire|99", Similarity: .973, At: time.Date(1999, 12, 31, 22, 0, 0, 0, time.UTC)}
	negative := analysed(filingItem(), news.Bearish)
	negative.Score, negative.Reasons = -.61, []string{"offering", "dilution"}
	unavailable := filingItem()
	unavailable.Analysis = &news.Analysis{Unavailable: "no model is configured"}
	down := flows.Unavailable("gemini", os.ErrDeadlineExceeded, 0)
	return map[string]Card{
		"pending":     Pending(filingItem()),
		"bullish":     Complete(analysed(filingItem(), news.Bullish)),
		"bearish":     Complete(negative),
		"cached":      Complete(cached),
		"unavailable": Complete(unavailable),
		"unasked":     Complete(filingItem()),
		"parked":      Report(filingItem(), flows.Outcome{Fate: flows.Parked, Stage: "llm_router", Err: down}, time.Now()),
		"failed":      Report(filingItem(), flows.Outcome{Fate: flows.Failed, Stage: "llm_router", Err: os.ErrInvalid}, time.Now()),
		"timeout":     Report(filingItem(), flows.Outcome{Fate: flows.Failed, Err: fmt.Errorf("ask: %w", context.DeadlineExceeded)}, time.Now()),
		"retry":       Report(filingItem(), flows.Outcome{Fate: flows.Parked, Err: flows.Unavailable("gemini", os.ErrInvalid, 270*time.Second)}, time.Now()),
		"doubtful":    Complete(doubtful()),
		"edgar":       Pending(edgarItem()),
		"correction":  Pending(&news.Item{Title: "CORRECTING and REPLACING Trellis Signs 15-Year Agreement", Source: "wire", Tickers: []string{"A", "B", "C", "D"}}),
		"bare":        Pending(&news.Item{}),
	}
}

func TestCards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, card := range cards() {
			if n := len(card.Fields); n > 8 {
				t.Errorf("%s has %d fields, want at most 8", name, n)
			}
			golden(t, name+".txt", append(fmt.Appendf(nil, "%s #%06X\n", card.State, card.Color), Text(card, false)...))
		}
		golden(t, "bullish.ansi", Text(Complete(analysed(filingItem(), news.Bullish)), true))
	})
}

// An answer that is no verdict is shown as none, whatever else is in it.
func TestNoVerdictIsUnavailable(t *testing.T) {
	for name, a := range map[string]*news.Analysis{
		"nil":               nil,
		"no direction":      {Confidence: .9, Reasoning: "…"},
		"unknown direction": {Direction: "sideways", Confidence: .9},
		"a reason":          {Unavailable: "blocked", Confidence: .9},
	} {
		card := Complete(&news.Item{Title: "x", Analysis: a})
		if card.State != StateUnavailable || card.Color != orange {
			t.Errorf("%s: %s #%06X, want unavailable in orange", name, card.State, card.Color)
		}
	}
}

func TestReplaces(t *testing.T) {
	all := []State{StatePending, StateBullish, StateBearish, StateNeutral, StateUnavailable, StateParked, StateFailed, StateTimeout}
	for _, s := range all {
		if !s.Replaces("") {
			t.Errorf("%s does not come first", s)
		}
		for _, shown := range all {
			want := s != StatePending && (s.verdict() || !shown.verdict())
			if got := s.Replaces(shown); got != want {
				t.Errorf("%s replaces %s: %t, want %t", s, shown, got, want)
			}
		}
	}
}

func TestMark(t *testing.T) {
	a, b := Mark(StateBullish, []byte("a")), Mark(StateBullish, []byte("b"))
	if a == b || Marked(a) != StateBullish || Marked("") != "" || Marked("junk") != "" {
		t.Errorf("marks %q, %q; states %q, %q, %q", a, b, Marked(a), Marked(""), Marked("junk"))
	}
}

// hostile is text as nobody should be able to post it.
var hostile = []struct{ name, text string }{
	{"everyone", "@everyone buy @here now @EVERYONE"},
	{"mentions", "<@123456789> <@!123> <@&42> <#99> <:x:1> <t:1:R> </run:7>"},
	{"markdown", "**bold** _it_ __u__ ~~no~~ `code` ```block``` ||spoiler||"},
	{"block markdown", "# Heading"},
	{"subtext", "-# small print"},
	{"list", "- one"},
	{"numbered list", "12. twelve"},
	{"number in text", "up 12. Then more"},
	{"quotation", ">>> all of this"},
	{"masked link", "[sec.gov](https://evil.example/login)"},
	{"bare link", "see https://evil.example/a_b now"},
	{"angle link", "<https://evil.example>"},
	{"invite", "Join https://discord.gg/abc123 and win"},
	{"invite without scheme", "discord.com/invite/abc or DISCORDAPP.com/invite/x"},
	{"invite with zero-width", "dis\u200bcord.g\u2060g/abc"},
	{"escaped already", `\*\[a\]\\`},
	{"newlines", "one\r\n\r\n# two\n- three"},
	{"terminal escape", "\x1b[2J\x1b]0;owned\x07red\x1b[31m"},
	{"C1 control", "a\u009b31mb"},
	{"NUL and DEL", "a\x00b\x7fc"},
	{"right-to-left override", "invoice \u202egpj.exe\u202c \u2066x\u2069"},
	{"zero width", "a\u200bb\u200cc\u200dd\ufeffe\u2060f"},
	{"tag characters", "hi\U000e0068\U000e0069\U000e007f"},
	{"invisible letters", "a\u3164b\u2800c\u115fd"},
	{"variation smuggling", "a\ufe01\ufe02\U000e0100b"},
	{"line separators", "a\u2028b\u2029c\u0085d"},
	{"not UTF-8", "caf\xe9 \xff\xfe"},
	{"private use", "a\ue000b"},
	{"stacked accents", "H" + strings.Repeat("\u0301", 60) + "i"},
	{"emoji clusters", "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇺🇸 1️⃣ ❤️"},
	{"accent on a mark", "*\u0301bold*\u0301"},
	{"only invisible", "\u200b\u200d\ufe0f \u3164"},
	{"invite with other dots", "discord。gg/a discord․gg/b discord．gg/c discord·gg/d"},
	{"invite with other slashes", `https:\\discord.gg\a discord.gg∕b`},
	{"invite in other letters", "ｄｉｓｃｏｒｄ．ｇｇ／a ⓓⓘⓢⓒⓞⓡⓓ.gg/b 𝐝𝐢𝐬𝐜𝐨𝐫𝐝.𝐠𝐠/c"},
	{"invite with spaces", "discord . gg / abc"},
	{"invite of a bot", "https://discord.com/api/oauth2/authorize?client_id=1"},
	{"no invite", "Discord.com said 3/4 of users; example.com/invite"},
}

func TestHostileText(t *testing.T) {
	var out bytes.Buffer
	for _, h := range hostile {
		clean := Clean(h.text)
		fmt.Fprintf(&out, "%s\n  given    %+q\n  clean    %s\n  markdown %s\n", h.name, h.text, shown(clean), shown(Markdown(clean, 256)))
	}
	golden(t, "hostile.txt", out.Bytes())
}

// shown keeps the golden file readable: emoji as they are, invisible ones as
// escapes.
func shown(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.Is(unicode.Cf, r) && r != zeroWidthJoiner {
			fmt.Fprintf(&b, "{%04x}", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func TestCut(t *testing.T) {
	family := "👩‍👩‍👧‍👦" // 11 units
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"abc", 3, "abc"},
		{"abcd", 3, "ab…"},
		{"ab cd", 4, "ab…"},
		{"abc", 1, "…"},
		{"abc", 0, ""},
		{"", 0, ""},
		{family, 11, family},
		{family + "x", 11, "…"},
		{"x" + family, 11, "x…"},
		{strings.Repeat("é", 300), 256, strings.Repeat("é", 255) + "…"},
		{strings.Repeat("e\u0301", 3), 5, "e\u0301e\u0301…"},
	} {
		if got := Cut(c.in, c.limit); got != c.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", c.in, c.limit, got, c.want)
		}
	}
	if got := Markdown("****", 5); got != `\*\*…` {
		t.Errorf("escapes cut to %q, want none cut in half", got)
	}
}

func TestLink(t *testing.T) {
	for in, want := range map[string]string{
		"https://www.sec.gov/x?a=1#b":           "https://www.sec.gov/x?a=1#b",
		" http://Example.COM:8080/p ":           "http://example.com:8080/p",
		"https://münchen.example/ä":             "https://xn--mnchen-3ya.example/%C3%A4",
		"https://my_site.example.com/":          "https://my_site.example.com/",
		"javascript:alert(1)":                   "",
		"data:text/html,x":                      "",
		"//sec.gov/x":                           "",
		"ftp://sec.gov/x":                       "",
		"https://sec.gov@evil.example/":         "",
		"https://discord.gg/abc":                "",
		"http://localhost/x":                    "",
		"http://127.0.0.1/x":                    "",
		"https://evil.example/\x1b[2J":          "",
		"https:///nohost":                       "",
		"not a url":                             "",
		"":                                      "",
		"https://x.example/" + long(3000, "a"):  "",
		"https://x.example/a b":                 "https://x.example/a%20b",
		"https://x.example/\u202e":              "https://x.example/%E2%80%AE",
		"https://x.example/?q=\u202e":           "",
		"https://x.example/?discord.gg/abc=yes": "",
		"https://discord.com/%69nvite/x":        "",
		"https://discord。gg/x":                  "",
	} {
		if got := Link(in); got != want {
			t.Errorf("Link(%q) = %q, want %q", in, got, want)
		}
	}
}

func long(n int, s string) string { return strings.Repeat(s, n) }

func TestNothingReachesTheTerminal(t *testing.T) {
	for _, h := range hostile {
		// A card that was not built by this package, for once.
		card := Card{Title: h.text, URL: h.text, Description: h.text, Footer: h.text, Fields: []Field{{Name: h.text, Value: h.text}}}
		for _, r := range string(Text(card, false)) {
			if r != '\n' && unicode.IsControl(r) {
				t.Errorf("%s: %U is printed", h.name, r)
			}
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, h := range hostile {
		f.Add(h.text, 20)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit &= 0xFFF
		clean := Clean(s)
		if !utf8.ValidString(clean) {
			t.Fatalf("Clean(%q) = %q is not UTF-8", s, clean)
		}
		if again := Clean(clean); again != clean {
			t.Fatalf("Clean(%q) = %q, cleaned again %q", s, clean, again)
		}
		for _, r := range clean {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("Clean(%q) = %q has %U", s, clean, r)
			}
		}
		if cut := Cut(clean, limit); Units(cut) > limit {
			t.Fatalf("Cut(%q, %d) = %q is longer", clean, limit, cut)
		}
		escaped := Markdown(clean, limit)
		if whole := Units(Markdown(clean, maxInput)); whole > size(clean) {
			t.Fatalf("%q takes %d when it is escaped, more than %d", clean, whole, size(clean))
		}
		if Units(escaped) > limit {
			t.Fatalf("Markdown(%q, %d) = %q is longer", clean, limit, escaped)
		}
		if strings.HasSuffix(strings.ReplaceAll(strings.TrimSuffix(escaped, "…"), `\\`, ""), `\`) {
			t.Fatalf("Markdown(%q, %d) = %q is cut inside an escape", clean, limit, escaped)
		}
	})
}

func BenchmarkCard(b *testing.B) {
	item := analysed(filingItem(), news.Bullish)
	b.ReportAllocs()
	for b.Loop() {
		Complete(item)
	}
}
