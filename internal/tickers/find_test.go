package tickers

import (
	"strings"
	"testing"

	"catalyst/internal/news"

	"github.com/google/go-cmp/cmp"
)

// A cover page in inline XBRL.
const cover = `<html><body>
<p>Class A shares <ix:nonNumeric name="dei:Security12bTitle" contextRef="c1">Units, each of one share and one warrant</ix:nonNumeric>
<ix:nonNumeric name="dei:TradingSymbol" contextRef="c1">NEWCU</ix:nonNumeric></p>
<p><ix:nonNumeric name="dei:Security12bTitle" contextRef="c2">Class A common stock</ix:nonNumeric>
<ix:nonNumeric name="dei:TradingSymbol" contextRef="c2">NEWC</ix:nonNumeric></p>
<p><ix:nonNumeric name="dei:Security12bTitle" contextRef="c3">Common stock</ix:nonNumeric>
<ix:nonNumeric name="dei:TradingSymbol" contextRef="c3">BLKC.WS</ix:nonNumeric></p>
</body></html>`

func TestComplete(t *testing.T) {
	filers := func(pairs ...string) (all []news.Filer) {
		for i := 0; i < len(pairs); i += 2 {
			all = append(all, news.Filer{CIK: pairs[i], Role: pairs[i+1]})
		}
		return all
	}
	for _, c := range []struct {
		name string
		item news.Item
		want string // ticker:where …
	}{
		{"nothing", news.Item{Title: "ANVL and GBK RISE"}, ""},
		{"feed", news.Item{Tickers: []string{"anvl", "BRK.B"}, Title: "Anvils rise"}, "ANVL:feed BRK-B:feed"},
		{"feed, and the text", news.Item{Tickers: []string{"ANVL"}, Summary: "Anvil Works (NASDAQ: ANVL) and Great Bank (NYSE: GBK)"}, "ANVL:exchange GBK:exchange"},
		{"what the source knew", news.Item{Tickers: []string{"ANVL"}, TickersFrom: map[string]string{"ANVL": "xbrl"}, Title: "$ANVL"}, "ANVL:xbrl"},
		{"feed with listings elsewhere", news.Item{Tickers: []string{"BGI.UN", "BTC/USD", "7203", ""}}, ""},
		{"feed in the list's own form", news.Item{Tickers: []string{"BLKC-UN"}}, "BLKC:feed"},
		{"a warrant", news.Item{Title: "Warrants of Anvil (NASDAQ: ANVLW) expire"}, "ANVL:exchange"},
		{"a share and its warrant", news.Item{Title: "Anvil (NASDAQ: ANVL, ANVLW)"}, "ANVL:exchange"},
		{"unknown to the list", news.Item{Title: "$GONE (NASDAQ: DELST)"}, "GONE:cashtag DELST:exchange"},
		{"ends that mean nothing", news.Item{Title: "$PLOW $GROWU"}, "PLOW:cashtag GROWU:cashtag"},
		{"elsewhere", news.Item{Title: "Fund (TSX: BGI.UN)"}, ""},
		{"who filed", news.Item{Filers: filers("0000000011", "Filer")}, "ANVL:cik"},
		{"whom it is about", news.Item{Filers: filers("0000000011", "Subject", "0000000012", "Filed by")}, "ANVL:cik"},
		{"only holders", news.Item{Filers: filers("0000000012", "Reporting")}, "GBK:cik"},
		{"two who filed", news.Item{Filers: filers("0000000011", "Filer", "0000000012", "Filer")}, "ANVL:cik GBK:cik"},
		{"whom the source had found", news.Item{Tickers: []string{"ANVL"}, Filers: filers("0000000011", "Filer")}, "ANVL:cik"},
		{"the title of EDGAR's feed", news.Item{Title: "8-K - Anvil Works Inc. (0000000011) (Filer)"}, "ANVL:cik"},
		{"an address at EDGAR", news.Item{URL: "https://www.sec.gov/Archives/edgar/data/12/000001-index.htm"}, "GBK:cik"},
		{"such an address elsewhere", news.Item{URL: "https://sec.gov.example/Archives/edgar/data/12/1.htm"}, ""},
		{"a company without shares", news.Item{Filers: filers("0000000099", "Filer")}, ""},
		{"the cover page", news.Item{Body: cover}, "NEWC:xbrl BLKC:xbrl"},
		{"all of them", news.Item{
			Tickers: []string{"TWO-A"}, Body: cover, Filers: filers("0000000012", "Filer"), Title: "Anvil (NASDAQ: ANVL)", Summary: "$LTTRA",
		}, "TWO-A:feed NEWC:xbrl BLKC:xbrl GBK:cik ANVL:exchange LTTRA:cashtag"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := loaded(t, sample)
			it := c.item
			for pass := range 2 {
				l.Complete(&it)
				var got []string
				for _, ticker := range it.Tickers {
					got = append(got, ticker+":"+it.TickersFrom[ticker])
				}
				if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" || len(it.TickersFrom) != len(it.Tickers) {
					t.Errorf("pass %d (-want +got):\n%s", pass+1, diff)
				}
			}
		})
	}
}

func TestCompleteIsBounded(t *testing.T) {
	var text strings.Builder
	for a := 'A'; a <= 'Z'; a++ {
		text.WriteString("$" + string(a) + "XX ")
	}
	it := news.Item{Title: text.String()}
	loaded(t, sample).Complete(&it)
	if len(it.Tickers) != most {
		t.Errorf("%d tickers, want %d", len(it.Tickers), most)
	}
}
