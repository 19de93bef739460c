package main

import (
	"context"
	"fmt"
	"time"

	"catalyst/internal/replay"
	"catalyst/internal/store"
)

// sourceNotes are notes of sources, which a recording has as they were at its beginning.
func (r *resources) sourceNotes() (store.Notes, error) {
	notes, err := r.Notes()
	if err != nil || r.tape == nil {
		return notes, err
	}
	return tapedNotes{notes, r.tape}, nil
}

// tapedNotes record what was noted before.
type tapedNotes struct {
	of   store.Notes
	tape *tape
}

func (n tapedNotes) Note(ctx context.Context, name string, value []byte, keep time.Duration) error {
	return n.of.Note(ctx, name, value, keep)
}

func (n tapedNotes) Notes(ctx context.Context, names []string) ([][]byte, error) {
	values, err := n.of.Notes(ctx, names)
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		n.tape.note(name, values[i])
	}
	return values, nil
}

// note records what stands under a name when somebody first looks.
func (t *tape) note(name string, value []byte) {
	t.mu.Lock()
	known := t.noted[name]
	t.noted[name] = true
	t.mu.Unlock()
	if !known && len(value) > 0 {
		t.write(replay.Record{Kind: replay.KindNote, At: time.Now().UTC(), Note: &replay.Note{Name: name, Value: string(value)}})
	}
}

// begin puts the notes of a recording into the stores of a replay.
func (r *resources) begin(ctx context.Context, all []replay.Note) error {
	if len(all) == 0 {
		return nil
	}
	notes, err := r.Notes()
	if err != nil {
		return err
	}
	for _, n := range all {
		if err := notes.Note(ctx, n.Name, []byte(n.Value), 366*24*time.Hour); err != nil {
			return fmt.Errorf("begin where the recording does: %w", err)
		}
	}
	return nil
}
