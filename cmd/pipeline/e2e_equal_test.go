package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"

	"catalyst/internal/news"
	"catalyst/sinks/discord/discordtest"
)

// A thousand equal items arrive within one second at two processes, half of them under one
// key and half under keys of their own, as from many sources: there is one alert, and a model
// is asked once.
func TestAThousandEqualItems(t *testing.T) {
	const n = 1000
	for _, place := range places {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, place, discordtest.Config{}, top("sources: []"), top("engine: {in_flight: 40}"))
			var process [2]*child
			for i := range process {
				process[i] = w.start("HTTP_LISTEN=127.0.0.1:0")
			}
			until(t, 30*time.Second, "both are up", func() bool {
				return len(process[0].logged("pipeline_started"))+len(process[1].logged("pipeline_started")) == 2
			})
			now := time.Now().UTC()
			var items []*news.Item
			for i := range n {
				it := &news.Item{
					Source: fmt.Sprint("wire", i%7), GUID: "one", Tickers: []string{"ACME"}, Published: now, Received: now,
					Title: "Acme receives FDA approval for its migraine drug", Summary: "The approval came after a record trial.",
				}
				if i%2 == 1 {
					it.GUID = fmt.Sprint("own-", i)
				}
				items = append(items, it)
			}
			began := time.Now()
			w.publish(items...)
			took := time.Since(began)
			until(t, w.plan.Engine.Lease*2/3, "all of them are done with", func() bool { return w.idle() && w.allJudged(1) })
			t.Logf("published within %v, done %v later", took.Round(time.Millisecond), (time.Since(began) - took).Round(time.Millisecond))
			if took > time.Second {
				t.Logf("which is more than a second on this machine")
			}
			seen := 0
			for i, p := range process {
				count := p.arrived(t)
				if seen += count; count == 0 {
					t.Errorf("process %d had nothing to do", i)
				}
			}
			if seen != n {
				t.Errorf("%d items arrived, want %d", seen, n)
			}
			for _, p := range process {
				p.stop()
			}
			if messages := w.discord.Messages(); len(messages) != 1 || !judged(messages[0]) {
				t.Errorf("%d alerts, want one with its verdict", len(messages))
			}
			if asked := len(w.model.Requests()); asked != 1 {
				t.Errorf("a model was asked %d times, want once", asked)
			}
			if bad := w.poison(); len(bad) > 0 {
				t.Errorf("%d in poison", len(bad))
			}
		})
	}
}

var arrivals = regexp.MustCompile(`(?m)^pipeline_stage_in_total\{[^}]*stage="freshness"[^}]*\} (\d+)`)

// arrived counts the messages that came to the first stage, by the process's own metrics.
func (c *child) arrived(t *testing.T) int {
	t.Helper()
	listens := c.logged("http_listening")
	if len(listens) == 0 {
		t.Fatal("the process does not say where it listens")
	}
	answer, err := http.Get(fmt.Sprintf("http://%v/metrics", listens[0]["address"]))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	m := arrivals.FindSubmatch(page)
	if m == nil {
		t.Fatalf("no arrivals in\n%.2000s", bytes.TrimSpace(page))
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}
