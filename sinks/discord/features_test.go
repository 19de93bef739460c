package discord

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/news"
	"catalyst/internal/operator"
	"catalyst/internal/store"
	"catalyst/sinks/discord/discordtest"
	"catalyst/sinks/sinktest"
)

// titles returns what each message shows, in the order of their creation.
func titles(server *discordtest.Server) (all [][]string) {
	for _, m := range server.Messages() {
		var shown []string
		for _, e := range m.Last().Shown() {
			shown = append(shown, e.Title)
		}
		all = append(all, shown)
	}
	return all
}

// The last place of a window is shared by those that wait, the newest first or the oldest,
// and however long they are they fit.
func TestLastPlaceIsShared(t *testing.T) {
	for backlog, want := range map[string][]string{
		newest: {"item 7", "item 6", "item 5", "item 4", "item 3", "item 2", "item 1"},
		oldest: {"item 1", "item 2", "item 3", "item 4", "item 5", "item 6", "item 7"},
	} {
		c := testConfig()
		c.Backlog, c.Creates = backlog, 2
		onBench(t, discordtest.Config{Creates: limit(2, 5*time.Second)}, c, func(t *testing.T, b *bench) {
			batch := sinktest.Messages(8)
			for _, m := range batch {
				m.Item.URL = "https://news.example.com/the-same"
				m.Item.Summary = strings.Repeat("Long words of *markup*. ", 300)
			}
			first, rest := batch[:1], batch[1:]
			if err := b.announce(t.Context(), first...); err != nil {
				t.Fatal(err)
			}
			if err := b.announce(t.Context(), rest...); err != nil {
				t.Fatal(err)
			}
			got := titles(b.server)
			if diff := cmp.Diff([][]string{{"item 0"}, want}, got); diff != "" {
				t.Errorf("%s first (-want +got):\n%s", backlog, diff)
			}
			if len(b.server.Requests()) != 2 {
				t.Errorf("%d requests, want 2", len(b.server.Requests()))
			}
			// All verdicts come with one edit.
			if err := b.deliver(t.Context(), rest...); err != nil {
				t.Fatal(err)
			}
			if n := len(b.server.Requests()); n != 3 {
				t.Errorf("%d edits for the verdicts of one message, want 1", n-2)
			}
			for _, e := range b.server.Messages()[1].Last().Shown() {
				if e.Color != 0x00FF00 {
					t.Errorf("%s is #%06X, want the color of its verdict", e.Title, e.Color)
				}
			}
		})
	}
}

// The process dies after a message with several alerts was posted and before the ledger
// knew. They come back one by one, in another order, to two processes: Discord has them.
func TestCrashAfterASharedPost(t *testing.T) {
	c := testConfig()
	c.Creates = 1
	onBench(t, discordtest.Config{Latency: 50 * time.Millisecond}, c, func(t *testing.T, b *bench) {
		crashing := newTestSink(t, c, b.server.Transport(), b.crashAfterPost(), nil)
		batch := sinktest.Messages(6)
		crashing.Announce(t.Context(), batch[:4])
		if got := titles(b.server); len(got) != 1 || len(got[0]) != 4 {
			t.Fatalf("posted %q before the crash, want four alerts in one message", got)
		}
		one := newTestSink(t, c, b.server.Transport(), b.ledger.Open, nil)
		two := newTestSink(t, c, b.server.Transport(), b.ledger.Open, nil)
		var wg sync.WaitGroup
		for i, sink := range []*Sink{one, two, one, two, one, two} {
			wg.Go(func() {
				m := sinktest.Messages(6)[5-i]
				if err := sink.Deliver(t.Context(), oneOf(m)); err != nil || m.Settled() {
					t.Error(err, m.Outcome())
				}
			})
		}
		wg.Wait()
		wantShown(t, b.server, batch)
		wantVerdicts(t, b.server)
	})
}

func wantVerdicts(t *testing.T, server *discordtest.Server) {
	t.Helper()
	for _, m := range server.Messages() {
		for _, e := range m.Last().Shown() {
			if e.Color != 0x00FF00 {
				t.Errorf("%s ends as #%06X, want the color of its verdict", e.Title, e.Color)
			}
		}
	}
}

// A plan that the ledger has only half of was never carried out.
func TestHalfAPlan(t *testing.T) {
	c := testConfig()
	c.Creates = 1
	onBench(t, discordtest.Config{}, c, func(t *testing.T, b *bench) {
		failing := newTestSink(t, c, b.server.Transport(), func() (store.Ledger, error) { return halfPlans{b.ledger}, nil }, nil)
		failing.Announce(t.Context(), sinktest.Messages(3))
		if n := len(b.server.Requests()); n != 0 {
			t.Fatalf("%d requests although the ledger has no plan, want none", n)
		}
		batch := sinktest.Messages(3)
		if err := b.deliver(t.Context(), batch...); err != nil {
			t.Fatal(err)
		}
		wantShown(t, b.server, batch)
	})
}

// halfPlans records all but the last of what is planned together.
type halfPlans struct{ store.Ledger }

func (l halfPlans) Record(ctx context.Context, effects []store.Effect, keep time.Duration) error {
	if len(effects) < 2 {
		return l.Ledger.Record(ctx, effects, keep)
	}
	return errors.Join(l.Ledger.Record(ctx, effects[:len(effects)-1], keep), errors.New("connection reset"))
}

// One of several is refused: it alone is at fault.
func TestOneOfSeveralIsRefused(t *testing.T) {
	c := testConfig()
	c.Creates = 1
	onBench(t, discordtest.Config{Automod: mustMatch("item 1")}, c, func(t *testing.T, b *bench) {
		batch := sinktest.Messages(3)
		if err := b.Announce(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		for i, m := range batch {
			if refused := flows.IsPermanent(m.Outcome().Err); refused != (i == 1) {
				t.Errorf("%s: %+v", m.ID, m.Outcome())
			}
		}
		wantShown(t, b.server, []*flows.Message{batch[0], batch[2]})
	})
}

// One of several changes is refused: the others are shown, beside what it showed before,
// and only its own message fails. Discord may say which it is, or not.
func TestOneOfSeveralEditsIsRefused(t *testing.T) {
	named := &discordtest.Fault{Status: 400, Body: `{"code": 50035, "message": "Invalid Form Body",
		"errors": {"embeds": {"3": {"fields": {"1": {"value": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH"}]}}}}}}}`}
	for name, c := range map[string]struct {
		discord discordtest.Config
		fault   *discordtest.Fault // of the first edit
		edits   int
	}{
		"named":   {discordtest.Config{}, named, 2},
		"unnamed": {discordtest.Config{Harmful: mustMatch("worst of news")}, nil, 10},
	} {
		t.Run(name, func(t *testing.T) {
			config := testConfig()
			config.Creates = 1
			onBench(t, c.discord, config, func(t *testing.T, b *bench) {
				batch := sinktest.Messages(10)
				if err := b.announce(t.Context(), pendingOf(batch)...); err != nil {
					t.Fatal(err)
				}
				b.server.Script(func(r discordtest.Request) *discordtest.Fault {
					if r.N == 2 {
						return c.fault
					}
					return nil
				})
				alerts := b.server.Messages()[0].Last().Embeds
				bad := slices.IndexFunc(batch, func(m *flows.Message) bool { return m.Item.Title == alerts[3].Title })
				batch[bad].Item.Analysis.Reasoning = "This is the worst of news."
				if err := b.Deliver(t.Context(), batch); err != nil {
					t.Fatal(err)
				}
				for i, m := range batch {
					if failed := flows.IsPermanent(m.Outcome().Err); failed != (i == bad) {
						t.Errorf("%s: %+v", m.Item.Title, m.Outcome())
					}
				}
				wantShown(t, b.server, batch)
				for i, e := range b.server.Messages()[0].Last().Shown() {
					if want := map[bool]int{true: 0xFFA500, false: 0x00FF00}[i == 3]; e.Color != want {
						t.Errorf("%s ends as #%06X, want #%06X", e.Title, e.Color, want)
					}
				}
				if n := len(b.server.Requests()) - 1; n > c.edits {
					t.Errorf("%d edits, want at most %d", n, c.edits)
				}
				// What was refused does not stand in the way of what comes later.
				batch[bad] = sinktest.Messages(10)[bad]
				if err := b.deliver(t.Context(), batch[bad]); err != nil {
					t.Fatal(err)
				}
				wantVerdicts(t, b.server)
			})
		})
	}
}

// Two processes edit one message for different alerts at the same time, over and over:
// the last edit has the last state of each.
func TestTwoProcessesEditOneMessage(t *testing.T) {
	c := testConfig()
	c.Creates, c.Edits = 1, 1000
	d := discordtest.Config{Delay: discordtest.Spread(7, 100*time.Millisecond, 2*time.Second)}
	onBench(t, d, c, func(t *testing.T, b *bench) {
		batch := sinktest.Messages(10)
		if err := b.announce(t.Context(), pendingOf(batch)...); err != nil {
			t.Fatal(err)
		}
		if got := titles(b.server); len(got) != 1 {
			t.Fatalf("posted %q, want one message", got)
		}
		other := newTestSink(t, c, b.server.Transport(), b.ledger.Open, nil)
		var wg sync.WaitGroup
		for i, m := range batch {
			sink := []*Sink{b.Sink, other}[i%2]
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 37 * time.Millisecond)
				if err := sink.Deliver(t.Context(), oneOf(m)); err != nil || m.Settled() {
					t.Error(err, m.Outcome())
				}
			})
		}
		wg.Wait()
		wantShown(t, b.server, batch)
		wantVerdicts(t, b.server)
	})
}

// pendingOf returns messages about the same items without their verdicts.
func pendingOf(batch []*flows.Message) (early []*flows.Message) {
	for _, m := range batch {
		item := *m.Item
		item.Analysis = nil
		early = append(early, sinktest.Message(m.ID, &item))
	}
	return early
}

// Edits wait for a window; what a message is to show when it opens is what counts.
func TestOnlyTheLatestStateIsShown(t *testing.T) {
	c := testConfig()
	c.Edits = 1
	onBench(t, discordtest.Config{Edits: limit(1, 20*time.Second)}, c, func(t *testing.T, b *bench) {
		batch := sinktest.Messages(2)
		b.announce(t.Context(), pendingOf(batch)...)
		b.deliver(t.Context(), batch[0]) // uses the window up
		waiting := flows.Outcome{Fate: flows.Parked, Stage: "llm_router", Err: flows.Unavailable("gemini", context.DeadlineExceeded, 0)}
		if err := b.Report(t.Context(), batch[1], waiting); err != nil {
			t.Fatal(err)
		}
		if err := b.deliver(t.Context(), batch[1]); err != nil {
			t.Fatal(err)
		}
		if n := len(b.server.Messages()[1].Versions); n != 2 {
			t.Errorf("the message had %d versions, want 2: pending and the verdict", n)
		}
		wantVerdicts(t, b.server)
	})
}

// Creates and edits that Discord counts together: alerts still find a place.
func TestASharedBucketIsKeptFreeForAlerts(t *testing.T) {
	onBench(t, discordtest.Config{Creates: limit(5, 5*time.Second), OneBucket: true}, testConfig(), func(t *testing.T, b *bench) {
		batch := sinktest.Messages(4)
		b.announce(t.Context(), pendingOf(batch)...)
		time.Sleep(6 * time.Second)
		b.deliver(t.Context(), batch[0]) // now it is known
		time.Sleep(6 * time.Second)
		done := make(chan error, 1)
		go func() { done <- b.Deliver(t.Context(), batch[1:]) }()
		time.Sleep(time.Second)
		for i := range 2 {
			started := time.Now()
			m := sinktest.Message(fmt.Sprint("new", i), &news.Item{Title: fmt.Sprint("new ", i)})
			if err := b.announce(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(started); took != 0 {
				t.Errorf("alert %d waited %s for edits, want not at all", i, took)
			}
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if got := b.server.Statuses(); got[429] != 0 {
			t.Errorf("answers %v, want no 429", got)
		}
	})
}

func TestOldMessagesKeepWhatTheyShow(t *testing.T) {
	onBench(t, discordtest.Config{}, testConfig(), func(t *testing.T, b *bench) {
		batch := sinktest.Messages(1)
		b.announce(t.Context(), pendingOf(batch)...)
		time.Sleep(61 * time.Minute)
		for range 2 {
			if err := b.deliver(t.Context(), sinktest.Messages(1)...); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(b.server.Requests()); n != 1 {
			t.Errorf("%d requests, want the create alone", n)
		}
	})
}

func TestRoutes(t *testing.T) {
	c := testConfig()
	rule, err := flows.ParseCondition(`form == "8-K"`)
	if err != nil {
		t.Fatal(err)
	}
	c.Routes = []Route{{rule, "42"}}
	onBench(t, discordtest.Config{}, c, func(t *testing.T, b *bench) {
		filing := sinktest.Message("m1", &news.Item{Key: "acc:1", Title: "filing", Form: "8-K"})
		other := sinktest.Message("m2", &news.Item{Key: "acc:2", Title: "report", Form: "10-Q"})
		if err := b.announce(t.Context(), filing, other); err != nil {
			t.Fatal(err)
		}
		// The rules change; what was posted stays where it is.
		c.Routes = nil
		changed := newTestSink(t, c, b.server.Transport(), b.ledger.Open, nil)
		again := sinktest.Message("m1", withVerdict(filing.Item))
		if err := changed.Deliver(t.Context(), oneOf(again)); err != nil || again.Settled() {
			t.Fatal(err, again.Outcome())
		}
		places := make(map[string]string)
		for _, m := range b.server.Messages() {
			places[m.Last().Embeds[0].Title] = m.Channel
		}
		if diff := cmp.Diff(map[string]string{"filing": "42", "report": testChannel}, places); diff != "" {
			t.Errorf("channels (-want +got):\n%s", diff)
		}
		if e := b.server.Messages()[0].Last().Embeds[0]; e.Color == 0xFFA500 && b.server.Messages()[0].Channel == "42" {
			t.Error("the filing's verdict is not shown")
		}
	})
}

func TestATickersLimit(t *testing.T) {
	c := testConfig()
	c.PerTicker = 4
	onBench(t, discordtest.Config{}, c, func(t *testing.T, b *bench) {
		var batch []*flows.Message
		for i := range 7 {
			batch = append(batch, sinktest.Message(fmt.Sprint(i), &news.Item{Title: fmt.Sprint("headline ", i), Tickers: []string{"ABC"}}))
		}
		for range 2 { // a second time nothing changes
			for _, m := range batch {
				if err := b.announce(t.Context(), sinktest.Message(m.ID, m.Item)); err != nil {
					t.Fatal(err)
				}
			}
			for _, m := range batch {
				if err := b.deliver(t.Context(), sinktest.Message(m.ID, withVerdict(m.Item))); err != nil {
					t.Fatal(err)
				}
			}
		}
		b.announce(t.Context(), sinktest.Message("other", &news.Item{Title: "both", Tickers: []string{"ABC", "QRS"}}))
		time.Sleep(2 * time.Minute)
		got := titles(b.server)
		if len(got) != 6 {
			t.Fatalf("%d messages, want 4 alerts, one about another ticker too, and a summary: %q", len(got), got)
		}
		summary := b.server.Messages()[5].Last().Embeds[0]
		for _, part := range []string{"3 more on $ABC: ", "headline 4", "headline 6"} {
			if !strings.Contains(summary.Description, part) {
				t.Errorf("the summary is %q, want %q in it", summary.Description, part)
			}
		}
		held := 0
		for _, e := range b.ledger.All() {
			if strings.HasPrefix(e.State, "suppressed:") {
				held++
			}
		}
		if held != 3 {
			t.Errorf("the ledger has %d suppressed alerts, want 3", held)
		}
	})
}

func TestASummaryIsPostedBeforeTheEnd(t *testing.T) {
	c := testConfig()
	c.PerTicker = 1
	onBench(t, discordtest.Config{}, c, func(t *testing.T, b *bench) {
		for i := range 2 {
			b.announce(t.Context(), sinktest.Message(fmt.Sprint(i), &news.Item{Title: fmt.Sprint("headline ", i), Tickers: []string{"ABC"}}))
		}
		for range 2 {
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if got := titles(b.server); len(got) != 2 {
			t.Errorf("posted %q, want the alert and the summary", got)
		}
	})
}

// A correction is a reply to what it corrects, found by its key or by its headline.
func TestCorrections(t *testing.T) {
	first := &news.Item{Key: "guid:wire|1", Title: "Acme Reports Results for Q3"}
	for name, item := range map[string]*news.Item{
		"by headline":         {Key: "guid:wire|2", Title: "CORRECTING and REPLACING: Acme Reports Results for Q3"},
		"by key":              {Key: "guid:wire|2", Title: "Acme again", Amends: "guid:wire|1"},
		"of nothing":          {Key: "guid:wire|2", Title: "CORRECTED: Somebody Else Reports"},
		"of what was dropped": {Key: "guid:wire|2", Title: "Acme again", Amends: "guid:wire|9"},
	} {
		t.Run(name, func(t *testing.T) {
			onBench(t, discordtest.Config{}, testConfig(), func(t *testing.T, b *bench) {
				b.announce(t.Context(), sinktest.Message("m1", first))
				if err := b.announce(t.Context(), sinktest.Message("m2", item)); err != nil {
					t.Fatal(err)
				}
				messages := b.server.Messages()
				if len(messages) != 2 {
					t.Fatalf("%d messages, want 2", len(messages))
				}
				want := messages[0].ID
				if strings.HasPrefix(name, "of ") {
					want = ""
				}
				if got := messages[1].ReplyTo; got != want {
					t.Errorf("replies to %q, want %q", got, want)
				}
			})
		})
	}
}

// An alert whose item is still in the pipeline, parked or in a queue, is not given up as
// long as its message can be edited, and then shows its verdict.
func TestSweepSparesWhatIsStillToCome(t *testing.T) {
	onBench(t, discordtest.Config{}, testConfig(), func(t *testing.T, b *bench) {
		var mu sync.Mutex
		var published time.Time // of what waits
		var failing error
		b.oldest = func(context.Context) (time.Time, error) {
			mu.Lock()
			defer mu.Unlock()
			return published, failing
		}
		tells := func(at time.Time, err error) {
			mu.Lock()
			defer mu.Unlock()
			published, failing = at, err
		}
		if err := b.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		tells(time.Now(), nil)
		batch := sinktest.Messages(4)
		b.announce(t.Context(), pendingOf(batch)...)
		down := flows.Outcome{Fate: flows.Parked, Stage: "llm_router", Err: flows.Unavailable("gemini", context.DeadlineExceeded, 0)}
		if err := b.Report(t.Context(), batch[0], down); err != nil {
			t.Fatal(err)
		}
		verdicts := func(want ...string) {
			t.Helper()
			got := make([]string, len(batch))
			for _, m := range b.server.Messages() {
				for i := range batch {
					if e := m.Last().Embeds[0]; e.Title == batch[i].Item.Title {
						got[i], _, _ = strings.Cut(e.Field("Verdict"), " ·")
					}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("at %s (-want +got):\n%s", time.Now().Format(time.TimeOnly), diff)
			}
		}
		const (
			pending = "⏳ AI analysis pending"
			parked  = "⏸️ AI analysis delayed: waiting for gemini"
			timeout = "⏱️ AI analysis timed out: there will be no verdict"
			bullish = "🟢 Bullish"
		)
		time.Sleep(40 * time.Minute)
		verdicts(parked, pending, pending, pending)
		if err := b.deliver(t.Context(), batch[0], batch[1]); err != nil {
			t.Fatal(err)
		}
		verdicts(bullish, bullish, pending, pending)
		time.Sleep(16 * time.Minute) // soon its messages cannot be edited any more
		verdicts(bullish, bullish, timeout, timeout)
		if err := b.deliver(t.Context(), batch[2]); err != nil {
			t.Fatal(err)
		}
		verdicts(bullish, bullish, bullish, timeout)

		// What waits was published later: the alert's own item is not among it.
		batch = append(batch, sinktest.Message("lost", &news.Item{Key: "guid:lost", Title: "lost"}))
		b.announce(t.Context(), batch[4])
		time.Sleep(20 * time.Minute)
		tells(time.Now(), context.DeadlineExceeded)
		time.Sleep(12 * time.Minute) // while the broker does not tell, nothing is given up
		verdicts(bullish, bullish, bullish, timeout, pending)
		tells(time.Now(), nil)
		time.Sleep(90 * time.Second)
		verdicts(bullish, bullish, bullish, timeout, timeout)
	})
}

// What stays pending, because a crash or an operator took it out, says so after a time,
// in a message of its own or with others; and what comes after all is shown.
func TestSweep(t *testing.T) {
	c := testConfig()
	c.Creates = 2
	onBench(t, discordtest.Config{}, c, func(t *testing.T, b *bench) {
		batch := sinktest.Messages(4)
		if err := b.announce(t.Context(), pendingOf(batch)...); err != nil {
			t.Fatal(err)
		}
		b.deliver(t.Context(), batch[0])
		time.Sleep(29 * time.Minute)
		restarted := newTestSink(t, c, b.server.Transport(), b.ledger.Open, nil)
		if err := restarted.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer restarted.Close()
		synctest.Wait()
		before := len(b.server.Requests())
		time.Sleep(3*time.Minute + 30*time.Second) // not at the sweep's own tick
		got := make(map[string]string)
		for _, m := range b.server.Messages() {
			for _, e := range m.Last().Shown() {
				verdict, _, _ := strings.Cut(e.Field("Verdict"), " ·")
				got[e.Title] = verdict
			}
		}
		timeout := "⏱️ AI analysis timed out: there will be no verdict"
		if diff := cmp.Diff(map[string]string{"item 0": "🟢 Bullish", "item 1": timeout, "item 2": timeout, "item 3": timeout}, got); diff != "" {
			t.Errorf("verdicts (-want +got):\n%s", diff)
		}
		edits := len(b.server.Requests()) - before
		time.Sleep(10 * time.Minute)
		if again := len(b.server.Requests()) - before; again != edits || edits == 0 {
			t.Errorf("%d edits, then %d more, want some and none", edits, again-edits)
		}
		late := sinktest.Messages(4)[3]
		if err := restarted.Deliver(t.Context(), oneOf(late)); err != nil || late.Settled() {
			t.Fatal(err, late.Outcome())
		}
		if !slices.ContainsFunc(b.server.Messages(), func(m discordtest.Message) bool {
			return slices.ContainsFunc(m.Last().Shown(), func(e discordtest.Embed) bool {
				return e.Title == "item 3" && e.Color == 0x00FF00
			})
		}) {
			t.Error("the late verdict is not shown")
		}
	})
}

// A thread is a destination like a channel, for a bot by its id and for a webhook by its
// address.
func TestThreads(t *testing.T) {
	hook := discordtest.Webhook{ID: "77", Token: "hook-secret", Channel: testChannel}
	d := discordtest.Realistic()
	d.Channels, d.Webhooks = []string{testChannel}, []discordtest.Webhook{hook}
	onBench(t, d, testConfig(), func(t *testing.T, b *bench) {
		thread := b.server.Post(testChannel, "alerts in here")
		b.server.StartThread(thread, "filings")
		routed := testConfig()
		rule, err := flows.ParseCondition(`form == "8-K"`)
		if err != nil {
			t.Fatal(err)
		}
		routed.Routes = []Route{{rule, thread}}
		hooked := testConfig()
		hooked.Token, hooked.Channel = "", ""
		hooked.Webhook = "https://discord.com/api/webhooks/77/hook-secret?thread_id=" + config.Secret(thread)
		for name, c := range map[string]Config{"route": routed, "webhook": hooked} {
			if err := c.Validate(); err != nil {
				t.Fatal(name, err)
			}
			before := len(b.server.Messages())
			sink := newTestSink(t, c, b.server.Transport(), b.ledger.Open, nil)
			filing := &news.Item{Key: "acc:1", Title: "filing", Form: "8-K"}
			for _, item := range []*news.Item{filing, withVerdict(filing)} {
				m := sinktest.Message("m", item)
				deliver := sink.Announce
				if item.Analysis != nil {
					b.server.Archive(thread, false) // a message opens it again, an edit does not
					opened := sinktest.Message("other", &news.Item{Key: "acc:2", Title: "next", Form: "8-K"})
					if err := sink.Announce(t.Context(), oneOf(opened)); err != nil || opened.Settled() {
						t.Fatal(name, err, opened.Outcome())
					}
					deliver = sink.Deliver
				}
				if err := deliver(t.Context(), oneOf(m)); err != nil || m.Settled() {
					t.Fatal(name, err, m.Outcome())
				}
			}
			posted := b.server.Messages()[before:]
			if len(posted) != 2 || posted[0].Channel != thread || posted[0].Last().Embeds[0].Color != 0xFF0000 {
				t.Errorf("%s: %+v, want two messages in thread %s, the first with its verdict", name, posted, thread)
			}
			if err := sink.Check(t.Context()); err != nil {
				t.Error(name, err)
			}
		}
	})
}

func TestWebhook(t *testing.T) {
	hook := discordtest.Webhook{ID: "77", Token: "hook-secret", Channel: "5"}
	c := testConfig()
	c.Token, c.Channel = "", ""
	c.Webhook = "https://discord.com/api/webhooks/77/hook-secret"
	onBench(t, discordtest.Config{Webhooks: []discordtest.Webhook{hook}, Executes: limit(5, 2*time.Second)}, c, func(t *testing.T, b *bench) {
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		batch := sinktest.Messages(12)
		if err := b.announce(t.Context(), pendingOf(batch)...); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := b.deliver(t.Context(), batch...); err != nil {
				t.Fatal(err)
			}
		}
		wantShown(t, b.server, batch)
		wantVerdicts(t, b.server)
		if err := b.Check(t.Context()); err != nil {
			t.Error(err)
		}
		if v := b.server.Violations(); len(v) != 0 {
			t.Errorf("violations %+v", v)
		}
		b.server.DeleteWebhook("77")
		for i := range 3 {
			m := sinktest.Message(fmt.Sprint("x", i), &news.Item{Title: fmt.Sprint("x", i)})
			err := b.announce(t.Context(), m)
			if _, down := flows.AsUnavailable(err); !down || strings.Contains(err.Error(), "hook-secret") {
				t.Errorf("error %v, want an outage that says nothing secret", err)
			}
			time.Sleep(time.Hour)
		}
		if v := b.server.Violations(); len(v) != 0 {
			t.Errorf("violations %+v: a webhook that is gone is not called again", v)
		}
		b.server.Script(func(discordtest.Request) *discordtest.Fault { return discordtest.Reset() })
		for _, line := range b.log.all() {
			if strings.Contains(line, "hook-secret") {
				t.Errorf("logged %q", line)
			}
		}
	})
}

// Whatever Discord refuses, long before it would ban the address nothing is sent.
func TestStopsBeforeABan(t *testing.T) {
	c := testConfig()
	c.Creates = 1000 // with 5 in 5 s it would not come so far
	onBench(t, discordtest.Config{}, c, func(t *testing.T, b *bench) {
		var told []string
		b.health.operator = func() (*operator.Operator, error) { told = append(told, "asked"); return nil, errors.New("none") }
		b.server.Script(func(discordtest.Request) *discordtest.Fault {
			return discordtest.RateLimited("user", 100*time.Millisecond)
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		stopped := false
		for i := 0; ctx.Err() == nil; i++ {
			err := b.announce(ctx, sinktest.Message(fmt.Sprint(i), &news.Item{Title: fmt.Sprint("x", i)}))
			if errors.Is(err, errTooManyInvalid) {
				stopped = true
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n := len(b.server.Requests()); n > tooManyInvalid+50 || n < tooManyInvalid {
			t.Errorf("%d requests were refused in ten minutes, want %d", n, tooManyInvalid)
		}
		if !stopped || len(told) == 0 {
			t.Errorf("stopped: %v, and told the operator %d times", stopped, len(told))
		}
		b.server.Script(nil)
		time.Sleep(11 * time.Minute)
		if err := b.announce(t.Context(), sinktest.Messages(1)...); err != nil {
			t.Errorf("eleven minutes later: %v", err)
		}
	})
}

// A person is told what only a person can mend, and that it is mended.
func TestTheOperatorIsTold(t *testing.T) {
	onBench(t, discordtest.Config{}, testConfig(), func(t *testing.T, b *bench) {
		log := new(recordedLog)
		notes := new(notebook)
		o := operator.New(func() (store.Notes, error) { return notes, nil }, newLogger(log))
		defer o.Close()
		b.health.operator = func() (*operator.Operator, error) { return o, nil }
		b.server.Refuse(testChannel, 50013)
		for _, m := range sinktest.Messages(3) {
			b.announce(t.Context(), m)
		}
		synctest.Wait()
		b.server.Refuse(testChannel, 0)
		time.Sleep(operatorWait + time.Second)
		if err := b.announce(t.Context(), sinktest.Messages(1)...); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		text := strings.Join(log.all(), "\n")
		if strings.Count(text, "operator_page") != 1 || !strings.Contains(text, "discord/"+testChannel) || !strings.Contains(text, "allow it Send Messages") {
			t.Errorf("the operator was told:\n%s\nwant once what to do about the channel", text)
		}
		if strings.Count(text, "operator_clear") != 1 {
			t.Errorf("the operator was told:\n%s\nwant once that it is over", text)
		}
	})
}

// counted counts what a ledger is asked before Discord has answered anything.
type counted struct {
	store.Ledger
	until time.Time
	mu    sync.Mutex
	calls []string
}

func (l *counted) note(call string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Now().Before(l.until) {
		l.calls = append(l.calls, fmt.Sprint(call, " ", n))
	}
}

func (l *counted) Effects(ctx context.Context, keys []string) ([]store.Effect, error) {
	l.note("look up", len(keys))
	return l.Ledger.Effects(ctx, keys)
}

func (l *counted) Record(ctx context.Context, effects []store.Effect, keep time.Duration) error {
	l.note("record", len(effects))
	return l.Ledger.Record(ctx, effects, keep)
}

// Between an alert's arrival and its request there are two questions to the ledger, however
// many alerts there are: what is known of them, and what is about to be posted.
func TestTwoQuestionsBeforeABatchIsPosted(t *testing.T) {
	for name, c := range map[string]struct {
		alerts, perTicker int
		want              []string
	}{
		"one":                 {1, 0, []string{"look up 1", "record 1"}},
		"a window":            {5, 0, []string{"look up 5", "record 5"}},
		"several in messages": {40, 0, []string{"look up 40", "record 44"}}, // one alone, four messages with their plans
		"held back":           {300, 1, []string{"look up 300", "record 299", "record 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			config := testConfig()
			config.PerTicker = c.perTicker
			onBench(t, discordtest.Config{Latency: time.Second}, config, func(t *testing.T, b *bench) {
				ledger := &counted{Ledger: b.ledger, until: time.Now().Add(time.Second)}
				b.Sink = newTestSink(t, config, b.server.Transport(), func() (store.Ledger, error) { return ledger, nil }, nil)
				batch := pendingOf(sinktest.Messages(c.alerts))
				for _, m := range batch {
					m.Item.Tickers = []string{"ABC"}
				}
				if err := b.announce(t.Context(), batch...); err != nil {
					t.Fatal(err)
				}
				slices.Sort(ledger.calls)
				slices.Sort(c.want) // what is held back is noted while the other is planned
				if diff := cmp.Diff(c.want, ledger.calls); diff != "" {
					t.Errorf("questions (-want +got):\n%s", diff)
				}
				b.Close()
			})
		})
	}
}
