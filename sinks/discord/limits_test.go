package discord

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"catalyst/flows"
	"catalyst/internal/news"
	"catalyst/sinks/discord/discordtest"
	"catalyst/sinks/sinktest"
)

func limit(n int, per time.Duration) discordtest.Limit {
	return discordtest.Limit{Requests: n, Per: per}
}

func TestNoLimitIsBroken(t *testing.T) {
	d := discordtest.Config{Creates: limit(5, 5*time.Second), Latency: 80 * time.Millisecond}
	onBench(t, d, testConfig(), func(t *testing.T, b *bench) {
		started := time.Now()
		batch := sinktest.Messages(23)
		var wg sync.WaitGroup
		for _, m := range batch[:10] { // ten at once, then the rest in one batch
			wg.Go(func() { b.announce(t.Context(), m) })
		}
		b.announce(t.Context(), batch[10:]...)
		wg.Wait()
		if got := b.server.Statuses(); got[200] != 23 || len(got) != 1 {
			t.Errorf("answers %v, want 23 times 200", got)
		}
		// Five windows, the last not waited out.
		if took := time.Since(started); took < 20*time.Second || took > 21*time.Second {
			t.Errorf("23 alerts took %s, want little more than 20s", took)
		}
	})
}

func TestCreatesOfABatchGoTogether(t *testing.T) {
	onBench(t, discordtest.Config{Latency: 300 * time.Millisecond}, testConfig(), func(t *testing.T, b *bench) {
		started := time.Now()
		if err := b.announce(t.Context(), sinktest.Messages(5)...); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(started); took != 300*time.Millisecond {
			t.Errorf("five alerts took %s, want 300ms: one round trip", took)
		}
	})
}

func TestCreatesDoNotWaitForEdits(t *testing.T) {
	d := discordtest.Config{Edits: limit(1, 10*time.Second)}
	onBench(t, d, testConfig(), func(t *testing.T, b *bench) {
		b.announce(t.Context(), sinktest.Messages(5)...)
		time.Sleep(5 * time.Second)
		done := make(chan error, 1)
		go func() { done <- b.Deliver(t.Context(), sinktest.Messages(5)) }() // 40 s of edits
		time.Sleep(time.Second)
		started := time.Now()
		if err := b.announce(t.Context(), sinktest.Message("new", &news.Item{Title: "new"})); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(started); took != 0 {
			t.Errorf("the alert waited %s for edits, want not at all", took)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

// The headers know better than the configuration, in both directions.
func TestLimitsAreLearned(t *testing.T) {
	for name, c := range map[string]struct {
		real     discordtest.Limit
		alerts   int
		within   time.Duration
		tooEarly int // 429s before it has learned
	}{
		"wider":    {limit(1000, time.Second), 500, time.Second, 0},
		"narrower": {limit(2, 3*time.Second), 20, 31 * time.Second, 3},
	} {
		t.Run(name, func(t *testing.T) {
			onBench(t, discordtest.Config{Creates: c.real}, testConfig(), func(t *testing.T, b *bench) {
				started := time.Now()
				if err := b.announce(t.Context(), sinktest.Messages(c.alerts)...); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(started); took > c.within {
					t.Errorf("%d alerts took %s, want at most %s", c.alerts, took, c.within)
				}
				if got := b.server.Statuses(); got[200] != c.alerts || got[429] > c.tooEarly {
					t.Errorf("answers %v, want %d times 200 and at most %d times 429", got, c.alerts, c.tooEarly)
				}
			})
		})
	}
}

func TestGlobalLimitHoldsEverything(t *testing.T) {
	for name, fault := range map[string]*discordtest.Fault{
		"global":     discordtest.RateLimited("global", 20*time.Second),
		"cloudflare": discordtest.Blocked(20 * time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			onBench(t, discordtest.Config{}, testConfig(), func(t *testing.T, b *bench) {
				b.announce(t.Context(), sinktest.Messages(1)...)
				b.server.Script(func(r discordtest.Request) *discordtest.Fault {
					if r.N == 2 {
						return fault
					}
					return nil
				})
				// Another channel of the same bot shares what is forbidden.
				c := testConfig()
				c.Channel = "99"
				other, err := newSink(&flows.Build{Logger: b.Sink.log}, c, b.ledger.Open, b.client.creates.bot, b.server.Transport())
				if err != nil {
					t.Fatal(err)
				}
				started := time.Now()
				var wg sync.WaitGroup
				wg.Go(func() { b.deliver(t.Context(), sinktest.Messages(1)...) }) // an edit is told
				time.Sleep(time.Second)
				wg.Go(func() { other.Announce(t.Context(), sinktest.Messages(1)) })
				wg.Wait()
				if took := time.Since(started); took < 20*time.Second || took > 21*time.Second {
					t.Errorf("took %s, want a little more than the 20s asked for", took)
				}
				for _, r := range b.server.Requests()[2:] {
					if early := started.Add(20 * time.Second).Sub(r.At); early > 0 {
						t.Errorf("%s of channel %s came %s too early", r.Route, r.Channel, early)
					}
				}
			})
		})
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	d := discordtest.Config{Creates: limit(1, time.Minute)}
	onBench(t, d, testConfig(), func(t *testing.T, b *bench) {
		b.announce(t.Context(), sinktest.Messages(1)...)
		batch := sinktest.Messages(3)[1:]

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		started := time.Now()
		if err := b.announce(ctx, batch[0]); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context canceled", err)
		}
		if took := time.Since(started); took != time.Second {
			t.Errorf("returned %s after the start, want 1s", took)
		}

		// A wait that cannot succeed is not begun, and is nobody's failure.
		ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		started = time.Now()
		down, isDown := flows.AsUnavailable(b.announce(ctx, batch[1]))
		if !isDown || down.Wait < 50*time.Second || time.Since(started) != 0 {
			t.Errorf("%+v after %s, want discord unavailable for the rest of the minute at once", down, time.Since(started))
		}
	})
}

// FuzzHeaders: nothing a server says stops the window for ever or breaks it.
func FuzzHeaders(f *testing.F) {
	f.Add("5", "4", "5.000", `{"retry_after": 1.5, "global": false}`)
	f.Add("-1", "x", "1e300", `{"retry_after": -1}`)
	f.Add("0", "0", "NaN", `<html>`)
	f.Fuzz(func(t *testing.T, limit, left, after, body string) {
		w := newLimits().window("create", "1", 5, 5*time.Second)
		now := time.Now()
		_, generation, _, _ := w.reserve(now)
		h := http.Header{}
		h.Set("X-RateLimit-Limit", limit)
		h.Set("X-RateLimit-Remaining", left)
		h.Set("X-RateLimit-Reset-After", after)
		h.Set("Retry-After", after)
		w.learn(generation, h, now)
		if wait, _, _, err := w.reserve(now); err != nil || wait > maxWait+slack {
			t.Errorf("waits %s, %v", wait, err)
		}
		if wait, _, _, err := w.reserve(now.Add(maxWait + time.Second)); wait > 0 || err != nil {
			t.Errorf("still waits %s, %v after %s", wait, err, maxWait)
		}
		r := reply{status: 429, header: h, body: []byte(body)}
		if wait, _ := r.slow(); wait < 0 || wait > maxWait {
			t.Errorf("429 asks for %s, want 0 to %s", wait, maxWait)
		}
	})
}

// An answer that took long speaks of a window that is over.
func TestLateAnswer(t *testing.T) {
	w := newLimits().window("create", "1", 2, 5*time.Second)
	now := time.Now()
	_, old, _, _ := w.reserve(now)
	now = now.Add(6 * time.Second)
	w.reserve(now)
	h := http.Header{}
	h.Set("X-RateLimit-Limit", "2")
	h.Set("X-RateLimit-Remaining", "0")
	h.Set("X-RateLimit-Reset-After", "5.000")
	w.learn(old, h, now)
	if wait, _, _, _ := w.reserve(now); wait != 0 {
		t.Errorf("waits %s in a window with one request left", wait)
	}
}

// Discord rounds its times, and answers take a moment: a request at the very
// end of the window it told of may still fall into it.
func TestResetIsNotCutFine(t *testing.T) {
	w := newLimits().window("create", "1", 1, time.Hour)
	now := time.Now()
	_, generation, _, _ := w.reserve(now)
	h := http.Header{}
	h.Set("X-RateLimit-Limit", "1")
	h.Set("X-RateLimit-Remaining", "0")
	h.Set("X-RateLimit-Reset-After", "2.000")
	w.learn(generation, h, now)
	if wait, _, _, _ := w.reserve(now); wait <= 2*time.Second || wait > 2100*time.Millisecond {
		t.Errorf("waits %s, want a little more than 2s", wait)
	}
}

// A channel that is closed to the bot is closed to creates and edits alike, and
// to no other channel.
func TestRefusedChannel(t *testing.T) {
	onBench(t, discordtest.Config{}, testConfig(), func(t *testing.T, b *bench) {
		b.announce(t.Context(), sinktest.Messages(1)...)
		b.server.Script(func(r discordtest.Request) *discordtest.Fault {
			if r.Channel == testChannel {
				return discordtest.Status(403, 50013, "Missing Permissions")
			}
			return nil
		})
		batch := sinktest.Messages(2)
		b.announce(t.Context(), batch[1])
		if _, down := flows.AsUnavailable(b.deliver(t.Context(), batch[0])); !down {
			t.Errorf("the edit is %+v, want parked", batch[0].Outcome())
		}
		if n := len(b.server.Requests()); n != 2 {
			t.Errorf("%d requests, want 2: the edit is not even tried", n)
		}
		c := testConfig()
		c.Channel = "99"
		other, err := newSink(&flows.Build{Logger: b.Sink.log}, c, b.ledger.Open, b.client.creates.bot, b.server.Transport())
		if err != nil {
			t.Fatal(err)
		}
		m := sinktest.Messages(1)
		if err := other.Announce(t.Context(), m); err != nil || m[0].Settled() {
			t.Errorf("another channel: %v, %+v", err, m[0].Outcome())
		}
	})
}
