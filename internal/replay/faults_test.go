package replay

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/llm"
)

// parsed is a script, which must be one.
func parsed(t *testing.T, text string) *Script {
	t.Helper()
	s := new(Script)
	if err := decodeYAML("s.yaml", []byte(text), s); err != nil {
		t.Fatal(err)
	}
	return s
}

// of is a history of items that came at these seconds.
func of(t *testing.T, seconds ...int) *History {
	t.Helper()
	h := new(History)
	for i, s := range seconds {
		if err := h.Add(at(s), time.Time{}, fmt.Appendf(nil, `{"source":"s","guid":"%d","title":"item %d"}`, i+1, i+1)); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// laid is a script over a history, with a clock to turn.
func laid(t *testing.T, text string, h *History) (*History, *Faults, *Clock) {
	t.Helper()
	more, f, err := parsed(t, text).Over(h)
	if err != nil {
		t.Fatal(err)
	}
	c := NewClock(more.Events[0].At, nil)
	f.now = c.Steady
	f.jumps(c)
	return more, f, c
}

// What scripts and scenarios can say is documented, as configuration is.
func TestScriptsAreDocumented(t *testing.T) {
	for _, defaults := range []any{Script{}, Scenario{}} {
		if err := config.CheckStruct(defaults); err != nil {
			t.Error(err)
		}
	}
}

// Every mistake is found at once, each with its place.
func TestScriptsAreChecked(t *testing.T) {
	err := decodeYAML("s.yaml", []byte(`faults:
  - outage: {class: tired}
  - outage: {class: auth}
    stall: {}
  - slow: {least: 9s, most: 4s}
  - loss: {of: [nerves]}
  - flood: {items: 0, source: s, titles: [t], at: 1s, item: 2}
  - clock: {jump: soon}
  - discord: {answer: reset, evry: 2}
`), new(Script))
	for _, want := range []string{
		"s.yaml:2:21", "tired", "s.yaml:3:", "exactly one of", "s.yaml:5:", "most", `"nerves" is none of`, "s.yaml:7:20",
		"leave one out", "s.yaml:8:", "soon", "s.yaml:9:", `did you mean "every"?`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no word of %s in\n%v", want, err)
		}
	}
}

func TestScriptsMustFitTheHistory(t *testing.T) {
	for text, want := range map[string]string{
		"faults: [{stall: {item: 4}}]":                                       "item 4, and the history has 3",
		"faults: [{repeat: {at: 1s, items: 3, every: 1s}}]":                  "only 2 came before",
		"faults: [{repeat: {at: 9s, items: 3, every: 1us, for: 1h}}]":        "more than 1000000",
		"faults: [{loss: {of: [store], item: 7}}]":                           "item 7",
		"faults: [{clock: {jump: 1h}}, {discord: {answer: reset, item: 9}}]": "fault 2",
	} {
		if _, _, err := parsed(t, text).Over(of(t, 0, 1, 9)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if _, _, err := parsed(t, "faults: []").Over(new(History)); err == nil {
		t.Error("a script was laid over nothing")
	}
	err := parsed(t, "faults: [{stall: {providers: [a, b]}}, {sinks: {names: [x], error: down}}]").Unknown([]string{"a"}, []string{"y"})
	if err == nil || strings.Contains(err.Error(), `"a"`) || !strings.Contains(err.Error(), `provider "b"`) || !strings.Contains(err.Error(), `sink "x"`) {
		t.Errorf("%v, want b and x to be unknown", err)
	}
}

// Each fault of models is there in its time, for whom it concerns.
func TestModelsFailInTheirTime(t *testing.T) {
	_, f, c := laid(t, `
faults:
  - outage: {providers: [a], class: overloaded, at: 10s, for: 10s, latency: 1s, retry_after: 7s}
  - malformed: {providers: [b], item: 2, for: 5s, calls: 1}
  - slow: {providers: [b], at: 30s, least: 4s, most: 9s}
  - stall: {at: 100s}
`, of(t, 0, 20, 200))
	next := func(name string, q llm.Request) (llm.Response, error) {
		return llm.Response{Text: name, Latency: time.Second}, nil
	}
	ask := func(second int, name string, q llm.Request) (llm.Response, error) {
		c.Turn(at(second))
		return f.Models(next)(name, q)
	}
	class := func(err error) llm.Class {
		if err == nil {
			return ""
		}
		return llm.AsError(err).Class
	}
	q := llm.Request{Prompt: "p", Timeout: 10 * time.Second}
	for _, test := range []struct {
		second int
		name   string
		text   string
		class  llm.Class
	}{
		{0, "a", "a", ""}, {10, "b", "b", ""}, {10, "a", "", llm.Overloaded}, {20, "a", "a", ""}, // and no longer
		{20, "b", cutOff, ""}, {20, "b", "b", ""}, // one call only
		{40, "b", "b", ""}, {100, "a", "", llm.Timeout}, {100, "b", "b", ""}, // of two faults the first counts
	} {
		r, err := ask(test.second, test.name, q)
		if r.Text != test.text || class(err) != test.class {
			t.Errorf("at %d %s says %q, %v; want %q, %q", test.second, test.name, r.Text, err, test.text, test.class)
		}
	}
	if r, _ := ask(101, "b", q); r.Latency < 4*time.Second || r.Latency > 9*time.Second {
		t.Errorf("slow is %v", r.Latency)
	}
	if _, err := ask(102, "a", llm.Request{Prompt: "p", FirstToken: time.Second}); class(err) != llm.FirstToken {
		t.Errorf("a stall is %v, want that nothing came", err)
	}
	if r, err := f.Models(nil)("a", q); r.Latency != 10*time.Second || class(err) != llm.Timeout {
		t.Errorf("a stall took %v, %v; want as long as the caller waits", r.Latency, err)
	}
	c.Turn(at(200).Add(afterwards))
	if _, err := f.Models(next)("a", q); err != nil {
		t.Errorf("a day after the last item: %v, so that what is parked would wait for ever", err)
	}
}

// A flood is one poll; a repeat is polls of what was there before it, made up or not.
func TestFloodsAndRepeats(t *testing.T) {
	more, _, _ := laid(t, `
faults:
  - flood: {at: 5s, items: 3, source: edgar, form: 8-K, titles: ["{ticker} {n}", "same"]}
  - repeat: {at: 6s, items: 4, every: 60s, for: 2m}
  - flood: {item: 2, items: 2, over: 10s, source: wire, titles: ["x"]}
`, of(t, 0, 20))
	var got []string
	keys := map[string]int{}
	for rest := more.Events; len(rest) > 0; {
		var poll []Event
		poll, rest = nextPoll(rest)
		text := fmt.Sprint(poll[0].At.Unix(), ":")
		for _, e := range poll {
			item, err := e.Item()
			if err != nil {
				t.Fatal(err)
			}
			text += " " + item.Title
			keys[item.Accession+item.GUID]++
		}
		got = append(got, text)
	}
	want := []string{"0: item 1", "5: AAAA 1 same CAAA 3", "20: item 2", "20: x", "25: x", "66: item 1 AAAA 1 same CAAA 3", "126: item 1 AAAA 1 same CAAA 3"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("polls (-want +got):\n%s", diff)
	}
	if len(keys) != 7 {
		t.Errorf("%d different items, want 7: %v", len(keys), keys)
	}
}

// A clock that is set tells another time, and nothing that waits comes sooner or later.
func TestClockJumps(t *testing.T) {
	_, _, c := laid(t, "faults: [{clock: {at: 10s, jump: -2h}}, {clock: {item: 2, jump: 26h}}]", of(t, 0, 30))
	var fired []int64
	c.AfterFunc(20*time.Second, func() { fired = append(fired, c.Steady().Unix()) })
	var told []time.Duration
	for _, second := range []int{9, 25, 40} {
		for next, waits := c.Next(); waits && !next.After(at(second)); next, waits = c.Next() {
			c.Fire()
		}
		c.Turn(at(second))
		told = append(told, c.Now().Sub(at(second)))
	}
	if diff := cmp.Diff([]time.Duration{0, -2 * time.Hour, 24 * time.Hour}, told); diff != "" {
		t.Errorf("ahead (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int64{20}, fired); diff != "" {
		t.Errorf("fired at (-want +got):\n%s", diff)
	}
}

func TestSinksAndConnectionsFail(t *testing.T) {
	_, f, c := laid(t, `
faults:
  - sinks: {names: [discord], error: down, for: 10s}
  - sinks: {error: refused, at: 20s, for: 10s}
  - sinks: {error: failing, at: 40s, for: 10s}
  - loss: {of: [topics, store], at: 20s, for: 10s}
`, of(t, 0))
	if _, down := flows.AsUnavailable(f.sink("discord")); !down || f.sink("console") != nil || f.Lost(Topics) != nil {
		t.Error("at first discord is down, and nothing else")
	}
	c.Turn(at(20))
	if !flows.IsPermanent(f.sink("console")) || f.Lost(Topics) == nil || f.Lost(Stored) == nil || f.Lost(Beside) != nil || !f.back(Topics).Equal(at(30)) {
		t.Errorf("then sinks refuse (%v), and two connections are lost until 30 (%v)", f.sink("console"), f.back(Topics))
	}
	c.Turn(at(40))
	if err := f.sink("console"); !errors.Is(err, errScript) || flows.IsPermanent(err) || f.Lost(Topics) != nil {
		t.Errorf("then sinks fail: %v", err)
	}
	var none *Faults
	if none.sink("x") != nil || none.Lost(Topics) != nil || none.Models(nil) != nil {
		t.Error("no faults are some")
	}
}

// The stand-in knows messages by their nonces, and refuses what Discord would.
func TestDiscordStand(t *testing.T) {
	_, f, _ := laid(t, `
faults:
  - discord: {answer: reset, requests: 1}
  - discord: {answer: rate_limited, requests: 1, wait: 20ms}
`, of(t, 0))
	s, err := Stands(f)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // which asks again by itself
	post := func(body string) int {
		r, err := client.Post(s.URL()+"/api/v10/channels/1/messages", "application/json", strings.NewReader(body))
		if err != nil {
			return 0
		}
		r.Body.Close()
		return r.StatusCode
	}
	const one = `{"nonce":"a","embeds":[{"title":"t"}]}`
	long := func(field string, n int) string {
		return `{"nonce":"l","embeds":[{"` + field + `":"` + strings.Repeat("é", n) + `"}]}`
	}
	var got []int
	for _, body := range []string{
		one, one, one, // taken, and nobody says so; too many; known
		`{"nonce":"b","embeds":[{"title":"t"}]}`, // shown twice
		long("title", 256), long("title", 257), long("description", 4097), `{"embeds":[]}`, `{"embeds":[{"fields":[{"name":"","value":"x"}]}]}`, `no`,
	} {
		got = append(got, post(body))
	}
	if diff := cmp.Diff([]int{0, 429, 200, 200, 200, 400, 400, 400, 400, 400}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	var figures Figures
	if s.Fill(&figures); figures.Posts != 3 || figures.Twice != 1 || figures.Refused != 5 || figures.Troubled != 2 {
		t.Errorf("%d posts, %d twice, %d refused, %d troubled; want 3, 1, 5, 2", figures.Posts, figures.Twice, figures.Refused, figures.Troubled)
	}
}

// A scenario whose claim is about no item proves nothing, and fails.
func TestScenariosCanFail(t *testing.T) {
	s := new(Scenario)
	text := `
doc: d
history: h
must: [lost == 0, alerted > 1, 'asked["a"] == 2']
items: [{of: alerted, must: verdict == "bullish"}, {of: verdict == "x", must: alerted}]
`
	if err := decodeYAML("s.yaml", []byte(text), s); err != nil {
		t.Fatal(err)
	}
	r := &Report{Figures: Figures{Alerted: 1, Asked: map[string]int{"a": 2}}, Outcomes: []Outcome{{Alerted: true, Verdict: "bullish"}, {Alerted: true}}}
	var got []string
	for _, c := range s.Judge(r) {
		got = append(got, fmt.Sprintf("%s: %v", c.Text, c.Err != nil))
	}
	want := []string{"lost == 0: false", "alerted > 1: true", `asked["a"] == 2: false`, `alerted ⇒ verdict == "bullish": true`, `verdict == "x" ⇒ alerted: true`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what fails (-want +got):\n%s", diff)
	}
	if err := decodeYAML("s.yaml", []byte("doc: d\nhistory: h\nmust: [lots == 0]\n"), new(Scenario)); err == nil || !strings.Contains(err.Error(), "s.yaml:3") {
		t.Errorf("%v, want the place of an unknown name", err)
	}
}

func FuzzScript(f *testing.F) {
	f.Add([]byte("faults: [{outage: {class: auth, at: 1s}}, {clock: {jump: -1h}}]"))
	f.Add([]byte("faults: [{flood: {items: 3, source: s, titles: [x]}}, {repeat: {at: 1s, items: 1, every: 1s, for: 3s}}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if bytes.Contains(text, []byte("00000")) {
			t.Skip("a million items take their time")
		}
		s := new(Script)
		if decodeYAML("fuzz.yaml", text, s) != nil {
			return
		}
		more, faults, err := s.Over(of(t, 0, 5))
		if err != nil {
			return
		}
		if len(more.Events) < 2 || len(faults.spans) != len(s.Faults) {
			t.Errorf("%d events, %d spans of %d faults", len(more.Events), len(faults.spans), len(s.Faults))
		}
		for _, e := range more.Events {
			if _, err := e.Item(); err != nil {
				t.Errorf("made up no item: %v", err)
			}
		}
	})
}
