package discord

import (
	"context"
	"log/slog"
	"sync"
)

// health tells the log once what is wrong, however many messages meet it, and
// once that it is over.
type health struct {
	log   *slog.Logger
	mu    sync.Mutex
	cause string
}

func (h *health) bad(cause string, level slog.Level, event string, args ...any) {
	h.mu.Lock()
	known := h.cause == cause
	h.cause = cause
	h.mu.Unlock()
	if !known {
		h.log.Log(context.Background(), level, event, args...)
	}
}

func (h *health) good() {
	h.mu.Lock()
	recovered := h.cause != ""
	h.cause = ""
	h.mu.Unlock()
	if recovered {
		h.log.Info("discord_recovered")
	}
}
