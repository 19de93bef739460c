package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"catalyst/internal/llm/llmtest"
	"catalyst/internal/store"
	"catalyst/sinks/discord/discordtest"
)

const doubleOutageItems = 150

// Both paid models refuse every call, and there is no other: the key of one was leaked,
// the other's credit is used up. Alerts go out, the analysis waits and asks for
// nothing; after a restart with new keys every item is analysed.
func TestDoubleOutage(t *testing.T) {
	for _, place := range places {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, place, discordtest.Config{Latency: 2 * time.Millisecond}, top("{sources: [], operator: {cool_down: 0s}}"),
				setting("stages", "llm_router", "{requests_per_minute: -1}"))
			gemini, anthropic := llmtest.NewGemini(), llmtest.NewAnthropic()
			t.Cleanup(gemini.Close)
			t.Cleanup(anthropic.Close)
			gemini.Always(llmtest.Step{Status: http.StatusForbidden, Body: llmtest.GeminiKeyLeaked})
			anthropic.Always(llmtest.Step{Status: http.StatusBadRequest, Body: llmtest.AnthropicNoCredit})
			delete(w.env, "OPENAI_API_URL")
			w.env["HTTP_LISTEN"] = "127.0.0.1:0"
			w.env["GEMINI_API_URL"], w.env["GEMINI_API_KEY"] = gemini.URL, "leaked"
			w.env["ANTHROPIC_API_URL"], w.env["ANTHROPIC_API_KEY"] = anthropic.URL, "spent"
			items, titles := newsworthy(doubleOutageItems)
			w.publish(items...)

			c := w.start()
			w.wantDelayed(c)
			until(t, 10*time.Second, "the operator is told of both", func() bool { return len(c.logged("operator_page")) >= 2 })
			if g, a, pages := len(gemini.Requests()), len(anthropic.Requests()), len(c.logged("operator_page")); g != 1 || a != 1 || pages != 2 {
				t.Errorf("%d and %d doomed calls and %d pages, want one for each provider", g, a, pages)
			}
			c.stop()
			if calls, failed, cost := w.booked(); calls != 2 || failed != 2 || cost != 0 {
				t.Errorf("%d calls, %d of them failed, for %d nano-dollars are booked; want two failures for nothing", calls, failed, cost)
			}

			// A restart alone changes nothing, and tells nobody again.
			c = w.start()
			w.wantDelayed(c)
			if g, a := len(gemini.Requests()), len(anthropic.Requests()); g != 1 || a != 1 || len(c.logged("operator_page")) != 0 {
				t.Errorf("after a restart %d and %d doomed calls and %d more pages", g, a, len(c.logged("operator_page")))
			}
			c.stop()

			gemini.Always(llmtest.Step{})
			anthropic.Always(llmtest.Step{})
			w.env["GEMINI_API_KEY"], w.env["ANTHROPIC_API_KEY"] = "new", "new"
			c = w.start()
			until(t, 40*time.Second, "all are judged", func() bool { return w.allJudged(doubleOutageItems) && w.idle() })
			until(t, 5*time.Second, "nothing is paused", func() bool { return c.ready() })
			if len(c.logged("operator_clear")) == 0 {
				t.Error("nobody was told that it is over")
			}
			c.stop()
			w.check(titles)
			if calls, failed, cost := w.booked(); calls != doubleOutageItems+2 || failed != 2 || cost == 0 {
				t.Errorf("%d calls, %d of them failed, for %d nano-dollars are booked, want one for each item and the two failures", calls, failed, cost)
			}
		})
	}
}

// wantDelayed waits until every alert is out and the analysis of some is said to be
// delayed, and checks that no more is taken in and nothing was poisoned or judged.
func (w *world) wantDelayed(c *child) {
	w.Helper()
	analyse := w.plan.Segments[1].Topic
	until(w, 20*time.Second, "the pipeline says that it waits for the models", func() bool { return strings.Contains(c.paused(analyse), "models") })
	until(w, 20*time.Second, "all alerts are out nevertheless", func() bool { return len(w.discord.Messages()) == doubleOutageItems })
	until(w, 10*time.Second, "an alert says when the next try is", func() bool {
		for _, m := range w.discord.Messages() {
			if v := verdictOf(m.Last()); strings.Contains(v, "delayed") && strings.Contains(v, "next try") {
				return true
			}
		}
		return false
	})
	for _, m := range w.discord.Messages() {
		first, last := verdictOf(m.Versions[0]), verdictOf(m.Last())
		if !strings.Contains(first, "pending") || !strings.Contains(last, "pending") && !strings.Contains(last, "delayed") {
			w.Errorf("%s was announced with %q and now says %q", m.Last().Embeds[0].Title, first, last)
		}
	}
	until(w, 10*time.Second, "all wait for their analysis", func() bool { l := w.lag(); return l.Pending+l.Waiting == doubleOutageItems })
	if bad := w.poison(); len(bad) > 0 {
		w.Errorf("%d in poison", len(bad))
	}
}

func verdictOf(v discordtest.Version) string { return v.Embeds[0].Field("Verdict") }

// booked sums up the book of costs.
func (w *world) booked() (calls, failed int, nanoDollars int64) {
	w.Helper()
	_, r, err := w.read()
	if err != nil {
		w.Fatal(err)
	}
	defer r.close()
	book, err := r.Costs()
	if err != nil {
		w.Fatal(err)
	}
	all, err := book.Spent(context.Background(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour), store.ByProvider)
	if err != nil {
		w.Fatal(err)
	}
	for _, s := range all {
		calls, failed, nanoDollars = calls+s.Calls, failed+s.Failed, nanoDollars+s.NanoDollars
	}
	return calls, failed, nanoDollars
}
