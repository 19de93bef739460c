package main

import (
	"testing"
	"time"

	"catalyst/internal/llm/llmtest"
	"catalyst/sinks/discord/discordtest"
)

// Two processes at the same topics and stores share the work: each item is announced
// once, whoever takes it, and when one of them is asked to go the other does the rest.
func TestTwoProcessesShare(t *testing.T) {
	const n = 600
	for _, place := range places {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, place, discordtest.Config{Latency: 5 * time.Millisecond},
				top("sources: []"), top("engine: {in_flight: 40}")) // so that neither takes everything
			w.model.Always(llmtest.Step{Delay: 5 * time.Millisecond})
			items, titles := newsworthy(n)
			w.publish(items...)

			// Each process sees the same Discord at an address of its own, which counts.
			var post [2]*front
			var process [2]*child
			for i := range process {
				post[i] = w.front(w.discord)
				process[i] = w.start("DISCORD_API_URL=" + post[i].URL)
			}
			until(t, 30*time.Second, "both are at work, and a third of the alerts are out", func() bool {
				return len(w.discord.Messages()) > n/3 && post[0].requests.Load() > 0 && post[1].requests.Load() > 0
			})
			began := time.Now()
			process[0].stop()
			took := time.Since(began)
			if took > 5*time.Second {
				t.Errorf("the first process took %v to stop", took)
			}
			stopped := post[0].requests.Load()
			if done := len(w.discord.Messages()); done == n {
				t.Error("all alerts were out before the first process had stopped: nothing was left to show")
			}
			until(t, 30*time.Second, "the other has done the rest", func() bool { return w.allJudged(n) && w.idle() })
			process[1].stop()

			w.check(titles)
			if place == "redis" {
				w.checkRedis()
			}
			if requests := len(w.discord.Requests()); requests != 2*n {
				t.Errorf("%d requests to Discord for %d alerts, want one to create and one to edit each", requests, n)
			}
			t.Logf("%d requests by the first process, which stopped within %v; %d by the other", stopped, took.Round(time.Millisecond), post[1].requests.Load())
		})
	}
}
