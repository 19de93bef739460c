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
	tokens       = metrics.Counter("llm_tokens_total", "Tokens sent to and got from models, by direction: in, cached, out.", "direction")
	queueDepth   = metrics.Gauge("llm_queue_depth", "Items that wait for their turn to ask a model.")
	fallbacks    = metrics.Counter("llm_fallbacks_total", "Items that went on to the next provider.", "from", "to", "reason")
	breakerState = metrics.Gauge("llm_breaker_state", "Whether a provider is asked: 0 closed (yes), 1 half open, 2 open (no).", "provider")
)

// observe books one call. An error books only the tokens that are known.
func observe(t *tier, r llm.Response, fault *llm.Error) {
	status := "ok"
	if fault != nil {
		status = string(fault.Class)
	}
	requests.WithLabelValues(t.Model(), t.name, status).Inc()
	if r.Latency > 0 { // else it was refused before it was sent
		latency.WithLabelValues(t.name).Observe(r.Latency.Seconds())
	}
	if r.FirstToken > 0 {
		firstToken.WithLabelValues(t.name).Observe(r.FirstToken.Seconds())
	}
	tokens.WithLabelValues("in").Add(float64(r.TokensIn))
	tokens.WithLabelValues("cached").Add(float64(r.TokensCached))
	tokens.WithLabelValues("out").Add(float64(r.TokensOut))
}

// breakerChanged tells of a breaker's changes: an error where somebody has to act.
func (r *Router) breakerChanged(provider string) func(breakerChange) {
	breakerState.WithLabelValues(provider).Set(float64(closed))
	return func(c breakerChange) {
		breakerState.WithLabelValues(provider).Set(float64(c.to))
		if c.to != open {
			r.log.Info("llm_breaker", "provider", provider, "state", c.to.String())
			return
		}
		level := slog.LevelWarn
		if c.class.Policy().Page {
			level = slog.LevelError
		}
		r.log.Log(context.Background(), level, "llm_breaker", "provider", provider, "state", c.to.String(),
			"class", c.class, "for", c.wait, "error", c.fault)
	}
}
