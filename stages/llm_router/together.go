package llmrouter

import (
	"context"

	"catalyst/internal/news"
)

// groups divides those that are asked about together: of one prompt, for one provider, and
// at most items_per_call.
func (r *Router) groups(all []*passenger) (groups [][]*passenger) {
	type kind struct{ prompt, provider string }
	open := map[kind]int{} // the group that still takes some
	for _, p := range all {
		k := kind{p.prompt.ID, p.provider}
		i, ok := open[k]
		if !ok || len(groups[i]) == r.config.ItemsPerCall {
			i = len(groups)
			open[k] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], p)
	}
	return groups
}

// together asks once about several messages that lead flights, lands those that it brought
// something for and returns the others; all of them if the call failed.
func (r *Router) together(ctx context.Context, group []*passenger) (left []*passenger) {
	items := make([]*news.Item, len(group))
	for i, p := range group {
		items[i] = p.Item
	}
	q, err := r.question(group[0].prompt, items...)
	if err != nil {
		return group
	}
	c := r.choose(ctx, q)
	if len(c.able) == 0 {
		return group
	}
	t := c.able[0]
	q.request.MaxTokens = max(q.request.MaxTokens, t.limits.MaxTokens) // a model that thinks needs what it has
	q.request.Timeout, q.request.FirstToken = t.limits.Timeout*2, t.limits.FirstToken
	analyses, sent, fault := r.pass(ctx, t, q)
	if fault != nil {
		if sent {
			r.log.Info("llm_route", "provider", t.name, "success", false, "items", len(group), "model", t.Model(),
				"class", fault.Class, "error", fault)
		}
		return group
	}
	for i, p := range group {
		if analyses[i] == nil {
			left = append(left, p)
			continue
		}
		analyses[i].Attempts, analyses[i].Reason, analyses[i].Degraded = 1, reason(c, nil), len(c.faults()) > 0
		p.Item.Analysis = analyses[i]
		r.land(p, analyses[i])
		routed.WithLabelValues(t.name).Inc()
	}
	r.log.Info("llm_route", "provider", t.name, "success", true, "items", len(group), "model", t.Model(), "left", len(left))
	return left
}
