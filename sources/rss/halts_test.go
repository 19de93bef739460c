package rss

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/internal/fetch"
	"catalyst/internal/news"
)

// haltFeed is a feed of trading halts with these entries, each the elements of its own.
func haltFeed(entries ...map[string]string) string {
	var b strings.Builder
	b.WriteString(`<rss version="2.0" xmlns:ndaq="http://www.nasdaqtrader.com/"><channel><title>halts</title><ttl>1</ttl>`)
	for _, e := range entries {
		fmt.Fprintf(&b, "<item><title>%s</title><pubDate>Thu, 20 Nov 2025 05:00:00 GMT</pubDate><description>&lt;table&gt;…&lt;/table&gt;</description>", e["IssueSymbol"])
		for name, value := range e {
			fmt.Fprintf(&b, "<ndaq:%s>%s</ndaq:%[1]s>", name, value)
		}
		b.WriteString("</item>")
	}
	b.WriteString("</channel></rss>")
	return b.String()
}

var acmeHalt = map[string]string{
	"HaltDate": "11/20/2025", "HaltTime": "10:30:05", "IssueSymbol": "ACME", "IssueName": "Acme Corp Cmn", "Market": "NASDAQ", "ReasonCode": "T1",
	"PauseThresholdPrice": "", "ResumptionDate": "", "ResumptionQuoteTime": "", "ResumptionTradeTime": "",
}

func with(entry map[string]string, pairs ...string) map[string]string {
	changed := map[string]string{}
	for name, value := range entry {
		changed[name] = value
	}
	for i := 0; i < len(pairs); i += 2 {
		changed[pairs[i]] = pairs[i+1]
	}
	return changed
}

func TestTradingHalts(t *testing.T) {
	at := time.Date(2025, 11, 20, 15, 30, 5, 0, time.UTC)
	feed := func(tickers ...string) map[string]string {
		from := map[string]string{}
		for _, ticker := range tickers {
			from[ticker] = "feed"
		}
		return from
	}
	for _, test := range []struct {
		name  string
		entry map[string]string
		want  *news.Item
	}{
		{"halted", acmeHalt, &news.Item{
			GUID: "halt/ACME/2025-11-20T10:30:05-05:00", Title: "Trading halt: ACME (T1, news pending)", Published: at,
			Summary: "Acme Corp Cmn on NASDAQ, halted at 10:30:05 ET.", Tickers: []string{"ACME"}, TickersFrom: feed("ACME"),
		}},
		{"resumes", with(acmeHalt, "ResumptionDate", "11/20/2025", "ResumptionQuoteTime", "11:00:00", "ResumptionTradeTime", "11:05:00"), &news.Item{
			GUID:   "halt/ACME/2025-11-20T10:30:05-05:00/resumes/2025-11-20T11:05:00-05:00",
			Amends: "halt/ACME/2025-11-20T10:30:05-05:00",
			Title:  "Trading resumes: ACME at 11:05:00 ET (T1, news pending)", Published: at.Add(34*time.Minute + 55*time.Second),
			Summary: "Acme Corp Cmn on NASDAQ, halted at 10:30:05 ET. Quotes resume at 11:00:00 ET. Trading resumes at 11:05:00 ET.",
			Tickers: []string{"ACME"}, TickersFrom: feed("ACME"),
		}},
		{"a class, a pause, a code that nobody knows", with(acmeHalt, "IssueSymbol", "BRK.B", "ReasonCode", "Z9", "PauseThresholdPrice", "12.34", "IssueName", ""), &news.Item{
			GUID: "halt/BRK.B/2025-11-20T10:30:05-05:00", Title: "Trading halt: BRK.B (Z9)", Published: at,
			Summary: "BRK.B on NASDAQ, halted at 10:30:05 ET. Threshold price 12.34.", Tickers: []string{"BRK-B"}, TickersFrom: feed("BRK-B"),
		}},
		{"a symbol that is none", with(acmeHalt, "IssueSymbol", "see notice", "ReasonCode", ""), &news.Item{
			GUID: "halt/see notice/2025-11-20T10:30:05-05:00", Title: "Trading halt: see notice (no reason given)", Published: at,
			Summary: "Acme Corp Cmn on NASDAQ, halted at 10:30:05 ET.",
		}},
		{"no time: an entry like any other", with(acmeHalt, "HaltTime", "soon"), &news.Item{
			Title: "ACME", Summary: "…", Published: time.Date(2025, 11, 20, 5, 0, 0, 0, time.UTC),
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := items(t, haltFeed(test.entry))
			if diff := cmp.Diff([]*news.Item{test.want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A halt is published once, its end once more, and linked to it. A day without halts
// is no outage.
func TestAHaltAndItsEnd(t *testing.T) {
	p, to := newPaper(t), &topic{}
	s, _ := reader(t, p.url, func(c *Config) { c.Preset = "nasdaq_halts" })
	ended := with(acmeHalt, "ResumptionDate", "11/20/2025", "ResumptionTradeTime", "11:05:00")
	for poll, step := range []struct {
		feed string
		want string
	}{
		{haltFeed(), ""},
		{haltFeed(acmeHalt), "Trading halt: ACME (T1, news pending)"},
		{haltFeed(acmeHalt), ""},
		{haltFeed(ended), "Trading resumes: ACME at 11:05:00 ET (T1, news pending)"},
		{haltFeed(ended), ""},
	} {
		p.prints(step.feed)
		s.Poll(t.Context(), to.publish)
		if h := s.Health(); h.Fault != nil || !h.EmptySince.IsZero() {
			t.Errorf("poll %d: %+v, want all well", poll, h)
		}
		for _, it := range to.items {
			if it.Amends != "" && it.Amends != "guid:"+t.Name()+"|halt/ACME/2025-11-20T10:30:05-05:00" {
				t.Errorf("the end amends %q, not the halt", it.Amends)
			}
		}
		if got := to.titles(); got != step.want {
			t.Errorf("poll %d published %q, want %q", poll, got, step.want)
		}
	}
}

func TestRealTradingHalts(t *testing.T) {
	body, err := os.ReadFile("../../../shared/data/feeds/tradehalts.rss")
	if err != nil {
		t.Skip("the evaluation data is not here")
	}
	doc, err := parse(fetch.UTF8(body, ""), base)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(body, []byte("<item>")); len(doc.Items) != n || n == 0 {
		t.Errorf("%d items, want %d", len(doc.Items), n)
	}
	for _, it := range doc.Items {
		if len(it.Tickers) != 1 || !strings.HasPrefix(it.Title, "Trading ") || it.Published.IsZero() || strings.Contains(it.Title, "(T12)") {
			t.Errorf("%+v", it)
		}
	}
}

// Each preset has an address, which url replaces, and gives the source its name.
func TestPresets(t *testing.T) {
	for name, preset := range presets {
		c := Defaults
		c.Preset = name
		if err := c.Validate(); err != nil || c.address() != preset.url {
			t.Errorf("%s: %v, address %q", name, err, c.address())
		}
	}
	p := newPaper(t)
	p.says(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(rssFeed(entry("a")))) })
	s, _ := reader(t, p.url, func(c *Config) { c.Preset = "prnewswire" })
	to := &topic{}
	if s.Poll(t.Context(), to.publish); to.titles() != "a" {
		t.Error("url does not replace the address of a preset")
	}
}

// Documents without entries are told since the first one; those that repeat are not.
func TestEmptyAndRepeated(t *testing.T) {
	p, to := newPaper(t), &topic{}
	s, _ := reader(t, p.url, nil)
	for poll, step := range []struct {
		feed  string
		empty bool
	}{{rssFeed(entry("a")), false}, {rssFeed(entry("a")), false}, {rssFeed(), true}, {rssFeed(), true}, {rssFeed(entry("a")), false}} {
		before := s.Health().EmptySince
		p.prints(step.feed)
		s.Poll(t.Context(), to.publish)
		h := s.Health()
		if h.EmptySince.IsZero() == step.empty || !before.IsZero() && step.empty && h.EmptySince != before {
			t.Errorf("poll %d: empty since %v, before %v", poll, h.EmptySince, before)
		}
		if h.Silent() != h.EmptySince {
			t.Errorf("poll %d: silent since %v", poll, h.Silent())
		}
	}
}
