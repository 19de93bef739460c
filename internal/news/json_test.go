package news

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func fullItem() *Item {
	at := time.Date(2025, 11, 20, 21, 5, 0, 123, time.UTC)
	return &Item{
		Key: "acc:0001193125-25-123456", Source: "edgar", GUID: "g-1", Accession: "0001193125-25-123456",
		URL: "https://example.com/a?b=1&c=<2>", Title: "Raises guidance — “strong” 📈", Summary: "s", Body: "line\nline",
		Published: at, Received: at.Add(time.Second), Tickers: []string{"ABCD"}, Form: "8-K", Items: []string{"2.02"},
		Score: -0.35, Reasons: []string{"dilution"},
		Analysis: &Analysis{
			Direction: Bullish, Score: 0.5, Confidence: 0.9, Latency: time.Second, At: at,
			Details: []Detail{{Name: "revenue", Label: "Revenue", Value: "$5 million"}},
			Cached:  &Cached{Key: "k", Similarity: 0.97, At: at},
		},
	}
}

func TestEveryFieldSurvivesEncodeAndDecode(t *testing.T) {
	want := fullItem()
	data, err := Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after a round trip (-want +got):\n%s", diff)
	}
	if strings.Contains(string(data), `\u003c`) || strings.HasSuffix(string(data), "\n") {
		t.Errorf("payload is %q: want it plain and without a line end", data)
	}
}

func TestEncodeRefusesWhatJSONCannotSay(t *testing.T) {
	for name, it := range map[string]*Item{
		"nil":       nil,
		"no number": {Title: "x", Score: math.NaN()},
		"year":      {Title: "x", Published: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if data, err := Encode(it); err == nil {
			t.Errorf("%s: encoded as %s, want an error", name, data)
		}
	}
}

func TestDecodeReadsForeignItems(t *testing.T) {
	at := time.Date(2025, 11, 20, 16, 5, 0, 0, time.UTC)
	for _, test := range []struct {
		name, json string
		want       *Item
	}{
		{"title alone", `{"title":"x"}`, &Item{Title: "x"}},
		{"url alone", `{"url":"https://e.com"}`, &Item{URL: "https://e.com"}},
		{"body alone", `{"body":"x"}`, &Item{Body: "x"}},
		{"key alone", `{"key":"x"}`, &Item{Key: "x"}},
		{"unknown fields", `{"title":"x","author":{"a":[1]},"n":null}`, &Item{Title: "x"}},
		{"space around", " \n{\"title\":\"x\"}\r\n", &Item{Title: "x"}},
		{"RFC 3339 with offset", `{"title":"x","published":"2025-11-20T11:05:00-05:00"}`, &Item{Title: "x", Published: at}},
		{"RFC 1123", `{"title":"x","published":"Thu, 20 Nov 2025 16:05:00 GMT"}`, &Item{Title: "x", Published: at}},
		{"RFC 1123 with number", `{"title":"x","published":"Thu, 20 Nov 2025 18:05:00 +0200"}`, &Item{Title: "x", Published: at}},
		{"American zone", `{"title":"x","published":"Thu, 20 Nov 2025 11:05 EST"}`, &Item{Title: "x", Published: at}},
		{"seconds", `{"title":"x","published":1763654700}`, &Item{Title: "x", Published: at}},
		{"part of a second", `{"title":"x","published":1763654700.5}`, &Item{Title: "x", Published: at.Add(time.Second / 2)}},
		{"no time", `{"title":"x","published":null,"received":""}`, &Item{Title: "x"}},
		{"zero seconds", `{"title":"x","published":0}`, &Item{Title: "x"}},
		{"invalid UTF-8", "{\"title\":\"a\xffb\"}", &Item{Title: "a\ufffdb"}},
		{"lone surrogate", `{"title":"a\ud800b"}`, &Item{Title: "a\ufffdb"}},
		{"NUL", `{"title":"a\u0000b"}`, &Item{Title: "a\ufffdb"}},
		{"escaped backslash before u0000", `{"title":"a\\u0000b\u0000"}`, &Item{Title: "a\\u0000b\ufffd"}},
	} {
		got, err := Decode([]byte(test.json))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestDecodeSaysWhatIsWrong(t *testing.T) {
	for _, test := range []struct{ json, want string }{
		{``, "unexpected end"},
		{`{`, "unexpected end"},
		{`not json`, "invalid character"},
		{`{"title":"x"} {}`, "invalid character"},
		{`null`, "no title, url, body or key"},
		{`{}`, "no title, url, body or key"},
		{`{"summary":"s","published":0}`, "no title, url, body or key"},
		{`[]`, "want a JSON object, not array"},
		{`"x"`, "want a JSON object, not string"},
		{`{"title":7}`, "decode item: title: want string, not number"},
		{`{"title":"x","tickers":"ABC"}`, "item: tickers: want array, not string"},
		{`{"title":"x","tickers":[1]}`, "want string, not number"},
		{`{"title":"x","score":"high"}`, "score: want number, not string"},
		{`{"title":"x","analysis":{"score":"high"}}`, "item: analysis.score: want number"},
		{`{"title":"x","published":"yesterday"}`, `"yesterday" is no time`},
		{`{"title":"x","published":"Thu, 20 Nov 2025 11:05:00 CET"}`, "is no time"},
		{`{"title":"x","published":[2025]}`, "is no time"},
		{`{"title":"x","published":1763654700000}`, "milliseconds"},
		{`{"title":"x","published":"0000-01-01T00:00:00+05:00"}`, "between the years"},
		{strings.Repeat(`{"a":`, 20_000), "depth"},
	} {
		if it, err := Decode([]byte(test.json)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Decode(%.60s) = %+v, %v; want an error that says %q", test.json, it, err, test.want)
		}
	}
}

// What readItem accepts is what encoding/json reads. Whatever Decode accepts can be
// encoded, and stays the same from then on.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"title":"x","published":"Thu, 20 Nov 2025 11:05 EST","tickers":["A"],"analysis":{"score":1,"latency_ns":5}}`,
		`{"url":"https://e.com","published":1763654700.25,"score":-1e-300}`,
		`{"title":"a\u0000\\u0000"}`, "{\"body\":\"\xff\"}", `{"key":"k","received":-62135596801}`, `[`,
	} {
		f.Add([]byte(seed))
	}
	f.Add(encoded(f, fullItem()))
	for _, seed := range slices.Concat(common, odd) {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		readAsEncodingJSON(t, data)
		first, err := Decode(data)
		if err != nil {
			return
		}
		once := encoded(t, first)
		second, err := Decode(once)
		if err != nil {
			t.Fatalf("decode again %s: %v", once, err)
		}
		if again := encoded(t, second); string(once) != string(again) {
			t.Fatalf("encoded again: %s\nwant %s", again, once)
		}
		if strings.ContainsRune(second.Title+second.Body+second.Key, 0) {
			t.Fatalf("a NUL got through: %+v", second)
		}
	})
}
