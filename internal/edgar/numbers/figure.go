package numbers

import (
	"math"
	"strconv"
	"strings"
)

// A figure is a number with a unit: money, a percentage or a count of shares.
type figure struct {
	low, high float64
	unit      string // a currency, [Percent], [Shares], or points for basis points
	signed    bool   // written as negative
	perShare  bool
	share     string // "diluted", "basic", "basic and diluted"
	scaled    bool   // "million" stood behind it
	by        float64
	written   int  // digits as written
	warrants  bool // counts warrants, not shares
	start     int  // tokens
	end       int
}

const points = "points"

func (f figure) money() bool { return len(f.unit) == 3 }

// figureAt reads the figure or the range that begins at list[i]. The zero figure
// says that there is none.
func figureAt(list []token, i int) (figure, bool) {
	f, ok := amountAt(list, i)
	if !ok {
		return rangeOfNumbers(list, i)
	}
	if rangeWord(list, f.start, f.end) {
		f = rangeFrom(list, f)
	}
	return margin(list, f), true
}

// rangeFrom extends a figure to a range: "$1.10 to $1.20", "$1.1-$1.3 million",
// "between $1 and $2". What stands after "from" is no range but a change.
func rangeFrom(list []token, f figure) figure {
	to := f.end
	if f.low != f.high || f.unit == Shares && f.warrants {
		return f
	}
	g, ok := amountAt(list, to+1)
	if !ok {
		g, ok = bareAmount(list, to+1)
		if !ok || g.written > 7 {
			return f
		}
		g.unit, g.start = f.unit, to+1
		if f.scaled && !g.scaled {
			return f
		}
	}
	if g.unit != f.unit || f.perShare && !g.perShare && g.scaled {
		return f
	}
	low := f.low
	if g.scaled && !f.scaled {
		if low >= 1000 {
			return f
		}
		low = fixed(low * g.by)
	}
	if g.low < low && !(low < 0 || g.low < 0) || low > 0 && g.low > 20*low {
		return f
	}
	f.low, f.high, f.end, f.perShare = low, g.low, g.end, f.perShare || g.perShare
	if f.share == "" {
		f.share = g.share
	}
	if f.low > f.high {
		f.low, f.high = f.high, f.low
	}
	f.scaled = f.scaled || g.scaled
	return f
}

// rangeWord reports whether the token at i joins two ends of a range whose first
// one begins at start.
func rangeWord(list []token, start, i int) bool {
	if i >= len(list) {
		return false
	}
	back := start - 1
	for back >= 0 && (approximate[list[back].low] || list[back].low == "of") {
		back--
	}
	before := ""
	if back >= 0 {
		before = list[back].low
	}
	switch list[i].low {
	case "-", "–", "—", "‐", "‑":
		return true
	case "to", "through":
		return before != "from" || back > 0 && ranging[list[back-1].low]
	case "and":
		return before == "between"
	}
	return false
}

var ranging = words("range ranges ranging ranged")

// rangeOfNumbers reads "45 to 46 percent" and "5.0-5.2 million shares", whose first
// number has no unit of its own.
func rangeOfNumbers(list []token, i int) (figure, bool) {
	f, ok := bareAmount(list, i)
	if !ok || i > 0 && list[i-1].glued && list[i-1].low == "-" || !rangeWord(list, i, f.end) {
		return figure{}, false
	}
	g, ok := amountAt(list, f.end+1)
	if !ok || f.scaled != g.scaled && f.scaled || g.money() && list[f.end+1].kind == 'p' {
		return figure{}, false
	}
	if g.scaled && !f.scaled {
		f.low = fixed(f.low * g.by)
	}
	if g.low < f.low {
		return figure{}, false
	}
	g.low, g.high, g.start = f.low, g.low, i
	return g, true
}

// margin reads "plus or minus 2%" behind a figure.
func margin(list []token, f figure) figure {
	i := f.end
	for i < len(list) && i < f.end+3 && (list[i].low == "," || list[i].low == "respectively" || list[i].low == "range") {
		i++
	}
	switch {
	case i+2 < len(list) && list[i].low == "plus" && (list[i+1].low == "or" || list[i+1].low == "/") && list[i+2].low == "minus":
		i += 3
	case i+2 < len(list) && list[i].low == "+" && list[i+1].low == "/" && (list[i+2].low == "-" || list[i+2].low == "–"):
		i += 3
	case i < len(list) && list[i].low == "±":
		i++
	default:
		return f
	}
	by, ok := amountAt(list, i)
	if !ok || f.low != f.high {
		return f
	}
	delta := by.low
	switch {
	case by.unit == Percent && f.money():
		delta = math.Abs(f.low) * by.low / 100
	case by.unit == points && f.unit == Percent:
		delta = by.low / 100
	case by.unit != f.unit:
		return f
	}
	// A tenth of a cent is as far as anything is written.
	f.low, f.high, f.end = round(f.low-delta), round(f.high+delta), by.end
	return f
}

func round(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// amountAt reads one figure with its unit.
func amountAt(list []token, i int) (figure, bool) {
	start := i
	currency, i := currencyAt(list, i)
	if currency != "" {
		return moneyAt(list, start, i, currency)
	}
	if i+3 < len(list) && list[i].low == "(" && list[i+2].low == ")" && list[i+3].low == "%" {
		f, ok := bareAmount(list, i+1)
		f.low, f.high, f.unit, f.signed, f.start, f.end = -f.low, -f.low, Percent, true, i, i+4
		return f, ok
	}
	f, ok := bareAmount(list, i)
	if !ok {
		return figure{}, false
	}
	f.start = start
	if f.end >= len(list) {
		return figure{}, false
	}
	switch low := list[f.end].low; {
	case low == "%" || low == "percent" || low == "pct":
		f.unit = Percent
		f.end++
	case low == "per" && f.end+1 < len(list) && list[f.end+1].low == "cent":
		f.unit = Percent
		f.end += 2
	case low == "basis" && f.end+1 < len(list) && strings.HasPrefix(list[f.end+1].low, "point"):
		f.unit = points
		f.end += 2
	case low == "bps" || low == "bp":
		f.unit = points
		f.end++
	case (low == "cents" || low == "cent") && !f.scaled && f.low < 1000:
		f.unit, f.low = "USD", f.low/100
		f.end++
		f = perShare(list, f)
	case low == "euro" || low == "euros":
		f.unit = "EUR"
		f.end++
		f = perShare(list, f)
	case low == "dollars":
		f.unit = "USD"
		f.end++
		f = perShare(list, f)
	default:
		return sharesAt(list, f)
	}
	if f.unit == Percent && f.end < len(list) && (list[f.end].low == "point" || list[f.end].low == "points" || list[f.end].low == "pts") {
		f.unit = points
		f.end++
	}
	if f.unit == Percent && f.end < len(list) && list[f.end].low == ")" && start > 0 && list[start-1].low == "(" {
		f.signed = true
		f.low = -f.low
		f.start--
		f.end++
	}
	f.high = f.low
	return f, true
}

var currencies = map[string]string{"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}

// dollars are the letters before a dollar sign, and currency codes before a number.
var (
	dollars = map[string]string{"us": "USD", "u": "USD", "c": "CAD", "ca": "CAD", "cad": "CAD", "cdn": "CAD", "a": "AUD", "au": "AUD", "aud": "AUD", "hk": "HKD", "nt": "TWD", "s": "SGD", "nz": "NZD", "r": "BRL", "usd": "USD"}
	codes   = map[string]string{"usd": "USD", "eur": "EUR", "gbp": "GBP", "cad": "CAD", "aud": "AUD", "rmb": "CNY", "cny": "CNY", "chf": "CHF", "jpy": "JPY", "sek": "SEK", "nok": "NOK", "dkk": "DKK", "hkd": "HKD", "inr": "INR", "nis": "ILS"}
)

// currencyAt reads a currency and returns the token behind it.
func currencyAt(list []token, i int) (string, int) {
	if i >= len(list) {
		return "", i
	}
	low := list[i].low
	if code, ok := currencies[low]; ok {
		return code, i + 1
	}
	if i+1 < len(list) && list[i+1].low == "$" && list[i+1].glued && dollars[low] != "" {
		return dollars[low], i + 2
	}
	if code, ok := codes[low]; ok && i+1 < len(list) && (list[i+1].kind == 'n' || list[i+1].low == "$") {
		if list[i+1].low == "$" {
			return code, i + 2
		}
		return code, i + 1
	}
	return "", i
}

// moneyAt reads the amount behind a currency sign: "$1.2 billion", "$(0.12)".
func moneyAt(list []token, start, i int, currency string) (figure, bool) {
	open, minus := start > 0 && list[start-1].low == "(", start > 0 && isMinus(list, start-1)
	if i < len(list) && list[i].low == "(" {
		open = true
		i++
	} else if open {
		// "($0.12)" is negative, "(from $0.12 to …)" and "($0.88 per share …)" are not.
		// "€20 million ($23.1 million)" is the same amount in other words.
		open = false
		if f, ok := bareAmount(list, i); ok && f.end < len(list) && list[f.end].low == ")" && (start == 1 || negatable[list[start-2].low]) {
			open = true
			start--
		}
	}
	if i < len(list) && (list[i].low == "-" || list[i].low == "–" || list[i].low == "−") {
		minus = true
		i++
	}
	f, ok := bareAmount(list, i)
	if !ok {
		return figure{}, false
	}
	if open {
		if f.end >= len(list) || list[f.end].low != ")" {
			return figure{}, false
		}
		f.end++
		if !f.scaled {
			f = scale(list, f)
		}
	}
	if minus && list[start].kind == 'p' && start > 0 && isMinus(list, start-1) {
		start--
	}
	f.start, f.unit = start, currency
	if open || minus {
		f.low, f.signed = 0-math.Abs(f.low), true
	}
	f.high = f.low
	return perShare(list, f), true
}

// negatable are the words before a bracket that stands for a minus.
var negatable = words("of was were to and or is , - – from with versus vs : compared | basic diluted share loss")

// isMinus reports whether the token is a minus that belongs to what follows: one
// that joins two figures is a range.
func isMinus(list []token, i int) bool {
	switch list[i].low {
	case "−":
	case "-":
		if i > 0 && list[i].glued {
			return false
		}
		return i+1 < len(list) && list[i+1].glued
	default:
		return false
	}
	return true
}

// bareAmount reads a number and its scale.
func bareAmount(list []token, i int) (figure, bool) {
	if i >= len(list) || list[i].kind != 'n' {
		return figure{}, false
	}
	text := list[i].low
	v, err := strconv.ParseFloat(strings.ReplaceAll(text, ",", ""), 64)
	if err != nil || v > 1e15 {
		return figure{}, false
	}
	f := figure{low: v, high: v, start: i, end: i + 1, written: len(text)}
	// A footnote mark: "12.5(1) million".
	if i+3 < len(list) && list[i+1].low == "(" && list[i+1].glued && list[i+2].kind == 'n' && len(list[i+2].low) == 1 && list[i+3].low == ")" {
		f.end += 3
	}
	return scale(list, f), true
}

var scales = map[string]float64{
	"thousand": 1e3, "million": 1e6, "millions": 1e6, "billion": 1e9, "billions": 1e9, "trillion": 1e12,
	"mn": 1e6, "mm": 1e6, "bn": 1e9, "mln": 1e6, "bln": 1e9,
}

func scale(list []token, f figure) figure {
	if f.end >= len(list) {
		return f
	}
	next := list[f.end]
	by := scales[next.low]
	if by == 0 && next.glued {
		by = map[string]float64{"m": 1e6, "b": 1e9, "k": 1e3}[next.low]
	}
	if by == 0 {
		return f
	}
	f.low, f.high, f.scaled, f.by = fixed(f.low*by), fixed(f.low*by), true, by
	f.end++
	return f
}

// fixed takes off what binary fractions add: 4.4 × 1e6 is 4400000.000000001.
func fixed(v float64) float64 { return math.Round(v*1e3) / 1e3 }

var shareWords = words("diluted basic common ordinary weighted average fully class outstanding non gaap adjusted of and stock depositary american a b")

// perShare reads "per diluted share", "a share" behind an amount of money.
func perShare(list []token, f figure) figure {
	i := f.end
	if i >= len(list) {
		return f
	}
	switch list[i].low {
	case "per", "each", "/":
	case "a":
		if i+1 < len(list) && list[i+1].low != "share" {
			return f
		}
	default:
		return f
	}
	diluted, basic := false, false
	for i++; i < len(list) && i < f.end+10; i++ {
		switch low := list[i].low; {
		case low == "share" || low == "ads" || low == "unit" || low == "ordinary" && i+1 == len(list):
			f.end, f.perShare = i+1, true
			if !diluted && !basic {
				basic, diluted, f.end = basisBehind(list, f.end)
			}
			f.share = shareBasis(basic, diluted)
			return f
		case low == "diluted":
			diluted = true
		case low == "basic":
			basic = true
		case !shareWords[low]:
			return f
		}
	}
	return f
}

// basisBehind reads "on a diluted basis", "(basic and diluted)" or ", diluted"
// behind "per share".
func basisBehind(list []token, i int) (basic, diluted bool, end int) {
	end = i
	for j := i; j < len(list) && j < i+7; j++ {
		switch list[j].low {
		case "diluted":
			diluted, end = true, j+1
		case "basic":
			basic, end = true, j+1
		case "on", "a", "an", "fully", "and", "(":
		case "basis", ")":
			if end > i {
				return basic, diluted, j + 1
			}
			return false, false, i
		default:
			// "…, diluted earnings of" begins something else.
			return false, false, i
		}
	}
	return false, false, i
}

func shareBasis(basic, diluted bool) string {
	switch {
	case basic && diluted:
		return "basic and diluted"
	case basic:
		return "basic"
	case diluted:
		return "diluted"
	}
	return ""
}

var countWords = words("newly issued additional new common ordinary class a b of restricted american depositary preferred its the pre funded or authorized registered")

// sharesAt reads "5,000,000 shares", "2.5 million common shares", "up to 100,000
// warrants".
func sharesAt(list []token, f figure) (figure, bool) {
	for i := f.end; i < len(list) && i < f.end+5; i++ {
		switch low := list[i].low; {
		case low == "shares" || low == "adss" || low == "ads" || low == "units":
			f.end = i + 1
		case low == "warrants":
			f.end, f.warrants = i+1, true
		case countWords[low]:
			continue
		default:
			return figure{}, false
		}
		f.unit, f.high = Shares, f.low
		return f, f.low >= 100
	}
	return figure{}, false
}

func words(list string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(list) {
		set[word] = true
	}
	return set
}

var approximate = words("approximately about roughly around nearly almost circa some an estimated over exceeding")
