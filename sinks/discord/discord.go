// Package discord is the sink that posts alerts to a Discord channel and
// completes them with the verdict: first the message, then its edits.
//
// Each item has one message. The ledger knows its id; until it does, Discord
// knows the nonce, which is made from item and channel and enforced, so a
// create that was repeated because its answer was lost, or because the process
// died before the ledger knew, gives the same message again. Discord remembers
// nonces for some minutes: a process that dies between post and ledger, and whose
// messages nobody takes over in that time, can post one alert a second time.
//
// Without a token the sink is a preview: the same alerts appear on the console.
package discord

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"catalyst/flows"
	"catalyst/internal/alert/terminal"
	"catalyst/internal/config"
	"catalyst/internal/once"
	"catalyst/internal/store"
)

// Config configures the sink.
type Config struct {
	Token          config.Secret `yaml:"token" doc:"the bot's token; without one, alerts are shown on the console and not posted"`
	Channel        string        `yaml:"channel" doc:"id of the channel to post to; needed with a token"`
	BaseURL        string        `yaml:"base_url" doc:"Discord's address, or that of a proxy"`
	Creates        int           `yaml:"creates" doc:"messages created in one window, until Discord's headers say otherwise"`
	Edits          int           `yaml:"edits" doc:"messages edited in one window, until Discord's headers say otherwise"`
	Window         time.Duration `yaml:"window" doc:"length of a window"`
	RequestTimeout time.Duration `yaml:"request_timeout" doc:"longest time for one request; the whole batch has timeout"`
	Keep           time.Duration `yaml:"keep" doc:"how long the ledger remembers which message belongs to an item"`
}

// DefaultConfig holds the defaults.
var DefaultConfig = Config{
	BaseURL:        "https://discord.com",
	Creates:        5,
	Edits:          5,
	Window:         5 * time.Second,
	RequestTimeout: 10 * time.Second,
	Keep:           30 * 24 * time.Hour,
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
	fault(c.Token != "" && c.Channel == "", "channel", "is needed to post: the number that Discord copies as the channel's id")
	fault(c.Channel != "" && !snowflake.MatchString(c.Channel), "channel", "%q is no channel id; it is a number such as 112233445566778899", c.Channel)
	fault(!webAddress(c.BaseURL), "base_url", "must be an http or https address such as %s", DefaultConfig.BaseURL)
	fault(c.Creates < 1, "creates", "must be at least 1")
	fault(c.Edits < 1, "edits", "must be at least 1")
	fault(c.Window <= 0, "window", "must be longer than nothing; 5s is usual")
	fault(c.RequestTimeout <= 0, "request_timeout", "must be longer than nothing; 10s is usual")
	fault(c.Keep < time.Hour, "keep", "must be at least 1h, or redelivered items would be posted again")
	return errors.Join(faults...)
}

func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// Kind describes the sink. ledger opens the store of effects; console is where a
// preview is shown.
func Kind(ledger func() (store.Ledger, error), console io.Writer) flows.SinkKind {
	shared := &registry{}
	return flows.NewKind(flows.SinkKind{
		Name:    "discord",
		Doc:     "posts each item to a Discord channel once and edits the message as the analysis comes in",
		Example: "- discord:\n    token: ${DISCORD_TOKEN:-}\n    channel: ${DISCORD_CHANNEL:-}",
		// A batch may wait for the channel's window to open many times over.
		Knobs: flows.Knobs{Workers: 16, Timeout: 5 * time.Minute},
	}, DefaultConfig, func(b *flows.Build, c Config) (flows.Sink, error) {
		if c.Token == "" {
			return newPreview(b, c, ledger, console), nil
		}
		limits := shared.limits(c)
		return newSink(b, c, ledger, limits, http.DefaultTransport.(*http.Transport).Clone())
	})
}

// registry gives sinks that post as the same bot the same limits: Discord
// counts per bot and channel, not per line in pipeline.yaml.
type registry struct {
	mu   sync.Mutex
	bots map[string]*limits
}

func (r *registry) limits(c Config) *limits {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bots == nil {
		r.bots = make(map[string]*limits)
	}
	bot := c.BaseURL + " " + c.Token.Reveal()
	r.bots[bot] = cmp.Or(r.bots[bot], newLimits())
	return r.bots[bot]
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

func bearer(token config.Secret) string {
	return "Bot " + strings.TrimPrefix(strings.TrimSpace(token.Reveal()), "Bot ")
}

// Start says that this is a preview, and opens the ledger.
func (p *preview) Start(ctx context.Context) error {
	p.b.Logger.Info("discord_preview", "note", "no DISCORD_TOKEN: alerts are shown here, not posted")
	return p.Sink.Start(ctx)
}
