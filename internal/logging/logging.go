// Package logging sets up slog: JSON lines for programs, readable lines on a
// terminal, both without secrets and without characters that act on a terminal.
package logging

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/mattn/go-isatty"

	"catalyst/internal/config"
)

// A Format is how records look.
type Format string

const (
	Auto Format = "auto" // Text on a terminal, JSON elsewhere
	JSON Format = "json" // one object a line: time, level, msg (the event), attributes
	Text Format = "text" // time, level, event, key=value
)

// Options of [New]. The zero Options log from info on, in the Auto format.
type Options struct {
	Format Format
	Level  slog.Leveler
	// Redactor knows what must not be shown; nil still hides the passwords within
	// URLs. Secrets added to it later are hidden from then on.
	Redactor *config.Redactor
}

// New returns a logger that writes to w, one Write per record.
func New(w io.Writer, o Options) (*slog.Logger, error) {
	if o.Level == nil {
		o.Level = slog.LevelInfo
	}
	if o.Redactor == nil {
		o.Redactor = new(config.Redactor)
	}
	if o.Format == "" || o.Format == Auto {
		o.Format = JSON
		if isTerminal(w) {
			o.Format = Text
		}
	}
	var handler slog.Handler
	switch o.Format {
	case JSON:
		handler = slog.NewJSONHandler(escaper{w}, &slog.HandlerOptions{Level: o.Level})
	case Text:
		handler = newTextHandler(w, o.Level, Colours(w))
	default:
		return nil, fmt.Errorf("log format %q is none of auto, json, text", o.Format)
	}
	return slog.New(o.Redactor.Handler(handler)), nil
}

// ParseLevel reads debug, info, warn or error.
func ParseLevel(word string) (slog.Level, error) {
	switch strings.ToLower(word) {
	case "debug":
		return slog.LevelDebug, nil
	case "", "info":
		return slog.LevelInfo, nil
	case "warn", "warning":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("log level %q is none of debug, info, warn, error", word)
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
