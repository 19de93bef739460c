//go:build unix

package main

import (
	"testing"
	"time"

	"catalyst/internal/llm/llmtest"
	"catalyst/sinks/discord/discordtest"
)

// The first signal lets what is under way finish and gives the rest back: the next
// process has it at once, before any lease could run out, and repeats nothing.
func TestSignalFinishesWork(t *testing.T) {
	for _, place := range places {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			const n = 400
			w := newWorld(t, place, discordtest.Config{Latency: 10 * time.Millisecond},
				top("sources: []"), top("engine: {in_flight: 100}")) // so that something is left to give back
			items, titles := newsworthy(n)
			w.publish(items...)
			c := w.start()
			until(t, 20*time.Second, "it is at work", func() bool { return len(w.discord.Messages()) > 50 })
			c.stop()
			for _, r := range w.discord.Requests() {
				if r.Status != 200 {
					t.Errorf("request %d (%s) ended with status %d: it was not let finish", r.N, r.Route, r.Status)
				}
			}
			posted := len(w.discord.Messages())
			if posted == n {
				t.Error("all alerts were out at the stop: nothing was left to show")
			}

			c = w.start()
			until(t, w.plan.Engine.Lease/2, "a restart has done the rest", func() bool { return w.allJudged(n) && w.idle() })
			c.stop()
			w.check(titles)
			if requests := len(w.discord.Requests()); requests != 2*n {
				t.Errorf("%d requests for %d alerts: something was done twice", requests, n)
			}
			t.Logf("%d of %d alerts were out at the stop", posted, n)
		})
	}
}

// The second signal ends the process at once, whatever is under way; the next one
// takes up what it had in hand.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	for _, place := range places {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			const n = 100
			w := newWorld(t, place, discordtest.Config{}, top("sources: []"))
			w.model.Always(llmtest.Step{Ending: llmtest.Stalls})
			items, titles := newsworthy(n)
			w.publish(items...)
			c := w.start()
			until(t, 20*time.Second, "all are announced, and the model has been asked", func() bool {
				return len(w.discord.Messages()) == n && len(w.model.Requests()) > 0
			})
			c.terminate()
			until(t, 10*time.Second, "it begins to stop", func() bool { return len(c.logged("pipeline_stopping")) > 0 })
			if !c.alive() {
				t.Fatal("the first signal ended it although work is under way")
			}
			c.terminate()
			began := time.Now()
			if code := c.exit(2 * time.Second); code != exitFailed {
				t.Errorf("exit code %d, want %d", code, exitFailed)
			}
			t.Logf("gone %v after the second signal", time.Since(began).Round(time.Millisecond))

			w.model.Always(llmtest.Step{})
			c = w.start()
			until(t, 30*time.Second, "a restart has done the rest", func() bool { return w.allJudged(n) && w.idle() })
			c.stop()
			w.check(titles)
		})
	}
}
