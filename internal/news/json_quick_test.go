package news

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// common are forms that readItem has to know: what Encode writes, and what other programs
// make of the same items.
var common = []string{
	`{}`,
	`{"title":"x","body":""}`,
	" {\t\"title\" : \"x\" , \"score\" : -1.5e3 ,\r\n\"tickers\" : [ \"A\" , \"B\" ] } \n",
	`{"title":"first","title":"second","score":1,"score":0}`,
	`{"title":"“x” 📈","body":"a\"b\\c\/d\b\f\n\r\te\u00e9\u2019\u2028\ud83d\udcc8\uD83D\uDCC8"}`,
	`{"title":"x\\u0000"}`,
	`{"title":"1234567\"","summary":"12345678\\","body":"123456789\u007f` + "\x7f" + `"}`,
	`{"published":"2025-11-20T11:05:00.000000001-05:00","received":"9999-12-31T23:59:59Z"}`,
	`{"analysis":{"score":0,"confidence":1,"at":"2025-11-20T11:05:00+05:30","degraded":false,"cached":{}}}`,
	`{"analysis":{"tokens_in":-9223372036854775808,"tokens_out":-0,"latency_ns":9223372036854775807}}`,
	`{"tickers":[],"seen":[],"filers":[{}],"tickers_from":{}}`,
	`{"tickers_from":{"A":"cik","A":"feed","":""}}`,
	`{"score":-0,"priority":0.1E+2}`, `{"score":1e-400}`, `{"score":4.9e-324,"priority":1.7976931348623157e308}`,
}

// odd are forms that readItem has to leave to encoding/json, right and wrong ones.
var odd = []string{
	``, ` `, `null`, `[]`, `"x"`, `{`, `{"title"`, `{"title":`, `{"title":"x"`, `{"title":"x`, `{"title":"x\`, `{"title":"x\"`,
	`{"title":"x",}`, `{,"title":"x"}`, `{"title":"x" "body":"y"}`, `{"title" "x"}`, `{title:"x"}`, `{"title":"x"}}`, `{"title":"x"} {}`,
	`{"Title":"x"}`, `{"\u0074itle":"x"}`, `{"ſource":"x","key":"k"}`, `{"tic` + "\u212a" + `ers":["A"],"key":"k"}`, // the Kelvin sign is a k
	`{"title":"x","author":"y"}`, `{"title":"x","":1}`, `{"title":"x","Published":5,"published":"2025-11-20T11:05:00Z"}`,
	`{"title":null}`, `{"title":7}`, `{"title":["x"]}`, `{"tickers":"A"}`, `{"tickers":{"A":1}}`, `{"tickers":[1]}`, `{"tickers":["A",]}`, `{"tickers":["A"`, `{"tickers":[`,
	`{"tickers":["A","B"],"tickers":["C"]}`, `{"tickers":["A"],"tickers":[null]}`, `{"tickers":[null]}`, `{"key":"k","tickers":null}`,
	`{"seen":[{"url":"u"}],"seen":[{"title":"t"}],"key":"k"}`, `{"seen":[[]]}`, `{"filers":{}}`,
	`{"analysis":{"risk":"low"},"analysis":{"urgency":"high"},"key":"k"}`, `{"analysis":null,"key":"k"}`, `{"analysis":[]}`, `{"analysis":{"Score":1},"key":"k"}`,
	`{"tickers_from":{"A":"a"},"tickers_from":{"B":"b"},"key":"k"}`, `{"tickers_from":{"\u0041":"a"},"key":"k"}`, `{"tickers_from":{"A":null},"key":"k"}`,
	"{\"tickers_from\":{\"\xff\":\"a\"},\"key\":\"k\"}", "{\"tickers_from\":{\"\n\":\"a\"}}",
	`{"title":"a\u0000b"}`, `{"title":"a\ud800b"}`, `{"title":"\ud800"}`, `{"title":"\udc00\ud800"}`, `{"title":"\ud800\u0041"}`, `{"title":"\ud800dc00"}`, `{"title":"\ud800\ndc00"}`,
	`{"title":"\u12"}`, `{"title":"\u12g4"}`, `{"title":"\u+123"}`, `{"title":"\x41"}`, `{"title":"\U0041"}`, `{"title":"\` + "\xff\"}",
	"{\"title\":\"a\xffb\"}", "{\"title\":\"\xed\xa0\x80\"}", "{\"title\":\"a\x00b\"}", "{\"title\":\"a\nb\"}", "{\"title\":\"12345678\x1f\"}", "\ufeff{\"title\":\"x\"}",
	`{"score":}`, `{"score":01}`, `{"score":-01}`, `{"score":+1}`, `{"score":.5}`, `{"score":-.5}`, `{"score":-}`, `{"score":1.}`, `{"score":1.e5}`, `{"score":1e}`, `{"score":1e+}`,
	`{"score":0x1p-2}`, `{"score":1_000}`, `{"score":Infinity}`, `{"score":NaN}`, `{"score":1e400}`, `{"score":"1"}`, `{"score":1-1}`, `{"score":1.5.5}`, `{"score":true}`,
	`{"analysis":{"tokens_in":1.0}}`, `{"analysis":{"tokens_in":1e3}}`, `{"analysis":{"tokens_in":9223372036854775808}}`, `{"analysis":{"tokens_in":01}}`,
	`{"analysis":{"degraded":1}}`, `{"analysis":{"degraded":truer}}`, `{"analysis":{"degraded":TRUE}}`, `{"analysis":{"degraded":null},"key":"k"}`,
	`{"published":0,"key":"k"}`, `{"published":1763654700.5,"key":"k"}`, `{"published":null,"key":"k"}`, `{"published":"","key":"k"}`, `{"published":" 2025-11-20T11:05:00Z","key":"k"}`,
	`{"published":"Thu, 20 Nov 2025 16:05:00 GMT","key":"k"}`, `{"published":"2025-11-20T11:05:00\u005a","key":"k"}`, `{"published":"yesterday"}`, `{"published":"0000-01-01T00:00:00Z"}`,
	`{"analysis":{"at":"Thu, 20 Nov 2025 16:05:00 GMT"}}`, `{"analysis":{"at":"2025-11-20T11:05:00\u005a"}}`, `{"analysis":{"at":""}}`, `{"analysis":{"at":1}}`,
}

func TestCommonFormsAreReadQuickly(t *testing.T) {
	for _, data := range common {
		if !readAsEncodingJSON(t, []byte(data)) {
			t.Errorf("%s: left to encoding/json", data)
		}
	}
}

func TestOddFormsAreLeftToEncodingJSON(t *testing.T) {
	for _, data := range odd {
		if it, ok := readItem([]byte(data)); ok {
			t.Errorf("%q: read as %+v", data, it)
		}
	}
}

// readAsEncodingJSON reports whether readItem reads data, and compares what it reads.
func readAsEncodingJSON(t *testing.T, data []byte) bool {
	t.Helper()
	got, ok := readItem(data)
	if !ok {
		return false
	}
	want, err := decodeAny(data)
	if err != nil || !reflect.DeepEqual(got, want) { // an empty list is not none, and a zone is not its offset
		t.Errorf("%q: read as %#v; encoding/json has %#v, %v", data, got, want, err)
	}
	return true
}

// The names of an item's fields stand in four places. Here all four are held against each other.
func TestEveryFieldIsReadAndWritten(t *testing.T) {
	n := 0
	next := func() int { n++; return n }
	item := new(Item)
	fill(t, reflect.ValueOf(item).Elem(), maker{
		text:   func() string { return fmt.Sprint("text ", next()) },
		number: func() float64 { return float64(next()) + 0.5 },
		time:   func() time.Time { return time.Unix(int64(next()), 0).UTC() },
		length: func() int { return 2 },
	})
	data := writtenAsByEncodingJSON(t, item)
	got, ok := readItem(data)
	if !ok || !reflect.DeepEqual(got, item) {
		t.Errorf("%s\nread as %+v, %v", data, got, ok)
	}
}

func TestWhatIsEmptyIsWrittenAsByEncodingJSON(t *testing.T) {
	for _, it := range []*Item{
		{},
		{Tickers: []string{}, TickersFrom: map[string]string{}, Seen: []Sighting{}},
		{Tickers: []string{""}, TickersFrom: map[string]string{"": ""}, Seen: []Sighting{{}, {}}, Filers: []Filer{{}}},
		{Analysis: &Analysis{}},
		{Analysis: &Analysis{Cached: &Cached{}, Details: []Detail{{}}}},
		{Published: time.Time{}.In(time.FixedZone("", 3600)), Received: time.Unix(0, 0)},
	} {
		writtenAsByEncodingJSON(t, it)
	}
}

// Ten keys are seldom in order by chance, and more than are sorted without an allocation.
func TestMapsAreWrittenAsByEncodingJSON(t *testing.T) {
	from := map[string]string{}
	for i := range 10 {
		from[fmt.Sprintf("\xff%d", i*7%10)] = fmt.Sprint(i)
		writtenAsByEncodingJSON(t, &Item{TickersFrom: from})
	}
}

func TestTextIsWrittenAsByEncodingJSON(t *testing.T) {
	var all strings.Builder
	for b := range 256 {
		all.WriteByte(byte(b))
	}
	for _, text := range []string{
		all.String(), "\u2027\u2028\u2029\u202a", "\ufffd", "\xe2\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "<b>&", "12345678\"", "1234567\x1f12345678\x7f", "1234567é",
	} {
		for lead := range 9 { // where in eight bytes it stands makes no difference
			writtenAsByEncodingJSON(t, &Item{Title: "12345678"[:lead] + text})
		}
	}
}

func TestNumbersAreWrittenAsByEncodingJSON(t *testing.T) {
	for _, number := range []float64{
		1, -0.5, 0.1 + 0.2, 1e20, 1e21, math.Nextafter(1e21, 0), 1e-6, math.Nextafter(1e-6, 0), -1e-9, 1e-10, 1.5e-7, 1e100, -1e100,
		math.SmallestNonzeroFloat64, math.MaxFloat64, math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1),
	} {
		writtenAsByEncodingJSON(t, &Item{Score: number, Analysis: &Analysis{Confidence: number}})
	}
}

func TestTimesAreWrittenAsByEncodingJSON(t *testing.T) {
	for _, at := range []time.Time{
		time.Date(2026, 1, 8, 17, 0, 1, 0, time.UTC), time.Date(2026, 1, 8, 17, 0, 1, 120_000_000, time.FixedZone("", -5*3600)),
		time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2026, 1, 8, 17, 0, 1, 0, time.FixedZone("", 24*3600)), time.Date(2026, 1, 8, 17, 0, 1, 0, time.FixedZone("", 90)),
	} {
		writtenAsByEncodingJSON(t, &Item{Published: at})
		writtenAsByEncodingJSON(t, &Item{Analysis: &Analysis{At: at}})
	}
}

func TestPayloadsShareNoMemory(t *testing.T) {
	first := encoded(t, &Item{Title: "first"})
	encoded(t, &Item{Title: "other"})
	if string(first) != `{"title":"first"}` {
		t.Errorf("the next item was written over the first: %s", first)
	}
}

// A body's payload is bigger than the buffers that are kept.
func TestBigItemsAreWrittenAsByEncodingJSON(t *testing.T) {
	for _, body := range []string{strings.Repeat("plain text ", maxBuffer), strings.Repeat("\x01", maxBuffer)} {
		writtenAsByEncodingJSON(t, &Item{Body: body})
		writtenAsByEncodingJSON(t, &Item{Body: body, Score: math.NaN()})
	}
}

func FuzzEncode(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("a text \xff of \"some\" length\u2028 and more \x00\x01 of it, so that there is something in most fields"))
	f.Fuzz(func(t *testing.T, data []byte) {
		item := new(Item)
		fill(t, reflect.ValueOf(item).Elem(), makerOf(data))
		if payload := writtenAsByEncodingJSON(t, item); payload != nil {
			readAsEncodingJSON(t, payload)
		}
	})
}

// writtenAsByEncodingJSON encodes an item and compares the payload, and the error, with
// those of encoding/json.
func writtenAsByEncodingJSON(t *testing.T, it *Item) []byte {
	t.Helper()
	want, wantErr := encodeAny(it)
	if _, ok := writeItem(it); ok != (wantErr == nil) {
		t.Errorf("%+v: written: %v; encoding/json says %v", it, ok, wantErr)
	}
	got, err := Encode(it)
	if string(got) != string(want) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Errorf("encoded: %.1000s, %v\nwant     %.1000s, %v", got, err, want, wantErr)
	}
	return got
}

func encoded(t testing.TB, it *Item) []byte {
	t.Helper()
	data, err := Encode(it)
	if err != nil {
		t.Fatalf("encode %+v: %v", it, err)
	}
	return data
}

// A maker makes up what is in an item. A length is that of a list; of 0 there is none.
type maker struct {
	text   func() string
	number func() float64
	time   func() time.Time
	length func() int
}

// makerOf makes items of any bytes. When they have run out, all is zero.
func makerOf(data []byte) maker {
	take := func(n int) []byte {
		n = min(n, len(data))
		taken := data[:n:n]
		data = data[n:]
		return taken
	}
	number := func(size int) uint64 {
		return binary.LittleEndian.Uint64(append(take(size), make([]byte, 8)...)[:8:8])
	}
	return maker{
		text:   func() string { return string(take(int(number(1) % 32))) },
		number: func() float64 { return math.Float64frombits(number(8)) },
		time: func() time.Time {
			zone := time.FixedZone("", int(int16(number(2)))*60)
			return time.Unix(int64(number(5))-62135596800, int64(number(4)%1e9)).In(zone) // the years 1 … 34,000
		},
		length: func() int { return int(number(1) % 3) },
	}
}

// fill sets v, and all that is in it.
func fill(t *testing.T, v reflect.Value, m maker) {
	t.Helper()
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(m.time()))
		return
	}
	part := func(kind reflect.Type) reflect.Value {
		p := reflect.New(kind)
		fill(t, p.Elem(), m)
		return p
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(m.text())
	case reflect.Float64:
		v.SetFloat(m.number())
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(m.number()))
	case reflect.Bool:
		v.SetBool(m.length() > 0)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), m)
		}
	case reflect.Pointer:
		if m.length() > 0 {
			v.Set(part(v.Type().Elem()))
		}
	case reflect.Slice:
		for range m.length() {
			v.Set(reflect.Append(v, part(v.Type().Elem()).Elem()))
		}
	case reflect.Map:
		n := m.length()
		if n > 0 {
			v.Set(reflect.MakeMap(v.Type()))
		}
		for range n {
			v.SetMapIndex(part(v.Type().Key()).Elem(), part(v.Type().Elem()).Elem())
		}
	default:
		t.Fatalf("an item has a %s now: fill has to know what is in one", v.Type())
	}
}
