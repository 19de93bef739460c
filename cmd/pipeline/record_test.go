package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"

	"catalyst/internal/broker/embedded"
	"catalyst/internal/llm/llmtest"
	"catalyst/internal/replay"
)

// inProcess runs a command of the program, with nothing but env in its environment.
func inProcess(t *testing.T, env map[string]string, args ...string) string {
	t.Helper()
	var out, log bytes.Buffer
	a := &app{stdio: stdio{strings.NewReader(""), &out, &log}, env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	root := a.command()
	root.SetArgs(append(args, "--env-file", "none"))
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, log.String())
	}
	return out.String()
}

// What a run recorded, replayed with the answers recorded, comes to the same verdicts.
func TestARecordedRunIsReplayed(t *testing.T) {
	model := llmtest.NewOpenAI()
	defer model.Close()
	dir := t.TempDir()
	items := `{"guid":"1","title":"Acme wins a record contract, says the token sesame-7281-open","tickers":["ACME"]}` + "\n" +
		`{"guid":"2","title":"Beta reports a loss and an investigation into its accounts","tickers":["BETA"]}` + "\n"
	database := filepath.ToSlash(filepath.Join(dir, "run.db"))
	pipeline := write(t, dir, "pipeline.yaml", fmt.Sprintf(`
name: recorded
broker: sqlite://%[1]s
store: sqlite://%[1]s
sources:
  - jsonl: {path: %[2]s}
stages:
  - dedupe
  - topic: news.analyse
  - llm_router: {tiers: [openai]}
sinks:
  - console
providers:
  - openai: {base_url: "${URL}", key: "${KEY}", model: gpt-5-nano}
http: {listen: "off"}
`, database, filepath.ToSlash(write(t, dir, "items.jsonl", items))))
	env := map[string]string{"URL": model.URL, "KEY": "sesame-7281-open"}
	tape := filepath.Join(dir, "tape.jsonl")
	inProcess(t, env, "run", "-f", pipeline, "--record", tape)

	text, err := os.ReadFile(tape)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("\n")); n != 4 || bytes.Count(text, []byte(`"record":"answer"`)) != 2 {
		t.Fatalf("%d records, want two items and two answers:\n%s", n, text)
	}
	if bytes.Contains(text, []byte("sesame-7281-open")) {
		t.Errorf("the recording has a secret:\n%s", text)
	}

	model.Close() // nobody is there to be asked
	out := inProcess(t, env, "replay", "-f", pipeline, "--llm", "recorded", "--json", "-", tape)
	var r replay.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, o := range r.Outcomes {
		got = append(got, o.Verdict)
	}
	// The first prompt had the secret in it, which the recording has not: no recorded answer
	// is of it, and none is made up.
	if diff := cmp.Diff([]string{"unavailable", "bearish"}, got); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}

	// The same with an outage before each answer: a key that is refused is left alone for
	// a quarter of an hour, which the replay does not wait for in the time of day.
	outage := regexp.MustCompile(`(?m)^.*"record":"answer".*$`).ReplaceAllStringFunc(string(text), func(line string) string {
		var a replay.Record
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		a.Class, a.Status, a.Text = "auth", 401, ""
		refused, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		return string(refused) + "\n" + line
	})
	for range 2 {
		out = inProcess(t, env, "replay", "-f", pipeline, "--llm", "recorded", "--json", "-", write(t, dir, "outage.jsonl", outage))
		r = replay.Report{}
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatal(err)
		}
		o := r.Outcomes[1]
		if took := time.Duration(o.VerdictMS) * time.Millisecond; o.Verdict != "bearish" || took.Round(time.Minute) != 15*time.Minute || r.Figures.Lost != 0 {
			t.Errorf("%s after %v, %d lost; want bearish after 15m, none lost", o.Verdict, took, r.Figures.Lost)
		}
	}
}

// Recording a topic takes nothing from it, and what is no item is kept for what it is.
func TestRecordATopic(t *testing.T) {
	dir := t.TempDir()
	database := filepath.Join(dir, "p.db")
	pipeline := write(t, dir, "pipeline.yaml", fmt.Sprintf("broker: sqlite://%[1]s\nstore: sqlite://%[1]s\n", filepath.ToSlash(database))+fmt.Sprintf(replayed, 0))
	inProcess(t, nil, "migrate", "-f", pipeline)
	b, err := embedded.Open(t.Context(), database, embedded.Options{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, payload := range []string{`{"guid":"1","title":"One item of some length, published somewhere"}`, `{"guid":"2","title":"Another item of some length, published too"}`} {
		if err := b.Publisher().Publish("news.raw", message.NewMessage(payload[9:10], []byte(payload))); err != nil {
			t.Fatal(err)
		}
	}
	tape := filepath.Join(dir, "tape.jsonl")
	inProcess(t, nil, "record", "news.raw", "-f", pipeline, "--for", "200ms", "--out", tape)
	if n, err := b.Len(t.Context(), "news.raw"); n != 2 || err != nil {
		t.Errorf("the topic has %d messages, %v; want both", n, err)
	}
	for _, args := range [][]string{{tape}, {"--topic", "news.raw"}, {"--topic", "news.raw", "--from", "1h"}} {
		r := replayReport[replay.Report](t, append([]string{"-f", pipeline}, args...)...)
		if f := r.Figures; f.In != 2 || f.Alerted != 2 || f.Rejected != 0 {
			t.Errorf("replay %v: %+v, want two items alerted", args, f)
		}
	}
}
