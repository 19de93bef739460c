package news

import (
	"testing"
	"time"
)

func TestKeyOf(t *testing.T) {
	const acc = "0001193125-25-123456"
	edgarURL := "https://www.sec.gov/Archives/edgar/data/320193/000119312525123456/doc.htm"
	for _, test := range []struct {
		name string
		item Item
		want string
	}{
		{"a key stays", Item{Key: "mine", Accession: acc}, "mine"},
		{"accession first", Item{Accession: acc, GUID: "g", Source: "s", URL: "https://e.com/a"}, "acc:" + acc},
		{"accession out of the GUID", Item{GUID: "urn:tag:sec.gov,2008:accession-number=" + acc, Source: "s"}, "acc:" + acc},
		{"accession out of the URL", Item{URL: edgarURL, GUID: "g", Source: "s"}, "acc:" + acc},
		{"no accession in a malformed field", Item{Accession: "123", Title: "t", URL: "https://e.com/a"}, "url:https://e.com/a"},
		{"GUID with its source", Item{GUID: "1234", Source: "wire", URL: "https://e.com/a"}, "guid:wire|1234"},
		{"the same GUID of another source", Item{GUID: "1234", Source: "blog"}, "guid:blog|1234"},
		{"GUID without source counts for nothing", Item{GUID: "1234", URL: "https://e.com/a"}, "url:https://e.com/a"},
		{"GUID that is a URL", Item{GUID: "http://www.e.com/?p=12&utm_source=x", Source: "s", URL: "https://e.com/story"}, "url:https://e.com?p=12"},
		{"URL", Item{URL: " https://E.com/a/?utm_source=x#top ", Title: "t"}, "url:https://e.com/a"},
		{"nothing", Item{Source: "s", Received: time.Now()}, ""},
	} {
		if got := KeyOf(&test.item); got != test.want {
			t.Errorf("%s: KeyOf = %q, want %q", test.name, got, test.want)
		}
	}
}

func TestContentHash(t *testing.T) {
	day := time.Date(2025, 11, 20, 9, 0, 0, 0, time.UTC)
	base := Item{Title: "Fund  Announces NAV", Body: "one two", Tickers: []string{"A", "B"}, Published: day}
	same := []Item{
		{Title: "fund announces nav ", Body: "One\n two", Tickers: []string{"B", "A"}, Published: day.Add(time.Hour)},
		{Title: base.Title, Body: base.Body, Tickers: base.Tickers, Published: day, Source: "other", Score: 1},
	}
	other := []Item{
		{Title: base.Title, Body: "one two three", Tickers: base.Tickers, Published: day},
		{Title: base.Title, Body: base.Body, Tickers: []string{"C"}, Published: day},
		{Title: base.Title, Body: base.Body, Tickers: base.Tickers, Published: day.AddDate(0, 0, 1)},
		{Title: base.Title, Summary: base.Body, Tickers: base.Tickers, Published: day},
		{Title: base.Title + " " + base.Body, Tickers: base.Tickers, Published: day},
	}
	want := ContentHash(&base)
	if len(want) != 32 {
		t.Fatalf("hash %q, want 32 digits", want)
	}
	for i, it := range same {
		if got := ContentHash(&it); got != want {
			t.Errorf("same %d: hash %s, want %s", i, got, want)
		}
	}
	for i, it := range other {
		if got := ContentHash(&it); got == want {
			t.Errorf("other %d has the hash of the first", i)
		}
	}
	if got := KeyOf(&base); got != "hash:"+want {
		t.Errorf("KeyOf = %q", got)
	}
}

func TestAccession(t *testing.T) {
	const want = "0000320193-25-000079"
	for _, s := range []string{
		want,
		" " + want + "\n",
		"urn:tag:sec.gov,2008:accession-number=" + want,
		"https://www.sec.gov/Archives/edgar/data/320193/0000320193-25-000079.txt",
		"https://www.sec.gov/Archives/edgar/data/320193/0000320193-25-000079-index.htm",
		"https://www.sec.gov/Archives/edgar/data/320193/000032019325000079/0000320193-25-000079-index.html",
		"https://www.sec.gov/Archives/edgar/data/320193/000032019325000079/0000320193-25-000079.txt",
		"http://sec.gov/Archives/edgar/data/320193/000032019325000079/aapl-20250927.htm",
		"https://www.sec.gov/Archives/edgar/data/320193/000032019325000079/",
		"https://www.sec.gov/Archives/edgar/data/320193/000032019325000079",
		"https://www.sec.gov/ix?doc=/Archives/edgar/data/320193/000032019325000079/aapl-20250927.htm",
		"https://www.sec.gov/ix?doc=%2FArchives%2Fedgar%2Fdata%2F320193%2F000032019325000079%2Faapl.htm&xbrl=true",
	} {
		if got := Accession(s); got != want {
			t.Errorf("Accession(%q) = %q, want %q", s, got, want)
		}
	}
	for _, s := range []string{
		"", "x", "320193", "0000320193-25-00007", "00000320193-25-000079",
		"https://example.com/Archives/edgar/data/320193/000032019325000079/a.htm",
		"https://notsec.gov/Archives/edgar/data/320193/000032019325000079/a.htm",
		"https://www.sec.gov/Archives/edgar/data/320193/00003201932500007/a.htm",
		"https://www.sec.gov/Archives/edgar/data/320193/0000320193250000791/a.htm",
		"https://www.sec.gov/cgi-bin/browse-edgar?action=getcurrent&doc=/Archives/edgar/data/320193/000032019325000079/a.htm",
		"https://www.sec.gov/ix?doc=/elsewhere/000032019325000079/",
		"%zz", "https://www.sec.gov/%zz",
	} {
		if got := Accession(s); got != "" {
			t.Errorf("Accession(%q) = %q, want none", s, got)
		}
	}
}

func TestCanonicalURL(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		// One page, one form.
		{"HTTP://WWW.Example.COM:80/Path/?b=2&a=1#frag", "https://example.com/Path?a=1&b=2"},
		{"https://example.com:443/Path", "https://example.com/Path"},
		{"https://m.example.com/a", "https://example.com/a"},
		{"https://amp.www.example.com/a", "https://example.com/a"},
		{"https://example.com./a", "https://example.com/a"},
		{"https://example.com/", "https://example.com"},
		{"https://example.com?", "https://example.com"},
		{"https://example.com/a?UTM_Source=x&fbclid=1&gclid=2&mc_cid=3&mkt_tok=4&mtm_kwd=5", "https://example.com/a"},
		{"https://example.com/a?ref=www.example.com", "https://example.com/a"},
		{"https://www.globenewswire.com/news-release/2021/02/20/2179136/0/en/Some-Title.html", "https://globenewswire.com/news-release/2021/02/20/2179136/0/en"},
		{"https://www.globenewswire.com/news-release/2021/02/20/2179136/0/en", "https://globenewswire.com/news-release/2021/02/20/2179136/0/en"},
		{"https://www.businesswire.com/news/home/20221121005136/en/Title", "https://businesswire.com/news/home/20221121005136/en"},
		// Different pages stay different.
		{"https://example.com/a?id=7&ref=home", "https://example.com/a?id=7&ref=home"},
		{"https://example.com/?p=12", "https://example.com?p=12"},
		{"https://example.com/a?x=2&x=1", "https://example.com/a?x=2&x=1"},
		{"https://example.com/a?q=%C3%A9+b;c", "https://example.com/a?q=%C3%A9+b;c"},
		{"https://example.com/a%2Fb", "https://example.com/a%2Fb"},
		{"https://example.com/quote/amp", "https://example.com/quote/amp"},
		{"https://example.com/Case/Matters", "https://example.com/Case/Matters"},
		{"https://m.com/a", "https://m.com/a"},
		{"https://example.com:8443/a", "https://example.com:8443/a"},
		{"https://[::1]:8080/a", "https://[::1]:8080/a"},
		{"https://www.businesswire.com/news/home/20221121005136/en/CORRECTING-and-REPLACING-Title", "https://businesswire.com/news/home/20221121005136/en/CORRECTING-and-REPLACING-Title"},
		{"https://www.globenewswire.com/news-release/2021/02/20/2179136/0/fr/Titre.html", "https://globenewswire.com/news-release/2021/02/20/2179136/0/fr"},
		// What is no web address is left alone.
		{" mailto:a@example.com ", "mailto:a@example.com"},
		{"/relative?b&a", "/relative?b&a"},
		{"https://", "https://"},
		{"https://exa mple.com/%zz", "https://exa mple.com/%zz"},
		{"", ""},
	} {
		if got := CanonicalURL(test.in); got != test.want {
			t.Errorf("CanonicalURL(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

// A canonical URL is its own canonical URL, and no key is lost or made up for
// strange input.
func FuzzKeyOf(f *testing.F) {
	for _, seed := range []string{
		"HTTP://amp.m.www.Example.com:80//a//?utm_x=1&&b&a=%zz#x", "https://[fe80::1%25en0]:80/", "https://a:b@e.com:443./?ref=e.com",
		"https://www.businesswire.com/news/home/1/en//", "HTTP://0? #", "https://e.com/?&&&", "http://www.\xff.com/?\xff", "0001193125-25-123456",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := CanonicalURL(s)
		if twice := CanonicalURL(once); twice != once {
			t.Errorf("CanonicalURL(%q) = %q, and of that %q", s, once, twice)
		}
		if acc := Accession(s); acc != "" && Accession(acc) != acc {
			t.Errorf("Accession(%q) = %q", s, acc)
		}
		if key := KeyOf(&Item{URL: s, Title: "t"}); key == "" {
			t.Errorf("an item with the URL %q has no key", s)
		}
	})
}
