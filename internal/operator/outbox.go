package operator

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"catalyst/internal/metrics"
)

var notices = metrics.Counter("operator_notices_total", "Notices for the operator's channel, by what came of them: posted, failed (and tried again), refused, dropped.", "kind", "result")

const (
	outboxSize  = 100
	postTime    = 15 * time.Second
	lastPosts   = 5 * time.Second // for what is queued when the process ends
	firstWait   = time.Second
	longestWait = 5 * time.Minute
)

// An outbox posts notices one after the other, in their order, and each again until it
// is posted. It keeps outboxSize of them: the oldest heartbeats go first.
type outbox struct {
	poster Poster
	log    *slog.Logger

	mu    sync.Mutex
	queue []*entry
	wake  chan struct{}

	ctx     context.Context // ends when nothing more is to be posted
	cancel  context.CancelFunc
	closing chan struct{}
	once    sync.Once
	ended   chan struct{}
}

type entry struct {
	Notice
	due    func() bool // whether it is still to be posted; may be nil
	posted func()      // may be nil
}

func newOutbox(p Poster, log *slog.Logger) *outbox {
	b := &outbox{poster: p, log: log, wake: make(chan struct{}, 1), closing: make(chan struct{}), ended: make(chan struct{})}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	go b.run()
	return b
}

func (b *outbox) add(e *entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) >= outboxSize {
		at := b.dispensable()
		count(b.queue[at], "dropped")
		b.queue = slices.Delete(b.queue, at, at+1)
	}
	b.queue = append(b.queue, e)
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// dispensable returns what may be dropped: never the first, which is being posted.
func (b *outbox) dispensable() int {
	for _, which := range []func(*entry) bool{
		func(e *entry) bool { return e.Kind == Heartbeat },
		func(e *entry) bool { return e.Kind != Page },
	} {
		if at := slices.IndexFunc(b.queue[1:], which); at >= 0 {
			return at + 1
		}
	}
	return 1 // a page: the notes still have it
}

func count(e *entry, result string) { notices.WithLabelValues(string(e.Kind), result).Inc() }

func (b *outbox) run() {
	defer close(b.ended)
	failures := 0
	for {
		e := b.first()
		if e == nil {
			return
		}
		if e.due != nil && !e.due() {
			b.remove(e)
			continue
		}
		err := b.post(e.Notice)
		if err == nil {
			if b.remove(e); failures > 0 {
				b.log.Info("operator_channel_recovered")
			}
			failures = 0
			count(e, "posted")
			if e.posted != nil {
				e.posted()
			}
			continue
		}
		why := postError(err)
		if why.Refused {
			b.remove(e)
			count(e, "refused")
			b.log.Error("operator_notice_refused", "kind", e.Kind, "title", e.Title, "error", err)
			continue
		}
		count(e, "failed")
		if failures++; failures == 1 {
			b.log.Warn("operator_channel_unavailable", "todo", why.Todo, "error", err)
		}
		if !b.pause(max(why.Wait, backoff(failures))) {
			return
		}
	}
}

// first waits for the first notice; nil when there will be none.
func (b *outbox) first() *entry {
	for {
		b.mu.Lock()
		if len(b.queue) > 0 && b.ctx.Err() == nil {
			defer b.mu.Unlock()
			return b.queue[0]
		}
		b.mu.Unlock()
		select {
		case <-b.wake:
		case <-b.closing:
			if b.ctx.Err() != nil || b.empty() {
				return nil
			}
		}
	}
}

func (b *outbox) empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue) == 0
}

func (b *outbox) remove(e *entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = slices.DeleteFunc(b.queue, func(other *entry) bool { return other == e })
}

func (b *outbox) post(n Notice) error {
	ctx, cancel := context.WithTimeout(b.ctx, postTime)
	defer cancel()
	return b.poster.Post(ctx, n)
}

// pause waits before the next try. When the outbox begins to close it waits no longer:
// this is the last chance. It returns false when there is none left.
func (b *outbox) pause(wait time.Duration) bool {
	closing := b.closing
	select {
	case <-closing:
		closing = nil // it has been closing for a while
	default:
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-closing:
	case <-b.ctx.Done():
	}
	return b.ctx.Err() == nil
}

// backoff grows with the failures and is never twice the same.
func backoff(failures int) time.Duration {
	wait := min(firstWait<<min(failures-1, 20), longestWait)
	return wait/2 + rand.N(wait/2+1)
}

// close gives what is queued a few seconds. A second call waits for the first.
func (b *outbox) close() {
	b.once.Do(func() {
		close(b.closing)
		late := time.AfterFunc(lastPosts, b.cancel)
		<-b.ended
		late.Stop()
		b.cancel()
		for _, e := range b.queue {
			if e.Kind != Page && e.Kind != Clear { // those come again
				count(e, "dropped")
			}
		}
	})
}
