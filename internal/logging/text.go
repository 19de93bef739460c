package logging

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A textHandler writes records for people:
//
//	15:04:05 INFO  llm_route  provider=ollama success=true
type textHandler struct {
	mu      *sync.Mutex
	w       io.Writer
	level   slog.Leveler
	colours bool
	prefix  string // of keys: the groups that are open, "a.b."
	attrs   string // of the logger, already written out
}

func newTextHandler(w io.Writer, level slog.Leveler, colours bool) *textHandler {
	return &textHandler{mu: new(sync.Mutex), w: w, level: level, colours: colours}
}

func (h *textHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.level.Level()
}

func (h *textHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	next := *h
	next.prefix += name + "."
	return &next
}

func (h *textHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	for _, a := range attrs {
		h.attr(&b, h.prefix, a)
	}
	next := *h
	next.attrs += b.String()
	return &next
}

func (h *textHandler) Handle(_ context.Context, record slog.Record) error {
	var b strings.Builder
	if !record.Time.IsZero() {
		b.WriteString(h.paint(faint, record.Time.Format(time.TimeOnly)) + " ")
	}
	b.WriteString(h.paint(levelColour(record.Level), fmt.Sprintf("%-5s", record.Level)))
	b.WriteString(" " + h.paint(bold, escaped(record.Message)) + " ")
	b.WriteString(h.attrs)
	record.Attrs(func(a slog.Attr) bool {
		h.attr(&b, h.prefix, a)
		return true
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, strings.TrimRight(b.String(), " ")+"\n")
	return err
}

// attr writes " key=value", or one of these for each member of a group.
func (h *textHandler) attr(b *strings.Builder, prefix string, a slog.Attr) {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, member := range value.Group() {
			h.attr(b, prefix, member)
		}
		return
	}
	if a.Equal(slog.Attr{}) {
		return
	}
	b.WriteString(" " + h.paint(faint, word(prefix+a.Key)+"=") + word(valueText(value)))
}

func valueText(v slog.Value) string {
	switch v.Kind() {
	case slog.KindTime:
		return v.Time().Format(time.RFC3339)
	case slog.KindFloat64:
		return strconv.FormatFloat(v.Float64(), 'g', -1, 64)
	case slog.KindAny:
		return fmt.Sprintf("%+v", v.Any())
	}
	return v.String()
}

const (
	bold   = "1"
	faint  = "2"
	red    = "31"
	yellow = "33"
	cyan   = "36"
)

func levelColour(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return red
	case l >= slog.LevelWarn:
		return yellow
	case l >= slog.LevelInfo:
		return cyan
	}
	return faint
}

func (h *textHandler) paint(code, s string) string {
	if !h.colours {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
