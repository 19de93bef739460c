package semanticcache

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"catalyst/internal/news"
)

func TestFacts(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"Revenue up 12% to $45.2M", "Sales rise 12 % to $45.2 million", true},
		{"Revenue up 12% to $45.2M", "Revenue down 12% to $45.2M", false},
		{"raises outlook to $2.10", "raises outlook to $2.01", false},
		{"$45.2M loan", "$45.2B loan", false},
		{"EUR 3 mn", "EUR3 million", true},
		{"1,200 jobs", "1200 jobs", true},
		{"Q3 results", "Q4 results", false},
		{"FDA approves drug", "FDA rejects drug", false},
		{"FDA approves drug", "drug approved by FDA", true},
		{"agrees to merge", "does not agree to merge", false},
		{"the end.", "the end", true},
		{"the company's drug", "the company drug", true},
		{"the drug doesn't work", "the drug does work", false},
		{"", "", true},
	} {
		if got := facts(c.a) == facts(c.b); got != c.same {
			t.Errorf("%q and %q: facts %q and %q, want the same: %v", c.a, c.b, facts(c.a), facts(c.b), c.same)
		}
	}
}

// A word on two sides would be on either, depending on the run.
func TestDirectionsAreOnOneSide(t *testing.T) {
	on := map[string]string{}
	for side, list := range sideWords {
		for _, word := range strings.Fields(list) {
			if other, ok := on[word]; ok {
				t.Errorf("%q is on the sides %s and %s", word, other, side)
			}
			on[word] = side
		}
	}
}

func FuzzDecode(f *testing.F) {
	good, err := encode(&news.Analysis{Direction: news.Bearish, Score: -1}, "12 down")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"v":1}`))
	f.Add([]byte(`{"v":1,"analysis":{"direction":"bullish","cached":{"key":"x"}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, facts, err := decode(data)
		if err != nil {
			return
		}
		if !a.Done() || a.Cached != nil {
			t.Errorf("%+v is no fresh verdict", a)
		}
		again, err := encode(a, facts)
		if err != nil {
			t.Fatal(err)
		}
		b, _, err := decode(again)
		if err != nil {
			t.Fatal(err)
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
