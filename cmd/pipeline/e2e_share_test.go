package main

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"catalyst/internal/llm/llmtest"
	"catalyst/sinks/discord/discordtest"
)

// Two processes at the same topics and stores share the work: each item is announced
// once, whoever takes it. When one of them goes, asked to or killed, the other has what
// it leaves at once, before any lease could run out.
func TestTwoProcessesShare(t *testing.T) {
	const n = 600
	for _, place := range places {
		for _, end := range []string{"terminated", "killed"} {
			t.Run(place+", one is "+end, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, place, discordtest.Config{Latency: 5 * time.Millisecond},
					top("sources: []"), top("engine: {in_flight: 40}")) // so that neither takes everything
				w.env["LLM_MAX_CONCURRENT"] = "1000" // the dead keep their places for 15 s, and this is about leases
				w.model.Always(llmtest.Step{Delay: 5 * time.Millisecond})
				items, titles := newsworthy(n)
				w.publish(items...)

				// Each process sees the same Discord at an address of its own, which counts.
				// It answers nobody before both have asked: neither does it all by itself.
				var post [2]*front
				var process [2]*child
				var asked [2]sync.Once
				var arrived atomic.Int32
				both := make(chan struct{})
				for i := range process {
					post[i] = w.front(w.discord)
					together := func(rw http.ResponseWriter, r *http.Request, fake http.Handler) {
						asked[i].Do(func() {
							if arrived.Add(1) == 2 {
								close(both)
							}
						})
						select {
						case <-both:
							fake.ServeHTTP(rw, r)
						case <-r.Context().Done():
						}
					}
					post[i].intercept.Store(&together)
					process[i] = w.start("DISCORD_API_URL=" + post[i].URL)
				}
				until(t, 30*time.Second, "both are at work, and a third of the alerts are out", func() bool {
					return len(w.discord.Messages()) > n/3
				})
				began, left := time.Now(), n-len(w.discord.Messages())
				if end == "killed" {
					process[0].kill()
				} else {
					process[0].stop()
				}
				took := time.Since(began)
				if took > 5*time.Second {
					t.Errorf("the first process took %v to stop", took)
				}
				if left == 0 {
					t.Error("all alerts were out before the first process was to go: nothing was left to show")
				}
				until(t, w.plan.Engine.Lease*2/3, "the other has done the rest", func() bool { return w.allJudged(n) && w.idle() })
				process[1].stop()

				w.check(titles)
				if place == "redis" {
					w.checkRedis()
				}
				if requests := len(w.discord.Requests()); end == "terminated" && requests != 2*n {
					t.Errorf("%d requests to Discord for %d alerts, want one to create and one to edit each", requests, n)
				}
				t.Logf("%d requests by the first process, gone within %v; %d by the other, done %v later",
					post[0].requests.Load(), took.Round(time.Millisecond), post[1].requests.Load(), time.Since(began).Round(time.Millisecond))
			})
		}
	}
}
