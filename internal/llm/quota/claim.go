package quota

import (
	"strconv"
	"time"

	"catalyst/internal/llm"
	"catalyst/internal/store"
)

// A claim is what one call asks of the meters.
type claim struct {
	ask    Ask
	at     time.Time
	date   string  // of UTC, of the budgets
	window *window // of the minute's limits
	limits []limit // of each of
	meters []store.Meter
	tokens int // the index of the meter of tokens, or -1
	scopes []scope
}

// A limit says what a meter is for.
type limit struct {
	kind  kind
	what  string // tokens, of a minute
	scope scope  // of money
}

type kind int

const (
	ofDay kind = iota
	ofMoney
	ofMinute
	ofPlaces
)

const keepDays = 72 * time.Hour // counters of days, of whatever zone

func (c *claim) add(l limit, m store.Meter) {
	c.limits = append(c.limits, l)
	c.meters = append(c.meters, m)
}

// claim lists what a needs, first that which stays full for longest.
func (q *Quota) claim(g *gate, a Ask, now time.Time) *claim {
	c := &claim{
		ask: a, at: now, date: date(now.UTC()), tokens: -1,
		limits: make([]limit, 0, 6), meters: make([]store.Meter, 0, 6),
	}
	if max, limited := q.learned.limit(a, llm.RequestsDay, now); limited {
		c.add(limit{kind: ofDay}, store.Meter{Counters: []string{g.day(now, zone(a))}, Amount: 1, Limit: max, Keep: keepDays})
	}
	if !a.Limits.Free {
		c.scopes = q.purse.scopes(a, c.date)
	}
	if a.NanoDollars > 0 { // what costs nothing is asked of no budget
		for _, s := range c.scopes {
			if s.limit >= 0 {
				amount := s.share(a.NanoDollars)
				c.add(limit{kind: ofMoney, scope: s}, store.Meter{Counters: []string{s.counter}, Amount: amount, Limit: s.most(amount, a.NanoDollars), Keep: keepDays})
			}
		}
	}
	requests, requestsLimited := q.learned.limit(a, llm.RequestsMinute, now)
	tokens, tokensLimited := q.learned.limit(a, llm.TokensMinute, now)
	if requestsLimited || tokensLimited {
		c.window = g.window(now, q.span)
	}
	if requestsLimited {
		c.add(limit{kind: ofMinute}, store.Meter{Counters: c.window.requests, Amount: 1, Limit: requests, Keep: c.window.keep()})
	}
	if tokensLimited {
		c.tokens = len(c.meters)
		c.add(limit{kind: ofMinute, what: "tokens"}, store.Meter{Counters: c.window.tokens, Amount: a.tokens(), Limit: tokens, Keep: c.window.keep()})
	}
	return c
}

// tooLarge refuses a call that no wait makes room for.
func (c *claim) tooLarge() *llm.Error {
	if c.tokens < 0 {
		return nil
	}
	if m := c.meters[c.tokens]; m.Amount > m.Limit {
		return llm.Errorf(llm.Context, "the call may need %s tokens, and a minute has %s",
			strconv.FormatInt(m.Amount, 10), strconv.FormatInt(m.Limit, 10))
	}
	return nil
}

// difference is what settling adds to the meters.
func (c *claim) difference(u Used) []store.Meter {
	meters := make([]store.Meter, 0, 4)
	used, reserved := max(0, u.NanoDollars), max(0, c.ask.NanoDollars)
	for _, s := range c.scopes {
		took := s.share(reserved)
		if s.limit < 0 { // counts what was spent
			took = 0
		}
		if more := s.share(used) - took; more != 0 {
			meters = append(meters, store.Meter{Counters: []string{s.counter}, Amount: more, Limit: -1, Keep: keepDays})
		}
	}
	if c.tokens < 0 {
		return meters
	}
	m := c.meters[c.tokens]
	if more := int64(max(0, u.TokensIn)) + int64(max(0, u.TokensOut)) - m.Amount; more != 0 {
		meters = append(meters, store.Meter{Counters: m.Counters[:1], Amount: more, Limit: -1, Keep: m.Keep})
	}
	return meters
}
