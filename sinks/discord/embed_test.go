package discord

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/bwmarrin/discordgo"

	"catalyst/flows"
	"catalyst/internal/alert"
	"catalyst/internal/news"
	"catalyst/sinks/sinktest"
)

// hostileItems are what nobody should be able to put into a channel. What is posted
// of each is in testdata/hostile.json.
var hostileItems = []struct {
	name string
	item news.Item
}{
	{"mentions", news.Item{Title: "@everyone buy @here now @EVERYONE <@123> <@!123> <@&42> <#99> <:x:1> <t:1:R> </run:7>"}},
	{"markdown", news.Item{Title: "**bold** _it_ __u__ ~~no~~ `code` ```block``` ||spoiler||", Summary: "# Heading\n> quote\n- list\n1. one\n-# small"}},
	{"masked link", news.Item{Title: "[sec.gov](https://evil.example/login) <https://evil.example>", Summary: "see https://evil.example/a_b or [here]( <http://evil.example> \"x\")"}},
	{"invites", news.Item{Title: "Join https://discord.gg/abc or DISCORD.com/invite/x", Summary: "discordapp.com/api/oauth2/authorize?client_id=1 lets a bot in"}},
	{"invites in disguise", news.Item{Title: "dis\u200bcord.g\u2060g/abc discord。gg/a discord․gg∕b ｄｉｓｃｏｒｄ．ｇｇ／c discord . gg / d", Summary: "https:\\\\discord.gg\\e ⓓⓘⓢⓒⓞⓡⓓ.gg/f 𝐝𝐢𝐬𝐜𝐨𝐫𝐝.𝐠𝐠/g", URL: "https://discord.com/%69nvite/x"}},
	{"right to left", news.Item{Title: "invoice \u202egpj.exe\u202c \u2066hidden\u2069 \u200fx", Tickers: []string{"A\u202eBC"}}},
	{"zero width", news.Item{Title: "a\u200bb\u200cc\u200dd\ufeffe\u2060f\u00adg", Summary: "hi\U000e0068\U000e0069\U000e007f \u3164\u2800"}},
	{"only invisible", news.Item{Title: "\u200b\u200d\ufe0f \u3164", Source: "\u2060"}},
	{"control characters", news.Item{Title: "\x1b[2J\x1b]0;owned\x07red\x1b[31m a\u009b31mb a\x00b\x7fc", Summary: "one\r\n\r\ntwo\u2028three\u0085four"}},
	{"10,000 characters", news.Item{Title: strings.Repeat("word ", 2000), Summary: strings.Repeat("*", 10_000), Source: strings.Repeat("s", 10_000), URL: "https://news.example.com/" + strings.Repeat("x", 10_000), Tickers: []string{strings.Repeat("T", 10_000)}, Reasons: []string{strings.Repeat("_", 10_000)}}},
	{"emoji clusters", news.Item{Title: strings.Repeat("👩‍👩‍👧‍👦", 60), Summary: "🏳️‍🌈 👍🏽 🇺🇸 1️⃣ ❤️"}},
	{"accents", news.Item{Title: "H" + strings.Repeat("\u0301", 60) + "i *\u0301bold*\u0301", Summary: strings.Repeat("e\u0301", 400)}},
	{"a verdict in the headline", news.Item{Title: "🟢 Bullish 99 % · ✅ AI verdict: 🟩 BUY", Summary: "**Verdict**\n🟢 Bullish · 99 % confidence\n⏳ AI analysis complete"}},
	{"a banner in the headline", news.Item{Title: "🟥 NEGATIVE CATALYST · bankruptcy", Summary: "⚠️ CORRECTION"}},
	{"look-alike dots", news.Item{Title: "evil。example/login evil․example", URL: "https://sec。gov/x"}},
	{"look-alike letters", news.Item{Title: "аррӏе.com (Cyrillic)", URL: "https://аррӏе.com/x"}},
	{"script link", news.Item{Title: "x", URL: "javascript:alert(1)"}},
	{"credentials in the link", news.Item{Title: "x", URL: "https://sec.gov@evil.example/"}},
	{"not UTF-8", news.Item{Title: "caf\xe9 \xff\xfe", Form: "8-K\xff", Items: []string{"2.02\x00", "`9.01`"}}},
	{"HTML", news.Item{Title: "<script>alert(1)</script> & <b onmouseover='x'>&lt;"}},
	{"a correction that is none", news.Item{Title: "Corrections Corp. builds a prison", Form: "8-K/B"}},
}

// wire is the network: it keeps the last body that was sent.
type wire struct{ body []byte }

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.body, _ = io.ReadAll(r.Body)
	return &http.Response{StatusCode: 200, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(`{"id": "1"}`))}, nil
}

func TestHostileItems(t *testing.T) {
	type post struct {
		Case string     `json:"case"`
		Body createBody `json:"posted"`
	}
	var posts []post
	w := new(wire)
	c := testConfig()
	c.Creates = 1 << 30
	sink := newTestSink(t, c, w, new(sinktest.Ledger).Open, nil)
	for _, h := range hostileItems {
		item := h.item
		item.Key, item.Published = h.name, time.Date(2026, 3, 2, 14, 5, 0, 0, time.UTC)
		m := sinktest.Message(h.name, &item)
		if err := sink.Announce(t.Context(), []*flows.Message{m}); err != nil || m.Settled() {
			t.Fatalf("%s: %v, %+v", h.name, err, m.Outcome())
		}
		var sent createBody
		if err := json.Unmarshal(w.body, &sent); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(w.body), `"allowed_mentions":{"parse":[]}`) {
			t.Errorf("%s: may ping: %s", h.name, w.body)
		}
		allowed(t, h.name, sent.Embeds)
		for _, sign := range "🟢🟩✅🟥" {
			if strings.ContainsRune(sent.Embeds[0].Title+sent.Embeds[0].Description, sign) {
				t.Errorf("%s: shows %c, which is for us to say", h.name, sign)
			}
		}
		posts = append(posts, post{h.name, sent})
	}
	golden(t, "hostile.json", posts)
}

// allowed checks what Discord would.
func allowed(t *testing.T, name string, embeds []*discordgo.MessageEmbed) {
	t.Helper()
	total := 0
	within := func(what, text string, limit int) {
		total += alert.Units(text)
		if n := alert.Units(text); n > limit || !utf8.ValidString(text) {
			t.Errorf("%s: %s has %d of %d characters: %q", name, what, n, limit, text)
		}
	}
	links := make(map[string]bool)
	for _, e := range embeds {
		if e.Title == "" || len(e.Fields) == 0 || e.Fields[len(e.Fields)-1].Value == "" {
			t.Errorf("%s: an embed without title or verdict: %+v", name, e)
		}
		if e.URL != "" && (links[e.URL] || !strings.HasPrefix(e.URL, "http")) {
			t.Errorf("%s: the URL %s comes twice, or is none", name, e.URL)
		}
		links[e.URL] = true
		within("title", e.Title, 256)
		within("description", e.Description, 4096)
		if e.Author != nil {
			within("badge", e.Author.Name, 256)
		}
		within("footer", e.Footer.Text, 2048)
		if len(e.Fields) > 8 {
			t.Errorf("%s: %d fields", name, len(e.Fields))
		}
		for _, f := range e.Fields {
			within("field name", f.Name, 256)
			within(f.Name, f.Value, 1024)
		}
	}
	if total > 6000 {
		t.Errorf("%s: %d characters in one message", name, total)
	}
}

// loud is an item that has everything a card shows, and too much of it.
func loud(text string) *news.Item {
	return &news.Item{
		Title: text, Summary: text + text, Source: text, URL: "https://news.example.com/same", Form: "8-K/A",
		Published: time.Date(2026, 3, 2, 14, 5, 0, 0, time.UTC),
		Items:     []string{"1.03", "3.01", "3.02", "4.02", "2.02", "9.01"},
		Tickers:   []string{"ABCD", "EFGH", text, "X"},
		Score:     -1.2, Reasons: []string{text + " -0.90", text, "distress: chapter 11 -1.00", text, text},
		Analysis: &news.Analysis{
			Direction: news.Bearish, Confidence: .9, Signal: text, Reasoning: text, Provider: text, Model: text,
			KeyFigures: []string{text, text, text, text}, Catalysts: []string{text, text, text}, Unverified: []string{text, text},
			Risk: text, Urgency: text, Horizon: text, Degraded: true, Reason: text,
			Cached: &news.Cached{Key: text, Similarity: .97},
		},
	}
}

// Ten of the longest cards fit one message, and each still says what it is about,
// what came of it and who says so.
func TestTenCardsFitOneMessage(t *testing.T) {
	for name, text := range map[string]string{
		"plain":    strings.Repeat("Word after word ", 30),
		"escaped":  strings.Repeat("*_~`|[]<>", 60),
		"clusters": strings.Repeat("👩‍👩‍👧‍👦", 40),
		"pings":    strings.Repeat("@here", 100),
		"lines":    strings.Repeat("1. ", 200),
	} {
		for n := 1; n <= 10; n++ {
			var cards []alert.Card
			for range n {
				cards = append(cards, alert.Complete(loud(text)))
			}
			made := embeds(cards...)
			what := fmt.Sprintf("%d of %s", n, name)
			allowed(t, what, made)
			for i, e := range made {
				values := make(map[string]string)
				for _, f := range e.Fields {
					values[f.Name] = f.Value
				}
				if !strings.HasPrefix(e.Title, "ABCD, EFGH") || e.URL == "" || e.Footer.Text == "" || e.Author == nil ||
					!strings.HasPrefix(values["Verdict"], "🔴 Bearish · 90 % confidence") || !strings.Contains(values["Source"], "<t:") ||
					!strings.HasPrefix(e.Description, "**🟥 NEGATIVE") {
					t.Errorf("%s: embed %d lost what matters: %q, %q, %q", what, i, e.Title, e.Description, values)
				}
			}
		}
	}
}

// One alert's text does not change when another one's does: an edit that changes
// nothing for it must not look like a change.
func TestCardsOfOneMessageDoNotDependOnEachOther(t *testing.T) {
	short := alert.Pending(&news.Item{Title: "x", URL: "https://news.example.com/1"})
	other := alert.Pending(&news.Item{Title: "y"})
	first, _ := json.Marshal(embeds(short, other)[0])
	again, _ := json.Marshal(embeds(short, alert.Complete(loud("word ")))[0])
	if string(first) != string(again) {
		t.Errorf("is %s beside one card and %s beside another", first, again)
	}
}

// Whatever is said, ten alerts are a message that Discord takes.
func FuzzEmbeds(f *testing.F) {
	f.Add("title", "https://x.example/", 10)
	f.Add("*****@everyone", "", 1)
	f.Add("👩‍👩‍👧‍👦\x1b[2J", "javascript:x", 7)
	f.Fuzz(func(t *testing.T, text, link string, n int) {
		n = 1 + (n&0xF)%10
		var cards []alert.Card
		for range n {
			item := loud(strings.Repeat(text, 20))
			item.URL = link
			cards = append(cards, alert.Complete(item))
		}
		allowed(t, text, embeds(cards...))
	})
}
