// Package discord is the sink that posts alerts to Discord and completes them with the
// verdict: first the message, then its edits.
//
// # Once
//
// Each item is shown once. Before an alert is posted, the ledger notes the plan: alone,
// or in the company of which others. Right after, it notes the message's id. Until it
// does, Discord knows the nonce, which is made from items and channel and
// enforced: a create that was repeated because its answer was lost, or because the
// process died before the ledger knew, follows the same plan with the same nonce and
// gives the same message again. Discord remembers nonces for some minutes: a process
// that dies between post and ledger, and whose messages nobody takes over in that
// time, can post an alert a second time.
//
// With a webhook there is no nonce, and the ledger is alone: an alert is posted at least
// once. It is posted a second time if the answer to its create was lost (a timeout,
// a 5xx after it was processed) or if the process died before the ledger knew.
//
// # Limits
//
// A [bot] knows what may be sent. A [lane] sends the creates of a channel, another its
// edits: alerts never wait for edits. When more alerts wait than a window has places
// for, up to ten share a message. The latest state of a message's alerts is one
// edit. The limit of a ticker holds alerts back, which a counter, the ledger and a line
// in the channel tell.
//
// A thread is a channel of its own, limits included. The sink starts none: a verdict in a
// thread of its own would be two more requests for each alert, out of the same windows.
//
// Without a token the sink is a preview: the same alerts appear on the console.
package discord

import (
	"context"
	"errors"
	"io"
	"net/url"
	"regexp"
	"time"

	"catalyst/flows"
	"catalyst/internal/alert/terminal"
	"catalyst/internal/config"
	"catalyst/internal/once"
	"catalyst/internal/operator"
	"catalyst/internal/store"
)

// Config configures the sink.
type Config struct {
	Token          config.Secret `yaml:"token" doc:"the bot's token; without one, alerts are shown on the console and not posted"`
	Channel        string        `yaml:"channel" doc:"id of the channel, or of a thread, to post to; needed with a token"`
	Routes         []Route       `yaml:"routes" doc:"other channels for some items: the first rule that holds when an item is posted decides"`
	Webhook        config.Secret `yaml:"webhook" doc:"address of a webhook to post to, instead of token and channel; ?thread_id=ID at its end names a thread; an alert whose answer is lost may be posted twice"`
	BaseURL        string        `yaml:"base_url" doc:"Discord's address, or that of a proxy"`
	Creates        int           `yaml:"creates" doc:"messages created in one window, until Discord's headers say otherwise"`
	Edits          int           `yaml:"edits" doc:"messages edited in one window, until Discord's headers say otherwise"`
	Window         time.Duration `yaml:"window" doc:"length of a window"`
	PerSecond      int           `yaml:"per_second" doc:"requests of a bot in a second, over all channels; Discord allows 50 unless it has agreed to more"`
	Backlog        string        `yaml:"backlog" enum:"newest|oldest" doc:"which alerts go first when not all can"`
	PerTicker      int           `yaml:"per_ticker" doc:"alerts about a ticker that one process posts in a minute; the others are summed up in one line; 0 is no limit"`
	EditLimit      time.Duration `yaml:"edit_limit" doc:"a message older than this keeps what it shows: Discord hardly lets it be edited; shortly before, an alert without a verdict says that none will come"`
	PendingLimit   time.Duration `yaml:"pending_limit" doc:"an alert that waits longer for its analysis, and whose item is no longer in the pipeline, says that none came"`
	RequestTimeout time.Duration `yaml:"request_timeout" doc:"longest time for one request; the whole batch has timeout"`
	Keep           time.Duration `yaml:"keep" doc:"how long the ledger remembers which message belongs to an item"`
}

// A Route sends items to a channel of their own.
type Route struct {
	When    flows.Condition `yaml:"when" doc:"expression over the item" required:"true"`
	Channel string          `yaml:"channel" doc:"id of the channel, or of a thread, where the bot needs Send Messages in Threads" required:"true"`
}

const (
	newest = "newest"
	oldest = "oldest"
)

// DefaultConfig holds the defaults.
var DefaultConfig = Config{
	BaseURL:        "https://discord.com",
	Creates:        5,
	Edits:          5,
	Window:         5 * time.Second,
	PerSecond:      50,
	Backlog:        newest,
	PerTicker:      4,
	EditLimit:      time.Hour,
	PendingLimit:   30 * time.Minute,
	RequestTimeout: 10 * time.Second,
	Keep:           30 * 24 * time.Hour,
}

// home is where alerts go that no rule sends elsewhere.
func (c Config) home() place {
	if c.Webhook != "" {
		return webhookPlace(c.Webhook.Reveal())
	}
	return channelPlace(c.BaseURL, c.Channel)
}

var snowflake = regexp.MustCompile(`^[0-9]{1,20}$`)

// Validate reports every fault.
func (c Config) Validate() error {
	var faults []error
	fault := func(wrong bool, field, format string, args ...any) {
		if wrong {
			faults = append(faults, config.At(field, format, args...))
		}
	}
	fault(c.Token != "" && c.Channel == "" && c.Webhook == "", "channel", "is needed to post: the number that Discord copies as the channel's id")
	fault(c.Channel != "" && !snowflake.MatchString(c.Channel), "channel", "%q is no channel id; it is a number such as 112233445566778899", c.Channel)
	for i, r := range c.Routes {
		fault(!snowflake.MatchString(r.Channel), "routes", "rule %d: %q is no channel id; it is a number such as 112233445566778899", i+1, r.Channel)
	}
	fault(c.Webhook != "" && webhookPlace(c.Webhook.Reveal()).url == "", "webhook", "must be the address that Discord copies: https://discord.com/api/webhooks/<id>/<token>")
	fault(c.Webhook != "" && c.Token != "", "webhook", "and token are two ways to post: leave one out")
	fault(c.Webhook != "" && len(c.Routes) > 0, "routes", "need a bot with token and channel: a webhook posts to one channel")
	fault(!webAddress(c.BaseURL), "base_url", "must be an http or https address such as %s", DefaultConfig.BaseURL)
	fault(c.Creates < 1, "creates", "must be at least 1")
	fault(c.Edits < 1, "edits", "must be at least 1")
	fault(c.Window <= 0, "window", "must be longer than nothing; 5s is usual")
	fault(c.Backlog != newest && c.Backlog != oldest, "backlog", "must be newest or oldest")
	fault(c.PerSecond < 5, "per_second", "must be at least 5; 50 is usual") // a fifth is kept for alerts
	fault(c.PerTicker < 0, "per_ticker", "must be at least 0")
	fault(c.EditLimit <= 0, "edit_limit", "must be longer than nothing; 1h is usual")
	fault(c.PendingLimit < time.Minute, "pending_limit", "must be at least 1m; 30m is usual")
	fault(c.RequestTimeout <= 0, "request_timeout", "must be longer than nothing; 10s is usual")
	fault(c.Keep < time.Hour, "keep", "must be at least 1h, or redelivered items would be posted again")
	return errors.Join(faults...)
}

func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// Kind describes the sink. ledger opens the store of effects, console is where a preview
// is shown, and operator opens whoever is told of what only a person can mend.
func Kind(ledger func() (store.Ledger, error), console io.Writer, operator func() (*operator.Operator, error)) flows.SinkKind {
	shared := &registry{}
	return flows.NewKind(flows.SinkKind{
		Name:    "discord",
		Doc:     "posts each item to a Discord channel once and edits the message as the analysis comes in",
		Example: "- discord:\n    token: ${DISCORD_TOKEN:-}\n    channel: ${DISCORD_CHANNEL:-}",
		// A batch may wait for the channel's window to open many times over, and what
		// waits together shares requests.
		Knobs: flows.Knobs{Workers: 64, Timeout: 5 * time.Minute},
	}, DefaultConfig, func(b *flows.Build, c Config) (flows.Sink, error) {
		if c.Token == "" && c.Webhook == "" {
			return newPreview(b, c, ledger, console), nil
		}
		return newSink(b, c, needs{
			ledger:    ledger,
			operator:  operator,
			bot:       shared.bot(c),
			transport: transport(),
		})
	})
}

// preview is the sink without a token.
type preview struct {
	*terminal.Sink
	b *flows.Build
}

func newPreview(b *flows.Build, c Config, ledger func() (store.Ledger, error), console io.Writer) *preview {
	guard := &once.Guard{
		Ledger: ledger,
		// What was only shown may still be posted, so it has keys of its own.
		Key:  func(m *flows.Message) string { return "discord/preview/" + b.Name + "/" + once.ItemKey(m) },
		Keep: c.Keep,
	}
	return &preview{terminal.New(guard, console, terminal.Color(console)), b}
}

// Start says that this is a preview, and opens the ledger.
func (p *preview) Start(ctx context.Context) error {
	p.b.Logger.Info("discord_preview", "note", "no DISCORD_TOKEN: alerts are shown here, not posted")
	return p.Sink.Start(ctx)
}
