package discord

import (
	"context"
	"log/slog"
	"sync"

	"catalyst/internal/operator"
)

// health tells the log once what is wrong, however many messages meet it, and once
// that it is over; what only a person can mend it tells the operator too.
type health struct {
	log      *slog.Logger
	operator func() (*operator.Operator, error)

	mu    sync.Mutex
	cause string
	paged map[string]bool // by place; there is none of what nothing is known about
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

// page tells the operator about a place, until it is well again.
func (h *health) page(place, text string) {
	h.mu.Lock()
	known := h.paged[place]
	h.paged[place] = true
	h.mu.Unlock()
	if known {
		return
	}
	if o, err := h.operator(); err == nil {
		o.Page("discord/"+place, text)
	}
}

// good says that Discord has taken a request for a place.
func (h *health) good(place string) {
	h.mu.Lock()
	recovered := h.cause != ""
	h.cause = ""
	paged, told := h.paged[place]
	h.paged[place] = false
	h.mu.Unlock()
	if recovered {
		h.log.Info("discord_recovered")
	}
	if !paged && told {
		return
	}
	// It was paged, or this is the first that is heard of it: an earlier process may
	// have paged it.
	if o, err := h.operator(); err == nil {
		o.Clear("discord/" + place)
	}
}
