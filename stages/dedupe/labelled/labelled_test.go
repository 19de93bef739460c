package labelled

import (
	"os"
	"strings"
	"testing"

	"catalyst/internal/eval"
	"catalyst/internal/news"
	"catalyst/stages/dedupe"

	"github.com/google/go-cmp/cmp"
)

const cranes = "Acme wins a contract for harbour cranes in Norway"

func TestPairs(t *testing.T) {
	s, err := Read("label\ta\tb\n# a remark\n1\t" + cranes + "\tACME WINS CONTRACT FOR HARBOUR CRANES IN NORWAY\n" +
		"1\t7\t8\t" + cranes + "\tNorway buys cranes\r\n0\tAcme raises dividend to $0.21 a share\tAcme raises dividend to $0.12 a share\n")
	if err != nil {
		t.Fatal(err)
	}
	got := Measure(s, dedupe.DefaultConfig.Near.Rule())[0].Chosen
	want := Point{Similarity: 0.75, Precision: eval.Share{Hits: 1, Of: 1}, Recall: eval.Share{Hits: 1, Of: 2}, Guarded: eval.Share{}}
	if got.Guarded.Of > 0 { // the two dividends share words enough for the guard to be asked
		want.Guarded = eval.Share{Hits: 1, Of: 1}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestItems(t *testing.T) {
	s, err := Read(`{"same":true,"a":{"title":"` + cranes + `","tickers":["ACME"]},"b":{"title":"ACME WINS CONTRACT FOR HARBOUR CRANES IN NORWAY","tickers":["ACME"]}}
{"same":false,"a":{"title":"` + cranes + `","tickers":["ACME"]},"b":{"title":"` + cranes + `","tickers":["BETA"]}}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := Point{Similarity: 0.75, Precision: eval.Share{Hits: 1, Of: 1}, Recall: eval.Share{Hits: 1, Of: 1}}
	if diff := cmp.Diff(want, Measure(s, dedupe.DefaultConfig.Near.Rule())[0].Chosen); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHeadlines(t *testing.T) {
	s, err := Read("TITLE,STORY,TIMESTAMP,TICKERS\n" +
		`"` + cranes + `",one,1000,ACME` + "\n" +
		`"ACME WINS CONTRACT FOR HARBOUR CRANES IN NORWAY",one,2000,ACME` + "\n" +
		`"` + cranes + `",two,3000,BETA` + "\n" +
		`"` + cranes + `",one,1970-01-01T01:00:00Z,ACME` + "\n")
	if err != nil {
		t.Fatal(err)
	}
	curves := Measure(s, dedupe.DefaultConfig.Near.Rule())
	one := eval.Share{Hits: 1, Of: 1}
	if got := curves[0].Chosen; got.Precision != one || got.Recall != one {
		t.Errorf("in groups: precision %v, recall %v; want one of one", got.Precision, got.Recall)
	}
	if got := curves[1].Chosen; got.Precision != (eval.Share{Hits: 1, Of: 2}) || got.Recall != one {
		t.Errorf("all with all: precision %v, recall %v; want one of two, one of one", got.Precision, got.Recall)
	}
	var out strings.Builder
	Print(&out, curves)
	if !strings.Contains(out.String(), "all with all") || !strings.Contains(out.String(), "0.75") {
		t.Error(out.String())
	}
}

func TestWhatIsNoSet(t *testing.T) {
	for _, text := range []string{"", "title,story\na,b", "title,story,timestamp\n", "title,story,timestamp\na,b,yesterday", "2\ta\tb\n2\ta\tb", "1\ta", "# nothing", "label\ta\tb", "{", `{"a":{"title":"x"},"b":{"title":"y"}}`, `{"same":true,"a":{"title":"x"},"b":{}}`} {
		if _, err := Read(text); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

// Thresholds were chosen on these; what was found then must still hold.
func TestRealHeadlines(t *testing.T) {
	for file, least := range map[string]float64{"uci_news.csv": 0.95, "mrpc_pairs.txt": 0.9} {
		text, err := os.ReadFile("../../../../shared/data/eval/" + file)
		if err != nil {
			t.Skip("the labelled data are not here: ", err)
		}
		s, err := Read(string(text))
		if err != nil {
			t.Fatal(err)
		}
		s.read()
		rule := dedupe.DefaultConfig.Near.Rule()
		p := pairs(s.Pairs, rule)
		if len(s.Headlines) > 0 {
			p = stream(s.Headlines, rule, func(h Headline) string { return dedupe.Group(&news.Item{Title: h.Title}) })
		}
		if p.Precision.Value() < least || p.Precision.Of < 50 {
			t.Errorf("%s: precision %v, want %g of fifty or more", file, p.Precision, least)
		}
	}
}

// Of headlines of one template, or with one word exchanged, none is lost as a duplicate, whatever
// the setting.
func TestTemplates(t *testing.T) {
	text, err := os.ReadFile("../../semantic_cache/testdata/pairs.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Read(string(text))
	if err != nil {
		t.Fatal(err)
	}
	c := Measure(s, dedupe.DefaultConfig.Near.Rule())[0]
	for _, p := range append(c.Points, c.Chosen) {
		if p.Precision.Hits != p.Precision.Of {
			t.Errorf("at %g: precision %v, want 1", p.Similarity, p.Precision)
		}
	}
	if c.Chosen.Recall.Value() < 0.2 {
		t.Errorf("recall %v, want 0.2 at least", c.Chosen.Recall)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("1\ta\tb")
	f.Add("title,story,timestamp\na,b,1")
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := Read(text); err == nil && len(s.Pairs)+len(s.Headlines) == 0 {
			t.Error("an empty set and no error")
		}
	})
}
