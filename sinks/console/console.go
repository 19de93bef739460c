// Package console is the sink that shows alerts in the terminal: pending when
// they are announced, then with the verdict.
package console

import (
	"errors"
	"io"
	"time"

	"catalyst/flows"
	"catalyst/internal/alert/terminal"
	"catalyst/internal/config"
	"catalyst/internal/once"
	"catalyst/internal/store"
)

// Config configures the sink.
type Config struct {
	Color string        `yaml:"color" enum:"auto|always|never" doc:"colors: auto where the output is a terminal and NO_COLOR is not set"`
	Keep  time.Duration `yaml:"keep" doc:"how long the ledger remembers what was shown, so that a redelivery does not show it again"`
}

// DefaultConfig holds the defaults.
var DefaultConfig = Config{Color: "auto", Keep: 7 * 24 * time.Hour}

// Validate reports every fault.
func (c Config) Validate() error {
	var faults []error
	switch c.Color {
	case "auto", "always", "never":
	default:
		faults = append(faults, config.At("color", "%q is none of auto, always, never", c.Color))
	}
	if c.Keep < time.Minute {
		faults = append(faults, config.At("keep", "must be at least 1m"))
	}
	return errors.Join(faults...)
}

// Kind describes the sink. It writes to out; ledger opens the store of what was
// shown.
func Kind(ledger func() (store.Ledger, error), out io.Writer) flows.SinkKind {
	return flows.NewKind(flows.SinkKind{
		Name:    "console",
		Doc:     "prints each alert as it would look, first pending and then with the verdict",
		Example: "- console",
	}, DefaultConfig, func(b *flows.Build, c Config) (flows.Sink, error) {
		guard := &once.Guard{
			Ledger: ledger,
			Key:    func(m *flows.Message) string { return "console/" + b.Name + "/" + once.ItemKey(m) },
			Keep:   c.Keep,
		}
		color := c.Color == "always" || c.Color == "auto" && terminal.Color(out)
		return terminal.New(guard, out, color), nil
	})
}
