package sinktest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"catalyst/internal/store"
)

// Ledger is a store.Ledger in memory that can be told to fail. It outlives the
// sinks that use it, as a real one outlives the process. The zero value is ready.
type Ledger struct {
	mu       sync.Mutex
	effects  map[string]store.Effect
	onLookUp error
	onRecord error
	lookUps  int
}

// Open is what components are given.
func (l *Ledger) Open() (store.Ledger, error) { return l, nil }

// FailEffects has Effects fail until it is called with nil.
func (l *Ledger) FailEffects(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.onLookUp = err
}

// FailRecord has Record fail, storing nothing, until it is called with nil.
func (l *Ledger) FailRecord(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.onRecord = err
}

// All returns every effect by key.
func (l *Ledger) All() map[string]store.Effect {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.effects)
}

// LookUps returns how often Effects was called.
func (l *Ledger) LookUps() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lookUps
}

func (l *Ledger) Effects(ctx context.Context, keys []string) ([]store.Effect, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lookUps++
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if l.onLookUp != nil {
		return nil, l.onLookUp
	}
	out := make([]store.Effect, len(keys))
	for i, key := range keys {
		out[i] = l.effects[key]
	}
	return out, nil
}

func (l *Ledger) Record(ctx context.Context, effects []store.Effect, keep time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.onRecord != nil {
		return l.onRecord
	}
	if l.effects == nil {
		l.effects = make(map[string]store.Effect)
	}
	for _, e := range effects {
		e.At = time.Now()
		l.effects[e.Key] = e
	}
	return nil
}

func (l *Ledger) Pending(ctx context.Context, prefix string, before time.Time, limit int) ([]store.Effect, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := cmp.Or(ctx.Err(), l.onLookUp); err != nil {
		return nil, err
	}
	var found []store.Effect
	for key, e := range l.effects {
		if e.Pending && e.At.Before(before) && strings.HasPrefix(key, prefix) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b store.Effect) int { return a.At.Compare(b.At) })
	return found[:min(len(found), limit)], nil
}
