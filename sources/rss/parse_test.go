package rss

import (
	"fmt"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"

	"catalyst/internal/fetch"
	"catalyst/internal/news"
)

var base = &url.URL{Scheme: "https", Host: "example.com", Path: "/feeds/all.xml"}

func items(t *testing.T, body string) []*news.Item {
	t.Helper()
	doc, err := parse(fetch.UTF8([]byte(body), ""), base)
	if err != nil {
		t.Fatalf("%v in\n%.500s", err, body)
	}
	return doc.Items
}

func TestParseMapsEntries(t *testing.T) {
	at := time.Date(2025, 11, 20, 16, 5, 0, 0, time.UTC)
	for _, test := range []struct {
		name, feed string
		want       *news.Item
	}{
		{
			"RSS of a wire",
			rssFeed(`<item>
				<guid isPermaLink="true">https://wire.example.com/r/2179136/en/Acme.html</guid>
				<link>https://wire.example.com/r/2179136/en/Acme.html</link>
				<category domain="https://wire.example.com/rss/stock">Nasdaq:ACME</category>
				<category domain="https://wire.example.com/rss/stock">TSX:ACM.UN</category>
				<category domain="https://wire.example.com/rss/ISIN">US0000000000</category>
				<title>Acme &amp;amp; Sons raises &lt;b&gt;guidance&lt;/b&gt;</title>
				<description><![CDATA[<p align="left">OSLO, Nov. 20 -- Acme (NASDAQ: ACME) and Beta (NYSE: BTA)&nbsp;said&hellip;</p>]]></description>
				<pubDate>Thu, 20 Nov 2025 16:05 GMT</pubDate></item>`),
			&news.Item{
				GUID: "https://wire.example.com/r/2179136/en/Acme.html", URL: "https://wire.example.com/r/2179136/en/Acme.html",
				Title: "Acme & Sons raises guidance", Summary: "OSLO, Nov. 20 -- Acme (NASDAQ: ACME) and Beta (NYSE: BTA) said…",
				Published: at, Tickers: []string{"ACME", "BTA"}, TickersFrom: map[string]string{"ACME": "feed"},
			},
		}, {
			"American zone and full text",
			`<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><item><title>t</title><link>/a?b=1&amp;c=2</link>` +
				`<description>short</description><content:encoded><![CDATA[<p>One</p><p>Two</p>]]></content:encoded><pubDate>Thu, 20 Nov 2025 11:05:00 EST</pubDate></item></channel></rss>`,
			&news.Item{URL: "https://example.com/a?b=1&c=2", Title: "t", Summary: "short", Body: "One Two", Published: at},
		}, {
			"a date that is none",
			rssFeed(`<item><title>t</title><pubDate>a while ago</pubDate></item>`), &news.Item{Title: "t"},
		}, {
			"a date beyond the calendar of JSON",
			rssFeed(`<item><title>t</title><pubDate>Fri, 31 Dec 9999 23:59:59 -0500</pubDate></item>`), &news.Item{Title: "t"},
		}, {
			"RDF, which has no GUID",
			`<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">` +
				`<channel/><item rdf:about="https://example.com/1"><title>t</title><link>https://example.com/1</link><dc:date>2025-11-20T16:05:00Z</dc:date></item></rdf:RDF>`,
			&news.Item{URL: "https://example.com/1", Title: "t", Published: at},
		}, {
			"Atom with updated alone",
			`<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>tag:example.com,2025:1</id><title type="html">a &amp;lt; b</title>` +
				`<link href="1.html"/><updated>2025-11-20T11:05:00-05:00</updated><content type="html">&lt;p&gt;x&lt;/p&gt;</content></entry></feed>`,
			&news.Item{GUID: "tag:example.com,2025:1", URL: "https://example.com/feeds/1.html", Title: "a < b", Body: "x", Published: at},
		}, {
			"Atom with both times",
			`<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id><title>t</title><published>2025-11-20T16:05:00Z</published><updated>2025-11-21T16:05:00Z</updated></entry></feed>`,
			&news.Item{GUID: "1", Title: "t", Published: at},
		}, {
			"JSON Feed",
			`{"version":"https://jsonfeed.org/version/1.1","title":"x","items":[{"id":7,"url":"https://example.com/7","title":"t","content_text":"b","date_published":"2025-11-20T16:05:00Z"}]}`,
			&news.Item{GUID: "7", URL: "https://example.com/7", Title: "t", Body: "b", Published: at},
		}, {
			"GUID that is the only link",
			rssFeed(`<item><title>t</title><guid>https://example.com/7</guid></item>`),
			&news.Item{GUID: "https://example.com/7", URL: "https://example.com/7", Title: "t"},
		}, {
			"control characters", rssFeed("<item><title>a\x00\x0b b\x1f</title></item>"), &news.Item{Title: "a b"},
		}, {
			"entities of nobody", rssFeed("<item><title>a &nbsp; &bogus; & b</title></item>"), &news.Item{Title: "a &bogus; & b"},
		},
	} {
		got := items(t, test.feed)
		if len(got) != 1 {
			t.Errorf("%s: %d items, want one", test.name, len(got))
			continue
		}
		if diff := cmp.Diff(test.want, got[0]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestParseReadsWhatPublishersSend(t *testing.T) {
	const title = "Größe “5” für Société"
	windows, err := charmap.Windows1252.NewEncoder().String(`<?xml version="1.0" encoding="windows-1252"?>` + rssFeed("<item><title>" + title + "</title></item>")[21:])
	if err != nil {
		t.Fatal(err)
	}
	latin, err := charmap.ISO8859_1.NewEncoder().String(rssFeed("<item><title>Größe für Société</title></item>"))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ body, want string }{
		"windows-1252":        {windows, title},
		"Latin-1, undeclared": {latin, "Größe für Société"},
		"UTF-8, misdeclared":  {`<?xml version="1.0" encoding="ISO-8859-1"?>` + rssFeed("<item><title>" + title + "</title></item>")[21:], title},
	} {
		if got := items(t, test.body); len(got) != 1 || got[0].Title != test.want {
			t.Errorf("%s: %+v, want the title %q", name, got, test.want)
		}
	}
}

func TestParseLeavesOutEntriesThatSayNothing(t *testing.T) {
	if got := items(t, rssFeed(`<item/>`, `<item><guid>1</guid><pubDate>Thu, 20 Nov 2025 16:05:00 GMT</pubDate></item>`)); len(got) != 0 {
		t.Errorf("%d items", len(got))
	}
}

func TestParseDistrustsAGUIDOfManyPages(t *testing.T) {
	got := items(t, rssFeed(
		`<item><guid>same</guid><link>https://example.com/2</link><title>b</title></item>`,
		`<item><guid>same</guid><link>https://example.com/1</link><title>a</title></item>`,
		`<item><guid>own</guid><link>https://example.com/0</link><title>c</title></item>`,
	))
	keys := make(map[string]bool)
	for _, it := range got {
		it.Source = "s"
		keys[news.KeyOf(it)] = true
	}
	for _, want := range []string{"url:https://example.com/1", "url:https://example.com/2", "guid:s|own"} {
		if !keys[want] {
			t.Errorf("keys %v lack %s", keys, want)
		}
	}
}

func TestParsePutsTheOldestFirst(t *testing.T) {
	day := func(title, date string) string {
		return "<item><title>" + title + "</title>" + date + "</item>"
	}
	pub := func(d int) string { return fmt.Sprintf("<pubDate>%d Nov 2025 10:00:00 GMT</pubDate>", d) }
	for _, test := range []struct{ name, feed, want string }{
		{"newest first, as usual", rssFeed(day("c", pub(3)), day("b", pub(2)), day("a", pub(1))), "abc"},
		{"oldest first", rssFeed(day("a", pub(1)), day("b", pub(2)), day("c", pub(3))), "abc"},
		{"no dates", rssFeed(day("c", ""), day("b", ""), day("a", "")), "abc"},
		{"some dates", rssFeed(day("d", pub(9)), day("c", ""), day("b", pub(2)), day("a", "")), "abcd"},
	} {
		got := ""
		for _, it := range items(t, test.feed) {
			got += it.Title
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// Each of these kills the process, takes minutes or gigabytes without the guard.
func TestHostileDocumentsAreRefusedCheaply(t *testing.T) {
	in := func(s string) string {
		return `<rss version="2.0" xmlns:x="http://x.example/"><channel><item>` + s + `</item></channel></rss>`
	}
	for name, doc := range map[string]string{
		"nested extensions": in(strings.Repeat("<x:a>", 1_500_000)),
		"nested titles":     in("<title>" + strings.Repeat("<a>", 3_000_000)),
		"many entries":      `<rss version="2.0"><channel>` + strings.Repeat("<item/>", 1_400_000) + `</channel></rss>`,
		"many attributes":   in("<a " + strings.Repeat(`b="" `, 300_000) + "/>"),
		"many namespaces":   in(namespaces(100_000)),
		"nested JSON":       `{"version":"https://jsonfeed.org/version/1","items":` + strings.Repeat("[", 10_000_000),
		"many JSON entries": `{"version":"https://jsonfeed.org/version/1","items":[` + strings.Repeat("{},", 3_000_000) + `{}]}`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		_, err := parse([]byte(doc), base)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		allocated := (after.TotalAlloc - before.TotalAlloc) >> 20
		t.Logf("%s: %v, %d MiB allocated: %v", name, took.Round(time.Millisecond), allocated, err)
		if err == nil || took > 20*time.Second || allocated > 1024 {
			t.Errorf("%s: error %v after %v and %d MiB; want a quick refusal", name, err, took, allocated)
		}
	}
	// An entity that is defined to grow does not.
	bomb := `<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>` +
		rssFeed("<item><title>x &c; y</title></item>")[21:]
	if got := items(t, bomb); len(got) != 1 || len(got[0].Title) > 20 {
		t.Errorf("an entity bomb became %.100q", got[0].Title)
	}
}

func namespaces(n int) string {
	var s strings.Builder
	s.WriteString("<a")
	for i := range n {
		fmt.Fprintf(&s, ` xmlns:n%d="u"`, i)
	}
	s.WriteString("/>")
	return s.String()
}

func TestAFeedAtTheLimitIsRead(t *testing.T) {
	var entries strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&entries, "<item><guid>%d</guid><title>t %d</title><description>%s</description></item>", i, i, strings.Repeat("word ", 1000))
	}
	start := time.Now()
	if got := items(t, rssFeed(entries.String())); len(got) != 1000 {
		t.Errorf("%d items, want 1000", len(got))
	}
	t.Logf("1000 entries, %d KiB: %v", entries.Len()>>10, time.Since(start).Round(time.Millisecond))
}

// Whatever comes, parse ends without panic, and what it finds can travel.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		haltFeed(acmeHalt),
		rssFeed(entry("a"), `<item><link>::</link><title>b</title><pubDate>1 Jan 9999 00:00:00 -1200</pubDate></item>`),
		`<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>urn:tag:sec.gov,2008:accession-number=0009999999-25-000018</id><title>8-K - x</title><category label="form type" term="8-K"/></entry></feed>`,
		`{"version":"https://jsonfeed.org/version/1","items":[{"id":{},"title":"x"}]}`,
		`<rdf:RDF xmlns:rdf="x"><item><title>t</title></item></rdf:RDF>`, `<rss><channel><ttl>-1</ttl><item><x:a><x:a></item>`, "<rss", "{",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		doc, err := parse(fetch.UTF8(body, ""), base)
		if err != nil {
			return
		}
		for _, it := range doc.Items {
			data, err := news.Encode(it)
			if err != nil {
				t.Fatalf("an item that cannot be encoded: %v: %+v", err, it)
			}
			if _, err := news.Decode(data); err != nil {
				t.Fatalf("an item that cannot be decoded: %v: %s", err, data)
			}
		}
	})
}
