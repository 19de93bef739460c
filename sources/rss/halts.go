package rss

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/mmcdole/gofeed"

	"catalyst/internal/intake"
	"catalyst/internal/news"
)

// halt completes an entry of Nasdaq Trader's feed of trading halts, which says all in
// elements of its own and nothing in the usual ones. An entry to which the time of
// resumption was added is news of its own, that amends the halt.
func halt(it *news.Item, entry *gofeed.Item) {
	said := func(name string) string {
		if all := entry.Extensions["ndaq"][name]; len(all) > 0 {
			return strings.Join(strings.Fields(all[0].Value), " ")
		}
		return ""
	}
	symbol := said("IssueSymbol")
	halted := inNewYork(said("HaltDate"), said("HaltTime"))
	if symbol == "" || halted.IsZero() {
		return
	}
	code := said("ReasonCode")
	why := cmp.Or(code, "no reason given")
	if meaning := haltReasons[code]; meaning != "" {
		why += ", " + meaning
	}
	it.GUID = "halt/" + symbol + "/" + halted.Format(time.RFC3339)
	it.Title = fmt.Sprintf("Trading halt: %s (%s)", symbol, why)
	it.Published = halted.UTC()
	it.Summary = fmt.Sprintf("%s on %s, halted at %s ET.", cmp.Or(said("IssueName"), symbol), cmp.Or(said("Market"), "its exchange"), clock(halted))
	if price := said("PauseThresholdPrice"); price != "" {
		it.Summary += " Threshold price " + price + "."
	}
	it.Tickers, it.TickersFrom = nil, nil
	if haltSymbol.MatchString(symbol) {
		ticker := strings.ReplaceAll(symbol, ".", "-")
		it.Tickers = []string{ticker}
		from(it, ticker)
	}
	resumes(it, symbol, why, said)
}

// resumes turns the entry of a halt into that of its end, if the end is known.
func resumes(it *news.Item, symbol, why string, said func(string) string) {
	date := said("ResumptionDate")
	trade := inNewYork(date, said("ResumptionTradeTime"))
	quote := inNewYork(date, said("ResumptionQuoteTime"))
	at := trade
	if at.IsZero() {
		at = quote
	}
	if at.IsZero() {
		return
	}
	it.Amends = it.GUID // made a key by link, when the source's name is known
	it.GUID += "/resumes/" + at.Format(time.RFC3339)
	it.Title = fmt.Sprintf("Trading resumes: %s at %s ET (%s)", symbol, clock(at), why)
	it.Published = at.UTC()
	if !quote.IsZero() {
		it.Summary += " Quotes resume at " + clock(quote) + " ET."
	}
	if !trade.IsZero() {
		it.Summary += " Trading resumes at " + clock(trade) + " ET."
	}
}

// haltSymbol is what is a ticker as it stands.
var haltSymbol = regexp.MustCompile(`^[A-Z]{1,6}(\.[A-Z]{1,3})?$`)

func clock(at time.Time) string { return at.In(intake.NewYork).Format("15:04:05") }

// inNewYork reads "06/16/2023" and "19:50:01", which may have a fraction; the zero time
// if they are no time.
func inNewYork(date, hour string) time.Time {
	at, err := time.ParseInLocation("01/02/2006 15:04:05", date+" "+hour, intake.NewYork)
	if err != nil || at.Year() < 1970 {
		return time.Time{}
	}
	return at
}

// haltReasons are what Nasdaq Trader's codes mean, in a few words.
var haltReasons = map[string]string{
	"T1": "news pending", "T2": "news released", "T3": "news and resumption times", "T5": "single-stock pause",
	"T6": "extraordinary market activity", "T7": "pause, quotes only", "T8": "fund halted", "T12": "exchange asked for information",
	"H4": "not compliant with listing rules", "H9": "filings not current", "H10": "trading suspended by the SEC", "H11": "regulatory concern",
	"O1": "operational halt", "IPO1": "new issue not yet trading", "IPOQ": "new issue, quotes open", "IPOE": "new issue, window extended",
	"M1": "corporate action", "M2": "quotes not available", "M": "volatility pause",
	"LUDP": "volatility pause", "LUDS": "volatility pause, quotes straddle the band",
	"MWC0": "market-wide circuit breaker", "MWC1": "market-wide circuit breaker, level 1", "MWC2": "market-wide circuit breaker, level 2",
	"MWC3": "market-wide circuit breaker, level 3", "MWCQ": "market-wide circuit breaker, resumption",
	"R1": "new issue available", "R2": "issue available", "R4": "listing questions settled", "R9": "filings current again",
	"C3": "news not forthcoming", "C4": "listing questions settled, rules met", "C9": "filings current again", "C11": "halt of another regulator over",
	"D": "security deleted",
}
