package news

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Where a ticker was found: the values of [Item.TickersFrom].
const (
	FromFeed     = "feed"     // the source said so
	FromXBRL     = "xbrl"     // the cover page of a filing
	FromCIK      = "cik"      // the company that filed, by the SEC's number
	FromExchange = "exchange" // the text, "(NASDAQ: ABC)"
	FromCashtag  = "cashtag"  // the text, "$ABC"
)

// A Mention is a ticker that a text names.
type Mention struct {
	Symbol string
	From   string // FromExchange or FromCashtag
}

// Tickers returns the symbols of [Mentions].
func Tickers(text string) []string {
	var symbols []string
	for _, m := range Mentions(text) {
		symbols = append(symbols, m.Symbol)
	}
	return symbols
}

// Mentions returns the US listings that text names in a form that cannot be an
// ordinary word: after an exchange, "(NASDAQ: ABC)", or as a cashtag, "$ABC".
// They come in the order found, each once, with a hyphen before the class
// of a share: BRK-B.
//
// Only the first 64 KiB, their first 1000 colons and their first 100 listings are read:
// what a text is about stands at its beginning, and text made to keep us busy has nothing
// but these.
// Capitals alone are never a ticker. A listing elsewhere is never a US one:
// "TSX: BGI.UN" is not BGI, and neither is "$BGI.UN".
func Mentions(text string) []Mention {
	text = plainSpaces(cut(text, 64<<10))
	var found []Mention
	add := func(symbol, from string) {
		if symbol != "" && len(found) < 100 && !slices.ContainsFunc(found, func(m Mention) bool { return m.Symbol == symbol }) {
			found = append(found, Mention{symbol, from})
		}
	}
	colons := 1000
	for at, sign := range []byte(text) {
		switch sign {
		case ':':
			if colons--; colons < 0 {
				continue
			}
			if start, ok := exchangeBefore(text, at); ok {
				listed(text, start, at+1, func(symbol string) { add(symbol, FromExchange) })
			}
		case '$':
			add(cashtag(text, at+1), FromCashtag)
		}
	}
	return found
}

// spaces that do not break a line are spaces.
var spaces = strings.NewReplacer("\u00a0", " ", "\u202f", " ", "\u2007", " ")

func plainSpaces(text string) string {
	if !strings.Contains(text, "\u00a0") && !strings.Contains(text, "\u202f") && !strings.Contains(text, "\u2007") {
		return text // as most are; a Replacer looks at each byte
	}
	return spaces.Replace(text)
}

// listed reads the symbols behind the colon at text[start:colon]. Several count only
// inside brackets, where nothing but symbols stands between commas.
func listed(text string, start, colon int, add func(string)) {
	bracketed := inBrackets(text[:start])
	rest := text[colon:]
	for first := true; ; first = false {
		symbol, after := readSymbol(strings.TrimPrefix(strings.TrimLeftFunc(rest, blank), "$"))
		if bracketed && symbol != "" && strings.HasPrefix(after, " ") {
			if class := spacedClass.FindString(after); class != "" {
				symbol, after = symbol+"."+strings.ReplaceAll(class, " ", ""), after[len(class):]
			}
		}
		next := strings.TrimLeftFunc(after, blank)
		switch {
		case !bracketed && capitals(next) > 1 && after != next && wordEnds(next[capitals(next):]): // a headline in capitals
			return
		case symbol == "" || strings.HasPrefix(next, ":"): // prose, or the next exchange
			return
		case first && (bracketed || len(symbol) > 1 || len(next) == len(after)):
		case !first && (next == "" || strings.ContainsRune(")],;/&|", firstRune(next)) || strings.HasPrefix(next, "and ")):
		default: // a word in capitals
			return
		}
		add(usable(symbol))
		switch {
		case !bracketed:
			return
		case strings.HasPrefix(next, "and "):
			rest = next[len("and "):]
		case next != "" && strings.ContainsRune(",;/&|", firstRune(next)):
			rest = next[1:]
		default:
			return
		}
	}
}

// spacedClass is a class behind a space, "ABC PRC", which only the end of a symbol can tell
// from a word.
var spacedClass = regexp.MustCompile(`^ (?:WS|WT|PR ?[A-Z])\b`)

// inBrackets reports whether a bracket is open at the end of text. A parenthesis
// that is this long has lost its end.
func inBrackets(text string) bool {
	const longest = 200
	text = text[max(0, len(text)-longest):]
	return strings.LastIndexAny(text, "([") > strings.LastIndexAny(text, ")]")
}

// notCashtags are units and currencies that follow the sign.
var notCashtags = map[string]bool{
	"K": true, "M": true, "B": true, "MM": true, "MN": true, "BN": true, "I": true,
	"US": true, "USD": true, "CAD": true, "AUD": true, "HKD": true, "SGD": true, "NZD": true,
}

// cashtag returns the symbol behind the sign that ends at text[:at].
func cashtag(text string, at int) string {
	before, _ := utf8.DecodeLastRuneInString(text[:at-1])
	if unicode.IsLetter(before) || unicode.IsDigit(before) || before == '$' { // C$, US$
		return ""
	}
	symbol, _ := readSymbol(text[at:])
	if notCashtags[symbol] {
		return ""
	}
	return usable(symbol)
}

// readSymbol reads one to five capitals and perhaps a suffix, "BRK.B", and returns
// them as they stand. The symbol is empty if s begins with anything else, as a
// longer or mixed word.
func readSymbol(s string) (symbol, rest string) {
	n := capitals(s)
	if n == 0 || n > 5 {
		return "", s
	}
	if n < len(s) && strings.IndexByte(".-/", s[n]) >= 0 {
		suffix := capitals(s[n+1:])
		class := suffix == 1 || suffix > 1 && suffix <= 3 && s[n] != '/' // A/B is a class, AB/CD are two
		if class && wordEnds(s[n+1+suffix:]) {
			return s[:n+1+suffix], s[n+1+suffix:]
		}
	}
	if !wordEnds(s[n:]) {
		return "", s
	}
	return s[:n], s[n:]
}

// classes are the suffixes that name a share, unit, right or warrant of a US
// listing. Others belong to listings elsewhere: SHOP.TO, BGI.UN, BHP.AX.
var classes = map[string]bool{
	"A": true, "B": true, "C": true, "D": true, "K": true,
	"U": true, "R": true, "W": true, "WS": true, "WT": true,
}

// usable returns a symbol with a hyphen before its class, a preferred share's as -PC; empty
// if it is no symbol of a US listing, or stands for none.
func usable(symbol string) string {
	i := strings.IndexAny(symbol, ".-/")
	if i < 0 {
		if symbol == "TBD" || symbol == "TBA" {
			return ""
		}
		return symbol
	}
	class := symbol[i+1:]
	switch {
	case symbol == "N/A":
		return ""
	case classes[class]:
	case len(class) == 3 && class[:2] == "PR":
		class = "P" + class[2:]
	case len(class) == 2 && class[0] == 'P' && symbol[i] == '-': // MC.PA is listed in Paris
	default:
		return ""
	}
	return symbol[:i] + "-" + class
}

// Symbol returns a ticker as a source writes it in the form that [Item.Tickers] has: "brk.b"
// is BRK-B. It is empty for what is no symbol of a US listing.
func Symbol(ticker string) string {
	ticker = strings.ToUpper(strings.TrimPrefix(strings.TrimSpace(spaces.Replace(ticker)), "$"))
	if name, after, ok := strings.Cut(ticker, " "); ok {
		ticker = name + "." + strings.ReplaceAll(after, " ", "")
	}
	symbol, rest := readSymbol(ticker)
	if rest != "" {
		return ""
	}
	return usable(symbol)
}

func capitals(s string) int {
	n := 0
	for n < len(s) && 'A' <= s[n] && s[n] <= 'Z' {
		n++
	}
	return n
}

func wordEnds(s string) bool {
	r := firstRune(s)
	return s == "" || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_'
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

func blank(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`"'“”‘’`, r) }
