package quota

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"catalyst/internal/store"
)

// Level is how far the day's budget is used.
type Level int

// The levels. From Warning and Critical on only cheap calls are made; Over, none that
// costs anything. Only what was spent counts, not what is set aside for calls under
// way; so a level holds until the day of UTC ends.
const (
	OK Level = iota
	Warning
	Critical
	Over
)

var levelNames = [...]string{"ok", "warning", "critical", "over"}

func (l Level) String() string { return levelNames[l] }

// A Change is a change of the level.
type Change struct {
	From, To Level
	// Spent and Limit are nano-dollars of the day.
	Spent, Limit int64
}

// A scope is a budget that a call counts towards.
type scope struct {
	name    string // for people
	counter string
	limit   Dollars // None only counts
	steps   *Config // of the day's budget
	// A call counts with one share of several.
	part, parts int
}

// share is the scope's part of an amount; the first has what is left over.
func (s scope) share(amount int64) int64 {
	if s.parts < 2 {
		return amount
	}
	share := amount / int64(s.parts)
	if s.part == 0 {
		share += amount % int64(s.parts)
	}
	return share
}

// most is the limit of the meter for an amount of a call that costs worst. A dear call goes
// ahead as long as its step has not been reached, though it may go beyond it.
func (s scope) most(amount, worst int64) int64 {
	limit := int64(s.limit)
	if s.steps == nil {
		return limit
	}
	for _, step := range []Step{s.steps.Warning, s.steps.Critical} {
		if Dollars(worst).beyond(step.MaxCall) {
			limit = min(limit, store.Plus(s.steps.threshold(step)-1, amount))
		}
	}
	return limit
}

// threshold is how much of the day is spent when a step begins.
func (c *Config) threshold(s Step) int64 { return int64(math.Round(s.At * float64(c.Day))) }

// refusal says why there is no more money.
func (s scope) refusal(used, amount Dollars, most int64) error {
	if most < int64(s.limit) {
		step := s.steps.Critical
		if amount.beyond(s.steps.Warning.MaxCall) && int64(used) < s.steps.threshold(step) {
			step = s.steps.Warning
		}
		return fmt.Errorf("budget of %s: %v of %v dollars are used or set aside; from %v on a call may cost %v at most, and this may cost %v",
			s.name, used, s.limit, Dollars(s.steps.threshold(step)), step.MaxCall, amount)
	}
	return fmt.Errorf("budget of %s: %v of %v dollars are used or set aside, and the call may cost %v", s.name, used, s.limit, amount)
}

// A purse knows the budgets, and what is spent of the day's.
type purse struct {
	config  Config
	log     *slog.Logger
	changed func(Change)
	kick    chan struct{} // there are changes to tell

	mu     sync.Mutex
	date   string
	total  int64 // of the date
	over   bool  // a call was refused that nothing will make room for
	level  Level
	untold []Change
	names  dayNames
}

// moneyPrefix begins the name of every counter of money.
const moneyPrefix = "usd:"

// dayNames are the counters of a date.
type dayNames struct {
	date, reserved, spent string
	providers             map[string]string
}

func (p *purse) init(c Config, log *slog.Logger) {
	p.config, p.log, p.kick = c, log, make(chan struct{}, 1)
}

func (p *purse) namesOf(date string) dayNames {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.names.date != date {
		p.names = dayNames{date: date, reserved: moneyPrefix + date + ":day", spent: moneyPrefix + date + ":spent", providers: map[string]string{}}
		for provider := range p.config.Providers {
			p.names.providers[provider] = moneyPrefix + date + ":provider:" + provider
		}
	}
	return p.names
}

// scopes lists the budgets that a call counts towards.
func (p *purse) scopes(a Ask, date string) []scope {
	c := &p.config
	names := p.namesOf(date)
	scopes := make([]scope, 0, 4)
	if c.Day >= 0 {
		scopes = append(scopes,
			scope{name: "the day", counter: names.reserved, limit: c.Day, steps: c},
			scope{counter: names.spent, limit: None})
	}
	if limit, named := c.Providers[a.Provider]; named && limit >= 0 {
		scopes = append(scopes, scope{name: "provider " + a.Provider, counter: names.providers[a.Provider], limit: limit})
	}
	if limit := either(c.Sources, a.Source, c.EachSource); a.Source != "" && limit >= 0 {
		scopes = append(scopes, scope{name: "source " + a.Source, counter: moneyPrefix + date + ":source:" + a.Source, limit: limit})
	}
	if len(c.Tickers) == 0 && c.EachTicker < 0 {
		return scopes
	}
	tickers := distinct(a.Tickers)
	for i, ticker := range tickers {
		if limit := either(c.Tickers, ticker, c.EachTicker); limit >= 0 {
			scopes = append(scopes, scope{
				name: "ticker " + ticker, counter: moneyPrefix + date + ":ticker:" + ticker, limit: limit, part: i, parts: len(tickers),
			})
		}
	}
	return scopes
}

func either(named map[string]Dollars, name string, each Dollars) Dollars {
	if limit, found := named[name]; found {
		return limit
	}
	return each
}

func distinct(words []string) []string {
	var seen []string
	for _, w := range words {
		if w != "" && !slices.Contains(seen, w) {
			seen = append(seen, w)
		}
	}
	return seen
}

// spent counts what a call cost on a date.
func (p *purse) spent(amount int64, date string) {
	p.update(date, func() { p.total = store.Plus(p.total, amount) })
}

// read learns what all processes spent on a date, which is never less than was known.
func (p *purse) read(total int64, date string) {
	p.update(date, func() { p.total = max(p.total, total) })
}

// refused notes that a budget refused a call. The day's is used up when a call is refused
// that saving would let through, and that calls under way will not make room for.
func (p *purse) refused(l limit, m store.Meter, c *claim) {
	if l.scope.steps == nil || m.Limit < int64(l.scope.limit) {
		return
	}
	p.update(c.date, func() { p.over = p.over || store.Plus(p.total, m.Amount) > m.Limit })
}

// update changes what is known of a date, unless that is over.
func (p *purse) update(date string, change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.config.Day < 0 || date < p.date {
		return
	}
	if date > p.date {
		p.date, p.total, p.over = date, 0, false
	}
	change()
	level := p.reached()
	if level == p.level {
		return
	}
	c := Change{From: p.level, To: level, Spent: p.total, Limit: int64(p.config.Day)}
	p.level = level
	p.untold = append(p.untold, c)
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

func (p *purse) reached() Level {
	switch {
	case p.over, p.total >= int64(p.config.Day):
		return Over
	case p.total >= p.config.threshold(p.config.Critical):
		return Critical
	case p.total >= p.config.threshold(p.config.Warning):
		return Warning
	}
	return OK
}

// current is the level at a time.
func (p *purse) current(now time.Time) Level {
	today := date(now.UTC())
	p.mu.Lock()
	defer p.mu.Unlock()
	if today > p.date { // of which nothing is known yet
		return OK
	}
	return p.level
}

// tell tells of the changes.
func (p *purse) tell() {
	p.mu.Lock()
	changes := p.untold
	p.untold = nil
	p.mu.Unlock()
	for _, c := range changes {
		level := slog.LevelWarn
		switch c.To {
		case OK:
			level = slog.LevelInfo
		case Over:
			level = slog.LevelError
		}
		budgetLevel.Set(float64(c.To))
		p.log.Log(context.Background(), level, "llm_budget", "level", c.To.String(), "was", c.From.String(),
			"spent", Dollars(c.Spent).String(), "limit", Dollars(c.Limit).String())
		if p.changed != nil {
			p.changed(c)
		}
	}
}
