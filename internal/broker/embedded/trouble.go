package embedded

import (
	"log/slog"
	"sync"
	"time"
)

// trouble tells the log once that something does not work, however often it is
// tried, and once that it works again.
type trouble struct {
	mu    sync.Mutex
	since time.Time // zero while all is well
}

func (t *trouble) note(log *slog.Logger, what string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err != nil && t.since.IsZero():
		t.since = time.Now()
		log.Warn(what+" fails; trying again until it does not", "error", err)
	case err == nil && !t.since.IsZero():
		log.Info(what+" works again", "after", time.Since(t.since).Round(time.Millisecond))
		t.since = time.Time{}
	}
}
