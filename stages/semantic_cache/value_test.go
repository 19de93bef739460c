package semanticcache

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"catalyst/internal/news"
)

func FuzzDecode(f *testing.F) {
	good, err := encode(&news.Analysis{Direction: news.Bearish, Score: -1}, subject{Tickers: "HRBR", Text: "up 12%"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"v":2}`))
	f.Add([]byte(`{"v":2,"analysis":{"direction":"bullish","cached":{"key":"x"}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, about, err := decode(data)
		if err != nil {
			return
		}
		if !a.Done() || a.Cached != nil {
			t.Errorf("%+v is no fresh verdict", a)
		}
		again, err := encode(a, about)
		if err != nil {
			t.Fatal(err)
		}
		b, same, err := decode(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(about, same); diff != "" {
			t.Errorf("encoded and decoded (−before +after):\n%s", diff)
		}
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("encoded and decoded (−before +after):\n%s", diff)
		}
		var v any
		if err := json.Unmarshal(again, &v); err != nil {
			t.Error(err)
		}
	})
}
