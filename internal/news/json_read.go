package news

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// readItem is Decode for the form in which items come by the million: the one that
// Encode writes, with white space and any order of fields allowed. It reports false for
// all else (an unknown field, a null, a time that is no RFC 3339, bytes that are no UTF-8,
// every mistake), and then encoding/json has to say what that is. What it does accept it
// reads as encoding/json does, at a fraction of the cost.
//
// Each string is a copy of its own. One copy of the payload for all of them would be
// quicker by a little, but whoever keeps a key would keep the body of a filing with it.
func readItem(data []byte) (*Item, bool) {
	r := reader{data: data}
	it := new(Item)
	r.item(it)
	if r.space(); r.at < len(r.data) {
		r.odd = true
	}
	return it, !r.odd
}

func (r *reader) item(it *Item) {
	for name := range r.fields {
		switch string(name) {
		case "key":
			r.string(&it.Key)
		case "source":
			r.string(&it.Source)
		case "guid":
			r.string(&it.GUID)
		case "accession":
			r.string(&it.Accession)
		case "url":
			r.string(&it.URL)
		case "title":
			r.string(&it.Title)
		case "summary":
			r.string(&it.Summary)
		case "body":
			r.string(&it.Body)
		case "published":
			r.utc(&it.Published)
		case "received":
			r.utc(&it.Received)
		case "tickers":
			readList(r, &it.Tickers, (*reader).string)
		case "form":
			r.string(&it.Form)
		case "items":
			readList(r, &it.Items, (*reader).string)
		case "amends":
			r.string(&it.Amends)
		case "score":
			r.float(&it.Score)
		case "reasons":
			readList(r, &it.Reasons, (*reader).string)
		case "analysis":
			readPointer(r, &it.Analysis, (*reader).analysis)
		case "filers":
			readList(r, &it.Filers, (*reader).filer)
		case "tickers_from":
			r.stringMap(&it.TickersFrom)
		case "topic":
			r.string(&it.Topic)
		case "priority":
			r.float(&it.Priority)
		case "figures":
			readList(r, &it.Figures, (*reader).string)
		case "seen":
			readList(r, &it.Seen, (*reader).sighting)
		default:
			r.odd = true
		}
	}
}

func (r *reader) sighting(s *Sighting) {
	for name := range r.fields {
		switch string(name) {
		case "source":
			r.string(&s.Source)
		case "url":
			r.string(&s.URL)
		case "title":
			r.string(&s.Title)
		case "at":
			r.time(&s.At)
		default:
			r.odd = true
		}
	}
}

func (r *reader) filer(f *Filer) {
	for name := range r.fields {
		switch string(name) {
		case "name":
			r.string(&f.Name)
		case "cik":
			r.string(&f.CIK)
		case "role":
			r.string(&f.Role)
		default:
			r.odd = true
		}
	}
}

func (r *reader) analysis(a *Analysis) {
	for name := range r.fields {
		switch string(name) {
		case "unavailable":
			r.string(&a.Unavailable)
		case "direction":
			r.string((*string)(&a.Direction))
		case "score":
			r.float(&a.Score)
		case "confidence":
			r.float(&a.Confidence)
		case "signal":
			r.string(&a.Signal)
		case "reasoning":
			r.string(&a.Reasoning)
		case "catalysts":
			readList(r, &a.Catalysts, (*reader).string)
		case "key_figures":
			readList(r, &a.KeyFigures, (*reader).string)
		case "risk":
			r.string(&a.Risk)
		case "urgency":
			r.string(&a.Urgency)
		case "horizon":
			r.string(&a.Horizon)
		case "details":
			readList(r, &a.Details, (*reader).detail)
		case "provider":
			r.string(&a.Provider)
		case "model":
			r.string(&a.Model)
		case "prompt":
			r.string(&a.Prompt)
		case "tokens_in":
			readInt(r, &a.TokensIn)
		case "tokens_out":
			readInt(r, &a.TokensOut)
		case "latency_ns":
			readInt(r, &a.Latency)
		case "at":
			r.time(&a.At)
		case "unverified":
			readList(r, &a.Unverified, (*reader).string)
		case "reason":
			r.string(&a.Reason)
		case "attempts":
			readInt(r, &a.Attempts)
		case "degraded":
			r.bool(&a.Degraded)
		case "nano_dollars":
			readInt(r, &a.NanoDollars)
		case "cached":
			readPointer(r, &a.Cached, (*reader).cached)
		default:
			r.odd = true
		}
	}
}

func (r *reader) detail(d *Detail) {
	for name := range r.fields {
		switch string(name) {
		case "name":
			r.string(&d.Name)
		case "label":
			r.string(&d.Label)
		case "value":
			r.string(&d.Value)
		default:
			r.odd = true
		}
	}
}

func (r *reader) cached(c *Cached) {
	for name := range r.fields {
		switch string(name) {
		case "key":
			r.string(&c.Key)
		case "similarity":
			r.float(&c.Similarity)
		case "at":
			r.time(&c.At)
		default:
			r.odd = true
		}
	}
}

// A reader reads JSON from front to back. Once it has met something odd, what it has read
// is void.
type reader struct {
	data []byte
	at   int // where the next byte is
	odd  bool
}

// space skips white space.
func (r *reader) space() {
	for r.at < len(r.data) {
		switch r.data[r.at] {
		case ' ', '\n', '\t', '\r':
			r.at++
		default:
			return
		}
	}
}

// take skips c, and white space before it, if that is what comes next.
func (r *reader) take(c byte) bool {
	if r.space(); r.at < len(r.data) && r.data[r.at] == c {
		r.at++
		return true
	}
	return false
}

// want is take where there is no choice.
func (r *reader) want(c byte) {
	if !r.take(c) {
		r.odd = true
	}
}

// fields goes through the object that comes next and yields the names of its fields, as
// they are written. The loop's body reads the value.
func (r *reader) fields(yield func(name []byte) bool) {
	r.want('{')
	for more := !r.take('}'); more && !r.odd; more = r.more('}') {
		name, _ := r.quoted()
		r.want(':')
		if r.odd || !yield(name) {
			return
		}
	}
}

// more reports whether a comma comes next, and not the end of what is read.
func (r *reader) more(end byte) bool {
	if r.take(',') {
		return true
	}
	r.want(end)
	return false
}

// readList reads an array. A field that comes twice is odd: encoding/json reads the second
// into the first.
func readList[T any](r *reader, into *[]T, read func(*reader, *T)) {
	if *into != nil {
		r.odd = true
	}
	r.want('[')
	list := []T{} // an empty array is not nil
	for more := !r.take(']'); more && !r.odd; more = r.more(']') {
		var zero T
		list = append(list, zero)
		read(r, &list[len(list)-1])
	}
	*into = list
}

// readPointer reads an object that is not always there.
func readPointer[T any](r *reader, into **T, read func(*reader, *T)) {
	if *into != nil {
		r.odd = true
	}
	*into = new(T)
	read(r, *into)
}

func (r *reader) stringMap(into *map[string]string) {
	if *into != nil {
		r.odd = true
	}
	*into = map[string]string{}
	for name := range r.fields {
		if plain(name) < len(name) {
			r.odd = true
		}
		var value string
		r.string(&value)
		(*into)[string(name)] = value
	}
}

func (r *reader) string(into *string) {
	raw, escapes := r.quoted()
	if escapes {
		*into = r.unescape(raw)
	} else {
		*into = string(raw)
	}
}

// time reads a time as time.Time's own UnmarshalJSON does.
func (r *reader) time(into *time.Time) {
	raw, escapes := r.quoted()
	if escapes || r.odd || into.UnmarshalText(raw) != nil {
		r.odd = true
	}
}

// utc reads a time as [ParseTime] does.
func (r *reader) utc(into *time.Time) {
	r.time(into)
	*into = into.UTC()
	if year := into.Year(); year < 1 || year > 9999 {
		r.odd = true
	}
}

func (r *reader) float(into *float64) {
	f, err := strconv.ParseFloat(string(r.number()), 64)
	if err != nil {
		r.odd = true
	}
	*into = f
}

func readInt[T ~int | ~int64](r *reader, into *T) {
	n, err := strconv.ParseInt(string(r.number()), 10, 64)
	if *into = T(n); err != nil || int64(*into) != n {
		r.odd = true
	}
}

// number returns the number that comes next, as it is written. JSON has fewer ways to
// write one than package strconv reads: no plus sign, no zero and no point in front, and a
// digit behind the point.
func (r *reader) number() []byte {
	r.space()
	start := r.at
	for r.at < len(r.data) && (isDigit(r.data[r.at]) || strings.IndexByte("-+.eE", r.data[r.at]) >= 0) {
		r.at++
	}
	raw := r.data[start:r.at]
	digits := bytes.TrimPrefix(raw, []byte("-"))
	_, decimals, point := bytes.Cut(digits, []byte("."))
	if !startsWithDigit(digits) || digits[0] == '0' && startsWithDigit(digits[1:]) || point && !startsWithDigit(decimals) {
		r.odd = true
	}
	return raw
}

func startsWithDigit(text []byte) bool { return len(text) > 0 && isDigit(text[0]) }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (r *reader) bool(into *bool) {
	r.space()
	switch rest := r.data[r.at:]; {
	case bytes.HasPrefix(rest, []byte("true")):
		*into = true
		r.at += len("true")
	case bytes.HasPrefix(rest, []byte("false")):
		*into = false
		r.at += len("false")
	default:
		r.odd = true
	}
}

// quoted returns what is between the quotes of the string that comes next, which is UTF-8
// without control characters, and whether there are escapes in it.
func (r *reader) quoted() (raw []byte, escapes bool) {
	r.want('"')
	for i := r.at; i < len(r.data); {
		switch c := r.data[i]; {
		case c == '"':
			raw, r.at = r.data[r.at:i], i+1
			return raw, escapes
		case c == '\\':
			escapes = true
			i += 2 // whatever is escaped, it is not the end
		case c < ' ':
			r.odd = true
			return nil, false
		case c < utf8.RuneSelf:
			i += plain(r.data[i:])
		default:
			char, n := utf8.DecodeRune(r.data[i:])
			if char == utf8.RuneError && n == 1 {
				r.odd = true
				return nil, false
			}
			i += n
		}
	}
	r.odd = true
	return nil, false
}

// unescape returns what a string with escapes says.
func (r *reader) unescape(raw []byte) string {
	var out strings.Builder
	out.Grow(len(raw))
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			out.Write(raw)
			return out.String()
		}
		out.Write(raw[:i])
		letter := raw[i+1] // quoted has seen that there is one
		raw = raw[i+2:]
		if c := escaped[letter]; c != 0 {
			out.WriteByte(c)
			continue
		}
		char, n := escapedRune(raw)
		if letter != 'u' || n == 0 {
			r.odd = true
			return ""
		}
		out.WriteRune(char)
		raw = raw[n:]
	}
}

// escaped is what a letter behind a backslash stands for, if it is not the u of a number.
var escaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escapedRune returns the character that is written in hexadecimal behind a \u, or as a
// surrogate pair, and how many bytes that takes: none for a NUL, half a pair and what is
// no number.
func escapedRune(raw []byte) (rune, int) {
	char, ok := hex4(raw)
	switch {
	case !ok || char == 0:
		return 0, 0
	case !utf16.IsSurrogate(char):
		return char, 4
	}
	rest, paired := bytes.CutPrefix(raw[4:], []byte(`\u`))
	low, ok := hex4(rest)
	char = utf16.DecodeRune(char, low)
	if !paired || !ok || char == utf8.RuneError {
		return 0, 0
	}
	return char, len(`d83d\udcc8`)
}

func hex4(raw []byte) (rune, bool) {
	if len(raw) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(raw[:4]), 16, 16)
	return rune(n), err == nil
}
