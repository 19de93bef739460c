package llmrouter

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"catalyst/internal/llm"
	"catalyst/internal/store"
)

// A memory keeps over a restart which breakers are open, so that the next process does
// not ask again what has just refused.
type memory struct {
	notes store.Notes
	log   *slog.Logger

	mu      sync.Mutex
	pending map[string]note // by name, not yet written
	some    chan struct{}   // holds a token when pending is not empty
	ending  chan struct{}
	ended   chan struct{} // nil before start
}

// note is what is known of one open breaker; the zero note is of a closed one.
type note struct {
	Until time.Time `json:"until"`
	Class llm.Class `json:"class"`
}

func newMemory(notes store.Notes, log *slog.Logger) *memory {
	return &memory{
		notes: notes, log: log, pending: map[string]note{},
		some: make(chan struct{}, 1), ending: make(chan struct{}),
	}
}

// noteName is where a tier's note is kept. An account or a model of another name is
// another one, and is asked at once.
func noteName(t *tier) string {
	name := "breaker/" + t.name + "/" + t.Model()
	if a, ok := t.Provider.(llm.Accounted); ok {
		name += "/" + a.Account()
	}
	return name
}

// recall opens the breakers of tiers that were open when they were last heard of.
func (m *memory) recall(ctx context.Context, tiers []*tier) error {
	var names []string
	var asked []*tier
	for _, t := range tiers {
		if t.absent == nil {
			names, asked = append(names, noteName(t)), append(asked, t)
		}
	}
	values, err := m.notes.Notes(ctx, names)
	if err != nil {
		return fmt.Errorf("read what is known of the models: %w", err)
	}
	for i, value := range values {
		var n note
		if json.Unmarshal(value, &n) == nil && time.Now().Before(n.Until) {
			asked[i].breaker.resume(n.Until, n.Class)
			breakerState.WithLabelValues(asked[i].name, asked[i].Model()).Set(float64(open))
		}
	}
	return nil
}

// keep notes a change, to be written soon. It waits for nothing.
func (m *memory) keep(t *tier, c breakerChange) {
	if c.to == halfOpen {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pending[noteName(t)] = note{Until: c.until, Class: c.class}
	select {
	case m.some <- struct{}{}:
	default:
	}
}

// start begins to write.
func (m *memory) start() {
	m.ended = make(chan struct{})
	go func() {
		defer close(m.ended)
		for {
			select {
			case <-m.some:
				m.write()
			case <-m.ending:
				m.write()
				return
			}
		}
	}()
}

// close writes what is pending. A second call, or one without start, does nothing.
func (m *memory) close() error {
	if m.ended == nil {
		return nil
	}
	select {
	case <-m.ended:
	default:
		close(m.ending)
		<-m.ended
	}
	return nil
}

const noteWrite = 5 * time.Second

// write writes what is pending; what cannot be written is forgotten with a warning, as
// another call will find it out.
func (m *memory) write() {
	m.mu.Lock()
	pending := m.pending
	m.pending = map[string]note{}
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), noteWrite)
	defer cancel()
	for name, n := range pending {
		var value []byte
		if !n.Until.IsZero() {
			value, _ = json.Marshal(n)
		}
		if err := m.notes.Note(ctx, name, value, max(time.Until(n.Until), time.Minute)); err != nil {
			m.log.Warn("what is known of a model is not kept over a restart", "note", name, "error", err)
		}
	}
}
