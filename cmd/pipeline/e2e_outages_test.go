package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"catalyst/internal/llm/llmtest"
	"catalyst/sinks/discord/discordtest"
)

const outageItems, outageWindow = 300, 50

// patientWorld has more items than may be in flight, and looks for what has returned
// more often than one would in earnest.
func patientWorld(t *testing.T, place string) (w *world, titles []string) {
	w = newWorld(t, place, discordtest.Config{Latency: 2 * time.Millisecond},
		top("sources: []"), top("engine: {in_flight: 50}"),
		setting("stages", "llm_router", "{retry_delay: 50ms, retries: 2, breaker: {failures: 5, open: 200ms}}"))
	w.env["HTTP_LISTEN"] = "127.0.0.1:0"
	items, titles := newsworthy(outageItems)
	w.publish(items...)
	return w, titles
}

// While Discord is down nothing is taken in, and nobody hammers at its door; when it
// is back every alert goes out, once.
func TestDiscordIsDownForAWhile(t *testing.T) {
	for _, place := range places {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			w, titles := patientWorld(t, place)
			var down atomic.Bool
			var refused atomic.Int64
			w.discord.Script(func(r discordtest.Request) *discordtest.Fault {
				if r.N == 100 {
					down.Store(true)
				}
				if !down.Load() {
					return nil
				}
				refused.Add(1)
				f := discordtest.Status(http.StatusServiceUnavailable, 0, "down")
				if r.N%2 == 0 {
					return f.Done() // it did what was asked, and said otherwise
				}
				return f
			})
			c := w.start()
			until(t, 20*time.Second, "the pipeline says that it waits for Discord", func() bool { return strings.Contains(c.paused(w.plan.Topic), "discord") })
			until(t, 20*time.Second, "all but what is under way waits, and nothing is taken in", func() bool {
				l := w.lag() // acknowledgements are on their way
				return l.Pending <= 2*outageWindow && l.Waiting > 0
			})
			before := refused.Load()
			until(t, 10*time.Second, "another look at Discord", func() bool { return refused.Load() > before })
			// What was under way in both segments tries three times each, and then only probes.
			if n := refused.Load(); n > 2*3*outageWindow+20 {
				t.Errorf("%d requests in the outage: this is hammering", n)
			}
			down.Store(false)
			until(t, 40*time.Second, "all is posted and judged", func() bool { return w.allJudged(outageItems) && w.idle() })
			until(t, 5*time.Second, "nothing is paused", func() bool { return c.ready() })
			c.stop()
			w.check(titles)
			t.Logf("%d requests were refused", refused.Load())
		})
	}
}

// While the models are down alerts go out all the same; their verdicts follow when the
// models are back.
func TestModelsAreDownForAWhile(t *testing.T) {
	for _, place := range places {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			w, titles := patientWorld(t, place)
			w.model.Script(make([]llmtest.Step, 20)...)
			w.model.Always(llmtest.Step{Status: http.StatusServiceUnavailable})
			c := w.start()
			analyse := w.plan.Segments[1].Topic
			until(t, 20*time.Second, "the pipeline says that it waits for the models", func() bool { return strings.Contains(c.paused(analyse), "models") })
			until(t, 20*time.Second, "all alerts are out nevertheless", func() bool { return len(w.discord.Messages()) == outageItems })
			until(t, 5*time.Second, "only what the models were asked about is in hand, and the rest waits", func() bool {
				l := w.lag()
				return l.Pending <= outageWindow && l.Waiting > 0
			})
			until(t, 5*time.Second, "an alert says that its analysis is delayed", func() bool {
				for _, m := range w.discord.Messages() {
					if strings.Contains(m.Last().Embeds[0].Field("Verdict"), "delayed") {
						return true
					}
				}
				return false
			})
			asked := len(w.model.Requests())
			if asked > 5*outageWindow {
				t.Errorf("%d questions in the outage: this is hammering", asked)
			}
			w.model.Always(llmtest.Step{})
			until(t, 40*time.Second, "all are judged", func() bool { return w.allJudged(outageItems) && w.idle() })
			until(t, 5*time.Second, "nothing is paused", func() bool { return c.ready() })
			c.stop()
			w.check(titles)
			t.Logf("%d questions before the models were back, %d in all", asked, len(w.model.Requests()))
		})
	}
}

// readiness asks the process whether it is ready; false for ok if it does not answer.
func (c *child) readiness() (a readyAnswer, ok bool) {
	listening := c.logged("http_listening")
	if len(listening) == 0 {
		return a, false
	}
	resp, err := http.Get("http://" + listening[0]["address"].(string) + "/readyz")
	if err != nil {
		return a, false
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		c.w.Fatal(err)
	}
	if want := resp.StatusCode == http.StatusOK; a.Ready != want {
		c.w.Errorf("/readyz answers %d with %+v", resp.StatusCode, a)
	}
	return a, true
}

// paused returns why the process takes nothing from a topic; empty if it does.
func (c *child) paused(topic string) string {
	a, _ := c.readiness()
	return a.Paused[topic]
}

func (c *child) ready() bool {
	a, ok := c.readiness()
	return ok && a.Ready
}
