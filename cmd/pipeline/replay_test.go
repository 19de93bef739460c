package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"

	"catalyst"
	"catalyst/internal/broker/embedded"
	"catalyst/internal/replay"
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

// An interrupted replay ends in order and reports what it did.
func TestReplayInterrupted(t *testing.T) {
	t.Parallel()
	var out, log bytes.Buffer
	a := &app{stdio: stdio{strings.NewReader(""), &out, &log}, env: func(string) (string, bool) { return "", false }}
	ctx, cancel := context.WithCancel(t.Context())
	effects := filepath.Join(t.TempDir(), "effects.jsonl")
	root := a.command()
	// The sample begins with three items within half a minute, and then comes a pause.
	root.SetArgs([]string{"replay", "--env-file", "none", "-f", replayedFile(t, 0), "--speed", "60", "--json", "-", "--effects", effects, sampleFile(t, 408)})
	done := make(chan error, 1)
	go func() { done <- root.ExecuteContext(ctx) }()
	time.AfterFunc(2*time.Second, cancel) // a busy machine needs one to start
	if err := <-done; err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	var r replay.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if !r.Interrupted || r.Figures.In == r.Figures.Items || r.Figures.Lost != 0 {
		t.Errorf("interrupted %v, figures %+v; want not all of the items and none lost", r.Interrupted, r.Figures)
	}
	text, err := os.ReadFile(effects)
	if err != nil || bytes.Count(text, []byte(`"step":"announce"`)) != r.Figures.Alerted {
		t.Errorf("%d effects of %d alerts, %v", bytes.Count(text, []byte(`"step":"announce"`)), r.Figures.Alerted, err)
	}
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
