package llmrouter

import (
	"context"
	"log/slog"

	"catalyst/internal/llm"
	"catalyst/internal/metrics"
)

var (
	requests     = metrics.Counter("llm_requests_total", "Calls of models, by how they ended.", "model", "provider", "status")
	latency      = metrics.Histogram("llm_latency_seconds", "Time of a whole call of a model.", metrics.Seconds, "provider")
	firstToken   = metrics.Histogram("llm_ttft_seconds", "Time to the first token of content.", metrics.Seconds, "provider")
	tokens       = metrics.Counter("llm_tokens_total", "Tokens sent to and got from models, by direction: in, cached, written, out.", "direction")
	cost         = metrics.Counter("llm_cost_total", "What calls of models cost, in dollars.", "provider", "model")
	routed       = metrics.Counter("llm_routed_total", "Items judged, by the provider that did. The share of each is its rate over the sum.", "provider")
	fallbacks    = metrics.Counter("llm_fallbacks_total", "Items that went on to the next provider.", "from", "to", "reason")
	retries      = metrics.Counter("llm_retries_total", "Calls that were made again at the same provider.", "reason")
	shared       = metrics.Counter("llm_singleflight_shared_total", "Items that got the answer an equal one was being asked about.")
	breakerState = metrics.Gauge("llm_breaker_state", "Whether a model is asked: 0 closed (yes), 1 half open, 2 open (no).", "provider", "model")
	priceUnknown = metrics.Counter("llm_price_unknown_total", "Calls wanted from a model whose price nobody knows.", "model")
)

// observe counts one call. An error counts only the tokens that are known.
func observe(t *tier, r llm.Response, fault *llm.Error, nanoDollars int64) {
	requests.WithLabelValues(t.Model(), t.name, status(fault)).Inc()
	if r.Latency > 0 { // else it was refused before it was sent
		latency.WithLabelValues(t.name).Observe(r.Latency.Seconds())
	}
	if r.FirstToken > 0 {
		firstToken.WithLabelValues(t.name).Observe(r.FirstToken.Seconds())
	}
	tokens.WithLabelValues("in").Add(float64(r.TokensIn))
	tokens.WithLabelValues("cached").Add(float64(r.TokensCached))
	tokens.WithLabelValues("written").Add(float64(r.TokensWritten))
	tokens.WithLabelValues("out").Add(float64(r.TokensOut))
	cost.WithLabelValues(t.name, t.Model()).Add(float64(nanoDollars) / 1e9)
}

// breakerChanged tells of a breaker's changes, and the operator where somebody has to
// act. It is called with the breaker locked, so nothing in it waits.
func (r *Router) breakerChanged(t *tier) func(breakerChange) {
	breakerState.WithLabelValues(t.name, t.Model()).Set(float64(closed))
	return func(c breakerChange) {
		breakerState.WithLabelValues(t.name, t.Model()).Set(float64(c.to))
		r.memory.keep(t, c)
		switch {
		case c.to == open:
			r.log.Log(context.Background(), slog.LevelWarn, "llm_breaker", "provider", t.name, "model", t.Model(),
				"state", c.to.String(), "class", c.class, "for", c.wait, "error", c.fault)
			if c.class.Policy().Page {
				r.operator.Page(pageCause(t), c.fault.Error())
			}
		default:
			r.log.Info("llm_breaker", "provider", t.name, "model", t.Model(), "state", c.to.String())
			if c.to == closed {
				r.operator.Clear(pageCause(t))
			}
		}
	}
}

// mended tells the operator that what an earlier process told of t is over, as it is
// with a new key.
func (r *Router) mended(t *tier, priced bool) {
	r.operator.Clear(pageCause(t))
	if priced {
		r.operator.Clear(priceCause(t))
	}
}

// pageCause is what an operator is told of once, until the model answers again.
func pageCause(t *tier) string { return "llm/" + t.name + "/" + t.Model() }

func priceCause(t *tier) string { return "llm/" + t.name + "/price" }
