package labelled

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	good, bad, none := Sentence{"a, b", true, 1}, Sentence{"c", true, -1}, Sentence{"d", false, 0}
	all := []Sentence{good, bad, none}
	for _, c := range []struct{ name, text string }{
		{"CSV with words", "label,text\npositive,\"a, b\"\nNegative,c\nneutral,d\n"},
		{"CSV with codes", "text,label\n\"a, b\",1\nc,0\nd,2\n"},
		{"CSV with scores, a byte order mark", "\ufeffTitle,ignored,Score\n\"a, b\",x,0.5\nc,x,-0.11\nd,x,0.09\n"},
		{"a list", `[{"headline": "a, b", "sentiment": "bullish"}, {"headline": "c", "sentiment": "bearish"}, {"headline": "d", "sentiment": "drop"}]`},
		{"lines", "{\"text\": \"a, b\", \"label\": 1}\n{\"text\": \"c\", \"label\": 0}\n{\"text\": \"d\", \"label\": 2}\n"},
		{"an object, scores by company", `{"1": {"sentence": "a, b", "info": [{"sentiment_score": "0.9"}, {"sentiment_score": "-0.1"}]},
			"2": {"sentence": "c", "info": [{"sentiment_score": -1}]}, "3": {"sentence": "d", "info": [{"sentiment_score": "0.5"}, {"sentiment_score": "-0.5"}]}}`},
	} {
		got, err := Read([]byte(c.text))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(all, got); diff != "" {
			t.Errorf("%s (−want +got):\n%s", c.name, diff)
		}
	}
	if got, err := Read([]byte(`[{"text": "a", "label": "keep"}]`)); err != nil || !got[0].Polar || got[0].Sign != 0 {
		t.Errorf("keep: %+v, %v; want it polar, without a sign", got, err)
	}
}

func TestReadSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "holds no sentence"},
		{"text,label\n", "holds no sentence"},
		{"a,b\nc,d\n", `the first line is "a,b"; it should name`},
		{"text,label\na\n", "wrong number of fields"},
		{"text,label\na,great\n", `sentence 1: label "great"`},
		{"text,label\na,1\nb,7\n", `sentence 2: label "7"`},
		{"text,label\na,NaN\n", `sentence 1: label "NaN"`},
		{`[1]`, "is no object"},
		{`[{"text": "a"}]`, "has no text"},
		{`{"text": "a"`, "unexpected EOF"},
	} {
		if _, err := Read([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want it to say %q", c.text, err, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("text,label\na,1\nb,2\n"))
	f.Add([]byte(`{"1": {"sentence": "a", "info": [{"sentiment_score": "0.9"}]}}`))
	f.Add([]byte(`[{"text": 1, "label": -0.5}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		sentences, err := Read(text)
		if err != nil {
			return
		}
		if len(sentences) == 0 {
			t.Error("no sentence and no error")
		}
		for _, s := range sentences {
			if !s.Polar && s.Sign != 0 {
				t.Errorf("%+v is neutral with a sign", s)
			}
		}
	})
}

// Four polar of eight, found in this order: polar, neutral and polar together, and so on.
func TestMeasure(t *testing.T) {
	reach := map[string]float64{"a": 0.9, "b": 0.5, "c": 0.5, "d": 0.3, "e": 0.1}
	sentences := []Sentence{
		{"a", true, 1}, {"b", false, 0}, {"c", true, -1}, {"d", true, 1}, {"e", true, 0}, {"f", false, 0}, {"g", false, 0}, {"h", false, 0},
	}
	r := Measure(sentences, func(text string) Opinion {
		return Opinion{Reach: reach[text], Score: reach[text], Goes: reach[text] >= 0.3}
	})
	got := map[string]float64{
		"recall": r.Own.Recall.Value(), "precision": r.Own.Precision.Value(), "dropped": r.Own.Dropped.Value(), "sign": r.Sign.Value(),
		"at 50 %": r.RecallAt(0.5), "at 90 %": r.RecallAt(0.9),
	}
	want := map[string]float64{
		"recall": 0.75, "precision": 0.75, "dropped": 0.5, "sign": 2.0 / 3,
		"at 50 %": 0.75, // a, b, c, d
		"at 90 %": 0.25, // a, for the most part
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(−want +got):\n%s", diff)
	}
	for _, p := range r.Curve {
		if p.Threshold == 0.5 && (p.Recall.Hits != 2 || p.Precision.Of != 3) {
			t.Errorf("at 0.5: %+v, want recall 2 of 4 and precision 2 of 3", p)
		}
	}
	var out bytes.Buffer
	r.Print(&out)
	for _, want := range []string{"8 sentences, 4 of them", "as set      50.0 %  0.750 (3 of 4,", "recall where 50 % are dropped: 0.750"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

func TestEqualReachIsSharedByChance(t *testing.T) {
	var sentences []Sentence
	for i := range 100 {
		sentences = append(sentences, Sentence{Polar: i < 40, Text: strings.Repeat("x", i)})
	}
	r := Measure(sentences, func(string) Opinion { return Opinion{} })
	if got := r.RecallAt(0.7); got != 0.3 {
		t.Errorf("recall %v where all are equal and 70 %% are dropped, want 0.3", got)
	}
}

func TestHalvesAreAllAndDisjoint(t *testing.T) {
	sentences := []Sentence{{Text: "a"}, {Text: "b"}, {Text: "c"}, {Text: "d"}, {Text: "e"}}
	even, odd := Half(sentences, false), Half(sentences, true)
	if len(even)+len(odd) != len(sentences) || len(even) == 0 || len(odd) == 0 {
		t.Errorf("halves of %d and %d", len(even), len(odd))
	}
}
