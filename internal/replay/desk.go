package replay

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"catalyst/flows"
	"catalyst/internal/news"
)

// A Desk is a stage that asks models which answer at once, and what it can do at a time:
// in a replay a made-up answer takes its time by the clock.
type Desk struct {
	Calls int  // at the same time with a provider that has no limit of its own; below 1 is no limit
	Batch int  // messages that one worker takes from those that have waited
	Alone bool // each message is asked about by itself
}

// A call is what a model, or a wait before it was asked again, took.
type timedCall struct {
	provider string // empty: nobody was asked
	places   int    // of the provider; below 1 is no limit
	prompt   string
	took     time.Duration
}

// A chain is calls of which each waited for the one before it.
type chain struct {
	mu    sync.Mutex
	calls []timedCall
}

type chainKey struct{}

// tookTime notes what took time, if somebody wants to know.
func tookTime(ctx context.Context, c timedCall) {
	if t, ok := ctx.Value(chainKey{}).(*chain); ok {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.calls = append(t.calls, c)
	}
}

// Waited takes the place of a wait of the time of day in a stage of a [Desk]: that is
// added to what its answer takes, and it returns at once. It returns false if ctx has ended.
func Waited(ctx context.Context, d time.Duration) bool {
	tookTime(ctx, timedCall{took: d})
	return ctx.Err() == nil
}

// A desk does at each moment of the clock what its stage could do by then. A batch waits for
// a worker; then its messages are asked about, in their order, and each call waits for
// one of its provider's places; the batch goes on when the last of its answers is there. All
// that waits, waits for the clock, which therefore knows that nothing else will happen.
type desk struct {
	flows.Stage
	Desk
	clock   *Clock
	over    <-chan struct{} // closed when nobody turns the clock any more
	tracker *Tracker
	when    flows.Condition
	timeout time.Duration // of the stage, in the time of day

	mu      sync.Mutex
	turn    *sync.Cond           // serving has changed
	idle    int                  // workers
	queue   []*queued            // batches that wait for one
	tickets uint64               // given
	serving uint64               // whose turn it is to ask: batches do so in the order of their tickets
	taken   map[string][]change  // of each provider's places, by time
	answers map[string]time.Time // when the answer about an item comes that was asked about
}

// A worker may have several batches in hand, of those that have waited.
type worker struct{ batches int }

// queued is a batch that waits for a worker.
type queued struct {
	messages int
	worker   *worker // set before ready is closed
	ticket   uint64
	ready    chan struct{}
}

// at puts a desk in the place of a stage; see [Options.Desk].
func (r *Run) at(spec flows.Spec[flows.Stage], d Desk) flows.Spec[flows.Stage] {
	knobs := spec.Knobs.OrDefault()
	build := spec.Kind.New
	spec.Kind.New = func(b *flows.Build, c any) (flows.Stage, error) {
		stage, err := build(b, c)
		if err != nil {
			return nil, err
		}
		at := &desk{
			Stage: stage, Desk: d, clock: r.Clock, over: r.over, tracker: r.tracker, when: knobs.When, timeout: knobs.Timeout,
			idle: knobs.Workers, taken: map[string][]change{}, answers: map[string]time.Time{},
		}
		at.turn = sync.NewCond(&at.mu)
		return at, nil
	}
	// Whoever waits, waits inside, where it is counted: nothing may wait before the stage.
	spec.Knobs.Workers, spec.Knobs.When, spec.Knobs.Timeout = r.inFlight, flows.Condition{}, forever
	return spec
}

const forever = 10 * 365 * 24 * time.Hour

// Start, Close and Check are the stage's, where it has them.
func (d *desk) Start(ctx context.Context) error {
	if s, ok := d.Stage.(flows.Starter); ok {
		return s.Start(ctx)
	}
	return nil
}

func (d *desk) Close() error {
	if c, ok := d.Stage.(flows.Closer); ok {
		return c.Close()
	}
	return nil
}

func (d *desk) Check(ctx context.Context) error {
	if c, ok := d.Stage.(flows.Checker); ok {
		return c.Check(ctx)
	}
	return nil
}

// Process implements [flows.Stage].
func (d *desk) Process(ctx context.Context, batch []*flows.Message) ([]*flows.Message, error) {
	var chosen, out []*flows.Message
	for _, m := range batch {
		switch yes, err := d.when.Match(m.Item); {
		case err != nil:
			m.Fail(flows.Permanent(err))
		case yes:
			chosen = append(chosen, m)
		default:
			out = append(out, m)
		}
	}
	if len(chosen) == 0 {
		return out, nil
	}
	w, ticket := d.enter(waiting(batch))
	done := d.ask(ctx, ticket, chosen)
	for _, m := range chosen {
		if !m.Settled() {
			out = append(out, m)
		}
	}
	d.leave(w, done, batch)
	return out, nil
}

// waiting counts those of batch that go on when it does; what has failed or was dropped has
// gone already.
func waiting(batch []*flows.Message) (n int) {
	for _, m := range batch {
		if m.Outcome().Fate == flows.Unsettled {
			n++
		}
	}
	return n
}

// enter waits for a worker.
func (d *desk) enter(messages int) (*worker, uint64) {
	q := &queued{messages: messages, ready: make(chan struct{})}
	d.mu.Lock()
	if d.idle > 0 {
		d.idle--
		d.hand(q, new(worker))
	} else {
		d.queue = append(d.queue, q)
		d.clock.Hold(messages)
	}
	d.mu.Unlock()
	select {
	case <-q.ready:
	case <-d.over: // what waits is asked about now, if it was not already
		d.mu.Lock()
		if q.worker == nil {
			d.queue = slices.DeleteFunc(d.queue, func(o *queued) bool { return o == q })
			d.hand(q, new(worker))
		}
		d.mu.Unlock()
	}
	return q.worker, q.ticket
}

// hand gives q to a worker. d.mu is held.
func (d *desk) hand(q *queued, w *worker) {
	w.batches++
	q.worker, q.ticket = w, d.tickets
	d.tickets++
	close(q.ready)
}

// release takes a batch from a worker, who when it was the last takes those that have waited
// longest: as many as would have come together while they waited.
func (d *desk) release(w *worker) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if w.batches--; w.batches > 0 {
		return
	}
	if len(d.queue) == 0 {
		d.idle++
		return
	}
	for messages := 0; len(d.queue) > 0; {
		q := d.queue[0]
		if messages += q.messages; messages > d.Batch && w.batches > 0 {
			return
		}
		d.queue = d.queue[1:]
		d.clock.Hold(-q.messages)
		d.hand(q, w)
	}
}

// leave waits until a batch is done, by the clock, and with it its worker.
func (d *desk) leave(w *worker, done time.Time, batch []*flows.Message) {
	wait := done.Sub(d.clock.Steady())
	if wait <= 0 {
		d.release(w)
		return
	}
	n, gone := waiting(batch), make(chan struct{})
	d.clock.AfterFunc(wait, func() {
		d.clock.Hold(-n)
		d.release(w)
		close(gone)
	})
	d.clock.Hold(n)
	select {
	case <-gone:
	case <-d.over: // what is under way is finished, and not sooner than it would have been
		for _, m := range batch {
			d.tracker.answerIn(m.ID, done)
		}
	}
}

// ask has the stage work on messages, and returns when by the clock it would have been done.
func (d *desk) ask(ctx context.Context, ticket uint64, messages []*flows.Message) time.Time {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	d.mu.Lock()
	for d.serving != ticket {
		d.turn.Wait()
	}
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.serving++
		d.turn.Broadcast()
	}()
	var chains []*chain
	work := func(some []*flows.Message) {
		c := new(chain)
		chains = append(chains, c)
		if _, err := d.Stage.Process(context.WithValue(ctx, chainKey{}, c), slices.Clone(some)); err != nil {
			for _, m := range some {
				if !m.Settled() {
					m.Fail(err)
				}
			}
		}
	}
	if !d.Alone {
		work(messages)
		return slices.MaxFunc(d.schedule(byPrompt(chains[0])), time.Time.Compare)
	}
	for i := range messages {
		work(messages[i : i+1])
	}
	ends := d.schedule(chains)
	for i, m := range messages {
		ends[i] = d.answered(m.Item, ends[i], len(chains[i].calls) > 0)
	}
	return slices.MaxFunc(ends, time.Time.Compare)
}

// answered notes when an answer comes. What shares the answer about another item has it no
// sooner than that.
func (d *desk) answered(item *news.Item, end time.Time, asked bool) time.Time {
	key := item.Key
	if a := item.Analysis; a != nil && a.Cached != nil {
		key = a.Cached.Key
	}
	now := d.clock.Steady()
	if asked {
		maps.DeleteFunc(d.answers, func(_ string, at time.Time) bool { return !at.After(now) })
		d.answers[key] = end
	} else if at := d.answers[key]; at.After(end) {
		return at
	}
	return end
}

// byPrompt divides what was asked at the same time into what was asked one after the other.
func byPrompt(all *chain) (chains []*chain) {
	calls := slices.Clone(all.calls)
	slices.SortStableFunc(calls, func(a, b timedCall) int { return cmp.Compare(a.prompt, b.prompt) })
	for i, c := range calls {
		if i == 0 || c.prompt != calls[i-1].prompt {
			chains = append(chains, new(chain))
		}
		last := chains[len(chains)-1]
		last.calls = append(last.calls, c)
	}
	if len(chains) == 0 {
		chains = append(chains, new(chain))
	}
	return chains
}

// schedule gives each call its place, those first that can begin first, and returns when
// each chain ends.
func (d *desk) schedule(chains []*chain) []time.Time {
	ends, next := make([]time.Time, len(chains)), make([]int, len(chains))
	for i := range ends {
		ends[i] = d.clock.Steady()
	}
	for {
		first := -1
		for i, c := range chains {
			if next[i] < len(c.calls) && (first < 0 || ends[i].Before(ends[first])) {
				first = i
			}
		}
		if first < 0 {
			return ends
		}
		ends[first] = d.place(chains[first].calls[next[first]], ends[first])
		next[first]++
	}
}

// A change is a place that is taken, or given back, at a time, by a call that ends at end.
type change struct {
	at, end time.Time
	by      int
}

// place gives a call that can begin at from the first time that a place is free for as long as
// it takes, and returns when it ends.
func (d *desk) place(c timedCall, from time.Time) time.Time {
	places := cmp.Or(c.places, d.Calls)
	if c.provider == "" || places < 1 {
		return from.Add(c.took)
	}
	now := d.clock.Steady()
	taken := slices.DeleteFunc(d.taken[c.provider], func(o change) bool { return !o.end.After(now) })
	busy, begin, free := 0, from, true
	for _, o := range taken {
		if free && o.at.Sub(begin) >= c.took {
			break
		}
		busy += o.by
		if was := free; !was && busy < places {
			begin = o.at
			if begin.Before(from) {
				begin = from
			}
		}
		free = busy < places
	}
	end := begin.Add(c.took)
	taken = append(taken, change{begin, end, +1}, change{end, end, -1})
	slices.SortStableFunc(taken, func(a, b change) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.by, b.by)) })
	d.taken[c.provider] = taken
	return end
}
