package main

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"catalyst/sinks/discord/discordtest"
)

// BenchmarkAlertDelay prints how long alerts take from the first topic to Discord's
// door, with the default pipeline in a process of its own, Redis on this machine, and
// 100 items a second (a benchmark of one iteration: -benchtime 1x).
func BenchmarkAlertDelay(b *testing.B) {
	const n, rate = 1000, 100
	for b.Loop() {
		w := newWorld(b, "redis", discordtest.Config{}, top("sources: []"))
		var mu sync.Mutex
		arrived := map[string]time.Time{}
		door := w.front(w.discord)
		watch := func(rw http.ResponseWriter, r *http.Request, fake http.Handler) {
			at := time.Now()
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			if r.Method == http.MethodPost {
				mu.Lock()
				for _, title := range titleInside.FindAllString(unescaped(body), -1) {
					if _, twice := arrived[title]; !twice {
						arrived[title] = at
					}
				}
				mu.Unlock()
			}
			fake.ServeHTTP(rw, r)
		}
		door.intercept.Store(&watch)
		process := w.start("DISCORD_API_URL=" + door.URL)
		items, titles := newsworthy(n + 1)
		w.publish(items[n]) // when it is out, the process is at work
		until(b, 30*time.Second, "the process is at work", func() bool { return door.requests.Load() > 0 })

		sent := map[string]time.Time{}
		tick := time.NewTicker(time.Second / rate)
		for i, item := range items[:n] {
			<-tick.C
			sent[titles[i]] = time.Now()
			w.publish(item)
		}
		tick.Stop()
		until(b, 60*time.Second, "all alerts are out", func() bool { mu.Lock(); defer mu.Unlock(); return len(arrived) > n })
		process.stop()

		var delays []time.Duration
		for title, at := range sent {
			delays = append(delays, arrived[title].Sub(at))
		}
		slices.Sort(delays)
		ms := func(share float64) float64 { return delays[int(share*float64(n-1))].Seconds() * 1000 }
		b.ReportMetric(ms(.5), "p50-ms")
		b.ReportMetric(ms(.95), "p95-ms")
		b.ReportMetric(ms(.99), "p99-ms")
		b.ReportMetric(0, "ns/op")
	}
}

var titleInside = regexp.MustCompile(`Company \d+ receives FDA approval for its product \d+`)

// unescaped is a body without the escapes of JSON and Markdown that stand before signs.
func unescaped(body []byte) string { return string(bytes.ReplaceAll(body, []byte(`\`), nil)) }
