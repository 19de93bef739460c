package likeness

import (
	"strconv"
	"strings"
)

// A reader goes over the tokens of a text and notes facts. What is used up by one
// reading is no material for the next: the 3 of "Q3" is no number.
type reader struct {
	tokens []token
	used   []bool
	Facts
}

// at returns the token at i; one without text where there is none.
func (r *reader) at(i int) token {
	if i < 0 || i >= len(r.tokens) {
		return token{}
	}
	return r.tokens[i]
}

// after returns the index of the next token that is no hyphen, slash or apostrophe.
func (r *reader) after(i int) int {
	i++
	for r.at(i).joins() {
		i++
	}
	return i
}

// before is the same the other way.
func (r *reader) before(i int) int {
	i--
	for r.at(i).joins() {
		i--
	}
	return i
}

func (r *reader) use(from, to int) {
	for i := max(from, 0); i <= to && i < len(r.used); i++ {
		r.used[i] = true
	}
}

// magnitudes are the powers of ten that words and letters behind a number stand for.
var magnitudes = map[string]int{
	"k": 3, "thousand": 3, "lakh": 5, "lakhs": 5,
	"m": 6, "mm": 6, "mn": 6, "mln": 6, "mio": 6, "million": 6, "crore": 7, "crores": 7,
	"b": 9, "bn": 9, "bln": 9, "billion": 9,
	"t": 12, "tn": 12, "trn": 12, "trillion": 12,
}

// units are the words and signs that say what a number counts, by one name each.
var units = map[string]string{
	"$": "usd", "us$": "usd", "usd": "usd", "dollar": "usd", "dollars": "usd",
	"c$": "cad", "cad": "cad", "a$": "aud", "aud": "aud", "hk$": "hkd", "hkd": "hkd", "s$": "sgd", "nt$": "twd",
	"€": "eur", "eur": "eur", "euro": "eur", "euros": "eur",
	"£": "gbp", "gbp": "gbp", "pound": "gbp", "pounds": "gbp", "sterling": "gbp",
	"¥": "jpy", "jpy": "jpy", "yen": "jpy", "yuan": "cny", "cny": "cny", "rmb": "cny", "renminbi": "cny",
	"₹": "inr", "inr": "inr", "rs": "inr", "rupee": "inr", "rupees": "inr",
	"chf": "chf", "franc": "chf", "francs": "chf", "krw": "krw", "won": "krw",
	"%": "%", "percent": "%", "pct": "%", "pc": "%", "percentage": "%",
	"bp": "bp", "bps": "bp", "cent": "cent", "cents": "cent", "c": "cent",
}

// currencies before a number are some of them.
const currencies = "$ € £ ¥ ₹ usd eur gbp jpy cad aud hkd chf inr rs cny rmb krw"

// smallNumbers are numbers in words. "One" is left out: it is seldom a number.
var smallNumbers = map[string]string{
	"two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
	"ten": "10", "eleven": "11", "twelve": "12", "dozen": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15",
	"sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19", "twenty": "20", "thirty": "30",
	"forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90",
}

// numbers notes every number that was not used up.
func (r *reader) numbers() {
	for i := 0; i < len(r.tokens) && len(r.Numbers) < maxFacts; i++ {
		if r.used[i] {
			continue
		}
		if digits, ok := r.digits(i); ok {
			i = r.number(i, digits) - 1
		}
	}
}

// digits is the number that the token at i is, be it in words.
func (r *reader) digits(i int) (string, bool) {
	t := r.at(i)
	if t.number {
		return t.text, true
	}
	if t.is("a one") && magnitudes[r.at(i+1).text] >= 6 && len(r.at(i+1).text) > 3 {
		return "1", true // a billion
	}
	digits, ok := smallNumbers[t.text]
	return digits, ok
}

// number notes the number at i with its magnitude and unit, and returns the index
// behind it.
func (r *reader) number(i int, digits string) int {
	next, power, unit := i+1, 0, r.currency(i)
	if magnitude, at := r.magnitude(i); magnitude != 0 {
		power, next = magnitude, at+1
	}
	if u, at := r.unit(next); u != "" {
		if unit == "" || u != "usd" { // "C$5 million dollars"
			unit = u
		}
		next = at + 1
	}
	switch unit {
	case "cent":
		power, unit = power-2, "usd"
	case "bp":
		power, unit = power-2, "%"
	}
	if t := r.at(i + 1); t.glued && t.is("st nd rd th") {
		unit, next = "th", i+2
	}
	value := canonical(digits, power)
	if r.negative(i) {
		value = "-" + value
	}
	fact := strings.TrimRight(value+" "+unit, " ")
	r.Numbers = add(r.Numbers, fact)
	switch before := r.at(r.leading(i)); {
	case before.is("from versus vs against"):
		r.From = add(r.From, fact)
	case before.is("to"):
		r.To = add(r.To, fact)
	}
	return next
}

// magnitude returns the power of ten that follows the number at i, and where it stands.
func (r *reader) magnitude(i int) (power, at int) {
	at = i + 1
	if r.at(at).is("-") {
		at++ // "30-million-share"
	}
	t := r.at(at)
	if len(t.text) <= 2 && !t.glued && !(t.text == "bn" || t.text == "mn" || t.text == "tn") && r.currency(i) == "" {
		return 0, i // "3 m" may be metres, "$3 m" is not
	}
	return magnitudes[t.text], at
}

// unit returns what the token at i says a number before it counts.
func (r *reader) unit(i int) (string, int) {
	if r.at(i).is("-") {
		i++
	}
	t, second := r.at(i), r.at(i+1)
	switch {
	case t.is("per") && second.is("cent"):
		return "%", i + 1
	case t.is("basis") && second.is("point points"):
		return "bp", i + 1
	case t.is("percentage") && second.is("point points"):
		return "%", i + 1
	case t.is("us") && second.is("dollars cents"):
		return units[second.text], i + 1
	case t.is(currencies) && !t.is("usd eur gbp jpy cad aud hkd chf inr cny rmb krw"):
		return "", i // of the next number: "$3 €4"
	case t.is("c") && !t.glued, t.is("pound pounds won pc"):
		return "", i // 500 pounds of copper, won a contract
	}
	return units[t.text], i
}

// currency returns the currency written before the number at i.
func (r *reader) currency(i int) string {
	t := r.at(i - 1)
	if !t.is(currencies) {
		return ""
	}
	if t.text == "$" && t.glued {
		if unit := units[r.at(i-2).text+"$"]; unit != "" {
			return unit
		}
	}
	return units[t.text]
}

// leading is the index of the token before the number at i, its sign and its currency.
func (r *reader) leading(i int) int {
	i--
	for r.at(i).is(currencies + " - us c a hk about nearly some around roughly approximately") {
		i--
	}
	return i
}

// negative reports whether a minus stands before the number at i: a hyphen with a space
// before it and none behind.
func (r *reader) negative(i int) bool {
	for r.at(i - 1).is("$ € £ ¥") {
		i--
	}
	return r.at(i-1).text == "-" && !r.at(i-1).glued && r.at(i).glued
}

// canonical is digits times a power of ten, the same for the same value: 45.2 million
// and 45,200,000 are 452e5.
func canonical(digits string, power int) string {
	whole, fraction, _ := strings.Cut(digits, ".")
	fraction = strings.ReplaceAll(fraction, ".", "")
	power -= len(fraction)
	all := strings.TrimLeft(whole+fraction, "0")
	short := strings.TrimRight(all, "0")
	if short == "" {
		return "0"
	}
	power += len(all) - len(short)
	if power == 0 {
		return short
	}
	return short + "e" + strconv.Itoa(power)
}
