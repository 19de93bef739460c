package news

import (
	"regexp"
	"strings"
)

const (
	gap = `\s*`

	usExchange = `(?:NASDAQ(?:[- ]?(?:GS|GM|CM|CMS|NM|NGS|Global Select(?: Market)?|Global Market|Capital Market|Stock Market))?` +
		`|NYSE(?:[- ]?(?:American|MKT|Arca|Amex|Texas|National))?|New York Stock Exchange|AMEX` +
		`|(?:Other )?OTC(?:[- ]?(?:QB|QX|ID|PK|BB|Pink|Pink Sheets|Markets(?: Group)?|MKTS|Link))?|Pink Sheets|CBOE(?: BZX)?|BATS)`

	// foreignExchange matters only where it shares a colon with an American one.
	foreignExchange = `(?:TSX(?:[- ]?V(?:enture)?)?|TSE|CSE|NEO|Cboe Canada|ASX|LSE|AIM|HKEX|SEHK|FRA|FSE|FWB|Frankfurt|XETRA|Euronext(?: [A-Z][a-z]+)?|TASE|SIX|JSE|NSE|BSE|SGX|BMV|BVL|NZX|OSE|Toronto)`

	join = gap + `(?:/|,|&|\||and)` + gap
)

// exchange is an American exchange, alone or in a row with others, at the end of a text.
var exchange = regexp.MustCompile(`(?i:\b` + usExchange + `(?:` + join + `(?:` + usExchange + `|` + foreignExchange + `))*(?: (?:ticker )?symbol| ticker)?` + gap + `$)`)

// exchangeBefore returns where the exchanges named right before text[at:] begin. It looks
// back only as far as a long row of them, and asks the expression only where it may hold,
// and about no more than may belong to them.
func exchangeBefore(text string, at int) (start int, ok bool) {
	const longest = 120
	from := max(0, at-longest)
	before := strings.TrimRight(text[from:at], " \t\n\f\r")
	if !endsLikeExchange(before) {
		return 0, false
	}
	// The sign before them stays: whether a word begins behind it depends on it.
	if i := strings.LastIndexFunc(before, noneOfExchange); i > 0 {
		from, before = from+i, before[i:]
	}
	if before[0] == '(' && plainExchanges[before[1:]] {
		return from + 1, true
	}
	loc := exchange.FindStringIndex(before)
	if loc == nil {
		return 0, false
	}
	return from + loc[0], true
}

// plainExchanges are most of those that stand in brackets by themselves.
var plainExchanges = map[string]bool{
	"NASDAQ": true, "Nasdaq": true, "NasdaqGS": true, "NasdaqCM": true, "NASDAQ CM": true, "Nasdaq CM": true,
	"NYSE": true, "NYSE American": true, "NYSE Arca": true, "OTC": true, "OTCQB": true, "OTCQX": true,
}

// noneOfExchange reports whether r stands in no row of exchanges. Beyond ASCII are letters
// that mean one of ASCII in another case, as the sign of the Kelvin.
func noneOfExchange(r rune) bool {
	return r < 0x80 && !asciiLetter(byte(r)) && strings.IndexByte(" \t\n\f\r/,&|-", byte(r)) < 0
}

// endsLikeExchange reports whether text may end in a row of exchanges.
func endsLikeExchange(text string) bool {
	if text == "" {
		return false
	}
	for i := len(text) - 1; i >= max(0, len(text)-16); i-- {
		if text[i] >= 0x80 {
			return true
		}
	}
	for _, end := range exchangeEnds[text[len(text)-1]|0x20] {
		if foldedEnd(text, end) {
			return true
		}
	}
	city := strings.TrimRightFunc(text, func(r rune) bool { return r >= 0x80 || asciiLetter(byte(r)) })
	return len(city) < len(text) && foldedEnd(city, "euronext ")
}

// exchangeEnds are all ends of a row of exchanges but cities of Euronext, in lower case, by
// the last letter.
var exchangeEnds = func() (ends [256][]string) {
	for end := range strings.SplitSeq("nasdaq,gs,gm,cm,cms,nm,select,market,nyse,american,mkt,arca,amex,texas,national,exchange,"+
		"otc,qb,qx,otcid,otc id,otc-id,pk,bb,pink,sheets,markets,group,mkts,link,cboe,bzx,bats,"+
		"tsx,tsxv,tsx v,tsx-v,venture,tse,cse,neo,canada,asx,lse,aim,hkex,sehk,fra,fse,fwb,frankfurt,xetra,euronext,tase,"+
		"six,jse,nse,bse,sgx,bmv,bvl,nzx,ose,toronto,symbol,ticker", ",") {
		last := end[len(end)-1]
		ends[last] = append(ends[last], end)
	}
	return ends
}()

func foldedEnd(text, lower string) bool {
	return len(text) >= len(lower) && strings.EqualFold(text[len(text)-len(lower):], lower)
}

func asciiLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
