package llmrouter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"catalyst/flows"
	"catalyst/internal/llm"
	"catalyst/internal/news"
)

// route gives m's item its analysis, or returns why it has none.
func (r *Router) route(ctx context.Context, m *flows.Message) error {
	able, unable := r.choose(ctx, llm.TextLen(m.Item))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if len(able) == 0 {
		m.Item.Analysis = &news.Analysis{Unavailable: unable.reason(), At: time.Now().UTC()}
		r.log.Info("llm_route", "provider", "", "success", false, "id", m.ID, "reason", unable.reason())
		return nil
	}
	request, err := llm.NewRequest(m.Item, r.config.MaxText)
	if err != nil {
		return flows.Permanent(err)
	}
	var faults []*llm.Error
	for i, t := range able {
		last := i == len(able)-1
		analysis, attempts, fault := r.askTier(ctx, t, request, last)
		if fault == nil {
			analysis.Prompt = llm.PromptID(m.Item)
			m.Item.Analysis = analysis
			r.log.Info("llm_route", "provider", t.name, "success", true, "id", m.ID, "model", t.Model(),
				"attempts", attempts, "after", len(faults), "latency", analysis.Latency)
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("ask %s: %w", t.name, ctx.Err())
		}
		if attempts > 0 { // a provider that is left alone was not asked
			r.log.Info("llm_route", "provider", t.name, "success", false, "id", m.ID, "model", t.Model(),
				"attempts", attempts, "class", fault.Class, "error", fault)
		}
		faults = append(faults, fault)
		if !last {
			fallbacks.WithLabelValues(t.name, able[i+1].name, string(fault.Class)).Inc()
		}
	}
	return verdict(faults, unable.mayAppear)
}

// unable says why tiers cannot be asked about an item.
type unable struct {
	absent    []*llm.NotConfiguredError
	tooLong   []string
	textLen   int
	mayAppear bool // a server that nobody named may be started
}

// choose divides the tiers into those that can take an item of so many characters
// and those that cannot.
func (r *Router) choose(ctx context.Context, textLen int) (able []*tier, no unable) {
	no.textLen = textLen
	for _, t := range r.tiers {
		absent := t.absent
		if prober, ok := t.Provider.(llm.Prober); ok {
			if errors.As(prober.Available(ctx), &absent) {
				no.mayAppear = true
			}
		}
		switch limit := t.limits.MaxChars; {
		case absent != nil:
			no.absent = append(no.absent, absent)
		case limit > 0 && textLen > limit:
			no.tooLong = append(no.tooLong, fmt.Sprintf("%s takes %d", t.name, limit))
		default:
			able = append(able, t)
		}
	}
	return able, no
}

// reason is what the item's reader is told.
func (u unable) reason() string {
	var set, why []string
	for _, a := range u.absent {
		why = append(why, a.Error())
		if a.Variable != "" {
			set = append(set, a.Variable)
		}
	}
	switch {
	case len(u.tooLong) > 0:
		text := fmt.Sprintf("no configured model takes a text of %d characters: %s", u.textLen, strings.Join(u.tooLong, ", "))
		if len(set) > 0 {
			text += "; set " + orList(set) + " for longer ones"
		}
		return text
	case len(set) > 0:
		return "no model is configured: set " + orList(set)
	}
	return "no model is configured: " + strings.Join(why, "; ")
}

func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// verdict is what becomes of an item no tier has judged. If all of them are down
// it is no fault of the item. If one answered uselessly, another try of
// this item is all that can help, and the others need not wait for it.
func verdict(faults []*llm.Error, mayAppear bool) error {
	outage, tooLong := true, true
	var texts []string
	wait := time.Duration(1<<63 - 1)
	for _, f := range faults {
		outage = outage && f.Class.Policy().Outage
		tooLong = tooLong && f.Class == llm.Context
		texts = append(texts, f.Error())
		wait = min(wait, f.RetryAfter)
	}
	err := errors.New(strings.Join(texts, "; "))
	switch {
	case outage:
		if mayAppear {
			wait = min(wait, time.Minute)
		}
		return flows.Unavailable("models", err, wait)
	case tooLong:
		return flows.Permanent(fmt.Errorf("too long for every model: %w", err))
	}
	return fmt.Errorf("no usable answer: %w", err)
}

// askTier asks one provider, again where the class of its failure allows it. Its
// fault says in RetryAfter when to come back, as far as that is known.
func (r *Router) askTier(ctx context.Context, t *tier, request llm.Request, last bool) (_ *news.Analysis, attempts int, fault *llm.Error) {
	request.Timeout = cmp.Or(t.limits.Timeout, r.config.Timeout)
	if !last {
		// Slow is better than nothing: there is nobody to go to from the last.
		request.FirstToken = cmp.Or(t.limits.FirstToken, r.config.FirstToken)
	}
	repaired := false
	for {
		term, refusal := t.breaker.enter()
		if refusal != nil {
			refusal.Provider, refusal.Model = t.name, t.Model()
			if fault != nil { // what was seen says more
				fault.RetryAfter = refusal.RetryAfter
				return nil, attempts, fault
			}
			return nil, attempts, refusal
		}
		attempts++
		var analysis *news.Analysis
		analysis, fault = r.pass(ctx, t, term, request)
		if fault == nil {
			return analysis, attempts, nil
		}
		policy := fault.Class.Policy()
		if fault.Class == llm.Overloaded {
			r.log.Warn("llm_server_overload", "provider", t.name, "attempt", attempts, "error", fault)
		}
		wait, _ := t.breaker.state()
		fault.RetryAfter = max(fault.RetryAfter, wait)
		leftAlone := wait > 0 && policy.Open == 0 // and not only asked for some time
		switch {
		case policy.Repair && !repaired:
			repaired = true
			request = request.Repair(fault.Err)
		case policy.Retry && !leftAlone && attempts < r.config.Retries && r.pause(ctx, fault, attempts, last):
		default:
			return nil, attempts, fault
		}
	}
}

// pause waits before the next attempt and reports whether there is to be one. A
// server that asks for time is waited for only where no other provider is left,
// and not for longer than max_wait or than this stage has time.
func (r *Router) pause(ctx context.Context, fault *llm.Error, attempts int, last bool) bool {
	wait := r.config.RetryDelay << min(attempts-1, 10)
	wait += time.Duration(rand.Int64N(int64(wait)/4 + 1)) // so that a crowd comes back one by one
	if fault.RetryAfter > wait {
		wait = fault.RetryAfter
		if !last || wait > r.config.MaxWait {
			return false
		}
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// pass is one call that the breaker has let through, and is told the end of even
// if that is a panic.
func (r *Router) pass(ctx context.Context, t *tier, term int, request llm.Request) (a *news.Analysis, fault *llm.Error) {
	fault = &llm.Error{Class: llm.Canceled}
	defer func() { t.breaker.leave(term, fault) }()
	return r.ask(ctx, t, request)
}

// ask is one call, in its turn, and its answer read.
func (r *Router) ask(ctx context.Context, t *tier, request llm.Request) (*news.Analysis, *llm.Error) {
	queueDepth.WithLabelValues().Inc()
	select {
	case r.slots <- struct{}{}:
		queueDepth.WithLabelValues().Dec()
		defer func() { <-r.slots }()
	case <-ctx.Done():
		queueDepth.WithLabelValues().Dec()
		return nil, &llm.Error{Class: llm.Canceled, Provider: t.name, Model: t.Model(), Err: ctx.Err()}
	}

	response, err := t.Complete(ctx, request)
	var analysis news.Analysis
	if err == nil {
		analysis, err = llm.ParseAnswer(response.Text)
	}
	fault := llm.AsError(err)
	observe(t, response, fault)
	if fault != nil {
		named := *fault
		named.Provider, named.Model = t.name, t.Model()
		return nil, &named
	}
	analysis.Provider, analysis.Model = t.name, t.Model()
	analysis.TokensIn, analysis.TokensOut = response.TokensIn, response.TokensOut
	analysis.Latency, analysis.At = response.Latency, time.Now().UTC()
	return &analysis, nil
}
