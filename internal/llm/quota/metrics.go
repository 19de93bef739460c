package quota

import "catalyst/internal/metrics"

var (
	queueDepth      = metrics.Gauge("llm_queue_depth", "Calls of models that wait for others to end.").WithLabelValues()
	quotaRemaining  = metrics.Gauge("llm_quota_remaining", "Requests or tokens left of a provider's limit, of all processes.", "provider", "window")
	budgetRemaining = metrics.Gauge("llm_budget_remaining_usd", "Dollars left of the day, by scope: day, or a provider.", "scope")
	budgetLevel     = metrics.Gauge("llm_budget_level", "How far the day's budget is used: 0 ok, 1 warning, 2 critical, 3 over.").WithLabelValues()
)
