package llmrouter

import (
	"context"
	"errors"
	"fmt"

	"catalyst/internal/llm"
	"catalyst/internal/llm/prices"
	"catalyst/internal/llm/quota"
	"catalyst/internal/news"
	"catalyst/internal/store"
)

// pass is one call, if the breaker, the limits and the budget let it through. The
// breaker is told its end even if that is a panic.
func (r *Router) pass(ctx context.Context, t *tier, q question) (_ []*news.Analysis, sent bool, fault *llm.Error) {
	price, known := r.price(t)
	if !known {
		priceUnknown.WithLabelValues(t.Model()).Inc()
		if r.quota.Limited() {
			return nil, false, r.unpriced(t)
		}
	}
	term, refusal := t.breaker.enter(ctx)
	if refusal != nil {
		return nil, false, t.named(refusal)
	}
	end := &llm.Error{Class: llm.Canceled} // no news of the provider
	defer func() { t.breaker.leave(term, end) }()
	reservation, refused := r.quota.Reserve(ctx, r.quotaAsk(t, q, price))
	if refused != nil {
		return nil, false, t.named(refused)
	}
	defer reservation.Settle(quota.Used{}) // a second time, which does nothing, or after a panic
	analyses, fault := r.ask(ctx, t, q, price, known, reservation)
	if fault == nil || !t.away() { // a model that is being loaded is no failure
		end = fault
	}
	return analyses, true, fault
}

// away reports whether the server is being seen to and cannot be asked for now.
func (t *tier) away() bool {
	tended, ok := t.Provider.(llm.Tended)
	return ok && tended.Ready() != nil
}

// unpriced refuses a call whose price nobody knows.
func (r *Router) unpriced(t *tier) *llm.Error {
	text := fmt.Sprintf("nobody knows the price of %s, so it cannot be asked under a budget: add it to the file that llm.prices names", t.Model())
	r.operator.Page(priceCause(t), text)
	return t.named(&llm.Error{Class: llm.Budget, Err: errors.New(text)})
}

// named returns a copy of fault that says who it is about.
func (t *tier) named(fault *llm.Error) *llm.Error {
	named := *fault
	named.Provider, named.Model = t.name, t.Model()
	return &named
}

// ask is one call and its answer read, with everything booked.
func (r *Router) ask(ctx context.Context, t *tier, q question, price prices.Price, known bool, reservation *quota.Reservation) ([]*news.Analysis, *llm.Error) {
	at := r.now().UTC()
	response, err := t.Complete(ctx, q.request)
	if r.deps.Answered != nil {
		r.deps.Answered(t.Provider, q.request, response, err)
	}
	var analyses []*news.Analysis
	estimated := false
	if err == nil {
		if response.TokensIn == 0 && response.TokensOut == 0 { // some servers do not say
			response.TokensIn, response.TokensOut, estimated = q.tokens, llm.EstimateTokens(response.Text), true
		}
		analyses, err = q.read(response.Text)
		if analyses != nil {
			err = nil // what of it is no use is asked about again, by itself
		}
	}
	fault := llm.AsError(err)
	cost := price.Cost(response)
	reservation.Settle(quota.Used{TokensIn: response.TokensIn, TokensOut: response.TokensOut, NanoDollars: cost})
	rates := response.Rates
	if fault != nil {
		fault = t.named(fault)
		fault.RetryAfter = min(fault.RetryAfter, fault.Class.Policy().Longest)
		rates = append(rates, fault.Rates...)
	}
	if len(rates) > 0 {
		r.quota.Learn(t.name, rates)
	}
	observe(t, response, fault, cost)
	if fault == nil {
		t.well.Do(func() { r.mended(t, known) })
	}
	r.book(t, q, response, fault, store.Call{At: at, NanoDollars: cost, Unpriced: !known, Estimated: estimated})
	for i, a := range analyses {
		if a == nil {
			continue
		}
		n := len(q.items)
		a.Provider, a.Model, a.Prompt = t.name, t.Model(), q.prompt.ID
		a.TokensIn, a.TokensOut = share(response.TokensIn, n, i), share(response.TokensOut, n, i)
		a.NanoDollars = int64(share(int(cost), n, i))
		a.Latency, a.At = response.Latency, r.now().UTC()
	}
	return analyses, fault
}

// share is what one of n gets of an amount; what does not divide goes to the first.
func share(amount, n, i int) int {
	if i == 0 {
		return amount/n + amount%n
	}
	return amount / n
}

// book enters a call into the book of costs: everything that was sent and answered,
// or may have cost something.
func (r *Router) book(t *tier, q question, response llm.Response, fault *llm.Error, call store.Call) {
	call.Key, call.Source, call.Tickers = q.items[0].Key, q.items[0].Source, tickers(q.items)
	call.Provider, call.Model, call.Prompt = t.name, t.Model(), q.prompt.ID
	call.Status = status(fault)
	call.TokensIn, call.TokensOut = response.TokensIn, response.TokensOut
	call.TokensCached, call.TokensWritten = response.TokensCached, response.TokensWritten
	call.Latency = response.Latency
	r.costs.Add(call)
}

func status(fault *llm.Error) string {
	if fault == nil {
		return "ok"
	}
	return string(fault.Class)
}
