package quota

import (
	"sync"
	"time"

	"catalyst/internal/llm"
)

// learned is what servers said of their limits.
type learned struct {
	mu    sync.Mutex
	rates map[rateKey]*rate
}

type rateKey struct {
	provider string
	kind     llm.RateKind
}

type rate struct {
	limit int64     // negative if unknown
	heard time.Time // of it
	left  int64     // until a time
	until time.Time
}

// A limit is kept to for so long after it was last heard of: one that lets nothing through would
// otherwise never be heard of again.
const keepLearned = time.Hour

// kinds of limits, and the longest that one of each may last, whatever a server says.
var kinds = [...]struct {
	kind  llm.RateKind
	lasts time.Duration
}{{llm.RequestsDay, 25 * time.Hour}, {llm.RequestsMinute, time.Minute}, {llm.TokensMinute, time.Minute}}

func (l *learned) hear(provider string, rates []llm.Rate, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, heard := range rates {
		for _, k := range kinds {
			if heard.Kind == k.kind {
				l.note(rateKey{provider, k.kind}, heard, k.lasts, now)
			}
		}
	}
}

func (l *learned) note(key rateKey, heard llm.Rate, lasts time.Duration, now time.Time) {
	r := l.rates[key]
	if r == nil {
		if l.rates == nil {
			l.rates = make(map[rateKey]*rate)
		}
		r = &rate{limit: -1}
		l.rates[key] = r
	}
	if heard.Limit >= 0 {
		r.limit, r.heard = int64(heard.Limit), now
	}
	latest := now.Add(lasts)
	if r.until = heard.Reset; heard.Reset.IsZero() && key.kind != llm.RequestsDay || heard.Reset.After(latest) {
		r.until = latest
	}
	// What the server says last is what holds; what was asked since is taken off again by
	// the next answer.
	r.left = int64(max(0, heard.Remaining))
}

// limit is the limit of a kind for an ask, and whether there is one.
func (l *learned) limit(a Ask, kind llm.RateKind, now time.Time) (int64, bool) {
	var limit, reserve int64
	switch kind {
	case llm.RequestsDay:
		limit, reserve = int64(a.Limits.RequestsPerDay), int64(max(0, a.Limits.Reserve))
	case llm.RequestsMinute:
		limit = int64(a.Limits.RequestsPerMinute)
	case llm.TokensMinute:
		limit = int64(a.Limits.TokensPerMinute)
	}
	limited := limit > 0
	l.mu.Lock()
	r := l.rates[rateKey{a.Provider, kind}]
	if r != nil && r.limit >= 0 && now.Sub(r.heard) < keepLearned && (!limited || r.limit < limit) {
		limit, limited = r.limit, true
	}
	l.mu.Unlock()
	return max(0, limit-reserve), limited
}

// check refuses what the server would.
func (l *learned) check(a Ask, now time.Time) *llm.Error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refusal(a, now)
}

// take is check, and counts the call.
func (l *learned) take(a Ask, now time.Time) *llm.Error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if refusal := l.refusal(a, now); refusal != nil {
		return refusal
	}
	l.count(a, -1)
	return nil
}

// giveBack undoes take.
func (l *learned) giveBack(a Ask) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count(a, 1)
}

func (l *learned) refusal(a Ask, now time.Time) *llm.Error {
	for _, k := range kinds {
		r := l.rates[rateKey{a.Provider, k.kind}]
		if r == nil || !now.Before(r.until) {
			continue
		}
		left := r.left
		if k.kind == llm.RequestsDay {
			left -= int64(max(0, a.Limits.Reserve))
		}
		if left >= need(a, k.kind) {
			continue
		}
		class := llm.RateMinute
		if k.kind == llm.RequestsDay {
			class = llm.QuotaDay
		}
		e := llm.Errorf(class, "the server has %d left of %s", r.left, k.kind)
		e.RetryAfter = r.until.Sub(now)
		return e
	}
	return nil
}

func (l *learned) count(a Ask, sign int64) {
	for _, k := range kinds {
		if r := l.rates[rateKey{a.Provider, k.kind}]; r != nil {
			r.left += sign * need(a, k.kind)
		}
	}
}

func need(a Ask, kind llm.RateKind) int64 {
	if kind == llm.TokensMinute {
		return a.tokens()
	}
	return 1
}
