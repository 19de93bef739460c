package discord

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/flows"
	"catalyst/internal/news"
	"catalyst/internal/store"
	"catalyst/sinks/discord/discordtest"
	"catalyst/sinks/sinktest"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, v any) {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // to be read by people
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		t.Fatal(err)
	}
	got := text.Bytes()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run go test -update)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// bench is a sink on a fake Discord, with its ledger.
type bench struct {
	*Sink
	server *discordtest.Server
	ledger *sinktest.Ledger
	log    *recordedLog
}

// onBench runs test in a bubble where time is free.
func onBench(t *testing.T, d discordtest.Config, c Config, test func(*testing.T, *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{server: discordtest.New(d), ledger: new(sinktest.Ledger), log: new(recordedLog)}
		b.Sink = newTestSink(t, c, b.server.Transport(), b.ledger.Open, b.log)
		test(t, b)
	})
}

// announce announces batch and returns what became of its first message.
func (b *bench) announce(ctx context.Context, batch ...*flows.Message) error {
	if err := b.Announce(ctx, batch); err != nil {
		return err
	}
	return batch[0].Outcome().Err
}

// crashAfterPost opens the ledger for a process that dies as soon as something was
// posted: what it plans is recorded, and nothing else.
func (b *bench) crashAfterPost() func() (store.Ledger, error) {
	return func() (store.Ledger, error) { return planOnly{b.ledger}, nil }
}

type planOnly struct{ store.Ledger }

func (l planOnly) Record(ctx context.Context, effects []store.Effect, keep time.Duration) error {
	for _, e := range effects {
		if e.ID != "" {
			return errors.New("the process is dead")
		}
	}
	return l.Ledger.Record(ctx, effects, keep)
}

func (b *bench) deliver(ctx context.Context, batch ...*flows.Message) error {
	if err := b.Deliver(ctx, batch); err != nil {
		return err
	}
	return batch[0].Outcome().Err
}

func hostileItem() *news.Item {
	return &news.Item{
		Key:       "guid:wire|1",
		Source:    "wire <@1>",
		URL:       "https://news.example.com/a?b=1",
		Title:     "@everyone **Free** [shares](https://evil.example) at discord.gg/abc \u202e\x1b[31m",
		Summary:   "# Not a heading `code` ||hidden||",
		Published: time.Date(2026, 3, 2, 14, 5, 0, 0, time.UTC),
		Tickers:   []string{"ABC", "<@&9>"},
		Score:     -.4,
		Reasons:   []string{"*offering*"},
	}
}

func withVerdict(item *news.Item) *news.Item {
	copied := *item
	copied.Analysis = &news.Analysis{
		Direction: news.Bearish, Confidence: .66, Reasoning: "New shares dilute <@1> holders.",
		KeyFigures: []string{"5,000,000 shares", "- at $2.10"}, Provider: "ollama", Model: "small_model",
	}
	return &copied
}

func TestAnnounceThenDeliver(t *testing.T) {
	onBench(t, discordtest.Config{Token: testToken, Channels: []string{testChannel}}, testConfig(), func(t *testing.T, b *bench) {
		item := hostileItem()
		if err := b.announce(t.Context(), sinktest.Message("m1", item)); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second changes nothing
			if err := b.deliver(t.Context(), sinktest.Message("m1", withVerdict(item))); err != nil {
				t.Fatal(err)
			}
		}
		messages := b.server.Messages()
		if len(messages) != 1 || len(messages[0].Versions) != 2 {
			t.Fatalf("%d messages, the first with %d versions; want 1 with 2", len(messages), len(messages[0].Versions))
		}
		golden(t, "pending.json", messages[0].Versions[0].Embeds)
		golden(t, "verdict.json", messages[0].Versions[1].Embeds)
		for _, v := range messages[0].Versions {
			if len(v.Pings) != 0 || v.Content != "" {
				t.Errorf("version pings %q with content %q, want neither", v.Pings, v.Content)
			}
		}
		if n := len(messages[0].Nonce); n == 0 || n > 25 {
			t.Errorf("nonce has %d characters, want 1 to 25", n)
		}
		key := "discord/" + testChannel + "/guid:wire|1"
		if e := b.ledger.All()[key]; e.ID != messages[0].ID {
			t.Errorf("ledger names message %q under %q, want %q", e.ID, key, messages[0].ID)
		}
	})
}

// Without the dedupe stage an item can come as two messages, even in one batch.
func TestOneItemInTwoMessages(t *testing.T) {
	onBench(t, discordtest.Config{}, testConfig(), func(t *testing.T, b *bench) {
		item := hostileItem()
		batch := []*flows.Message{sinktest.Message("m1", item), sinktest.Message("m2", withVerdict(item))}
		if err := b.deliver(t.Context(), batch...); err != nil {
			t.Fatal(err)
		}
		if err := b.announce(t.Context(), sinktest.Message("m3", item)); err != nil {
			t.Fatal(err)
		}
		// It comes late and without a verdict: the verdict stays.
		if err := b.deliver(t.Context(), sinktest.Message("m4", item)); err != nil {
			t.Fatal(err)
		}
		messages := b.server.Messages()
		if len(messages) != 1 || len(messages[0].Versions) != 1 {
			t.Fatalf("%d messages, want one that was never edited", len(messages))
		}
		if color := messages[0].Last().Embeds[0].Color; color != 0xFF0000 {
			t.Errorf("color is #%06X, want that of the verdict", color)
		}
	})
}

func TestOneItemManyTimesAtOnce(t *testing.T) {
	onBench(t, discordtest.Config{Latency: time.Second}, testConfig(), func(t *testing.T, b *bench) {
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() { b.announce(t.Context(), sinktest.Message(fmt.Sprint("m", i), hostileItem())) })
		}
		wg.Wait()
		if n := len(b.server.Requests()); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
	})
}

// Without the dedupe stage items have no key yet: the sink finds the one that
// dedupe would have given. Only what says nothing at all is known by its message.
func TestItemsWithoutKey(t *testing.T) {
	onBench(t, discordtest.Config{}, testConfig(), func(t *testing.T, b *bench) {
		for i, item := range []*news.Item{{Title: "x"}, {Title: "X "}, {Source: "wire"}, {Source: "wire"}} {
			if err := b.announce(t.Context(), sinktest.Message(fmt.Sprint("m", i), item)); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(b.server.Messages()); n != 3 {
			t.Errorf("%d messages, want 3: one about x and two about nothing", n)
		}
	})
}

// A crash before the ledger knew of the pending message, which Discord finds by
// its nonce: it must still come to show the verdict.
func TestNonceFindsAnOlderState(t *testing.T) {
	onBench(t, discordtest.Config{}, testConfig(), func(t *testing.T, b *bench) {
		item := hostileItem()
		crashing := newTestSink(t, testConfig(), b.server.Transport(), b.crashAfterPost(), nil)
		crashing.Announce(t.Context(), []*flows.Message{sinktest.Message("m1", item)})
		if n := len(b.server.Messages()); n != 1 {
			t.Fatalf("%d messages before the crash, want 1", n)
		}

		restarted := newTestSink(t, testConfig(), b.server.Transport(), b.ledger.Open, nil)
		m := sinktest.Message("m1", withVerdict(item))
		if err := restarted.Deliver(t.Context(), []*flows.Message{m}); err != nil || m.Settled() {
			t.Fatal(err, m.Outcome())
		}
		messages := b.server.Messages()
		if len(messages) != 1 || messages[0].Last().Embeds[0].Color != 0xFF0000 {
			t.Errorf("%d messages, the first is #%06X; want one that shows the verdict", len(messages), messages[0].Last().Embeds[0].Color)
		}
	})
}

func TestReport(t *testing.T) {
	waiting := flows.Outcome{Fate: flows.Parked, Stage: "llm_router", Err: flows.Unavailable("gemini", os.ErrDeadlineExceeded, 0)}
	onBench(t, discordtest.Config{}, testConfig(), func(t *testing.T, b *bench) {
		item := hostileItem()
		report := func(o flows.Outcome) {
			t.Helper()
			if err := b.Report(t.Context(), sinktest.Message("m1", item), o); err != nil {
				t.Fatal(err)
			}
		}
		shows := func(want string) {
			t.Helper()
			messages := b.server.Messages()
			got, _, _ := strings.Cut(messages[0].Last().Embeds[0].Field("Verdict"), "\n") // then the reasoning
			if got != want {
				t.Errorf("shows %q, want %q", got, want)
			}
		}
		report(waiting)
		if n := len(b.server.Requests()); n != 0 {
			t.Fatalf("%d requests about an item that was never shown, want none", n)
		}
		b.announce(t.Context(), sinktest.Message("m1", item))
		report(flows.Outcome{Fate: flows.Parked, Err: flows.Unavailable("discord", os.ErrDeadlineExceeded, 0)})
		shows("⏳ AI analysis pending")
		report(waiting)
		report(waiting)
		shows("⏸️ AI analysis delayed: waiting for gemini")
		report(flows.Outcome{Fate: flows.Failed, Stage: "llm_router", Err: os.ErrInvalid})
		shows(`❌ AI analysis failed in llm\_router; the item is kept for inspection`)
		b.deliver(t.Context(), sinktest.Message("m1", withVerdict(item)))
		report(waiting)
		shows("🔴 Bearish · 66 % confidence")
		if n := len(b.server.Requests()); n != 4 {
			t.Errorf("%d requests, want 4: create, parked, failed, verdict", n)
		}
	})
}

func TestDeletedMessageStaysDeleted(t *testing.T) {
	onBench(t, discordtest.Config{}, testConfig(), func(t *testing.T, b *bench) {
		item := hostileItem()
		b.announce(t.Context(), sinktest.Message("m1", item))
		b.server.Delete(b.server.Messages()[0].ID)
		for range 2 {
			if err := b.deliver(t.Context(), sinktest.Message("m1", withVerdict(item))); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(b.server.Requests()); n != 2 {
			t.Errorf("%d requests, want 2: the create and one edit that found nothing", n)
		}
	})
}

// Whatever a source says, Discord takes it.
func FuzzAlert(f *testing.F) {
	f.Add("title", "summary", "https://x.example/", "reason", "figure")
	f.Add("*****", "@everyone", "javascript:x", "👩‍👩‍👧‍👦", "\x1b[2J")
	server := discordtest.New(discordtest.Config{})
	c := testConfig()
	c.Creates = 1 << 30
	sink := newSinkOf(f, unlimited(), c, server.Transport(), new(sinktest.Ledger).Open, nil)
	n := 0
	f.Fuzz(func(t *testing.T, title, summary, url, reasoning, figure string) {
		n++
		m := sinktest.Message(fmt.Sprint(n), &news.Item{
			Title: title, Summary: summary, URL: url, Source: figure, Form: figure,
			Tickers: []string{title, figure}, Reasons: []string{reasoning, summary, figure}, Items: []string{figure, title},
			Score: -1,
			Analysis: &news.Analysis{Direction: news.Neutral, Confidence: 2, Reasoning: reasoning, Signal: figure, Provider: title,
				Model: figure, KeyFigures: []string{figure, title, summary, reasoning, url}, Catalysts: []string{title, url, summary},
				Risk: title, Urgency: figure, Horizon: url, Cached: &news.Cached{Key: url}},
		})
		if err := sink.Deliver(t.Context(), []*flows.Message{m}); err != nil || m.Settled() {
			t.Fatal(err, m.Outcome())
		}
	})
}
