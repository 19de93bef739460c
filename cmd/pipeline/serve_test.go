package main

import (
	"context"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"catalyst"
)

func TestHealthAndReadiness(t *testing.T) {
	server, _ := mirror(t)
	folder := func() string {
		dir := t.TempDir()
		write(t, dir, "pipeline.yaml", strings.Replace(string(catalyst.Pipeline), "sources:\n", "sources:\n  - jsonl: sample.jsonl\n", 1))
		write(t, dir, "sample.jsonl", string(catalyst.Sample))
		return dir
	}

	p := startProgram(t, folder(), map[string]string{"HTTP_LISTEN": "127.0.0.1:0", "LLM_LOCAL_ENABLED": "0"}, "run")
	p.awaits("pipeline_started")
	if status, body := p.get("/readyz"); status != http.StatusOK || body != "{\"ready\":true}\n" {
		t.Errorf("/readyz: %d %s", status, body)
	}
	if status, body := p.get("/metrics"); status != http.StatusOK || !strings.Contains(body, "pipeline_messages_in_total") {
		t.Errorf("/metrics: %d %s", status, body)
	}
	if status, _ := p.get("/debug/pprof/"); status != http.StatusNotFound {
		t.Errorf("/debug/pprof/ answers with %d: nobody asked for it", status)
	}
	if code := p.interrupted(); code != 0 {
		t.Errorf("exit code %d after an interrupt", code)
	}

	// Discord refuses its token: alive, and not ready, because of Discord. In a folder of its
	// own, where nothing was announced yet.
	p = startProgram(t, folder(), map[string]string{
		"HTTP_LISTEN": "127.0.0.1:0", "LLM_LOCAL_ENABLED": "0",
		"DISCORD_TOKEN": "any.token.there", "DISCORD_CHANNEL": "42", "DISCORD_API_URL": server,
	}, "run")
	p.awaits("pipeline_started")
	var answer readyAnswer
	until(t, 20*time.Second, "/readyz tells of the outage", func() bool {
		status, body := p.get("/readyz")
		answer = readyAnswer{}
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Fatal(err)
		}
		return status == http.StatusServiceUnavailable && strings.Contains(answer.Paused["news.raw"], "discord since 2")
	})
	if answer.Ready {
		t.Errorf("ready, says %+v", answer)
	}
	if status, body := p.get("/healthz"); status != http.StatusOK || body != "ok\n" {
		t.Errorf("/healthz: %d %s", status, body)
	}
	p.interrupted()
}

// An address that is taken is no reason not to run.
func TestTakenPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	write(t, dir, "in.jsonl", `{"title":"First"}`)
	write(t, dir, "pipeline.yaml", `{name: taken, sources: [jsonl: in.jsonl], sinks: [jsonl: out.jsonl], http: "`+taken.Addr().String()+`"}`)
	p := startProgram(t, dir, nil, "run")
	if code := p.exit(); code != 0 || !strings.Contains(p.text(), `"level":"WARN","msg":"http_unavailable"`) {
		t.Errorf("exit code %d, want 0 and a warning:\n%s", code, p.text())
	}
}

// What goes into a segment or a stage comes to one end, and all that is
// documented is there to be seen.
func TestMetricsBalance(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, dir, "sample.jsonl", string(catalyst.Sample)+`{"guid":"poison","title":"Nothing to index","source":"test"}`)
	a := &app{stdio: stdio{strings.NewReader(""), new(strings.Builder), new(strings.Builder)}, logLevel: "error", logFormat: "json"}
	plan, r, err := a.parse("metrics.yaml", []byte(`
name: metrics
sources: [jsonl: sample.jsonl]
stages:
  - dedupe
  - filter: tickers[0] != "ALDG"
  - topic: metrics.next
  - batch: {size: 50, wait: 10ms}
sinks:
  - jsonl: all.jsonl
  - jsonl: {name: filings, path: filings.jsonl, when: form != ""}
http: off
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := a.execute(context.Background(), plan, r)
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(&collector{engine: e, topics: func(context.Context) []topicState {
		return []topicState{{topic: "news.raw"}}
	}})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	type labels struct{ segment, stage string }
	sums := map[string]map[labels]float64{}
	for _, f := range families {
		sums[f.GetName()] = map[labels]float64{}
		for _, m := range f.GetMetric() {
			var l labels
			for _, pair := range m.GetLabel() {
				switch pair.GetName() {
				case "segment":
					l.segment = pair.GetValue()
				case "stage":
					l.stage = pair.GetValue()
				}
			}
			sums[f.GetName()][l] += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	stages := sums["pipeline_stage_in_total"]
	if len(stages) != 6 { // dedupe, filter, the topic; batch and two sinks
		t.Errorf("stages %v, want 6", slices.Collect(maps.Keys(stages)))
	}
	for at, in := range stages {
		out := -sums["pipeline_stage_added_total"][at]
		for _, name := range []string{"out", "dropped", "failed", "parked"} {
			out += sums["pipeline_stage_"+name+"_total"][at]
		}
		if in != out || in == 0 {
			t.Errorf("%v: in %v, out and settled %v", at, in, out)
		}
	}
	for at, in := range sums["pipeline_messages_in_total"] {
		if fates := sums["pipeline_messages_total"][at] + sums["pipeline_messages_in_flight"][at]; in != fates || in == 0 {
			t.Errorf("%v: in %v, fates %v", at, in, fates)
		}
	}
	if n := sums["pipeline_poisoned_total"][labels{segment: "news.raw"}]; n == 0 {
		t.Error("nothing was poisoned, not even what the filter cannot read")
	}
}
