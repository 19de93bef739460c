package llm_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"catalyst/internal/llm"
	"catalyst/internal/news"
)

// on is good as the verdict on an item, with another reasoning.
func on(item any, reasoning string) string {
	return fmt.Sprintf(`{"item":%v,%s`, item, strings.TrimPrefix(strings.Replace(good, "Shares are sold below the market.", reasoning, 1), "{"))
}

func list(verdicts ...string) string { return `{"verdicts":[` + strings.Join(verdicts, ",") + `]}` }

func TestParseAnswers(t *testing.T) {
	items := []*news.Item{{Title: "one"}, {Title: "two"}, {Title: "three"}}
	all := []string{"A", "B", "C"}
	for name, c := range map[string]struct {
		text string
		want []string // reasonings; empty is no verdict
		why  string   // a part of the error
	}{
		"in order":             {list(on(1, "A"), on(2, "B"), on(3, "C")), all, ""},
		"in another order":     {list(on(3, "C"), on(1, "A"), on(2, "B")), all, ""},
		"fenced":               {"```json\n" + list(on(1, "A"), on(2, "B"), on(3, "C")) + "\n```", all, ""},
		"numbers as texts":     {list(on(`"1"`, "A"), on(`"item 2"`, "B"), on(`"#3"`, "C")), all, ""},
		"a bare list":          {"[" + on(1, "A") + "," + on(2, "B") + "," + on(3, "C") + "]", all, ""},
		"one after the other":  {on(1, "A") + "\n" + on(2, "B") + "\n" + on(3, "C"), all, ""},
		"one missing":          {list(on(1, "A"), on(3, "C")), []string{"A", "", "C"}, "item 2: no verdict"},
		"one twice":            {list(on(1, "A"), on(2, "B"), on(2, "B"), on(3, "C")), []string{"A", "", "C"}, "item 2: more than one"},
		"one not asked":        {list(on(1, "A"), on(2, "B"), on(3, "C"), on(4, "D")), all, "not asked"},
		"item nought":          {list(on(0, "A"), on(2, "B"), on(3, "C")), []string{"", "B", "C"}, "not asked"},
		"half a number":        {list(on(1.5, "A"), on(2, "B"), on(3, "C")), []string{"", "B", "C"}, "not asked"},
		"without a number":     {list(good, on(2, "B"), on(3, "C")), []string{"", "B", "C"}, "not asked"},
		"one out of range":     {list(on(1, "A"), strings.Replace(on(2, "B"), "-0.8", "-8", 1), on(3, "C")), []string{"A", "", "C"}, "item 2: score"},
		"one is no object":     {list(on(1, "A"), `"item 2 is bearish"`, on(3, "C")), []string{"A", "", "C"}, "item 2: no verdict"},
		"none has a number":    {list(good, good, good), []string{"", "", ""}, "names its item"},
		"an empty list":        {list(), []string{"", "", ""}, "names its item"},
		"no list":              {`{"verdicts":{}}`, []string{"", "", ""}, "other than a list"},
		"a verdict beside it":  {list(on(1, "A")) + " direction: bullish", []string{"", "", ""}, "more than one list"},
		"two lists":            {list(on(1, "A")) + list(on(2, "B")), []string{"", "", ""}, "more than one list"},
		"cut off":              {list(on(1, "A"), on(2, "B"))[:len(list(on(1, "A")))+40], []string{"", "", ""}, ""},
		"prose":                {"I cannot.", []string{"", "", ""}, "no JSON object"},
		"one verdict for many": {good, []string{"", "", ""}, "names its item"},
	} {
		got, err := anyPrompt.ParseAnswers(c.text, items)
		if len(got) != len(items) {
			t.Errorf("%s: %d verdicts for %d items", name, len(got), len(items))
			continue
		}
		complete := true
		for i, a := range got {
			reasoning := ""
			if a != nil {
				reasoning = a.Reasoning
				if !a.Done() || a.Score != -0.8 {
					t.Errorf("%s: item %d: %+v", name, i+1, a)
				}
			}
			if reasoning != c.want[i] {
				t.Errorf("%s: item %d has %q, want %q", name, i+1, reasoning, c.want[i])
			}
			complete = complete && a != nil
		}
		var e *llm.Error
		switch {
		case err != nil && (!errors.As(err, &e) || e.Class != llm.BadJSON || !strings.Contains(err.Error(), c.why)):
			t.Errorf("%s: error %v, want class bad_json with %q", name, err, c.why)
		case err == nil && (!complete || c.why != ""):
			t.Errorf("%s: no error, want one with %q", name, c.why)
		}
	}
}

// About one item a request asks for one verdict, so that is what is read.
func TestParseAnswersOfOne(t *testing.T) {
	got, err := anyPrompt.ParseAnswers(good, []*news.Item{{}})
	if err != nil || len(got) != 1 || got[0] == nil {
		t.Fatalf("got %v, error %v", got, err)
	}
	got, err = anyPrompt.ParseAnswers(list(on(1, "A")), []*news.Item{{}})
	if err == nil || len(got) != 1 || got[0] != nil {
		t.Errorf("a list for one item: got %v, error %v", got, err)
	}
}

// What one item says of another is no fact of the other.
func TestEachVerdictIsComparedWithItsOwnItem(t *testing.T) {
	items := []*news.Item{{Title: "Acme raises $30 million"}, {Title: "Tesla (NASDAQ: TSLA)"}}
	got, err := anyPrompt.ParseAnswers(list(on(1, "$TSLA"), on(2, "It raises $30 million.")), items)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"[$40 million $TSLA]", "[$30 million $40 million]"} {
		if s := fmt.Sprint(got[i].Unverified); s != want {
			t.Errorf("item %d: unverified %s, want %s", i+1, s, want)
		}
	}
}

func FuzzParseAnswers(f *testing.F) {
	for _, s := range []string{list(on(1, "A"), on(2, "B")), on(1, "A") + on(2, "B"), list(), good, `{"verdicts":[{"item":1e99}]}`} {
		f.Add(s)
	}
	items := []*news.Item{fuzzItem, {Title: "another"}}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := anyPrompt.ParseAnswers(text, items)
		if len(got) != len(items) {
			t.Fatalf("%d verdicts for %d items", len(got), len(items))
		}
		for _, a := range got {
			if a != nil {
				checkVerdict(t, *a)
			} else if err == nil {
				t.Error("a verdict is missing without an error")
			}
		}
	})
}

// The work is in proportion to what is read, whatever that is: a megabyte of an item, and one of
// an answer, made to be read again and again.
func TestAnswersAreReadInLinearTime(t *testing.T) {
	many := func(s string) string { return strings.Repeat(s, 1<<20/len(s)) }
	claims := strings.Repeat("$77,001 88% $ABC phase 3 ", 40)
	for name, c := range map[string]struct{ text, body string }{
		"digits":           {good, many("9")},
		"zeros":            {good, many("0")},
		"zeros and points": {good, many("0.")},
		"thousands":        {good, many("4,444,")},
		"ranges":           {good, many("4-4-")},
		"currencies":       {good, many("$ US$")},
		"numerals":         {saying(claims), "in thousands, in millions " + many("four twenty-")},
		"claims":           {saying(claims), "in thousands, in millions " + many("77 ABCD phase ")},
		"half tickers":     {saying("$AAAA"), many("A")},
		"planted":          {saying(claims), `{"direction": "reasoning"` + many("$77,001 8")},
		"open objects":     {many(`{"a":[`), ""},
		"open texts":       {many(`{"a`), ""},
		"many fields":      {many(`{"a":{"a":{"a":{"b":1,`), ""},
		"long texts":       {strings.Repeat(`{"a":"`+strings.Repeat("x", 1<<16)+`"} `, 16), ""},
		"slashes":          {`{"a":"` + many(`\`), ""},
		"words":            {good + many("direction "), ""},
	} {
		start := time.Now()
		item := &news.Item{Body: c.body}
		anyPrompt.ParseAnswer(c.text, item)
		anyPrompt.ParseAnswers(c.text, []*news.Item{item, item})
		if took := time.Since(start); took > 5*time.Second { // most take milliseconds, none half a second
			t.Errorf("%s: %v", name, took)
		} else {
			t.Log(name, took)
		}
	}
}
