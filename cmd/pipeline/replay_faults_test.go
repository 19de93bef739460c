package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"catalyst/internal/replay"
)

// The incidents that ship must end as they say, on the pipeline that ships.
func TestScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "examples", "scenarios", "*", "scenario.yaml"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d scenarios, %v; want those of the incidents", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			t.Parallel()
			s, err := replay.ReadScenario(file)
			if err != nil {
				t.Fatal(err)
			}
			a := &app{stdio: stdio{strings.NewReader(""), new(bytes.Buffer), new(bytes.Buffer)}, file: filepath.Join("..", "..", "pipeline.yaml"), logLevel: "error+4"}
			r, err := a.scenario(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range r.checks {
				if c.Err != nil {
					t.Errorf("%s: %v", c.Text, c.Err)
				}
			}
		})
	}
}

// The command runs what lies in a folder, prints a table, and fails if anything does.
func TestScenariosCommand(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	scenario := func(name, must string) {
		dir := filepath.Join(folder, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, dir, "history.jsonl", `{"source":"s","guid":"1","title":"Acme wins contract","published":"2026-11-19T14:30:00Z"}`+"\n")
		write(t, dir, "scenario.yaml", "doc: d\nhistory: history.jsonl\nmust: ["+must+"]\n")
	}
	pipeline := replayedFile(t, 0)
	scenario("good", "alerted == 1")
	out, err := replays(t, "scenarios", "-f", pipeline, folder)
	if err != nil || !strings.Contains(out, "alerted == 1  ok") {
		t.Errorf("%v\n%s", err, out)
	}
	scenario("bad", "alerted == 2")
	out, err = replays(t, "scenarios", "-f", pipeline, folder)
	if err == nil || !strings.Contains(err.Error(), "1 of 2 scenarios fail") || !strings.Contains(out, "alerted == 2  FAILS") || !strings.Contains(out, "alerted == 1  ok") {
		t.Errorf("%v\n%s", err, out)
	}
	scenario("unknown", "laughed == 2")
	if out, err = replays(t, "scenarios", "-f", pipeline, folder); err == nil || !strings.Contains(err.Error(), "scenario.yaml:3") || out != "" {
		t.Errorf("%v, want the place of the mistake before anything is run\n%s", err, out)
	}
	if _, err = replays(t, "scenarios", "-f", pipeline, t.TempDir()); err == nil {
		t.Error("a folder without scenarios is no mistake")
	}
}

// Where nothing is parked and nothing comes at once, faults do not make a replay any less the same each time.
func TestReplayWithFaultsIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	script := write(t, t.TempDir(), "faults.yaml", `
faults:
  - malformed: {item: 20, for: 30s}
  - slow: {item: 60, least: 4s, most: 9s}
  - clock: {item: 30, jump: -90s}
`)
	args := []string{"-f", replayedFile(t, 0), "--fault", script, sampleFile(t, 120)}
	outcomes := func() string {
		r := replayReport[replay.Report](t, args...)
		if f := r.Figures; f.In != 120 || f.Lost+f.Parked != 0 || f.CallsFailed == 0 || f.VerdictWait < 4000 {
			t.Errorf("figures %+v: want 120 items, none lost, calls that failed and slow ones", f)
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
}

// Outages lose nothing, and end the same each time, although what was parked goes on in any order.
func TestReplayOfOutages(t *testing.T) {
	t.Parallel()
	script := write(t, t.TempDir(), "faults.yaml", `
faults:
  - outage: {class: auth, item: 20, for: 40m, latency: 1s}
  - loss: {of: [topics, beside], item: 60, for: 10m}
  - loss: {of: [store], item: 100, for: 10m}
  - sinks: {error: down, item: 120, for: 5m}
  - clock: {item: 30, jump: -90s}
`)
	args := []string{"-f", replayedFile(t, 0), "--fault", script, sampleFile(t, 150)}
	outcomes := func() string {
		r := replayReport[replay.Report](t, args...)
		f := r.Figures
		if f.In != 150 || f.Lost+f.Parked+f.Poisoned != 0 || f.CallsFailed == 0 || f.Told == 0 || f.AlertWait < 60_000 || f.Pages == 0 {
			t.Errorf("figures %+v: want nothing lost, and that outages were there", f)
		}
		var all strings.Builder
		for _, o := range r.Outcomes {
			fmt.Fprintln(&all, o.N, o.Fate, o.Stage, o.Alerted)
		}
		return all.String()
	}
	first := outcomes()
	if diff := cmp.Diff(first, outcomes()); diff != "" {
		t.Errorf("the second time (-first +second):\n%s", diff)
	}
}

// More messages may wait for an outage than the engine takes in hand: the clock goes on all the
// same, and at once.
func TestReplayOfAnOutageWithMoreThanFitsInHand(t *testing.T) {
	t.Parallel()
	script := write(t, t.TempDir(), "faults.yaml", "faults: [{outage: {class: auth, for: 3h}}, {flood: {at: 1s, items: 60, over: 1h, source: s, titles: ['{ticker} wins contract {n}']}}]")
	pipeline := write(t, t.TempDir(), "pipeline.yaml", "engine: {in_flight: 10}\n"+strings.Replace(fmt.Sprintf(replayed, 0), "size: 3", "size: 2", 1))
	r := replayReport[replay.Report](t, "-f", pipeline, "--fault", script, sampleFile(t, 1))
	if f := r.Figures; f.Lost+f.Parked != 0 || f.Analysed+f.Cached != 61 || f.Seconds > 20 {
		t.Errorf("figures %+v: want 61 verdicts, without waiting in the time of day", f)
	}
}

func TestReplayRefusesScripts(t *testing.T) {
	t.Parallel()
	dir, pipeline, sample := t.TempDir(), replayedFile(t, 0), sampleFile(t, 9)
	for text, test := range map[string]struct{ flags, want string }{
		"faults: [{outage: {class: auth}}]":                      {"--llm real", "--llm fake"},
		"faults: [{discord: {answer: reset}}]":                   {"", "--sinks stand"},
		"faults: [{outage: {class: auth, providers: [nobody]}}]": {"", `"nobody"`},
		"faults: [{sinks: {error: down, names: [nowhere]}}]":     {"", `"nowhere"`},
		"faults: [{outage: {class: auth, item: 10}}]":            {"", "the history has 9"},
		"faults: [{outage: {clas: auth}}]":                       {"", ".yaml:1:"},
	} {
		script := write(t, dir, "script.yaml", text)
		_, err := replays(t, append([]string{"-f", pipeline, "--fault", script, sample}, strings.Fields(test.flags)...)...)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %s: %v, want %q", text, test.flags, err, test.want)
		}
	}
}
