// Package alpaca is the source that listens to Alpaca's stream of news, which come within a
// second of their publication.
//
// # What is missed
//
// Alpaca repeats nothing. The source keeps, also over a restart, how far it has come, and
// after each connection asks the history for what came meanwhile, the newest first, while it
// listens already. What both bring is published once.
//
// # Updates
//
// An article that comes again under its id is no new news. If its headline or its tickers
// have changed, it is published as an amendment of the first ([news.Item.Amends]), which
// Discord shows there; all other changes are let pass. Across a restart an article has the
// same key as before, and the dedupe stage knows it.
//
// # Several processes
//
// An account may have one connection. A second process with the same key stands by and looks
// every half minute whether it is its turn.
package alpaca

import (
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"sync"
	"time"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/fetch"
	"catalyst/internal/intake"
	"catalyst/internal/store"
)

// Config is what pipeline.yaml says about the source.
type Config struct {
	Key       config.Secret `yaml:"key" doc:"key id of an Alpaca account, also a free one; without it, or the secret, the source is off"`
	Secret    config.Secret `yaml:"secret" doc:"the secret that belongs to the key"`
	Symbols   []string      `yaml:"symbols" doc:"tickers whose news are wanted; * for all"`
	StreamURL string        `yaml:"stream_url" doc:"address of the stream of news"`
	BaseURL   string        `yaml:"base_url" doc:"address of the history of news"`
	CatchUp   time.Duration `yaml:"catch_up" doc:"how far the history is asked for what was missed"`
	MaxItems  int           `yaml:"max_items" doc:"most items that one such catch-up brings, the newest first"`
	Timeout   time.Duration `yaml:"timeout" doc:"how long an answer is waited for; a connection that is silent for longer is given up"`
}

// Defaults are the values of what pipeline.yaml leaves out.
var Defaults = Config{
	Symbols:   []string{"*"},
	StreamURL: "wss://stream.data.alpaca.markets/v1beta1/news",
	BaseURL:   "https://data.alpaca.markets",
	CatchUp:   24 * time.Hour,
	MaxItems:  1000,
	Timeout:   12 * time.Second,
}

var symbolWord = regexp.MustCompile(`^(\*|[A-Z]{1,6}([./-][A-Z]{1,4})?)$`)

// Validate reports every fault at once.
func (c Config) Validate() error {
	faults, _ := intake.CheckBase("stream_url", c.StreamURL, "wss")
	more, _ := intake.CheckBase("base_url", c.BaseURL, "https")
	faults = append(faults, more...)
	if len(c.Symbols) == 0 {
		faults = append(faults, config.At("symbols", `is empty: name tickers, or "*" for all`))
	}
	for _, s := range c.Symbols {
		if !symbolWord.MatchString(s) {
			faults = append(faults, config.At("symbols", "%q is no ticker: write it as in AAPL", s))
		}
	}
	if c.CatchUp < 0 {
		faults = append(faults, config.At("catch_up", "%v: want 0s or more", c.CatchUp))
	}
	if c.MaxItems <= 0 {
		faults = append(faults, config.At("max_items", "%d: want at least 1", c.MaxItems))
	}
	if c.Timeout <= 0 {
		faults = append(faults, config.At("timeout", "%v: want more than 0s", c.Timeout))
	}
	return errors.Join(faults...)
}

// Kind is the alpaca source; notes opens what outlives it.
func Kind(notes func() (store.Notes, error)) flows.SourceKind {
	return flows.NewKind(flows.SourceKind{
		Name:    "alpaca",
		Doc:     "listens to Alpaca's stream of news, with a key",
		Example: `- alpaca: {key: "${ALPACA_KEY:-}", secret: "${ALPACA_SECRET:-}"}`,
	}, Defaults, func(b *flows.Build, c Config) (flows.Source, error) {
		if c.Key == "" || c.Secret == "" {
			return &intake.Off{Log: b.Logger, Lack: "no key, or no secret: get both at alpaca.markets and set ALPACA_KEY and ALPACA_SECRET"}, nil
		}
		return build(b, c, notes), nil
	})
}

func build(b *flows.Build, c Config, notes func() (store.Notes, error)) *source {
	return &source{
		Pulse: intake.NewPulse(b.Name, true), name: b.Name, config: c, log: b.Logger, notes: notes, pause: firstPause,
		client: &fetch.Client{Timeout: c.Timeout, MaxSize: 32 << 20, Header: http.Header{
			"Apca-Api-Key-Id": {c.Key.Reveal()}, "Apca-Api-Secret-Key": {c.Secret.Reveal()},
		}},
	}
}

type source struct {
	*intake.Pulse
	name   string
	config Config
	log    *slog.Logger
	notes  func() (store.Notes, error)
	client *fetch.Client
	pause  time.Duration // the first one between connections
	state  string        // what the log said last

	mu     sync.Mutex // stream and history publish at the same time
	known  versions
	newest time.Time // how far the stream has come
	gap    time.Time // since when something may be missing; zero for nothing
	noted  time.Time // when that was noted
}
