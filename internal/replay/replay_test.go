package replay

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/internal/llm"
)

func at(second int) time.Time { return time.Unix(int64(second), 0).UTC() }

func TestClockFiresInOrder(t *testing.T) {
	c := NewClock(at(0), nil)
	var got []string
	wait := func(d time.Duration, name string) func() {
		return c.AfterFunc(d, func() { got = append(got, fmt.Sprintf("%s at %d", name, c.Now().Unix())) })
	}
	wait(3*time.Second, "c")
	wait(time.Second, "a")
	stop := wait(2*time.Second, "stopped")
	wait(3*time.Second, "d")
	stop()
	stop()
	for _, waits := c.Next(); waits; _, waits = c.Next() {
		c.Fire()
	}
	c.Fire()
	c.Turn(at(2)) // it never goes back
	if diff := cmp.Diff([]string{"a at 1", "c at 3", "d at 3"}, got); diff != "" || !c.Now().Equal(at(3)) {
		t.Errorf("at %v (-want +got):\n%s", c.Now(), diff)
	}
}

func TestHistoryIsReadInWhateverForm(t *testing.T) {
	text := "\ufeff" + `{"title":"b","published":"1970-01-01T00:00:02Z"}` + "\r\n\n" +
		`{"record":"item","at":"1970-01-01T00:00:01Z","topic":"t","item":{"title":"a","score":3,"analysis":{"direction":"bullish"}}}` + "\n" +
		`{"record":"answer","prompt":"p","text":"x"}` + "\n" +
		`{"title":"without a time"}` + "\n" +
		`{"record":"answer"}` + "\n" + `{"record":"hologram"}` + "\n" + `[]` + "\n" +
		strings.Repeat("x", maxLine+1) + "\n" +
		`{"title":"c","received":"1970-01-01T00:00:03Z","published":"1970-01-01T00:00:00Z"}` + "\n" + `{"title":"half`
	var h History
	if err := h.Read(strings.NewReader(text), "file"); err != nil {
		t.Fatal(err)
	}
	h.Sort()
	var got []string
	for _, e := range h.Events {
		item, err := e.Item()
		if err != nil || item.Analysis != nil || item.Score != 0 || !item.Received.Equal(e.At) {
			t.Errorf("item %+v, %v; want it as its source had it", item, err)
		}
		got = append(got, fmt.Sprint(item.Title, e.At.Unix()))
	}
	// What has no time comes with what was read before it: a record of second 1.
	if diff := cmp.Diff([]string{"a1", "without a time1", "b2", "c3"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(h.Answers) != 1 || h.Rejected != 5 || h.Why == nil || !strings.Contains(h.Why.Error(), "file:6") {
		t.Errorf("%d answers, %d rejected: %v; want 1, 5 and the place of the first", len(h.Answers), h.Rejected, h.Why)
	}
	h.Between(at(2), at(3))
	if len(h.Events) != 1 || h.Events[0].At != at(2) {
		t.Errorf("in [2, 3): %v, want b", h.Events)
	}
}

func FuzzHistory(f *testing.F) {
	f.Add([]byte(`{"record":"item","item":{"title":"a"}}` + "\n" + `{"title":"b"}`))
	f.Add([]byte(`{"record":"answer","prompt":"p","latency_ms":-1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var h History
		if err := h.Read(bytes.NewReader(text), "fuzz"); err != nil {
			t.Fatal(err)
		}
		h.Sort()
		for i, e := range h.Events {
			if _, err := e.Item(); err != nil {
				t.Errorf("event %d was accepted and is no item: %v", i, err)
			}
			if i > 0 && e.At.Before(h.Events[i-1].At) {
				t.Errorf("event %d comes before the one before it", i)
			}
		}
	})
}

func TestFakesDependOnSeedPromptAndProviderOnly(t *testing.T) {
	f := Fake{Seed: 1, Latency: time.Second, Errors: .5}
	ask := func(f Fake, name, prompt string) string {
		r, err := f.Reply(name, llm.Request{Prompt: prompt})
		return fmt.Sprint(r, err)
	}
	failed, faster := 0, 0
	const n = 1000
	for i := range n {
		prompt := fmt.Sprint("item ", i)
		if first, second := ask(f, "a", prompt), ask(f, "a", prompt); first != second {
			t.Fatalf("%s: two answers to one prompt", prompt)
		}
		r, err := f.Reply("a", llm.Request{Prompt: prompt})
		if err != nil {
			failed++
			if policy := llm.AsError(err).Class.Policy(); policy.Counts || policy.Outage || policy.Retry {
				t.Errorf("%v opens a breaker or waits: a replay would not be the same each time", err)
			}
		}
		if r.Latency < time.Second {
			faster++
		}
	}
	if failed < n*4/10 || failed > n*6/10 || faster < n*4/10 || faster > n*6/10 {
		t.Errorf("of %d calls %d failed and %d were faster than the median; want about half", n, failed, faster)
	}
	other := f
	other.Seed = 2
	for name, same := range map[string]bool{
		"seed": ask(f, "a", "x") == ask(other, "a", "x"), "provider": ask(f, "a", "x") == ask(f, "b", "x"),
	} {
		if same {
			t.Errorf("another %s answers the same in the same time", name)
		}
	}
}

func TestRecordedAnswersComeInOrder(t *testing.T) {
	q := llm.Request{Prompt: "x", Timeout: time.Second}
	hash := PromptHash(llm.Request{Prompt: "x"})
	r := NewRecorded(&History{Answers: []Record{
		{Answer: &Answer{Prompt: hash, Provider: "a", Class: llm.Overloaded, RetryAfterMS: 2000}},
		{Answer: &Answer{Prompt: hash, Provider: "a", Model: "m", Text: "yes", LatencyMS: 300}},
	}})
	_, err := r.Reply("a", q)
	var fault *llm.Error
	if !errors.As(err, &fault) || fault.Class != llm.Overloaded || fault.RetryAfter != 2*time.Second {
		t.Errorf("first %v, want that it is overloaded for 2s", err)
	}
	for range 2 {
		got, err := r.Reply("a", q)
		if err != nil || got.Text != "yes" || got.Latency != 300*time.Millisecond {
			t.Errorf("then %+v, %v; want the answer", got, err)
		}
	}
	if got, err := r.Reply("b", q); err != nil || got.Text != "yes" || got.Model != "" {
		t.Errorf("another provider: %+v, %v; want what a said", got, err)
	}
	if _, err := r.Reply("a", llm.Request{Prompt: "y"}); llm.AsError(err).Class.Policy().Outage {
		t.Errorf("a prompt nobody was asked: %v, which parks the item for ever", err)
	}
}

func TestConditionsOfNothing(t *testing.T) {
	f := Figures{In: 7, Cost: 2, Asked: map[string]int{"gemini": 3}}
	for source, want := range map[string]string{
		"cost / analysed > 5":        "true",  // 2 by 0
		"llm_failed / llm_calls > 0": "false", // 0 by 0
		"published % analysed == 0":  "error",
		`asked["nobody"] > 0`:        "false",
		`asked["gemini"] == 3`:       "true",
		"p99_alert_ms > 100":         "false",
		`slowest_stage == ""`:        "true",
		"lsot > 0":                   "refused", "cost": "refused", "lost > \"0\"": "refused", "outcomes[0].n > 0": "refused",
	} {
		got := "refused"
		if c, err := ParseCondition(source); err == nil {
			holds, err := c.Holds(f)
			if got = fmt.Sprint(holds); err != nil {
				got = "error"
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", source, got, want)
		}
	}
	c, err := ParseCondition("changed>0||cost>posts_refused")
	if err != nil || !c.Mentions("changed") || !c.Mentions("posts_refused") || c.Mentions("posts") || c.Mentions("refused") {
		t.Errorf("%v: the names in %s are not told apart", err, c)
	}
}

// A feed can have a date slip by centuries; what JSON cannot write is no report.
func TestHistoryRefusesImpossibleTimes(t *testing.T) {
	for at, taken := range map[string]bool{
		"9999-12-31T23:59:59-12:00": false, "0001-01-01T00:00:01Z": false, "1969-12-31T23:59:59Z": false,
		"1994-05-01T09:00:00-04:00": true, "2100-01-01T00:00:00Z": true, "0001-01-01T00:00:00Z": true, // which is none
	} {
		var h History
		if err := h.Read(strings.NewReader(`{"title":"a","published":"`+at+`"}`), "file"); err != nil {
			t.Fatal(err)
		}
		if (len(h.Events) == 1) != taken || taken == (h.Why != nil) {
			t.Errorf("an item of %s: %d taken, %v", at, len(h.Events), h.Why)
		}
	}
}

// What an interrupt left undone is no difference between two pipelines.
func TestCompareOnlyWhatBothHadDone(t *testing.T) {
	of := func(fates ...string) *Report {
		r := &Report{Interrupted: true}
		for n, fate := range fates {
			r.Outcomes = append(r.Outcomes, Outcome{N: n, Fate: fate})
		}
		return r
	}
	c := Compare(of(Delivered, Delivered, Dropped, Delivered), of(Delivered, Unfinished, Delivered))
	if len(c.Changes) != 1 || c.Changes[0].N != 2 || c.Items != 2 {
		t.Errorf("of %d items changed %+v, want item 2, of the two that both had done", c.Items, c.Changes)
	}
	var text bytes.Buffer
	if err := c.Text(&text, 0); err != nil || !strings.Contains(text.String(), "1 of 2 items changed") {
		t.Errorf("%v in\n%s", err, text.String())
	}
}

// A replay of days keeps no more readings than one of minutes, and forgets no peak.
func TestReadingsAreThinned(t *testing.T) {
	var all []Load
	for i := range int64(1001) {
		all = append(all, Load{AfterMS: i * 250, MemMB: float64(i % 100), cpu: float64(i) * .125})
	}
	all[777].MemMB = 500
	got := thinned(all)
	most := 0.0
	for i, l := range got {
		most = max(most, l.MemMB)
		if l.AfterMS != int64(i)*500 || i > 0 && l.CPU != .5 {
			t.Fatalf("reading %d: %+v, want one each 500 ms, of half a core", i, l)
		}
	}
	if len(got) != 501 || most != 500 {
		t.Errorf("%d readings, %v MB at most; want 501 and the peak of 500", len(got), most)
	}
}

// With a million items a page must still be one that a browser can show.
func TestPagesAreBounded(t *testing.T) {
	const items = shownOutcomes * 3
	a, b := &Report{From: at(0), To: at(9)}, &Report{From: at(0), To: at(9)}
	for n := range items {
		o := Outcome{N: n, Title: "one of very many", Fate: Delivered, VerdictMS: 1}
		a.Outcomes = append(a.Outcomes, o)
		o.VerdictMS, o.Alerted = 2, n%2 == 0
		b.Outcomes = append(b.Outcomes, o)
		b.Hits = append(b.Hits, Hit{N: n, Title: "one of very many"})
	}
	var one, two bytes.Buffer
	if err := errors.Join(b.HTML(&one), Compare(a, b).HTML(&two)); err != nil {
		t.Fatal(err)
	}
	for name, page := range map[string]string{"report": one.String(), "comparison": two.String()} {
		// The items, or those changed and those delayed; and the hits.
		rows, most := strings.Count(page, "one of very many"), 3*shownOutcomes
		if rows < shownOutcomes || rows > most || !strings.Contains(page, fmt.Sprintf("The first %d of %d", shownOutcomes, items)) {
			t.Errorf("the page of the %s has %d rows, want at most %d, and a word about the others", name, rows, most)
		}
	}
}

// Nothing on a page is fetched, and what items say is text.
func TestPagesAskNobody(t *testing.T) {
	const hostile = `<script src="https://evil.example/x.js"></script><img src=x onerror=alert(1)>`
	o := Outcome{Title: hostile, Key: hostile, Fate: Dropped, Stage: hostile, Reason: hostile}
	changed := o
	changed.Alerted, changed.Fate, changed.Provider = true, Delivered, hostile
	r := func(o Outcome) *Report {
		return &Report{File: hostile, From: at(0), To: at(9), Notes: []string{hostile}, Outcomes: []Outcome{o},
			Stages:    []Stage{{Name: hostile, Dropped: map[string]int64{hostile: 1}}},
			Providers: []Use{{Name: hostile, Calls: 1, Failed: map[string]int{hostile: 1}}},
			Hits:      []Hit{{Title: hostile, From: hostile}}, Slices: []Slice{{At: at(0), In: 3, Depth: 2}},
			Load: []Load{{MemMB: 3}, {AfterMS: 1, MemMB: 4, CPU: .5}},
		}
	}
	var one, two bytes.Buffer
	if err := errors.Join(r(o).HTML(&one), Compare(r(o), r(changed)).HTML(&two)); err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{one.String(), two.String()} {
		for _, bad := range []string{"<script", "<img", "<link", "src=\"", "href=", "url(", "@import", "NaN", "Inf"} {
			if strings.Contains(page, bad) {
				t.Errorf("the page has %q in it", bad)
			}
		}
		if !strings.Contains(page, "<svg") || !strings.Contains(page, "&lt;script") || !strings.HasSuffix(page, "</html>\n") {
			t.Error("the page lacks its plots, its text or its end")
		}
	}
	if !strings.Contains(two.String(), "1 of 1 items changed") {
		t.Error("the page of the comparison does not say what changed")
	}
	var text bytes.Buffer
	hostileText := r(o)
	hostileText.Outcomes[0].Title = "\x1b]0;owned\a"
	if err := Compare(hostileText, r(changed)).Text(&text, 0); err != nil || strings.ContainsAny(text.String(), "\x1b\a") {
		t.Errorf("a terminal would obey %q, %v", text.String(), err)
	}
}
