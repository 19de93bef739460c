package discord

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/store"
	"catalyst/sinks/discord/discordtest"
	"catalyst/sinks/sinktest"
)

func TestValidate(t *testing.T) {
	if err := DefaultConfig.Validate(); err != nil {
		t.Errorf("defaults: %v", err)
	}
	bad := Config{Token: "x", BaseURL: "discord.com"}
	err := bad.Validate()
	for _, field := range []string{"channel", "base_url", "creates", "edits", "window", "backlog", "edit_limit", "pending_limit", "request_timeout", "keep"} {
		if !strings.Contains("\n"+err.Error(), "\n"+field+": ") {
			t.Errorf("%s is not reported in:\n%v", field, err)
		}
	}
	var one *config.FieldError
	if c := testConfig(); c.Validate() != nil {
		t.Errorf("with token and channel: %v", c.Validate())
	}
	c := testConfig()
	c.Channel = "#news"
	if !errors.As(c.Validate(), &one) || one.Field != "channel" {
		t.Errorf("channel #news: %v", c.Validate())
	}
}

// Describing and validating must work with nothing connected.
func TestKindOpensNothing(t *testing.T) {
	kind := Kind(func() (store.Ledger, error) { t.Fatal("the ledger was opened"); return nil, nil }, io.Discard, noOperator)
	for _, c := range []Config{DefaultConfig, testConfig()} {
		if _, err := kind.New(&flows.Build{Name: "discord", Logger: slog.New(slog.DiscardHandler)}, c); err != nil {
			t.Error(err)
		}
	}
}

// Two sinks of one bot on one channel have one limit between them.
func TestSinksOfOneBotShareLimits(t *testing.T) {
	kind := Kind(new(sinktest.Ledger).Open, io.Discard, noOperator)
	build := func(c Config) *Sink {
		s, err := kind.New(&flows.Build{Logger: slog.New(slog.DiscardHandler)}, c)
		if err != nil {
			t.Fatal(err)
		}
		return s.(*Sink)
	}
	other := testConfig()
	other.Token = "another"
	a, b, c := build(testConfig()), build(testConfig()), build(other)
	if a.bot != b.bot {
		t.Error("two sinks of one bot have limits of their own")
	}
	if a.bot == c.bot {
		t.Error("two bots share limits")
	}
}

// Over a real connection, with the token from a setting as people paste it.
func TestOverHTTP(t *testing.T) {
	server := discordtest.New(discordtest.Config{Token: testToken, Channels: []string{testChannel}})
	c := testConfig()
	c.BaseURL = server.Start(t) + "/"
	c.Token = " Bot " + testToken
	sink, err := Kind(new(sinktest.Ledger).Open, io.Discard, noOperator).New(&flows.Build{Logger: slog.New(slog.DiscardHandler)}, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := sink.(flows.Checker).Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
	batch := sinktest.Messages(3)
	if err := sink.Deliver(t.Context(), batch); err != nil || batch[0].Settled() {
		t.Fatal(err, batch[0].Outcome())
	}
	if n := len(server.Messages()); n != 3 {
		t.Errorf("%d messages, want 3", n)
	}
	if err := sink.(flows.Closer).Close(); err != nil {
		t.Error(err)
	}
}

func TestCheckTellsWhatIsWrong(t *testing.T) {
	onBench(t, discordtest.Config{Channels: []string{"7"}}, testConfig(), func(t *testing.T, b *bench) {
		for range 3 {
			if err := b.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "DISCORD_CHANNEL") {
				t.Errorf("check: %v, want it to name DISCORD_CHANNEL", err)
			}
		}
		if n := len(b.server.Requests()); n != 1 {
			t.Errorf("%d requests for three checks, want 1", n)
		}
	})
}

func TestPreview(t *testing.T) {
	var console bytes.Buffer
	log := new(recordedLog)
	ledger := new(sinktest.Ledger)
	open := func() flows.Sink {
		s, err := Kind(ledger.Open, &console, noOperator).New(&flows.Build{Name: "discord", Logger: slog.New(log)}, DefaultConfig)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.(flows.Starter).Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		return s
	}
	item := hostileItem()
	for range 2 { // the second is a restart
		s := open()
		if err := s.(flows.Announcer).Announce(t.Context(), []*flows.Message{sinktest.Message("m1", item)}); err != nil {
			t.Fatal(err)
		}
		if err := s.Deliver(t.Context(), []*flows.Message{sinktest.Message("m1", withVerdict(item))}); err != nil {
			t.Fatal(err)
		}
	}
	text := console.String()
	if n := strings.Count(text, "AI analysis pending\n▌ AI"); n != 1 {
		t.Errorf("shown pending %d times, want once:\n%s", n, text)
	}
	if n := strings.Count(text, "Bearish"); n != 1 {
		t.Errorf("the verdict is shown %d times, want once:\n%s", n, text)
	}
	if strings.ContainsAny(text, "\x1b\u202e") {
		t.Errorf("escapes of the headline are printed: %q", text)
	}
	if logs := log.all(); len(logs) != 2 || !strings.Contains(logs[0], "no DISCORD_TOKEN: alerts are shown here, not posted") {
		t.Errorf("logged %q, want the note at each start", logs)
	}
}
