package quota

import (
	"context"
	"sync"
	"time"

	"catalyst/internal/llm"
	"catalyst/internal/store"
)

// A place is lost after lease unless it is renewed, so that a process that was killed
// keeps it from others for no longer.
const lease = 15 * time.Second

// places are those that this process has.
type places struct {
	mu   sync.Mutex
	held map[string]store.Meter // by holder
}

func (p *places) hold(m store.Meter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held = make(map[string]store.Meter)
	}
	p.held[m.Holder] = m
}

func (p *places) drop(holder string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.held, holder)
}

// all returns them with an amount.
func (p *places) all(amount int64) (held []store.Meter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.held {
		m.Amount = amount
		held = append(held, m)
	}
	return held
}

// watch begins, once, what is done now and then until Close.
func (q *Quota) watch() {
	q.begin.Do(func() { go q.run() })
}

func (q *Quota) run() {
	defer close(q.stopped)
	ticker := time.NewTicker(lease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-q.stop:
			q.purse.tell()
			return
		case <-q.purse.kick:
			q.purse.tell()
		case <-ticker.C:
			q.tick()
		}
	}
}

func (q *Quota) tick() {
	ctx := context.Background()
	var renew int64
	if s, ok := q.meters.(*shelter); ok && s.recover(ctx) {
		renew = 1 // what the store has lost since is taken again, for the calls are under way
	}
	if held := q.places.all(renew); len(held) > 0 {
		if err := q.meters.Add(ctx, held); err != nil {
			q.log.Error("llm_quota", "error", err)
		}
	}
	q.look(ctx)
}

// look reads what all processes used, for the level, the metrics, and the time when the
// store is away.
func (q *Quota) look(ctx context.Context) {
	var names []string
	sights := append(q.moneySights(q.now()), q.limitSights(q.now())...)
	for _, s := range sights {
		names = append(names, s.counters...)
	}
	used, err := q.meters.Used(ctx, names)
	if err != nil {
		return // only ctx has ended
	}
	for _, s := range sights {
		s.seen(sum(used[:len(s.counters)]))
		used = used[len(s.counters):]
	}
	budgetLevel.Set(float64(q.Level()))
}

// A sight is counters, and what their sum is for.
type sight struct {
	counters []string
	seen     func(used int64)
}

func (q *Quota) moneySights(now time.Time) (sights []sight) {
	today := date(now.UTC())
	names := q.purse.namesOf(today)
	remaining := func(scope, counter string, limit Dollars) {
		if limit >= 0 {
			sights = append(sights, sight{[]string{counter}, func(used int64) {
				budgetRemaining.WithLabelValues(scope).Set(float64(max(0, int64(limit)-used)) / float64(dollar))
			}})
		}
	}
	sights = append(sights, sight{[]string{names.spent}, func(used int64) { q.purse.read(used, today) }})
	remaining("day", names.reserved, q.config.Day)
	for provider, limit := range q.config.Providers {
		remaining(provider, names.providers[provider], limit)
	}
	return sights
}

func (q *Quota) limitSights(now time.Time) (sights []sight) {
	q.gates.Range(func(_, value any) bool {
		g := value.(*gate)
		a, asked := g.lastAsk()
		for _, k := range kinds {
			limit, limited := q.learned.limit(a, k.kind, now)
			if !asked || !limited {
				continue
			}
			var counters []string
			switch k.kind {
			case llm.RequestsDay:
				counters = []string{g.day(now, zone(a))}
			case llm.RequestsMinute:
				counters = g.window(now, q.span).requests
			case llm.TokensMinute:
				counters = g.window(now, q.span).tokens
			}
			sights = append(sights, sight{counters, func(used int64) {
				quotaRemaining.WithLabelValues(a.Provider, string(k.kind)).Set(float64(max(0, limit-used)))
			}})
		}
		return true
	})
	return sights
}
