package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"

	"catalyst"
	"catalyst/flows"
	"catalyst/internal/broker/embedded"
	"catalyst/internal/intake"
	"catalyst/internal/replay"
	"catalyst/stages/prescale"
)

// replays runs the command in this process, with nothing in its environment.
func replays(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	var out, log bytes.Buffer
	a := &app{stdio: stdio{strings.NewReader(""), &out, &log}, env: func(string) (string, bool) { return "", false }}
	root := a.command()
	root.SetArgs(append([]string{"replay", "--env-file", "none"}, args...))
	err = root.ExecuteContext(t.Context())
	return out.String(), err
}

func replayReport[T replay.Report | replay.Comparison](t *testing.T, args ...string) *T {
	t.Helper()
	out, err := replays(t, append(args, "--json", "-")...)
	if err != nil {
		t.Fatal(err)
	}
	report := new(T)
	if err := json.Unmarshal([]byte(out), report); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return report
}

// The stages that depend on time, on one another and on a model, and a threshold.
const replayed = `
name: replayed
stages:
  - dedupe: {window: 1h}
  - filter: {keep: 'len(title) >= %d', reason: short}
  - announce: {sink: console}
  - topic: news.analyse
  - batch: {size: 3, wait: 2s}
  - semantic_cache: {similarity: 0.95, ttl: 2h}
  - llm_router: {tiers: [openai]}
  - remember
sinks:
  - console
providers:
  - openai: {model: gpt-5-nano}
`

// sampleFile is the beginning of the sample.
func sampleFile(t *testing.T, items int) string {
	lines := strings.SplitAfterN(string(catalyst.Sample), "\n", items+1)
	return write(t, t.TempDir(), "sample.jsonl", strings.Join(lines[:min(items, len(lines))], ""))
}

func replayedFile(t *testing.T, least int) string {
	return write(t, t.TempDir(), "pipeline.yaml", fmt.Sprintf(replayed, least))
}

// All that is said to be the same must be, to the byte, however fast it goes.
func TestReplayIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	pipeline, sample := write(t, t.TempDir(), "pipeline.yaml", string(catalyst.Pipeline)), sampleFile(t, 408)
	outcomes := func(args ...string) string {
		r := replayReport[replay.Report](t, append([]string{"-f", pipeline, "--llm-errors", "0.1", sample}, args...)...)
		if f := r.Figures; f.In != 408 || f.Lost != 0 || f.Analysed == 0 || f.Cached == 0 || f.CallsFailed == 0 || f.Duplicates == 0 {
			t.Fatalf("figures %+v: want 408 items, none lost, and something of everything", f)
		}
		text, err := json.MarshalIndent(r.Outcomes, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	first := outcomes()
	if diff := cmp.Diff(first, outcomes()); diff != "" {
		t.Errorf("the second time (-first +second):\n%s", diff)
	}
	if diff := cmp.Diff(first, outcomes("--speed", "200000")); diff != "" {
		t.Errorf("at 200,000 times (-first +second):\n%s", diff)
	}
	if outcomes("--seed", "2") == first {
		t.Error("another seed changes nothing")
	}
}

// Two files that differ in one threshold: exactly the items between the two change.
func TestCompareShowsExactlyWhatChanged(t *testing.T) {
	t.Parallel()
	sample := sampleFile(t, 200)
	c := replayReport[replay.Comparison](t, "-f", replayedFile(t, 50), "--compare", replayedFile(t, 60), sample)
	want := map[int]bool{}
	for _, o := range c.A.Outcomes {
		if n := len(o.Title); o.Stage != "dedupe" && n >= 50 && n < 60 {
			want[o.N] = true
		}
	}
	if len(want) < 10 {
		t.Fatalf("only %d items lie between the thresholds: the test shows nothing", len(want))
	}
	for _, ch := range c.Changes {
		if !want[ch.N] {
			// An item that would have been served from the cache by one that is gone is
			// asked about now; nothing else may follow.
			if ch.A.CachedFrom == "" || ch.B.Provider == "" {
				t.Errorf("item %d (%v) is said to have changed: %+v, %+v", ch.N, ch.What, ch.A, ch.B)
			}
			continue
		}
		delete(want, ch.N)
		if !ch.A.Alerted || ch.B.Alerted || ch.B.Stage != "filter" {
			t.Errorf("item %d: alerted %v, then %v by %s; want alerted, then dropped by filter", ch.N, ch.A.Alerted, ch.B.Fate, ch.B.Stage)
		}
	}
	if len(want) > 0 {
		t.Errorf("items %v changed, and nobody says so", want)
	}
	if same := replayReport[replay.Comparison](t, "-f", replayedFile(t, 50), "--compare", replayedFile(t, 50), sample); len(same.Changes)+len(same.Delayed) > 0 {
		t.Errorf("%d items changed between equal files, of %d the delay", len(same.Changes), len(same.Delayed))
	}
	text, err := replays(t, "-f", replayedFile(t, 50), "--compare", replayedFile(t, 60), "--show", "3", sample)
	if err != nil || !strings.Contains(text, "dropped by filter") || !strings.Contains(text, fmt.Sprintf("%d of 200 items changed", len(c.Changes))) {
		t.Errorf("as text, %v:\n%s", err, text)
	}
}

// The same with the stage that scores items: two thresholds of prescale, with nothing behind it by
// which one item could bear on another. What changes is what prescale itself, asked
// about each item, puts between the two, and nothing else.
func TestCompareOfThresholdsChangesWhatLiesBetween(t *testing.T) {
	t.Parallel()
	const text = `
name: thresholds
stages:
  - prescale: {min: %g}
  - announce: {sink: console}
  - topic: news.analyse
  - batch: {size: 5, wait: 2s}
  - llm_router: {tiers: [openai]}
sinks:
  - console
providers:
  - openai: {model: gpt-5-nano}
`
	const lower, upper = 0.2, 0.35
	file := func(least float64) string {
		return write(t, t.TempDir(), "pipeline.yaml", fmt.Sprintf(text, least))
	}
	var h replay.History
	if err := h.Read(bytes.NewReader(catalyst.Sample), "sample"); err != nil {
		t.Fatal(err)
	}
	h.Sort()
	goesOn := func(least float64, e replay.Event) bool {
		config := prescale.DefaultConfig
		config.Min = least
		stage, err := prescale.Kind().New(&flows.Build{Logger: slog.New(slog.DiscardHandler)}, config)
		if err != nil {
			t.Fatal(err)
		}
		item, err := e.Item()
		if err != nil {
			t.Fatal(err)
		}
		intake.Prepare(item, "replay")
		passed, err := stage.Process(t.Context(), []*flows.Message{flows.NewMessage("1", item)})
		if err != nil {
			t.Fatal(err)
		}
		return len(passed) > 0
	}
	var want, got []int
	var different bytes.Buffer
	texts := map[string]bool{}
	for _, e := range h.Events {
		item, err := e.Item()
		if err != nil {
			t.Fatal(err)
		}
		text := item.Title + item.Summary
		if texts[text] {
			continue // equal items share an answer: one of them bears on the other
		}
		if len(texts) == 200 {
			break
		}
		if goesOn(lower, e) && !goesOn(upper, e) {
			want = append(want, len(texts))
		}
		texts[text] = true
		json.NewEncoder(&different).Encode(item)
	}
	c := replayReport[replay.Comparison](t, "-f", file(lower), "--compare", file(upper), write(t, t.TempDir(), "h.jsonl", different.String()))
	for _, ch := range c.Changes {
		got = append(got, ch.N)
		if !slices.Equal(ch.What, []string{"alerted", "fate", "verdict", "provider", "cost", "delay"}) || !ch.A.Alerted || ch.B.Stage != "prescale" {
			t.Errorf("item %d changed in %v, then %+v; want it alerted and judged, then dropped by prescale", ch.N, ch.What, ch.B)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 10 {
		t.Errorf("%d items lie between the thresholds; changed (-want +got):\n%s", len(want), diff)
	}
}

// With everything that makes one item bear on another, what is said to have changed is what
// differs between two replays of their own, field by field.
func TestCompareIsTheDifferenceOfTwoReplays(t *testing.T) {
	t.Parallel()
	sample := sampleFile(t, 150)
	file := func(least string) string {
		return write(t, t.TempDir(), "pipeline.yaml", strings.Replace(string(catalyst.Pipeline), "${MISTRAL_MIN_PRESCALE:-0.20}", least, 1))
	}
	a, b := file("0.20"), file("0.25")
	c := replayReport[replay.Comparison](t, "-f", a, "--compare", b, sample)
	one, two := replayReport[replay.Report](t, "-f", a, sample), replayReport[replay.Report](t, "-f", b, sample)
	// What comes of an item, but for when, and of which equal item its verdict is.
	fields := func(o replay.Outcome) []any {
		return []any{o.Alerted, o.Fate, o.Stage, o.Verdict, o.Score, o.Confidence, o.Provider, o.Model, o.CachedFrom != "", o.NanoDollars, o.TokensIn, o.TokensOut}
	}
	var want, got, late, gotLate []int
	for n := range one.Outcomes {
		x, y := one.Outcomes[n], two.Outcomes[n]
		switch {
		case !cmp.Equal(fields(x), fields(y)):
			want = append(want, n)
		case x.AlertMS != y.AlertMS || x.VerdictMS != y.VerdictMS:
			late = append(late, n)
		}
	}
	for _, ch := range c.Changes {
		got = append(got, ch.N)
	}
	for _, ch := range c.Delayed {
		gotLate = append(gotLate, ch.N)
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Errorf("%d items differ; changed (-want +got):\n%s", len(want), diff)
	}
	if diff := cmp.Diff(late, gotLate); diff != "" {
		t.Errorf("delayed (-want +got):\n%s", diff)
	}
}

// Windows and times to live count in the time of the replay.
func TestReplayLivesInTheTimeOfItsItems(t *testing.T) {
	t.Parallel()
	line := func(at, guid, title string) string {
		return fmt.Sprintf(`{"source":"s","guid":%q,"title":%q,"tickers":["ACME"],"published":"2025-12-01T%sZ"}`+"\n", guid, title, at)
	}
	const news = "Acme wins a contract from a customer that everybody knows about"
	history := write(t, t.TempDir(), "h.jsonl", ""+
		line("09:00:00", "a", news)+
		line("09:00:01", "b", "Another company altogether reports a loss of $3 million for the quarter")+ // waits with it
		line("09:59:59", "a", news)+ // within the window
		line("10:00:01", "a", news)+ // the window is over, the verdict is not
		line("12:00:30", "a", news)) // and now that is over too
	r := replayReport[replay.Report](t, "-f", replayedFile(t, 0), "--llm-latency", "0", history)
	var got []string
	for _, o := range r.Outcomes {
		what := o.Stage
		if o.Fate == replay.Delivered {
			what = fmt.Sprintf("%s after %v", o.Verdict, time.Duration(o.VerdictMS)*time.Millisecond)
		}
		got = append(got, what)
	}
	want := []string{"bullish after 2s", "bearish after 1s", "dedupe", "bullish after 2s", "bullish after 2s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if r.Figures.Calls != 3 {
		t.Errorf("%d calls to the model, want 3: the fourth item finds the verdict of the first, and the fifth does not", r.Figures.Calls)
	}
}

func TestReplayTouchesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	production := filepath.Join(dir, "production.db")
	pipeline := write(t, dir, "pipeline.yaml", fmt.Sprintf("broker: sqlite://%[1]s\nstore: sqlite://%[1]s\n", filepath.ToSlash(production))+fmt.Sprintf(replayed, 0))
	out, err := replays(t, "-f", pipeline, sampleFile(t, 60))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(production); err == nil {
		t.Error("the pipeline's own file was made")
	}
	if !strings.Contains(out, "sinks record") || strings.Contains(out, "│") {
		t.Errorf("alerts were shown:\n%s", out)
	}
}

// Whatever the pipeline names, servers, models, Discord, EDGAR, hears nothing of a replay.
func TestReplayAsksNobody(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var asked atomic.Int64
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			asked.Add(1)
			c.Close()
		}
	}()
	address := l.Addr().String()
	env := map[string]string{
		"REDIS_URL": "redis://" + address + "/0", "DATABASE_URL": "postgres://user:pass@" + address + "/news",
		"DISCORD_TOKEN": "token", "DISCORD_CHANNEL": "42", "OPERATOR_CHANNEL": "43", "EDGAR_CONTACT": "Somebody somebody@example.com",
		"GEMINI_API_KEY": "key", "ANTHROPIC_API_KEY": "key", "OPENAI_API_KEY": "key",
	}
	for _, name := range []string{"DISCORD_API_URL", "OLLAMA_URL", "GEMINI_API_URL", "ANTHROPIC_API_URL", "OPENAI_API_URL", "EDGAR_URL"} {
		env[name] = "http://" + address
	}
	pipeline := write(t, t.TempDir(), "pipeline.yaml", string(catalyst.Pipeline))
	var out, log bytes.Buffer
	a := &app{stdio: stdio{strings.NewReader(""), &out, &log}, env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	root := a.command()
	root.SetArgs([]string{"replay", "--env-file", "none", "-f", pipeline, "--fail-if", "lost > 0 || alerted == 0 || analysed == 0", sampleFile(t, 60)})
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Errorf("%v\n%s%s", err, out.String(), log.String())
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d connections were made by a replay, want none", n)
	}
}

// What is wrong is found before anything is run, all of it.
func TestReplayRefuses(t *testing.T) {
	t.Parallel()
	sample, pipeline := sampleFile(t, 9), replayedFile(t, 0)
	for _, test := range []struct{ args, want string }{
		{"", "replay what?"},
		{"--fail-if lots>0 " + sample, "unknown name lots"},
		{"--fail-if cost " + sample, "--fail-if"},
		{"--speed fast --llm none --sinks fake " + sample, "--speed"},
		{"--speed fast --llm none --sinks fake " + sample, "--llm"},
		{"--speed fast --llm none --sinks fake " + sample, "--sinks"},
		{"--llm-errors 2 " + sample, "--llm-errors"},
		{"--topic a --poison", "choose one"},
		{"--from 17-0 " + sample, "position"},
		{"nowhere.jsonl", "nowhere.jsonl"},
		{"--compare nowhere.yaml " + sample, "nowhere.yaml"},
		{"--from 2030-01-01 " + sample, "nothing to replay"},
		{"--topic x --from yesterday", "--from"},
		{"--speed 1e-9 " + sample, "--speed"},
		{"--speed NaN " + sample, "--speed"},
		{"--llm recorded " + sample, "no answers"},
		{"--fail-if changed>0 " + sample, "--compare"},
		{"--fail-if posted_twice>0 " + sample, "--sinks stand"},
		{"--html " + filepath.Join("nowhere", "r.html") + " " + sample, "r.html"},
		{"--json " + filepath.Join("nowhere", "r.json") + " " + sample, "r.json"},
	} {
		_, err := replays(t, append([]string{"-f", pipeline}, strings.Fields(test.args)...)...)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("replay %s: %v, want %q", test.args, err, test.want)
		}
	}
}

func TestReplayFailsIfTold(t *testing.T) {
	t.Parallel()
	args := []string{"-f", replayedFile(t, 0), sampleFile(t, 60)}
	for condition, fails := range map[string]bool{
		"lost > 0 || poisoned > 0": false,
		"published == 60":          true,
		"cost > 0.001 && lost < 1": true,
	} {
		_, err := replays(t, append(args, "--fail-if", condition)...)
		if (err != nil) != fails {
			t.Errorf("--fail-if %q: %v, want failure %v", condition, err, fails)
		}
	}
}

// A topic is replayed from one position to another, both of which may have gone from it.
func TestPositionsOfATopic(t *testing.T) {
	for _, test := range []struct {
		bound, stored string
		want          int
	}{
		{"1700000000000-0", "1700000000000-0", 0}, {"1700000000000-1", "1700000000000-0", -1}, {"1700000000000-9", "1700000000000-10", 1},
		{"1700000000000", "1700000000000-7", 0}, {"1700000000000", "1699999999999-9", -1}, {"1700000000000", "1700000000001-0", 1},
		{"9", "10", 1}, {"10", "10", 0}, {"10", "9", -1}, {"18446744073709551615-1", "18446744073709551615-0", -1},
	} {
		p, at, err := moment(test.bound)
		if err != nil || p == nil || !at.IsZero() {
			t.Fatalf("%s is taken for the time %v, %v", test.bound, at, err)
		}
		if got := p.compare(test.stored); got != test.want {
			t.Errorf("%s lies %d of %s, want %d", test.stored, got, test.bound, test.want)
		}
	}
	for _, text := range []string{"2h", "2026-11-19", "2026-11-19T13:00", "2026-11-19T13:00:00Z", "2026-11-19T13:00:00+02:00"} {
		if p, at, err := moment(text); p != nil || at.IsZero() || err != nil {
			t.Errorf("%s is taken for a position %v, %v", text, p, err)
		}
	}
	for _, text := range []string{"yesterday", "17-x", "-5-0", "99999999999999999999"} {
		if p, at, err := moment(text); err == nil {
			t.Errorf("%s is taken for %v or %v", text, p, at)
		}
	}
}

func TestReplayOfATopicFromAPosition(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	database := filepath.Join(dir, "p.db")
	pipeline := write(t, dir, "pipeline.yaml", fmt.Sprintf("broker: sqlite://%[1]s\nstore: sqlite://%[1]s\n", filepath.ToSlash(database))+fmt.Sprintf(replayed, 0))
	inProcess(t, nil, "migrate", "-f", pipeline)
	b, err := embedded.Open(t.Context(), database, embedded.Options{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for n := range 6 {
		if err := b.Publisher().Publish("news", message.NewMessage(fmt.Sprint(n), fmt.Appendf(nil, `{"guid":"%d","title":"Item %d"}`, n, n))); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := b.Browse(t.Context(), "news", "", 10)
	if err != nil || len(stored) != 6 {
		t.Fatalf("%d messages, %v", len(stored), err)
	}
	if _, err := b.Delete(t.Context(), "news", stored[1].Position); err != nil { // it begins with what is not there
		t.Fatal(err)
	}
	r := replayReport[replay.Report](t, "-f", pipeline, "--topic", "news", "--from", stored[1].Position, "--to", stored[4].Position)
	var got []string
	for _, o := range r.Outcomes {
		got = append(got, o.Title)
	}
	if diff := cmp.Diff([]string{"Item 2", "Item 3", "Item 4"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Of what has no verdict the report says why, and with several sinks as with one.
func TestReplaySaysWhyThereIsNoVerdict(t *testing.T) {
	t.Parallel()
	text := strings.Replace(fmt.Sprintf(replayed, 0), "sinks:\n  - console\n", "sinks:\n  - console\n  - console: {name: second}\n  - console: {name: third}\n", 1)
	other := write(t, t.TempDir(), "answers.jsonl", `{"record":"answer","prompt":"of something else","text":"{}"}`)
	r := replayReport[replay.Report](t, "-f", write(t, t.TempDir(), "pipeline.yaml", text), "--llm", "recorded", sampleFile(t, 40), other)
	unavailable := 0
	for _, o := range r.Outcomes {
		if o.Fate != replay.Delivered {
			continue
		}
		unavailable++
		if o.Verdict != "unavailable" || !strings.Contains(o.Reason, "recorded") || o.Stage != "" {
			t.Errorf("outcome %+v: want why there is no verdict, and no stage that decided", o)
		}
	}
	if unavailable == 0 || unavailable != r.Figures.Unavailable {
		t.Errorf("%d items without a verdict, and %d in the figures", unavailable, r.Figures.Unavailable)
	}
}

// An interrupted replay ends in order and reports what it did.
func TestReplayInterrupted(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	log := &onWord{word: "llm_route", then: cancel} // something has gone the whole way
	a := &app{stdio: stdio{strings.NewReader(""), &out, log}, env: func(string) (string, bool) { return "", false }}
	effects := filepath.Join(t.TempDir(), "effects.jsonl")
	root := a.command()
	// The sample begins with three items within half a minute, and then comes a pause.
	root.SetArgs([]string{"replay", "--env-file", "none", "-f", replayedFile(t, 0), "--speed", "60", "--log-level", "debug", "--json", "-", "--effects", effects, sampleFile(t, 408)})
	if err := root.ExecuteContext(ctx); err != nil {
		t.Fatalf("%v\n%s", err, log.all.String())
	}
	var r replay.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if !r.Interrupted || r.Figures.In == 0 || r.Figures.In == r.Figures.Items || r.Figures.Lost != 0 {
		t.Errorf("interrupted %v, figures %+v; want not all of the items and none lost", r.Interrupted, r.Figures)
	}
	text, err := os.ReadFile(effects)
	if err != nil || bytes.Count(text, []byte(`"step":"announce"`)) != r.Figures.Alerted {
		t.Errorf("%d effects of %d alerts, %v", bytes.Count(text, []byte(`"step":"announce"`)), r.Figures.Alerted, err)
	}
}

// onWord is a log that calls then when it is given word.
type onWord struct {
	word string
	then func()

	mu  sync.Mutex
	all bytes.Buffer
}

func (w *onWord) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if bytes.Contains(text, []byte(w.word)) {
		w.then()
	}
	return w.all.Write(text)
}

// What kept failing is replayed from the poison topic, which keeps it, and fails again.
func TestReplayOfPoison(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	database := filepath.Join(dir, "p.db")
	pipeline := write(t, dir, "pipeline.yaml", fmt.Sprintf("broker: sqlite://%[1]s\nstore: sqlite://%[1]s\n", filepath.ToSlash(database))+
		strings.Replace(fmt.Sprintf(replayed, 0), "len(title) >= 0", `tickers[3] != "A"`, 1)) // which fails where there are fewer
	inProcess(t, nil, "migrate", "-f", pipeline)
	b, err := embedded.Open(t.Context(), database, embedded.Options{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Publisher().Publish("news.poison", message.NewMessage("1", []byte(`{"guid":"1","title":"Short"}`)), message.NewMessage("2", []byte(`no item`))); err != nil {
		t.Fatal(err)
	}
	r := replayReport[replay.Report](t, "-f", pipeline, "--poison")
	if f := r.Figures; f.In != 1 || f.Poisoned != 1 || f.Rejected != 1 || f.Lost != 0 {
		t.Errorf("%+v, want one poisoned again and one that is no item", f)
	}
	if o := r.Outcomes[0]; o.Fate != replay.Poisoned || o.Stage != "filter" || o.Reason == "" {
		t.Errorf("outcome %+v, want where it failed and why", o)
	}
	if n, err := b.Len(t.Context(), "news.poison"); n != 2 || err != nil {
		t.Errorf("the poison topic has %d messages, %v; want both", n, err)
	}
}
