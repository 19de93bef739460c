package main

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"catalyst/internal/llm/llmtest"
	"catalyst/sinks/discord/discordtest"
)

// The promise itself: the process is killed at 50 random moments, and yet every item
// that deserves it is posted exactly once and ends with its verdict.
func TestKillNine(t *testing.T) {
	const kills, total, eligible = 50, 2000, 1200
	for _, place := range places {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, place, discordtest.Config{Latency: 3 * time.Millisecond}, top("sources: []"))
			// The dead keep their places at the model for 15 s, as it may still work for them.
			w.env["LLM_MAX_CONCURRENT"] = "1000"
			w.model.Always(llmtest.Step{Delay: 3 * time.Millisecond})
			items, titles := newsworthy(eligible)
			items = append(items, noise(600)...)
			for range total - len(items) { // the same news once more, under an ID of its own
				items = append(items, items[rand.N(eligible+600)])
			}
			rand.Shuffle(len(items), func(i, k int) { items[i], items[k] = items[k], items[i] })
			w.publish(items...)

			// Requests come through the killer, which ends the process at some of them.
			k := &killer{rest: 3 * eligible}
			discord, model := w.front(w.discord), w.front(w.modelHandler())
			for _, f := range []*front{discord, model} {
				intercept := k.serve
				f.intercept.Store(&intercept)
			}
			env := []string{"DISCORD_API_URL=" + discord.URL, "OPENAI_API_URL=" + model.URL + "/v1"}

			began := time.Now()
			for left := kills; left > 0; left-- {
				c := w.start(env...)
				moment := k.aim(c, left)
				select {
				case <-c.ended:
				case <-time.After(30 * time.Second):
					k.mu.Lock()
					t.Fatalf("%d kills to go, and nothing moves with %d of %d alerts out, lag %+v, to be killed %s in %d requests:\n%s",
						left, len(w.discord.Messages()), eligible, w.lag(), moment, k.in, c.tail(3))
				}
				if !c.killed.Load() {
					t.Fatalf("the process ended by itself with %v instead of being killed %s:\n%s", c.cmd.ProcessState, moment, c.tail(20))
				}
			}
			killed := time.Since(began)
			last := w.start(env...)
			until(t, time.Minute, "all posted and judged, nothing left to do", func() bool {
				return len(w.discord.Messages()) >= eligible && w.idle()
			})
			last.stop()
			w.check(titles)
			if place == "redis" {
				w.checkRedis()
			}
			creates := 0
			for _, r := range w.discord.Requests() {
				if r.Route == "create" {
					creates++
				}
			}
			t.Logf("%d kills in %.1fs, all done after %.1fs; %d requests to Discord (%d creates for %d alerts), %d questions to the model; kills by moment: %v",
				kills, killed.Seconds(), time.Since(began).Seconds(), discord.requests.Load(), creates, eligible, model.requests.Load(), k.moments)
		})
	}
}

// A killer kills a process at a moment of its work, as told by the requests it makes.
type killer struct {
	mu      sync.Mutex
	victim  *child // nil once it has been killed
	in      int    // requests to go
	moment  string
	rest    int // requests that are probably still to come
	moments map[string]int
}

var moments = []string{
	"before a request takes effect",
	"after a request took effect, before its answer",
	"shortly after a request",
	"while starting",
}

// aim chooses the moment of a process's death, when there are left to die.
func (k *killer) aim(c *child, left int) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.victim = c
	k.in = 1 + rand.N(max(1, 2*k.rest/(left+5)))
	k.moment = moments[rand.N(len(moments))]
	if k.moment == "while starting" && rand.N(2) > 0 {
		k.moment = moments[0]
	}
	if k.moments == nil {
		k.moments = map[string]int{}
	}
	k.moments[k.moment]++
	if k.moment == "while starting" {
		time.AfterFunc(rand.N(200*time.Millisecond), c.kill)
		k.victim = nil
	}
	return k.moment
}

// serve passes a request on to a fake, unless it is the one to kill at.
func (k *killer) serve(w http.ResponseWriter, r *http.Request, fake http.Handler) {
	k.mu.Lock()
	k.in--
	k.rest--
	victim, moment := k.victim, k.moment
	if k.in > 0 || victim == nil {
		k.mu.Unlock()
		fake.ServeHTTP(w, r)
		return
	}
	k.victim = nil
	k.mu.Unlock()
	// Deferred, as a fake panics if the request is one that the last victim left behind.
	switch moment {
	case moments[0]:
		victim.kill()
	case moments[1]:
		defer victim.kill()
		fake.ServeHTTP(httptest.NewRecorder(), r)
	default:
		defer func() { time.AfterFunc(rand.N(10*time.Millisecond), victim.kill) }()
		fake.ServeHTTP(w, r)
	}
}
