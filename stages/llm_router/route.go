package llmrouter

import (
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

// A question is what one call asks: about one item, or about several of one prompt.
type question struct {
	items   []*news.Item
	prompt  llm.Prompt
	request llm.Request
	tokens  int // of the request, rather too many than too few
}

// question asks about items, whose prompt it is.
func (r *Router) question(prompt llm.Prompt, items ...*news.Item) (question, error) {
	q := question{items: items, prompt: prompt}
	var err error
	if q.request, err = prompt.Request(items, r.config.MaxText); err != nil {
		return q, flows.Permanent(err)
	}
	q.tokens = q.request.Tokens()
	return q, nil
}

// read returns what an answer says of each item; nil where it says nothing of use,
// and an error that says why. Without any use it is an [*llm.Error].
func (q question) read(text string) ([]*news.Analysis, error) {
	if len(q.items) > 1 {
		return q.prompt.ParseAnswers(text, q.items)
	}
	a, err := q.prompt.ParseAnswer(text, q.items[0])
	if err != nil {
		return nil, err
	}
	return []*news.Analysis{&a}, nil
}

// route returns the analysis of item, or why it has none.
func (r *Router) route(ctx context.Context, id string, item *news.Item, prompt llm.Prompt) (*news.Analysis, error) {
	q, err := r.question(prompt, item)
	if err != nil {
		return nil, err
	}
	c := r.choose(ctx, q)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	faults := c.faults()
	if len(c.able) == 0 && len(faults) == 0 {
		r.log.Info("llm_route", "provider", "", "success", false, "id", id, "reason", c.unavailable())
		return r.unavailable(c.unavailable()), nil
	}
	asked := 0
	for i, t := range c.able {
		last := i == len(c.able)-1
		analyses, attempts, fault := r.askTier(ctx, t, q, last)
		asked += attempts
		if fault == nil {
			a := analyses[0]
			a.Attempts, a.Degraded, a.Reason = asked, len(faults) > 0, reason(c, faults)
			routed.WithLabelValues(t.name).Inc()
			r.log.Info("llm_route", "provider", t.name, "success", true, "id", id, "model", t.Model(),
				"attempts", asked, "reason", a.Reason, "latency", a.Latency)
			return a, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("ask %s: %w", t.name, ctx.Err())
		}
		if attempts > 0 { // a provider that is left alone was not asked
			r.log.Info("llm_route", "provider", t.name, "success", false, "id", id, "model", t.Model(),
				"attempts", attempts, "class", fault.Class, "error", fault)
		}
		faults = append(faults, fault)
		if !last {
			fallbacks.WithLabelValues(t.name, c.able[i+1].name, string(fault.Class)).Inc()
		}
	}
	if all(faults, llm.Budget) {
		r.log.Info("llm_route", "provider", "", "success", false, "id", id, "reason", faults[0].Err.Error())
		return r.unavailable(faults[0].Err.Error()), nil
	}
	return nil, verdict(faults, c.appearer)
}

func (r *Router) unavailable(why string) *news.Analysis {
	return &news.Analysis{Unavailable: why, At: r.now().UTC()}
}

// reason says why the provider that answered was asked.
func reason(c choice, faults []*llm.Error) string {
	if len(faults) == 0 {
		if c.by != nil && c.able[0] != c.by {
			return "instead of " + c.by.name
		}
		return c.reason
	}
	var after []string
	for _, f := range faults {
		after = append(after, f.Provider+": "+string(f.Class))
	}
	return "after " + strings.Join(after, ", ")
}

func all(faults []*llm.Error, class llm.Class) bool {
	for _, f := range faults {
		if f.Class != class {
			return false
		}
	}
	return true
}

// verdict is what becomes of an item no tier has judged. If those that could are all
// down it is no fault of the item. If one answered uselessly, another try of
// this item is all that can help, and the others need not wait for it.
func verdict(faults []*llm.Error, mayAppear bool) error {
	outage, tooLong := true, true
	var texts []string
	wait := time.Duration(1<<63 - 1)
	for _, f := range faults {
		if f.Class == llm.Budget { // no money is no outage, and will not come back soon
			texts = append(texts, f.Error())
			continue
		}
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
func (r *Router) askTier(ctx context.Context, t *tier, q question, last bool) (_ []*news.Analysis, attempts int, fault *llm.Error) {
	q.request.Timeout = t.limits.Timeout
	if !last {
		// Slow is better than nothing: there is nobody to go to from the last.
		q.request.FirstToken = t.limits.FirstToken
	}
	repaired := false
	for {
		analyses, sent, f := r.pass(ctx, t, q)
		if sent {
			attempts++
		}
		if f == nil {
			return analyses, attempts, nil
		}
		if !sent && fault != nil { // what was seen says more
			fault.RetryAfter = f.RetryAfter
			return nil, attempts, fault
		}
		fault = f
		policy := fault.Class.Policy()
		if fault.Class == llm.Overloaded && sent && !t.away() {
			r.log.Warn("llm_server_overload", "provider", t.name, "attempt", attempts, "error", fault)
		}
		wait, _ := t.breaker.state()
		fault.RetryAfter = max(fault.RetryAfter, wait)
		leftAlone := wait > 0 && policy.Open == 0 // and not only asked for some time
		switch {
		case policy.Repair && !repaired:
			repaired = true
			q.request = q.request.Repair(fault.Err)
		case policy.Retry && !leftAlone && attempts < r.config.Retries && r.pause(ctx, fault, attempts, last):
			retries.WithLabelValues(string(fault.Class)).Inc()
		default:
			return nil, attempts, fault
		}
	}
}

// pause waits before the next attempt and reports whether there is to be one. A
// server that asks for time is waited for only where no other provider is left,
// and not for longer than max_wait or than this stage has time.
func (r *Router) pause(ctx context.Context, fault *llm.Error, attempts int, last bool) bool {
	wait := r.config.RetryDelay << min(max(attempts, 1)-1, 10)
	if r.wait == nil {
		wait += time.Duration(rand.Int64N(int64(wait)/4 + 1)) // so that a crowd comes back one by one
	}
	if fault.RetryAfter > wait {
		wait = fault.RetryAfter
		if !last || wait > r.config.MaxWait {
			return false
		}
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
		return false
	}
	if r.wait != nil {
		return r.wait(ctx, wait)
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
