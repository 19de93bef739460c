package discord

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"sync"
	"testing"
	"time"

	"catalyst/flows"
	"catalyst/internal/operator"
	"catalyst/internal/store"
	"catalyst/sinks/discord/discordtest"
	"catalyst/sinks/sinktest"
)

const (
	testToken   = "MTA.secret-token.of-the-bot"
	testChannel = "112233445566778899"
)

// testConfig is the default configuration with a token, without the limit of tickers.
func testConfig() Config {
	c := DefaultConfig
	c.Token, c.Channel, c.PerTicker = testToken, testChannel, 0
	return c
}

func noOperator() (*operator.Operator, error) { return nil, errors.New("there is no operator") }

func newTestSink(tb testing.TB, c Config, transport http.RoundTripper, ledger func() (store.Ledger, error), log slog.Handler) *Sink {
	tb.Helper()
	return newSinkOf(tb, newBot(c.PerSecond), c, transport, ledger, log)
}

// newSinkOf returns another sink of a bot.
func newSinkOf(tb testing.TB, b *bot, c Config, transport http.RoundTripper, ledger func() (store.Ledger, error), log slog.Handler) *Sink {
	tb.Helper()
	if log == nil {
		log = slog.DiscardHandler
	}
	s, err := newSink(&flows.Build{Name: "discord", Logger: slog.New(log)}, c,
		needs{ledger: ledger, operator: noOperator, bot: b, transport: transport})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestSuite(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.World {
		server := discordtest.New(discordtest.Config{Token: testToken, Channels: []string{testChannel}})
		return sinktest.World{
			Open: func(t *testing.T, ledger func() (store.Ledger, error)) flows.Sink {
				c := testConfig()
				c.Creates, c.Edits = 1000, 1000
				return newTestSink(t, c, server.Transport(), ledger, nil)
			},
			Effects: func(*testing.T) map[string]int {
				titles := make(map[string]int)
				for _, m := range server.Messages() {
					titles[m.Last().Embeds[0].Title]++
				}
				return titles
			},
			Single: true,
		}
	})
}

func oneOf(m *flows.Message) []*flows.Message { return []*flows.Message{m} }

func mustMatch(pattern string) *regexp.Regexp { return regexp.MustCompile(pattern) }

func newLogger(h slog.Handler) *slog.Logger { return slog.New(h) }

// notebook is a store.Notes in memory.
type notebook struct {
	mu    sync.Mutex
	notes map[string][]byte
}

func (n *notebook) Notes(_ context.Context, names []string) ([][]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make([][]byte, len(names))
	for i, name := range names {
		out[i] = n.notes[name]
	}
	return out, nil
}

func (n *notebook) Note(_ context.Context, name string, value []byte, _ time.Duration) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.notes == nil {
		n.notes = make(map[string][]byte)
	}
	n.notes[name] = value
	if len(value) == 0 {
		delete(n.notes, name)
	}
	return nil
}
