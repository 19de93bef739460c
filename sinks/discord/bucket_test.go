package discord

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"catalyst/flows"
	"catalyst/internal/news"
	"catalyst/internal/once"
	"catalyst/sinks/discord/discordtest"
	"catalyst/sinks/sinktest"
)

func limit(n int, per time.Duration) discordtest.Limit {
	return discordtest.Limit{Requests: n, Per: per}
}

// wantShown demands that each alert of batch is to be seen once, and nothing else.
func wantShown(t *testing.T, server *discordtest.Server, batch []*flows.Message) {
	t.Helper()
	shown := make(map[string]int)
	for _, m := range server.Messages() {
		for _, e := range m.Last().Shown() {
			shown[e.Title]++
		}
	}
	for _, m := range batch {
		if n := shown[m.Item.Title]; n != 1 {
			t.Errorf("%s is shown %d times, want once", m.Item.Title, n)
		}
	}
	if len(shown) != len(batch) {
		t.Errorf("%d alerts are shown, want %d", len(shown), len(batch))
	}
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
		if got := b.server.Statuses(); got[200] == 0 || len(got) != 1 {
			t.Errorf("answers %v, want nothing but 200", got)
		}
		wantShown(t, b.server, batch)
		// Two windows hold them all at most, as the last place of each is shared.
		if took := time.Since(started); took > 6*time.Second {
			t.Errorf("23 alerts took %s, want little more than 5s", took)
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
		"wider":    {limit(1000, time.Second), 500, 11 * time.Second, 0},
		"narrower": {limit(2, 3*time.Second), 20, 31 * time.Second, 3},
	} {
		t.Run(name, func(t *testing.T) {
			onBench(t, discordtest.Config{Creates: c.real}, testConfig(), func(t *testing.T, b *bench) {
				started := time.Now()
				batch := sinktest.Messages(c.alerts)
				if err := b.announce(t.Context(), batch...); err != nil {
					t.Fatal(err)
				}
				wantShown(t, b.server, batch)
				if took := time.Since(started); took > c.within {
					t.Errorf("%d alerts took %s, want at most %s", c.alerts, took, c.within)
				}
				if got := b.server.Statuses(); got[429] > c.tooEarly {
					t.Errorf("answers %v, want at most %d times 429", got, c.tooEarly)
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
				other := newSinkOf(t, b.bot, c, b.server.Transport(), b.ledger.Open, nil)
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

// Tasks are withdrawn while their lane looks for work: neither waits for the other's lock
// for ever. (No bubble: it would wait with them.)
func TestWithdrawWhileTheLaneLooks(t *testing.T) {
	c := testConfig()
	c.Creates, c.Window = 1, time.Hour
	sink := newTestSink(t, c, discordtest.New(discordtest.Config{}).Transport(), new(sinktest.Ledger).Open, nil)
	defer sink.Close()
	if err := sink.Announce(t.Context(), sinktest.Messages(1)); err != nil {
		t.Fatal(err)
	}
	posts := &sink.room("").posts
	done := make(chan struct{})
	go func() {
		defer close(done)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 2000 {
					task := &task{Job: &once.Job{Item: &news.Item{}}, done: make(chan error, 1)}
					posts.add(task)
					posts.room.creates.kick()
					if !posts.withdraw(task) {
						t.Error("the task is under way, although there is no place for it")
					}
				}
			})
		}
		wg.Wait()
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("the lane and those who withdraw wait for each other")
	}
}

// FuzzHeaders: nothing a server says stops the window for ever or breaks it.
func FuzzHeaders(f *testing.F) {
	f.Add("5", "4", "5.000", `{"retry_after": 1.5, "global": false}`)
	f.Add("-1", "x", "1e300", `{"retry_after": -1}`)
	f.Add("0", "0", "NaN", `<html>`)
	f.Fuzz(func(t *testing.T, limit, left, after, body string) {
		w := &bucket{limit: 5, length: 5 * time.Second}
		now := time.Now()
		w.wait(now, false)
		p := permit{generation: w.take(), sent: now}
		h := http.Header{}
		h.Set("X-RateLimit-Limit", limit)
		h.Set("X-RateLimit-Remaining", left)
		h.Set("X-RateLimit-Reset-After", after)
		h.Set("Retry-After", after)
		w.learn(p, h, false, now)
		w.learn(p, h, true, now)
		if wait := w.wait(now, false); wait > maxWait+slack {
			t.Errorf("waits %s", wait)
		}
		if wait := w.wait(now.Add(maxWait+time.Second), false); wait > 0 {
			t.Errorf("still waits %s after %s", wait, maxWait)
		}
		r := reply{status: 429, header: h, body: []byte(body)}
		if wait, _ := r.slow(); wait < 0 || wait > maxWait {
			t.Errorf("429 asks for %s, want 0 to %s", wait, maxWait)
		}
	})
}

// An answer that took long speaks of a window that is over.
func TestLateAnswer(t *testing.T) {
	w := &bucket{limit: 3, length: 5 * time.Second}
	now := time.Now()
	w.wait(now, false)
	old := permit{generation: w.take(), sent: now}
	now = now.Add(6 * time.Second)
	w.wait(now, false) // one of its three places is kept for the answer that is still to come
	w.take()
	h := http.Header{}
	h.Set("X-RateLimit-Limit", "3")
	h.Set("X-RateLimit-Remaining", "0")
	h.Set("X-RateLimit-Reset-After", "5.000")
	w.learn(old, h, false, now)
	if wait := w.wait(now, false); wait != 0 || w.left != 1 {
		t.Errorf("waits %s with %d requests left, want none and 1", wait, w.left)
	}
}

// told returns headers of a window of five.
func told(left int, after string) http.Header {
	h := http.Header{}
	h.Set("X-RateLimit-Limit", "5")
	h.Set("X-RateLimit-Remaining", strconv.Itoa(left))
	h.Set("X-RateLimit-Reset-After", after)
	return h
}

// Requests sent at the very end of a window come in when the next has begun, and take
// its places: whether their answers say so before that window is begun here, or after,
// or never.
func TestEndOfAWindow(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.Header // to two of the three sent last
		ends   time.Duration
		left   int
	}{
		"told before":  {told(3, "4.950"), 4990 * time.Millisecond, 1}, // the other two may come after the first
		"lost before":  {nil, 4990 * time.Millisecond, 2},
		"lost early":   {nil, 4900 * time.Millisecond, 4}, // and so counted in the old one
		"told after":   {told(3, "4.950"), 5300 * time.Millisecond, 2},
		"still silent": {nil, time.Hour, 2},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			w := &bucket{limit: 5, length: 5 * time.Second}
			send := func(at time.Duration) permit {
				if wait := w.wait(start.Add(at), false); wait > 0 {
					t.Fatalf("no place after %s", at)
				}
				return permit{generation: w.take(), sent: start.Add(at)}
			}
			w.learn(send(0), told(4, "4.920"), false, start.Add(50*time.Millisecond)) // over after 4.92 to 4.97
			last := []permit{send(4880 * time.Millisecond), send(4880 * time.Millisecond), send(4880 * time.Millisecond)}
			end := func() {
				for _, p := range last[:2] {
					w.learn(p, c.answer, false, start.Add(c.ends))
				}
			}
			early := c.ends < 5020*time.Millisecond // when it is over for sure
			if early {
				end()
			}
			w.wait(start.Add(5020*time.Millisecond), false)
			if !early && c.answer != nil {
				end()
			}
			if w.left != c.left {
				t.Errorf("%d places left in the next window, want %d", w.left, c.left)
			}
		})
	}
}

// Of a 429 and the window the later reset counts, whichever is told first.
func TestLaterResetCounts(t *testing.T) {
	start := time.Now()
	for name, answers := range map[string][]http.Header{
		"429 last":       {told(3, "4.900"), told(0, "1.000")},
		"429 first":      {told(0, "1.000"), told(3, "4.900")},
		"nothing but it": {told(0, "1.000"), told(0, "1.000")},
	} {
		t.Run(name, func(t *testing.T) {
			w := &bucket{limit: 5, length: 5 * time.Second}
			w.wait(start, false)
			sent := []permit{{generation: w.take(), sent: start}, {generation: w.take(), sent: start}}
			for i, h := range answers {
				w.learn(sent[i], h, h.Get("X-RateLimit-Remaining") == "0", start.Add(100*time.Millisecond))
			}
			if wait := w.wait(start.Add(100*time.Millisecond), false); wait < 4900*time.Millisecond || wait > 5100*time.Millisecond {
				t.Errorf("waits %s, want the rest of the window", wait)
			}
		})
	}
}

// Discord rounds its times, and answers take a moment: a request at the very
// end of the window it told of may still fall into it.
func TestResetIsNotCutFine(t *testing.T) {
	w := &bucket{limit: 1, length: time.Hour}
	now := time.Now()
	w.wait(now, false)
	p := permit{generation: w.take(), sent: now}
	h := http.Header{}
	h.Set("X-RateLimit-Limit", "1")
	h.Set("X-RateLimit-Remaining", "0")
	h.Set("X-RateLimit-Reset-After", "2.000")
	w.learn(p, h, false, now)
	if wait := w.wait(now, false); wait <= 2*time.Second || wait > 2100*time.Millisecond {
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
		other := newSinkOf(t, b.bot, c, b.server.Transport(), b.ledger.Open, nil)
		m := sinktest.Messages(1)
		if err := other.Announce(t.Context(), m); err != nil || m[0].Settled() {
			t.Errorf("another channel: %v, %+v", err, m[0].Outcome())
		}
	})
}
