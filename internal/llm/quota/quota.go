// Package quota lets a call to a model go ahead only if it keeps every limit of
// its provider and every budget: calls at the same time, requests and tokens in a
// minute, requests in a day, dollars in a day. Processes that share a
// [store.Meters] share the limits.
//
//	r, refusal := q.Reserve(ctx, ask) // at worst
//	if refusal != nil { … }
//	defer func() { r.Settle(used) }() // in fact; Used{} if nothing was charged
//
// A call takes its place in all of them or in none, by one request to the store.
// What it may cost at worst is set aside before it begins, so that calls under way
// cannot together go beyond a budget.
//
// Counting never fails a call. While the store cannot be reached, each process counts for
// itself, from the last sums it knows, and tells the store what it counted when that is
// back. A log event (llm_quota_alone) says so: for that time a limit holds for
// each process, not for all together.
package quota

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"catalyst/internal/llm"
	"catalyst/internal/store"
)

// An Ask is a call that is to be made.
type Ask struct {
	Provider string
	Model    string
	Limits   llm.Limits // where 0 or less is no limit
	Source   string     // of the item; may be empty
	Tickers  []string   // of the item
	// What the call may use at worst.
	TokensIn, TokensOut int
	NanoDollars         int64
}

// tokens counts towards the limit of a minute.
func (a Ask) tokens() int64 { return int64(max(0, a.TokensIn)) + int64(max(0, a.TokensOut)) }

// Used is what a call did use.
type Used struct {
	TokensIn, TokensOut int
	NanoDollars         int64
}

// Quota keeps the limits. It may be used concurrently.
type Quota struct {
	config  Config
	meters  store.Meters
	log     *slog.Logger
	span    time.Duration // of the limits of a minute; tests have shorter ones
	now     func() time.Time
	process string // part of every holder's name
	holders atomic.Uint64

	gates   sync.Map // of provider and model → *gate
	learned learned
	places  places
	purse   purse

	begin, end sync.Once
	stop       chan struct{}
	stopped    chan struct{}
}

// New returns the keeper of the limits that c and each [Ask] name. Nothing runs before
// Start or the first Reserve. Meters that keep counters on a server are asked
// within a second, or not; [Local] ones are always there. A nil log is none.
func New(c Config, meters store.Meters, log *slog.Logger) *Quota {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if _, local := meters.(*LocalMeters); !local {
		meters = newShelter(meters, log)
	}
	q := &Quota{
		config: c, meters: meters, log: log, span: time.Minute, now: time.Now, process: rand.Text(),
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	q.purse.init(c, log)
	return q
}

// SetClock makes minutes and days those of another time than that of day, in q and in the
// meters if they are [Local]. Call it before the first use.
func (q *Quota) SetClock(now func() time.Time) {
	q.now = now
	if l, local := q.meters.(*LocalMeters); local {
		l.now = now
	}
}

// OnLevel has f called after every change of the day's level, one at a time. Call it
// before Start. Each process notices for itself, and again after a restart.
func (q *Quota) OnLevel(f func(Change)) { q.purse.changed = f }

// Start reads what was used before, so that [Quota.Level] knows of it, and begins to renew
// the places of calls under way. It is an error only if ctx has ended.
func (q *Quota) Start(ctx context.Context) error {
	q.look(ctx)
	q.watch()
	return ctx.Err()
}

// Close ends what Start began. Reservations may still be settled. A second
// call does nothing.
func (q *Quota) Close() error {
	q.begin.Do(func() { close(q.stopped) }) // it never began
	q.end.Do(func() { close(q.stop) })
	<-q.stopped
	return nil
}

// Level is how far the day's budget is used, as far as this process knows.
func (q *Quota) Level() Level { return q.purse.current(q.now()) }

// Learn hears what a server says of its limits. It makes limits tighter, never looser than
// an Ask has them: a lower limit is kept to for an hour after it was last heard of;
// when less is left than was thought, no more than that is asked until it is reset.
func (q *Quota) Learn(provider string, rates []llm.Rate) {
	q.learned.hear(provider, rates, q.now())
}

// Reserve takes the ask's place in every limit and budget, or in none. It waits while as
// many calls are under way as may be, in this process first come first served; all
// else refuses at once. A refusal is of class
//
//   - RateMinute: RetryAfter is when there is room again
//   - QuotaDay: RetryAfter is when the provider's day ends
//   - Context: the call alone needs more tokens than any minute has
//   - Budget: the error says which; RetryAfter is when the day of UTC ends
//   - Canceled: ctx ended while waiting
//
// None of them is the provider's failure: nobody asked it.
func (q *Quota) Reserve(ctx context.Context, a Ask) (*Reservation, *llm.Error) {
	q.watch()
	g := q.gate(a)
	ticket, crowded := g.arrive(a)
	if crowded { // what is refused anyway need not wait for that
		if refusal := q.Check(ctx, a); refusal != nil {
			return nil, refusal
		}
	}
	again := false
	for {
		if err := g.enter(ctx, ticket, a.Limits.Concurrency, again); err != nil {
			q.giveBack(g.unclaimed()...)
			return nil, a.refuse(&llm.Error{Class: llm.Canceled, Err: err})
		}
		r, refusal, full := q.try(g, a)
		if !full {
			return r, refusal
		}
		again = true
	}
}

// try takes what a needs. full reports that other processes have all the places;
// then the gate is not left, for whoever tries again goes first.
func (q *Quota) try(g *gate, a Ask) (r *Reservation, refusal *llm.Error, full bool) {
	var p place
	defer func() {
		if full {
			return
		}
		if r == nil { // also in a panic
			if p.held() && !g.leaveTo(p) {
				q.giveBack(p)
			}
			q.giveBack(g.unclaimed()...)
		}
		g.tried()
		if r == nil {
			g.leave()
		}
	}()
	now := q.now()
	c := q.claim(g, a, now)
	if refusal := c.tooLarge(); refusal != nil {
		return nil, a.refuse(refusal), false
	}
	if refusal := q.learned.take(a, now); refusal != nil {
		return nil, a.refuse(refusal), false
	}
	var wanted store.Meter
	if a.Limits.Concurrency > 0 {
		if p = g.takeOver(); p.held() {
			g.tried() // nobody can be faster than who has a place
		} else {
			wanted = q.wanted(g, a)
			c.add(limit{kind: ofPlaces}, wanted)
		}
	}
	// Not the caller's context: what is taken must be known to be given back.
	taken, err := store.Taken{OK: true}, error(nil)
	if len(c.meters) > 0 {
		taken, err = q.meters.Take(context.Background(), c.meters)
	}
	switch {
	case err != nil: // meters that are away have been counted for, so this is a fault of ours
		q.log.Error("llm_quota", "error", err)
	case !taken.OK:
		q.learned.giveBack(a)
		if c.limits[taken.Full].kind == ofPlaces {
			return nil, nil, true
		}
		return nil, a.refuse(q.full(c, taken.Full, taken.Used)), false
	}
	if wanted.Holder != "" {
		p = place{meter: wanted, until: time.Now().Add(leaveFor)}
		q.places.hold(wanted)
	}
	return &Reservation{quota: q, gate: g, claim: c, place: p}, nil, false
}

func (q *Quota) add(meters []store.Meter) {
	if len(meters) == 0 {
		return
	}
	if err := q.meters.Add(context.Background(), meters); err != nil {
		q.log.Error("llm_quota", "error", err)
	}
}

// Check returns what Reserve would refuse the ask with, nil if nothing. It takes nothing
// and waits for no place.
func (q *Quota) Check(ctx context.Context, a Ask) *llm.Error {
	now := q.now()
	if refusal := q.learned.check(a, now); refusal != nil {
		return a.refuse(refusal)
	}
	c := q.claim(q.gate(a), a, now)
	if refusal := c.tooLarge(); refusal != nil {
		return a.refuse(refusal)
	}
	var names []string
	for _, m := range c.meters {
		names = append(names, m.Counters...)
	}
	if len(names) == 0 {
		return nil
	}
	used, err := q.meters.Used(ctx, names)
	if err != nil {
		return nil // as Reserve would have it
	}
	for i, m := range c.meters {
		mine := used[:len(m.Counters)]
		used = used[len(m.Counters):]
		if store.Plus(store.Plus(sum(mine), m.Amount), -m.Limit) > 0 {
			return a.refuse(q.full(c, i, mine))
		}
	}
	return nil
}

// refuse names whose call it is.
func (a Ask) refuse(e *llm.Error) *llm.Error {
	e.Provider, e.Model = a.Provider, a.Model
	return e
}

// full is the refusal of a limit that is full, given what its counters stand at.
func (q *Quota) full(c *claim, i int, used []int64) *llm.Error {
	l, m := c.limits[i], c.meters[i]
	switch l.kind {
	case ofMoney:
		q.purse.refused(l, m, c)
		return &llm.Error{
			Class: llm.Budget, RetryAfter: nextDay(c.at.UTC()).Sub(c.at),
			Err: l.scope.refusal(Dollars(sum(used)), Dollars(m.Amount), m.Limit),
		}
	case ofDay:
		return &llm.Error{
			Class: llm.QuotaDay, RetryAfter: nextDay(c.at.In(zone(c.ask))).Sub(c.at),
			Err: fmt.Errorf("%d of %d requests of the day are used", sum(used), m.Limit),
		}
	}
	return &llm.Error{
		Class: llm.RateMinute, RetryAfter: c.window.room(m, used, c.at),
		Err: fmt.Errorf("%d of %d %s of a minute are used, and %d needed", sum(used), m.Limit, cmp.Or(l.what, "requests"), m.Amount),
	}
}

func sum(used []int64) (total int64) {
	for _, n := range used {
		total = store.Plus(total, n)
	}
	return total
}

// A Reservation is a place in every limit.
type Reservation struct {
	quota   *Quota
	gate    *gate
	claim   *claim
	place   place // zero without a limit
	settled atomic.Bool
}

// Settle counts what was used in place of the worst, and lets the next call in. It must be
// called in any case; Used{} is a call that was charged nothing, though the
// request stays counted. A second call does nothing.
func (r *Reservation) Settle(u Used) {
	if r.settled.Swap(true) {
		return
	}
	defer r.gate.leave()
	meters := r.claim.difference(u)
	if r.place.held() && !r.gate.leaveTo(r.place) {
		meters = append(meters, r.quota.back(r.place))
	}
	r.quota.add(meters)
	if u.NanoDollars > 0 && !r.claim.ask.Limits.Free {
		r.quota.purse.spent(u.NanoDollars, r.claim.date)
	}
}
