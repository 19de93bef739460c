package news

import (
	"bytes"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// writeItem is Encode without reflection: it writes what encoding/json writes, byte for
// byte. It reports false for what JSON has no word for, and then encoding/json has to say
// what that is.
func writeItem(it *Item) (payload []byte, ok bool) {
	w := writers.Get().(*writer)
	w.odd = false
	w.out = slices.Grow(w.out[:0], len(it.Body)+len(it.Body)/16)
	w.item(it)
	if cap(w.out) > maxBuffer { // too big to copy, and to keep
		return w.out, !w.odd
	}
	payload, ok = bytes.Clone(w.out), !w.odd // before somebody else gets w
	writers.Put(w)
	return payload, ok
}

// writers are used again, for their buffers: how long an item is one knows when it is
// written, and a payload that waits in a queue is to have no room to spare.
var writers = sync.Pool{New: func() any { return new(writer) }}

const maxBuffer = 64 << 10

func (w *writer) item(it *Item) {
	w.open()
	w.text("key", it.Key)
	w.text("source", it.Source)
	w.text("guid", it.GUID)
	w.text("accession", it.Accession)
	w.text("url", it.URL)
	w.text("title", it.Title)
	w.text("summary", it.Summary)
	w.text("body", it.Body)
	w.time("published", it.Published)
	w.time("received", it.Received)
	w.texts("tickers", it.Tickers)
	w.text("form", it.Form)
	w.texts("items", it.Items)
	w.text("amends", it.Amends)
	w.nonzero("score", it.Score)
	w.texts("reasons", it.Reasons)
	if it.Analysis != nil {
		w.name("analysis")
		w.analysis(it.Analysis)
	}
	writeList(w, "filers", it.Filers, (*writer).filer)
	w.textMap("tickers_from", it.TickersFrom)
	w.text("topic", it.Topic)
	w.nonzero("priority", it.Priority)
	w.texts("figures", it.Figures)
	writeList(w, "seen", it.Seen, (*writer).sighting)
	w.close()
}

func (w *writer) sighting(s *Sighting) {
	w.open()
	w.text("source", s.Source)
	w.text("url", s.URL)
	w.text("title", s.Title)
	w.time("at", s.At)
	w.close()
}

func (w *writer) filer(f *Filer) {
	w.open()
	w.text("name", f.Name)
	w.text("cik", f.CIK)
	w.text("role", f.Role)
	w.close()
}

func (w *writer) analysis(a *Analysis) {
	w.open()
	w.text("unavailable", a.Unavailable)
	w.text("direction", string(a.Direction))
	w.float("score", a.Score)
	w.float("confidence", a.Confidence)
	w.text("signal", a.Signal)
	w.text("reasoning", a.Reasoning)
	w.texts("catalysts", a.Catalysts)
	w.texts("key_figures", a.KeyFigures)
	w.text("risk", a.Risk)
	w.text("urgency", a.Urgency)
	w.text("horizon", a.Horizon)
	writeList(w, "details", a.Details, (*writer).detail)
	w.text("provider", a.Provider)
	w.text("model", a.Model)
	w.text("prompt", a.Prompt)
	w.int("tokens_in", int64(a.TokensIn))
	w.int("tokens_out", int64(a.TokensOut))
	w.int("latency_ns", int64(a.Latency))
	w.time("at", a.At)
	w.texts("unverified", a.Unverified)
	w.text("reason", a.Reason)
	w.int("attempts", int64(a.Attempts))
	if a.Degraded {
		w.name("degraded")
		w.out = append(w.out, "true"...)
	}
	w.int("nano_dollars", a.NanoDollars)
	if a.Cached != nil {
		w.name("cached")
		w.cached(a.Cached)
	}
	w.close()
}

func (w *writer) detail(d *Detail) {
	w.open()
	w.name("name")
	w.string(d.Name)
	w.name("label")
	w.string(d.Label)
	w.name("value")
	w.string(d.Value)
	w.close()
}

func (w *writer) cached(c *Cached) {
	w.open()
	w.name("key")
	w.string(c.Key)
	w.float("similarity", c.Similarity)
	w.time("at", c.At)
	w.close()
}

// A writer appends JSON to out. Once it has met something odd, out is void.
type writer struct {
	out []byte
	odd bool
}

func (w *writer) open()  { w.out = append(w.out, '{') }
func (w *writer) close() { w.out = append(w.out, '}') }

// name begins a field of the object that is open.
func (w *writer) name(name string) { w.out = appendName(w.out, name) }

func (w *writer) string(s string) { w.out = appendString(w.out, s) }

// text writes a field, but not an empty one.
func (w *writer) text(name, s string) {
	if s != "" {
		w.out = appendString(appendName(w.out, name), s)
	}
}

func (w *writer) texts(name string, all []string) {
	writeList(w, name, all, func(w *writer, s *string) { w.string(*s) })
}

func writeList[T any](w *writer, name string, all []T, write func(*writer, *T)) {
	if len(all) == 0 {
		return
	}
	w.name(name)
	w.out = append(w.out, '[')
	for i := range all {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		write(w, &all[i])
	}
	w.out = append(w.out, ']')
}

func (w *writer) textMap(name string, all map[string]string) {
	if len(all) == 0 {
		return
	}
	w.name(name)
	w.open()
	var few [8]string
	keys := slices.AppendSeq(few[:0], maps.Keys(all))
	slices.Sort(keys)
	for i, key := range keys {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.string(key)
		w.out = append(w.out, ':')
		w.string(all[key])
	}
	w.close()
}

func (w *writer) time(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	out, err := t.AppendText(append(appendName(w.out, name), '"'))
	if err != nil {
		w.odd = true
		return
	}
	w.out = append(out, '"')
}

func (w *writer) int(name string, n int64) {
	if n != 0 {
		w.out = strconv.AppendInt(appendName(w.out, name), n, 10)
	}
}

func (w *writer) nonzero(name string, f float64) {
	if f != 0 {
		w.float(name, f)
	}
}

func (w *writer) float(name string, f float64) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		w.odd = true
		return
	}
	w.out = appendFloat(appendName(w.out, name), f)
}

func appendName(out []byte, name string) []byte {
	if out[len(out)-1] != '{' {
		out = append(out, ',')
	}
	out = append(out, '"')
	out = append(out, name...)
	return append(out, '"', ':')
}

// appendFloat writes a number as JavaScript does: with an exponent, and that without zeros
// in front, where it is very big or very small.
func appendFloat(out []byte, f float64) []byte {
	if size := math.Abs(f); size == 0 || 1e-6 <= size && size < 1e21 {
		return strconv.AppendFloat(out, f, 'f', -1, 64)
	}
	out = strconv.AppendFloat(out, f, 'e', -1, 64)
	if n := len(out); string(out[n-4:n-1]) == "e-0" {
		out = append(out[:n-2], out[n-1])
	}
	return out
}

func appendString(out []byte, s string) []byte {
	out = append(out, '"')
	for {
		n := plain(s)
		out = append(out, s[:n]...)
		if n == len(s) {
			return append(out, '"')
		}
		out, s = appendSpecial(out, s[n:])
	}
}

// appendSpecial writes the character at the beginning of s, which is not plain, and
// returns the rest of s.
func appendSpecial(out []byte, s string) ([]byte, string) {
	c := s[0]
	switch {
	case c < utf8.RuneSelf && letters[c] != 0:
		return append(out, '\\', letters[c]), s[1:]
	case c < utf8.RuneSelf:
		return appendEscape(out, rune(c)), s[1:]
	}
	char, n := utf8.DecodeRuneInString(s)
	if char == utf8.RuneError && n == 1 || char == '\u2028' || char == '\u2029' { // the last two end a line of JavaScript
		return appendEscape(out, char), s[n:]
	}
	return append(out, s[:n]...), s[n:]
}

// letters are what stands behind the backslash for those that need no number.
var letters = [utf8.RuneSelf]byte{'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}

func appendEscape(out []byte, char rune) []byte {
	const hex = "0123456789abcdef"
	return append(out, '\\', 'u', hex[char>>12&0xf], hex[char>>8&0xf], hex[char>>4&0xf], hex[char&0xf])
}
