// Package costs keeps the book of what calls to models cost. Bookkeeping never holds up
// or fails a message: a call is put in a queue and stored later, together with others,
// for as long as it takes the store to come back; what does not fit in the queue
// meanwhile is lost, and counted.
package costs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"catalyst/internal/metrics"
	"catalyst/internal/store"
)

var lostTotal = metrics.Counter("llm_cost_bookings_lost_total",
	"Calls to models missing in the book of costs, as its store was away for too long or refused them.")

const (
	queued      = 10_000           // calls waiting, at most
	together    = 200              // calls in one batch
	every       = time.Second      // a batch that is not full waits so long
	patience    = 10 * time.Second // with the store
	leastRest   = 100 * time.Millisecond
	mostRest    = 30 * time.Second // between two tries
	suspect     = 5                // failures after which a batch may be why itself
	surely      = 10 * time.Minute // of failures, after which it is
	forgetEvery = time.Hour
	closeWithin = 5 * time.Second
)

var (
	errClosed = errors.New("the book is closed")
	errFull   = errors.New("its store is away or slow, and as many calls as fit are waiting for it")
)

// A Book stores calls and forgets old ones. It may be used concurrently.
type Book struct {
	open func() (store.Costs, error)
	keep time.Duration
	log  *slog.Logger

	queue  chan store.Call
	left   atomic.Int64 // calls taken and neither stored nor given up
	losing atomic.Bool  // since the store last took something, calls were lost

	mu     sync.RWMutex
	closed bool
	stop   chan struct{}   // closed with the book
	ctx    context.Context // ends when the time to close is over
	cancel context.CancelFunc
	done   chan struct{}

	// These are run's own.
	hurry  <-chan struct{} // stop, until it was seen
	away   bool            // the store takes nothing at the moment
	forgot time.Time
}

// New returns a Book that keeps calls for keep. It opens the store when it first has
// something for it, and again until that works. Close it.
func New(open func() (store.Costs, error), keep time.Duration, log *slog.Logger) *Book {
	b := &Book{
		open: open, keep: keep, log: log,
		queue: make(chan store.Call, queued), stop: make(chan struct{}), done: make(chan struct{}),
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.hurry = b.stop
	go b.run()
	return b
}

// Add books c at the next opportunity, under an ID of its own if it has none. It waits
// for nothing.
func (b *Book) Add(c store.Call) {
	if c.ID == "" {
		c.ID = uuid.NewString()
	}
	b.mu.RLock() // what is taken before Close is stored by it
	defer b.mu.RUnlock()
	if b.closed {
		b.lose(1, errClosed)
		return
	}
	b.left.Add(1)
	select {
	case b.queue <- clean(c):
	default:
		b.left.Add(-1)
		b.lose(1, errFull)
	}
}

// Close stores what was added before, within five seconds; its error says how many
// calls could not be. A second call returns the same.
func (b *Book) Close() error {
	b.mu.Lock()
	first := !b.closed
	b.closed = true
	b.mu.Unlock()
	if first {
		close(b.stop)
		time.AfterFunc(closeWithin, b.cancel)
	}
	select {
	case <-b.done:
	case <-b.ctx.Done():
		// Opening a store cannot be interrupted, and nobody waits for it.
	}
	b.cancel()
	n := b.left.Load()
	if n == 0 {
		return nil
	}
	if first {
		lostTotal.WithLabelValues().Add(float64(n))
	}
	return fmt.Errorf("book what calls to models cost: %d calls could not be stored within %v", n, closeWithin)
}

// lose counts calls that will not be booked, and says so once until the store works.
func (b *Book) lose(n int, why error) {
	lostTotal.WithLabelValues().Add(float64(n))
	if b.losing.CompareAndSwap(false, true) {
		b.log.Warn("cost_bookings_lost", "error", why)
	}
}

func (b *Book) run() {
	defer close(b.done)
	forget := time.NewTicker(forgetEvery)
	defer forget.Stop()
	for b.hurry != nil {
		select {
		case c := <-b.queue:
			b.write(b.gather([]store.Call{c}, time.After(every)))
			b.forget() // where the program seldom runs for an hour
		case <-forget.C:
			b.forget()
		case <-b.hurry:
			b.hurry = nil
		}
	}
	for b.ctx.Err() == nil {
		batch := b.gather(nil, nil)
		if len(batch) == 0 {
			return
		}
		b.write(batch)
	}
}

// gather fills a batch until it is full or time is over; once the book is being
// closed, with what is there.
func (b *Book) gather(batch []store.Call, over <-chan time.Time) []store.Call {
	for b.hurry != nil && len(batch) < together {
		select {
		case c := <-b.queue:
			batch = append(batch, c)
		case <-over:
			return batch
		case <-b.hurry:
			b.hurry = nil
		}
	}
	for len(batch) < together {
		select {
		case c := <-b.queue:
			batch = append(batch, c)
		default:
			return batch
		}
	}
	return batch
}

// write stores a batch, and tries until it is stored or nobody wants it any more.
func (b *Book) write(batch []store.Call) {
	began := time.Now()
	for failures := 1; ; failures++ {
		err := b.book(batch)
		if err == nil {
			return
		}
		if failures%suspect == 0 && b.answers() {
			if batch = b.singly(batch, time.Since(began) > surely); len(batch) == 0 {
				return
			}
		}
		if !b.away {
			b.log.Warn("cost_store_away", "error", err)
		}
		b.away = true
		if !b.rest(failures) {
			return
		}
	}
}

func (b *Book) book(batch []store.Call) error {
	costs, err := b.open()
	if err == nil {
		err = b.ctx.Err() // it may have taken long
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := costs.Book(ctx, batch); err != nil {
		return err
	}
	b.left.Add(-int64(len(batch)))
	b.losing.Store(false)
	if b.away {
		b.log.Info("cost_store_back")
		b.away = false
	}
	return nil
}

// answers reports whether the store works, though it does not take a batch.
func (b *Book) answers() bool {
	costs, err := b.open()
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	_, err = costs.Forget(ctx, time.Unix(0, 0), 1)
	return err == nil
}

// singly stores the calls of a batch one by one, so that one that the store refuses
// keeps no other from it. It returns those to try again: all, if the store took none,
// as it does with a full disk, unless that has gone on for so long that it is surely them.
func (b *Book) singly(batch []store.Call, surely bool) []store.Call {
	var refused []store.Call
	var why error
	for i := range batch {
		if err := b.book(batch[i : i+1]); err != nil {
			refused, why = append(refused, batch[i]), err
		}
		if b.ctx.Err() != nil {
			return append(refused, batch[i+1:]...)
		}
	}
	if len(refused) == len(batch) && !surely {
		return batch
	}
	if len(refused) > 0 {
		b.left.Add(-int64(len(refused)))
		b.lose(len(refused), fmt.Errorf("refused: %w", why))
	}
	return nil
}

// rest waits before the next try; false says that there will be none.
func (b *Book) rest(failures int) bool {
	wait := mostRest
	if failures < 10 {
		wait = min(wait, leastRest<<(failures-1))
	}
	if b.hurry == nil {
		wait = leastRest // there is not much time
	}
	select {
	case <-time.After(wait):
	case <-b.hurry:
		b.hurry = nil
	case <-b.ctx.Done():
	}
	return b.ctx.Err() == nil
}

// forget deletes old calls, in batches, an hour after it last did. What it does not
// get done is left to the next time.
func (b *Book) forget() {
	if time.Since(b.forgot) < forgetEvery || b.hurry == nil {
		return
	}
	b.forgot = time.Now()
	costs, err := b.open()
	if err != nil {
		return // it is told when there is something to book
	}
	before := time.Now().Add(-b.keep)
	for len(b.queue) < queued/2 && !b.closing() {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		n, err := costs.Forget(ctx, before, together)
		cancel()
		if err != nil {
			b.log.Warn("cost_forget_failed", "error", err)
		}
		if err != nil || n < together {
			return
		}
	}
}

func (b *Book) closing() bool {
	select {
	case <-b.stop:
		return true
	default:
		return false
	}
}

// clean makes a call one that can be added up with others, whatever a server said:
// no million dollars, and nothing below zero.
func clean(c store.Call) store.Call {
	c = c.Clean()
	for _, n := range []*int{&c.TokensIn, &c.TokensCached, &c.TokensWritten, &c.TokensOut} {
		*n = min(max(*n, 0), math.MaxInt32)
	}
	c.NanoDollars, c.Latency = min(max(c.NanoDollars, 0), 1e15), max(c.Latency, 0)
	return c
}
