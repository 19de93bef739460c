package tickers

import (
	"regexp"
	"strings"

	"catalyst/internal/edgar/filing"
	"catalyst/internal/news"
)

// most is how many tickers an item may have: a text that names more is about none of them.
const most = 20

// Complete finds an item's tickers, in this order: those it came with, those of the cover
// page of its body where that is an inline XBRL document, those of the companies that
// filed it, and those its title, summary and body name. Each is there once, by the name that
// news of it has (see [List.Common]), and TickersFrom says where it was first found.
// Completing an item again changes nothing.
func (l *List) Complete(it *news.Item) {
	mentions := news.Mentions(it.Title + " \n" + it.Summary + " \n" + it.Body)
	var found []string
	from := map[string]string{}
	add := func(ticker, where string) {
		if ticker = l.Common(ticker); ticker != "" && from[ticker] == "" && len(found) < most {
			found, from[ticker] = append(found, ticker), where
		}
	}
	for _, t := range it.Tickers {
		if symbol := l.read(t); symbol != "" {
			add(symbol, l.whence(it, t, symbol, mentions))
		}
	}
	for _, symbol := range l.cover(it.Body) {
		add(symbol, news.FromXBRL)
	}
	for _, cik := range ciks(it) {
		add(l.Primary(cik), news.FromCIK)
	}
	for _, m := range mentions {
		add(m.Symbol, m.From)
	}
	if it.Tickers = found; len(found) == 0 {
		from = nil
	}
	it.TickersFrom = from
}

// read reads a ticker that came with an item. What the list knows is one, whatever its form.
func (l *List) read(ticker string) string {
	if symbol := news.Symbol(ticker); symbol != "" {
		return symbol
	}
	if plain := strings.ToUpper(strings.TrimSpace(ticker)); l.Find(plain) != nil {
		return plain
	}
	return ""
}

// whence is where a ticker that came with an item was found: by what the item says, or by
// what its source may have read; else the source itself said so.
func (l *List) whence(it *news.Item, ticker, symbol string, mentions []news.Mention) string {
	if where := it.TickersFrom[ticker]; where != "" {
		return where
	}
	for _, cik := range ciks(it) {
		if l.Primary(cik) == symbol {
			return news.FromCIK
		}
	}
	for _, m := range mentions {
		if m.Symbol == symbol {
			return m.From
		}
	}
	return news.FromFeed
}

// cover returns the symbol of the common share on the cover page of a document.
func (l *List) cover(body string) []string {
	if !strings.Contains(body, "dei:TradingSymbol") {
		return nil
	}
	document, err := filing.Parse([]byte(body))
	if err != nil {
		return nil
	}
	var symbols []string
	for _, security := range document.Cover.Securities {
		if symbol := l.read(security.Symbol); symbol != "" {
			if l.Find(symbol) == nil && notShare.MatchString(security.Title) && len(document.Cover.Securities) > 1 {
				continue
			}
			symbols = append(symbols, symbol)
		}
	}
	return symbols
}

// notShare is how titles of securities begin, or what they have, that are no common share. Only
// where the list does not know a symbol is it asked.
var notShare = regexp.MustCompile(`(?i)^\W*(?:units?|(?:redeemable |public )?warrants?|rights?)\b|\bpreferred\b|\bnotes?\b|\bdebentures?\b`)

var (
	cikInTitle = regexp.MustCompile(`\((\d{10})\) \((?:Filer|Subject|Issuer)\)`)
	cikInPath  = regexp.MustCompile(`^https?://(?:[a-z]+\.)?sec\.gov/(?:ix\?doc=/)?Archives/edgar/data/(\d{1,10})/`)
)

// ciks returns the companies that an item is about: of those that a filing names, without who
// only holds or sells their shares.
func ciks(it *news.Item) []string {
	var about, others []string
	for _, f := range it.Filers {
		switch f.Role {
		case "Filed by", "Reporting":
			others = append(others, f.CIK)
		default:
			about = append(about, f.CIK)
		}
	}
	if len(about) > 0 || len(others) > 0 {
		if len(about) == 0 {
			return others
		}
		return about
	}
	for _, place := range []struct {
		in string
		by *regexp.Regexp
	}{{it.Title, cikInTitle}, {it.URL, cikInPath}} {
		if m := place.by.FindStringSubmatch(place.in); m != nil {
			return []string{m[1]}
		}
	}
	return nil
}
