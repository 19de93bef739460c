package llmrouter

import (
	"context"

	"catalyst/flows"
	"catalyst/internal/news"
)

// groups divides the messages that have no verdict yet into those that are asked about
// together: of one prompt, for one provider, and at most items_per_call.
func (r *Router) groups(batch []*flows.Message) (groups [][]*flows.Message) {
	type kind struct{ prompt, provider string }
	open := map[kind]int{} // the group that still takes some
	for _, m := range batch {
		if m.Item.Analysis.Done() {
			continue
		}
		if r.config.ItemsPerCall == 1 {
			groups = append(groups, []*flows.Message{m})
			continue
		}
		k := kind{prompt: r.prompts.Of(m.Item).ID}
		if wanted, _ := r.first(question{items: []*news.Item{m.Item}}); wanted != nil {
			k.provider = wanted.name
		}
		i, ok := open[k]
		if !ok || len(groups[i]) == r.config.ItemsPerCall {
			i = len(groups)
			open[k] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], m)
	}
	return groups
}

// together asks once about several messages and returns those it brought nothing for;
// all of them if the call failed.
func (r *Router) together(ctx context.Context, group []*flows.Message) (left []*flows.Message) {
	items := make([]*news.Item, len(group))
	for i, m := range group {
		items[i] = m.Item
	}
	q, err := r.question(r.prompts.Of(items[0]), items...)
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
	for i, m := range group {
		if analyses[i] == nil {
			left = append(left, m)
			continue
		}
		analyses[i].Attempts, analyses[i].Reason, analyses[i].Degraded = 1, reason(c, nil), len(c.faults()) > 0
		m.Item.Analysis = analyses[i]
		routed.WithLabelValues(t.name).Inc()
	}
	r.log.Info("llm_route", "provider", t.name, "success", true, "items", len(group), "model", t.Model(), "left", len(left))
	return left
}
