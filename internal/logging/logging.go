// Package logging sets up slog: JSON lines for programs, readable lines on a
// terminal, both without secrets and without characters that act on a terminal.
package logging

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/mattn/go-isatty"

	"catalyst/internal/config"
)

// Options of [New]. The zero Options log from info on, in the auto format.
type Options struct {
	// Format is "json" (one object a line: time, level, msg (the event), attributes),
	// "text" (time, level, event, key=value), or "auto": text on a terminal, JSON elsewhere.
	Format string
	Level  slog.Leveler
	// Redactor knows what must not be shown; nil still hides the passwords within
	// URLs. Secrets added to it later are hidden from then on.
	Redactor *config.Redactor
}

// New returns a handler that writes to w, one Write per record.
func New(w io.Writer, o Options) (slog.Handler, error) {
	if o.Level == nil {
		o.Level = slog.LevelInfo
	}
	if o.Redactor == nil {
		o.Redactor = new(config.Redactor)
	}
	if o.Format == "" || o.Format == "auto" {
		o.Format = "json"
		if isTerminal(w) {
			o.Format = "text"
		}
	}
	var handler slog.Handler
	switch o.Format {
	case "json":
		handler = slog.NewJSONHandler(escaper{w}, &slog.HandlerOptions{Level: o.Level, ReplaceAttr: spellDurations})
	case "text":
		handler = newTextHandler(w, o.Level, Colours(w))
	default:
		return nil, fmt.Errorf("%q is none of auto, json, text", o.Format)
	}
	return o.Redactor.Handler(handler), nil
}

// spellDurations writes "20s" where slog has a number of nanoseconds.
func spellDurations(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

// Colours reports whether what is written to w may be coloured: w is a terminal
// that knows colours, and NO_COLOR is unset or empty (https://no-color.org).
func Colours(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(w) && enableColours(file)
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && (isatty.IsTerminal(file.Fd()) || isatty.IsCygwinTerminal(file.Fd()))
}
