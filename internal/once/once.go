// Package once lets a sink make an effect once although its messages may come
// twice: it keeps two deliveries of the same thing apart, knows from the ledger
// what was done, and does not forget what the ledger would not take.
//
//	jobs, err := guard.Begin(ctx, batch)
//	defer guard.End(jobs...)
//	… for each job whose Effect.ID is empty: make the effect, then
//	err = guard.Record(ctx, effect)
package once

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"catalyst/flows"
	"catalyst/internal/news"
	"catalyst/internal/store"
	"catalyst/internal/together"
)

// askTimeout bounds each question to the ledger.
const askTimeout = 5 * time.Second

// A Guard keeps the effects of one sink single. The function fields must not
// be nil; the zero value of the rest is ready.
type Guard struct {
	// Ledger opens the ledger. It is called when it is first needed, and again
	// after an error.
	Ledger func() (store.Ledger, error)
	// Key names the effect of a message. Messages of one key share one effect.
	Key func(*flows.Message) string
	// Keep is how long the ledger remembers.
	Keep time.Duration

	mu         sync.Mutex
	ledger     store.Ledger
	held       map[string]chan struct{} // closed when the holder ends
	unrecorded map[string]store.Effect  // made, but the ledger failed
	reads      together.Calls[string, store.Effect]
	writes     together.Calls[store.Effect, struct{}]
}

// A Job is what is to be done for the messages of one key.
type Job struct {
	Key      string
	Item     *news.Item       // of the message that has most to say
	Messages []*flows.Message // at least one
	Effect   store.Effect     // what was done before; zero if nothing was
	done     chan struct{}
}

// Fail fails the job's messages.
func (j *Job) Fail(err error) {
	for _, m := range j.Messages {
		m.Fail(err)
	}
}

// ItemKey identifies the news a message carries: the item's key, or the one that
// dedupe would give it. A message that says nothing is known by its ID.
func ItemKey(m *flows.Message) string {
	if key := news.KeyOf(m.Item); key != "" {
		return key
	}
	return "msg:" + m.ID
}

// Begin returns one job for each key in batch, in order of appearance, with what
// the ledger knows about it. Until [Guard.End], no other call gets a job for the
// same key. An error concerns the whole batch, and there is nothing to end.
func (g *Guard) Begin(ctx context.Context, batch []*flows.Message) ([]*Job, error) {
	jobs := g.group(batch)
	if err := g.lock(ctx, jobs); err != nil {
		return nil, err
	}
	if err := g.lookUp(ctx, jobs); err != nil {
		g.End(jobs...)
		return nil, err
	}
	return jobs, nil
}

func (g *Guard) group(batch []*flows.Message) []*Job {
	var jobs []*Job
	byKey := make(map[string]*Job, len(batch))
	for _, m := range batch {
		key := g.Key(m)
		job, known := byKey[key]
		if !known {
			job = &Job{Key: key, Item: m.Item}
			byKey[key] = job
			jobs = append(jobs, job)
		}
		job.Messages = append(job.Messages, m)
		if m.Item.Analysis.Done() && !job.Item.Analysis.Done() {
			job.Item = m.Item
		}
	}
	return jobs
}

// lock takes the keys in sorted order, so that two batches cannot each wait for
// the other.
func (g *Guard) lock(ctx context.Context, jobs []*Job) error {
	order := slices.SortedFunc(slices.Values(jobs), func(a, b *Job) int {
		if a.Key < b.Key {
			return -1
		}
		return 1
	})
	for i, job := range order {
		if err := g.lockOne(ctx, job); err != nil {
			g.End(order[:i]...)
			return err
		}
	}
	return nil
}

func (g *Guard) lockOne(ctx context.Context, job *Job) error {
	for {
		g.mu.Lock()
		other, busy := g.held[job.Key]
		if !busy {
			if g.held == nil {
				g.held = make(map[string]chan struct{})
			}
			job.done = make(chan struct{})
			g.held[job.Key] = job.done
		}
		g.mu.Unlock()
		if !busy {
			return nil
		}
		select {
		case <-other:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// End lets others have the jobs' keys. Ending a job twice is ending it once.
func (g *Guard) End(jobs ...*Job) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, job := range jobs {
		if job.done != nil {
			delete(g.held, job.Key)
			close(job.done)
			job.done = nil
		}
	}
}

// lookUp fills in what was done before.
func (g *Guard) lookUp(ctx context.Context, jobs []*Job) error {
	keys := make([]string, len(jobs))
	for i, job := range jobs {
		keys[i] = job.Key
	}
	effects, err := g.Effects(ctx, keys...)
	if err != nil {
		return err
	}
	for i, job := range jobs {
		job.Effect = effects[i]
		job.Effect.Key = job.Key
	}
	return nil
}

// Effects returns what is recorded under keys, in their order. What the ledger would
// not take earlier it must take now: else a restart would not know of it.
func (g *Guard) Effects(ctx context.Context, keys ...string) ([]store.Effect, error) {
	if err := ctx.Err(); err != nil {
		return nil, outage(ctx, err)
	}
	if _, err := g.Open(); err != nil {
		return nil, err
	}
	var late []store.Effect
	g.mu.Lock()
	for _, key := range keys {
		if e, found := g.unrecorded[key]; found {
			late = append(late, e)
		}
	}
	g.mu.Unlock()
	if len(late) > 0 {
		if err := g.Record(ctx, late...); err != nil {
			return nil, err
		}
	}
	effects, err := g.reads.Do(keys)
	if err != nil {
		return nil, outage(ctx, err)
	}
	return effects, nil
}

// Held reports whether somebody has a job for key.
func (g *Guard) Held(key string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, held := g.held[key]
	return held
}

// Intend stores effects that are about to be made. Unlike with [Guard.Record], what
// cannot be stored is forgotten, and must not be made.
func (g *Guard) Intend(ctx context.Context, effects ...store.Effect) error {
	if err := ctx.Err(); err != nil {
		return outage(ctx, err)
	}
	if _, err := g.Open(); err != nil {
		return err
	}
	if _, err := g.writes.Do(effects); err != nil {
		return outage(ctx, err)
	}
	return nil
}

// Record stores effects that were made. It does not end with ctx, as they
// would be made again. What cannot be stored is remembered by g, and stored
// before the next job for its key begins or its effect is asked for.
func (g *Guard) Record(ctx context.Context, effects ...store.Effect) error {
	_, err := g.Open()
	if err == nil {
		_, err = g.writes.Do(effects)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range effects {
		if err == nil {
			delete(g.unrecorded, e.Key)
			continue
		}
		if g.unrecorded == nil {
			g.unrecorded = make(map[string]store.Effect)
		}
		g.unrecorded[e.Key] = e
	}
	if err != nil {
		return outage(context.WithoutCancel(ctx), err)
	}
	return nil
}

// Open opens the ledger if it is not open.
func (g *Guard) Open() (store.Ledger, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ledger == nil {
		ledger, err := g.Ledger()
		if err != nil {
			return nil, flows.Unavailable("ledger", err, 0)
		}
		g.ledger = ledger
		g.reads.Timeout, g.writes.Timeout = askTimeout, askTimeout
		g.reads.Ask = ledger.Effects
		g.writes.Ask = func(ctx context.Context, effects []store.Effect) ([]struct{}, error) {
			return nil, ledger.Record(ctx, effects, g.Keep)
		}
	}
	return g.ledger, nil
}

// outage marks an error of the ledger as such, since no message is to blame for
// it. An interruption of the work is none.
func outage(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if _, marked := flows.AsUnavailable(err); marked {
		return err
	}
	return flows.Unavailable("ledger", err, 0)
}
